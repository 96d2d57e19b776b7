// As many inputs as a fit needs, within a budget of work and of memory.

import LinearAlgebra
import NeuralNetworks
import TestSupport
import Testing

import Pruning

@Suite struct PlaceCorrelationTests {
    /// Samples of images whose places share a part of their variance.
    private func worth(_ rows: Int, share: Double, images: Int, places: Int) -> Int {
        var generator = TestGenerator(seed: 11)
        let n = 4
        var correlation = PlaceCorrelation(regressors: n)
        // In blocks, as batches arrive.
        for first in stride(from: 0, to: images, by: 16) {
            let own = Array(first..<min(first + 16, images))
            var elements: [Double] = []
            for _ in own {
                let common = generator.normals(n)
                for _ in 0..<places {
                    let single = generator.normals(n)
                    for i in 0..<n { elements.append(7 + share.squareRoot() * common[i] + (1 - share).squareRoot() * single[i]) }
                }
            }
            correlation.add(
                Matrix(rows: n, columns: own.count * places, elements: elements),
                images: own.flatMap { [Int](repeating: $0, count: places) })
        }
        return correlation.images(worth: rows)
    }

    @Test func independentPlacesCountOneByOne() {
        let found = worth(8000, share: 0, images: 400, places: 20)
        #expect((400...480).contains(found), "\(found)")
    }

    @Test func placesThatAreAllAlikeCountAsOne() {
        let found = worth(1000, share: 1, images: 200, places: 20)
        #expect((980...1000).contains(found), "\(found)")
    }

    /// 1 + 19·0.3² = 2.7 samples are worth one.
    @Test func inBetweenTheDesignEffectDecides() {
        let found = worth(1000, share: 0.3, images: 600, places: 20)
        #expect((115...165).contains(found), "\(found)")
    }

    @Test func oneSampleAnImageIsARow() {
        #expect(worth(50, share: 0.5, images: 30, places: 1) == 50)
        #expect(PlaceCorrelation(regressors: 3).images(worth: 10) == 10)
        #expect(worth(50, share: 0.5, images: 1, places: 5) == 50)
    }
}

@Suite struct WorkBudgetTests {
    private func plan(_ network: Network, memory: Int, effort: Effort = .default, inputs: Int) throws -> PruningPlan {
        var settings = PruningSettings(budget: .keep(0.5))
        settings.memory = memory
        settings.effort = effort
        let calibration = ActivationTensor.random([inputs] + (network.values[network.inputs[0]].shape ?? []), seed: 5)
        return try Pruner(network: network, settings: settings).plan(calibration: calibration)
    }

