// ℓ∞-coresets: a few points whose largest |qᵀx| is within a factor of the largest |pᵀx| of all, for every x at once.
//
//     max_{p∈P} |pᵀx| ≤ α·max_{q∈C} |qᵀx|    for all x ∈ ℝᵈ                                                 (1)
//
// Notation   r rank of the points in use, D = r (center at the origin) or r + 1 (free), ε the ellipsoid's gap; y(p) the
//            coordinates of p along the ellipsoid's axes, p = c + Σ yⱼσⱼeⱼ; ρ = max |y| over the contact points.
// `axisCaratheodory`   the axis vertices of the shrunken ellipsoid, each as a combination of few contact points; union.
//     Origin: ±σⱼeⱼ = Σ wᵢpᵢ with Σ|w| ≤ 1, and |y(p)|² ≤ r(1+ε), so |pᵀx| ≤ |y|₁·maxⱼ|σⱼeⱼᵀx|:  α = r·√(1+ε).
//     Free: vertices c ± σⱼeⱼ/ρ, |y(p)|² ≤ r + Dε. With aⱼ = |σⱼeⱼᵀx|/ρ, |cᵀx| + aⱼ is the larger of the two vertex
//     values, so |pᵀx| ≤ |cᵀx| + ρ·|y|₁·max aⱼ:  α = √r·ρ·√(r + Dε).
// `johnSupport`        the contact points: |pᵀx|² ≤ κ(p)·Σuᵢ(qᵢᵀx)²:  α = √(D(1+ε)) (Kiefer & Wolfowitz 1960).
// `volumeSubset`       r points of locally maximal volume: p = Σ tᵢqᵢ with |tᵢ| ≤ 1 + τ:  α = r(1+τ) (Auerbach).
// Sources    Tukan, Mualem & Maalouf, NeurIPS 2022 (arXiv 2209.08554); Bhaskara, Mahabadi & Vakilian, arXiv 2310.00175.

import ConvexGeometry
import LinearAlgebra
public import MessagePassing

/// A subset of points that bounds every linear functional on all of them, up to a proven factor.
///
/// ```swift
/// let coreset = try LInfinityCoreset(points: points)     // d×n
/// coreset.indices          // a few columns
/// coreset.provenFactor     // α of (1): max |pᵀx| over all ≤ α · max |qᵀx| over these, for every x
/// ```
public struct LInfinityCoreset: Sendable, Equatable {
    /// How the points are chosen.
    public enum Construction: String, Sendable, CaseIterable, Codable {
        /// The paper's: the ellipsoid's axis vertices as combinations of at most r + 1 contact points each; at most
        /// 2r(r+1) points (r(r+1) when centered at the origin).
        case axisCaratheodory = "axis-caratheodory"
        /// The contact points of the ellipsoid, thinned to at most D(D+1)/2.
        case johnSupport = "john-support"
        /// As many points as the rank, of locally maximal volume.
        case volumeSubset = "volume-subset"
    }

    /// What to compute.
    public struct Settings: Sendable {
        /// How the points are chosen.
        public var construction: Construction
        /// `origin` for functionals pᵀx, the default; `free` also bounds pᵀx + b (for `axisCaratheodory`: pᵀx alone).
        public var centering: MinimumVolumeEllipsoid.Centering
        /// Gap of the ellipsoid; the factor pays √(1 + gap) for it.
        public var gap: Double
        /// τ: how far above 1 a coefficient may stay in `volumeSubset`.
        public var coefficientSlack: Double

        /// Settings with those given; by default the paper's construction about the origin.
        public init(
            construction: Construction = .axisCaratheodory, centering: MinimumVolumeEllipsoid.Centering = .origin, gap: Double = 1e-4,
            coefficientSlack: Double = 0.05
        ) {
            self.construction = construction
            self.centering = centering
            self.gap = gap
            self.coefficientSlack = coefficientSlack
        }
    }

    /// The points of the coreset: columns of the input, ascending.
    public let indices: [Int]
    /// Their shares, sum 1: design weights (`johnSupport`), mean weight over the vertices (`axisCaratheodory`), or equal.
    public let weights: [Double]
    /// α of (1), proven for the points as given.
    public let provenFactor: Double
    /// How the points were chosen.
    public let construction: Construction
    /// Whether the center of the ellipsoid was free or at the origin.
    public let centering: MinimumVolumeEllipsoid.Centering
    /// Rank of the points: of their linear hull, or of the affine hull when the center is free.
    public let rank: Int
    /// Number of points in the input.
    public let pointCount: Int
    /// Gap of the ellipsoid used, as certified on all points; `nil` for `volumeSubset`.
    public let gap: Double?

