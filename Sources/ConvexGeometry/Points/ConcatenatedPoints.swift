// Several point sets of one dimension, one after the other: the files of a set that is too large for one.

import LinearAlgebra

/// Points in several pieces of memory, such as mapped files, in single or double precision. Indices count through in the order of
/// the pieces.
///
/// ```swift
/// let points = try ConcatenatedPoints([first, second])    // BorrowedPoints, of memory or of mapped files
/// let fit = try MinimumVolumeEllipsoid(points: points)
/// ```
///
/// Nothing is copied but runs of points that begin in one piece and end in another.
public struct ConcatenatedPoints: PointSource {
    /// The pieces.
    public let pieces: [BorrowedPoints]
    /// Index of the first point of every piece, and the number of all.
    private let starts: [Int]
    /// Coordinates per point, the same in all pieces.
    public let dimension: Int
    /// The coarsest rounding unit among the pieces.
    public let relativePrecision: Double
    /// That of every piece.
    public let offset: [Double]?

    /// Joins pieces.
    /// - Throws: `noPoints` without pieces, `dimensionMismatch`, `invalidSetting` for pieces whose offsets differ.
    public init(_ pieces: [BorrowedPoints]) throws(GeometryError) {
        guard let first = pieces.first else { throw .noPoints }
        var starts = [0]
        for piece in pieces {
            guard piece.dimension == first.dimension else {
                throw .dimensionMismatch(expected: first.dimension, found: piece.dimension)
            }
            guard piece.offset == first.offset else {
                throw .invalidSetting(name: "offset", expected: "that of the first piece", found: piece.offset?.first ?? 0)
            }
            let (next, overflows) = (starts.last ?? 0).addingReportingOverflow(piece.pointCount)
            guard !overflows else { throw .tooLarge(.max) }
            starts.append(next)
        }
        self.pieces = pieces
        self.starts = starts
        (dimension, offset) = (first.dimension, first.offset)
        relativePrecision = pieces.reduce(0) { Swift.max($0, $1.relativePrecision) }
    }

    /// Points of all pieces together.
    public var pointCount: Int { starts.last ?? 0 }

    /// The piece that a point is in, and its index there. O(log pieces).
    public func place(of index: Int) -> (piece: Int, index: Int) {
        var (low, high) = (0, pieces.count)
        while high - low > 1 {
            let middle = low + (high - low) / 2
            if starts[middle] <= index { low = middle } else { high = middle }
        }
        return (low, index - starts[low])
    }

    /// Some of the points as the columns of a matrix, without the offset.
    public func columns(_ indices: [Int]) -> Matrix { Matrix(rows: dimension, columns: indices.count, elements: gather(indices)) }

    /// Hands over a run of points: in place where one piece holds it, else as a copy. Precondition: the range lies in 0..<`pointCount`.
    public func withBlock(_ range: Range<Int>, _ body: (PointBlock) -> Void) {
        precondition(range.lowerBound >= 0 && range.upperBound <= pointCount, "point range out of bounds")
        let (first, start) = place(of: range.lowerBound)
        if range.upperBound <= starts[first + 1] { return pieces[first].withBlock(start..<start + range.count, body) }
        var points: [Double] = []
        points.reserveCapacity(range.count * dimension)
        for piece in first..<pieces.count where starts[piece] < range.upperBound {
            let part = range.clamped(to: starts[piece]..<starts[piece + 1])
            points += pieces[piece].copy(part.lowerBound - starts[piece]..<part.upperBound - starts[piece])
        }
        points.withUnsafeBufferPointer { if let base = $0.baseAddress { body(.double(base)) } }
    }
}
