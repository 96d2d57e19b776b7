import LinearAlgebra
import TestSupport
import Testing

import Pruning

/// Samples h (n×N) of mixed scales and targets z = T·h + noise + constant.
private struct Problem {
    var h: Matrix
    var z: Matrix
    var truth: Matrix
    var images: [Int]

    init(n: Int, q: Int, images count: Int, places: Int, noise: Double, seed: UInt64) {
        var generator = TestGenerator(seed: seed)
        let samples = count * places
        h = Matrix(rows: n, columns: samples, elements: generator.normals(n * samples))
        for j in 0..<samples { for i in 0..<n { h[i, j] = h[i, j] * Double(1 + i % 3) + 2 } }
        truth = Matrix(rows: q, columns: n, elements: generator.normals(q * n))
        z = truth.times(h)
        let errors = generator.normals(q * samples)
        for k in z.elements.indices { z.elements[k] += noise * errors[k] - 3 }
        images = (0..<samples).map { $0 / places }
    }

    var moments: FoldedMoments {
        var result = FoldedMoments(channels: h.rows, targets: z.rows)
        // In blocks, as batches arrive.
        for first in stride(from: 0, to: h.columns, by: 7) {
            let own = Array(first..<min(first + 7, h.columns))
            result.add(h.selectingColumns(own), targets: z.selectingColumns(own), images: own.map { images[$0] })
        }
        return result
    }
}

/// Mean squared error over chosen samples, by plain loops.
private func meanSquare(_ problem: Problem, _ weights: Matrix, _ offset: [Double], samples: [Int]) -> Double {
    var sum = 0.0
    for j in samples {
        for k in 0..<problem.z.rows {
            var value = problem.z[k, j] - offset[k]
            for i in 0..<problem.h.rows { value -= weights[k, i] * problem.h[i, j] }
            sum += value * value
        }
    }
    return sum / Double(samples.count)
}

@Suite struct PulledReconstructionTests {
    @Test func theSolutionIsStationary() throws {
        let problem = Problem(n: 5, q: 2, images: 20, places: 3, noise: 0.5, seed: 1)
        let prior = Matrix(rows: 2, columns: 5) { Double($0) - Double($1) }
        let strength = 0.1
        let reconstruction = PulledReconstruction(
            shares: [.init(samples: problem.moments, prior: prior, scale: [1, 1])], hasIntercept: true)
        let fit = try reconstruction.fits(strength)[0]
        let pull = problem.moments.training(without: nil, hasIntercept: true).pull
        func objective(_ weights: Matrix, _ offset: [Double]) -> Double {
            var value = meanSquare(problem, weights, offset, samples: Array(0..<problem.h.columns))
            for k in 0..<2 {
                for i in 0..<5 { value += strength * pull[i] * (weights[k, i] - prior[k, i]) * (weights[k, i] - prior[k, i]) }
            }
            return value
        }
        let least = objective(fit.weights, fit.offset)
        for k in 0..<2 {
            for i in 0..<5 {
                for step in [-1e-3, 1e-3] {
                    var moved = fit.weights
                    moved[k, i] += step
                    #expect(objective(moved, fit.offset) > least)
                }
            }
            var offset = fit.offset
            offset[k] += 1e-3
            #expect(objective(fit.weights, offset) > least)
        }
    }

    @Test(arguments: [true, false]) func heldOutErrorsAreThoseOfFitsOnTheOtherImages(hasIntercept: Bool) throws {
        let problem = Problem(n: 4, q: 3, images: 17, places: 2, noise: 1, seed: 2)
        let prior = Matrix(rows: 3, columns: 4) { _, _ in 0.5 }
        let scale = [1.0, 2, 0]
        let reconstruction = PulledReconstruction(
            shares: [.init(samples: problem.moments, prior: prior, scale: scale)], hasIntercept: hasIntercept)
        for strength in [nil, 1e-4, 1, 1e4] {
            var expected = 0.0
            for fold in 0..<FoldedMoments.foldCount {
                let (inside, outside) = (
                    problem.images.indices.filter { problem.images[$0] % 5 == fold },
                    problem.images.indices.filter { problem.images[$0] % 5 != fold }
                )
                var others = FoldedMoments(channels: 4, targets: 3)
                others.add(
                    problem.h.selectingColumns(outside), targets: problem.z.selectingColumns(outside),
                    images: outside.map { problem.images[$0] })
                let fit = try PulledReconstruction(
                    shares: [.init(samples: others, prior: prior, scale: scale)], hasIntercept: hasIntercept
                ).fits(strength)[0]
                for k in 0..<3 {
                    var one = problem
                    one.z = problem.z.selectingRows([k])
                    let error = meanSquare(one, fit.weights.selectingRows([k]), [fit.offset[k]], samples: inside)
                    expected += error * scale[k] * scale[k] * Double(inside.count) / Double(problem.h.columns)
                }
            }
            let found = try reconstruction.heldOutError(strength)
            #expect((found - expected).magnitude <= 1e-9 * expected)
        }
    }

