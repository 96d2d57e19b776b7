// M(u) = Σ uᵢqᵢqᵢᵀ and the leverages it defines, for an iteration in which the weights change and the points stay.

import LinearAlgebra

/// M(u) = L·Lᵀ for changing weights, with workspaces that are kept.
struct CholeskyDesign {
    private let order: Int
    private let team: ThreadTeam
    private var workspace = GramWorkspace()
    private var lower: [Double]
    private var inverse: [Double]

    init(order: Int, team: ThreadTeam) {
        self.order = order
        self.team = team
        lower = [Double](repeating: 0, count: order * order)
        inverse = lower
    }

    /// Whether κ from this factor has ten digits: its diagonal bounds the condition of L from below, rarely by much.
    var isWellConditioned: Bool {
        let diagonal = (0..<order).map { lower[$0 * (order + 1)] }
        return (diagonal.max() ?? 1) < 1e3 * (diagonal.min() ?? 1)
    }

    /// L⁻¹, by columns, after `invert`.
    var inverseFactor: [Double] { inverse }

    /// Whether L, and with it M, differs from the identity by so little that its Cholesky factorization is backward
    /// stable beyond doubt: entries off by at most 1/(8·order), hence M by less than ½ in norm.
    var isNearIdentity: Bool {
        let tolerance = 0.125 / Double(order)
        return (0..<order).allSatisfy { j in
            (j..<order).allSatisfy { (lower[$0 + j * order] - ($0 == j ? 1 : 0)).magnitude <= tolerance }
        }
    }

    /// An upper bound of the condition of M, (‖L‖·‖L⁻¹‖)², after `invert`: ‖A‖₂² ≤ ‖A‖₁·‖A‖∞.
    var conditionBound: Double {
        func squaredNorm(_ a: [Double]) -> Double {
            var (rows, columns) = ([Double](repeating: 0, count: order), 0.0)
            a.withUnsafeBufferPointer { a in
                rows.withUnsafeMutableBufferPointer { rows in
                    for j in 0..<order {
                        var sum = 0.0
                        for i in j..<order {
                            let entry = a[i + j * order].magnitude
                            sum += entry
                            rows[i] += entry
                        }
                        columns = Swift.max(columns, sum)
                    }
                }
            }
            return columns * (rows.max() ?? 0)
        }
        return squaredNorm(lower) * squaredNorm(inverse)
    }

    /// log det M
    var logDeterminant: Double { 2 * (0..<order).reduce(0) { $0 + Elementary.log(lower[$1 * (order + 1)]) } }

    /// Factors M of the columns of q with weight; false when they do not span.
    mutating func factor(_ q: [Double], _ u: [Double]) -> Bool {
        let (n, support) = (order, u.indices.filter { u[$0] > 0 })
        team.gram(q, rows: n, columns: support, weights: u, into: &lower, workspace: &workspace)
        do { try team.cholesky(&lower, order: n) } catch { return false }
        return (0..<n).allSatisfy { lower[$0 * (n + 1)] > 0 && lower[$0 * (n + 1)].isFinite }
    }

    mutating func invert() -> Bool {
        inverse.withUnsafeMutableBufferPointer { inverse in
            for j in 0..<order {
                for i in 0..<j { inverse[i + j * order] = 0 }
                for i in j..<order { inverse[i + j * order] = lower[i + j * order] }
            }
        }
        do { try team.invertLower(&inverse, order: order) } catch { return false }
        return true
    }

    /// Z = L⁻¹Q and κ = column norms of Z.
    func leverages(_ q: [Double], count: Int, images z: inout [Double], into kappa: inout [Double]) {
        let (n, team) = (order, self.team)
        q.withUnsafeBufferPointer { q in
            z.withUnsafeMutableBufferPointer { z in
                kappa.withUnsafeMutableBufferPointer { kappa in
                    guard let q = q.baseAddress, let z = z.baseAddress, let kappa = kappa.baseAddress else { return }
                    let (images, norms) = (SharedPointer(z), SharedPointer(kappa))
                    inverse.withUnsafeBufferPointer { inverse in
                        guard let inverse = inverse.baseAddress else { return }
                        team.share(count, inRunsOf: runOfImages(n)) { run in
                            let out = images.pointer + run.lowerBound * n
                            multiply(inverse, .lower, n, n, q + run.lowerBound * n, run.count, into: out)
                            LeverageKernels.columnNorms(out, rows: n, count: run.count, into: norms.pointer + run.lowerBound)
                        }
                    }
                }
            }
        }
    }

    /// κ alone, in blocks.
    func leverages(_ q: [Double], count: Int, into kappa: inout [Double]) {
        let zeros = [Double](repeating: 0, count: order)
        q.withUnsafeBufferPointer { q in
            kappa.withUnsafeMutableBufferPointer {
                LeverageMap(rank: order, dimension: order, matrix: inverse, offset: zeros, origin: zeros, base: 0)
                    .leverages(of: q.baseAddress!, count: count, into: $0.baseAddress!, team: team)
            }
        }
    }
}

/// Columns of a run that a thread multiplies by a matrix of this order: enough work to be worth sharing (about 50 µs and
/// more), and enough columns for packing the matrix to be a small part of it.
func runOfImages(_ order: Int) -> Int { Swift.max(256, (1 << 20) / Swift.max(1, order * order) / 8 * 8) }
