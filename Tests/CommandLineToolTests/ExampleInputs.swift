// The files that the examples of the documentation speak of, small and made here.

import Foundation
import TensorFiles
import TestSupport

/// Networks in which every hidden channel occurs twice, so that half of them may go, and inputs labelled by what they answer.
enum ExampleInputs {
    /// A convolutional network for pictures of any size, as `open.onnx`.
    static func writeOpenSized(to folder: ScratchFolder) throws {
        var model = convolutional(poolsByNorm: false)
        for (axis, name) in ["N", "", "height", "width"].enumerated() where !name.isEmpty {
            model.graph.input[0].type.tensorType.shape.dim[axis] = ONNXWireShape.Dimension()
            model.graph.input[0].type.tensorType.shape.dim[axis].dimParam = name
        }
        try folder.write(ONNX.encode(ONNXModel(wire: model, payloads: [])), to: "open.onnx")
    }

    /// The convolutional network with a second output that is the same for all inputs, as a policy's deviation, as `constant.onnx`.
    static func writeWithConstantOutput(to folder: ScratchFolder) throws {
        var model = convolutional(poolsByNorm: false)
        var second = ONNXWireValueInfo()
        second.name = "deviation"
        model.graph.output.append(second)
        var node = ONNXWireNode()
        (node.name, node.opType, node.input, node.output) = ("exp", "Exp", ["fc.bias"], ["deviation"])
        model.graph.node.append(node)
        try folder.write(ONNX.encode(ONNXModel(wire: model, payloads: [])), to: "constant.onnx")
    }

    /// - Parameter poolsByNorm: the convolutional network has an operation more that few programs know.
    static func write(to folder: ScratchFolder, poolsByNorm: Bool = false) throws {
        try dense().write(to: folder.path("lenet.safetensors"), force: false)
        try folder.write(ONNX.encode(ONNXModel(wire: convolutional(poolsByNorm: poolsByNorm), payloads: [])), to: "resnet.onnx")
        var generator = TestGenerator(seed: 5)
        for (name, model, shape, flags) in [
            ("test", "lenet.safetensors", [28, 28], []), ("images", "lenet.safetensors", [28, 28], []),
            ("test-rgb", "resnet.onnx", [3, 12, 12], ["--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225"]),
        ] as [(String, String, [Int], [String])] {
            let count = 120
            let pixels = (0..<count * shape.reduce(1, *)).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let images = try Tensor.uint8(pixels, shape: [count] + shape)
            try TensorArchive([("images", images), ("labels", .uint8([UInt8](repeating: 0, count: count)))])
                .write(to: folder.path("\(name).npz"), force: false)
            // Labels are the network's own answers: there is an accuracy to lose.
            _ = try BuiltTool.run(["evaluate", model, "--data", "\(name).npz", "--logits", "logits.npy", "--force"] + flags, in: folder)
            let logits = try NPY.decode(try folder.read("logits.npy")).floats()
            let labels = (0..<count).map { row in UInt8((0..<10).max { logits[10 * row + $0] < logits[10 * row + $1] } ?? 0) }
            try TensorArchive([("images", images), ("labels", .uint8(labels))]).write(to: folder.path("\(name).npz"), force: true)
        }
        try FileManager.default.removeItem(atPath: folder.path("logits.npy"))
        for (label, picture) in SampleFolderTests.pictures.enumerated() {
            try FileManager.default.createDirectory(atPath: folder.path("val/\(label)"), withIntermediateDirectories: true)
            try folder.write(picture, to: "val/\(label)/a.png")
        }
        try folder.write(NPY.encode(.float64(generator.normals(400 * 4), shape: [400, 4])), to: "points.npy")
        try folder.write(NPY.encode(.float64((0..<400).map { 1 + Double($0 % 7) }, shape: [400])), to: "w.npy")
        for part in 0..<3 { try folder.write(NPY.encode(.float64(generator.normals(90 * 4), shape: [90, 4])), to: "part-\(part).npy") }
    }

    /// 784 → 24 → 16 → 10.
    private static func dense() throws -> TensorArchive {
        let widths = [784, 24, 16, 10]
        var generator = TestGenerator(seed: 1)
        var entries: [(String, Tensor)] = []
        for (k, (inputs, outputs)) in zip(widths, widths.dropFirst()).enumerated() {
            let weights = doubled(outputs, of: inputs, isLast: k == 2, &generator)
            entries.append(("fc\(k + 1).weight", try .float32(weights, shape: [outputs, inputs])))
            entries.append(("fc\(k + 1).bias", .float32([Float](repeating: 0, count: outputs))))
        }
        return TensorArchive(entries)
    }

