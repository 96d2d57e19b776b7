// Textbook dense linear algebra in plain Swift: no BLAS, no blocking. Column-major, entry (i, j) of an m×n matrix at i + j·m.
//
// These functions are the "before" of every speed claim and a second opinion for tests; clarity comes first, but the
// loops run down columns, as a careful programmer without a library would write them.

/// Plain-Swift counterparts of the accelerated dense kernels.
public enum ReferenceLinearAlgebra {
    /// C = A·B, A m×k, B k×n.
    public static func product(_ a: [Double], _ b: [Double], m: Int, k: Int, n: Int) -> [Double] {
        precondition(a.count == m * k && b.count == k * n, "factor sizes must match")
        var c = [Double](repeating: 0, count: m * n)
        for j in 0..<n {
            for p in 0..<k {
                let scale = b[p + j * k]
                for i in 0..<m { c[i + j * m] += scale * a[i + p * m] }
            }
        }
        return c
    }

    /// Lower Cholesky factor of a symmetric matrix of order n, or `nil` when it is not positive definite.
    public static func cholesky(_ a: [Double], order n: Int) -> [Double]? {
        precondition(a.count == n * n, "a square matrix is expected")
        var l = a
        for j in 0..<n {
            for p in 0..<j {
                let scale = l[j + p * n]
                for i in j..<n { l[i + j * n] -= scale * l[i + p * n] }
            }
            let pivot = l[j + j * n]
            guard pivot > 0, pivot.isFinite else { return nil }
            let root = pivot.squareRoot()
            for i in j..<n { l[i + j * n] /= root }
            for i in 0..<j { l[i + j * n] = 0 }
        }
        return l
    }

    /// Solves L·Lᵀ·x = b for one right-hand side.
    public static func solve(choleskyFactor l: [Double], order n: Int, _ b: [Double]) -> [Double] {
        var x = b
        for j in 0..<n {
            x[j] /= l[j + j * n]
            for i in (j + 1)..<max(n, j + 1) { x[i] -= x[j] * l[i + j * n] }
        }
        for j in stride(from: n - 1, through: 0, by: -1) {
            for i in (j + 1)..<max(n, j + 1) { x[j] -= x[i] * l[i + j * n] }
            x[j] /= l[j + j * n]
        }
        return x
    }

    /// Eigenvalues (ascending) and eigenvectors (columns) of a symmetric matrix.
    ///
    /// Householder tridiagonalization followed by implicit symmetric QR steps with Wilkinson shifts, O(n³);
    /// Golub & Van Loan, Matrix Computations, 4th ed., §8.3.
    public static func symmetricEigendecomposition(_ a: [Double], order n: Int) -> (values: [Double], vectors: [Double]) {
        precondition(a.count == n * n, "a square matrix is expected")
        guard n > 0 else { return ([], []) }
        var (diagonal, offDiagonal, vectors) = tridiagonalize(a, n)
        diagonalize(&diagonal, &offDiagonal, &vectors, n)
        let order = (0..<n).sorted { diagonal[$0] < diagonal[$1] }
        var sorted = [Double](repeating: 0, count: n * n)
        for (target, source) in order.enumerated() {
            for i in 0..<n { sorted[i + target * n] = vectors[i + source * n] }
        }
        return (order.map { diagonal[$0] }, sorted)
    }

    /// A basis of the null space of an m×n matrix (n×k, columns), by Gauss–Jordan elimination with complete pivoting.
    ///
    /// Pivots below `relativeTolerance` times the largest entry count as zero.
    public static func nullSpace(_ a: [Double], rows m: Int, columns n: Int, relativeTolerance: Double = 1e-12) -> (
        basis: [Double], dimension: Int
    ) {
        precondition(a.count == m * n, "element count must be rows · columns")
        var r = a
        var columnOrder = Array(0..<n)
        let largest = r.reduce(0) { max($0, $1.magnitude) }
        var rank = 0
        while rank < min(m, n) {
            var (best, bestRow, bestColumn) = (0.0, rank, rank)
            for j in rank..<n {
                for i in rank..<m where r[i + j * m].magnitude > best { (best, bestRow, bestColumn) = (r[i + j * m].magnitude, i, j) }
            }
            guard best > relativeTolerance * largest else { break }
            if bestColumn != rank {
                for i in 0..<m { r.swapAt(i + rank * m, i + bestColumn * m) }
                columnOrder.swapAt(rank, bestColumn)
            }
            if bestRow != rank { for j in 0..<n { r.swapAt(rank + j * m, bestRow + j * m) } }
            let pivot = r[rank + rank * m]
            for j in (rank + 1)..<max(n, rank + 1) {
                let factor = r[rank + j * m] / pivot
                for i in 0..<m where i != rank { r[i + j * m] -= factor * r[i + rank * m] }
                r[rank + j * m] = factor
            }
            for i in 0..<m where i != rank { r[i + rank * m] = 0 }
            rank += 1
        }
        let dimension = n - rank
        var basis = [Double](repeating: 0, count: n * dimension)
        for k in 0..<dimension {
            basis[columnOrder[rank + k] + k * n] = 1
            for i in 0..<rank { basis[columnOrder[i] + k * n] = -r[i + (rank + k) * m] }
        }
        return (basis, dimension)
    }