    /// Selects columns of `points`.
    ///
    /// Flat sets are handled in their hull; duplicates and zero points are allowed.
    /// - Throws: `geometry` for bad points, `invalidValue` for bad settings.
    /// - Complexity: one fit (`MinimumVolumeEllipsoid`) and O(d³ + m·d²) for m contact points; `volumeSubset` n·d² a pass.
    public init(points: Matrix, settings: Settings = .init()) throws(CoresetError) {
        guard settings.gap > 0, settings.gap.isFinite else {
            throw .invalidValue(name: "gap", expected: "a positive number", found: settings.gap)
        }
        guard settings.coefficientSlack > 0, settings.coefficientSlack.isFinite else {
            throw .invalidValue(name: "coefficient slack", expected: "a positive number", found: settings.coefficientSlack)
        }
        guard points.columns > 0 else { throw .geometry(.noPoints) }
        if let bad = points.elements.firstIndex(where: { !$0.isFinite }) {
            throw .geometry(.nonFinite(point: bad / points.rows, coordinate: bad % points.rows, value: points.elements[bad]))
        }
        let selection = try Selection(points, settings)
        let order = selection.indices.indices.sorted { selection.indices[$0] < selection.indices[$1] }
        indices = order.map { selection.indices[$0] }
        weights = order.map { selection.weights[$0] }
        provenFactor = selection.factor
        rank = selection.rank
        gap = selection.gap
        construction = settings.construction
        centering = settings.centering
        pointCount = points.columns
    }

    /// Selects some of points in pieces: the contact points of their ellipsoid, in memory that does not depend on their number.
    /// - Parameter processes: who share the reads of the fit, of which this is rank 0; the others call
    ///   `MinimumVolumeEllipsoid.shareReads`.
    /// - Throws: `geometry` for bad points, `invalidValue` for bad settings.
    public init(
        johnSupportOf points: ConcatenatedPoints, centering: MinimumVolumeEllipsoid.Centering = .origin, gap: Double = 1e-4,
        processes: any ProcessGroup = SingleProcess()
    ) throws(CoresetError) {
        guard gap > 0, gap.isFinite else { throw .invalidValue(name: "gap", expected: "a positive number", found: gap) }
        let isCentered = centering == .origin
        do throws(GeometryError) {
            var fitting = MinimumVolumeEllipsoid.Settings(centering: centering, gap: gap)
            fitting.supportDeficit = max(fitting.supportDeficit, gap)
            fitting.processes = processes
            let fit = try MinimumVolumeEllipsoid(points: points, settings: fitting)
            (rank, self.gap) = (fit.rank, fit.certificate.gap)
            if fit.rank > 0 {
                // The decomposition needs the contact points alone.
                let contacts = points.columns(fit.support)
                let john = try JohnDecomposition(
                    points: contacts, support: Array(0..<contacts.columns), weights: fit.weights, isCentered: isCentered)
                let chosen = try Selection.contacts(fit, john)
                let order = chosen.indices.indices.sorted { chosen.indices[$0] < chosen.indices[$1] }
                (indices, weights) = (order.map { fit.support[chosen.indices[$0]] }, order.map { chosen.weights[$0] })
                provenFactor = chosen.factor
            } else {
                (indices, weights, provenFactor) = ([fit.support[0]], [1], 1)
            }
        } catch {
            throw .geometry(error)
        }
        (construction, self.centering, pointCount) = (.johnSupport, centering, points.pointCount)
    }

    // What a construction comes to.
    private struct Selection {
        var indices: [Int]
        var weights: [Double]
        var factor: Double
        var rank: Int
        var gap: Double?

        init(_ points: Matrix, _ settings: Settings) throws(CoresetError) {
            // Nothing varies: one point stands for all.
            if points.rows == 0 || points.maximumMagnitude == 0 {
                (indices, weights, factor, rank, gap) = ([0], [1], 1, 0, nil)
                return
            }
            do {
                switch settings.construction {
                case .volumeSubset: self = try Self.volumeSubset(points, settings)
                case .axisCaratheodory, .johnSupport: self = try Self.fromEllipsoid(points, settings)
                }
            } catch {
                throw .geometry(error)
            }
        }

        init(indices: [Int], weights: [Double], factor: Double, rank: Int, gap: Double?) {
            (self.indices, self.weights, self.factor, self.rank, self.gap) = (indices, weights, factor, rank, gap)
        }

