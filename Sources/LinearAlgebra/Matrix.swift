// A dense column-major matrix of Double. Points are columns.

/// A dense matrix of `Double`, stored by columns without padding.
///
/// ```swift
/// let a = Matrix(columns: [[1, 2], [3, 4]])   // 1 3
///                                             // 2 4
/// let b = a.transposed().times(a)
/// ```
public struct Matrix: Sendable, Equatable {
    /// Number of rows.
    public let rows: Int
    /// Number of columns.
    public let columns: Int
    /// Column-major storage of `rows · columns` entries; entry (i, j) is at `i + j·rows`.
    public var elements: [Double]

    /// Wraps column-major storage. Precondition: `elements.count == rows · columns`.
    public init(rows: Int, columns: Int, elements: [Double]) {
        precondition(rows >= 0 && columns >= 0 && elements.count == rows * columns, "element count must be rows · columns")
        self.rows = rows
        self.columns = columns
        self.elements = elements
    }

    /// Entries that are worth sharing: one megabyte.
    private static let filledRun = 1 << 17

    /// A matrix with every entry equal to `value`.
    public init(rows: Int, columns: Int, repeating value: Double = 0) {
        var storage: [Double] = .uninitialized(rows * columns)
        storage.withUnsafeMutableBufferPointer { storage in
            // Fresh pages are cleared by those who touch them first.
            guard let base = storage.baseAddress.map(SharedPointer.init) else { return }
            BLASConfiguration.share(storage.count, inRunsOf: Self.filledRun) {
                (base.pointer + $0.lowerBound).update(repeating: value, count: $0.count)
            }
        }
        self.init(rows: rows, columns: columns, elements: storage)
    }

    /// A matrix with entry (i, j) = `entry(i, j)`.
    public init<E: Error>(rows: Int, columns: Int, _ entry: (Int, Int) throws(E) -> Double) throws(E) {
        var storage: [Double] = .uninitialized(rows * columns)
        try storage.withUnsafeMutableBufferPointer { (values) throws(E) in
            for j in 0..<columns { for i in 0..<rows { values[j * rows + i] = try entry(i, j) } }
        }
        self.init(rows: rows, columns: columns, elements: storage)
    }

    /// A matrix from its columns, all of the same length.
    public init(columns vectors: [[Double]]) {
        let rows = vectors.first?.count ?? 0
        precondition(vectors.allSatisfy { $0.count == rows }, "all columns must have the same length")
        self.init(rows: rows, columns: vectors.count, elements: vectors.flatMap { $0 })
    }

    /// The identity of order `n`.
    public static func identity(_ n: Int) -> Matrix { diagonal([Double](repeating: 1, count: n)) }

    /// A square matrix with the given diagonal.
    public static func diagonal(_ values: [Double]) -> Matrix {
        var result = Matrix(rows: values.count, columns: values.count)
        for (i, value) in values.enumerated() { result[i, i] = value }
        return result
    }

    /// The entry of a row and a column, both from 0. Precondition: they exist.
    public subscript(row: Int, column: Int) -> Double {
        @inline(__always) get {
            precondition(row >= 0 && row < rows && column >= 0 && column < columns, "matrix index out of range")
            return elements[row + column * rows]
        }
        @inline(__always) set {
            precondition(row >= 0 && row < rows && column >= 0 && column < columns, "matrix index out of range")
            elements[row + column * rows] = newValue
        }
    }

    /// The entries of one column.
    public func column(_ j: Int) -> ArraySlice<Double> { elements[j * rows..<(j + 1) * rows] }

    /// The entries of one row (a copy).
    public func row(_ i: Int) -> [Double] { (0..<columns).map { self[i, $0] } }

    /// The main diagonal.
    public var diagonal: [Double] { (0..<Swift.min(rows, columns)).map { self[$0, $0] } }

    /// The transpose (a copy), written in cache-sized tiles.
    ///
    /// - Complexity: O(rows·columns), in blocks.
    public func transposed() -> Matrix {
        let tile = 32
        let result = [Double](unsafeUninitializedCapacity: elements.count) { out, count in
            elements.withUnsafeBufferPointer { source in
                for j0 in stride(from: 0, to: columns, by: tile) {
                    for i0 in stride(from: 0, to: rows, by: tile) {
                        for j in j0..<Swift.min(j0 + tile, columns) {
                            for i in i0..<Swift.min(i0 + tile, rows) {
                                out[j + i * columns] = source[i + j * rows]
                            }
                        }
                    }
                }
            }
            count = elements.count
        }
        return Matrix(rows: columns, columns: rows, elements: result)
    }

    /// The columns with the given indices, in that order.
    ///
    /// - Complexity: O(rows·indices).
    public func selectingColumns(_ indices: some Collection<Int>) -> Matrix {
        var storage: [Double] = []
        storage.reserveCapacity(rows * indices.count)
        for j in indices { storage.append(contentsOf: column(j)) }
        return Matrix(rows: rows, columns: indices.count, elements: storage)
    }

    /// The rows with the given indices, in that order.
    ///
    /// - Complexity: O(indices·columns).
    public func selectingRows(_ indices: [Int]) -> Matrix {
        let elements = [Double](unsafeUninitializedCapacity: indices.count * columns) { target, count in
            self.elements.withUnsafeBufferPointer { source in
                var k = 0
                for j in 0..<columns {
                    for i in indices {
                        precondition(i >= 0 && i < rows, "row out of range")
                        target.initializeElement(at: k, to: source[j * rows + i])
                        k += 1
                    }
                }
            }
            count = indices.count * columns
        }
        return Matrix(rows: indices.count, columns: columns, elements: elements)
    }

    /// Copies the lower triangle to the upper one.
    public mutating func symmetrizeFromLower() {
        precondition(rows == columns, "symmetrizing needs a square matrix")
        let n = rows
        // In squares that stay in the cache: one side is read across its columns.
        let side = 64
        elements.withUnsafeMutableBufferPointer { x in
            guard let base = x.baseAddress.map(SharedPointer.init) else { return }
            BLASConfiguration.share(n, inRunsOf: side) { columns in
                let x = base.pointer
                for top in stride(from: columns.lowerBound, to: n, by: side) {
                    for j in columns {
                        for i in Swift.max(top, j + 1)..<Swift.max(top, j + 1, Swift.min(top + side, n)) { x[i * n + j] = x[j * n + i] }
                    }
                }
            }
        }
    }

    /// Whether every entry is finite.
    public var isFinite: Bool { elements.allSatisfy(\.isFinite) }

    /// max |aᵢⱼ|, 0 for an empty matrix; NaN entries are ignored.
    public var maximumMagnitude: Double { elements.reduce(0) { Swift.max($0, $1.magnitude) } }

    /// Square root of the sum of squares, safe from overflow and underflow.
    public var frobeniusNorm: Double { elements.withUnsafeBufferPointer { BLAS.nrm2($0.count, $0.baseAddress, 1) } }
}
