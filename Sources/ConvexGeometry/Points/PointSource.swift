// Where points come from: memory in Double or Float, or a file too large for memory, read in blocks.

import LinearAlgebra

/// A run of consecutive points, one after the other, `dimension` numbers each.
public enum PointBlock {
    case double(UnsafePointer<Double>)
    case float(UnsafePointer<Float>)
}

/// A point set that can be read several times, in runs of consecutive points.
///
/// Conform to it to fit points that do not fit in memory, for example a memory-mapped file.
/// Every pass reads disjoint ranges in increasing order on each thread; several threads may read at once.
public protocol PointSource: Sendable {
    /// Number of points.
    var pointCount: Int { get }
    /// Coordinates per point.
    var dimension: Int { get }
    /// Relative rounding unit of the stored numbers: `Double.ulpOfOne` or `Double(Float.ulpOfOne)`.
    var relativePrecision: Double { get }
    /// What is to be added to the stored coordinates, such as a time of day all points share, which together Double could not
    /// hold; nil for nothing. Only its sum with the center of an answer is ever formed.
    var offset: [Double]? { get }
    /// Gives `body` the points of `range`, contiguous; the pointer is valid during the call only.
    func withBlock(_ range: Range<Int>, _ body: (PointBlock) -> Void)
}

extension PointSource {
    /// No common offset.
    public var offset: [Double]? { nil }
}

/// Points in memory owned by somebody else: `count` points of `dimension` coordinates, one after the other
/// (an n×d matrix by rows, or a d×n matrix by columns). Nothing is copied; the memory must outlive the value.
public struct BorrowedPoints: PointSource, @unchecked Sendable {
    // Unchecked: the memory is only read, and its owner promises not to write while it is borrowed.
    private enum Storage {
        case block(PointBlock)
        /// At no multiple of the element's size.
        case bytes(UnsafeRawPointer, width: Int)
    }

    private let storage: Storage
    /// Number of points.
    public let pointCount: Int
    /// Coordinates per point.
    public let dimension: Int
    /// Rounding unit of the element type.
    public let relativePrecision: Double
    /// Subtracted from every point when it is read; `nil` for none.
    public let offset: [Double]?

    /// Borrows `count · dimension` numbers; `offset`, if any, is added to every point.
    /// - Throws: `noPoints`, `invalidDimension`, `storageMismatch`, `dimensionMismatch`.
    public init(
        _ buffer: UnsafeBufferPointer<Double>, count: Int, dimension: Int, offset: [Double]? = nil
    ) throws(GeometryError) {
        try Self.validate(buffer.count, count, dimension)
        if let offset, offset.count != dimension { throw .dimensionMismatch(expected: dimension, found: offset.count) }
        guard let base = buffer.baseAddress else { throw .noPoints }
        storage = .block(.double(base))
        (pointCount, self.dimension, relativePrecision, self.offset) = (count, dimension, Double.ulpOfOne, offset)
    }

    /// Borrows `count · dimension` single-precision numbers; no Double copy of the set is ever made.
    /// - Throws: `noPoints`, `invalidDimension`, `storageMismatch`.
    public init(_ buffer: UnsafeBufferPointer<Float>, count: Int, dimension: Int) throws(GeometryError) {
        try Self.validate(buffer.count, count, dimension)
        guard let base = buffer.baseAddress else { throw .noPoints }
        storage = .block(.float(base))
        (pointCount, self.dimension, relativePrecision, offset) = (count, dimension, Double(Float.ulpOfOne), nil)
    }

    /// Borrows numbers that may begin at any byte, such as a member of an archive that is mapped; runs of points are lent as copies.
    /// - Parameter isDouble: whether they are of double precision, else of single.
    /// - Throws: `noPoints`, `invalidDimension`, `storageMismatch`.
    public init(bytes: UnsafeRawBufferPointer, isDouble: Bool, count: Int, dimension: Int) throws(GeometryError) {
        let width = isDouble ? MemoryLayout<Double>.size : MemoryLayout<Float>.size
        try Self.validate(bytes.count / width, count, dimension)
        guard let base = bytes.baseAddress else { throw .noPoints }
        storage = .bytes(base, width: width)
        (pointCount, self.dimension, offset) = (count, dimension, nil)
        relativePrecision = isDouble ? Double.ulpOfOne : Double(Float.ulpOfOne)
    }

    private static func validate(_ stored: Int, _ count: Int, _ dimension: Int) throws(GeometryError) {
        guard dimension >= 1 else { throw .invalidDimension(dimension) }
        guard count >= 1 else { throw .noPoints }
        let (total, overflow) = count.multipliedReportingOverflow(by: dimension)
        guard !overflow, stored >= total else { throw .storageMismatch(expected: overflow ? .max : total, found: stored) }
    }

