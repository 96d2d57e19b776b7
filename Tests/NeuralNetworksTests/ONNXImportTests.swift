// Models in, networks out: the numbers must be onnxruntime's.

import Foundation
import NeuralNetworks
import TensorFiles
import TestSupport
import Testing

@Suite struct ONNXImportTests {
    @Test(arguments: ONNXFixture.evaluated) func networkComputesWhatOnnxruntimeComputes(_ name: String) throws {
        let source = try ONNXFixture.source(name)
        #expect(source.warnings.isEmpty)
        let (input, expected) = try ONNXFixture.expected(name)
        let found = try source.network.output(input)
        #expect(found.shape == expected.shape)
        // Both sum in Float32, in different orders; the half precision model rounds every activation to 11 bits.
        #expect(relativeError(found, expected) <= (name == "half" ? 0x1p-8 : 0x1p-17))
    }

    @Test func activationsSpelledOutAreRecognized() throws {
        let layers = try ONNXFixture.source("spelled").network.nodes.map(\.layer)
        let activations = layers.compactMap { if case .activation(let activation) = $0 { activation } else { nil } }
        #expect(
            activations == [
                .gelu(approximateTanh: false), .gelu(approximateTanh: false), .gelu(approximateTanh: false), .gelu(approximateTanh: true),
                .silu, .hardSwish, .hardSwish,
            ])
        guard case .normalization(let normalization)? = layers.first else {
            Issue.record("expected layer normalization first, found \(String(describing: layers.first))")
            return
        }
        #expect(normalization.kind == .layer && normalization.scale == "ln_scale" && normalization.shift == "ln_shift")
        #expect(layers.filter { if case .linear = $0 { true } else { false } }.count == 8)
        // One normalization, seven activations, eight linear layers with their biases: nothing else is left.
        #expect(layers.count == 16)
    }

    /// Channels cut into a sequence, one part of it taken: by one size, or by one for every part.
    @Test(arguments: [true, false]) func sequencesOfPartsAreFollowed(isOneSize: Bool) throws {
        var random = RandomNetwork(seed: 65)
        func numbers(_ shape: [Int]) -> [Float] { random.random(shape, scale: 0.3).values }
        var graph = WireGraph(opset: 12)
        graph.input("x", [nil, 3, 5, 4])
        for (name, shape) in [("a", [8, 3, 3, 3]), ("b", [6, 4, 3, 3]), ("c", [5, 6, 1, 1])] { graph.tensor(name, shape, numbers(shape)) }
        graph.integers("sizes", isOneSize ? [4] : [4, 4], isScalar: isOneSize)
        graph.integers("second", [-1], isScalar: true)
        graph.integers("first", [0], isScalar: true)
        graph.node("Conv", ["x", "a"], ["wide"], lists: ["pads": [1, 1, 1, 1]])
        graph.node("SplitToSequence", ["wide", "sizes"], ["parts"], integers: ["axis": 1])
        graph.node("SequenceAt", ["parts", "second"], ["half"])
        graph.node("SequenceAt", ["parts", "first"], ["other"])
        graph.node("Conv", ["half", "b"], ["inner"], lists: ["pads": [1, 1, 1, 1]])
        graph.node("Relu", ["inner"], ["open"])
        graph.node("Conv", ["open", "c"], ["narrow"])
        graph.node("ReduceMean", ["other"], ["mean"], integers: ["keepdims": 1], lists: ["axes": [1]])
        graph.node("Add", ["narrow", "mean"], ["y"])
        graph.output("y", [nil, 5, 5, 4])
        let source = try graph.source()
        #expect(source.warnings.isEmpty, "\(source.warnings)")
        let group = try #require(try source.network.channelGroups().first { $0.isPrunable && $0.count == 6 })
        let cut = try source.network.keeping([group.id: [1, 2, 5]])
        let again = try ONNXNetwork(ONNX.decode(ONNX.encode(source.model(for: cut)), modelPath: "model.onnx"))
        let input = random.batch(2, [3, 5, 4])
        #expect(try relativeError(again.network.output(input), source.network.masking([group.id: [1, 2, 5]]).output(input)) < 1e-5)
    }

    /// torch.nn.MultiheadAttention: tokens before the batch, queries, keys and values from one layer, heads joined to the batch.
    @Test(arguments: ["vit-script", "vit-script-token", "vit-export", "vit-export-token"])
    func attentionOnTransposedTensorsIsRecognized(_ name: String) throws {
        let source = try ONNXFixture.source(name)
        #expect(source.warnings.isEmpty, "\(source.warnings)")
        let groups = try source.network.channelGroups().filter(\.isPrunable)
        #expect(groups.map(\.count) == [4, 12])

        // Down to one head and one hidden unit, and read again, it is still the same network.
        let (input, _) = try ONNXFixture.expected(name)
        for kept in [[1, 3], [2]] {
            let choice = Dictionary(uniqueKeysWithValues: groups.map { ($0.id, kept) })
            let cut = try source.network.keeping(choice)
            let again = try ONNXNetwork(ONNX.decode(ONNX.encode(source.model(for: cut)), modelPath: "model.onnx"))
            #expect(again.warnings.isEmpty, "\(again.warnings)")
            #expect(again.network.cost.parameters == cut.cost.parameters)
            let masked = try source.network.masking(choice).output(input)
            #expect(relativeError(try cut.output(input), masked) < 1e-5)
            #expect(relativeError(try again.network.output(input), masked) < 1e-5)
        }
    }

    @Test func attentionSpelledOutIsRecognized() throws {
        let network = try ONNXFixture.source("attention").network
        let group = try #require(try network.channelGroups().first { $0.producers.count == 3 && $0.consumers.count == 1 })
        #expect(group.barrier == nil && group.count == 3)
    }

    @Test func tensorsOfFoldedConstantsAreParameters() throws {
        let cntk = try ONNXFixture.source("cntk")
        let linear = try #require(cntk.network.nodes.compactMap { if case .linear(let layer) = $0.layer { layer } else { nil } }.first)
        #expect(linear.isTransposed)
        #expect(cntk.network.parameters[linear.weight]?.shape == [24, 5])
        #expect(cntk.network.parameters[linear.bias ?? ""]?.shape == [5])
        let convolutions = cntk.network.nodes.compactMap { if case .convolution(let layer) = $0.layer { layer } else { nil } }
        #expect(convolutions.map { cntk.network.parameters[$0.bias ?? ""]?.shape } == [[4], [6]])
    }

    @Test func unknownOperationsAreBarriersWithAWarning() throws {
        let source = try ONNXFixture.source("custom")
        #expect(source.warnings.count == 1)
        #expect(source.warnings[0].contains("com.example.Mystery") && source.warnings[0].contains("mystery"))
        let groups = try source.network.channelGroups()
        #expect(
            Dictionary(uniqueKeysWithValues: groups.map { ($0.id, $0.barrier == nil) }) == [
                "before": false, "between": true, "after": true, "fc": false,
            ])
        // Evaluation stops there and says so.
        #expect {
            try Evaluator(source.network).forward(ActivationTensor(shape: [1, 3, 6, 6], values: .init(repeating: 0, count: 108)))
        } throws: {
            "\($0)".contains("mystery") && "\($0)".contains("Mystery")
        }
    }

    @Test func valuesReadInsideOfABranchStayWhole() throws {
        let source = try ONNXFixture.source("branch")
        let groups = Dictionary(uniqueKeysWithValues: try source.network.channelGroups().map { ($0.id, $0.barrier) })
        #expect(groups["second"] != .some(nil), "the branches read what node second makes")
        #expect(source.warnings.contains { $0.contains("If") && $0.contains("choice") })
    }

    @Test func stridesAsLongAsIntegersGo() throws {
        var model = try ONNXFixture.model("sequence")
        let index = try #require(model.wire.graph.node.firstIndex { $0.opType == "Conv" })
        var mode = ONNXWireAttribute(), strides = ONNXWireAttribute()
        (mode.name, mode.type, mode.s) = ("auto_pad", .string, Data("SAME_UPPER".utf8))
        (strides.name, strides.type) = ("strides", .ints)
        strides.ints = [Int64](
            repeating: .max, count: model.wire.graph.node[index].attribute.first { $0.name == "kernel_shape" }?.ints.count ?? 2)
        model.wire.graph.node[index].attribute.removeAll { ["auto_pad", "strides", "pads"].contains($0.name) }
        model.wire.graph.node[index].attribute += [mode, strides]
        // One output position: whether what follows accepts that is its affair.
        _ = try? ONNXNetwork(model)
    }

    @Test func missingInputsOfKnownOperationsAreErrors() throws {
        for operation in ["Conv", "Gemm", "BatchNormalization"] {
            for name in ONNXFixture.evaluated {
                var model = try ONNXFixture.model(name)
                guard let index = model.wire.graph.node.firstIndex(where: { $0.opType == operation }) else { continue }
                model.wire.graph.node[index].input.removeSubrange(1...)
                let error = #expect(throws: NetworkError.self) { try ONNXNetwork(model) }
                #expect(
                    error?.description.contains("inputs for \(operation), found none in place 1") == true, "\(error?.description ?? "")")
            }
        }
    }

    @Test(arguments: [
        ("/layer1/layer1.0/conv1/Conv", "onnx::Conv_193", "layer1.0.conv1"),
        ("/features/features.1/conv/conv.0/conv.0.0/Conv", "x", "features.1.conv.0.0"),
        ("anything", "fc1.weight", "fc1"), ("Conv_3", "w", "Conv_3"), ("/conv1/Conv", "onnx::Conv_1", "conv1"),
    ]) func layersAreNamedAsInTheProgramThatMadeThem(node: String, weight: String, expected: String) throws {
        var model = try ONNXFixture.model("sequence")
        model.wire.graph.node[0].name = node
        model.wire.graph.node[0].input[1] = weight
        model.wire.graph.initializer[0].name = weight
        #expect(try ONNXNetwork(model).network.nodes[0].name == expected)
    }
}

