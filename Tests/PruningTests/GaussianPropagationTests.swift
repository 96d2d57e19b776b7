// Moments by formula behind convolutions and batch normalizations: against plain sums, against samples, and end to end.

import LinearAlgebra
import NeuralNetworks
import Pruning
import TestSupport
import Testing

@Suite struct GaussianPropagationTests {
    private static func moments(_ n: Int, seed: UInt64) -> ActivationMoments {
        var generator = TestGenerator(seed: seed)
        let a = Matrix(rows: n, columns: n + 2, elements: generator.normals(n * (n + 2)))
        return ActivationMoments(mean: generator.normals(n), covariance: a.times(a, transposeOther: true))
    }

    private static func distance(_ a: (y: Int, x: Int), _ b: (y: Int, x: Int)) -> Double {
        Double((a.y - b.y) * (a.y - b.y) + (a.x - b.x) * (a.x - b.x)).squareRoot()
    }

    @Test(arguments: [1, 2, 4]) func aConvolutionsCovarianceIsTheDoubleSumOverTaps(_ groups: Int) throws {
        let (outputs, inputs, rho) = (8, 4, 0.6)
        let places = PatchModel.places([3, 2], dilations: [2, 1])
        var generator = TestGenerator(seed: 4)
        let perGroup = inputs / groups
        let weight = generator.normals(outputs * perGroup * places.count)
        let field = Self.moments(inputs, seed: 9)
        let found = try PatchModel(weight: weight, outputs: outputs, inputs: inputs, groups: groups, places: places)
            .image(of: field, bias: (0..<outputs).map(Double.init), correlation: rho)
        func w(_ o: Int, _ b: Int, _ t: Int) -> Double {
            let first = o / (outputs / groups) * perGroup
            return b >= first && b < first + perGroup ? weight[(o * perGroup + b - first) * places.count + t] : 0
        }
        for o in 0..<outputs {
            var mean = Double(o)
            for b in 0..<inputs { for t in places.indices { mean += w(o, b, t) * field.mean[b] } }
            #expect((found.mean[o] - mean).magnitude < 1e-10)
            for p in 0..<outputs {
                var sum = 0.0
                for (t, u) in places.indices.flatMap({ t in places.indices.map { (t, $0) } }) {
                    for (b, c) in (0..<inputs).flatMap({ b in (0..<inputs).map { (b, $0) } }) {
                        sum += w(o, b, t) * w(p, c, u) * field.covariance[b, c] * power(rho, Self.distance(places[t], places[u]))
                    }
                }
                #expect((found.covariance[o, p] - sum).magnitude < 1e-8 * max(1, sum.magnitude))
            }
        }
    }

    @Test(arguments: [0.0, 0.25, 0.8]) func theNeighborhoodIsFoundInTheVariancesItMakes(_ rho: Double) throws {
        var generator = TestGenerator(seed: 5)
        let patch = PatchModel(weight: generator.normals(6 * 3 * 9), outputs: 6, inputs: 3, places: PatchModel.places([3, 3]))
        let field = Self.moments(3, seed: 2)
        var variances = try patch.image(of: field, bias: nil, correlation: rho).covariance.diagonal
        #expect(patch.correlation(fitting: variances, of: field.covariance) == rho)
        // Dead channels tell nothing.
        variances[1] = 0
        #expect(patch.correlation(fitting: variances, of: field.covariance) == rho)
    }

    @Test func meansOverWindows() {
        let places = PatchModel.places([3, 4])
        var sum = 0.0
        for a in places { for b in places { sum += power(0.7, Self.distance(a, b)) } }
        #expect((PatchModel.meanCorrelation([3, 4], neighbor: 0.7) - sum / 144).magnitude < 1e-12)
        #expect(PatchModel.meanCorrelation([], neighbor: 0.7) == 1)
    }