    /// Hands over a run of points, in place where they are aligned. Precondition: the range lies in 0..<`pointCount`.
    public func withBlock(_ range: Range<Int>, _ body: (PointBlock) -> Void) {
        precondition(range.lowerBound >= 0 && range.upperBound <= pointCount, "point range out of bounds")
        switch storage {
        case .block(.double(let base)): body(.double(base + range.lowerBound * dimension))
        case .block(.float(let base)): body(.float(base + range.lowerBound * dimension))
        case .bytes(let base, let width):
            let count = range.count * dimension * width
            withUnsafeTemporaryAllocation(byteCount: count, alignment: 64) { copy in
                guard let start = copy.baseAddress else { return }
                start.copyMemory(from: base + range.lowerBound * dimension * width, byteCount: count)
                if width == MemoryLayout<Double>.size {
                    body(.double(UnsafePointer(start.assumingMemoryBound(to: Double.self))))
                } else {
                    body(.float(UnsafePointer(start.assumingMemoryBound(to: Float.self))))
                }
            }
        }
    }
}

/// The columns of a matrix as points.
public struct MatrixPoints: PointSource {
    /// The matrix, d×n.
    public let matrix: Matrix

    /// The columns of a matrix as points, without a copy.
    public init(_ matrix: Matrix) { self.matrix = matrix }

    /// Columns of the matrix.
    public var pointCount: Int { matrix.columns }
    /// Rows of the matrix.
    public var dimension: Int { matrix.rows }
    /// That of Double.
    public var relativePrecision: Double { Double.ulpOfOne }

    /// Hands over a run of columns in place. Precondition: the range lies in 0..<`pointCount`.
    public func withBlock(_ range: Range<Int>, _ body: (PointBlock) -> Void) {
        precondition(range.lowerBound >= 0 && range.upperBound <= matrix.columns, "point range out of bounds")
        matrix.elements.withUnsafeBufferPointer { storage in
            if let base = storage.baseAddress { body(.double(base + range.lowerBound * matrix.rows)) }
        }
    }
}

extension PointSource {
    /// Copies one point to `out` as Double.
    func copyPoint(_ index: Int, to out: UnsafeMutablePointer<Double>) {
        let d = dimension
        withBlock(index..<index + 1) { block in
            switch block {
            case .double(let p): out.update(from: p, count: d)
            case .float(let p): for k in 0..<d { out[k] = Double(p[k]) }
            }
        }
    }

    /// The points with the given indices as columns.
    func gather(_ indices: some RandomAccessCollection<Int>, _ team: ThreadTeam = .single) -> [Double] {
        let d = dimension
        return [Double](unsafeUninitializedCapacity: d * indices.count) { out, count in
            LargePages.advise(UnsafeMutableRawBufferPointer(out))
            if let base = out.baseAddress {
                let target = SharedPointer(base)
                team.share(indices.count, inRunsOf: Swift.max(64, 65536 / d)) { run in
                    for (j, index) in zip(run, indices.dropFirst(run.lowerBound)) { copyPoint(index, to: target.pointer + j * d) }
                }
            }
            count = d * indices.count
        }
    }

    /// A run of points as Double, one after the other.
    func copy(_ range: Range<Int>) -> [Double] {
        let total = range.count * dimension
        return [Double](unsafeUninitializedCapacity: total) { out, count in
            withBlock(range) { block in
                switch block {
                case .double(let p): out.baseAddress?.update(from: p, count: total)
                case .float(let p): for k in 0..<total { out[k] = Double(p[k]) }
                }
            }
            count = total
        }
    }

    /// The first non-finite coordinate of all points, or of those of a range, found by a scan.
    func firstNonFinite(in points: Range<Int>? = nil) -> GeometryError? {
        let d = dimension
        var found: GeometryError?
        let step = Swift.max(1, 65536 / d)
        let points = points ?? 0..<pointCount
        for start in stride(from: points.lowerBound, to: points.upperBound, by: step) where found == nil {
            let range = start..<Swift.min(start + step, points.upperBound)
            withBlock(range) { block in
                switch block {
                case .double(let p):
                    for k in 0..<range.count * d where !p[k].isFinite {
                        found = .nonFinite(point: start + k / d, coordinate: k % d, value: p[k])
                        return
                    }
                case .float(let p):
                    for k in 0..<range.count * d where !p[k].isFinite {
                        found = .nonFinite(point: start + k / d, coordinate: k % d, value: Double(p[k]))
                        return
                    }
                }
            }
        }
        return found
    }
}

extension PointBlock {
    /// The k-th number as Double.
    @inline(__always)
    subscript(k: Int) -> Double {
        switch self {
        case .double(let p): p[k]
        case .float(let p): Double(p[k])
        }
    }
}
