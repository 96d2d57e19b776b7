// Small ONNX models written by the tests themselves.

import Foundation
import NeuralNetworks
import TensorFiles

/// A graph under construction; names of values are chosen by the caller.
struct WireGraph {
    private var graph = ONNXWireGraph()
    private let opset: Int64

    init(opset: Int64 = 17) { self.opset = opset }

    private static func info(_ name: String, _ shape: [Int?], type: Int32) -> ONNXWireValueInfo {
        var info = ONNXWireValueInfo()
        info.name = name
        info.type.tensorType.elemType = type
        info.type.tensorType.shape.dim = shape.enumerated().map { axis, extent in
            var dimension = ONNXWireShape.Dimension()
            if let extent { dimension.dimValue = Int64(extent) } else { dimension.dimParam = axis == 0 ? "batch" : "size\(axis)" }
            return dimension
        }
        return info
    }

    /// Extents of `nil` are open.
    mutating func input(_ name: String, _ shape: [Int?], isInteger: Bool = false) {
        graph.input.append(Self.info(name, shape, type: isInteger ? 7 : 1))
    }

    mutating func output(_ name: String, _ shape: [Int?]) { graph.output.append(Self.info(name, shape, type: 1)) }

    /// Declares the shape of a value in between.
    mutating func declare(_ name: String, _ shape: [Int?]) { graph.valueInfo.append(Self.info(name, shape, type: 1)) }

    mutating func tensor(_ name: String, _ shape: [Int], _ values: [Float]) {
        var tensor = ONNXWireTensor()
        (tensor.name, tensor.dims, tensor.dataType, tensor.floatData) = (name, shape.map(Int64.init), 1, values)
        graph.initializer.append(tensor)
    }

    mutating func integers(_ name: String, _ values: [Int], isScalar: Bool = false) {
        var tensor = ONNXWireTensor()
        (tensor.name, tensor.dims, tensor.dataType) = (name, isScalar ? [] : [Int64(values.count)], 7)
        tensor.int64Data = values.map(Int64.init)
        graph.initializer.append(tensor)
    }

    mutating func node(
        _ operation: String, _ inputs: [String], _ outputs: [String], integers: [String: Int] = [:], lists: [String: [Int]] = [:],
        texts: [String: String] = [:]
    ) {
        var node = ONNXWireNode()
        (node.name, node.opType, node.input, node.output) = ("\(operation) of \(outputs[0])", operation, inputs, outputs)
        for (name, value) in integers.sorted(by: { $0.key < $1.key }) {
            var attribute = ONNXWireAttribute()
            (attribute.name, attribute.type, attribute.i) = (name, .int, Int64(value))
            node.attribute.append(attribute)
        }
        for (name, values) in lists.sorted(by: { $0.key < $1.key }) {
            var attribute = ONNXWireAttribute()
            (attribute.name, attribute.type, attribute.ints) = (name, .ints, values.map(Int64.init))
            node.attribute.append(attribute)
        }
        for (name, text) in texts.sorted(by: { $0.key < $1.key }) {
            var attribute = ONNXWireAttribute()
            (attribute.name, attribute.type) = (name, .string)
            attribute.s = Data(text.utf8)
            node.attribute.append(attribute)
        }
        graph.node.append(node)
    }

    /// Moves the last node into both branches of a choice whose condition is a constant.
    mutating func encloseLast(output: String) {
        guard let inner = graph.node.popLast() else { return }
        var branch = ONNXWireGraph()
        (branch.name, branch.node) = ("branch", [inner])
        branch.node[0].output = ["inner " + output]
        branch.output = [Self.info("inner " + output, [nil], type: 1)]
        var condition = ONNXWireTensor()
        (condition.name, condition.dataType, condition.int32Data) = ("condition", 9, [1])
        graph.initializer.append(condition)
        var node = ONNXWireNode()
        (node.name, node.opType, node.input, node.output) = ("choice", "If", ["condition"], [output])
        for name in ["then_branch", "else_branch"] {
            var attribute = ONNXWireAttribute()
            (attribute.name, attribute.type, attribute.g) = (name, .graph, branch)
            node.attribute.append(attribute)
        }
        graph.node.append(node)
    }

    func source() throws -> ONNXNetwork {
        var wire = ONNXWireModel()
        wire.irVersion = 8
        var version = ONNXWireOperatorSet()
        version.version = opset
        wire.opsetImport = [version]
        wire.graph = graph
        return try ONNXNetwork(ONNX.decode(ONNX.encode(ONNXModel(wire: wire, payloads: [])), modelPath: "model.onnx"))
    }
}
