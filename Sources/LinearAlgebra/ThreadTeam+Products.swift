// Symmetric products and factors by parts that a team shares.
//
// The lower triangle of C = A·Aᵀ is cut into strips of columns: a triangle on the diagonal and a rectangle below it.
// Small C from a long A is cut along the sum instead, into at most `sums` partial products that are added in order.

extension ThreadTeam {
    /// Columns of a strip: wide enough for products to run at full speed, narrow enough that several threads find work.
    private static let strip = 96
    /// Partial products at most.
    private static let sums = 4
    /// Multiply–adds that take about 50 µs, several times what it costs to share a loop.
    private static let smallest = 1 << 20

    /// C ← A·diag(w)·Aᵀ, lower triangle, over the listed columns of A (n rows); w has an entry ≥ 0 for every column.
    package func gram(
        _ a: UnsafePointer<Double>, rows n: Int, columns: [Int], weights: UnsafePointer<Double>, into c: UnsafeMutablePointer<Double>,
        workspace: inout GramWorkspace
    ) {
        guard columns.count > 0 else { return c.update(repeating: 0, count: n * n) }
        if n > 2 * Self.strip {
            gramByStrips(a, n, columns, weights, c, &workspace)
        } else {
            gramBySums(a, n, columns, weights, c, &workspace)
        }
    }

    private func gramByStrips(
        _ a: UnsafePointer<Double>, _ n: Int, _ columns: [Int], _ weights: UnsafePointer<Double>, _ c: UnsafeMutablePointer<Double>,
        _ workspace: inout GramWorkspace
    ) {
        let m = columns.count
        workspace.withBuffers(scaled: n * m, partial: 0) { scaled, _ in
            share(m, inRunsOf: 128) { Self.scale(a, n, columns, $0, weights, scaled.pointer + $0.lowerBound * n) }
            shareStrips(n) { strip in
                let (left, diagonal, below) = (scaled.pointer + strip.lowerBound, c + strip.lowerBound * (n + 1), n - strip.upperBound)
                BLAS.syrk(.lower, .normal, strip.count, m, 1, left, n, 0, diagonal, n)
                guard below > 0 else { return }
                BLAS.gemm(.normal, .transposed, below, strip.count, m, 1, left + strip.count, n, left, n, 0, diagonal + strip.count, n)
            }
        }
    }

    private func gramBySums(
        _ a: UnsafePointer<Double>, _ n: Int, _ columns: [Int], _ weights: UnsafePointer<Double>, _ c: UnsafeMutablePointer<Double>,
        _ workspace: inout GramWorkspace
    ) {
        let m = columns.count
        let parts = Swift.max(1, Swift.min(Self.sums, m * n * n / Self.smallest))
        // A run of scaled columns stays in the second-level cache between scaling and product.
        let run = Swift.max(16, 32768 / n)
        workspace.withBuffers(scaled: parts * n * run, partial: (parts - 1) * n * n) { scaled, partial in
            share(parts) { part in
                let buffer = scaled.pointer + part * n * run
                let sum = part == 0 ? c : partial.pointer + (part - 1) * n * n
                let (first, last) = (part * m / parts, (part + 1) * m / parts)
                for start in stride(from: first, to: last, by: run) {
                    let range = start..<Swift.min(start + run, last)
                    Self.scale(a, n, columns, range, weights, buffer)
                    BLAS.syrk(.lower, .normal, n, range.count, 1, buffer, n, start == first ? 0 : 1, sum, n)
                }
            }
            for part in 1..<parts { BLAS.axpy(n * n, 1, partial.pointer + (part - 1) * n * n, 1, c, 1) }
        }
    }

    private static func scale(
        _ a: UnsafePointer<Double>, _ n: Int, _ columns: [Int], _ range: Range<Int>, _ weights: UnsafePointer<Double>,
        _ out: UnsafeMutablePointer<Double>
    ) {
        for (to, position) in range.enumerated() {
            var root = weights[columns[position]].squareRoot()
            LeverageKernels.scaleColumns(a + columns[position] * n, rows: n, count: 1, by: &root, into: out + to * n)
        }
    }

    /// H ← (AᵀA)∘(AᵀA), lower triangle, A k×m in single precision.
    package func squaredGram(_ a: UnsafePointer<Float>, rows k: Int, columns m: Int, into h: UnsafeMutablePointer<Float>) {
        shareStrips(m) { strip in
            let width = strip.count
            let left = a + strip.lowerBound * k
            let (diagonal, below) = (h + strip.lowerBound * (m + 1), m - strip.upperBound)
            BLAS.syrk(.lower, .transposed, width, k, 1, left, k, 0, diagonal, m)
            if below > 0 {
                BLAS.gemm(.transposed, .normal, below, width, k, 1, a + strip.upperBound * k, k, left, k, 0, diagonal + width, m)
            }
            LeverageKernels.squareStrip(diagonal, rows: m - strip.lowerBound, columns: width, stride: m)
        }
    }

