/// A trained tensor of a network, in the layout of the file it came from.
///
/// Values are Float32 in memory whatever the file's dtype; writers convert back to it.
public struct Parameter: Sendable, Equatable {
    /// Shape as stored, e.g. (out, in) or (out, in/groups, kh, kw).
    public var shape: [Int]
    /// Row-major values.
    public var values: [Float]

    /// Precondition: `values.count` is the product of `shape`.
    public init(shape: [Int], values: [Float]) {
        precondition(shape.reduce(1, *) == values.count, "value count must be the product of the shape")
        self.shape = shape
        self.values = values
    }

    /// The transpose of a matrix. Precondition: two axes.
    func transposed() -> Parameter {
        precondition(shape.count == 2, "only a matrix has a transpose")
        let (rows, columns) = (shape[0], shape[1])
        var result = [Float](repeating: 0, count: values.count)
        for row in 0..<rows { for column in 0..<columns { result[column * rows + row] = values[row * columns + column] } }
        return Parameter(shape: [columns, rows], values: result)
    }
}
