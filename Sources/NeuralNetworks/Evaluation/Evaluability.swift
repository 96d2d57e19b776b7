// What of a network can be computed, and what stands in the way of the rest.

/// Which values an ``Evaluator`` can observe.
///
/// ```swift
/// let evaluability = network.evaluability()
/// let taps = wanted.filter(evaluability.isComputable)
/// if let obstacle = evaluability.obstacle(of: network.outputs[0]) { … obstacle.operation … }
/// ```
public struct Evaluability: Sendable {
    /// A node that cannot be evaluated.
    public struct Obstacle: Sendable, Equatable {
        /// Index into the network's nodes.
        public var node: Int
        /// The node's name.
        public var name: String
        /// The operation, as the file calls it, or what is missing ("a value of unknown shape, …").
        public var operation: String

        package init(node: Int, name: String, operation: String) { (self.node, self.name, self.operation) = (node, name, operation) }
    }

    /// By value: the first node on a way from the sources that cannot be evaluated. Values that can be computed are absent.
    public let obstacles: [Network.ValueID: Obstacle]

    /// Whether an evaluator that observes the value can be made.
    public func isComputable(_ value: Network.ValueID) -> Bool { obstacles[value] == nil }

    /// What blocks a value; `nil` when it can be computed.
    public func obstacle(of value: Network.ValueID) -> Obstacle? { obstacles[value] }

    /// Every value can be computed.
    public var isComplete: Bool { obstacles.isEmpty }

    /// All nodes that cannot be evaluated, in topological order.
    public var blockingNodes: [Obstacle] {
        var seen: Set<Int> = []
        return obstacles.values.sorted { $0.node < $1.node }.filter { seen.insert($0.node).inserted }
    }
}

extension Network {
    /// What can be computed from the given values, by default the network's inputs.
    ///
    /// An operation that is not known, or an activation of unknown shape, blocks what depends on it and nothing else: an
    /// ``Evaluator`` with `observing:` any computable values can be made. Cost: one pass over the nodes; no weights are read.
    /// - Parameter inputShapes: as for ``Evaluator``.
    public func evaluability(from sources: [ValueID]? = nil, inputShapes: [[Int]]? = nil) -> Evaluability {
        let given = Set(sources ?? inputs)
        let constants = constantValues
        var obstacles: [ValueID: Evaluability.Obstacle] = [:]
        var shapes = values.map(\.shape)
        if let inputShapes, inputShapes.count == inputs.count {
            for (value, shape) in zip(inputs, inputShapes) { shapes[value] = shape }
            for node in nodes { for value in node.outputs { shapes[value] = nil } }
        }
        for (position, value) in inputs.enumerated() where shapes[value] == nil || !given.contains(value) {
            obstacles[value] = .init(node: -1 - position, name: values[value].name, operation: "an input of unknown shape")
        }
        for (index, node) in nodes.enumerated() {
            func block(_ operation: String) {
                for value in node.outputs where !given.contains(value) {
                    obstacles[value] = .init(node: index, name: node.name, operation: operation)
                }
            }
            if case .barrier(let operation) = node.layer {
                block(operation)
                continue
            }
            let found: [[Int]?]
            do throws(NetworkError) {
                found = try outputShapes(of: node, inputs: node.inputs.map { shapes[$0] }, isConstant: node.inputs.map(constants.contains))
            } catch {
                block(node.layer.operationName)
                continue
            }
            for (value, shape) in zip(node.outputs, found) { if let shape { shapes[value] = shape } }
            if let blocked = node.inputs.compactMap({ obstacles[$0] }).min(by: { $0.node < $1.node }) {
                for value in node.outputs where !given.contains(value) { obstacles[value] = blocked }
            } else if case .constant = node.layer {
                continue
            } else if node.outputs.contains(where: { shapes[$0] == nil }) || node.outputs.contains(where: constants.contains) {
                block(node.layer.operationName)
            }
        }
        return Evaluability(obstacles: obstacles)
    }

    /// Outputs that can be computed and are no constants: those by which two networks can be compared.
    public var comparableOutputs: [ValueID] {
        let (evaluability, constants) = (evaluability(), constantValues)
        return outputs.filter { evaluability.isComputable($0) && !constants.contains($0) }
    }

    /// The network with ends at which it can be compared with a changed one: its outputs that can be computed, and in the place of the
    /// others what the nodes in their way read. Itself where all outputs can be compared, and where nothing can.
    ///
    /// Choices and staircases are no such ends: they hardly ever show a difference.
    public func endingWhereComputable() -> Network {
        let known = comparableOutputs
        guard known != outputs else { return self }
        let (evaluability, constants) = (evaluability(), constantValues)
        let isMissing = outputs.contains { !evaluability.isComputable($0) }
        var ends = known
        for obstacle in isMissing ? evaluability.blockingNodes : [] where nodes.indices.contains(obstacle.node) {
            guard !nodes[obstacle.node].outputs.isEmpty else { continue }
            for value in nodes[obstacle.node].inputs where !ends.contains(value) {
                guard evaluability.isComputable(value), !constants.contains(value), !inputs.contains(value),
                    let maker = nodes.first(where: { $0.outputs.contains(value) }), !maker.layer.isStaircase
                else { continue }
                ends.append(value)
            }
        }
        var result = self
        if !ends.isEmpty { result.outputs = ends }
        return result
    }
}

extension Layer {
    /// Whether what it makes stays the same while its inputs change a little.
    fileprivate var isStaircase: Bool {
        switch self {
        case .elementwise(let operation):
            switch operation {
            case .equal, .less, .lessOrEqual, .greater, .greaterOrEqual, .and, .or, .exclusiveOr, .integerDivide: true
            default: false
            }
        case .activation(.function(let function)):
            switch function {
            case .round, .floor, .ceiling, .truncation, .sign, .not, .isNaN, .isInfinite, .isNonzero: true
            default: false
            }
        case .reduction(let layer): layer.kind == .firstMaximum || layer.kind == .firstMinimum
        case .extent: true
        default: false
        }
    }
}