    /// H ← (AᵀA)∘(AᵀA), lower triangle, A k×m.
    package func squaredGram(_ a: UnsafePointer<Double>, rows k: Int, columns m: Int, into h: UnsafeMutablePointer<Double>) {
        shareStrips(m) { strip in
            let width = strip.count
            let left = a + strip.lowerBound * k
            let (diagonal, below) = (h + strip.lowerBound * (m + 1), m - strip.upperBound)
            BLAS.syrk(.lower, .transposed, width, k, 1, left, k, 0, diagonal, m)
            if below > 0 {
                BLAS.gemm(.transposed, .normal, below, width, k, 1, a + strip.upperBound * k, k, left, k, 0, diagonal + width, m)
            }
            LeverageKernels.squareStrip(diagonal, rows: m - strip.lowerBound, columns: width, stride: m)
        }
    }

    private func shareStrips(_ order: Int, _ body: (Range<Int>) -> Void) { share(order, inRunsOf: Self.strip, body) }

    /// Replaces the lower triangle of A by L with A = L·Lᵀ, panel by panel; the rest of a panel's column and the
    /// trailing matrix are shared.
    package func cholesky(_ a: UnsafeMutablePointer<Double>, order n: Int) throws(FactorizationError) {
        guard n > 4 * Self.strip else { return try LAPACK.potrf(.lower, n, a, n) }
        for first in stride(from: 0, to: n, by: Self.strip) {
            let last = Swift.min(n, first + Self.strip)
            let width = last - first
            let diagonal = a + first * (n + 1)
            do {
                try LAPACK.potrf(.lower, width, diagonal, n)
            } catch {
                guard case .notPositiveDefinite(let order) = error else { throw error }
                throw .notPositiveDefinite(order: first + order)
            }
            let rest = n - last
            guard rest > 0 else { return }
            share(rest, inRunsOf: 2 * Self.strip) {
                BLAS.trsm(.right, .lower, .transposed, .nonUnit, $0.count, width, 1, diagonal, n, diagonal + width + $0.lowerBound, n)
            }
            let panel = diagonal + width
            shareStrips(rest) { strip in
                let target = a + (last + strip.lowerBound) * (n + 1)
                BLAS.syrk(.lower, .normal, strip.count, width, -1, panel + strip.lowerBound, n, 1, target, n)
                let below = rest - strip.upperBound
                guard below > 0 else { return }
                BLAS.gemm(
                    .normal, .transposed, below, strip.count, width, -1, panel + strip.upperBound, n, panel + strip.lowerBound, n, 1,
                    target + strip.count, n)
            }
        }
    }
}

extension ThreadTeam {
    /// Replaces a lower triangular L by its inverse; above the diagonal nothing is touched. The halves on the diagonal are inverted on
    /// their own, and what is below becomes −L₂₂⁻¹·L₂₁·L₁₁⁻¹ by columns, then by rows.
    package func invertLower(_ a: UnsafeMutablePointer<Double>, order n: Int) throws(FactorizationError) {
        guard n > 2 * Self.strip else { return try LAPACK.trtri(.lower, .nonUnit, n, a, n) }
        let h = n / 2
        let halves = [(first: 0, order: h), (first: h, order: n - h)]
        var errors = [FactorizationError?](repeating: nil, count: 2)
        errors.withUnsafeMutableBufferPointer { errors in
            let found = SharedPointer(errors.baseAddress!)
            share(2) { part in
                let half = halves[part]
                do throws(FactorizationError) {
                    try LAPACK.trtri(.lower, .nonUnit, half.order, a + half.first * (n + 1), n)
                } catch { found.pointer[part] = error }
            }
        }
        for error in errors { if let error { throw error } }
        let (below, second) = (a + h, a + h * (n + 1))
        share(h, inRunsOf: Self.strip) {
            BLAS.trmm(.left, .lower, .normal, .nonUnit, n - h, $0.count, -1, second, n, below + $0.lowerBound * n, n)
        }
        share(n - h, inRunsOf: Self.strip) {
            BLAS.trmm(.right, .lower, .normal, .nonUnit, $0.count, h, 1, a, n, below + $0.lowerBound, n)
        }
    }
}

/// Buffers of `ThreadTeam.gram` that are kept between calls: fresh memory costs a page fault every 4 kB.
package struct GramWorkspace {
    fileprivate var scaled: [Double] = []
    fileprivate var partial: [Double] = []

    package init() {}

    fileprivate mutating func withBuffers(
        scaled scaledCount: Int, partial partialCount: Int, _ body: (SharedPointer<Double>, SharedPointer<Double>) -> Void
    ) {
        if scaled.count < scaledCount { scaled = .uninitialized(scaledCount) }
        if partial.count < Swift.max(1, partialCount) { partial = [Double](repeating: 0, count: Swift.max(1, partialCount)) }
        scaled.withUnsafeMutableBufferPointer { scaled in
            partial.withUnsafeMutableBufferPointer { partial in
                guard let scaled = scaled.baseAddress, let partial = partial.baseAddress else { return }
                body(SharedPointer(scaled), SharedPointer(partial))
            }
        }
    }
}
