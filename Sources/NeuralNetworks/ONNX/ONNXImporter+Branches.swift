// If: where the condition is known once sizes are, the branch taken is read as if its nodes stood in the graph. What is inside
// stays whole, because the other branch must keep fitting.

import TensorFiles

extension ONNXImporter {
    /// How many branches may stand inside each other.
    private static let depthLimit = 8

    mutating func lowerBranch(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard node.depth < Self.depthLimit, let condition = try constant(node, 0)?.integers?.first,
            let branch = node.wire.attribute.first(where: { $0.name == (condition != 0 ? "then_branch" : "else_branch") && $0.hasG })?.g,
            branch.output.count == node.wire.output.count
        else { return false }
        let order: [Int]
        do throws(TensorFileError) { order = try branch.topologicalOrder() } catch { return false }
        // Names made inside a branch are its own.
        let outside = facts
        let first = draft.network.nodes.count
        let results: [(fact: ONNXFacts.Fact?, isUncertain: Bool)]
        do throws(NetworkError) {
            for tensor in branch.initializer {
                guard let constant = try graph.model.constant(tensor, node: node.name) else {
                    facts = outside
                    return false
                }
                facts[tensor.name] = .constant(constant)
            }
            for index in order { try visit(ONNXNodeReader(branch.node[index], inside: node)) }
            results = branch.output.map { (facts[$0.name], facts.isUncertain($0.name)) }
            facts = outside
        } catch {
            facts = outside
            throw error
        }
        for (name, result) in zip(node.wire.output, results) where !name.isEmpty {
            if result.isUncertain { facts.doubt([name]) }
            switch result.fact {
            case .activation(let value):
                if draft.network.values[value].name.isEmpty { draft.network.values[value].name = name }
                facts[name] = .activation(value)
            case .constant(let constant): facts[name] = .constant(constant)
            case .sequence(let values): facts[name] = .sequence(values)
            case .initializer, .opaque, nil: facts[name] = .opaque
            }
        }
        draft.keepWhole(draft.network.nodes[first...].flatMap { $0.inputs + $0.outputs }, because: node)
        return true
    }
}
