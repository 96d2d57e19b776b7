// The quadratic model of log det M at the current weights, for directions Δ with a lower bound:
//
//     maximize  gᵀΔ − ½ΔᵀHΔ,   Δ ≥ ℓ,   H = K∘K,  K = ZᵀZ,  ℓ ≤ 0                                      (1)
//
// by conjugate gradients with the diagonal as preconditioner. Entries that fall below ℓ are fixed there and the rest is
// solved again, a few times: exactness is for the next step to reach. H is stored in single precision: the directions
// need two to five digits, and the bytes of H are what a product costs.

import LinearAlgebra

/// Memory is kept from one model to the next.
struct HessianModel {
    private let team: ThreadTeam
    private var count = 0
    private var selected: [Float] = []
    /// The lower triangle of H.
    private var matrix: [Float] = []
    private var diagonal: [Double] = []
    private var partial: [Float] = []

    init(team: ThreadTeam) { self.team = team }

    /// The columns of H that belong to `columns`, of the images Z, D×m by columns.
    mutating func update(images z: [Double], order: Int, columns: [Int]) {
        let m = columns.count
        count = m
        // Not cleared: half of the square is never touched, the rest first by the threads that fill it.
        if selected.count < m * order { selected = .uninitialized(m * order) }
        if matrix.count < m * m { matrix = .uninitialized(m * m) }
        let team = self.team
        matrix.withUnsafeMutableBufferPointer { matrix in
            selected.withUnsafeMutableBufferPointer { selected in
                z.withUnsafeBufferPointer { z in
                    let (z, selected) = (z.baseAddress!, SharedPointer(selected.baseAddress!))
                    team.share(m, inRunsOf: Swift.max(64, 65536 / order)) { run in
                        for to in run {
                            let (target, source) = (selected.pointer + to * order, z + columns[to] * order)
                            for k in 0..<order { target[k] = Float(source[k]) }
                        }
                    }
                    team.squaredGram(selected.pointer, rows: order, columns: m, into: matrix.baseAddress!)
                }
            }
        }
        diagonal = (0..<m).map { Double(matrix[$0 * (m + 1)]) }
    }

    /// An approximate solution of (1), residual at most `tolerance` of the gradient in the norm of the preconditioner.
    mutating func solve(gradient: [Double], floor: [Double], tolerance: Double) -> [Double] {
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
    private mutating func conjugateGradients(_ gradient: [Double], _ isFree: [Bool], _ tolerance: Double, _ x: inout [Double]) {
        let n = count
        // What is fixed has no part in the metric of the preconditioner, and with it none in anything.
        var metric = [Double](repeating: 0, count: n)
        var goal = 0.0
        for j in 0..<n {
            goal += gradient[j] * gradient[j] / diagonal[j]
            metric[j] = isFree[j] ? 1 / diagonal[j] : 0
        }
        goal *= tolerance * tolerance
        var r = gradient
        if x.contains(where: { $0 != 0 }) {
            let product = times(x)
            for j in 0..<n { r[j] -= product[j] }
        }
        var rho = 0.0
        var p = [Double](repeating: 0, count: n)
        for j in 0..<n {
            p[j] = r[j] * metric[j]
            rho += r[j] * p[j]
        }
        for _ in 0..<60 {
            guard rho > goal else { return }
            let product = times(p)
            let curvature = BLAS.dot(n, p, 1, product, 1)
            guard curvature > 0, curvature.isFinite else { return }
            let step = rho / curvature
            let before = rho
            x.withUnsafeMutableBufferPointer { x in
                r.withUnsafeMutableBufferPointer { r in
                    p.withUnsafeMutableBufferPointer { p in
                        var next = 0.0
                        for j in 0..<n {
                            x[j] += step * p[j]
                            r[j] -= step * product[j]
                            next += r[j] * r[j] * metric[j]
                        }
                        rho = next
                        let ratio = next / before
                        for j in 0..<n { p[j] = r[j] * metric[j] + ratio * p[j] }
                    }
                }
            }
        }
    }

    private mutating func times(_ x: [Double]) -> [Double] {
        // Directions are scaled to order 1 so that squares of small weights stay within single precision.
        let largest = x.reduce(0) { Swift.max($0, $1.magnitude) }
        guard largest > 0 else { return x }
        let (m, team) = (count, self.team)
        let scaled = x.map { Float($0 / largest) }
        // Runs of columns of about equal area under the diagonal, from 15 µs of reading on, whose products are added in order.
        let parts = m < 400 ? 1 : 4
        let bounds = (0...parts).map { part in
            part == parts ? m : Int(Double(m) * (1 - (1 - Double(part) / Double(parts)).squareRoot())) & ~3
        }
        if partial.count < parts * m { partial = [Float](repeating: 0, count: parts * m) }
        return partial.withUnsafeMutableBufferPointer { partial in
            let y = SharedPointer(partial.baseAddress!)
            matrix.withUnsafeBufferPointer { matrix in
                scaled.withUnsafeBufferPointer { scaled in
                    let (matrix, scaled) = (matrix.baseAddress!, scaled.baseAddress!)
                    team.share(parts) { part in
                        let (first, last) = (bounds[part], bounds[part + 1])
                        let out = y.pointer + part * m + first
                        out.update(repeating: 0, count: m - first)
                        LeverageKernels.addStripProduct(
                            matrix + first * (m + 1), rows: m - first, columns: last - first, stride: m, scaled + first, into: out)
                    }
                }
            }
            return [Double](unsafeUninitializedCapacity: m) { result, initialized in
                for part in 0..<parts {
                    // The parts that reach this far, in order.
                    for j in bounds[part]..<bounds[part + 1] {
                        var sum: Float = 0
                        for before in 0...part { sum += y.pointer[before * m + j] }
                        result[j] = Double(sum) * largest
                    }
                }
                initialized = m
            }
        }
    }
}
