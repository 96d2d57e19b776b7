// The joint refit of dense layers, and mixtures of inputs.

import Coresets
import Foundation
import NeuralNetworks
import Pruning
import TestSupport
import Testing
import RandomNumbers

@Suite struct DenseTailRefitTests {
    private static func stages(_ sizes: [Int], _ activation: Activation, seed: UInt64) -> [DenseChain.Stage] {
        var generator = TestGenerator(seed: seed)
        return zip(sizes, sizes.dropFirst()).enumerated().map { k, size in
            DenseChain.Stage(
                weight: generator.normals(size.0 * size.1).map { Float($0 / Double(size.0).squareRoot()) },
                bias: generator.normals(size.1).map { Float(0.2 * $0) }, inputs: size.0, outputs: size.1,
                activation: k + 2 < sizes.count ? activation : .identity, parameter: "\(k)")
        }
    }

    @Test(arguments: [Activation.relu, .tanh, .silu]) func theGradientIsThatOfTheObjective(_ activation: Activation) {
        var generator = TestGenerator(seed: 2)
        let stages = Self.stages([5, 4, 6, 3], activation, seed: 3)
        var refit = DenseTailRefit(
            stages, features: generator.normals(5 * 400).map { Float($0) }, targets: generator.normals(3 * 400).map { Float($0) },
            isJoint: false)
        let start = refit.parameters
        let gradient = refit.objective().gradient
        #expect(gradient.count == start.count)
        for k in stride(from: 0, to: start.count, by: 3) {
            var (point, values) = (start, [Double]())
            for step in [-2e-3, 2e-3] {
                point[k] = start[k] + step
                refit.parameters = point
                values.append(refit.objective().value)
            }
            #expect(((values[1] - values[0]) / 4e-3 - gradient[k]).magnitude < 6e-3, "\(k)")
        }
    }

    @Test func layersTogetherAreAtLeastAsCloseAsOneByOne() {
        var generator = TestGenerator(seed: 6)
        let features = generator.normals(8 * 300).map { Float($0) }
        let whole = DenseTailRefit(
            Self.stages([8, 12, 5], .relu, seed: 1), features: features, targets: [Float](repeating: 0, count: 1500), isJoint: false)
        let targets = whole.preactivations[1]
        let start = Self.stages([8, 6, 5], .relu, seed: 4)
        let before = DenseTailRefit(start, features: features, targets: targets, isJoint: false)
        let after = DenseTailRefit(start, features: features, targets: targets, isJoint: true)
        #expect(before.stages.map(\.weight) == start.map(\.weight))
        #expect(after.objective().value < 0.5 * before.objective().value)
        // What solves the problem already stays.
        let solved = DenseTailRefit(whole.stages, features: features, targets: targets, isJoint: true)
        #expect(solved.objective().value < 1e-9)
    }

    /// Most steps see a part of the samples, whatever their order.
    @Test func theOrderOfTheSamplesDoesNotMatter() {
        var generator = TestGenerator(seed: 8)
        let kinds = (0..<4).map { _ in generator.normals(8).map { 2 * $0 } }
        let samples = (0..<1200).map { k in zip(kinds[k * 4 / 1200], generator.normals(8)).map { Float($0 + $1) } }
        func value(_ order: [Int]) -> Double {
            let features = order.flatMap { samples[$0] }
            let whole = DenseTailRefit(
                Self.stages([8, 20, 4], .relu, seed: 1), features: features, targets: [Float](repeating: 0, count: 4800), isJoint: false)
            let start = Self.stages([8, 5, 4], .relu, seed: 4)
            return DenseTailRefit(start, features: features, targets: whole.preactivations[1], isJoint: true).objective().value
        }
        let sorted = value(Array(0..<1200))
        let inTurn = value((0..<1200).map { $0 % 4 * 300 + $0 / 4 })
        #expect(sorted < 1.05 * inTurn && inTurn < 1.05 * sorted, "\(sorted) \(inTurn)")
    }

    @Test(arguments: [false, true]) func neuronsStayWhatTheyWereAndTheReportKnowsTheNewErrors(_ isNormalized: Bool) throws {
        let network = Network.perceptron([6, 16, 12, 4], isNormalized: isNormalized)
        let images = ActivationTensor.random([200, 6], seed: 5)
        var settings = PruningSettings(recipe: .best, budget: .keep(0.5), seed: 1)
        settings.sampleCount = 184
        let plan = try Pruner(network: network, settings: settings).plan(calibration: images)
        settings.refitsClassifier = false
        let layered = try Pruner(network: network, settings: settings).plan(calibration: images)
        #expect(plan.groups == layered.groups)
        let (together, apart) = (try plan.apply(to: network), try layered.apply(to: network))
        // Weights and biases of two layers have moved.
        let moved = together.parameters.filter { $0.value != apart.parameters[$0.key] }.keys.sorted()
        #expect(moved.count == 4 && moved.allSatisfy { !$0.contains("1") }, "\(moved)")
        func divergence(_ smaller: Network) throws -> Float {
            let (z, y) = (try network.forward(images).observed[0], try smaller.forward(images).observed[0])
            var sum: Float = 0
            for (p, q) in zip(Self.softmax(z), Self.softmax(y)) { sum += p * log(p / q) }
            return sum
        }
        #expect(try divergence(together) < divergence(apart))
        // The last 16 are held out of the fit.
        let report = try PruningReport(plan: plan, original: network, pruned: together, calibration: images.samples(0..<184))
        for layer in report.layers {
            let (predicted, measured) = (try #require(layer.relativeErrorModel), try #require(layer.relativeErrorMeasured))
            #expect((predicted - measured).magnitude <= 1e-2 * predicted, "\(layer.name) \(predicted) \(measured)")
        }
    }

    private static func softmax(_ logits: ActivationTensor) -> [Float] {
        stride(from: 0, to: logits.values.count, by: logits.sampleSize).flatMap { first -> [Float] in
            let terms = logits.values[first..<first + logits.sampleSize].map { exp($0) }
            let sum = terms.reduce(0, +)
            return terms.map { $0 / sum }
        }
    }

    // MARK: Mixtures

    @Test func mixturesLieBetweenTwoOfTheGivenInputs() {
        var generator = SeededGenerator(seed: 3)
        let own = ActivationTensor.random([5, 3], seed: 9)
        let mixed = own.mixed(upTo: 60, using: &generator)
        #expect(mixed.shape == [60, 3])
        #expect(mixed.samples(0..<5) == own)
        for k in 5..<60 {
            let x = mixed.samples(k..<k + 1).values
            let a = own.samples(k % 5..<k % 5 + 1).values
            let isBetween = (0..<5).filter { $0 != k % 5 }.contains { j in
                let b = own.samples(j..<j + 1).values
                let t = (x[0] - a[0]) / (b[0] - a[0])
                return t >= -1e-4 && t <= 0.5001 && (0..<3).allSatisfy { (x[$0] - ((1 - t) * a[$0] + t * b[$0])).magnitude < 1e-4 }
            }
            #expect(isBetween)
        }
        var again = SeededGenerator(seed: 3)
        #expect(own.mixed(upTo: 60, using: &again) == mixed)
        #expect(own.mixed(upTo: 4, using: &again) == own)
        #expect(own.samples(0..<1).mixed(upTo: 9, using: &again) == own.samples(0..<1))
    }
}