    /// Inputs that do not fit at a cut wait at an earlier one and come to the same.
    @Test(arguments: [true, false]) func memoryChangesNoResult(hasNormalization: Bool) throws {
        let network = Network.residual(.init(hasNormalization: hasNormalization, hasBias: true), channels: 40, width: 44)
        // 1800 inputs of 40×7×7 values are 14 MB at every cut; a frontier of the least memory holds 10.
        let (small, large) = (
            try plan(network, memory: PruningSettings.leastMemory, inputs: 1800), try plan(network, memory: 4_000_000_000, inputs: 1800)
        )
        #expect(small.groups == large.groups)
        #expect(small.replacements.map(\.parameter) == large.replacements.map(\.parameter))
        let (a, b) = (try small.apply(to: network), try large.apply(to: network))
        for name in a.parameters.keys.sorted() {
            let (x, y) = (try #require(a.parameters[name]), try #require(b.parameters[name]))
            let scale = y.values.reduce(0) { max($0, $1.magnitude) }
            #expect(zip(x.values, y.values).allSatisfy { ($0 - $1).magnitude <= 1e-3 * scale }, "\(name)")
        }
    }

    @Test func workIsAccountedFor() throws {
        let network = try Network.residual(channels: 8, width: 10).inferringShapes()
        let cost = Double(try #require(network.cost.multiplyAdds))
        let plan = try plan(network, memory: 1_000_000_000, effort: .quick, inputs: 100)
        #expect(plan.work.effort == .quick)
        #expect(plan.work.budget == Effort.quick.work(multiplyAdds: cost))
        // Both networks on the inputs that are fitted, at least one layer of the original once more, and judging.
        #expect(plan.work.spent >= 2 * 84 * cost)
        #expect(plan.work.spent <= 10 * 100 * cost)
        #expect(Effort.allCases.map { $0.work(multiplyAdds: 1) } == Effort.allCases.map { $0.work(multiplyAdds: Effort.leastMultiplyAdds) })
        #expect(Effort.default.work(multiplyAdds: 1e12) == 128e12)
    }

    /// A dense layer behind 2400 values whose normal matrices the least memory does not hold: its channels are fitted with all positions
    /// alike, which beats leaving the weights as they are.
    @Test func wideReadersAreFittedByChannels() throws {
        let (channels, side) = (24, 10)
        var generator = TestGenerator(seed: 31)
        func normal(_ shape: [Int], _ scale: Double) -> Parameter {
            Parameter(shape: shape, values: generator.normals(shape.reduce(1, *)).map { Float(scale * $0) })
        }
        // Channels in pairs that are alike up to a scale and a little more: one of a pair stands for the other at every place.
        var first = normal([channels, 2, 3, 3], 0.3)
        for k in 0..<channels / 2 * 18 {
            first.values[channels / 2 * 18 + k] = 0.8 * first.values[k] + 0.1 * first.values[channels / 2 * 18 + k]
        }
        let network = try Network(
            nodes: [
                .init(
                    name: "conv",
                    layer: .convolution(
                        Convolution(
                            weight: "conv.weight", bias: nil, strides: [1, 1], padding: [1, 1, 1, 1], dilations: [1, 1], groups: 1)),
                    inputs: [0], outputs: [1]),
                .init(name: "relu", layer: .activation(.relu), inputs: [1], outputs: [2]),
                .init(name: "flatten", layer: .flatten(axis: 1), inputs: [2], outputs: [3]),
                .init(name: "fc", layer: .linear(Linear(weight: "fc.weight", bias: "fc.bias")), inputs: [3], outputs: [4]),
            ],
            values: ["input", "a", "b", "c", "y"].map { Network.Value(name: $0, shape: $0 == "input" ? [2, side, side] : nil) },
            inputs: [0], outputs: [4],
            parameters: [
                "conv.weight": first, "fc.weight": normal([5, channels * side * side], 0.05), "fc.bias": normal([5], 1),
            ]
        ).inferringShapes()
        let inputs = ActivationTensor.random([120, 2, side, side], seed: 6)
        func error(_ change: (inout PruningSettings) -> Void) throws -> (Double, [PruningWarning]) {
            var settings = PruningSettings(budget: .keep(0.5))
            change(&settings)
            let plan = try Pruner(network: network, settings: settings).plan(calibration: inputs)
            let (before, after) = (
                try network.forward(inputs).observed[0].values, try plan.apply(to: network).forward(inputs).observed[0].values
            )
            return (zip(before, after).reduce(0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }, plan.warnings)
        }
        let (wide, warnings) = try error { $0.memory = PruningSettings.leastMemory }
        #expect(warnings.contains(.fittedByChannels(consumer: "fc", regressors: 2400)))
        let (untouched, _) = try error {
            $0.memory = PruningSettings.leastMemory
            $0.reweighting = .none
        }
        #expect(wide < untouched / 4)
        let (whole, others) = try error { $0.memory = 1_000_000_000 }
        #expect(!others.contains(.fittedByChannels(consumer: "fc", regressors: 2400)))
        #expect(whole < untouched)
    }

    @Test func tooLittleMemoryIsRefused() throws {
        var settings = PruningSettings()
        settings.memory = 1000
        #expect(throws: PruningError.invalidSetting(.memory, expected: "at least 64000000 bytes", found: "1000")) {
            try settings.validate()
        }
    }
}

@Suite struct MomentTileTests {
    /// More samples than a tile, in folds; in Double, and as wide as products are made in Float.
    @Test(arguments: [(n: 3, tolerance: 1e-12), (n: 1030, tolerance: 4 * 1300.0.squareRoot() * Double(Float.ulpOfOne))])
    func momentsOfFoldsAreThoseOfPlainLoops(n: Int, tolerance: Double) {
        var generator = TestGenerator(seed: 21)
        let (q, count) = (2, 1300)
        let h = Matrix(rows: n, columns: count, elements: generator.normals(n * count).map { $0 + 5 })
        let z = Matrix(rows: q, columns: count, elements: generator.normals(q * count))
        let images = (0..<count).map { $0 / 7 }
        let held = 0
        let own = (0..<count).filter { images[$0] % FoldedMoments.foldCount != held }
        var folded = FoldedMoments(channels: n, targets: q)
        // Two batches, which the same images do not share.
        for part in [0..<602, 602..<count] {
            folded.add(h.selectingColumns(part), targets: z.selectingColumns(part), images: Array(images[part]))
        }
        #expect(folded.count == count)
        func mean(_ value: (Int) -> Double) -> Double { own.reduce(0) { $0 + value($1) } / Double(own.count) }
        let found = folded.training(without: held, hasIntercept: true)
        for i in stride(from: 0, to: n, by: Swift.max(1, n / 12)) {
            let m = mean { h[i, $0] }
            #expect((found.channels.mean[i] - m).magnitude < 1e-12)
            for j in stride(from: 0, to: n, by: Swift.max(1, n / 12)) {
                let expected = mean { (h[i, $0] - m) * (h[j, $0] - found.channels.mean[j]) }
                #expect((found.channels.covariance[i, j] - expected).magnitude < tolerance)
            }
            for k in 0..<q {
                let expected = mean { (h[i, $0] - m) * z[k, $0] }
                #expect((found.cross[i, k] - expected).magnitude < tolerance)
            }
        }
        for k in 0..<q {
            let m = mean { z[k, $0] }
            #expect((found.targetEnergies[k] - mean { (z[k, $0] - m) * (z[k, $0] - m) }).magnitude < 1e-12)
        }
    }

