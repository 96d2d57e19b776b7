// Weights that half precision cannot hold: moved where a neighbor can take the factor, refused by name where none can.

import NeuralNetworks
import TensorFiles
import Testing

@Suite struct RescalingTests {
    private static let layers = ["fc1", "fc2", "fc3"]

    /// A perceptron of three layers in the given type, whose parameters a caller may change after reading.
    private static func network(_ type: DType) throws -> (Network, TensorArchive) {
        var archive = TensorArchive()
        for (k, (inputs, outputs)) in [(3, 4), (4, 4), (4, 2)].enumerated() {
            let weights = (0..<inputs * outputs).map { Float(($0 * 7 + k) % 5) - 1.5 }
            archive["fc\(k + 1).weight"] = try .float32(weights, shape: [outputs, inputs]).converted(to: type)
            archive["fc\(k + 1).bias"] = try .float32((0..<outputs).map { Float($0) / 2 }, shape: [outputs]).converted(to: type)
        }
        return (try Network(archive: archive), archive)
    }

    private static let input = ActivationTensor(shape: [2, 3], values: [0.5, -1, 2, 1.5, 0.25, -0.75])

    /// `factor` on one parameter of the network, its inverse where the function stays the same.
    private static func scaled(_ network: Network, _ names: [String], by factor: Float) -> Network {
        var changed = network
        for name in names { changed.parameters[name]?.values = network.parameters[name]!.values.map { $0 * factor } }
        return changed
    }

    @Test(arguments: [
        ["fc1.weight", "fc1.bias"], ["fc2.weight"], ["fc2.weight", "fc2.bias"], ["fc2.bias"], ["fc1.bias"], ["fc3.weight"],
        ["fc1.weight", "fc2.weight"],
    ])
    func excessMovesAcrossReluAndTheFunctionStays(_ names: [String]) throws {
        let (network, archive) = try Self.network(.f16)
        // The largest weight is 2.5, the largest bias 1.5.
        let changed = Self.scaled(network, names, by: 50_000)
        let written = try changed.archive(replacing: archive)
        for (name, tensor) in written.entries { #expect(try tensor.floats().allSatisfy(\.isFinite), "\(name)") }
        let (expected, found) = try (changed.forward(Self.input).observed[0], Network(archive: written).forward(Self.input).observed[0])
        let largest = expected.values.map(\.magnitude).max()!
        for (a, b) in zip(expected.values, found.values) { #expect((a - b).magnitude <= 0x1p-6 * largest, "\(names): \(a) \(b)") }
    }

    @Test func whatNoLayerCanTakeIsRefusedByName() throws {
        let (network, archive) = try Self.network(.f16)
        for name in ["fc3.bias"] {
            let error = #expect(throws: NetworkError.self) { try Self.scaled(network, [name], by: 1e6).archive(replacing: archive) }
            #expect("\(error!)".contains(name), "\(error!)")
        }
        let everywhere = Self.scaled(network, Self.layers.map { $0 + ".weight" }, by: 50_000)
        #expect(throws: NetworkError.self) { try everywhere.archive(replacing: archive) }
        for value in [Float.infinity, -.infinity, .nan] {
            var broken = network
            broken.parameters["fc2.weight"]?.values[3] = value
            for type in [DType.f16, .f32, .bf16] {
                let (_, archive) = try Self.network(type)
                #expect(throws: NetworkError.nonFiniteTensor(name: "fc2.weight", index: 3)) { try broken.archive(replacing: archive) }
            }
        }
    }

    @Test func whatFitsStaysAsItIs() throws {
        let (network, archive) = try Self.network(.f16)
        #expect(try network.archive(replacing: archive) == archive)
        // 65519 rounds to 65504, the largest number; 65520 would round to infinity.
        var (at, beyond) = (network, network)
        at.parameters["fc3.bias"]?.values[0] = 65519
        beyond.parameters["fc3.bias"]?.values[0] = 65520
        #expect(try at.archive(replacing: archive)["fc3.bias"]?.floats()[0] == 65504)
        #expect(throws: NetworkError.self) { try beyond.archive(replacing: archive) }
        let (wide, wideArchive) = try Self.network(.f32)
        #expect(try Self.scaled(wide, ["fc3.bias"], by: 1e30).archive(replacing: wideArchive)["fc3.bias"]?.floats()[1] == 0.5e30)
    }

    @Test func aBatchNormalizationTakesTheFactorOfTheLayerBeforeIt() throws {
        var (network, _) = try Self.network(.f16)
        // fc1 → normalization → relu → fc2 …
        let value = network.values.count
        network.values.append(Network.Value(name: "normalized", shape: [4]))
        let first = network.nodes.firstIndex { $0.name == "fc1" }!
        for part in ["scale", "shift", "mean", "variance"] {
            network.parameters[part] = Parameter(shape: [4], values: [1, 2, 0.5, 1.25])
        }
        let output = network.nodes[first].outputs[0]
        for index in network.nodes.indices {
            network.nodes[index].inputs = network.nodes[index].inputs.map { $0 == output ? value : $0 }
        }
        network.nodes.insert(
            Network.Node(
                name: "bn",
                layer: .batchNormalization(
                    BatchNormalization(scale: "scale", shift: "shift", mean: "mean", variance: "variance", epsilon: 1e-3)),
                inputs: [output], outputs: [value]), at: first + 1)
        var archive = TensorArchive()
        for (name, parameter) in network.parameters {
            archive[name] = try .float32(parameter.values, shape: parameter.shape).converted(to: name.hasPrefix("fc") ? .f16 : .f32)
        }
        var changed = Self.scaled(network, ["fc1.weight", "fc1.bias", "mean"], by: 50_000)
        changed.parameters["variance"]?.values = network.parameters["variance"]!.values.map { $0 * 2.5e9 }
        let written = try changed.archive(replacing: archive)
        var read = network
        for name in network.parameters.keys { read.parameters[name]?.values = try written.tensor(named: name).floats() }
        let (expected, found) = try (changed.forward(Self.input).observed[0], read.forward(Self.input).observed[0])
        let largest = expected.values.map(\.magnitude).max()!
        for (a, b) in zip(expected.values, found.values) { #expect((a - b).magnitude <= 0x1p-6 * largest, "\(a) \(b)") }
    }
}
