// GatherElements and GatherND of an activation by constant indices.

extension ONNXImporter {
    /// Single elements of an activation: positions of all its axes as one. Its channels stay.
    mutating func lowerPick(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let given = activation(node, 0), let data = draft.extents(given), let indices = try constant(node, 1),
            let picking = try ONNXPicking(node, data: data, indices: indices)
        else { return false }
        let flat = draft.view(given, as: [try Network.size(of: data, node: node.name)], isWhole: true)
        draft.keepExtent(ONNXAxis(value: flat, axis: 0), for: node)
        let taken = try emit(.gather(axis: 1, indices: picking.positions), node, inputs: [flat], outputs: [""], isWhole: true)
        draft.forgetOrigin()
        setResult(node, draft.view(taken, as: picking.shape, isWhole: true))
        return true
    }
}