    /// Weights that explain the targets come back, whatever the strength and however few the samples.
    @Test func exactWeightsStay() throws {
        let problem = Problem(n: 12, q: 3, images: 4, places: 1, noise: 0, seed: 3)
        let reconstruction = PulledReconstruction(
            shares: [.init(samples: problem.moments, prior: problem.truth, scale: [1, 1, 1])], hasIntercept: true)
        for strength in [nil, 1e-4, 1e4] {
            let fit = try reconstruction.fits(strength)[0]
            let largest = (fit.weights - problem.truth).elements.reduce(0) { max($0, $1.magnitude) }
            #expect(largest < 1e-9)
            #expect(fit.offset.allSatisfy { ($0 + 3).magnitude < 1e-9 })
        }
    }

    /// Noise that few samples show is not fitted; a true change that many show is, and with little pull.
    @Test func heldOutSamplesDecide() throws {
        let few = Problem(n: 30, q: 2, images: 20, places: 1, noise: 3, seed: 4)
        let trusted = try PulledReconstruction(
            shares: [.init(samples: few.moments, prior: few.truth, scale: [1, 1])], hasIntercept: true
        ).choice()
        #expect(trusted.strength.map { $0 >= 10 } ?? true)
        let many = Problem(n: 6, q: 2, images: 200, places: 1, noise: 0.1, seed: 5)
        let changed = try PulledReconstruction(
            shares: [.init(samples: many.moments, prior: Matrix(rows: 2, columns: 6), scale: [1, 1])], hasIntercept: true
        ).choice()
        #expect((changed.strength ?? 1) <= 1e-2)
        #expect(changed.heldOutError < changed.priorError / 100)
        // Constant regressors, no samples, one image: nothing to choose by.
        var dead = FoldedMoments(channels: 3, targets: 1)
        let zeros = PulledReconstruction(shares: [.init(samples: dead, prior: Matrix(rows: 1, columns: 3), scale: [1])], hasIntercept: true)
        #expect(try zeros.choice().strength == nil)
        dead.add(Matrix(rows: 3, columns: 2), targets: Matrix(rows: 1, columns: 2, elements: [1, 2]), images: [0, 0])
        let single = PulledReconstruction(
            shares: [.init(samples: dead, prior: Matrix(rows: 1, columns: 3), scale: [1])], hasIntercept: true)
        #expect(try single.choice().strength == nil)
        #expect(try single.fits(1)[0].weights.elements == [0, 0, 0])
    }

    /// Many targets are followed in random signs: what they choose is as good as the best, on all targets.
    @Test(arguments: [7, 8, 9] as [UInt64]) func manyTargetsChooseAsAllOfThemDo(seed: UInt64) throws {
        let problem = Problem(n: 20, q: 150, images: 60, places: 2, noise: 4, seed: seed)
        var prior = problem.truth
        for k in prior.elements.indices where k % 3 == 0 { prior.elements[k] *= 0.5 }
        let scale = (0..<150).map { 0.5 + Double($0 % 5) }
        let reconstruction = PulledReconstruction(
            shares: [.init(samples: problem.moments, prior: prior, scale: scale)], hasIntercept: true)
        let choice = try reconstruction.choice()
        let strength = try #require(choice.strength)
        let errors = try PulledReconstruction.strengths.map { try reconstruction.heldOutError($0) }
        let least = try #require(errors.min())
        #expect(try reconstruction.heldOutError(strength) <= 1.02 * least)
        #expect((choice.priorError - (try reconstruction.heldOutError(nil))).magnitude <= 1e-9 * choice.priorError)
        #expect((choice.heldOutError - least).magnitude <= 0.1 * least)
    }

    /// What backward elimination says a removal costs is what the refitted pulled objective rises by.
    @Test func eliminationChoosesInTheSameProblem() throws {
        let problem = Problem(n: 6, q: 3, images: 40, places: 1, noise: 0.3, seed: 6)
        let whole = problem.moments.training(without: nil, hasIntercept: true)
        let pulled = whole.pulled(towards: problem.truth, strength: 0.3)
        let elimination = try BackwardElimination(pulled, remaining: 3)
        var kept = Array(0..<6)
        func objective(_ kept: [Int]) throws -> Double {
            let fit = try pulled.fit(kept)
            return fit.errors.reduce(0, +)
        }
        var before = try objective(kept)
        for (removed, cost) in zip(elimination.order, elimination.costs) {
            kept.removeAll { $0 == removed }
            let after = try objective(kept)
            #expect((after - before - cost).magnitude < 1e-6 * after)
            before = after
        }
    }
}
