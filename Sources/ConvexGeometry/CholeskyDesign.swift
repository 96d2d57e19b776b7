// M(u) = Σ uᵢqᵢqᵢᵀ and the leverages it defines, for an iteration in which the weights change and the points stay.

import LinearAlgebra

/// M(u) = L·Lᵀ for changing weights, with workspaces that are kept.
struct CholeskyDesign {
    private let order: Int
    private var scaled: [Double] = []
    private var lower: [Double]
    private var inverse: [Double]

    init(order: Int) {
        self.order = order
        lower = [Double](repeating: 0, count: order * order)
        inverse = lower
    }

    /// Whether κ from this factor has ten digits: its diagonal bounds the condition of L from below, rarely by much.
    var isWellConditioned: Bool {
        let diagonal = (0..<order).map { lower[$0 * (order + 1)] }
        return (diagonal.max() ?? 1) < 1e3 * (diagonal.min() ?? 1)
    }

    /// log det M
    var logDeterminant: Double { 2 * (0..<order).reduce(0) { $0 + Elementary.log(lower[$1 * (order + 1)]) } }

    /// Factors M of the columns of q with weight; false when they do not span.
    mutating func factor(_ q: [Double], _ u: [Double]) -> Bool {
        let (n, support) = (order, u.indices.filter { u[$0] > 0 })
        if scaled.count < support.count * n { scaled = [Double](repeating: 0, count: support.count * n) }
        q.withUnsafeBufferPointer { q in
            scaled.withUnsafeMutableBufferPointer { scaled in
                for (to, from) in support.enumerated() {
                    var root = u[from].squareRoot()
                    LeverageKernels.scaleColumns(q.baseAddress! + from * n, rows: n, count: 1, by: &root, into: scaled.baseAddress! + to * n)
                }
            }
        }
        BLAS.syrk(.lower, .normal, n, support.count, 1, scaled, n, 0, &lower, n)
        do { try LAPACK.potrf(.lower, n, &lower, n) } catch { return false }
        return (0..<n).allSatisfy { lower[$0 * (n + 1)] > 0 && lower[$0 * (n + 1)].isFinite }
    }

    mutating func invert() -> Bool {
        inverse.withUnsafeMutableBufferPointer { inverse in
            for j in 0..<order {
                for i in 0..<j { inverse[i + j * order] = 0 }
                for i in j..<order { inverse[i + j * order] = lower[i + j * order] }
            }
        }
        do { try LAPACK.trtri(.lower, .nonUnit, order, &inverse, order) } catch { return false }
        return true
    }

    /// Z = L⁻¹Q and κ = column norms of Z.
    func leverages(_ q: [Double], count: Int, images z: inout [Double], into kappa: inout [Double]) {
        multiply(inverse, isLower: true, order, order, q, count, into: &z)
        LeverageKernels.columnNorms(z, rows: order, count: count, into: &kappa)
    }

    /// κ alone, in blocks.
    func leverages(_ q: [Double], count: Int, into kappa: inout [Double]) {
        let zeros = [Double](repeating: 0, count: order)
        q.withUnsafeBufferPointer { q in
            kappa.withUnsafeMutableBufferPointer {
                LeverageMap(rank: order, dimension: order, matrix: inverse, offset: zeros, origin: zeros, base: 0)
                    .leverages(of: q.baseAddress!, count: count, into: $0.baseAddress!)
            }
        }
    }
}
