// Chains, their gradients, and samples climbed along them.

import Coresets
import LinearAlgebra
import NeuralNetworks
import Pruning
import TestSupport
import Testing
import RandomNumbers

@Suite struct DenseChainTests {
    @Test(arguments: [Activation.relu, .tanh, .gelu(approximateTanh: false), .leakyReLU(slope: 0.2), .sigmoid])
    func theClassGradientAgreesWithDifferencesOfTheNetworksOwnLogProbability(_ activation: Activation) throws {
        let network = Network.perceptron([4, 7, 6, 3], activation: activation)
        let chain = try #require(try DenseChain(network))
        var generator = TestGenerator(seed: 5)
        let y = generator.normals(7 * 3).map(Float.init)
        let classes = [0, 2, 1]
        let gradient = chain.classGradient(at: y, classes: classes)
        /// log softmax by plain loops in Double.
        func logProbability(_ y: [Double], _ c: Int) -> Double {
            var h = y.map { activation.value($0) }
            for (k, stage) in chain.stages.enumerated() where k > 0 {
                var z = stage.bias.map(Double.init)
                for o in 0..<stage.outputs { for i in 0..<stage.inputs { z[o] += Double(stage.weight[o * stage.inputs + i]) * h[i] } }
                h = k < chain.stages.count - 1 ? z.map { stage.activation.value($0) } : z
            }
            let largest = h.max() ?? 0
            return h[c] - largest - Elementary.log(h.reduce(0) { $0 + Elementary.exp($1 - largest) })
        }
        for s in 0..<3 {
            let point = y[s * 7..<(s + 1) * 7].map(Double.init)
            for i in 0..<7 {
                let step = 1e-5
                var (up, down) = (point, point)
                up[i] += step
                down[i] -= step
                let slope = (logProbability(up, classes[s]) - logProbability(down, classes[s])) / (2 * step)
                #expect((Double(gradient[s * 7 + i]) - slope).magnitude <= 2e-5, "sample \(s) unit \(i)")
            }
        }
    }

    @Test func whatIsNoChainIsRefused() throws {
        var branched = Network.perceptron([4, 5, 3])
        branched.values.append(Network.Value(name: "sum"))
        branched.nodes.append(Network.Node(name: "sum", layer: .add, inputs: [3, 3], outputs: [4]))
        branched.outputs = [4]
        #expect(try DenseChain(branched) == nil)
        #expect(try DenseChain(.perceptron([4, 3])) == nil)
        #expect(try DenseChain(.perceptron([4, 5, 3], inputShape: [1, 2, 2])) != nil)
    }

