// The quadratic model of log det M at the current weights, for directions Δ with a lower bound:
//
//     maximize  gᵀΔ − ½ΔᵀHΔ,   Δ ≥ ℓ,   H = K∘K,  K = ZᵀZ,  ℓ ≤ 0                                      (1)
//
// by conjugate gradients with the diagonal as preconditioner. Entries that fall below ℓ are fixed there and the rest is
// solved again, a few times: exactness is for the next step to reach. H is stored in single precision: the directions
// need two to five digits, and the bytes of H are what a product costs.

import LinearAlgebra

struct HessianModel {
    private let count: Int
    /// The lower triangle of H.
    private let matrix: [Float]
    private let diagonal: [Double]

    /// - Parameters:
    ///   - images: Z, D×m by columns.
    ///   - columns: the columns that (1) is about.
    init(images z: [Double], order: Int, columns: [Int]) {
        let m = columns.count
        count = m
        let selected = [Float](unsafeUninitializedCapacity: m * order) { out, initialized in
            z.withUnsafeBufferPointer { z in
                for (to, from) in columns.enumerated() {
                    let (target, source) = (out.baseAddress! + to * order, z.baseAddress! + from * order)
                    for k in 0..<order { target[k] = Float(source[k]) }
                }
            }
            initialized = m * order
        }
        matrix = [Float](unsafeUninitializedCapacity: m * m) { out, initialized in
            BLAS.syrk(.lower, .transposed, m, order, 1, selected, order, 0, out.baseAddress!, m)
            LeverageKernels.squareLower(out.baseAddress!, order: m)
            initialized = m * m
        }
        diagonal = (0..<m).map { [matrix] in Double(matrix[$0 * (m + 1)]) }
    }

    /// An approximate solution of (1), residual at most `tolerance` of the gradient in the norm of the preconditioner.
    func solve(gradient: [Double], floor: [Double], tolerance: Double) -> [Double] {
        var x = [Double](repeating: 0, count: count)
        var isFree = [Bool](repeating: true, count: count)
        for _ in 0..<4 {
            conjugateGradients(gradient, isFree, tolerance, &x)
            var fixed = 0
            for j in 0..<count where isFree[j] && x[j] < floor[j] {
                (x[j], isFree[j]) = (floor[j], false)
                fixed += 1
            }
            if fixed == 0 { break }
        }
        return x
    }

    /// Improves the free entries of x.
    private func conjugateGradients(_ gradient: [Double], _ isFree: [Bool], _ tolerance: Double, _ x: inout [Double]) {
        var r = gradient
        if x.contains(where: { $0 != 0 }) {
            let product = times(x)
            for j in 0..<count { r[j] -= product[j] }
        }
        var (goal, rho) = (0.0, 0.0)
        var p = [Double](repeating: 0, count: count)
        for j in 0..<count {
            goal += gradient[j] * gradient[j] / diagonal[j]
            guard isFree[j] else { continue }
            p[j] = r[j] / diagonal[j]
            rho += r[j] * p[j]
        }
        goal *= tolerance * tolerance
        for _ in 0..<60 {
            guard rho > goal else { return }
            let product = times(p)
            var curvature = 0.0
            for j in 0..<count { curvature += p[j] * product[j] }
            guard curvature > 0, curvature.isFinite else { return }
            let step = rho / curvature
            var next = 0.0
            for j in 0..<count where isFree[j] {
                x[j] += step * p[j]
                r[j] -= step * product[j]
                next += r[j] * r[j] / diagonal[j]
            }
            let ratio = next / rho
            rho = next
            for j in 0..<count where isFree[j] { p[j] = r[j] / diagonal[j] + ratio * p[j] }
        }
    }

    private func times(_ x: [Double]) -> [Double] {
        // Directions are scaled to order 1 so that squares of small weights stay within single precision.
        let largest = x.reduce(0) { Swift.max($0, $1.magnitude) }
        guard largest > 0 else { return x }
        let scaled = x.map { Float($0 / largest) }
        var y = [Float](repeating: 0, count: count)
        BLAS.symv(.lower, count, 1, matrix, count, scaled, 1, 0, &y, 1)
        return y.map { Double($0) * largest }
    }
}