    @Test func behindABatchNormalizationStandItsOwnMeanAndDeviation() throws {
        var network = try Network.residual().inferringShapes()
        network.parameters["a.bn.weight"]?.values[2] *= -1
        let found = try GaussianPropagation(
            of: network, input: Self.moments(2, seed: 1), correlation: 0.5, trustsNormalizations: true
        ).moments
        let plain = try GaussianPropagation(of: network, input: Self.moments(2, seed: 1), correlation: 0.5).moments
        func value(_ name: String) throws -> Int { try #require(network.values.firstIndex { $0.name == name }) }
        let normalized = try value("a.bn")
        let (trusted, followed) = (try #require(found[normalized]), try #require(plain[normalized]))
        func values(_ name: String) -> [Double] { network.parameters["a.bn.\(name)"]?.values.map(Double.init) ?? [] }
        for c in 0..<trusted.count {
            #expect(trusted.mean[c] == values("bias")[c])
            let deviation = values("weight")[c].magnitude * (values("var")[c] / (values("var")[c] + 1e-5)).squareRoot()
            #expect((trusted.covariance[c, c].squareRoot() - deviation).magnitude < 1e-9)
        }
        // Channel 2 has changed sides.
        let convolved = try value("a")
        let before = try #require(found[convolved])
        for c in 0..<trusted.count where c != 2 { #expect(trusted.covariance[c, 2] * before.covariance[c, 2] <= 0) }
        #expect(followed.mean != trusted.mean)
        // What no batch normalization corrects follows by formula, up to the output.
        #expect(found[network.outputs[0]]?.count == 4)
    }

    @Test func independentBranchesAdd() throws {
        let network = try Network.residual(.init(hasNormalization: false, hasBias: true)).inferringShapes()
        let found = try GaussianPropagation(of: network, input: Self.moments(2, seed: 1), correlation: 0.5).moments
        func moments(_ name: String) throws -> ActivationMoments {
            let value = try #require(network.values.firstIndex { $0.name == name })
            return try #require(found[value])
        }
        let (a, b, sum) = (try moments("stem.relu"), try moments("b"), try moments("add"))
        for i in 0..<sum.count {
            #expect((sum.mean[i] - a.mean[i] - b.mean[i]).magnitude < 1e-12)
            for j in 0..<sum.count { #expect((sum.covariance[i, j] - a.covariance[i, j] - b.covariance[i, j]).magnitude < 1e-12) }
        }
    }

    @Test func aConvolutionOfDrawnNoiseHasTheMomentsOfTheFormula() throws {
        // Independent pixels: one convolution and its ReLU are exact up to the border, which padding 0 leaves out.
        var builder = NetworkBuilder()
        let input = builder.input("input", shape: [2, 6, 6])
        var generator = TestGenerator(seed: 12)
        let convolution = Convolution(weight: "w", bias: "b", strides: [1, 1], padding: [0, 0, 0, 0], dilations: [1, 1])
        let relu = builder.append("relu", .activation(.relu), builder.append("conv", .convolution(convolution), input))
        let network = try builder.network(
            outputs: [relu],
            parameters: [
                "w": Parameter(shape: [3, 2, 3, 3], values: generator.normals(54).map { Float($0 * 0.3) }),
                "b": Parameter(shape: [3], values: [0.2, -0.5, 0]),
            ]
        ).inferringShapes()
        let known = try GaussianPropagation(of: network, input: ActivationMoments(mean: [0, 0], covariance: .identity(2))).moments
        let formula = try #require(known[relu])
        let images = ActivationTensor.random([4000, 2, 6, 6], seed: 8)
        let output = try network.forward(images).observed[0]
        var mean = [Double](repeating: 0, count: 3)
        var square = Matrix(rows: 3, columns: 3)
        for n in 0..<4000 {
            for place in 0..<16 {
                let h = (0..<3).map { Double(output.values[(n * 3 + $0) * 16 + place]) }
                for i in 0..<3 {
                    mean[i] += h[i] / 64_000
                    for j in 0..<3 { square[i, j] += h[i] * h[j] / 64_000 }
                }
            }
        }
        for i in 0..<3 {
            #expect((mean[i] - formula.mean[i]).magnitude < 0.02, "\(mean[i]) \(formula.mean[i])")
            for j in 0..<3 {
                let covariance = square[i, j] - mean[i] * mean[j]
                #expect((covariance - formula.covariance[i, j]).magnitude < 0.03, "\(covariance) \(formula.covariance[i, j])")
            }
        }
    }

    @Test func withoutInputsTheStoredStatisticsServeARefit() throws {
        // A duplicated channel is missed by nobody once the refit knows that it is one.
        var network = Network.residual()
        for name in ["a.weight", "a.bn.weight", "a.bn.bias", "a.bn.mean", "a.bn.var"] {
            var parameter = try #require(network.parameters[name])
            let run = parameter.values.count / 8
            for half in 0..<4 {
                parameter.values.replaceSubrange((half + 4) * run..<(half + 5) * run, with: parameter.values[half * run..<(half + 1) * run])
            }
            network.parameters[name] = parameter
        }
        var settings = PruningSettings(recipe: .best, budget: .keep(1), seed: 1)
        settings.layerRatios = ["a": 0.5]
        settings.inputModel = .batchNorm
        settings.inputPrior = InputPrior(mean: [0], deviation: [1])
        settings.ridge = 1e-9
        let plan = try Pruner(network: network, settings: settings).plan()
        #expect(Set(plan.groups.first { $0.name == "a" }?.kept.map { $0 % 4 } ?? []).count == 4)
        #expect(plan.inputs.description.contains("batch normalizations store"))
        let inputs = ActivationTensor.random([6, 2, 7, 7], seed: 3)
        let (whole, pruned) = (try network.forward(inputs).observed[0], try plan.apply(to: network).forward(inputs).observed[0])
        for (a, b) in zip(whole.values, pruned.values) { #expect((a - b).magnitude < 1e-3) }
    }

    @Test func channelsThatAConvolutionInGroupsReadsGoByNorm() throws {
        let network = Network.residual(.init(groups: 2), width: 12)
        var settings = PruningSettings(recipe: .best, budget: .keep(0.5), seed: 1)
        settings.inputModel = .batchNorm
        let plan = try Pruner(network: network, settings: settings).plan()
        settings.selection = .l2
        let byNorm = try Pruner(network: network, settings: settings).plan()
        #expect(plan.groups == byNorm.groups)
        #expect(plan.groups.contains { $0.kept.count < $0.channels && $0.kept != Array(0..<$0.kept.count) })
        #expect(
            try plan.apply(to: network).forward(ActivationTensor.random([2, 2, 7, 7], seed: 3)).observed[0].values.allSatisfy(\.isFinite))
    }

    @Test func aMultilayerPerceptronWithBatchNormalizationIsServedToo() throws {
        let network = Network.perceptron([6, 10, 3], isNormalized: true)
        var settings = PruningSettings(recipe: .best, budget: .keep(0.5), seed: 1)
        settings.inputModel = .batchNorm
        let plan = try Pruner(network: network, settings: settings).plan()
        #expect(plan.groups.map(\.kept.count) == [5])
        #expect(plan.prediction.basis == .unchecked && plan.prediction.agreement == nil && plan.prediction.phrase == nil)
    }
}

private func power(_ base: Double, _ exponent: Double) -> Double {
    exponent == 0 ? 1 : base == 0 ? 0 : Elementary.exp(exponent * Elementary.log(base))
}