    // A = Q·T·Qᵀ; returns the diagonal of T, its subdiagonal (entry i couples i and i + 1) and Q.
    private static func tridiagonalize(_ a: [Double], _ n: Int) -> ([Double], [Double], [Double]) {
        var work = a
        var reflectors: [[Double]] = []
        for k in 0..<max(0, n - 2) {
            var v = [Double](repeating: 0, count: n)
            var scale = 0.0
            for i in (k + 1)..<n { scale = max(scale, work[i + k * n].magnitude) }
            guard scale > 0 else { reflectors.append(v); continue }
            var norm = 0.0
            for i in (k + 1)..<n {
                v[i] = work[i + k * n] / scale
                norm += v[i] * v[i]
            }
            v[k + 1] += v[k + 1] < 0 ? -norm.squareRoot() : norm.squareRoot()
            var length = 0.0
            for i in (k + 1)..<n { length += v[i] * v[i] }
            let inverse = 1 / length.squareRoot()
            for i in (k + 1)..<n { v[i] *= inverse }
            // A ← H·A·H with H = I − 2vvᵀ: p = A·v, q = p − (vᵀp)·v, A ← A − 2(v·qᵀ + q·vᵀ).
            var p = [Double](repeating: 0, count: n)
            for j in k..<n where v[j] != 0 {
                for i in k..<n { p[i] += work[i + j * n] * v[j] }
            }
            var overlap = 0.0
            for i in k..<n { overlap += v[i] * p[i] }
            for i in k..<n { p[i] -= overlap * v[i] }
            for j in k..<n {
                let (vj, pj) = (2 * v[j], 2 * p[j])
                for i in k..<n { work[i + j * n] -= v[i] * pj + p[i] * vj }
            }
            reflectors.append(v)
        }
        var q = [Double](repeating: 0, count: n * n)
        for i in 0..<n { q[i + i * n] = 1 }
        for v in reflectors.reversed() {
            for j in 0..<n {
                var overlap = 0.0
                for i in 0..<n { overlap += v[i] * q[i + j * n] }
                guard overlap != 0 else { continue }
                for i in 0..<n { q[i + j * n] -= 2 * overlap * v[i] }
            }
        }
        let diagonal = (0..<n).map { work[$0 + $0 * n] }
        let offDiagonal = (0..<n).map { $0 + 1 < n ? work[$0 + 1 + $0 * n] : 0 }
        return (diagonal, offDiagonal, q)
    }

    // Implicit symmetric QR steps with Wilkinson shifts on a tridiagonal matrix: a its diagonal, b its subdiagonal.
    private static func diagonalize(_ a: inout [Double], _ b: inout [Double], _ vectors: inout [Double], _ n: Int) {
        var last = n - 1
        var stepsLeft = 60 * n
        while last > 0, stepsLeft > 0 {
            for i in 0..<last where b[i].magnitude <= Double.ulpOfOne * (a[i].magnitude + a[i + 1].magnitude) { b[i] = 0 }
            if b[last - 1] == 0 {
                last -= 1
                continue
            }
            var first = last - 1
            while first > 0, b[first - 1] != 0 { first -= 1 }
            // The eigenvalue of the trailing 2×2 block nearer to its last entry.
            let half = (a[last - 1] - a[last]) / 2
            let square = b[last - 1] * b[last - 1]
            let root = (half * half + square).squareRoot()
            let shift = a[last] - square / (half + (half < 0 ? -root : root))
            var x = a[first] - shift
            var bulge = b[first]
            for k in first..<last {
                let r = (x * x + bulge * bulge).squareRoot()
                let c = r == 0 ? 1 : x / r
                let s = r == 0 ? 0 : bulge / r
                if k > first { b[k - 1] = r }
                let (upper, lower, off) = (a[k], a[k + 1], b[k])
                a[k] = c * c * upper + 2 * c * s * off + s * s * lower
                a[k + 1] = s * s * upper - 2 * c * s * off + c * c * lower
                b[k] = c * s * (lower - upper) + (c * c - s * s) * off
                if k + 1 < last {
                    bulge = s * b[k + 1]
                    b[k + 1] *= c
                    x = b[k]
                }
                for i in 0..<n {
                    let (left, right) = (vectors[i + k * n], vectors[i + (k + 1) * n])
                    vectors[i + k * n] = c * left + s * right
                    vectors[i + (k + 1) * n] = c * right - s * left
                }
            }
            stepsLeft -= 1
        }
    }
}
