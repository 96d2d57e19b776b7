// If: where the condition is known once sizes are, the branch taken is read as if its nodes stood in the graph. What is inside
// stays whole, because the other branch must keep fitting.

import TensorFiles

extension ONNXImporter {
    mutating func lowerBranch(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard branchDepth < 8, let condition = try constant(node, 0)?.integers?.first,
            let branch = node.wire.attribute.first(where: { $0.name == (condition != 0 ? "then_branch" : "else_branch") && $0.hasG })?.g,
            branch.output.count == node.wire.output.count
        else { return false }
        branchDepth += 1
        defer { branchDepth -= 1 }
        // Names made inside a branch are its own.
        let outside = facts
        for tensor in branch.initializer {
            guard let constant = try model.constant(tensor, node: node.name) else { return false }
            facts[tensor.name] = .constant(constant)
        }
        let first = network.nodes.count
        let order: [Int]
        do throws(TensorFileError) { order = try branch.topologicalOrder() } catch { return false }
        for index in order { try visitInside(ONNXNodeReader(branch.node[index], index: -1, model: model)) }
        let results = branch.output.map { facts[$0.name] }
        facts = outside
        for (name, fact) in zip(node.wire.output, results) where !name.isEmpty {
            switch fact {
            case .activation(let value):
                if network.values[value].name.isEmpty { network.values[value].name = name }
                facts[name] = .activation(value)
            case .constant(let constant): facts[name] = .constant(constant)
            default: facts[name] = .opaque
            }
        }
        keepWhole(network.nodes[first...].flatMap { $0.inputs + $0.outputs }, because: node)
        return true
    }

    /// Channels of values that surgery must not change.
    private mutating func keepWhole(_ values: [Network.ValueID], because node: ONNXNodeReader) {
        let channels = Set(values).subtracting(constantIDs).sorted()
        guard !channels.isEmpty else { return }
        network.nodes.append(
            .init(name: uniqueName("inside \(node.name)"), layer: .barrier(operation: "If"), inputs: channels, outputs: []))
    }
}
