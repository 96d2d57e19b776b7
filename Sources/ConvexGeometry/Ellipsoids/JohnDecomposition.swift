// John decomposition: any point near the center as an explicit combination of the contact points.
//
// For any weights u ≥ 0, Σu = 1, c = Σuᵢpᵢ, S = Σuᵢ(pᵢ−c)(pᵢ−c)ᵀ and any v in c + range S:
//     wᵢ = uᵢ·(1 + (pᵢ−c)ᵀS⁺(v−c))   ⇒   Σwᵢ = 1,  Σwᵢpᵢ = v                                              (1)
// With B = [√uᵢ(pᵢ−c)]ᵀ = Q·R, R = V'·diag(σ)·Vᵀ and y(x) = diag(1/σ)·Vᵀ(x−c):
//     wᵢ = uᵢ·(1 + y(pᵢ)ᵀy(v)),   κᵢ − 1 = |y(pᵢ)|²                                                       (2)
// so w ≥ 0 whenever |y(v)| ≤ 1/ρ with ρ = max |y(pᵢ)| over the support. The points c ± σⱼeⱼ/ρ are the axis vertices.
// Centered at the origin: c = 0, no "1 +" in (1), wᵢ may have any sign, and Σ|wᵢ| ≤ |y(v)| by Cauchy–Schwarz.
// Cost       one QR of the support, m·d² flops; then m·r per target.
// Limits     S is never formed; directions in which the support varies by less than its rounding are not spanned.
// Sources    John (1948); Ball, "Ellipsoids of maximal volume in convex bodies", Geom. Dedicata 41 (1992).

import LinearAlgebra

/// Weights that turn the contact points of an ellipsoid into convex combinations with prescribed values.
///
/// ```swift
/// let fit = try MinimumVolumeEllipsoid(points: points)
/// let john = try JohnDecomposition(points: points, support: fit.support, weights: fit.weights)
/// let vertices = john.axisVertices()             // d×2r, all in the convex hull of the points
/// let w = john.weights(for: Array(vertices.column(0)))   // Σ wᵢpᵢ = vertex, w ≥ 0
/// ```
///
/// Nothing needs to be optimal: any design `weights` over any `support` will do.
public struct JohnDecomposition: Sendable {
    /// The points with weight: indices into the point set.
    public let support: [Int]
    /// Design weights u of the support.
    public let designWeights: [Double]
    /// The support itself, d×m.
    public let supportPoints: Matrix
    /// Whether the points stand for ±pᵢ about the origin.
    public let isCentered: Bool
    /// c = Σuᵢpᵢ, the origin when centered.
    public let center: [Double]
    /// Rank of S: how many axes there are.
    public var rank: Int { axes.columns }
    /// The semiaxes σⱼeⱼ of { |y| ≤ 1 } as columns, d×r, longest first.
    public let axes: Matrix
    /// ρ = max |y(pᵢ)| over the support: (1) is non-negative on the ellipsoid |y| ≤ 1/ρ.
    public let radius: Double
    /// y(pᵢ) of the support, r×m.
    public let normalizedSupport: Matrix
    /// How far y may be from exact, relative to a vector of length 1: rounding, times the ratio of the largest and the smallest spread
    /// along the axes as they were computed.
    package let rounding: Double
    // y(x) = toBall·(x − c), r×d.
    let toBall: Matrix

    /// Decomposes with respect to a design over some columns of `points`.
    ///
    /// - Parameters:
    ///   - points: d×n.
    ///   - support: indices of columns, as many as `weights`.
    ///   - weights: u ≥ 0, not all zero; normalized to sum 1.
    ///   - isCentered: whether the center is the origin.
    /// - Throws: `noPoints`, `dimensionMismatch`, `invalidWeight`, `nonFinite`, `factorization`.
    /// - Complexity: O(m·d²) for m contact points.
    public init(points: Matrix, support: [Int], weights: [Double], isCentered: Bool = false) throws(GeometryError) {
        guard support.count == weights.count else { throw .dimensionMismatch(expected: support.count, found: weights.count) }
        for (i, weight) in weights.enumerated() where !(weight >= 0 && weight.isFinite) { throw .invalidWeight(index: i, value: weight) }
        let total = weights.reduce(0, +)
        guard total > 0, total.isFinite else {
            if support.isEmpty { throw .noPoints }
            throw .invalidWeight(index: 0, value: total)
        }
        precondition(support.allSatisfy { (0..<points.columns).contains($0) }, "support must name columns of the points")
        let chosen = support.indices.filter { weights[$0] > 0 }
        let columns = chosen.map { support[$0] }
        let u = chosen.map { weights[$0] / total }
        let p = points.selectingColumns(columns)
        if let bad = p.elements.firstIndex(where: { !$0.isFinite }) {
            throw .nonFinite(point: columns[bad / p.rows], coordinate: bad % p.rows, value: p.elements[bad])
        }
        self.support = columns
        designWeights = u
        supportPoints = p
        self.isCentered = isCentered
        center = isCentered ? [Double](repeating: 0, count: p.rows) : Self.mean(p, u)
        (axes, toBall, rounding) = try Self.axes(p, u, center)
        normalizedSupport = Self.normalize(p, center, toBall)
        var square = 0.0
        for i in 0..<p.columns { square = max(square, normalizedSupport.column(i).reduce(0) { $0 + $1 * $1 }) }
        radius = square.squareRoot()
    }

