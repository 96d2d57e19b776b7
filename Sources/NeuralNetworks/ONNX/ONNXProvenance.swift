// Which part of a network came from which part of a model.

/// Where the parameters and nodes of a network come from.
struct ONNXProvenance: Sendable {
    /// Where parameters live in the model, by their names in the network.
    var bindings: [String: ONNXBinding] = [:]
    /// Which inputs of which nodes read the parameters.
    var uses: [ONNXParameterUse] = []
    /// Which nodes of the model make up each node of the network, by its name.
    var origins: [String: ONNXOrigin] = [:]

    /// Notes that a node reads a parameter. A pattern may take up what one of its nodes had read before.
    mutating func addUse(_ use: ONNXParameterUse) {
        if use.node >= 0, !uses.contains(use) { uses.append(use) }
    }

    /// Parameters whose numbers another one holds already, with the name of that one.
    ///
    /// - Parameter origins: constants that are the numbers of another in another order, with its name.
    func copies(from origins: [String: String]) -> [String: String] {
        var first: [String: String] = [:]
        var result: [String: String] = [:]
        func origin(_ name: String) -> String { origins[name].map(origin) ?? name }
        for (name, binding) in bindings.sorted(by: { ($0.value.constant.count, $0.key) < ($1.value.constant.count, $1.key) }) {
            guard binding.transform == .same else { continue }
            let stored = origin(binding.constant)
            if let known = first[stored] { result[name] = known } else { first[stored] = name }
        }
        return result
    }

    /// Forgets the parameters that a network does not have any more.
    mutating func keepOnly(_ parameters: Set<String>) {
        bindings = bindings.filter { parameters.contains($0.key) }
        uses.removeAll { !parameters.contains($0.parameter) }
    }
}

/// A parameter's place in the model.
struct ONNXBinding: Sendable, Equatable {
    /// What the network's values are, compared with the model's.
    enum Transform: Sendable, Hashable {
        case same
        /// Multiplied by a factor: a Gemm's alpha or beta, −1 for what is subtracted.
        case scaled(Float)
        /// One over the model's values: what is divided by.
        case reciprocal
        /// Integers on a grid in the model, by the DequantizeLinear at this position.
        case dequantized(node: Int)
    }

    /// Name of the constant in the model.
    var constant: String
    /// Its shape there; the parameter may lack or add axes of extent 1.
    var storedShape: [Int]
    var transform: Transform
}

/// One input of one node of the model that reads a parameter.
struct ONNXParameterUse: Sendable, Equatable {
    var node: Int
    var slot: Int
    var parameter: String
}

/// The nodes of the model that a node of the network stands for.
struct ONNXOrigin: Sendable {
    /// The one that computes, or the last of several.
    var node: Int
    /// Others that were merged into it.
    var absorbed: [Int] = []
}

extension ONNXBinding.Transform {
    func applied(to values: [Float]) -> [Float] {
        switch self {
        case .same, .dequantized: values
        case .scaled(let factor): values.map { $0 * factor }
        case .reciprocal: values.map { 1 / $0 }
        }
    }

    /// The model's values from the network's.
    func undone(on values: [Float]) -> [Float] {
        switch self {
        case .same, .dequantized: values
        case .scaled(let factor): values.map { $0 / factor }
        case .reciprocal: values.map { 1 / $0 }
        }
    }
}
