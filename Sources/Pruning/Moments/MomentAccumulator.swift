// Means and covariances of a stream of samples, in Double, block by block.
//
// Sums are taken about a provisional center (the mean of the first block), so that a large common offset costs no
// digits: with x̃ = x − c,  C = Σx̃x̃ᵀ/N − m̃m̃ᵀ,  m = c + m̃. One dsyrk (and one dgemm for the targets) per block.

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

    /// Adds a block of samples: h as n×N and z as q×N (0×N without targets), one sample per column.
    package mutating func add(_ h: Matrix, targets z: Matrix? = nil) {
        precondition(h.rows == channels && (z?.rows ?? 0) == targets && (z?.columns ?? h.columns) == h.columns)
        let samples = h.columns
        guard samples > 0, channels > 0 else { return }
        if channelCenter.isEmpty { setCenters(h, z) }
        count += samples
        let centered = MomentAccumulator.centered(h, channelCenter, &channelSum)
        centered.elements.withUnsafeBufferPointer { a in
            gram.elements.withUnsafeMutableBufferPointer {
                BLAS.syrk(.lower, .normal, channels, samples, 1, a.baseAddress!, channels, 1, $0.baseAddress!, channels)
            }
        }
        guard let z, targets > 0 else { return }
        let centeredTargets = MomentAccumulator.centered(z, targetCenter, &targetSum)
        for j in 0..<samples {
            for k in 0..<targets {
                let value = centeredTargets.elements[j * targets + k]
                targetSquares[k] += value * value
            }
        }
        centered.elements.withUnsafeBufferPointer { a in
            centeredTargets.elements.withUnsafeBufferPointer { b in
                cross.elements.withUnsafeMutableBufferPointer {
                    BLAS.gemm(
                        .normal, .transposed, channels, targets, samples, 1, a.baseAddress!, channels, b.baseAddress!, targets, 1,
                        $0.baseAddress!, channels)
                }
            }
        }
    }

    /// Takes the centers from a block that is not added itself, so that sums of several accumulators can be put together.
    mutating func setCenters(_ h: Matrix, _ z: Matrix?) {
        channelCenter = MomentAccumulator.rowMeans(h)
        targetCenter = z.map(MomentAccumulator.rowMeans) ?? []
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
        for k in gram.elements.indices { gram.elements[k] += factor * other.gram.elements[k] }
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
        result.gram = Matrix(rows: regressors.count, columns: regressors.count) {
            let (i, j) = (regressors[$0], regressors[$1])
            return i >= j ? gram[i, j] : gram[j, i]
        }
        result.cross = cross.selectingRows(regressors)
        return result
    }

    /// E h and Cov h (zero before any sample).
    package var moments: ActivationMoments {
        guard count > 0 else {
            return ActivationMoments(mean: channelSum, covariance: Matrix(rows: channels, columns: channels))
        }
        let n = Double(count)
        var covariance = gram
        covariance.symmetrizeFromLower()
        let offset = channelSum.map { $0 / n }
        for j in 0..<channels {
            for i in 0..<channels { covariance[i, j] = covariance[i, j] / n - offset[i] * offset[j] }
            covariance[j, j] = Swift.max(0, covariance[j, j])
        }
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
        let n = Double(count)
        return Matrix(rows: channels, columns: targets) { cross[$0, $1] / n - channelSum[$0] / n * (targetSum[$1] / n) }
    }

    /// Var z per target.
    package var targetEnergies: [Double] {
        guard count > 0 else { return targetSquares }
        let n = Double(count)
        return zip(targetSquares, targetSum).map { Swift.max(0, $0 / n - ($1 / n) * ($1 / n)) }
    }

    private static func rowMeans(_ block: Matrix) -> [Double] {
        var sums = [Double](repeating: 0, count: block.rows)
        for j in 0..<block.columns { for i in 0..<block.rows { sums[i] += block.elements[i + j * block.rows] } }
        return sums.map { $0 / Double(block.columns) }
    }

    private static func centered(_ block: Matrix, _ center: [Double], _ sum: inout [Double]) -> Matrix {
        var result = block
        for j in 0..<block.columns {
            for i in 0..<block.rows {
                let value = block.elements[i + j * block.rows] - center[i]
                result.elements[i + j * block.rows] = value
                sum[i] += value
            }
        }
        return result
    }
}