    /// Rows of which the second half repeats the first, but for the last layer.
    private static func doubled(_ rows: Int, of columns: Int, isLast: Bool, _ generator: inout TestGenerator) -> [Float] {
        let scale = (2 / Double(columns)).squareRoot()
        let drawn = generator.normals((isLast ? rows : rows / 2) * columns).map { Float(scale * $0) }
        return isLast ? drawn : drawn + drawn
    }

    /// 3 × 12 × 12 → stem, 8 filters → conv2, 8 filters, added to the stem's → mean → 10 classes.
    private static func convolutional(poolsByNorm: Bool) -> ONNXWireModel {
        var generator = TestGenerator(seed: 2)
        var model = ONNXWireModel(), opset = ONNXWireOperatorSet()
        model.irVersion = 8
        opset.version = 17
        model.opsetImport = [opset]
        var input = ONNXWireValueInfo(), output = ONNXWireValueInfo()
        (input.name, output.name) = ("x", "y")
        input.type.tensorType.elemType = 1
        input.type.tensorType.shape.dim = [("N", 0), ("", 3), ("", 12), ("", 12)].map { (name: String, size: Int64) in
            var dimension = ONNXWireShape.Dimension()
            if name.isEmpty { dimension.dimValue = size } else { dimension.dimParam = name }
            return dimension
        }
        model.graph.input = [input]
        model.graph.output = [output]
        func node(
            _ name: String, _ operation: String, _ inputs: [String], _ made: String, _ integers: [String: [Int64]] = [:], end: Int64? = nil
        ) {
            var node = ONNXWireNode()
            (node.name, node.opType, node.input, node.output) = (name, operation, inputs, [made])
            for (key, values) in integers.sorted(by: { $0.key < $1.key }) {
                var attribute = ONNXWireAttribute()
                (attribute.name, attribute.type, attribute.ints) = (key, .ints, values)
                node.attribute.append(attribute)
            }
            if let end {
                var attribute = ONNXWireAttribute()
                (attribute.name, attribute.type, attribute.i) = ("end", .int, end)
                node.attribute.append(attribute)
            }
            model.graph.node.append(node)
        }
        func tensor(_ name: String, _ dims: [Int64], _ values: [Float]) {
            var tensor = ONNXWireTensor()
            (tensor.name, tensor.dims, tensor.dataType) = (name, dims, 1)
            tensor.rawData = values.withUnsafeBytes { Data($0) }
            model.graph.initializer.append(tensor)
        }
        let window = ["kernel_shape": [3, 3], "pads": [1, 1, 1, 1]] as [String: [Int64]]
        node("stem", "Conv", ["x", "stem.weight"], "a", window)
        node("relu1", "Relu", ["a"], "b")
        // A bias of zero as torch's exporter writes it: like the activation, expanded to the filters.
        node("filters", "Shape", ["conv1.weight"], "filters", end: 1)
        node("like", "CastLike", ["zero", "b"], "zero.like")
        node("zeros", "Expand", ["zero.like", "filters"], "zeros")
        node("conv1", "Conv", ["b", "conv1.weight", "zeros"], "c", window)
        node("relu2", "Relu", ["c"], "d")
        node("conv2", "Conv", ["d", "conv2.weight"], "e", window)
        node("add", "Add", ["e", "b"], "f")
        if poolsByNorm { node("norm", "LpPool", ["f"], "f2", ["kernel_shape": [2, 2]]) }
        node("pool", "GlobalAveragePool", [poolsByNorm ? "f2" : "f"], "g")
        node("flatten", "Flatten", ["g"], "h")
        node("fc", "Gemm", ["h", "fc.weight", "fc.bias"], "y")
        tensor("stem.weight", [8, 3, 3, 3], doubled(8, of: 27, isLast: false, &generator))
        tensor("conv1.weight", [16, 8, 3, 3], doubled(16, of: 72, isLast: false, &generator))
        tensor("conv2.weight", [8, 16, 3, 3], doubled(8, of: 144, isLast: false, &generator))
        tensor("zero", [], [0])
        // Gemm without transB: (8, 10).
        tensor("fc.weight", [8, 10], generator.normals(80).map(Float.init))
        tensor("fc.bias", [10], generator.normals(10).map { Float(0.1 * $0) })
        return model
    }
}
