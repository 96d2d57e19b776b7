// The Gaussian stand-in for inputs nobody gave us.
//
//   x ~ N(μ₀, Σ₀),   Σ₀[p, q] = σ_p·σ_q·ρ^dist(p, q)                                                       (1)
// p, q pixels, dist their Euclidean distance in pixels; channels of one image count as one pixel step apart. Optionally
// σ_p is multiplied by the norm of column p of the first layer, relative to the mean square: inputs that never vary in
// training keep their small initial weights, so the weights know where the data lives.
// ρ^dist is positive semidefinite: exp(−c·‖p − q‖) is the Matérn-½ covariance in any dimension.

import LinearAlgebra

extension InputPrior {
    /// Moments of the network's input after normalization (x − shift)/scale.
    ///
    /// - Parameters:
    ///   - shape: (channels, height, width), (height, width, 1 or 3 channels), (height, width) or (features); a single width that is a square, or three
    ///     times a square, is read as an image with one or three channels.
    ///   - columnNorms: norm of each column of the first layer; `nil` when it is not a dense layer.
    ///   - shift, scale: the network's input normalization per channel; 0 and 1 when empty.
    /// - Throws: `invalidSetting` for a deviation, correlation or count that does not fit.
    package func moments(
        shape: [Int], columnNorms: [Double]?, shift: [Double] = [], scale: [Double] = []
    ) throws(PruningError) -> ActivationMoments {
        let grid = PixelGrid(shape: shape)
        let deviations = try perPixel(deviation, grid, .inputDeviation)
        guard deviations.allSatisfy({ $0 > 0 && $0.isFinite }) else {
            throw .invalidSetting(.inputDeviation, expected: "positive and finite", found: "\(deviation)")
        }
        guard correlation >= 0, correlation < 1 else {
            throw .invalidSetting(.inputCorrelation, expected: "in 0 ..< 1", found: "\(correlation)")
        }
        let means = try perPixel(mean, grid, .inputMean)
        let shifts = try perPixel(shift.isEmpty ? [0] : shift, grid, .inputShift)
        let scales = try perPixel(scale.isEmpty ? [1] : scale, grid, .inputScale)
        guard scales.allSatisfy({ $0 > 0 && $0.isFinite }) else {
            throw .invalidSetting(.inputScale, expected: "positive and finite", found: "\(scale)")
        }
        var spread = (0..<grid.count).map { deviations[$0] / scales[$0] }
        if scalesByColumnNorms, let columnNorms {
            precondition(columnNorms.count == grid.count, "one column norm per input")
            let meanSquare = columnNorms.reduce(0) { $0 + $1 * $1 } / Double(Swift.max(1, grid.count))
            if meanSquare > 0 { for p in spread.indices { spread[p] *= columnNorms[p] / meanSquare.squareRoot() } }
        }
        return ActivationMoments(
            mean: (0..<grid.count).map { (means[$0] - shifts[$0]) / scales[$0] },
            covariance: Matrix(rows: grid.count, columns: grid.count) { p, q in
                spread[p] * spread[q] * grid.correlation(p, q, neighbor: correlation)
            })
    }

    private func perPixel(_ values: [Double], _ grid: PixelGrid, _ setting: Setting) throws(PruningError) -> [Double] {
        guard values.allSatisfy(\.isFinite) else {
            throw .invalidSetting(setting, expected: "finite", found: "\(values)")
        }
        if values.count == 1 { return [Double](repeating: values[0], count: grid.count) }
        guard values.count == grid.channels else {
            throw .invalidSetting(
                setting, expected: "one value or \(grid.channels) (one per channel)", found: "\(values.count) values")
        }
        return (0..<grid.count).map { values[grid.channel($0)] }
    }
}
