// The ℓ∞ guarantee of a kept set: a factor α with max_p |pᵀx| ≤ α·max_{q∈S} |qᵀx| for every x.
//
// Two proofs, the smaller factor wins; Q holds the kept points as columns:
//   p = Q·c  ⇒  |pᵀx| ≤ ‖c‖₁·max_q|qᵀx|,             c = Qᵀ(QQᵀ)⁻¹p                                        (1)
//   |pᵀx|² ≤ pᵀM(u)⁻¹p · Σ u_q(qᵀx)² ≤ pᵀM(u)⁻¹p · max_q|qᵀx|²,   M(u) = Σ u_q·q·qᵀ, Σu = 1, u ≥ 0         (2)
// (2) holds for every u; the multiplicative steps u ← u·κ/r towards the D-optimal design make it small.
// Both need the kept points to span: otherwise some x sees a removed point and no kept one, and there is no factor.
// A factor is a proof, so it is rounded up: by 16·r·κ·ulp, κ the condition number of M(u) as its Cholesky pivots tell it,
// which is what solving with M(u) may have lost.
// Sources: Kiefer & Wolfowitz, Can. J. Math. 12 (1960); Titterington, Appl. Stat. 27 (1978) for the steps.

import LinearAlgebra

/// A proven ℓ∞ factor, or the reason why there is none.
public enum ProvenFactor: Equatable, Sendable {
    /// α.
    case factor(Double)
    /// There is none, and why.
    case none(reason: String)

    /// Columns at a time: a product of this width is limited by arithmetic, not by memory.
    private static let block = 256

    /// The guarantee of the columns `kept` of `points`. Cost O(steps·(n·r² + r³)).
    package init(points: Matrix, kept: [Int], steps: Int = 50) {
        let (r, m) = (points.rows, kept.count)
        if kept.count == points.columns {
            self = .factor(1)
            return
        }
        if points.maximumMagnitude == 0 {
            self = .factor(1)
            return
        }
        let q = points.selectingColumns(kept)
        guard m >= r else {
            self = .none(reason: "\(m) kept points cannot span \(r) dimensions: some direction sees only removed channels")
            return
        }
        var u = [Double](repeating: 1 / Double(m), count: m)
        var best = Double.infinity
        for step in 0...steps {
            guard let factor = try? Cholesky(q.gram(weights: u)) else { break }
            // Pivots at rounding level: the span is numerical fiction.
            let pivots = factor.factor.diagonal
            guard let least = pivots.min(), let most = pivots.max(), least > 0 else { break }
            let rounding = 16 * Double(r) * Double.ulpOfOne * (most / least) * (most / least)
            guard rounding < 1 else { break }
            let solved = factor.solve(points)
            var leverage = [Double](repeating: 0, count: points.columns)
            points.elements.withUnsafeBufferPointer { p in
                solved.elements.withUnsafeBufferPointer { s in
                    for j in leverage.indices { for k in j * r..<(j + 1) * r { leverage[j] += p[k] * s[k] } }
                }
            }
            best = Swift.min(best, (leverage.max() ?? 0).squareRoot() * (1 + rounding))
            if step == 0 {
                // With uniform u, M⁻¹ = m·(QQᵀ)⁻¹: c of (1) is Qᵀ·solved/m.
                var largest = 0.0
                // In blocks: all of c at once would be as large as the covariance of the channels.
                for start in stride(from: 0, to: solved.columns, by: ProvenFactor.block) {
                    let columns = Array(start..<Swift.min(start + ProvenFactor.block, solved.columns))
                    let coefficients = q.times(solved.selectingColumns(columns), transposeSelf: true)
                    for j in 0..<coefficients.columns {
                        largest = Swift.max(largest, coefficients.column(j).reduce(0) { $0 + $1.magnitude } / Double(m))
                    }
                }
                best = Swift.min(best, largest * (1 + rounding))
            }
            var total = 0.0
            for (k, j) in kept.enumerated() {
                u[k] *= leverage[j] / Double(r)
                total += u[k]
            }
            for k in u.indices { u[k] /= total }
        }
        self =
            best.isFinite
            ? .factor(Swift.max(1, best))
            : .none(reason: "the kept points do not span all \(r) dimensions: some direction sees only removed channels")
    }

    /// α, where there is a proof.
    public var value: Double? { if case .factor(let value) = self { value } else { nil } }
}

extension ProvenFactor: Codable {
    /// A number, or the reason why there is none.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let value = try? container.decode(Double.self) {
            self = .factor(value)
        } else {
            self = .none(reason: try container.decode(String.self))
        }
    }

    /// A number, or the reason why there is none.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .factor(let value): try container.encode(value)
        case .none(let reason): try container.encode(reason)
        }
    }
}
