// GatherElements and GatherND by constant indices: every element of the result is one element of the data. ScatterElements and
// ScatterND put elements at the same places.

/// Which elements of a tensor a node picks, or puts others in the place of.
struct ONNXPicking {
    /// Shape of the result.
    let shape: [Int]
    /// Row-major positions in the data, in row-major order of the result.
    let positions: [Int]

    /// - Returns: nil when the indices are not known or do not fit.
    init?(_ node: ONNXNodeReader, data: [Int], indices: ONNXConstant) throws(NetworkError) {
        guard let numbers = indices.integers else { return nil }
        let strides = RowMajor.strides(data)
        if !node.operation.hasSuffix("ND") {
            guard indices.shape.count == data.count, let axis = RowMajor.position(try node.integer("axis") ?? 0, rank: data.count),
                zip(indices.shape, data).enumerated().allSatisfy({ $0.offset == axis || $0.element.0 <= $0.element.1 })
            else { return nil }
            let others = strides.enumerated().map { $0.offset == axis ? 0 : $0.element }
            let bases = RowMajor.positions(shape: indices.shape, strides: others)
            let rows = numbers.compactMap { RowMajor.position($0, rank: data[axis]) }
            guard rows.count == numbers.count, bases.count == rows.count else { return nil }
            shape = indices.shape
            positions = zip(bases, rows).map { $0 + $1 * strides[axis] }
            return
        }
        guard try node.integer("batch_dims") ?? 0 == 0, let depth = indices.shape.last, depth >= 1, depth <= data.count else { return nil }
        let result = Array(indices.shape.dropLast()) + data[depth...]
        guard let count = RowMajor.count(result), count <= 1 << 24 else { return nil }
        let inner = data[depth...].reduce(1, *)
        var places: [Int] = []
        places.reserveCapacity(count)
        for start in stride(from: 0, to: numbers.count, by: depth) {
            var base = 0
            for axis in 0..<depth {
                guard let place = RowMajor.position(numbers[start + axis], rank: data[axis]) else { return nil }
                base += place * strides[axis]
            }
            places += base..<base + inner
        }
        shape = result
        positions = places
    }
}
