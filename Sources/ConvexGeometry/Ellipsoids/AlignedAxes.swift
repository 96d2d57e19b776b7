// Principal axes of a weighted point set whose axes may differ by sixteen orders of magnitude, along any directions.
//
//     zᵢ = diag(1/s)·Vᵀ(pᵢ − o),   V d×r nearly orthonormal                                               (1)
//     diag(√u)·Zᵀ = Q·R,   R·diag(s) = U·Σ·Jᵀ   ⇒   V·J and Σ are the axes of Σuᵢ(pᵢ−o)(pᵢ−o)ᵀ             (2)
//
// z is computed as if in twice the precision from V as it is stored, so (2) holds for any V that is close: a few rounds
// turn any start into the axes. R is well conditioned once V is, and the rotations that couple long with short axes
// come out with all their digits, also where coordinates have different units. What limits a direction is its own
// rounding: an axis shorter than the longest one by a factor q is off by about q·ulp of its length, sheared.

import LinearAlgebra

struct AlignedAxes {
    /// V, d×r.
    private(set) var directions: Matrix
    /// s: root mean squares along the directions, descending.
    private(set) var lengths: [Double]
    /// What V lacks of the directions found, d×r.
    private var remainder: Matrix
    private let team: ThreadTeam

    /// Rounds of (2): one from the directions of the coordinates to rounding, one to find the short lengths, and as many
    /// again where the first rounding was as large as the short axes.
    private static var rounds: Int { 5 }
    /// A correlation between axes from which on another round would change nothing that can be stored.
    private static var aligned: Double { 1e-9 }

    /// Axes of d-dimensional points about `origin`, by weights of sum 1.
    /// - Parameter start: directions to start from that span the points, d×r; the coordinate axes when nil.
    /// - Returns: nil when the points do not span r dimensions, or lengths leave the range of Double.
    init?(_ points: [Double], weights: [Double], origin: [Double], start: Matrix?, team: ThreadTeam) {
        let d = origin.count
        self.team = team
        directions = start ?? .identity(d)
        let r = directions.columns
        remainder = Matrix(rows: d, columns: r)
        lengths = [Double](repeating: 1, count: r)
        guard weights.count >= r, r > 0 else { return nil }
        guard let first = Self.rootMeanSquares(images(points, origin), weights), first.max() ?? 0 > 0 else { return nil }
        // A direction that seems to have no extent gets one below rounding, and its true one in the next round.
        let least = (first.max() ?? 1) * 0x1p-60
        lengths = first.map { $0 > 0 ? $0 : least }
        for round in 0..<Self.rounds {
            let m = weights.count
            let z = images(points, origin)
            var factor = Matrix.triangularFactor(rows: m, columns: r, team: team) { rows, target in
                for (i, point) in rows.enumerated() {
                    let root = weights[point].squareRoot()
                    for k in 0..<r { target[k * rows.count + i] = root * z[point * r + k] }
                }
            }
            guard factor.isFinite else { return nil }
            var worst = 0.0
            for l in 0..<r {
                let size = BLAS.nrm2(l + 1, Array(factor.column(l).prefix(l + 1)), 1)
                for k in 0..<l where size > 0 { worst = Swift.max(worst, factor[k, l].magnitude / size) }
            }
            if round > 0, worst <= Self.aligned { break }
            let unit = powerOfTwo(atLeast: lengths.max() ?? 1)
            for l in 0..<r { for k in 0...l { factor[k, l] *= lengths[l] / unit } }
            guard let (values, vectors) = Self.rightSingularVectors(factor, isMild: isMild) else { return nil }
            if isMild {
                directions = directions.times(vectors)
                remainder = Matrix(rows: d, columns: r)
            } else {
                (directions, remainder) = CompensatedProduct.product(directions, vectors)
            }
            lengths = values.map { $0 > 0 ? $0 * unit : (values[0] * unit) * 0x1p-60 }
            guard lengths.allSatisfy({ $0 > 0x1p-1020 && $0 < 0x1p1020 }) else { return nil }
        }
    }

    /// Ratio of lengths up to which plain arithmetic finds the axes to 1e-12 of the short ones.
    private static var mild: Double { 1e4 }

    private var isMild: Bool { (lengths.max() ?? 0) <= Self.mild * (lengths.min() ?? 0) }

    /// Singular values, descending, and right singular vectors as columns.
    private static func rightSingularVectors(_ a: Matrix, isMild: Bool) -> (values: [Double], vectors: Matrix)? {
        if isMild {
            guard let found = try? SingularValueDecomposition(a), let last = found.values.last, last * mild * mild >= found.values[0] else {
                return rightSingularVectors(a, isMild: false)
            }
            return (found.values, found.vt.transposed())
        }
        guard let found = try? JacobiDecomposition(a) else { return nil }
        return (found.values, found.vectors)
    }

    /// Powers of two near the lengths: T = diag(2⁻ᵉ)·Vᵀ is exact.
    var scales: [Double] { lengths.map(powerOfTwo(atLeast:)) }

    /// T = diag(2⁻ᵉ)·Vᵀ, r×d by columns.
    var transform: [Double] {
        let (d, r, scales) = (directions.rows, directions.columns, self.scales)
        return Matrix(rows: r, columns: d) { directions.elements[$1 + $0 * d] / scales[$0] }.elements
    }

