import TensorFiles

// Attributes of a node, with what changed between operator set versions hidden: lists that were attributes once and are
// inputs now.

/// One node of a model, for reading.
struct ONNXNodeReader {
    let wire: ONNXWireNode
    /// Position in the graph; −1 inside of a branch.
    let index: Int
    /// How messages name the node.
    let name: String
    /// Version of the operator set.
    let version: Int
    /// How many branches of If nodes the node is inside of.
    let depth: Int
    /// The first input without the batch axis, where the operation reads it so.
    var batchedInput: Network.ValueID?
    private let model: ONNXModel

    init(_ wire: ONNXWireNode, index: Int, model: ONNXModel) { self.init(wire, index: index, depth: 0, model: model) }

    /// A node of a branch that is read in the place of its If; it has no position of its own.
    init(_ wire: ONNXWireNode, inside branch: ONNXNodeReader) {
        self.init(wire, index: -1, depth: branch.depth + 1, model: branch.model)
    }

    private init(_ wire: ONNXWireNode, index: Int, depth: Int, model: ONNXModel) {
        self.wire = wire
        self.index = index
        self.depth = depth
        self.model = model
        name = wire.name.isEmpty ? "\(wire.opType) number \(index)" : wire.name
        version = model.opset
    }

    /// Operation of the default domain, or `domain.operation`.
    var operation: String {
        wire.domain.isEmpty || wire.domain == "ai.onnx" ? wire.opType : "\(wire.domain).\(wire.opType)"
    }

    /// Input names; an absent optional input is nil.
    func input(_ slot: Int) -> String? {
        slot < wire.input.count && !wire.input[slot].isEmpty ? wire.input[slot] : nil
    }

    /// Inputs that an operation cannot do without, where that is more than one.
    private static let requiredInputs = [
        "Conv": 2, "Gemm": 2, "MatMul": 2, "BatchNormalization": 5, "LayerNormalization": 2, "RMSNormalization": 2,
        "InstanceNormalization": 3,
        "GroupNormalization": 3, "Add": 2, "Sub": 2, "Mul": 2, "Div": 2, "PRelu": 2,
    ]

    /// - Throws: `invalidNode` when a known operation lacks inputs: an error of the model, unlike an operation nobody knows.
    func checkInputs() throws(NetworkError) {
        let needed = Self.requiredInputs[operation] ?? 0
        guard let slot = (0..<needed).first(where: { input($0) == nil }) else { return }
        throw .invalidNode(name: name, reason: "expected \(needed) inputs for \(operation), found none in place \(slot)")
    }

    // MARK: Attributes

    private func attribute(_ name: String, _ kind: ONNXWireAttribute.Kind) throws(NetworkError) -> ONNXWireAttribute? {
        guard let attribute = wire.attribute.first(where: { $0.name == name }) else { return nil }
        // The type is absent in files of early IR versions.
        guard !attribute.hasType || attribute.type == kind else {
            throw .invalidNode(name: self.name, reason: "expected attribute \(name) of kind \(kind), found \(attribute.type)")
        }
        return attribute
    }

    func integer(_ name: String) throws(NetworkError) -> Int? {
        try attribute(name, .int).map { Int($0.i) }
    }

    func float(_ name: String) throws(NetworkError) -> Float? {
        try attribute(name, .float).map(\.f)
    }

    func string(_ name: String) throws(NetworkError) -> String? {
        try attribute(name, .string).map { String(decoding: $0.s, as: UTF8.self) }
    }

    func integers(_ name: String) throws(NetworkError) -> [Int]? {
        try attribute(name, .ints).map { $0.ints.map(Int.init) }
    }

    func tensorAttribute(_ name: String) throws(NetworkError) -> ONNXConstant? {
        guard let attribute = try attribute(name, .tensor) else { return nil }
        return try model.constant(attribute.t, node: self.name)
    }

    /// The value of a Constant node; `nil` for strings and sparse tensors.
    func constantValue() throws(NetworkError) -> ONNXConstant? {
        for attribute in wire.attribute {
            switch attribute.name {
            case "value": return try tensorAttribute("value")
            case "value_float": return ONNXConstant(shape: [], elements: .floats([attribute.f]))
            case "value_floats": return ONNXConstant(shape: [attribute.floats.count], elements: .floats(attribute.floats))
            case "value_int": return ONNXConstant(shape: [], elements: .integers([.known(Int(attribute.i))]))
            case "value_ints": return .vector(attribute.ints.map { .known(Int($0)) })
            default: continue
            }
        }
        return nil
    }

    // MARK: Lists that moved

