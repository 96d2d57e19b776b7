// Sequential reconstruction of convolutions: against plain loops, against itself, and end to end.

import Coresets
import Foundation
import LinearAlgebra
import NeuralNetworks
import Pruning
import TestSupport
import Testing
import RandomNumbers

private func settings(_ keep: Double, _ change: (inout PruningSettings) -> Void = { _ in }) -> PruningSettings {
    var settings = PruningSettings(recipe: .best, budget: .keep(keep), seed: 7)
    settings.refitsClassifier = false
    change(&settings)
    return settings
}

/// Largest difference relative to the largest entry.
private func distance(_ a: [Float], _ b: [Float]) -> Float {
    (zip(a, b).map { ($0 - $1).magnitude }.max() ?? 0) / max(a.map(\.magnitude).max() ?? 1, 1)
}

@Suite struct ConvolutionTests {
    static let readings: [Network.Reading] = [
        .init(), .init(hasNormalization: false, hasBias: true), .init(stride: 2), .init(padding: 0), .init(groups: 2),
        .init(stride: 2, groups: 2, hasNormalization: false, hasBias: true), .init(hasNormalization: false),
    ]

    @Test(arguments: readings.indices) func sizesMasksReplayAndThePredictedError(_ index: Int) throws {
        let network = Network.residual(Self.readings[index])
        let inputs = ActivationTensor.random([24, 2, 7, 7], seed: 2)
        let plan = try Pruner(network: network, settings: settings(0.5)).plan(calibration: inputs)
        let a = try #require(plan.groups.first { $0.name == "a" })
        #expect(a.kept.count == a.channels / 2)
        let pruned = try plan.apply(to: network)
        let (sliced, masked) = (try pruned.forward(inputs).observed[0], try plan.masked(network).forward(inputs).observed[0])
        #expect(distance(sliced.values, masked.values) <= 1e-4)
        let again = try JSONDecoder().decode(PruningPlan.self, from: JSONEncoder().encode(plan))
        #expect(try again.apply(to: network).parameters == pruned.parameters)
        #expect(try Pruner(network: network, settings: settings(0.5)).plan(calibration: inputs).replacements == plan.replacements)
        // Every place of every image was fitted (49 at most): the predicted error is the measured one.
        let report = try PruningReport(plan: plan, original: network, pruned: pruned, calibration: inputs)
        let layer = try #require(report.layers.first { $0.name == "a" })
        let (predicted, measured) = (try #require(layer.relativeErrorModel), try #require(layer.relativeErrorMeasured))
        #expect(predicted > 0 && predicted < 1)
        #expect((predicted - measured).magnitude <= 1e-3 * predicted, "\(predicted) \(measured)")
        #expect(layer.provenFactor != nil || layer.provenFactorAbsence != nil)
    }

    @Test func keepingEverythingIsTheIdentity() throws {
        let network = Network.residual()
        let inputs = ActivationTensor.random([8, 2, 7, 7], seed: 2)
        let plan = try Pruner(network: network, settings: settings(1)).plan(calibration: inputs)
        #expect(try plan.apply(to: network).parameters == network.parameters)
    }

    @Test func aDuplicatedChannelGoesWithoutATrace() throws {
        var network = Network.residual(.init(hasNormalization: false, hasBias: true))
        for name in ["a.weight", "a.bias"] {
            var values = try #require(network.parameters[name]?.values)
            let row = values.count / 8
            for c in 4..<8 { for i in 0..<row { values[c * row + i] = values[(c - 4) * row + i] } }
            network.parameters[name]?.values = values
        }
        let inputs = ActivationTensor.random([24, 2, 7, 7], seed: 2)
        for selection in [Selection.greedy, .backward] {
            let plan = try Pruner(
                network: network,
                settings: settings(1) {
                    $0.layerRatios = ["a": 0.5]
                    $0.selection = selection
                    $0.ridge = 1e-9
                }
            ).plan(calibration: inputs)
            let other = ActivationTensor.random([5, 2, 7, 7], seed: 9)
            let (before, after) = (try network.forward(other).observed[0], try plan.apply(to: network).forward(other).observed[0])
            #expect(distance(before.values, after.values) <= 1e-3, "\(selection)")
        }
    }

    @Test func syntheticImagesAreSeededAndMatchTheStatisticsBetterAtEveryStepAskedFor() throws {
        let network = try Network.residual().inferringShapes()
        var (one, two) = (SeededGenerator(seed: 3), SeededGenerator(seed: 3))
        let images = DeadLeaves.images(count: 16, shape: [2, 7, 7], using: &one)
        #expect(images == DeadLeaves.images(count: 16, shape: [2, 7, 7], using: &two))
        #expect(images.values.allSatisfy { $0 >= 0 && $0 <= 1 })
        let matched = try MatchedImages(images, network: network, low: [0, 0], high: [1, 1], using: &one)
        #expect(matched.isMoved && matched.mismatch.end < matched.mismatch.start)
        #expect(matched.images.values.allSatisfy { $0 >= 0 && $0 <= 1 })
        let plan = try Pruner(network: network, settings: settings(0.5)).plan()
        #expect(plan.inputs.description.contains("synthetic"))
        #expect(plan.layers.first { $0.name == "a" }?.relativeError != nil)
    }

    @Test(arguments: [(0.1307, 0.3081), (0.5, 0.2887), (0.286, 0.353), (0.0, 1.0), (0.3, 0.6)])
    func pixelFieldsHaveTheDeclaredMomentsAndCorrelation(_ mean: Double, _ deviation: Double) throws {
        let field = PixelField(
            shape: [2, 9, 11], mean: [mean, mean], deviation: [deviation, deviation], correlation: 0.6, shift: [0.1, 0], scale: [2, 1])
        var generator = SeededGenerator(seed: 5)
        let latent = field.draw(count: 2000, using: &generator)
        for (p, q, expected) in [(0, 1, 0.6), (0, 11, 0.6), (3, 102, 0.6), (12, 24, 0.36), (0, 98, 0), (5, 5, 1)] {
            #expect(abs(correlation(latent, p, q) - expected) <= 0.1)
        }
        let images = field.images(latent)
        #expect(images.shape == [2000, 2, 9, 11])
        for channel in 0..<2 {
            var values: [Double] = []
            for image in 0..<2000 {
                let start = image * 198 + channel * 99
                for x in images.values[start..<start + 99] { values.append(channel == 0 ? 2 * Double(x) + 0.1 : Double(x)) }
            }
            let count = Double(values.count)
            let m = values.reduce(0.0, +) / count
            let v = values.reduce(0.0) { (sum: Double, x: Double) in sum + (x - m) * (x - m) } / count
            let tolerance = 0.02 * max(1, deviation)
            #expect(abs(m - mean) <= tolerance)
            #expect(abs(v.squareRoot() - deviation) <= tolerance)
            if deviation * deviation <= mean * (1 - mean) { #expect(values.allSatisfy { $0 >= -1e-6 && $0 <= 1 + 1e-6 }) }
        }
    }

    @Test func theCovarianceOfAPixelFieldIsTheOneOfPlainLoopsItsDerivativeTheDifferenceQuotient() {
        let shape = [2, 3, 4]
        let field = PixelField(shape: shape, mean: [0.3, 5], deviation: [0.2, 2], correlation: 0.7, shift: [0, 1], scale: [1, 3])
        var generator = TestGenerator(seed: 8)
        let v = generator.normals(24).map(Float.init)
        func place(_ p: Int) -> [Int] { [p / 12, p / 4 % 3, p % 4] }
        let found = field.covariance(times: v + v)
        for p in 0..<24 {
            var expected = 0.0
            for q in 0..<24 {
                var distance = 0
                for (one, other) in zip(place(p), place(q)) { distance += abs(one - other) }
                expected += pow(0.7, Double(distance)) * Double(v[q])
            }
            #expect(abs(Double(found[p]) - expected) <= 1e-4 && found[p + 24] == found[p])
        }
        let (up, down) = (field.images(v.map { $0 + 0.01 }), field.images(v.map { $0 - 0.01 }))
        for (i, slope) in field.derivative(v).enumerated() {
            let quotient: Float = (up.values[i] - down.values[i]) / 0.02
            #expect(abs(quotient - slope) <= 1e-3)
        }
    }

    @Test func withoutBatchNormalizationImagesHaveDeclaredStatisticsAndClimbTowardsClasses() throws {
        let network = try Network.residual(.init(hasNormalization: false, hasBias: true)).inferringShapes()
        let field = PixelField(
            shape: [2, 7, 7], mean: [0.2, 0.2], deviation: [0.3, 0.3], correlation: 0.8, shift: [0, 0], scale: [1, 1])
        var (one, two) = (SeededGenerator(seed: 4), SeededGenerator(seed: 4))
        let plain = field.images(field.draw(count: 32, using: &one))
        let classes = try network.forward(plain).observed[0].sampleSize
        let climbed = try AscendedImages(network, field: field, count: 32, classCount: classes, using: &two).images
        func logProbability(_ images: ActivationTensor) throws -> Double {
            let z = try network.forward(images).observed[0].values.map(Double.init)
            var sum = 0.0
            for s in 0..<32 {
                let row = Array(z[s * classes..<(s + 1) * classes])
                var total = 0.0
                for value in row { total += exp(value) }
                sum += row[s % classes] - log(total)
            }
            return sum
        }
        #expect(try logProbability(climbed) > logProbability(plain) + 1)
        #expect(climbed.values.allSatisfy { $0 >= 0 && $0 <= 1 })
        var settings = PruningSettings(budget: .keep(0.5), seed: 7)
        #expect(try Pruner(network: network, settings: settings).plan().warnings.contains(.assumedPrior))
        settings.inputPrior = InputPrior(mean: [0.2], deviation: [0.3])
        let plan = try Pruner(network: network, settings: settings).plan()
        #expect(plan.inputs.description.contains("class-ascended images of mean 0.2, deviation 0.3"))
        #expect(try plan.groups == Pruner(network: network, settings: settings).plan().groups)
        settings.inputPrior = InputPrior(mean: [0.2, 0.1, 0.3], deviation: [0.3])
        #expect(throws: PruningError.self) { try Pruner(network: network, settings: settings).plan() }
    }

    /// Correlation of two pixels of 2×9×11 images.
    private func correlation(_ values: [Float], _ p: Int, _ q: Int) -> Double {
        let pairs = stride(from: 0, to: values.count, by: 198).map { (Double(values[$0 + p]), Double(values[$0 + q])) }
        var sum = 0.0
        for (a, b) in pairs { sum += a * b }
        return sum / Double(pairs.count)
    }
}

@Suite struct BlockSelectionTests {
    /// A random problem: 5 channels of 3 regressors, 4 targets.
    private static func problem(seed: UInt64, ridge: Double = 1e-6) -> Reconstruction {
        var generator = TestGenerator(seed: seed)
        var accumulator = MomentAccumulator(channels: 15, targets: 4)
        let h = Matrix(rows: 15, columns: 200, elements: generator.normals(3000))
        let mix = Matrix(rows: 4, columns: 15, elements: generator.normals(60))
        accumulator.add(h, targets: mix.times(h) + 0.3 * Matrix(rows: 4, columns: 200, elements: generator.normals(800)))
        return accumulator.reconstruction(relativeRidge: ridge, hasIntercept: true)
    }

    /// Relative error left by the refit on some channels.
    private static func error(_ problem: Reconstruction, _ kept: [Int]) throws -> Double {
        let fit = try problem.fit(kept.flatMap { $0 * 3..<$0 * 3 + 3 })
        return fit.errors.reduce(0, +) / problem.targetEnergy
    }

    @Test(arguments: [1, 2, 3] as [UInt64]) func eachStepIsTheBestOneByBruteForceAndItsChangeIsExact(_ seed: UInt64) throws {
        let problem = Self.problem(seed: seed)
        let forward = try BlockSelection.forward([.init(problem, taps: 3)], count: 5)
        var kept: [Int] = []
        var left = 1.0
        for (k, channel) in forward.order.enumerated() {
            let best = try (0..<5).filter { !kept.contains($0) }.map { try Self.error(problem, kept + [$0]) }.min() ?? 0
            kept.append(channel)
            let error = try Self.error(problem, kept)
            // The ridge of 1e-6 separates objective and error.
            #expect((error - best).magnitude <= 1e-5)
            #expect((left - forward.changes[k] - error).magnitude <= 1e-4)
            left = error
        }
        let backward = try BlockSelection.backward([.init(problem, taps: 3)], remaining: 1)
        var stay = Array(0..<5)
        for (k, channel) in backward.order.enumerated() {
            let before = try Self.error(problem, stay)
            let best = try stay.map { gone in try Self.error(problem, stay.filter { $0 != gone }) }.min() ?? 0
            stay.removeAll { $0 == channel }
            let error = try Self.error(problem, stay)
            #expect((error - best).magnitude <= 1e-5)
            #expect((before + backward.changes[k] - error).magnitude <= 1e-4)
        }
    }

    /// More columns than wait at a time, blocks of several sizes, and regressors of no channel.
    @Test(arguments: [true, false]) func changesStayExactOverManySteps(_ isForward: Bool) throws {
        var generator = TestGenerator(seed: 9)
        let (channels, q, samples) = (70, 5, 900)
        var blocks: [Range<Int>] = []
        for c in 0..<channels {
            let first = blocks.last?.upperBound ?? 2
            blocks.append(first..<first + 1 + c % 4)
        }
        let n = blocks[channels - 1].upperBound
        var accumulator = MomentAccumulator(channels: n, targets: q)
        let h = Matrix(rows: n, columns: samples, elements: generator.normals(n * samples))
        let mix = Matrix(rows: q, columns: n, elements: generator.normals(q * n))
        accumulator.add(h, targets: mix.times(h) + Matrix(rows: q, columns: samples, elements: generator.normals(q * samples)))
        let problem = accumulator.reconstruction(relativeRidge: 1e-9, hasIntercept: true)
        let given = BlockSelection.Problem(problem, blocks: blocks)
        let path = isForward ? try BlockSelection.forward([given], count: 60) : try BlockSelection.backward([given], remaining: 6)
        #expect(Set(path.order).count == path.order.count)
        func error(_ kept: [Int]) throws -> Double {
            let fit = try problem.fit([0, 1] + kept.sorted().flatMap { Array(blocks[$0]) })
            return fit.errors.reduce(0, +) / problem.targetEnergy
        }
        for steps in [1, 20, 45, path.order.count] {
            let taken = Array(path.order.prefix(steps))
            let left = isForward ? taken : (0..<channels).filter { !taken.contains($0) }
            let sum = path.changes.prefix(steps).reduce(0, +)
            let expected = isForward ? try error([]) - error(left) : try error(left) - error(Array(0..<channels))
            #expect((sum - expected).magnitude <= 1e-7)
        }
    }

    @Test func theFitIsTheOneOfPlainLoops() throws {
        let problem = Self.problem(seed: 4, ridge: 0.01)
        let kept = Array(3..<12)
        let prior = Matrix(rows: 4, columns: 9) { i, j in 0.1 * Double(i - j) }
        let fit = try problem.fit(kept, prior: prior)
        // Stationarity of ‖z − V'h‖² + λ‖V' − V₀‖²: V'(C + λI) = Aᵀ + λV₀, summed by hand.
        for o in 0..<4 {
            for (j, column) in kept.enumerated() {
                var left = problem.ridge * fit.weights[o, j]
                for (i, row) in kept.enumerated() { left += fit.weights[o, i] * problem.channels.covariance[row, column] }
                let right = problem.cross[column, o] + problem.ridge * prior[o, j]
                #expect((left - right).magnitude <= 1e-12)
            }
        }
    }
}