    /// Equation (1), r×m.
    func images(_ points: [Double], _ origin: [Double]) -> [Double] {
        let (d, r) = (directions.rows, directions.columns)
        let m = points.count / d
        var result = [Double](repeating: 0, count: r * m)
        let transform = self.transform
        if isRoundingHarmless(transform, points, origin) {
            points.withUnsafeBufferPointer { points in
                result.withUnsafeMutableBufferPointer { result in
                    team.share(m, inRunsOf: Swift.max(64, (1 << 19) / (r * d))) { run in
                        var shifted: [Double] = .uninitialized(run.count * d)
                        shifted.withUnsafeMutableBufferPointer {
                            LeverageKernels.shift(
                                points.baseAddress! + run.lowerBound * d, dimension: d, count: run.count, origin: origin,
                                into: $0.baseAddress!)
                        }
                        BLAS.gemm(
                            .normal, .normal, r, run.count, d, 1, transform, r, shifted, d, 0, result.baseAddress! + run.lowerBound * r, r)
                    }
                }
            }
        } else {
            CompensatedProduct.affineImage(transform, r, d, origin, points, m, into: &result, team: team)
        }
        // Between ½ and 1, so neither overflows.
        let rest = zip(scales, lengths).map { $0 / $1 }
        for j in 0..<m { for k in 0..<r { result[k + j * r] *= rest[k] } }
        return result
    }

    /// Whether cancellation in T·(p − o) costs less than 1e-12: a row of |T| times the sizes of the coordinates, in ulps.
    private func isRoundingHarmless(_ transform: [Double], _ points: [Double], _ origin: [Double]) -> Bool {
        let (d, r) = (directions.rows, directions.columns)
        var sizes = origin.map(\.magnitude)
        for j in 0..<points.count / d { for k in 0..<d { sizes[k] = Swift.max(sizes[k], points[k + j * d].magnitude) } }
        return (0..<r).allSatisfy { i in
            (0..<d).reduce(0.0) { $0 + (transform[i + $1 * r] * sizes[$1]).magnitude } * .ulpOfOne <= 1e-12
        }
    }

    /// Root mean squares of the rows of z, in the units of the points; nil when one is not finite.
    private static func rootMeanSquares(_ z: [Double], _ weights: [Double]) -> [Double]? {
        let r = z.count / weights.count
        let result = (0..<r).map { k in
            let row = weights.indices.map { weights[$0].squareRoot() * z[k + $0 * r] }
            return BLAS.nrm2(row.count, row, 1)
        }
        return result.allSatisfy(\.isFinite) ? result : nil
    }

    /// Replaces the directions of short axes by multiples that Double holds better.
    ///
    /// A direction may be stored with any length near 1, its semiaxis scaled alike. Of K lengths within 1.5e-11 of 1 the one is
    /// taken whose rounding leans least towards long axes: with one long axis that is K times better than rounding to
    /// nearest, with two √K times.
    mutating func roundCarefully() {
        let (d, r) = (directions.rows, directions.columns)
        for short in 0..<r where lengths[0] > Self.worthRounding * lengths[short] {
            let long = (0..<short).filter { lengths[$0] > Self.worthRounding * lengths[short] }
            // Rows of `pull`: how an error of the direction shears the short axis towards each long one.
            let pull = long.map { axis in directions.column(axis).map { $0 * (lengths[axis] / lengths[short]) } }
            let (exact, rest) = (Array(directions.column(short)), Array(remainder.column(short)))
            var best = (lean: Double.infinity, attempt: 0)
            var error = [Double](repeating: 0, count: d)
            // 0, 1, −1, 2, −2, …: as near to length 1 as will do.
            for step in 0..<Swift.max(1, Swift.min(Self.attempts, (1 << 23) / (d * Swift.max(1, long.count)))) {
                let attempt = step % 2 == 0 ? -(step / 2) : step / 2 + 1
                let scale = 1 + Double(attempt) * .ulpOfOne
                for k in 0..<d { error[k] = Self.scaled(exact[k], rest[k], scale).error }
                var lean = 0.0
                for row in pull {
                    var product = 0.0
                    for k in 0..<d { product += error[k] * row[k] }
                    lean += product * product
                }
                if lean < best.lean { best = (lean, attempt) }
                if best.lean <= Self.harmlessLean { break }
            }
            let scale = 1 + Double(best.attempt) * .ulpOfOne
            for k in 0..<d {
                directions[k, short] = Self.scaled(exact[k], rest[k], scale).rounded
                remainder[k, short] = 0
            }
            lengths[short] *= scale
        }
    }

    /// scale·(value + rest) rounded, and what that lacks.
    @inline(__always)
    private static func scaled(_ value: Double, _ rest: Double, _ scale: Double) -> (rounded: Double, error: Double) {
        let (product, tail) = CompensatedProduct.twoProduct(scale, value)
        let wanted = tail + scale * rest
        let rounded = product + wanted
        return (rounded, (product - rounded) + wanted)
    }

    /// K
    private static var attempts: Int { 1 << 17 }
    /// Square of a shear that costs 1e-9 of log volume at most.
    private static var harmlessLean: Double { 1e-18 }
    /// Axis ratio from which on rounding to nearest may cost 1e-8 of log volume: it shears by the ratio times an ulp, and contact
    /// points all around make the cost of that linear.
    private static var worthRounding: Double { 1e8 }
}
