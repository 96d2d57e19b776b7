// GatherElements and GatherND: of an activation by constant indices, of a constant row by computed ones.

extension ONNXImporter {
    /// Single elements of an activation: positions of all its axes as one. Its channels stay.
    mutating func lowerPick(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        if try lowerRowPick(node) { return true }
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

    /// Numbers of a constant row at computed places: rows of one number of a table.
    private mutating func lowerRowPick(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard node.operation == "GatherElements", let places = activation(node, 1), let shape = draft.extents(places), shape.count == 2,
            let row = try constant(node, 0), row.isKnown, row.shape.count == 2, row.shape[0] == 1, row.shape[1] > 0,
            RowMajor.position(try node.integer("axis") ?? 0, rank: 2) == 1
        else { return false }
        let table = try parameter(node, 0, shape: [row.shape[1], 1])
        let picked = try emit(.embedding(weight: table), node, inputs: [places], outputs: [""])
        draft.setLastOutputs(areIntegers: !row.dtype.isFloatingPoint)
        setResult(node, draft.view(picked, as: shape, isWhole: true))
        return true
    }
}