/// The shared models, and the weights-only file of the same network.
struct SharedModel: Sendable, CustomTestStringConvertible {
    var file: String
    var network: String
    var images: String
    var correct: Int
    var scaling = InputScaling()
    var testDescription: String { file }

    static let all: [SharedModel] = [
        .init(file: "lenet300_mnist", network: "lenet300_mnist", images: "mnist_test2000.npz", correct: 1957),
        .init(file: "lenet300_fashion", network: "lenet300_fashion", images: "fashion_test2000.npz", correct: 1809),
        .init(file: "lenet5_mnist", network: "lenet5_mnist", images: "mnist_test2000.npz", correct: 1975),
        .init(
            file: "resnet20_cifar10", network: "resnet20_cifar10", images: "cifar10_test500.npz", correct: 455,
            scaling: SharedData.cifarScaling),
        .init(
            file: "resnet20_cifar10_bn", network: "resnet20_cifar10", images: "cifar10_test500.npz", correct: 455,
            scaling: SharedData.cifarScaling),
        .init(
            file: "resnet20_cifar10_dynamo", network: "resnet20_cifar10", images: "cifar10_test500.npz", correct: 455,
            scaling: SharedData.cifarScaling),
        .init(
            file: "resnet56_cifar10", network: "resnet56_cifar10", images: "cifar10_test500.npz", correct: 470,
            scaling: SharedData.cifarScaling),
    ]

