// One read of the points: κᵢ = base + ‖W·(pᵢ − o) − w‖² for every point.
//
// Short points go through fused kernels; longer ones in blocks that stay in the second-level cache: shift, one dgemm
// with the inverted factor, norms of columns. Shifting by o first keeps an offset of 1e8 from eating the digits of the
// product. A lower triangular W is multiplied by strips of rows, which saves up to half the work.

import LinearAlgebra

/// The affine map p ↦ W·(p − o) − w to ℝʳ whose squared norm is a leverage, up to the constant `base`.
struct LeverageMap: Sendable {
    let rank: Int
    let dimension: Int
    /// W, r×d by columns.
    let matrix: [Double]
    /// w, r numbers.
    let offset: [Double]
    /// o, d numbers.
    let origin: [Double]
    /// What is added to the squared norm.
    let base: Double
    private let isLower: Bool
    private let isShifted: Bool

    init(rank r: Int, dimension d: Int, matrix: [Double], offset: [Double], origin: [Double], base: Double) {
        rank = r
        dimension = d
        self.matrix = matrix
        self.offset = offset
        self.origin = origin
        self.base = base
        isLower = r == d && (1..<Swift.max(d, 1)).allSatisfy { k in (0..<k).allSatisfy { matrix[$0 + k * r] == 0 } }
        isShifted = origin.contains { $0 != 0 }
    }

    /// Points per block: what a block occupies fits the second-level cache, and the product has columns enough.
    var blockSize: Int { Self.blockSize(Swift.max(dimension, rank)) }

    /// The same for points of a dimension, of whatever rank.
    static func blockSize(_ dimension: Int) -> Int { Swift.max(256, 32768 / dimension / 8 * 8) }

    /// κ of the first `count` points of `source` into `out`; bytes do not depend on the team.
    func leverages(of source: some PointSource, count: Int, into out: UnsafeMutablePointer<Double>, team: ThreadTeam) {
        let target = SharedPointer(out)
        team.share(count, inRunsOf: taskSize) { run(source, $0, target.pointer + $0.lowerBound) }
    }

    /// κ of the points of a range in runs of consecutive ones that threads share: nothing is kept. `body` may write over κ.
    func leverages(
        of source: some PointSource, in range: Range<Int>, team: ThreadTeam,
        _ body: (_ first: Int, _ kappa: UnsafeMutablePointer<Double>, _ count: Int) -> Void
    ) {
        team.share(range.count, inRunsOf: taskSize) {
            leverages(of: source, in: range.lowerBound + $0.lowerBound..<range.lowerBound + $0.upperBound, body)
        }
    }

    /// κ of the points of a range, on the calling thread.
    func leverages(
        of source: some PointSource, in range: Range<Int>,
        _ body: (_ first: Int, _ kappa: UnsafeMutablePointer<Double>, _ count: Int) -> Void
    ) {
        withUnsafeTemporaryAllocation(of: Double.self, capacity: range.count) { buffer in
            guard let kappa = buffer.baseAddress else { return }
            run(source, range, kappa)
            body(range.lowerBound, kappa, range.count)
        }
    }

    /// Points per task: whole blocks, worth sharing by their reads alone, and by their flops.
    var taskSize: Int {
        let worth = (1 << 20) / (Swift.max(dimension, 8) * Swift.max(rank, 8))
        return (worth + blockSize - 1) / blockSize * blockSize
    }

    /// κ of `count` points in memory, one after the other.
    func leverages(of points: UnsafePointer<Double>, count: Int, into out: UnsafeMutablePointer<Double>, team: ThreadTeam) {
        guard
            let source = try? BorrowedPoints(
                UnsafeBufferPointer(start: points, count: count * dimension), count: count, dimension: dimension)
        else { return }
        leverages(of: source, count: count, into: out, team: team)
    }

    /// κ of a range of points from `out` on.
    private func run(_ source: some PointSource, _ range: Range<Int>, _ out: UnsafeMutablePointer<Double>) {
        if isLower, LeverageKernels.triangularLengths.contains(dimension) {
            runTriangular(source, range, out)
        } else if Swift.max(rank, dimension) <= LeverageKernels.shortestProduct {
            runFused(source, range, out)
        } else {
            runBlocked(source, range, out)
        }
    }

