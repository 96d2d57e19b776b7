// What the names of a graph stand for, once the nodes before them have been read.

import TensorFiles

/// The names known so far.
struct ONNXFacts {
    /// What a name of the graph stands for.
    enum Fact {
        /// A tensor of the file that nobody has read yet, by its index among the initializers.
        case initializer(Int)
        /// Numbers, or sizes with the batch left open.
        case constant(ONNXConstant)
        case activation(Network.ValueID)
        /// Values in a row.
        case sequence([Network.ValueID])
        /// No numbers (strings) or too many to fold.
        case opaque
    }

    private let model: ONNXModel
    private let initializers: [ONNXWireTensor]
    /// Bytes from which on tensors of two axes or more stay in their files; nil for none.
    private let stays: Int?
    private var facts: [String: Fact] = [:]
    /// Names behind unknown operations.
    private(set) var uncertain: Set<String> = []

    init(_ graph: ONNXGraphIndex) {
        model = graph.model
        stays = graph.stays
        initializers = graph.wire.initializer
        for (index, tensor) in initializers.enumerated() { facts[tensor.name] = .initializer(index) }
        for sparse in graph.wire.sparseInitializer { facts[sparse.values.name] = .opaque }
    }

    subscript(name: String) -> Fact? {
        get { facts[name] }
        set { facts[name] = newValue }
    }

    /// The activation that a name is.
    func activation(_ name: String) -> Network.ValueID? {
        if case .activation(let value)? = facts[name] { value } else { nil }
    }

    /// The constant that a name is, read from the file if need be.
    /// - Parameter node: who asks, for messages.
    func constant(_ name: String, node: String) throws(NetworkError) -> ONNXConstant? {
        switch facts[name] {
        case .constant(let constant): return constant
        case .initializer(let index):
            if let stays, let tensor = model.stored(initializers[index]), tensor.dtype.isFloatingPoint,
                tensor.storedShape.count(where: { $0 > 1 }) > 1, tensor.byteCount >= stays
            {
                return ONNXConstant(shape: tensor.shape, elements: .stored(tensor))
            }
            return try model.constant(initializers[index], node: node)
        case .activation, .sequence, .opaque, nil: return nil
        }
    }

    /// The single number a name stands for; larger tensors are not read.
    func scalar(_ name: String) throws(NetworkError) -> Float? {
        if case .initializer(let index)? = facts[name], RowMajor.count(initializers[index].shape ?? [0, 0]) != 1 { return nil }
        return try constant(name, node: name)?.scalar
    }

    /// The shape of a constant of floating point numbers, without reading it; nil for anything else.
    func weightShape(_ name: String) -> [Int]? {
        switch facts[name] {
        case .initializer(let index): initializers[index].numericType?.isFloatingPoint == true ? initializers[index].shape : nil
        case .constant(let constant): if case .integers = constant.elements { nil } else { constant.shape }
        case .activation, .sequence, .opaque, nil: nil
        }
    }

    /// The element type of a tensor of the file.
    func storedType(_ name: String) -> DType? {
        if case .initializer(let index)? = facts[name] { initializers[index].numericType } else { nil }
    }

    /// Whether a name stands for constant integers.
    func isIntegerConstant(_ name: String) -> Bool {
        switch facts[name] {
        case .initializer(let index): initializers[index].numericType?.isFloatingPoint == false
        case .constant(let constant): if case .integers = constant.elements { true } else { false }
        case .activation, .sequence, .opaque, nil: false
        }
    }

    // MARK: Behind unknown operations

    func isUncertain(_ name: String) -> Bool { uncertain.contains(name) }
    mutating func doubt(_ names: [String]) { uncertain.formUnion(names.lazy.filter { !$0.isEmpty }) }
    mutating func trust(_ names: [String]) { uncertain.subtract(names) }

    // MARK: All that is known

    var constants: [String: ONNXConstant] {
        facts.compactMapValues { if case .constant(let constant) = $0 { constant } else { nil } }
    }

    var activations: [String: Network.ValueID] {
        facts.compactMapValues { if case .activation(let value) = $0 { value } else { nil } }
    }
}