    @Test func batchNormalizationBetweenLayersIsFolded() throws {
        var network = Network.perceptron([4, 5, 3])
        for (name, values) in [
            ("bn.weight", [1, 2, -1, 0.5, 1]), ("bn.bias", [0, 1, 0, -1, 0.2]), ("bn.mean", [0.1, 0, -0.3, 1, 0]),
            ("bn.var", [1, 0.5, 2, 1, 0.1]),
        ] as [(String, [Float])] {
            network.parameters[name] = Parameter(shape: [5], values: values)
        }
        network.values.append(Network.Value(name: "normalized"))
        let normalization = Network.Node(
            name: "bn",
            layer: .batchNormalization(
                BatchNormalization(scale: "bn.weight", shift: "bn.bias", mean: "bn.mean", variance: "bn.var", epsilon: 1e-5)),
            inputs: [1], outputs: [network.values.count - 1])
        network.nodes.insert(normalization, at: 1)
        network.nodes[2].inputs = [network.values.count - 1]
        let chain = try #require(try DenseChain(network))
        let inputs = ActivationTensor.random([6, 4], seed: 3)
        var block = chain.stages[0].forward(inputs.values, samples: 6)
        chain.stages[0].activation.apply(to: &block)
        let logits = chain.stages[1].forward(block, samples: 6)
        for (a, b) in zip(logits, try network.forward(inputs).observed[0].values) { #expect((a - b).magnitude <= 1e-5) }
    }

    @Test func samplesFollowThePriorAndClimbWhenToldTo() throws {
        let network = Network.perceptron([6, 12, 4])
        let chain = try #require(try DenseChain(network))
        let prior = ActivationMoments(
            mean: [1, 0, -1, 0.5, 0, 2], covariance: Matrix(rows: 6, columns: 6) { 0.5 * ($0 == $1 ? 1 : 0.3) })
        var settings = AscendedSamples.Settings()
        settings.strength = 0
        var generator = SeededGenerator(seed: 1)
        let count = 20_000
        let plain = try AscendedSamples(chain, prior: prior, count: count, settings: settings, using: &generator)
        var accumulator = MomentAccumulator(channels: 6)
        accumulator.add(Matrix(rows: 6, columns: count, elements: plain.inputs.map(Double.init)))
        let five = 5 / Double(count).squareRoot()
        for i in 0..<6 { #expect((accumulator.moments.mean[i] - prior.mean[i]).magnitude <= five * 0.71) }
        #expect((accumulator.moments.covariance - prior.covariance).maximumMagnitude <= five)
        settings.strength = 3
        generator = SeededGenerator(seed: 1)
        let climbed = try AscendedSamples(chain, prior: prior, count: count, settings: settings, using: &generator)
        func hits(_ samples: AscendedSamples) throws -> Double {
            let logits = try network.forward(ActivationTensor(shape: [count, 6], values: samples.inputs)).observed[0]
            let labels = (0..<count).map { $0 % 4 }
            return try Evaluator.accuracy(logits: logits, labels: labels).fraction
        }
        let (before, after) = (try hits(plain), try hits(climbed))
        #expect(before < 0.3)
        // How many hits the maximizers of (1) score at this strength is a property of the random network, not of the climb;
        // that the climb reaches a maximizer is seen below.
        #expect(after > 1.5 * before)
        settings.strength = 30
        settings.steps = 200
        generator = SeededGenerator(seed: 1)
        #expect(try hits(try AscendedSamples(chain, prior: prior, count: count, settings: settings, using: &generator)) > 2 * before)
        settings = AscendedSamples.Settings()
        settings.strength = 3
        // Stationarity of (1): x − x₀ = β·Σ₀·W₁ᵀ·δ(y). Maximizers on a kink of ReLU have no gradient: the median is asked.
        let slope = chain.classGradient(at: chain.stages[0].forward(climbed.inputs, samples: count), classes: (0..<count).map { $0 % 4 })
        let pull = chain.stages[0].backward(slope, samples: count)
        var residuals: [Double] = []
        for s in 0..<count {
            var (difference, length) = (0.0, 0.0)
            for i in 0..<6 {
                var wanted = 0.0
                for j in 0..<6 { wanted += 3 * prior.covariance[i, j] * Double(pull[s * 6 + j]) }
                let moved = Double(climbed.inputs[s * 6 + i] - plain.inputs[s * 6 + i])
                difference += (moved - wanted) * (moved - wanted)
                length += wanted * wanted
            }
            residuals.append((difference / max(length, 1e-12)).squareRoot())
        }
        #expect(residuals.sorted()[count / 2] <= 1e-2)
        generator = SeededGenerator(seed: 1)
        let again = try AscendedSamples(chain, prior: prior, count: count, settings: settings, using: &generator)
        #expect(again.inputs == climbed.inputs)
    }

    @Test func theInputPriorHasTheDeclaredMoments() throws {
        let prior = InputPrior(mean: [0.2, 0.4], deviation: [0.5, 0.1], correlation: 0.8, scalesByColumnNorms: false)
        let moments = try prior.moments(shape: [2, 2, 3], columnNorms: nil, shift: [0.2, 0], scale: [0.5, 1])
        #expect(moments.count == 12)
        #expect(moments.mean[0] == 0 && moments.mean[7] == 0.4)
        #expect((moments.covariance[0, 0] - 1).magnitude <= 4 * Double.ulpOfOne)
        #expect((moments.covariance[0, 1] - 0.8).magnitude <= 1e-12)
        // Two down and one across would be √5; entry 5 of a 2×3 image is one down, two across.
        #expect((moments.covariance[0, 5] - 0.6071).magnitude <= 1e-4)
        // The other channel at the same place is one step away: 1·0.1·0.8.
        #expect((moments.covariance[0, 6] - 0.08).magnitude <= 1e-12)
        let eigen = try SymmetricEigendecomposition(moments.covariance)
        #expect((eigen.values.first ?? -1) > 0)
        // A square width is an image, one smaller than digits or a prime one is not.
        let plain = InputPrior(mean: [0], deviation: [1], correlation: 0.5, scalesByColumnNorms: false)
        #expect(try plain.moments(shape: [64], columnNorms: nil).covariance[0, 8] == 0.5)
        #expect(try plain.moments(shape: [16], columnNorms: nil).covariance[0, 4] == 0)
        #expect(try plain.moments(shape: [17], columnNorms: nil).covariance[0, 4] == 0)
        let scaled = InputPrior(mean: [0], deviation: [1], correlation: 0)
        let columns = try scaled.moments(shape: [2], columnNorms: [1, 7])
        #expect((columns.covariance[1, 1] / columns.covariance[0, 0] - 49).magnitude <= 1e-9)
        #expect((columns.covariance[0, 0] + columns.covariance[1, 1] - 2).magnitude <= 1e-12)
    }
}