    private func runTriangular(_ source: some PointSource, _ range: Range<Int>, _ out: UnsafeMutablePointer<Double>) {
        let d = dimension
        let packed = LeverageKernels.packTriangle(matrix, order: d)
        let shift = offset + [0, 0, 0]
        for start in stride(from: range.lowerBound, to: range.upperBound, by: blockSize) {
            let count = Swift.min(blockSize, range.upperBound - start)
            source.withBlock(start..<start + count) { block in
                switch block {
                case .double(let p):
                    LeverageKernels.triangularLeverages(
                        p, dimension: d, count: count, origin: origin, matrix: packed, offset: shift, constant: base,
                        into: out + (start - range.lowerBound))
                case .float(let p):
                    LeverageKernels.triangularLeverages(
                        p, dimension: d, count: count, origin: origin, matrix: packed, offset: shift, constant: base,
                        into: out + (start - range.lowerBound))
                }
            }
        }
    }

    private func runFused(_ source: some PointSource, _ range: Range<Int>, _ out: UnsafeMutablePointer<Double>) {
        let (d, r) = (dimension, rank)
        let vectors = (Swift.max(r, d) + 7) / 8
        var padded = [Double](repeating: 0, count: 8 * vectors * d)
        for k in 0..<d { for i in 0..<r { padded[i + 8 * vectors * k] = matrix[i + r * k] } }
        let shift = offset + [Double](repeating: 0, count: 8 * vectors - r)
        for start in stride(from: range.lowerBound, to: range.upperBound, by: blockSize) {
            let count = Swift.min(blockSize, range.upperBound - start)
            source.withBlock(start..<start + count) { block in
                switch block {
                case .double(let p):
                    LeverageKernels.leverages(
                        p, dimension: d, count: count, origin: origin, matrix: padded, vectors: vectors, offset: shift,
                        isLower: isLower, constant: base, into: out + (start - range.lowerBound))
                case .float(let p):
                    LeverageKernels.leverages(
                        p, dimension: d, count: count, origin: origin, matrix: padded, vectors: vectors, offset: shift,
                        isLower: isLower, constant: base, into: out + (start - range.lowerBound))
                }
            }
        }
    }

    private func runBlocked(_ source: some PointSource, _ range: Range<Int>, _ out: UnsafeMutablePointer<Double>) {
        let (d, r) = (dimension, rank)
        withUnsafeTemporaryAllocation(of: Double.self, capacity: (d + r) * blockSize) { workspace in
            let shifted = workspace.baseAddress!
            let image = shifted + d * blockSize
            for start in stride(from: range.lowerBound, to: range.upperBound, by: blockSize) {
                let count = Swift.min(blockSize, range.upperBound - start)
                source.withBlock(start..<start + count) { block in
                    var input = UnsafePointer(shifted)
                    switch block {
                    case .double(let p) where !isShifted: input = p
                    case .double(let p): LeverageKernels.shift(p, dimension: d, count: count, origin: origin, into: shifted)
                    case .float(let p): LeverageKernels.shift(p, dimension: d, count: count, origin: origin, into: shifted)
                    }
                    matrix.withUnsafeBufferPointer {
                        multiply($0.baseAddress!, isLower ? .lower : .full, r, d, input, count, into: image)
                    }
                }
                LeverageKernels.columnNorms(
                    image, rows: r, count: count, offset: offset, base: base, into: out + (start - range.lowerBound))
            }
        }
    }
}

/// Where a matrix may have entries other than zero.
enum Pattern { case full, lower, upper }

/// image ← W·input, W r×d and input d×count by columns; strips of rows when W is triangular.
func multiply(
    _ matrix: UnsafePointer<Double>, _ pattern: Pattern, _ r: Int, _ d: Int, _ input: UnsafePointer<Double>, _ count: Int,
    into image: UnsafeMutablePointer<Double>
) {
    guard pattern != .full, r >= 96 else {
        return BLAS.gemm(.normal, .normal, r, count, d, 1, matrix, r, input, d, 0, image, r)
    }
    // A strip is at least 48 rows, the height at which the product runs at full speed.
    let strips = Swift.min(8, r / 48)
    for strip in 0..<strips {
        let (first, last) = (strip * r / strips, (strip + 1) * r / strips)
        let columns = pattern == .lower ? 0..<last : first..<d
        BLAS.gemm(
            .normal, .normal, last - first, count, columns.count, 1, matrix + first + columns.lowerBound * r, r,
            input + columns.lowerBound, d, 0, image + first, r)
    }
}
