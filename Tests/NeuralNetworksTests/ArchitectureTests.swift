// Topologies by name, by recognition and by description; bad weights.

import NeuralNetworks
import TensorFiles
import TestSupport
import Testing

/// Weights of a published architecture with random values, by the names and shapes that PyTorch gives them.
struct WeightFile {
    var entries: [(String, Tensor)] = []
    var generator = TestGenerator(seed: 3)

    mutating func add(_ name: String, _ shape: [Int], offset: Double = 0) throws {
        let fan = max(shape.dropFirst().reduce(1, *), 1)
        let values = (0..<shape.reduce(1, *)).map { _ in Float(generator.normal() / Double(fan).squareRoot() + offset) }
        entries.append((name, try Tensor.float32(values, shape: shape)))
    }

    mutating func convolution(_ name: String, _ outputs: Int, _ inputs: Int, _ side: Int, bias: Bool = false) throws {
        try add(name + ".weight", [outputs, inputs, side, side])
        if bias { try add(name + ".bias", [outputs]) }
    }

    mutating func normalization(_ name: String, _ channels: Int) throws {
        try add(name + ".weight", [channels])
        try add(name + ".bias", [channels])
        try add(name + ".running_mean", [channels])
        entries.append((name + ".running_var", try Tensor.float32([Float](repeating: 1, count: channels), shape: [channels])))
        entries.append((name + ".num_batches_tracked", try Tensor.int64([7], shape: [])))
    }

    mutating func linear(_ name: String, _ outputs: Int, _ inputs: Int) throws {
        try add(name + ".weight", [outputs, inputs])
        try add(name + ".bias", [outputs])
    }

    var archive: TensorArchive { TensorArchive(entries, metadata: ["format": "pt"]) }

    /// ResNet-50 with the given base width.
    static func resNet50(width: Int) throws -> TensorArchive {
        var file = WeightFile()
        try file.convolution("conv1", width, 3, 7)
        try file.normalization("bn1", width)
        var channels = width
        for (stage, count) in [3, 4, 6, 3].enumerated() {
            let inner = width << stage
            for block in 0..<count {
                let name = "layer\(stage + 1).\(block)"
                try file.convolution(name + ".conv1", inner, channels, 1)
                try file.normalization(name + ".bn1", inner)
                try file.convolution(name + ".conv2", inner, inner, 3)
                try file.normalization(name + ".bn2", inner)
                try file.convolution(name + ".conv3", 4 * inner, inner, 1)
                try file.normalization(name + ".bn3", 4 * inner)
                if block == 0 {
                    try file.convolution(name + ".downsample.0", 4 * inner, channels, 1)
                    try file.normalization(name + ".downsample.1", 4 * inner)
                }
                channels = 4 * inner
            }
        }
        try file.linear("fc", 1000, channels)
        return file.archive
    }

    static func cifarResNet(blocks: Int, projection: String?) throws -> TensorArchive {
        var file = WeightFile()
        try file.convolution("module.conv1", 16, 3, 3)
        try file.normalization("module.bn1", 16)
        var channels = 16
        for stage in 1...3 {
            for block in 0..<blocks {
                let (name, width) = ("module.layer\(stage).\(block)", 8 << stage)
                try file.convolution(name + ".conv1", width, channels, 3)
                try file.normalization(name + ".bn1", width)
                try file.convolution(name + ".conv2", width, width, 3)
                try file.normalization(name + ".bn2", width)
                if let projection, width != channels {
                    try file.convolution("\(name).\(projection).0", width, channels, 1)
                    try file.normalization("\(name).\(projection).1", width)
                }
                channels = width
            }
        }
        try file.linear("module.fc", 10, 64)
        return file.archive
    }

    static func vgg11(normalized: Bool, classifier: [Int], side: Int) throws -> TensorArchive {
        var file = WeightFile()
        var (index, channels) = (0, 3)
        for width in [8, 0, 12, 0, 16, 16, 0, 16, 16, 0, 16, 16, 0] {
            if width > 0 {
                try file.convolution("features.\(index)", width, channels, 3, bias: true)
                if normalized {
                    try file.normalization("features.\(index + 1)", width)
                    index += 1
                }
                index += 2
                channels = width
            } else {
                index += 1
            }
        }
        var features = channels * side * side
        for (position, number) in classifier.enumerated() {
            let width = position == classifier.count - 1 ? 10 : 20
            try file.linear(number < 0 ? "classifier" : "classifier.\(number)", width, features)
            features = width
        }
        return file.archive
    }