    func source() throws -> ONNXNetwork { try ONNXNetwork(ONNX.read(path: SharedData.folder + file + ".onnx")) }

    func data() throws -> LabelledImages { try LabelledImages(archive: SharedData.archive(images), scaling: scaling) }
}

@Suite(.besideSharedData) struct ONNXSharedModelsTests {
    @Test(arguments: SharedModel.all) func logitsAndAccuracyAreThoseOfPyTorch(model: SharedModel) throws {
        let source = try model.source()
        #expect(source.warnings.isEmpty)
        let data = try model.data()
        let logits = try Evaluator(source.network).logits(of: data.images)
        #expect(try Evaluator.accuracy(logits: logits, labels: data.labels).correct == model.correct)
        let expected = try #require(try SharedData.archive("reference_logits.npz")[model.network])
        for (found, value) in zip(logits.values, try expected.floats()) { #expect((found - value).magnitude <= 1e-4) }
    }

    @Test(arguments: SharedModel.all.filter { $0.file.hasPrefix("resnet") }) func shortcutsAreFollowedIntoTheirPadding(model: SharedModel)
        throws
    {
        let network = try model.source().network
        let paddings = network.nodes.compactMap { if case .padding(let before, let after, 0) = $0.layer { [before, after] } else { nil } }
        #expect(paddings == [[[0, 8, 0, 0], [0, 8, 0, 0]], [[0, 16, 0, 0], [0, 16, 0, 0]]])
        #expect(network.unknownOperations.isEmpty)
        #expect(try network.channelGroups().contains { $0.id == "layer1.0.conv1" && $0.isInner && $0.barrier == nil && $0.count == 16 })
    }
}