        private static func fromEllipsoid(_ points: Matrix, _ settings: Settings) throws(GeometryError) -> Selection {
            var fitting = MinimumVolumeEllipsoid.Settings(centering: settings.centering, gap: settings.gap)
            fitting.supportDeficit = max(fitting.supportDeficit, settings.gap)
            let fit = try MinimumVolumeEllipsoid(points: points, settings: fitting)
            let isCentered = settings.centering == .origin
            let john = try JohnDecomposition(points: points, support: fit.support, weights: fit.weights, isCentered: isCentered)
            let r = Double(fit.rank), lifted = isCentered ? r : r + 1, gap = fit.certificate.gap
            guard fit.rank > 0 else { return Selection(indices: [fit.support[0]], weights: [1], factor: 1, rank: 0, gap: gap) }
            guard settings.construction == .axisCaratheodory, let allowance = allowance(for: john, of: fit.rank) else {
                return try contacts(fit, john)
            }
            var shares: [Int: Double] = [:]
            let vertices = Array(stride(from: 0, to: 2 * john.rank, by: isCentered ? 2 : 1))
            for vertex in vertices {
                let (indices, weights) = try john.combination(vertex: vertex)
                for (index, weight) in zip(indices, weights) { shares[index, default: 0] += weight.magnitude / Double(vertices.count) }
            }
            let factor =
                allowance * (isCentered ? r * (1 + gap).squareRoot() : r.squareRoot() * john.radius * (r + lifted * gap).squareRoot())
            let chosen = shares.keys.sorted()
            let total = chosen.reduce(0) { $0 + shares[$1]! }
            return Selection(indices: chosen, weights: chosen.map { shares[$0]! / total }, factor: max(1, factor), rank: fit.rank, gap: gap)
        }

        /// The contact points, thinned where their decomposition can be trusted with it; indices are those of the decomposition's points.
        ///
        /// The support as it is has the bound of `johnSupport` by the certificate of the fit, which is computed in twice the precision.
        static func contacts(_ fit: MinimumVolumeEllipsoid, _ john: JohnDecomposition) throws(GeometryError) -> Selection {
            let gap = fit.certificate.gap
            let bound = (Double(fit.rank + (john.isCentered ? 0 : 1)) * (1 + gap)).squareRoot()
            if let allowance = allowance(for: john, of: fit.rank) {
                let (support, weights) = try john.thinned()
                let factor = support.count < john.support.count ? bound * allowance : bound
                return Selection(indices: support, weights: weights, factor: factor, rank: fit.rank, gap: gap)
            }
            return Selection(indices: john.support, weights: john.designWeights, factor: bound, rank: fit.rank, gap: gap)
        }

        /// What the rounding of a decomposition may add to factors proven by it; nil where it spans less than the fit does, or hardly
        /// knows its shortest axes: axes that rounding hides would void the bound. Errors of y and of the combinations it gives
        /// are `rounding` each, times √D in a sum over the axes; D is above that.
        private static func allowance(for john: JohnDecomposition, of rank: Int) -> Double? {
            let loss = 4 * Double(rank + 1) * john.rounding
            return john.rank == rank && loss <= mostAllowance ? 1 + loss : nil
        }

        /// Beyond a hundredth the contact points as they are have the better claim.
        private static var mostAllowance: Double { 0.01 }

        // MARK: points of locally maximal volume

        private static func volumeSubset(_ points: Matrix, _ settings: Settings) throws(GeometryError) -> Selection {
            let lifted = lift(points, settings.centering)
            do {
                let pivots = try Pivots(lifted)
                let rank = pivots.rank
                guard rank > 0 else { return Selection(indices: [0], weights: [1], factor: 1, rank: 0, gap: nil) }
                // Coefficients T = R₁₁⁻¹R of all points in the first `rank` pivots, columns in pivot order.
                var basis = Array(0..<rank)
                let head = pivots.head
                var t = try coefficients(head, basis)
                let bound = 1 + settings.coefficientSlack
                // Every exchange multiplies the volume by more than 1 + τ, so there are few.
                for _ in 0..<(100 * rank) {
                    var largest = (value: bound, row: -1, column: -1)
                    for j in 0..<t.columns {
                        for i in 0..<rank where t[i, j].magnitude > largest.value { largest = (t[i, j].magnitude, i, j) }
                    }
                    guard largest.row >= 0 else { break }
                    basis[largest.row] = largest.column
                    exchange(&t, largest.row, largest.column)
                }
                t = try coefficients(head, basis)
                let factor = Double(rank) * largestCoefficient(t, head, basis, rounding: pivots.rounding)
                let affine = settings.centering == .free ? rank - 1 : rank
                return Selection(
                    indices: basis.map { pivots.permutation[$0] }, weights: [Double](repeating: 1 / Double(rank), count: rank),
                    factor: factor,
                    rank: affine, gap: nil)
            } catch {
                throw .factorization(error)
            }
        }