    static func mobileNetV2() throws -> TensorArchive {
        var file = WeightFile()
        func normalized(_ name: String, _ normalization: String, _ outputs: Int, _ inputs: Int, _ side: Int) throws {
            try file.convolution(name, outputs, inputs, side)
            try file.normalization(normalization, outputs)
        }
        try normalized("features.0.0", "features.0.1", 4, 3, 3)
        var (channels, index) = (4, 1)
        for (expansion, width, count) in [(1, 4, 1), (6, 4, 2), (6, 6, 3), (6, 8, 4), (6, 8, 3), (6, 10, 3), (6, 12, 1)] {
            for _ in 0..<count {
                let (name, hidden) = ("features.\(index).conv", channels * expansion)
                var part = 0
                if expansion > 1 {
                    try normalized("\(name).0.0", "\(name).0.1", hidden, channels, 1)
                    part = 1
                }
                try normalized("\(name).\(part).0", "\(name).\(part).1", hidden, 1, 3)
                try normalized("\(name).\(part + 1)", "\(name).\(part + 2)", width, hidden, 1)
                (channels, index) = (width, index + 1)
            }
        }
        try normalized("features.18.0", "features.18.1", 20, channels, 1)
        try file.linear("classifier.1", 7, 20)
        return file.archive
    }
}

@Suite struct ArchitectureTests {
    /// Loads, evaluates, cuts every inner group, writes, and loads again under the same name.
    private func expectRoundTrip(_ archive: TensorArchive, _ name: String, inputShape: [Int]? = nil, innerGroups: Int, classes: Int) throws
    {
        let architecture = try KnownArchitecture(named: name)
        let network = try Network(archive: archive, architecture: architecture, inputShape: inputShape)
        let shape = try #require(network.values[network.inputs[0]].shape)
        var net = RandomNetwork(seed: 4)
        let batch = net.batch(1, shape)
        #expect(try network.forward(batch).observed[0].shape == [1, classes])

        let groups = try network.channelGroups().filter { $0.barrier == nil && $0.isInner }
        #expect(groups.count == innerGroups)
        var kept: [String: [Int]] = [:]
        for group in groups { kept[group.id] = Array(stride(from: 0, to: group.count, by: 2)) }
        let smaller = try network.keeping(kept)
        let written = try smaller.archive(replacing: archive)
        #expect(written.names == archive.names && written.metadata == archive.metadata)
        let again = try Network(archive: written, architecture: architecture, inputShape: inputShape)
        #expect(again.nodes == smaller.nodes && again.parameters == smaller.parameters)
        let a = try smaller.forward(batch).observed[0]
        #expect(try again.forward(batch).observed[0] == a)
        #expect(relativeDifference(try network.masking(kept).forward(batch).observed[0].values, a.values) <= 16384 * Float.ulpOfOne)
    }

    @Test func torchvisionResNet50() throws {
        // Two in each of the 16 blocks, and the stem: the first block projects its shortcut, so nothing is added to the stem's channels.
        try expectRoundTrip(try WeightFile.resNet50(width: 4), "resnet50", inputShape: [3, 64, 64], innerGroups: 33, classes: 1000)
        let full = try Network(archive: WeightFile.resNet50(width: 64), architecture: .resNet(depth: 50))
        // The numbers that torchvision and the literature give.
        #expect(full.cost == NetworkCost(parameters: 25_557_032, multiplyAdds: 4_089_184_256))
    }