    /// Axes from an input (later versions) or from the attribute; `nil` when neither is there or they are not known.
    func axes(_ input: ONNXConstant?) throws(NetworkError) -> [Int]? {
        if let input { return input.integers }
        return try integers("axes")
    }

    /// The range of axes that Shape takes, by its `start` and `end` attributes.
    func shapeRange(rank: Int) throws(NetworkError) -> Range<Int> {
        func clamp(_ axis: Int) -> Int { min(max(axis < 0 ? axis &+ rank : axis, 0), rank) }
        let start = clamp(try integer("start") ?? 0), end = clamp(try integer("end") ?? rank)
        return start..<max(start, end)
    }

    /// Slices for all axes, from attributes (below version 10) or inputs; `nil` when they are not known.
    /// - Parameter inputs: starts, ends, axes, steps.
    func slices(rank: Int, inputs: [ONNXConstant?]) throws(NetworkError) -> [SliceRange]? {
        func input(_ index: Int) -> ONNXConstant? { index < inputs.count ? inputs[index] : nil }
        let starts, ends, axes, steps: [Int]?
        if version < 10 {
            (starts, ends, axes, steps) = (try integers("starts"), try integers("ends"), try integers("axes"), nil)
        } else {
            (starts, ends, axes, steps) = (input(0)?.integers, input(1)?.integers, input(2)?.integers, input(3)?.integers)
            if input(2) != nil && axes == nil || input(3) != nil && steps == nil { return nil }
        }
        guard let starts, let ends else { return nil }
        let targets = axes ?? Array(starts.indices)
        guard ends.count == starts.count, targets.count == starts.count, (steps ?? starts).count == starts.count else {
            throw .invalidNode(
                name: name,
                reason:
                    "expected as many starts, ends, axes and steps, found \(starts.count), \(ends.count), \(targets.count), \((steps ?? starts).count)"
            )
        }
        var result = [SliceRange](repeating: SliceRange(), count: rank)
        for (index, axis) in targets.enumerated() {
            guard let position = RowMajor.position(axis, rank: rank) else {
                throw .invalidNode(name: name, reason: "expected an axis below \(rank), found \(axis)")
            }
            result[position] = SliceRange(start: starts[index], end: ends[index], step: steps?[index] ?? 1)
        }
        return result
    }

    /// The parts of a Split along an axis of the given extent; `nil` when they are not known.
    func splitSizes(_ input: ONNXConstant?, extent: Int?) throws(NetworkError) -> [Int]? {
        let count = wire.output.count
        let stated = if let input { input.integers } else { try integers("split") }
        if let stated {
            guard stated.count == count, stated.allSatisfy({ $0 >= 0 }) else {
                throw .invalidNode(name: name, reason: "expected \(count) parts of at least 0, found \(stated)")
            }
            if let extent, Network.sum(stated) != extent {
                throw .invalidNode(name: name, reason: "expected parts that add up to \(extent), found \(stated)")
            }
            return stated
        }
        if input != nil { return nil }
        guard let extent, count > 0 else { return nil }
        // Equal parts; from version 18 on the last one may be smaller.
        let size = (extent + count - 1) / count
        guard size * (count - 1) <= extent, version >= 18 || extent % count == 0 else { return nil }
        return (0..<count).map { min(size, extent - $0 * size) }
    }
}

extension ONNXModel {
    /// A tensor of the model as a constant; `nil` for strings, opaque kinds, and integers too many to be a shape.
    func constant(_ tensor: ONNXWireTensor, node: String) throws(NetworkError) -> ONNXConstant? {
        guard let shape = tensor.shape, let type = tensor.numericType else { return nil }
        do throws(TensorFileError) {
            if type.isFloatingPoint { return ONNXConstant(shape: shape, elements: .floats(try values(of: tensor).floats()), dtype: type) }
            guard let count = RowMajor.count(shape), count <= 1 << 22 else { return nil }
            let stored = try values(of: tensor)
            // Unsigned 64-bit numbers beyond Int are no extents; narrower ones and truth values are exact as Double.
            let integers: [Int?]
            if type == .i64 || type == .u64 {
                guard let numbers = try? stored.int64s() else { return nil }
                integers = numbers.map { Int($0) }
            } else {
                integers = try stored.doubles().map { Int(exactly: $0) }
            }
            guard integers.allSatisfy({ $0 != nil }) else { return nil }
            return ONNXConstant(shape: shape, elements: .integers(integers.map { .known($0 ?? 0) }), dtype: type)
        } catch {
            throw .tensor(name: tensor.name.isEmpty ? node : tensor.name, cause: error)
        }
    }
}
