import TensorFiles

/// A trained tensor of a network, in the layout of the file it came from.
///
/// Values are Float32 in memory whatever the file's dtype; writers convert back to it. Those of networks that are looked at, cut and
/// written without being computed may stay in their file: then `values` is empty, and `stored` says where they are.
public struct Parameter: Sendable, Equatable {
    /// Shape as stored, e.g. (out, in) or (out, in/groups, kh, kw).
    public var shape: [Int]
    /// Row-major values; none where they stay in a file.
    public var values: [Float]
    /// Where the values are that stay in a file, and what of them is left; nil for values in memory.
    public private(set) var stored: StoredTensor?

    /// Precondition: `values.count` is the product of `shape`.
    public init(shape: [Int], values: [Float]) {
        precondition(shape.reduce(1, *) == values.count, "value count must be the product of the shape")
        self.shape = shape
        self.values = values
    }

    /// Values that stay where they are.
    public init(_ stored: StoredTensor) {
        (shape, values, self.stored) = (stored.shape, [], stored)
    }

    /// Number of values, wherever they are.
    public var count: Int { shape.reduce(1, *) }

    /// The parameter with its values in memory.
    /// - Throws: what reading the file throws.
    public func loaded() throws(TensorFileError) -> Parameter {
        guard let stored else { return self }
        return Parameter(shape: shape, values: try stored.floats())
    }

    /// The transpose of a matrix. Precondition: two axes, values in memory.
    func transposed() -> Parameter {
        precondition(shape.count == 2, "only a matrix has a transpose")
        let (rows, columns) = (shape[0], shape[1])
        var result = [Float](repeating: 0, count: values.count)
        for row in 0..<rows { for column in 0..<columns { result[column * rows + row] = values[row * columns + column] } }
        return Parameter(shape: [columns, rows], values: result)
    }

    /// Everything at each position of an axis multiplied by a number.
    package func scaled(by factors: [Float], along axis: Int) -> Parameter {
        if let stored { return Parameter(stored.scaled(by: factors, along: axis)) }
        var result = self
        let inner = shape[(axis + 1)...].reduce(1, *)
        for index in values.indices { result.values[index] *= factors[index / inner % shape[axis]] }
        return result
    }
}