        /// max |tᵢⱼ|, at least 1, with what rounding may have taken from it: a coefficient of a long column in a short one is a
        /// difference of long ones. Columns of the basis are themselves, whatever a solution says.
        private static func largestCoefficient(_ t: Matrix, _ head: Matrix, _ basis: [Int], rounding: Double) -> Double {
            func length(_ column: Int) -> Double { head.column(column).reduce(0) { max($0, $1.magnitude) } }
            let (own, scales) = (Set(basis), basis.map { rounding / length($0) })
            var largest = 1.0
            for j in 0..<t.columns where !own.contains(j) {
                let size = length(j)
                for i in basis.indices { largest = max(largest, t[i, j].magnitude + size * scales[i]) }
            }
            return largest
        }

        /// The pivoted QR of points, up to their rank.
        private struct Pivots {
            let rank: Int
            let permutation: [Int]
            /// The first `rank` rows of R, columns in pivot order.
            let head: Matrix
            /// Error of coefficients in the pivots, times the lengths of these by that of the point.
            let rounding: Double

            init(_ points: Matrix) throws(FactorizationError) {
                let own = try PivotedQR(points)
                let (rank, most) = (own.rank(), Double(min(points.rows, points.columns)))
                let spread = rank > 0 ? (own.r[rank - 1, rank - 1] / own.r[0, 0]).magnitude : 0
                if Double(rank) == most, spread >= Self.leastSpread {
                    self.init(own, rank: rank, sizes: nil, spread: spread)
                    return
                }
                // A small point that no large one spans drowns in the rounding of these; by its own length it counts as they do.
                let sizes = (0..<points.columns).map { j in
                    let largest = points.column(j).reduce(0) { max($0, $1.magnitude) }
                    return largest > 0 ? Double(sign: .plus, exponent: largest.exponent, significand: 1) : 1
                }
                let equal = try PivotedQR(Matrix(rows: points.rows, columns: points.columns) { points[$0, $1] / sizes[$1] })
                // R has every column to an error of its own length: some roundings for each coordinate.
                let tolerance = 64 * Double(points.rows) * .ulpOfOne
                let diagonal = equal.r.diagonal.map(\.magnitude)
                let found = diagonal.prefix { $0 > tolerance }.count
                self.init(equal, rank: found, sizes: sizes, spread: found > 0 ? diagonal[found - 1] / diagonal[0] : 1)
            }

            private init(_ qr: PivotedQR, rank: Int, sizes: [Double]?, spread: Double) {
                (self.rank, permutation) = (rank, qr.permutation)
                let (r, permutation) = (qr.r, qr.permutation)
                head = Matrix(rows: rank, columns: r.columns) { i, j in r[i, j] * (sizes?[permutation[j]] ?? 1) }
                rounding = 8 * Double(rank) * .ulpOfOne / spread
            }

            /// Where coefficients have half of their digits.
            private static var leastSpread: Double { 0x1p-26 }
        }

        // Coordinates scaled to equal size (the coefficients do not depend on it), with a 1 when the center is free.
        private static func lift(_ points: Matrix, _ centering: MinimumVolumeEllipsoid.Centering) -> Matrix {
            var size = [Double](repeating: 0, count: points.rows)
            for j in 0..<points.columns { for k in 0..<points.rows { size[k] = max(size[k], points[k, j].magnitude) } }
            return Matrix(rows: points.rows + (centering == .free ? 1 : 0), columns: points.columns) { k, j in
                k == points.rows ? 1 : size[k] > 0 ? points[k, j] / size[k] : 0
            }
        }

        private static func coefficients(_ head: Matrix, _ basis: [Int]) throws(FactorizationError) -> Matrix {
            try LU(head.selectingColumns(basis)).solve(head)
        }

        // The column takes the place of the row's basic point.
        private static func exchange(_ t: inout Matrix, _ row: Int, _ column: Int) {
            let pivot = t[row, column]
            let entering = Array(t.column(column))
            for j in 0..<t.columns {
                let value = t[row, j] / pivot
                for i in 0..<t.rows where i != row { t[i, j] -= entering[i] * value }
                t[row, j] = value
            }
        }
    }
}
