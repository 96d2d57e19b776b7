// Means and covariances of a stream of samples, in Double, block by block.
//
// Products of wide regressors are made in Float, tile by tile, and added up in Double: twice as fast, and about their center exact to
// √tile·6e-8 of the deviations, a thousandth of what the least pull on their fit allows.
// Sums are taken about a provisional center (the mean of the first block), so that a large common offset costs no
// digits: with x̃ = x − c,  C = Σx̃x̃ᵀ/N − m̃m̃ᵀ,  m = c + m̃. One dsyrk (and one dgemm for the targets) per tile.

import LinearAlgebra

/// Accumulates E h, Cov h and, with targets, E z, Cov(h, z) and tr Cov z.
package struct MomentAccumulator: Sendable {
    /// Number of regressors (n) and of targets (q).
    package let channels: Int
    package let targets: Int
    /// Samples seen.
    package private(set) var count = 0
    private var channelCenter: [Double] = []
    private var targetCenter: [Double] = []
    private var channelSum: [Double]
    private var targetSum: [Double]
    private var gram: Matrix
    private var cross: Matrix
    private var targetSquares: [Double]

    package init(channels: Int, targets: Int = 0) {
        self.channels = channels
        self.targets = targets
        channelSum = [Double](repeating: 0, count: channels)
        targetSum = [Double](repeating: 0, count: targets)
        targetSquares = [Double](repeating: 0, count: targets)
        gram = Matrix(rows: channels, columns: channels)
        cross = Matrix(rows: channels, columns: targets)
    }

    /// Samples whose products are added at once: enough for the products to run at full speed and for adding them up to take no time.
    private static let tile = 1024

    /// Adds samples: h as n×N and z as q×N (0×N without targets), one sample per column.
    ///
    /// - Parameter columns: which of the samples; all by default.
    package mutating func add(_ h: Matrix, targets z: Matrix? = nil, columns: [Int]? = nil) {
        precondition(h.rows == channels && (z?.rows ?? 0) == targets && (z?.columns ?? h.columns) == h.columns)
        let samples = columns?.count ?? h.columns
        guard samples > 0, channels > 0 else { return }
        if channelCenter.isEmpty { setCenters(h, z) }
        count += samples
        for first in stride(from: 0, to: samples, by: MomentAccumulator.tile) {
            let tile = first..<Swift.min(first + MomentAccumulator.tile, samples)
            let own = columns.map { Array($0[tile]) } ?? Array(tile)
            if channels >= MomentAccumulator.wide {
                addSingle(h, z, own)
                continue
            }
            let centered: [Double] = MomentAccumulator.centered(h, own, channelCenter, &channelSum)
            centered.withUnsafeBufferPointer { a in
                gram.elements.withUnsafeMutableBufferPointer {
                    BLAS.syrk(.lower, .normal, channels, own.count, 1, a.baseAddress!, channels, 1, $0.baseAddress!, channels)
                }
            }
            guard let z, targets > 0 else { continue }
            let centeredTargets: [Double] = MomentAccumulator.centered(z, own, targetCenter, &targetSum)
            centeredTargets.withUnsafeBufferPointer { b in
                addSquares(b, own.count)
                centered.withUnsafeBufferPointer { a in
                    cross.elements.withUnsafeMutableBufferPointer {
                        BLAS.gemm(
                            .normal, .transposed, channels, targets, own.count, 1, a.baseAddress!, channels, b.baseAddress!, targets, 1,
                            $0.baseAddress!, channels)
                    }
                }
            }
        }
    }

    private mutating func addSquares<Scalar: BinaryFloatingPoint>(_ centered: UnsafeBufferPointer<Scalar>, _ samples: Int) {
        targetSquares.withUnsafeMutableBufferPointer { squares in
            for j in 0..<samples {
                for k in 0..<targets { squares[k] += Double(centered[j * targets + k]) * Double(centered[j * targets + k]) }
            }
        }
    }

    /// Regressors from which products are made in Float: below, they take no time.
    private static let wide = 1024
    /// Rows and columns of such products made at a time: few enough for them to stay in the cache until they are added up.
    private static let panel = (rows: 1024, columns: 256)

    /// Adds a tile of samples by products in Float, in panels that threads share.
    private mutating func addSingle(_ h: Matrix, _ z: Matrix?, _ columns: [Int]) {
        let a: [Float] = MomentAccumulator.centered(h, columns, channelCenter, &channelSum)
        MomentAccumulator.addProduct(a, channels, a, channels, columns.count, isSymmetric: true, to: &gram)
        guard let z, targets > 0 else { return }
        let b: [Float] = MomentAccumulator.centered(z, columns, targetCenter, &targetSum)
        b.withUnsafeBufferPointer { addSquares($0, columns.count) }
        MomentAccumulator.addProduct(a, channels, b, targets, columns.count, isSymmetric: false, to: &cross)
    }

    /// matrix += a·bᵀ for a of m and b of n rows, column-major; the lower triangle where they are the same.
    private static func addProduct(
        _ a: [Float], _ m: Int, _ b: [Float], _ n: Int, _ samples: Int, isSymmetric: Bool, to matrix: inout Matrix
    ) {
        let panels = stride(from: 0, to: n, by: panel.columns).flatMap { column in
            stride(from: isSymmetric ? column : 0, to: m, by: panel.rows).map { (row: $0, column: column) }
        }
        matrix.elements.withUnsafeMutableBufferPointer { target in
            a.withUnsafeBufferPointer { a in
                b.withUnsafeBufferPointer { b in
                    BLASConfiguration.share(panels.count) { k in
                        let (row, column) = panels[k]
                        let (rows, columns) = (Swift.min(panel.rows, m - row), Swift.min(panel.columns, n - column))
                        var product: [Float] = .uninitialized(rows * columns)
                        BLAS.gemm(
                            .normal, .transposed, rows, columns, samples, 1, a.baseAddress! + row, m, b.baseAddress! + column, n, 0,
                            &product, rows)
                        product.withUnsafeBufferPointer { source in
                            for j in 0..<columns {
                                let (from, to) = (source.baseAddress! + j * rows, target.baseAddress! + (column + j) * m + row)
                                VectorKernels.add(from, count: rows, to: to)
                            }
                        }
                    }
                }
            }
        }
    }

    /// Adds the target sums of another accumulator with the same targets and centers.
    mutating func addTargets(of other: MomentAccumulator) {
        guard other.count > 0 else { return }
        if count == 0 { targetCenter = other.targetCenter }
        precondition(targetCenter == other.targetCenter, "sums must be about the same centers")
        count += other.count
        for k in targetSum.indices { targetSum[k] += other.targetSum[k] }
        for k in targetSquares.indices { targetSquares[k] += other.targetSquares[k] }
    }

    /// Takes the centers from a block that is not added itself, so that sums of several accumulators can be put together.
    mutating func setCenters(_ h: Matrix, _ z: Matrix?) {
        channelCenter = MomentAccumulator.rowMeans(h)
        targetCenter = z.map(MomentAccumulator.rowMeans) ?? []
    }

    /// Takes the centers of another accumulator.
    mutating func setCenters(of other: MomentAccumulator) {
        (channelCenter, targetCenter) = (other.channelCenter, other.targetCenter)
    }

    /// Adds (sign 1) or takes away (sign −1) the samples of another accumulator with the same centers.
    mutating func combine(_ other: MomentAccumulator, sign: Int) {
        guard other.count > 0 else { return }
        precondition(channelCenter == other.channelCenter && targetCenter == other.targetCenter, "sums must be about the same centers")
        let factor = Double(sign)
        count += sign * other.count
        for k in channelSum.indices { channelSum[k] += factor * other.channelSum[k] }
        for k in targetSum.indices { targetSum[k] += factor * other.targetSum[k] }
        for k in targetSquares.indices { targetSquares[k] += factor * other.targetSquares[k] }
        let n = channels
        other.gram.elements.withUnsafeBufferPointer { source in
            gram.elements.withUnsafeMutableBufferPointer { target in
                BLASConfiguration.share(n, inRunsOf: MomentAccumulator.columnsOfPart) { part in
                    for j in part { for k in j * (n + 1)..<(j + 1) * n { target[k] += factor * source[k] } }
                }
            }
        }
        for k in cross.elements.indices { cross.elements[k] += factor * other.cross.elements[k] }
    }

    /// The same samples with some of the regressors only.
    func selecting(_ regressors: [Int]) -> MomentAccumulator {
        var result = MomentAccumulator(channels: regressors.count, targets: targets)
        result.count = count
        result.channelCenter = channelCenter.isEmpty ? [] : regressors.map { channelCenter[$0] }
        result.targetCenter = targetCenter
        result.channelSum = regressors.map { channelSum[$0] }
        result.targetSum = targetSum
        result.targetSquares = targetSquares
        // Only the lower triangle is filled.
        let (n, m) = (channels, regressors.count)
        gram.elements.withUnsafeBufferPointer { source in
            result.gram.elements.withUnsafeMutableBufferPointer { target in
                BLASConfiguration.share(m, inRunsOf: MomentAccumulator.columnsOfPart) { part in
                    for b in part {
                        let j = regressors[b]
                        for a in b..<m {
                            let i = regressors[a]
                            target[b * m + a] = i >= j ? source[j * n + i] : source[i * n + j]
                        }
                    }
                }
            }
        }
        result.cross = cross.selectingRows(regressors)
        return result
    }

    /// E h and Cov h (zero before any sample).
    package var moments: ActivationMoments {
        var copy = self
        return copy.takeMoments()
    }

    /// The same, in the memory of the sums where nobody else holds them; they are gone then.
    mutating func takeMoments() -> ActivationMoments {
        guard count > 0 else {
            return ActivationMoments(mean: channelSum, covariance: Matrix(rows: channels, columns: channels))
        }
        let scale = 1 / Double(count)
        var covariance = gram
        gram = Matrix(rows: 0, columns: 0)
        let offset = channelSum.map { $0 * scale }
        let n = channels
        covariance.elements.withUnsafeMutableBufferPointer { values in
            offset.withUnsafeBufferPointer { offset in
                BLASConfiguration.share(n, inRunsOf: MomentAccumulator.columnsOfPart) { part in
                    for j in part {
                        for i in j..<n { values[j * n + i] = values[j * n + i] * scale - offset[i] * offset[j] }
                        values[j * n + j] = Swift.max(0, values[j * n + j])
                    }
                }
            }
        }
        covariance.symmetrizeFromLower()
        return ActivationMoments(mean: zip(channelCenter, offset).map { $0 + $1 }, covariance: covariance)
    }

    /// E z.
    package var targetMean: [Double] {
        guard count > 0, targets > 0 else { return targetSum }
        return zip(targetCenter, targetSum).map { $0 + $1 / Double(count) }
    }

    /// Cov(h, z), n×q.
    package var crossCovariance: Matrix {
        guard count > 0 else { return cross }
        let scale = 1 / Double(count)
        var result = cross
        result.elements.withUnsafeMutableBufferPointer { values in
            for k in 0..<targets {
                let mean = targetSum[k] * scale * scale
                for i in 0..<channels { values[k * channels + i] = values[k * channels + i] * scale - channelSum[i] * mean }
            }
        }
        return result
    }

    /// Var z per target.
    package var targetEnergies: [Double] {
        guard count > 0 else { return targetSquares }
        let n = Double(count)
        return zip(targetSquares, targetSum).map { Swift.max(0, $0 / n - ($1 / n) * ($1 / n)) }
    }

    private static func rowMeans(_ block: Matrix) -> [Double] {
        var sums = [Double](repeating: 0, count: block.rows)
        block.elements.withUnsafeBufferPointer { values in
            sums.withUnsafeMutableBufferPointer { sums in
                for j in 0..<block.columns { for i in 0..<block.rows { sums[i] += values[i + j * block.rows] } }
            }
        }
        return sums.map { $0 / Double(block.columns) }
    }

    /// Rows that a thread centers, and columns that it adds or selects, at a time.
    private static let rowsOfPart = 512
    private static let columnsOfPart = 64

    /// Columns less the centers, one after the other; their sums go to `sum`.
    private static func centered<Scalar: BinaryFloatingPoint>(
        _ block: Matrix, _ columns: [Int], _ center: [Double], _ sum: inout [Double]
    ) -> [Scalar] {
        let rows = block.rows
        return [Scalar](unsafeUninitializedCapacity: rows * columns.count) { target, count in
            block.elements.withUnsafeBufferPointer { source in
                center.withUnsafeBufferPointer { center in
                    sum.withUnsafeMutableBufferPointer { sum in
                        BLASConfiguration.share(rows, inRunsOf: rowsOfPart) { part in
                            for (k, column) in columns.enumerated() {
                                let (from, to) = (source.baseAddress! + column * rows, target.baseAddress! + k * rows)
                                for i in part {
                                    let value = from[i] - center[i]
                                    to[i] = Scalar(value)
                                    sum[i] += value
                                }
                            }
                        }
                    }
                }
            }
            count = rows * columns.count
        }
    }
}
