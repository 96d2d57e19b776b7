// Channels as points, so that geometry can rank them.
//
// Channel i has an incoming vector (pᵢ, bᵢ), an outgoing vector Vᵢ, and under an input model a covariance C:
//   incoming   (pᵢ, bᵢ)                   |pᵀx| before the activation
//   outgoing   Vᵢ                         its share of what the consumer reads
//   product    ‖Vᵢ‖·(pᵢ, bᵢ)              positive homogeneity folds the outgoing weight into the point
//   function   fᵢ ∈ ℝʳ, ⟨fᵢ, fⱼ⟩ ≈ Gᵢⱼ = ⟨Vᵢ, Vⱼ⟩·Cᵢⱼ, from the leading r eigenpairs of G                    (1)
// The points are then expressed in their own r leading principal directions (about the origin: the ellipsoid that
// follows is centred), r fixed or the least that retains a share of the energy Σ‖pᵢ‖².
// Of more than 2048 channels or numbers at most 512 directions are found (LeadingEigenpairs).
// Source: Tukan, Mualem & Maalouf, NeurIPS 2022 (arXiv 2209.08554) for `incoming`; G is the Gram matrix of the
// functions x ↦ Vᵢ·(hᵢ(x) − E hᵢ) in L²(input model).

import LinearAlgebra

/// The channels of a group as columns of an r×n matrix.
package struct NeuronPoints: Sendable {
    /// Points as columns, r×n.
    package let points: Matrix
    /// Which representation they are in.
    package let representation: PointRepresentation
    /// Share of Σ‖pᵢ‖² that the r directions retain, 0…1; 1 when all points are zero.
    package let retainedEnergy: Double

    private init(points: Matrix, representation: PointRepresentation, retainedEnergy: Double) {
        self.points = points
        self.representation = representation
        self.retainedEnergy = retainedEnergy
    }

    /// The points in their `count` leading directions, all of them when there are fewer.
    package func leading(_ count: Int) -> NeuronPoints {
        guard count < rank else { return self }
        let first = points.selectingRows(Array(0..<count))
        let (part, whole) = (first.frobeniusNorm, points.frobeniusNorm)
        return NeuronPoints(
            points: first, representation: representation,
            retainedEnergy: whole > 0 ? retainedEnergy * (part / whole) * (part / whole) : 1)
    }

    /// r.
    package var rank: Int { points.rows }
    /// n.
    package var count: Int { points.columns }

    /// The largest rank for which peeling with threshold 2(r + 1) runs at least once on n points; at least 1.
    package static func largestInformativeRank(count n: Int) -> Int { Swift.max(1, n / 2 - 2) }

    /// Builds the points of one group.
    ///
    /// - Parameters:
    ///   - incoming: (pᵢ, bᵢ) as columns, (d + 1)×n, batch normalization folded in.
    ///   - outgoing: Vᵢ as columns, q×n.
    ///   - covariance: C, n×n; read by `function` only.
    ///   - rank: how many directions to keep; never more than `largestInformativeRank` and the numerical rank.
    /// - Throws: `factorization` when an eigendecomposition fails.
    /// - Complexity: with k the lesser of n and the length of what stands for a channel, n·k² to multiply, then 9k³ flops for k up to
    ///   2048, 3200·k² multiply–adds beyond.
    package init(
        _ representation: PointRepresentation, incoming: Matrix, outgoing: Matrix, covariance: Matrix?, rank: RankRule,
        layer: String = ""
    ) throws(PruningError) {
        let n = incoming.columns
        precondition(outgoing.columns == n, "incoming and outgoing weights must have one column per channel")
        guard representation != .function || covariance != nil else {
            throw .unsupported(.points, value: representation.rawValue, needs: .covariance)
        }
        self.representation = representation
        do throws(FactorizationError) {
            switch representation {
            case .incoming: (points, retainedEnergy) = try NeuronPoints.reduced(incoming, rank)
            case .outgoing: (points, retainedEnergy) = try NeuronPoints.reduced(outgoing, rank)
            case .product:
                var scaled = incoming
                for i in 0..<n {
                    let norm = outgoing.columnNorm(i)
                    for k in 0..<scaled.rows { scaled[k, i] *= norm }
                }
                (points, retainedEnergy) = try NeuronPoints.reduced(scaled, rank)
            case .function:
                var gram = outgoing.times(outgoing, transposeSelf: true)
                if let covariance { for k in gram.elements.indices { gram.elements[k] *= covariance.elements[k] } }
                (points, retainedEnergy) = try NeuronPoints.embedded(gram, rank)
            }
        } catch {
            throw .factorization(error, layer: layer)
        }
    }

    /// Points by the inner products of what they stand for, n×n.
    init(_ representation: PointRepresentation, gram: Matrix, rank: RankRule) throws(FactorizationError) {
        self.representation = representation
        (points, retainedEnergy) = try NeuronPoints.embedded(gram, rank)
    }

    /// Points by coordinates in some orthonormal directions, of all that is there `energy`.
    init(_ representation: PointRepresentation, coordinates: Matrix, rank: RankRule, energy: Double) throws(FactorizationError) {
        self.representation = representation
        let (points, share) = try NeuronPoints.reduced(coordinates, rank)
        let inside = coordinates.frobeniusNorm
        (self.points, retainedEnergy) = (points, energy > 0 ? Swift.min(1, share * (inside * inside / energy)) : share)
    }

    /// The points' coordinates in their leading principal directions.
    private static func reduced(_ points: Matrix, _ rule: RankRule) throws(FactorizationError) -> (Matrix, Double) {
        // The eigenvectors of the smaller of the two Gram matrices suffice.
        if points.rows > points.columns {
            return try embedded(points.times(points, transposeSelf: true), rule)
        }
        let leading = try LeadingEigenpairs(of: points.gram())
        let (r, share) = retained(leading, count: points.columns, rule)
        return (leading.vectors.selectingColumns(0..<r).times(points, transposeSelf: true), share)
    }

    /// Points whose Gram matrix is the best rank-r approximation of `gram`.
    private static func embedded(_ gram: Matrix, _ rule: RankRule) throws(FactorizationError) -> (Matrix, Double) {
        let leading = try LeadingEigenpairs(of: gram)
        let (r, share) = retained(leading, count: gram.rows, rule)
        let roots = leading.values.prefix(r).map { Swift.max(0, $0).squareRoot() }
        return (Matrix(rows: r, columns: gram.rows) { k, i in roots[k] * leading.vectors[i, k] }, share)
    }

    /// How many of the eigenvalues to keep for `count` points, and the share of the trace they hold.
    private static func retained(_ leading: LeadingEigenpairs, count: Int, _ rule: RankRule) -> (Int, Double) {
        let positive = leading.values.map { Swift.max(0, $0) }
        let total = leading.trace
        guard total > 0 else { return (1, 1) }
        let noise = Double(leading.vectors.rows) * Double.ulpOfOne * (positive.first ?? 0)
        var limit = Swift.min(largestInformativeRank(count: count), positive.prefix { $0 > noise }.count)
        switch rule {
        case .fixed(let rank): limit = Swift.min(limit, rank)
        case .energy(let share):
            var sum = 0.0
            let needed = positive.prefix { value in
                defer { sum += value }
                return sum < share * total
            }.count
            limit = Swift.min(limit, needed)
        }
        let r = Swift.max(1, limit)
        return (r, Swift.min(1, positive.prefix(r).reduce(0, +) / total))
    }
}