    @Test(arguments: ["shortcut", "downsample"]) func cifarResNetWithProjections(projection: String) throws {
        let archive = try WeightFile.cifarResNet(blocks: 3, projection: projection)
        try expectRoundTrip(archive, "resnet20-cifar", innerGroups: 9, classes: 10)
        // Streams of projected shortcuts may be cut as well.
        let network = try Network(archive: archive, architecture: .cifarResNet(depth: 20))
        #expect(try network.channelGroups().filter { $0.barrier == nil && !$0.isInner }.count == 3)
        #expect(throws: NetworkError.self) { try Network(archive: archive, architecture: .cifarResNet(depth: 32)) }
        #expect(
            throws: NetworkError.unrecognizedNetwork(reason: "expected 3 blocks per stage in resnet20-cifar, found a further one, layer1.3")
        ) {
            try Network(archive: WeightFile.cifarResNet(blocks: 5, projection: projection), architecture: .cifarResNet(depth: 20))
        }
    }

    @Test func cifarResNetWithPaddedShortcuts() throws {
        try expectRoundTrip(try WeightFile.cifarResNet(blocks: 3, projection: nil), "resnet20-cifar", innerGroups: 9, classes: 10)
    }

    @Test(arguments: [true, false]) func vgg(normalized: Bool) throws {
        try expectRoundTrip(
            try WeightFile.vgg11(normalized: normalized, classifier: [-1], side: 1), normalized ? "vgg11-bn" : "vgg11", innerGroups: 8,
            classes: 10)
        try expectRoundTrip(
            try WeightFile.vgg11(normalized: normalized, classifier: [1, 4, 6], side: 1), "vgg11", innerGroups: 10, classes: 10)
        try expectRoundTrip(
            try WeightFile.vgg11(normalized: normalized, classifier: [0, 3, 6], side: 2), "vgg11", innerGroups: 10, classes: 10)
    }

    @Test func mobileNetV2() throws {
        try expectRoundTrip(try WeightFile.mobileNetV2(), "mobilenet-v2", inputShape: [3, 64, 64], innerGroups: 20, classes: 7)
    }

    @Test func everyNameIsUnderstood() throws {
        for name in KnownArchitecture.names { _ = try KnownArchitecture(named: name) }
        #expect(try KnownArchitecture(named: "ResNet110-CIFAR") == .cifarResNet(depth: 110))
        #expect(try KnownArchitecture(named: "wide-resnet101-2") == .resNet(depth: 101))
        #expect(throws: NetworkError.unknownArchitecture(name: "alexnet")) { try KnownArchitecture(named: "alexnet") }
    }

    @Test func chainsAreRecognizedByNumberNotByOrder() throws {
        var file = WeightFile()
        for (number, outputs, inputs) in [(10, 3, 5), (2, 5, 7), (0, 7, 4)] { try file.add("net.\(number).weight", [outputs, inputs]) }
        try file.add("net.2.bias", [5])
        let network = try Network(archive: file.archive)
        #expect(network.nodes.map(\.name) == ["net.0", "net.0.activation", "net.2", "net.2.activation", "net.10"])
        #expect(network.values[network.inputs[0]].shape == [4])
    }

    @Test(
        arguments: [
            (
                "missing link", [("a1", [5, 4]), ("a2", [3, 6])],
                "node a2: expected 5 columns, the outputs of a1, for tensor a2.weight, found shape (3, 6)"
            ),
            (
                "convolution", [("c1", [5, 4, 3, 3])],
                "network: expected a matrix named <prefix><number>.weight for a chain of linear layers, found c1.weight of shape (5, 4, 3, 3)"
            ),
            (
                "two prefixes", [("a1", [5, 4]), ("b2", [3, 5])],
                "network: expected one chain a<number>.weight for a chain of linear layers, found b2.weight of shape (3, 5)"
            ),
            (
                "no number", [("head", [5, 4])],
                "network: expected a matrix named <prefix><number>.weight for a chain of linear layers, found head.weight of shape (5, 4)"
            ),
        ] as [(String, [(String, [Int])], String)]) func whatIsNoChainIsSaidSo(vice: String, tensors: [(String, [Int])], message: String)
        throws
    {
        var file = WeightFile()
        for (name, shape) in tensors { try file.add(name + ".weight", shape) }
        let error = #expect(throws: NetworkError.self) { try Network(archive: file.archive) }
        #expect(error?.description == message, "\(vice)")
    }

    /// Whole numbers, flags and types without values beside a chain are nobody's parameters; floats may be, and are refused.
    @Test(arguments: DType.allCases) func whatIsBesideAChainIsCarriedUnlessItMayBelongToIt(_ dtype: DType) throws {
        var file = WeightFile()
        try file.linear("fc1", 5, 4)
        try file.linear("fc2", 3, 5)
        var archive = file.archive
        archive["other"] = try Tensor(dtype: dtype, shape: [1], bytes: [UInt8](repeating: 1, count: dtype.byteWidth))
        if dtype.isFloatingPoint {
            #expect(throws: NetworkError.self) { try Network(archive: archive) }
        } else {
            let network = try Network(archive: archive)
            #expect(try network.archive(replacing: archive)["other"] == archive["other"])
        }
    }

    @Test func badWeightsAreNamed() throws {
        var file = WeightFile()
        try file.linear("fc1", 5, 4)
        try file.linear("fc2", 3, 5)
        let good = file.archive
        func message(_ name: String, _ tensor: Tensor?) -> String? {
            var archive = good
            archive[name] = tensor
            do {
                _ = try Network(archive: archive, architecture: .multilayerPerceptron(.relu))
                return nil
            } catch {
                return error.description
            }
        }
        #expect(message("fc1.bias", nil) == nil)
        #expect(
            message("fc2.bias", try .float32([1, 2], shape: [2])) == "node fc2: expected 3 values for tensor fc2.bias, found shape (2)")
        #expect(
            message("fc2.bias", try .float32([1, .nan, 2], shape: [3]))
                == "tensor fc2.bias: expected finite values, found a non-finite one at position 1")
        #expect(message("fc2.bias", try .int64([1, 2, 3], shape: [3])) == "tensor fc2.bias: expected floating-point values, found i64")
        #expect(message("fc1.weight", try .float32([], shape: [0, 4]))?.contains("fc1.weight") == true)
        #expect(throws: NetworkError.missingTensor(name: "conv1.weight", node: "lenet-5")) {
            try Network(archive: good, architecture: .lenet5)
        }
        #expect(throws: NetworkError.self) { try Network(archive: TensorArchive()) }
    }

    @Test func writingBackKeepsElementTypes() throws {
        var file = WeightFile()
        try file.linear("fc1", 4, 3)
        try file.linear("fc2", 2, 4)
        var archive = file.archive
        archive["fc1.weight"] = try archive["fc1.weight"]?.converted(to: .f16)
        archive["fc2.weight"] = try archive["fc2.weight"]?.converted(to: .f64)
        let network = try Network(archive: archive)
        let written = try network.keeping(["fc1": [1, 3]]).archive(replacing: archive)
        #expect(written["fc1.weight"]?.dtype == .f16 && written["fc1.weight"]?.shape == [2, 3])
        #expect(written["fc2.weight"]?.dtype == .f64 && written["fc2.weight"]?.shape == [2, 2])
        #expect(written["fc2.bias"] == archive["fc2.bias"])
        #expect(try network.archive(replacing: archive) == archive)
    }
}

