// Products as if computed in twice the working precision and rounded once.
//
// For thin, slanted sets the terms of T·(p − o) are larger than the sum by the axis ratio; plain Double would lose that
// many digits. Error-free transformations keep them: TwoSum (Knuth), TwoProduct by fused multiply–add, and the
// accumulation Dot2 of Ogita, Rump & Oishi, SIAM J. Sci. Comput. 26 (2005).

import LinearAlgebra

enum CompensatedProduct {
    /// result ← T·(pⱼ − o), T r×d and points d×m by columns.
    static func affineImage(
        _ transform: [Double], _ r: Int, _ d: Int, _ origin: [Double], _ points: [Double], _ m: Int, into result: inout [Double],
        team: ThreadTeam = .single
    ) {
        precondition(
            transform.count >= r * d && origin.count == d && points.count >= d * m && result.count >= r * m, "matrices as large as said")
        guard r > 0, m > 0 else { return }
        result.withUnsafeMutableBufferPointer { result in
            points.withUnsafeBufferPointer { points in
                team.share(m, inRunsOf: Swift.max(1, operationsOfPart / (r * d))) { run in
                    VectorKernels.compensatedImages(
                        transform, rank: r, dimension: d, origin: origin, points: points.baseAddress! + run.lowerBound * d,
                        count: run.count, into: result.baseAddress! + run.lowerBound * r)
                }
            }
        }
    }

    /// Products that a thread adds up at a time, some 50 µs.
    private static let operationsOfPart = 1 << 15

    /// o + Σ uᵢ(pᵢ − o) as an unevaluated sum of two vectors, the second one what the first lacks.
    static func mean(_ points: [Double], _ weights: [Double], _ origin: [Double]) -> (rounded: [Double], remainder: [Double]) {
        let d = origin.count
        var (rounded, remainder) = (origin, [Double](repeating: 0, count: d))
        for k in 0..<d {
            var (sum, correction) = (origin[k], 0.0)
            for (j, weight) in weights.enumerated() {
                let (difference, tail) = twoSum(points[k + j * d], -origin[k])
                let (product, error) = twoProduct(weight, difference)
                let (next, lost) = twoSum(sum, product)
                sum = next
                correction += lost + error + weight * tail
            }
            (rounded[k], remainder[k]) = twoSum(sum, correction)
        }
        return (rounded, remainder)
    }

    /// A·B as an unevaluated sum of two matrices, the second one what the first lacks.
    static func product(_ a: Matrix, _ b: Matrix) -> (rounded: Matrix, remainder: Matrix) {
        var (rounded, remainder) = (Matrix(rows: a.rows, columns: b.columns), Matrix(rows: a.rows, columns: b.columns))
        let origin = [Double](repeating: 0, count: a.columns)
        rounded.elements.withUnsafeMutableBufferPointer { high in
            remainder.elements.withUnsafeMutableBufferPointer { low in
                guard let high = high.baseAddress, let low = low.baseAddress else { return }
                VectorKernels.compensatedImages(
                    a.elements, rank: a.rows, dimension: a.columns, origin: origin, points: b.elements, count: b.columns, into: high,
                    remainders: low)
            }
        }
        return (rounded, remainder)
    }

    /// xᵀAx for x = p − o, A symmetric d×d.
    static func quadraticForm(_ matrix: Matrix, _ point: some Collection<Double>, _ origin: [Double]) -> Double {
        let d = origin.count
        var (high, low) = ([Double](repeating: 0, count: d), [Double](repeating: 0, count: d))
        for (k, p) in point.enumerated() { (high[k], low[k]) = twoSum(p, -origin[k]) }
        return VectorKernels.compensatedQuadraticForm(matrix.elements, order: d, high: high, low: low)
    }

    /// a + b = sum + error exactly.
    @inline(__always)
    static func twoSum(_ a: Double, _ b: Double) -> (Double, Double) {
        let sum = a + b
        let virtual = sum - a
        return (sum, (a - (sum - virtual)) + (b - virtual))
    }

    /// a·b = product + error exactly.
    @inline(__always)
    static func twoProduct(_ a: Double, _ b: Double) -> (Double, Double) {
        let product = a * b
        return (product, (-product).addingProduct(a, b))
    }
}
