// Means and covariances of a stream of samples, in Double, block by block.
//
// Sums are taken about a provisional center (the mean of the first block), so that a large common offset costs no
// digits: with x̃ = x − c,  C = Σx̃x̃ᵀ/N − m̃m̃ᵀ,  m = c + m̃.

import LinearAlgebra

/// Accumulates E h, Cov h and, with targets, E z, Cov(h, z) and tr Cov z.
package struct MomentAccumulator: Sendable {
    /// Number of regressors (n) and of targets (q).
    package let channels: Int
    package let targets: Int
    /// Samples seen.
    package internal(set) var count = 0
    var channelCenter: [Double] = []
    var targetCenter: [Double] = []
    var channelSum: [Double]
    var targetSum: [Double]
    var gram: Matrix
    var cross: Matrix
    var targetSquares: [Double]

    package init(channels: Int, targets: Int = 0) {
        self.channels = channels
        self.targets = targets
        channelSum = [Double](repeating: 0, count: channels)
        targetSum = [Double](repeating: 0, count: targets)
        targetSquares = [Double](repeating: 0, count: targets)
        gram = Matrix(rows: channels, columns: channels)
        cross = Matrix(rows: channels, columns: targets)
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

    var hasCenters: Bool { !channelCenter.isEmpty }

    /// Takes the centers from a block that is not added itself, so that sums of several accumulators can be put together.
    mutating func setCenters(_ h: Matrix, _ z: Matrix?) {
        setCenters(channels: MomentAccumulator.rowMeans(h), targets: z.map(MomentAccumulator.rowMeans) ?? [])
    }

    mutating func setCenters(channels: [Double], targets: [Double]) { (channelCenter, targetCenter) = (channels, targets) }

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

    static func rowMeans(_ block: Matrix) -> [Double] {
        var sums = [Double](repeating: 0, count: block.rows)
        block.elements.withUnsafeBufferPointer { values in
            sums.withUnsafeMutableBufferPointer { sums in
                for j in 0..<block.columns { for i in 0..<block.rows { sums[i] += values[i + j * block.rows] } }
            }
        }
        return sums.map { $0 / Double(block.columns) }
    }

    /// Columns that a thread adds or selects at a time.
    private static let columnsOfPart = 64
}
