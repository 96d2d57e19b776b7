// Weights on a few points, and the leverage map they define, through a QR of the weighted, centered points:
//
//     ȳ = Σ uᵢyᵢ,   RᵀR = S = Σ uᵢ(yᵢ−ȳ)(yᵢ−ȳ)ᵀ,   κ(p) = [1 +] ‖R⁻ᵀ(y(p) − ȳ)‖²
//
// QR, not the Gram matrix: short axes keep their digits. ȳ = 0 and no 1 when the center is fixed at the origin.

import LinearAlgebra

struct WeightedDesign {
    /// Indices of the points in the source, weights > 0 with sum 1.
    var indices: [Int]
    var weights: [Double]
}

/// R⁻ᵀ and ȳ of a design, in frame coordinates.
struct DesignFactor {
    let rank: Int
    /// ȳ
    let mean: [Double]
    /// R⁻ᵀ, lower triangular r×r by columns.
    let inverse: [Double]
    /// log det R = ½ log det S
    let logDeterminant: Double

    /// nil when the points do not span.
    /// - Parameters:
    ///   - images: y of the points, r×m.
    ///   - weights: weights with sum 1.
    init?(images y: [Double], rank r: Int, weights u: [Double], isCentered: Bool) {
        let m = u.count
        guard m >= r else { return nil }
        var mean = [Double](repeating: 0, count: r)
        if !isCentered { for j in 0..<m { for k in 0..<r { mean[k] += u[j] * y[k + j * r] } } }
        var rows = [Double](repeating: 0, count: m * r)
        y.withUnsafeBufferPointer { y in
            for j in 0..<m {
                let root = u[j].squareRoot()
                for k in 0..<r { rows[j + k * m] = root * (y[k + j * r] - mean[k]) }
            }
        }
        let factor = Matrix(rows: m, columns: r, elements: rows).triangularFactor()
        guard factor.diagonal.allSatisfy({ $0 > 0 && $0.isFinite }) else { return nil }
        var inverse = factor.transposed()
        do { try LAPACK.trtri(.lower, .nonUnit, r, &inverse.elements, r) } catch { return nil }
        guard inverse.isFinite else { return nil }
        rank = r
        self.mean = mean
        self.inverse = inverse.elements
        logDeterminant = factor.diagonal.reduce(0) { $0 + Elementary.log($1) }
    }

    /// The map from raw points to κ, or to κ − 1 when `base` is 0.
    func leverageMap(_ frame: PointFrame, base: Double) -> LeverageMap {
        let (r, d) = (rank, frame.dimension)
        var matrix = [Double](repeating: 0, count: r * d)
        // A triangular transform times a triangular factor: zeros above the diagonal stay exact.
        BLAS.gemm(.normal, .normal, r, d, r, 1, inverse, r, frame.transform, r, 0, &matrix, r)
        return LeverageMap(rank: r, dimension: d, matrix: matrix, offset: imageOfMean, origin: frame.origin, base: base)
    }

    /// R⁻ᵀ·ȳ
    var imageOfMean: [Double] {
        var result = [Double](repeating: 0, count: rank)
        BLAS.gemv(.normal, rank, rank, 1, inverse, rank, mean, 1, 0, &result, 1)
        return result
    }

    /// `base` + κ̃ of points given in frame coordinates.
    func leverages(ofImages y: UnsafePointer<Double>, count: Int, base: Double, into out: UnsafeMutablePointer<Double>) {
        let origin = [Double](repeating: 0, count: rank)
        LeverageMap(rank: rank, dimension: rank, matrix: inverse, offset: imageOfMean, origin: origin, base: base)
            .leverages(of: y, count: count, into: out)
    }
}

extension DesignFactor {
    /// The metric of the frame itself.
    static func identity(_ rank: Int) -> DesignFactor {
        DesignFactor(rank: rank, mean: [Double](repeating: 0, count: rank), inverse: Matrix.identity(rank).elements, logDeterminant: 0)
    }

    private init(rank: Int, mean: [Double], inverse: [Double], logDeterminant: Double) {
        self.rank = rank
        self.mean = mean
        self.inverse = inverse
        self.logDeterminant = logDeterminant
    }
}

extension PointFrame {
    /// y = T·(p − o) of the points with the given indices, r×count.
    func images(_ source: some PointSource, _ indices: [Int]) -> [Double] {
        let (d, r, m) = (dimension, rank, indices.count)
        var result = [Double](repeating: 0, count: r * m)
        guard r > 0, m > 0 else { return result }
        var points = source.gather(indices)
        if isDelicate {
            CompensatedProduct.affineImage(transform, r, d, origin, points, m, into: &result)
            return result
        }
        points.withUnsafeMutableBufferPointer {
            LeverageKernels.shift($0.baseAddress!, dimension: d, count: m, origin: origin, into: $0.baseAddress!)
        }
        multiply(transform, isLower: isLowerTriangular, r, d, points, m, into: &result)
        return result
    }
}