@Suite struct DescriptionTests {
    private func file() throws -> TensorArchive {
        var file = WeightFile()
        try file.convolution("conv1", 4, 3, 3, bias: true)
        try file.normalization("bn1", 4)
        try file.convolution("conv2", 4, 4, 3)
        try file.linear("fc", 5, 64)
        return file.archive
    }

    private let text = """
        {"input": [3, 8, 8],
         "layers": [
           {"type": "convolution", "name": "conv1", "padding": 1},
           {"type": "batch-norm", "name": "bn1", "activation": {"function": "leaky-relu", "slope": 0.2}},
           {"type": "convolution", "name": "conv2", "padding": [1, 1], "activation": "relu"},
           {"type": "add", "name": "sum", "from": ["conv2", "bn1"]},
           {"type": "max-pool", "size": 2},
           {"type": "flatten"}, {"type": "dropout"},
           {"type": "linear", "name": "fc"}]}
        """

    @Test func describesGraphs() throws {
        let network = try Network(archive: file(), description: NetworkDescription(json: Array(text.utf8)))
        #expect(network.values[network.outputs[0]].shape == [5])
        #expect(network.nodes.contains { $0.layer == .activation(.leakyReLU(slope: 0.2)) })
        #expect(try network.channelGroups().map(\.id) == ["conv1", "fc"])
        #expect(!network.storesAttributes)
    }

