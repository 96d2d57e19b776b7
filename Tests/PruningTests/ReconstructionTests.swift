// The refit, forward selection and backward elimination against plain loops and exhaustive search.

import LinearAlgebra
import Pruning
import TestSupport
import Testing

/// Samples of correlated channels and a consumer.
struct ToyLayer {
    var samples: Matrix
    var outgoing: Matrix
    var moments: ActivationMoments

    init(channels n: Int, outputs q: Int, seed: UInt64, samples count: Int = 400, factors: Int = 3, noise: Double = 0.2) {
        var generator = TestGenerator(seed: seed)
        let loadings = Matrix(rows: n, columns: factors) { _, _ in generator.normal() }
        let hidden = Matrix(rows: factors, columns: count) { _, _ in generator.normal() }
        let free = Matrix(rows: n, columns: count) { _, _ in noise * generator.normal() + 0.7 }
        samples = loadings.times(hidden) + free
        outgoing = Matrix(rows: q, columns: n) { _, _ in generator.normal() }
        var accumulator = MomentAccumulator(channels: n)
        accumulator.add(samples)
        moments = accumulator.moments
    }

    /// Mean squared error of V·h against V'·h_S + e' over the samples, divided by the spread of V·h, by plain loops.
    func relativeError(_ fit: Reconstruction.Fit, kept: [Int]) -> Double {
        let (n, q, count) = (samples.rows, outgoing.rows, samples.columns)
        var (error, spread) = (0.0, 0.0)
        for k in 0..<q {
            var z: [Double] = []
            var approximation: [Double] = []
            for s in 0..<count {
                var (exact, fitted) = (0.0, fit.offset[k])
                for i in 0..<n { exact += outgoing[k, i] * samples[i, s] }
                for (j, i) in kept.enumerated() { fitted += fit.weights[k, j] * samples[i, s] }
                z.append(exact)
                approximation.append(fitted)
            }
            let mean = z.reduce(0, +) / Double(count)
            for s in 0..<count {
                error += (z[s] - approximation[s]) * (z[s] - approximation[s])
                spread += (z[s] - mean) * (z[s] - mean)
            }
        }
        return error / spread
    }
}

@Suite struct ReconstructionTests {
    @Test(arguments: [(1, 1), (2, 3), (8, 2), (17, 30)])
    func thePredictedErrorIsTheErrorOnTheSamples(_ size: (Int, Int)) throws {
        let layer = ToyLayer(channels: size.0, outputs: size.1, seed: 1)
        for ridge in [0.0, 1e-3, 0.3] {
            let problem = Reconstruction(moments: layer.moments, outgoing: layer.outgoing, relativeRidge: ridge, hasIntercept: true)
            let kept = (0..<size.0).filter { $0 % 2 == 0 }
            let fit = try problem.fit(kept)
            let predicted = try #require(fit.relativeError)
            #expect((predicted - layer.relativeError(fit, kept: kept)).magnitude <= 1e-10)
        }
    }

    @Test func keepingEverythingWithoutARidgeChangesNothing() throws {
        let layer = ToyLayer(channels: 8, outputs: 5, seed: 2)
        let problem = Reconstruction(moments: layer.moments, outgoing: layer.outgoing, relativeRidge: 0, hasIntercept: true)
        let fit = try problem.fit(Array(0..<8))
        #expect((fit.weights - layer.outgoing).maximumMagnitude <= 1e-9)
        #expect(fit.offset.allSatisfy { $0.magnitude <= 1e-9 })
    }

    @Test func noPerturbationOfTheFitDoesBetter() throws {
        let layer = ToyLayer(channels: 9, outputs: 4, seed: 3)
        let problem = Reconstruction(moments: layer.moments, outgoing: layer.outgoing, relativeRidge: 0, hasIntercept: true)
        let kept = [0, 3, 4, 8]
        let fit = try problem.fit(kept)
        let best = layer.relativeError(fit, kept: kept)
        for k in 0..<4 {
            for j in 0..<4 {
                for step in [-1e-3, 1e-3] {
                    var other = fit
                    other.weights[k, j] += step
                    #expect(layer.relativeError(other, kept: kept) > best)
                }
            }
            var shifted = fit
            shifted.offset[k] += 1e-3
            #expect(layer.relativeError(shifted, kept: kept) > best)
        }
    }

    @Test func withoutAnInterceptTheOffsetIsZeroAndTheRawErrorIsLeast() throws {
        let layer = ToyLayer(channels: 6, outputs: 3, seed: 4)
        let problem = Reconstruction(moments: layer.moments, outgoing: layer.outgoing, relativeRidge: 0, hasIntercept: false)
        let kept = [1, 2, 5]
        let fit = try problem.fit(kept)
        #expect(fit.offset.allSatisfy { $0.magnitude <= 1e-12 })
        let best = layer.relativeError(fit, kept: kept)
        for k in 0..<3 {
            for j in 0..<3 {
                for step in [-1e-3, 1e-3] {
                    var other = fit
                    other.weights[k, j] += step
                    #expect(layer.relativeError(other, kept: kept) > best)
                }
            }
        }
    }