    /// Runs hold every column of their fold once, whatever the number of rows.
    @Test(arguments: [1, 40, 5000]) func runsDivideTheColumns(rows: Int) {
        let images = (0..<700).map { $0 / 3 }
        let runs = SampleRun.runs(of: images, rows: rows, folds: 5) { $0 % 5 }
        #expect(runs.flatMap(\.columns).sorted() == Array(0..<700))
        #expect(runs.allSatisfy { run in run.columns.allSatisfy { images[$0] % 5 == run.fold } })
        #expect(runs.map(\.fold) == runs.map(\.fold).sorted())
        let tiles = SampleRun.tiles(runs, ofFold: 1 << 20, ofAll: 350)
        #expect(tiles.flatMap { $0 }.sorted() == Array(runs.indices))
        #expect(tiles.count == 2 || runs.count == 5)
    }

    /// Images whose places are told in two parts count once.
    @Test func correlationDoesNotDependOnParts() {
        var generator = TestGenerator(seed: 5)
        let (n, places, count) = (4, 10, 12)
        let levels = generator.normals(n * count)
        let noise = generator.normals(n * places * count)
        let h = Matrix(rows: n, columns: places * count) { i, j in levels[j / places * n + i] + noise[j * n + i] }
        let images = (0..<places * count).map { $0 / places }
        var (whole, parts) = (PlaceCorrelation(regressors: n), PlaceCorrelation(regressors: n))
        whole.add(h, images: images)
        parts.add(
            stride(from: 0, to: places * count, by: 7).map { first in
                let own = Array(first..<Swift.min(first + 7, places * count))
                return PlaceCorrelation.Sums(h.selectingColumns(own), images: own.map { images[$0] })
            })
        #expect(whole.images(worth: 1000) == parts.images(worth: 1000))
        #expect(whole.images(worth: 1000) > 100)
    }
}
