// Upper bounds of ℓ₁-sensitivities by peeling ℓ∞-coresets (Varadarajan & Xiao).
//
//     Q = P, k = 1;  while |Q| > threshold:  C = ℓ∞-coreset(Q);  s(p) = α/k for p ∈ C;  Q ← Q∖C;  k ← k + 1
//     what is left gets α/k                                                                                 (1)
//
// Why it is valid: p, removed in round k, was covered by the k − 1 disjoint coresets before it, and by itself, so
//     Σ_q |qᵀx| ≥ (k/α)·|pᵀx| for all x,   that is   s(p) = max_x |pᵀx| / Σ_q |qᵀx| ≤ α/k.                   (2)
// Points equal to zero have sensitivity 0 and are left out of (1).
// Source: Varadarajan & Xiao, FSTTCS 2012; Tukan, Mualem & Maalouf, NeurIPS 2022.

import ConvexGeometry
import LinearAlgebra

/// How much each point can matter: an upper bound of max_x |pᵀx| / Σ_q |qᵀx| for every point p.
///
/// ```swift
/// let bounds = try SensitivityBounds(points: points)
/// bounds.sensitivities     // one per point
/// bounds.rounds            // the peel in which each point left, 1 = first
/// bounds.total             // Σ s: how large a sample must be
/// ```
public struct SensitivityBounds: Sendable, Equatable {
    /// When peeling stops.
    public enum Threshold: Sendable, Equatable {
        /// 2(r + 1) points left: informative at small n.
        case fine
        /// 2r² points left.
        case coarse
        /// This many points left.
        case count(Int)

        func value(rank: Int) -> Int {
            switch self {
            case .fine: 2 * (rank + 1)
            case .coarse: 2 * rank * rank
            case .count(let count): count
            }
        }
    }

    /// What an observer is told.
    public struct Progress: Sendable {
        /// Coresets peeled off so far.
        public let peels: Int
        /// Points that are left.
        public let pointsLeft: Int
    }

    /// s of (1), one per point; not capped at 1.
    public let sensitivities: [Double]
    /// The round in which each point left, from 1; the points left over share the last number; 0 for zero points.
    public let rounds: [Int]
    /// Number of coresets peeled off.
    public let peels: Int
    /// Sizes of the coresets, in order.
    public let coresetSizes: [Int]
    /// Points left over.
    public let leftoverCount: Int
    /// Rank of all points.
    public let rank: Int
    /// α of (1).
    public let alpha: Double
    /// The largest factor proven for any of the coresets, at most `alpha`; `nil` when nothing was peeled.
    public let provenFactor: Double?
    /// Points at which peeling stopped.
    public let threshold: Int
    /// How each coreset was chosen.
    public let construction: LInfinityCoreset.Construction

    /// Σ s.
    public var total: Double { sensitivities.reduce(0, +) }
    /// Σ min(1, s): what the bounds say once the trivial bound 1 is used.
    public var cappedTotal: Double { sensitivities.reduce(0) { $0 + min(1, $1) } }

    /// Whether the bounds tell the points apart: when nothing was peeled all are the same.
    public var isInformative: Bool { peels > 0 }

    /// Peels the columns of `points`.
    ///
    /// - Parameters:
    ///   - points: r×n, one point per column.
    ///   - settings: construction, centering and tolerances of the coresets.
    ///   - threshold: when to stop; bounds stay valid at any.
    ///   - observer: called before every round; returning false stops peeling there.
    /// - Throws: as ``LInfinityCoreset``.
    /// - Complexity: one coreset (``LInfinityCoreset``) of what is left in every round, n/size rounds at most.
    public init(
        points: Matrix, settings: LInfinityCoreset.Settings = .init(), threshold: Threshold = .fine,
        observer: ((Progress) -> Bool)? = nil
    ) throws(CoresetError) {
        let n = points.columns
        guard n > 0 else { throw .geometry(.noPoints) }
        if let bad = points.elements.firstIndex(where: { !$0.isFinite }) {
            throw .geometry(.nonFinite(point: bad / points.rows, coordinate: bad % points.rows, value: points.elements[bad]))
        }
        if case .count(let count) = threshold, count < 0 {
            throw .invalidCount(name: "threshold", expected: "0 or more", found: count)
        }
        var left = (0..<n).filter { points.column($0).contains { $0 != 0 } }
        var rounds = [Int](repeating: 0, count: n)
        var sizes: [Int] = []
        var worst: Double?
        rank = try Self.rank(of: points)
        let stop = threshold.value(rank: rank)
        var round = 1
        while left.count > stop, observer?(Progress(peels: sizes.count, pointsLeft: left.count)) ?? true {
            let coreset = try LInfinityCoreset(points: points.selectingColumns(left), settings: settings)
            worst = max(worst ?? 1, coreset.provenFactor)
            sizes.append(coreset.indices.count)
            for i in coreset.indices { rounds[left[i]] = round }
            left = left.filter { rounds[$0] == 0 }
            round += 1
        }
        for i in left { rounds[i] = round }
        alpha = max(Self.alpha(rank: rank, settings: settings), worst ?? 1)
        let alpha = alpha
        sensitivities = rounds.map { $0 > 0 ? alpha / Double($0) : 0 }
        self.rounds = rounds
        peels = sizes.count
        coresetSizes = sizes
        leftoverCount = left.count
        provenFactor = worst
        self.threshold = stop
        construction = settings.construction
    }

    /// α(r) by construction: the paper's 2r^{3/2}, √D for the contact points, r(1+τ) for the volume subset.
    static func alpha(rank: Int, settings: LInfinityCoreset.Settings) -> Double {
        let r = Double(max(1, rank)), lifted = settings.centering == .origin ? r : r + 1
        return switch settings.construction {
        case .axisCaratheodory: 2 * r * r.squareRoot()
        case .johnSupport: (lifted * (1 + settings.gap)).squareRoot()
        case .volumeSubset: lifted * (1 + settings.coefficientSlack)
        }
    }

    // Rank of the linear hull, coordinates scaled to equal size.
    private static func rank(of points: Matrix) throws(CoresetError) -> Int {
        guard points.rows > 0 else { return 0 }
        let rows = points.transposed()
        var scaled = rows
        for k in 0..<rows.columns {
            let size = rows.column(k).reduce(0) { max($0, $1.magnitude) }
            guard size > 0 else { continue }
            for i in 0..<rows.rows { scaled[i, k] /= size }
        }
        do {
            let factor = scaled.rows > scaled.columns ? scaled.triangularFactor() : scaled
            return try PivotedQR(factor).rank(relativeTolerance: 8 * Double(max(points.rows, points.columns)).squareRoot() * .ulpOfOne)
        } catch {
            throw .geometry(.factorization(error))
        }
    }
}