    @Test(arguments: [
        (
            "\"input\": [3, 8, 8]", "\"input\": [3, -8, 8]",
            "network description, top level: expected a list of positive integers for input, found a list of 3"
        ),
        (
            "\"max-pool\"", "\"maxpool\"",
            "network description, layer 4: expected a type such as linear, convolution or batch-norm, found maxpool; did you mean max-pool?"
        ),
        ("\"size\": 2", "\"sise\": 2", "network description, layer 4: expected a size, found none"),
        (
            "\"padding\": 1", "\"pading\": 1",
            "network description, layer 0: expected only activation, bias, depthwise, dilation, from, groups, name, padding, stride, tensors, type, weight, found pading"
        ),
        ("\"bn1\"]", "\"bn2\"]", "network description, layer 3: expected the name of an earlier layer in from, found bn2"),
        (
            "\"relu\"", "\"rely\"",
            "network description, layer 2: expected an activation among identity, relu, relu6, leaky-relu, clipped-relu, gelu, gelu-tanh, tanh, sigmoid, silu, hard-swish, hard-sigmoid, elu, found rely"
        ),
        (
            "[1, 1]", "[1, 1, 1]",
            "network description, layer 2: expected an integer or a list of 2 integers, or 4, for padding, found a list of 3"
        ),
        ("\"fc\"", "\"fc9\"", "node fc9: expected a tensor named fc9.weight, found none"),
        (
            "\"padding\": 1", "\"padding\": 1e300",
            "network description, layer 0: expected an integer or a list of 2 integers, or 4, for padding, found 1e+300"
        ),
    ]) func mistakesAreNamed(good: String, bad: String, message: String) throws {
        let json = Array(text.replacing(good, with: bad).utf8)
        let error = #expect(throws: NetworkError.self) { try Network(archive: file(), description: NetworkDescription(json: json)) }
        #expect(error?.description == message)
    }

    @Test(arguments: ["", "{", "[1", "nul", "{\"input\": [1], \"layers\": []}", "3", String(repeating: "[", count: 100_000)])
    func brokenFilesAreRefused(text: String) throws {
        #expect(throws: NetworkError.self) { try Network(archive: file(), description: NetworkDescription(json: Array(text.utf8))) }
    }
}