    @Test func duplicateAndDeadChannelsAreReconstructedExactlyWithoutARidge() throws {
        var layer = ToyLayer(channels: 6, outputs: 3, seed: 5)
        for s in 0..<layer.samples.columns {
            layer.samples[4, s] = layer.samples[1, s]
            layer.samples[5, s] = 2.5
        }
        var accumulator = MomentAccumulator(channels: 6)
        accumulator.add(layer.samples)
        layer.moments = accumulator.moments
        let problem = Reconstruction(moments: layer.moments, outgoing: layer.outgoing, relativeRidge: 0, hasIntercept: true)
        #expect(layer.relativeError(try problem.fit([0, 1, 2, 3]), kept: [0, 1, 2, 3]) <= 1e-12)
        // A kept set with the duplicate and the dead channel in it is singular, and still fits.
        let all = try problem.fit([0, 1, 2, 3, 4, 5])
        #expect(layer.relativeError(all, kept: [0, 1, 2, 3, 4, 5]) <= 1e-12)
        let selection = ForwardSelection(problem, count: 6)
        #expect(Set(selection.order.suffix(2)).isSubset(of: [1, 4, 5]))
        #expect(selection.order.sorted() == Array(0..<6))
        let elimination = try BackwardElimination(problem, remaining: 0)
        #expect(Set(elimination.order.prefix(2)).isSubset(of: [1, 4, 5]))
    }

    @Test(arguments: [0.0, 0.05])
    func everyGreedyGainIsTheExactDropOfTheObjectiveAndTheLargestOne(_ ridge: Double) throws {
        let layer = ToyLayer(channels: 9, outputs: 4, seed: 6)
        let problem = Reconstruction(moments: layer.moments, outgoing: layer.outgoing, relativeRidge: ridge, hasIntercept: true)
        let selection = ForwardSelection(problem, count: 9)
        var objective = problem.targetEnergy
        for k in 0..<9 {
            let chosen = Array(selection.order[0..<k])
            let after = try problem.objective(chosen + [selection.order[k]])
            #expect((objective - after - selection.gains[k]).magnitude <= 1e-10 * problem.targetEnergy)
            for other in 0..<9 where !chosen.contains(other) {
                #expect(try problem.objective(chosen + [other]) >= after - 1e-10 * problem.targetEnergy)
            }
            objective = after
        }
        let errors = selection.relativeErrors(energy: problem.targetEnergy)
        #expect(errors.count == 10 && errors[0] == 1)
        #expect((errors[9] * problem.targetEnergy - objective).magnitude <= 1e-10 * problem.targetEnergy)
    }

    @Test(arguments: [1e-9, 0.05])
    func everyEliminationCostIsTheExactRiseOfTheObjectiveAndTheLeastOne(_ ridge: Double) throws {
        let layer = ToyLayer(channels: 9, outputs: 4, seed: 7)
        let problem = Reconstruction(moments: layer.moments, outgoing: layer.outgoing, relativeRidge: ridge, hasIntercept: true)
        let elimination = try BackwardElimination(problem, remaining: 0)
        var open = Array(0..<9)
        var objective = try problem.objective(open)
        for (removed, cost) in zip(elimination.order, elimination.costs) {
            let after = try problem.objective(open.filter { $0 != removed })
            #expect((after - objective - cost).magnitude <= 1e-8 * problem.targetEnergy)
            for other in open { #expect(try problem.objective(open.filter { $0 != other }) >= after - 1e-8 * problem.targetEnergy) }
            open.removeAll { $0 == removed }
            objective = after
        }
        #expect(open.isEmpty)
    }

    @Test func aForcedOrderAndPreferredCandidatesAreObeyed() {
        let layer = ToyLayer(channels: 7, outputs: 2, seed: 8)
        let problem = Reconstruction(moments: layer.moments, outgoing: layer.outgoing, relativeRidge: 1e-3, hasIntercept: true)
        #expect(ForwardSelection(problem, count: 4, forcedOrder: [6, 0, 3, 1, 2, 4, 5]).order == [6, 0, 3, 1])
        #expect(Set(ForwardSelection(problem, count: 5, candidates: [2, 4, 5]).order.prefix(3)) == [2, 4, 5])
    }

    @Test func streamedMomentsDoNotDependOnTheBlocksNorOnALargeOffset() {
        let layer = ToyLayer(channels: 5, outputs: 3, seed: 9)
        var shifted = layer.samples
        for k in shifted.elements.indices { shifted.elements[k] += 1e6 }
        let targets = layer.outgoing.times(layer.samples)
        var whole = MomentAccumulator(channels: 5, targets: 3)
        whole.add(layer.samples, targets: targets)
        var parts = MomentAccumulator(channels: 5, targets: 3)
        for range in [0..<1, 1..<130, 130..<400] {
            parts.add(shifted.selectingColumns(range), targets: targets.selectingColumns(range))
        }
        // Inputs of size 1e6 carry an absolute rounding error of 1e6·ulp.
        let tolerance = 1e-8
        #expect((whole.moments.covariance - parts.moments.covariance).maximumMagnitude <= tolerance)
        #expect((whole.crossCovariance - parts.crossCovariance).maximumMagnitude <= tolerance)
        for k in 0..<3 { #expect((whole.targetEnergies[k] - parts.targetEnergies[k]).magnitude <= tolerance) }
        for i in 0..<5 { #expect((parts.moments.mean[i] - 1e6 - whole.moments.mean[i]).magnitude <= tolerance) }
    }
}

extension Reconstruction {
    /// min over V', e' of E‖z − V'h_S − e'‖² + λ‖V'‖², from the solved fit.
    func objective(_ kept: [Int]) throws -> Double {
        guard !kept.isEmpty else { return targetEnergy }
        let fit = try fit(kept)
        let size = fit.weights.elements.reduce(0) { $0 + $1 * $1 }
        return (fit.relativeError ?? 0) * targetEnergy + ridge * size
    }
}