    // Σuᵢpᵢ, taken about the first point so that an offset costs nothing.
    private static func mean(_ p: Matrix, _ u: [Double]) -> [Double] {
        let origin = Array(p.column(0))
        var sum = [Double](repeating: 0, count: p.rows)
        for i in 0..<p.columns { for k in 0..<p.rows { sum[k] += u[i] * (p[k, i] - origin[k]) } }
        return zip(origin, sum).map(+)
    }

    // Principal axes of S, and the map to coordinates along them, by a QR of the weighted support and an SVD of its
    // factor. Coordinates whose spreads differ by more than 2²⁰ are scaled to equal spread, and the principal axes there
    // are used: any conjugate axes of S would do. Rank is always decided after that scaling. All is in units of each coordinate, or
    // of the largest one, powers of two: squares would leave the range of Double where coordinates do not.
    private static func axes(_ p: Matrix, _ u: [Double], _ c: [Double]) throws(GeometryError) -> (Matrix, Matrix, rounding: Double) {
        let d = p.rows, m = p.columns
        var weighted = Matrix(rows: max(m, d), columns: d) { i, k in i < m ? u[i].squareRoot() * (p[k, i] - c[k]) : 0 }
        let units = (0..<d).map { k in
            let largest = weighted.column(k).reduce(0) { max($0, $1.magnitude) }
            return largest > 0 ? Double(sign: .plus, exponent: largest.exponent, significand: 1) : 0
        }
        guard let unit = units.max(), unit > 0 else { return (Matrix(rows: d, columns: 0), Matrix(rows: 0, columns: d), 0) }
        for k in 0..<d where units[k] > 0 { for i in 0..<m { weighted[i, k] /= units[k] } }
        // Lengths of the columns in their units, at least 1.
        let lengths = (0..<d).map { weighted.column($0).reduce(0) { $0 + $1 * $1 }.squareRoot() }
        let varying = (0..<d).filter { units[$0] > 0 }
        let spread = varying.map { lengths[$0] * (units[$0] / unit) }
        do {
            let scaled = Matrix(rows: weighted.rows, columns: d) { i, k in units[k] > 0 ? weighted[i, k] / lengths[k] : 0 }
            var decomposition = try SingularValueDecomposition(scaled.triangularFactor())
            let tolerance = 8 * Double(max(m, d)).squareRoot() * Double.ulpOfOne
            let rank = decomposition.values.prefix { $0 > tolerance * decomposition.values[0] }.count
            // A coordinate is scale·unit·(its value in the decomposition).
            var scale = (0..<d).map { (lengths[$0], units[$0]) }
            if spread.max()! <= 0x1p20 * spread.min()! {
                for k in varying { for i in 0..<m { weighted[i, k] *= units[k] / unit } }
                decomposition = try SingularValueDecomposition(weighted.triangularFactor())
                scale = units.map { $0 > 0 ? (1, unit) : (1, 0) }
            }
            let (sigma, vt) = (decomposition.values, decomposition.vt)
            let axes = Matrix(rows: d, columns: rank) { k, j in sigma[j] * vt[j, k] * scale[k].0 * scale[k].1 }
            let toBall = Matrix(rows: rank, columns: d) { j, k in
                scale[k].1 > 0 ? vt[j, k] / scale[k].0 / sigma[j] / scale[k].1 : 0
            }
            return (axes, toBall, rank > 0 ? tolerance * sigma[0] / sigma[rank - 1] : 0)
        } catch {
            throw .factorization(error)
        }
    }

    private static func normalize(_ x: Matrix, _ c: [Double], _ toBall: Matrix) -> Matrix {
        toBall.times(Matrix(rows: x.rows, columns: x.columns) { k, i in x[k, i] - c[k] })
    }

    // MARK: combinations

    /// y(x) of the columns of `x`, r×k: |y(p)|² = κ(p) − 1 (κ when centered). Cost d·r per column.
    public func normalized(_ x: Matrix) -> Matrix {
        precondition(x.rows == center.count, "targets must have as many coordinates as the points")
        return Self.normalize(x, center, toBall)
    }

    /// The same in twice the precision: y of the map as it is stored, to the last digits.
    func carefullyNormalized(_ x: Matrix) -> Matrix {
        precondition(x.rows == center.count, "targets must have as many coordinates as the points")
        var image = [Double](repeating: 0, count: rank * x.columns)
        CompensatedProduct.affineImage(toBall.elements, rank, x.rows, center, x.elements, x.columns, into: &image)
        return Matrix(rows: rank, columns: x.columns, elements: image)
    }

