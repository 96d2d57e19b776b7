// Constants made by putting numbers at places.

extension ONNXFolding {
    /// The data with other elements at some places, or combined with them, in the order of the places.
    func scattered(
        _ node: ONNXNodeReader, _ data: ONNXConstant, _ places: ONNXPicking, _ updates: ONNXConstant
    ) throws(NetworkError) -> ONNXConstant? {
        guard updates.elements.count == places.positions.count, data.elements.count <= budget else { return nil }
        let combination: String?
        switch try node.string("reduction") ?? "none" {
        case "none": combination = nil
        case "add": combination = "Add"
        case "mul": combination = "Mul"
        case "max": combination = "Max"
        case "min": combination = "Min"
        default: return nil
        }
        var result = data
        result.elementSources = nil
        if case .integers(var values) = data.elements {
            guard let others = updates.extents else { return nil }
            for (place, other) in zip(places.positions, others) {
                values[place] = combination.map { Self.arithmetic($0, values[place], other) } ?? other
            }
            result.elements = .integers(values)
            return result
        }
        guard var values = data.floats, let others = updates.floats else { return nil }
        let function = combination.flatMap(Self.function)
        for (place, other) in zip(places.positions, others) { values[place] = function?(values[place], other) ?? other }
        result.elements = .floats(values)
        return result
    }

    /// Ones on a diagonal of a matrix of zeros like the data.
    func diagonal(_ node: ONNXNodeReader, _ data: ONNXConstant) throws(NetworkError) -> ONNXConstant? {
        guard data.shape.count == 2, let count = RowMajor.count(data.shape), count <= budget else { return nil }
        let (columns, shift) = (data.shape[1], try node.integer("k") ?? 0)
        guard shift.magnitude < 1 << 40 else { return nil }
        let zeros = ONNXConstant(
            shape: data.shape, elements: .floats((0..<count).map { $0 % columns == $0 / columns + shift ? 1 : 0 }), dtype: data.dtype)
        guard let type = try node.integer("dtype") else { return data.dtype.isFloatingPoint ? zeros : cast(zeros, to: 7) }
        return cast(zeros, to: type)
    }

    /// One value at the index and another one everywhere else, along a new axis.
    func oneHot(
        _ node: ONNXNodeReader, _ indices: ONNXConstant, depth: Int, _ values: ONNXConstant
    ) throws(NetworkError) -> ONNXConstant? {
        guard let numbers = indices.integers, values.elements.count == 2, depth > 0,
            let axis = RowMajor.position(try node.integer("axis") ?? -1, rank: indices.shape.count + 1)
        else { return nil }
        var shape = indices.shape
        shape.insert(depth, at: axis)
        guard let count = RowMajor.count(shape), count <= budget else { return nil }
        let inner = indices.shape[axis...].reduce(1, *)
        return values.taking(
            (0..<count).map { place in
                let (row, index) = (place / (inner * depth), place / inner % depth)
                let number = numbers[row * inner + place % inner]
                return number == index || number == index - depth ? 1 : 0
            }, shape: shape)
    }
}