@Suite struct SummaryTests {
    @Test func summaryAndDrawings() throws {
        let network = try Network(archive: WeightFile.cifarResNet(blocks: 3, projection: nil), architecture: .cifarResNet(depth: 20))
        let summary = try network.summary()
        #expect(summary.nodes.count == network.nodes.count)
        #expect(summary.parameters == 269_722 && summary.multiplyAdds == 40_551_040)
        #expect(summary.innerNeurons == 3 * (16 + 32 + 64) && summary.prunableNeurons == summary.innerNeurons)
        #expect(summary.nodes.first { $0.name == "layer1.0.conv1" }?.isPrunable == true)
        #expect(summary.nodes.first { $0.name == "conv1" }?.remark?.hasPrefix("stays whole: the parameter-free shortcut") == true)
        #expect(summary.warnings.isEmpty)

        let dot = try network.dot()
        #expect(dot.hasPrefix("digraph network {") && dot.contains("layer3.2.conv2") && dot.contains(" -> "))
        let svg = try network.svg()
        #expect(svg.hasPrefix("<svg ") && svg.hasSuffix("</svg>\n"))
        // layer3.2 repeats layer3.1 and is named in its details.
        for name in ["conv1", "layer2.0.conv1", "layer3.1.conv2", "fc"] { #expect(svg.contains(">\(name)</text>")) }
        #expect(svg.contains("layer3.2.conv2"))
        // Every tag that opens closes.
        #expect(svg.split(separator: "<g").count == svg.split(separator: "</g>").count)
        #expect(svg.split(separator: "<text ").count == svg.split(separator: "</text>").count)
        #expect(!svg.contains("nan") && !svg.contains("inf"))
    }

    @Test func drawingsEscapeHostileNames() throws {
        var net = RandomNetwork(seed: 1)
        let input = net.input([2])
        let value = try net.linear("a\"<b>&\\", input, 3)
        let network = try net.network(outputs: value)
        #expect(try network.svg().contains(">a&quot;&lt;b&gt;&amp;\\</text>"))
        #expect(try network.dot().contains("a\\\"<b>&\\\\"))
    }
}

@Suite struct LabelledImagesTests {
    @Test func scalesIntegersPerChannel() throws {
        let archive = TensorArchive([
            ("images", try .uint8([0, 255, 51, 102], shape: [1, 2, 1, 2])), ("labels", try .uint8([1], shape: [1])),
        ])
        let data = try LabelledImages(archive: archive, scaling: InputScaling(mean: [0, 0.2], standardDeviation: [1, 0.5]))
        for (value, expected) in zip(data.images.values, [0, 1, 0, 0.4] as [Float]) {
            #expect((value - expected).magnitude <= 4 * Float.ulpOfOne)
        }
        #expect(data.labels == [1])
        #expect(try LabelledImages(archive: archive, scaling: InputScaling(isRaw: true)).images.values == [0, 255, 51, 102])
        // Floating-point images are not divided.
        let floats = TensorArchive([("images", try .float32([0.5, 1], shape: [2, 1]))])
        #expect(
            try LabelledImages(archive: floats, scaling: InputScaling(mean: [0.5], standardDeviation: [0.5]), needsLabels: false).images
                .values == [0, 1])
    }

    @Test func tiesGoToTheLowestIndex() throws {
        let logits = ActivationTensor(shape: [3, 3], values: [1, 1, 0, 0, 2, 2, 0, 0, 0])
        #expect(try Evaluator.accuracy(logits: logits, labels: [0, 2, 0]) == ClassificationAccuracy(correct: 2, count: 3))
        #expect(throws: NetworkError.invalidData(reason: "expected labels below 3, the number of outputs, found 3")) {
            try Evaluator.accuracy(logits: logits, labels: [0, 3, 0])
        }
        #expect(throws: NetworkError.self) { try Evaluator.accuracy(logits: logits, labels: [0]) }
    }

    @Test func badDataIsRefused() throws {
        let images = try Tensor.uint8([1, 2, 3, 4], shape: [2, 2])
        let labels = try Tensor.uint8([0, 1], shape: [2])
        #expect(throws: NetworkError.self) { try LabelledImages(archive: TensorArchive([("labels", labels)])) }
        #expect(throws: NetworkError.self) { try LabelledImages(archive: TensorArchive([("images", images)])) }
        #expect(throws: NetworkError.self) {
            try LabelledImages(archive: TensorArchive([("images", try .uint8([1], shape: [1])), ("labels", labels)]))
        }
        #expect(throws: NetworkError.self) {
            try LabelledImages(archive: TensorArchive([("images", images), ("labels", try .uint8([0], shape: [1]))]))
        }
        #expect(throws: NetworkError.self) {
            try LabelledImages(archive: TensorArchive([("images", images), ("labels", try .float32([0.5, 1], shape: [2]))]))
        }
        #expect(throws: NetworkError.self) {
            try LabelledImages(archive: TensorArchive([("images", images), ("labels", try .int64([0, -1], shape: [2]))]))
        }
        #expect(throws: NetworkError.self) {
            try LabelledImages(archive: TensorArchive([("images", try .float32([1, .nan], shape: [1, 2]))]), needsLabels: false)
        }
        for scaling in [
            InputScaling(mean: []), InputScaling(mean: [1, 2]), InputScaling(standardDeviation: [0]),
            InputScaling(standardDeviation: [.nan]),
        ] {
            #expect(throws: NetworkError.self) {
                try LabelledImages(archive: TensorArchive([("images", images), ("labels", labels)]), scaling: scaling)
            }
        }
    }
}