    /// Weights (1) of the support for a target. They are non-negative when |y(target)| ≤ 1/ρ (always signed when
    /// centered), and exact when the target lies in the span of the support. Cost r·(d + m).
    public func weights(for target: [Double]) -> [Double] {
        weights(normalizedTarget: Array(normalized(Matrix(rows: target.count, columns: 1, elements: target)).elements))
    }

    // The same for a target given by y.
    func weights(normalizedTarget y: [Double]) -> [Double] {
        let products = normalizedSupport.times(y, transposeSelf: true)
        return zip(designWeights, products).map { $0 * (isCentered ? $1 : 1 + $1) }
    }

    /// How far the axis vertices are from the center, in units of `axes`: 1/ρ, or 1 when centered.
    public var vertexScale: Double {
        guard rank > 0, radius > 0 else { return 0 }
        return isCentered ? 1 : 1 / radius
    }

    /// The points c ± σⱼeⱼ/ρ (±σⱼeⱼ when centered), d×2r: + and − of axis 0, of axis 1, …
    ///
    /// All are in the convex hull of the points (of ±points when centered), whatever the design.
    public func axisVertices() -> Matrix {
        Matrix(rows: center.count, columns: 2 * rank) { k, j in
            center[k] + (j % 2 == 0 ? vertexScale : -vertexScale) * axes[k, j / 2]
        }
    }

    /// The vertex c + s·σⱼeⱼ as a combination of at most rank + 1 support points (`j` = vertex / 2, s = ± by parity).
    ///
    /// Indices are into the point set. When centered, weights carry the sign with which their point enters.
    /// Cost: one product with the support, and a reduction of m points.
    public func combination(vertex: Int) throws(GeometryError) -> (indices: [Int], weights: [Double]) {
        precondition(vertex >= 0 && vertex < 2 * rank, "there are two vertices per axis")
        let axis = vertex / 2
        let scale = vertex % 2 == 0 ? vertexScale : -vertexScale
        let signed = (0..<support.count).map { i in
            designWeights[i] * ((isCentered ? 0 : 1) + scale * normalizedSupport[axis, i])
        }
        return try reduced(signed)
    }

    // Few of the support points with the same Σ wᵢpᵢ (and Σ|wᵢ|), worked in the coordinates y, in which all is well scaled.
    func reduced(_ signed: [Double]) throws(GeometryError) -> (indices: [Int], weights: [Double]) {
        let magnitudes = signed.map { isCentered ? $0.magnitude : max(0, $0) }
        guard isCentered else {
            let reduction = try CaratheodoryReduction(points: normalizedSupport, weights: magnitudes)
            return (reduction.indices.map { support[$0] }, reduction.weights)
        }
        let oriented = Matrix(rows: rank, columns: support.count) { j, i in
            signed[i] < 0 ? -normalizedSupport[j, i] : normalizedSupport[j, i]
        }
        let reduction = try CaratheodoryReduction(points: oriented, weights: magnitudes)
        let weights = zip(reduction.indices, reduction.weights).map { signed[$0] < 0 ? -$1 : $1 }
        return (reduction.indices.map { support[$0] }, weights)
    }

    // MARK: thinning

    /// A design on at most D(D+1)/2 of the support points with the same center and the same S, D = r + 1 (r when
    /// centered): the interior-point method returns every contact point of a degenerate ellipsoid, this picks enough.
    ///
    /// Centered designs keep Σuᵢκᵢ = r rather than Σuᵢ; the two agree up to the support deficit, and are normalized.
    /// Cost: a reduction in D(D+1)/2 features.
    public func thinned(minimal: Bool = false) throws(GeometryError) -> (support: [Int], weights: [Double]) {
        let r = rank, m = support.count
        guard r > 0 else { return ([support[0]], [1]) }
        let pairs = r * (r + 1) / 2
        var features = normalizedSupport
        var u = designWeights
        if isCentered {
            // yyᵀ/κ with weights uκ: the trace is the total weight, so the last diagonal entry needs no feature.
            for i in 0..<m {
                let length = features.column(i).reduce(0) { $0 + $1 * $1 }.squareRoot()
                u[i] *= length * length
                for j in 0..<r { features[j, i] = length > 0 ? features[j, i] / length : 0 }
            }
        }
        let count = isCentered ? pairs - 1 : r + pairs
        guard m > count + 1 || minimal else { return (support, designWeights) }
        let isCentered = isCentered, y = features
        let reduction = try CaratheodoryReduction(
            points: y, weights: u,
            lift: .features(count: count) { range, out in
                var k = 0
                for i in range {
                    if !isCentered { for j in 0..<r { out[k] = y[j, i]; k += 1 } }
                    for a in 0..<r {
                        for b in a..<r where !isCentered || a < r - 1 { out[k] = y[a, i] * y[b, i]; k += 1 }
                    }
                }
            }, settings: .init(minimal: minimal))
        var weights = reduction.weights
        if isCentered {
            for (q, i) in reduction.indices.enumerated() {
                weights[q] /= normalizedSupport.column(i).reduce(0) { $0 + $1 * $1 }
            }
            let total = weights.reduce(0, +)
            weights = weights.map { $0 / total }
        }
        return (reduction.indices.map { support[$0] }, weights)
    }
}
