// A tensor without some positions of its axes, as it is written while it is read.

/// What of a tensor stays.
public struct TensorCut: Sendable, Equatable {
    /// Positions that stay, ascending, by axis; all on axes that are absent.
    public var positions: [Int: [Int]] = [:]
    /// What is multiplied: a number for every position that stays on `factorAxis`; nil for 1.
    public var factors: [Float]?
    /// The axis of the factors.
    public var factorAxis = 1

    /// A cut that keeps what is given of the first two axes, and all where nothing is; factors are those of columns.
    public init(rows: [Int]? = nil, columns: [Int]? = nil, factors: [Float]? = nil) {
        positions[0] = rows
        positions[1] = columns
        self.factors = factors
    }

    /// The shape that is left.
    public func shape(of shape: [Int]) -> [Int] {
        var result = shape
        for (axis, chosen) in positions { result[axis] = chosen.count }
        return result
    }
}

/// What stays of one row of a tensor, which is all that is at one position of its first axis.
struct RowCut {
    /// Neighboring elements that stay; nil for all.
    private let runs: [Range<Int>]?
    /// The elements of short runs one by one, which is faster than to copy a few bytes at a time.
    private let elements: [Int]?
    private let width: Int
    /// What each element that stays is multiplied by.
    let scales: [Float]?

    /// Mean length of runs from which on they are copied as such: a call of memcpy costs as much as some sixteen single loads.
    private static let longRun = 16

    init(_ cut: TensorCut, of shape: [Int], width: Int) {
        self.width = width
        let last = cut.positions.keys.filter { $0 > 0 }.max() ?? 0
        let inner = shape[(last + 1)...].reduce(1, *)
        var starts = [0]
        for axis in 1..<max(1, last + 1) {
            let chosen = cut.positions[axis] ?? Array(0..<shape[axis])
            starts = starts.flatMap { start in chosen.map { start * shape[axis] + $0 } }
        }
        if last == 0 {
            (runs, elements) = (nil, nil)
        } else {
            var runs: [Range<Int>] = []
            for start in starts {
                if let before = runs.last, before.upperBound == start * inner {
                    runs[runs.count - 1] = before.lowerBound..<(start + 1) * inner
                } else {
                    runs.append(start * inner..<(start + 1) * inner)
                }
            }
            let isShort = starts.count * inner < RowCut.longRun * runs.count
            self.runs = runs
            elements = isShort ? runs.flatMap { Array($0) } : nil
        }
        guard let factors = cut.factors, cut.factorAxis > 0 else {
            scales = nil
            return
        }
        let left = cut.shape(of: shape)
        let (outer, after) = (left[1..<cut.factorAxis].reduce(1, *), left[(cut.factorAxis + 1)...].reduce(1, *))
        scales = (0..<outer).flatMap { _ in factors.flatMap { [Float](repeating: $0, count: after) } }
    }

    /// Appends what stays of a row's bytes.
    func append(_ row: UnsafeRawBufferPointer, to kept: inout [UInt8]) {
        guard let runs else { return kept.append(contentsOf: row) }
        guard let elements else {
            for run in runs {
                kept.append(contentsOf: UnsafeRawBufferPointer(rebasing: row[run.lowerBound * width..<run.upperBound * width]))
            }
            return
        }
        switch width {
        case 2: Self.gather(UInt16.self, elements, row, to: &kept)
        case 4: Self.gather(UInt32.self, elements, row, to: &kept)
        case 8: Self.gather(UInt64.self, elements, row, to: &kept)
        default: Self.gather(UInt8.self, elements, row, to: &kept)
        }
    }

    @inline(__always)
    private static func gather<Word: BitwiseCopyable>(
        _: Word.Type, _ elements: [Int], _ row: UnsafeRawBufferPointer, to kept: inout [UInt8]
    ) {
        let start = kept.count
        kept.append(contentsOf: repeatElement(0, count: elements.count * MemoryLayout<Word>.size))
        kept.withUnsafeMutableBytes { kept in
            guard let from = row.baseAddress, let to = kept.baseAddress.map({ $0 + start }) else { return }
            for (place, element) in elements.enumerated() {
                let word = (from + element * MemoryLayout<Word>.size).loadUnaligned(as: Word.self)
                (to + place * MemoryLayout<Word>.size).storeBytes(of: word, as: Word.self)
            }
        }
    }
}
