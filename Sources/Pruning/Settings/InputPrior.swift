// The Gaussian stand-in for inputs nobody gave us (input model 1).
//
//   x ~ N(μ₀, Σ₀),   Σ₀[p, q] = σ_p·σ_q·ρ^dist(p, q)                                                       (1)
// p, q pixels, dist their Euclidean distance in pixels; channels of one image count as one pixel step apart. Optionally
// σ_p is multiplied by the norm of column p of the first layer, relative to the mean square: inputs that never vary in
// training keep their small initial weights, so the weights know where the data lives.
// ρ^dist is positive semidefinite: exp(−c·‖p − q‖) is the Matérn-½ covariance in any dimension.

import LinearAlgebra
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What is assumed about the inputs of a network when no data is given.
///
/// All values are in raw units, before the network's own input normalization.
public struct InputPrior: Sendable, Equatable, Codable {
    /// Mean, one value or one per channel.
    public var mean: [Double]
    /// Standard deviation, one value or one per channel.
    public var deviation: [Double]
    /// Correlation of neighboring pixels, 0 ..< 1; correlation falls off as ρ^distance.
    public var correlation: Double
    /// Scale the deviation of each input by the norm of its column in the first layer.
    public var scalesByColumnNorms: Bool

    /// Correlation of neighboring pixels when nothing is declared.
    public static let defaultCorrelation = 0.85

    public init(
        mean: [Double], deviation: [Double], correlation: Double = InputPrior.defaultCorrelation,
        scalesByColumnNorms: Bool = true
    ) {
        self.mean = mean
        self.deviation = deviation
        self.correlation = correlation
        self.scalesByColumnNorms = scalesByColumnNorms
    }

    /// Moments of the network's input after normalization (x − shift)/scale.
    ///
    /// - Parameters:
    ///   - shape: (channels, height, width), (height, width) or (features); a single width that is a square, or three
    ///     times a square, is read as an image with one or three channels.
    ///   - columnNorms: norm of each column of the first layer; `nil` when it is not a dense layer.
    ///   - shift, scale: the network's input normalization per channel (`--mean`, `--std`); 0 and 1 when empty.
    /// - Throws: `invalidSetting` for a deviation, correlation or count that does not fit.
    public func moments(
        shape: [Int], columnNorms: [Double]?, shift: [Double] = [], scale: [Double] = []
    ) throws(PruningError) -> ActivationMoments {
        let grid = PixelGrid(shape: shape)
        let deviations = try perPixel(deviation, grid, name: "--input-std")
        guard deviations.allSatisfy({ $0 > 0 && $0.isFinite }) else {
            throw .invalidSetting(name: "--input-std", expected: "positive and finite", found: "\(deviation)")
        }
        guard correlation >= 0, correlation < 1 else {
            throw .invalidSetting(name: "--input-correlation", expected: "in 0 ..< 1", found: "\(correlation)")
        }
        let means = try perPixel(mean, grid, name: "--input-mean")
        let shifts = try perPixel(shift.isEmpty ? [0] : shift, grid, name: "--mean")
        let scales = try perPixel(scale.isEmpty ? [1] : scale, grid, name: "--std")
        guard scales.allSatisfy({ $0 > 0 && $0.isFinite }) else {
            throw .invalidSetting(name: "--std", expected: "positive and finite", found: "\(scale)")
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

    private func perPixel(_ values: [Double], _ grid: PixelGrid, name: String) throws(PruningError) -> [Double] {
        guard values.allSatisfy(\.isFinite) else {
            throw .invalidSetting(name: name, expected: "finite", found: "\(values)")
        }
        if values.count == 1 { return [Double](repeating: values[0], count: grid.count) }
        guard values.count == grid.channels else {
            throw .invalidSetting(
                name: name, expected: "one value or \(grid.channels) (one per channel)", found: "\(values.count) values")
        }
        return (0..<grid.count).map { values[$0 / grid.area] }
    }
}

/// Where the entries of a flattened input lie: channel-major pixels, or a plain vector without neighborhood.
struct PixelGrid: Equatable {
    var channels: Int
    var height: Int
    var width: Int
    /// Whether neighbors are correlated at all; a plain feature vector has none.
    var isImage: Bool

    var area: Int { height * width }
    var count: Int { channels * area }

    init(shape: [Int]) {
        switch shape.count {
        case 3: self.init(channels: shape[0], height: shape[1], width: shape[2], isImage: true)
        case 2: self.init(channels: 1, height: shape[0], width: shape[1], isImage: true)
        default:
            let features = shape.reduce(1, *)
            if let side = PixelGrid.root(features), side > 1 {
                self.init(channels: 1, height: side, width: side, isImage: true)
            } else if features % 3 == 0, let side = PixelGrid.root(features / 3), side > 1 {
                self.init(channels: 3, height: side, width: side, isImage: true)
            } else {
                self.init(channels: features, height: 1, width: 1, isImage: false)
            }
        }
    }

    private init(channels: Int, height: Int, width: Int, isImage: Bool) {
        self.channels = channels
        self.height = height
        self.width = width
        self.isImage = isImage
    }

    /// ρ^distance between entries p and q.
    func correlation(_ p: Int, _ q: Int, neighbor rho: Double) -> Double {
        if p == q { return 1 }
        guard isImage, rho > 0 else { return 0 }
        let step = p / area == q / area ? 0 : 1
        let (down, across) = ((p % area) / width - (q % area) / width, p % width - q % width)
        return pow(rho, Double(step * step + down * down + across * across).squareRoot())
    }

    private static func root(_ value: Int) -> Int? {
        let side = Int(Double(value).squareRoot().rounded())
        return side * side == value ? side : nil
    }
}
