// The ellipsoid of a design as Double holds it: center, axes and semiaxes that contain every point as they are stored.
//
// The design's own ellipsoid is ‖R⁻ᵀ(z − z̄)‖ ≤ ρ in the coordinates z of its axes (AlignedAxes). Rounding has moved the
// center and sheared the axes; rather than blow all of it up until it holds the points again, the semiaxes are found
// anew for the center and axes as they are (AxisScaling). The optimum is flat in center and axes, so that costs the square of the
// rounding error, not the error.

import LinearAlgebra

struct StoredEllipsoid {
    let ellipsoid: Ellipsoid
    /// The ellipsoid lies in the design's one with its axes multiplied by 1 + inflation.
    let inflation: Double
    /// What the stored matrices may differ from each other in log volume.
    let slack: Double
    private let axes: AlignedAxes

    /// - Parameters:
    ///   - solver: what the design was certified by; its κ are those of the design.
    ///   - answer: the design.
    ///   - center: c as it is stored.
    ///   - tolerance: what matters in log volume.
    /// - Returns: nil where the axes leave the range of Double, or the support does not span.
    init?<Source: PointSource>(_ solver: inout EllipsoidSolver<Source>, _ answer: CertifiedDesign, center: [Double], tolerance: Double) {
        let (source, frame, team) = (solver.source, solver.frame, solver.team)
        let r = frame.rank
        let design = answer.design
        let support = source.gather(design.indices, team)
        guard var axes = AlignedAxes(support, weights: design.weights, origin: center, start: frame.basis, team: team) else { return nil }
        axes.roundCarefully()
        let radius = (answer.largest - solver.base).squareRoot()
        guard
            let own = DesignFactor(
                images: axes.images(support, center), rank: r, weights: design.weights, isCentered: solver.isCentered, team: team)
        else { return nil }
        // Rounded axes shear the design's ellipsoid by about ulp times the ratio of the lengths.
        let shear = 8 * Double(r) * .ulpOfOne * (axes.lengths.max() ?? 1) / (axes.lengths.min() ?? 1)
        var squares: [Double] = []
        var distance = (inner: 0.0, outer: 1.0, shift: 0.0)
        for margin in [Swift.min(1, 8 * shear + 1e-9), 1] {
            let threshold = solver.base + radius * radius * (1 - margin)
            let found: [Double]?
            if margin < 1, solver.far.holdsAll(atLeast: threshold) {
                let candidates = solver.far.indices(atLeast: threshold)
                found = Self.squares(Self.images(of: candidates, source, axes, center, radius, team), rank: r, tolerance: tolerance)
            } else if margin == 1 {
                found = Self.squares(&solver, design.indices, axes, center, radius, tolerance: tolerance)
            } else {
                continue
            }
            guard let found else { return nil }
            squares = found
            distance = Self.distance(own, radius: radius, squares: squares)
            // Points that were not looked at are inside as well, or all are looked at.
            if ((1 - margin).squareRoot() + distance.shift) <= distance.inner { break }
        }
        let growth = 1 + 8 * Double(r + 4) * .ulpOfOne
        var semiaxes = zip(axes.lengths, squares).map { radius * $0 / $1.squareRoot() * growth }
        let order = semiaxes.indices.sorted { (semiaxes[$0], $1) > (semiaxes[$1], $0) }
        semiaxes = order.map { semiaxes[$0] }
        let directions = axes.directions.selectingColumns(order)
        guard semiaxes.allSatisfy({ $0 > 0x1p-1020 && $0 < 0x1p1020 }) else { return nil }
        let volumeOfAxes = directions.triangularFactor().diagonal.reduce(0) { $0 + Elementary.log($1.magnitude) }
        var slack = volumeOfAxes.magnitude + 64 * Double(r) * .ulpOfOne
        let shape = Self.shape(of: directions, semiaxes, &solver, radius: radius, shear: shear, center: center, tolerance: tolerance)
        slack += shape?.cost ?? 0
        ellipsoid = Ellipsoid(center: center, axes: directions, semiaxes: semiaxes, shape: shape?.matrix)
        inflation = Swift.max(0, distance.outer + distance.shift - 1)
        self.slack = slack
        self.axes = axes
    }

    /// The matrix of axes and semiaxes, shrunk until it confirms by itself that it holds every point, and what that costs in log volume;
    /// nil where it costs more than half of the tolerance, which axes and semiaxes then have for themselves.
    private static func shape<Source: PointSource>(
        of directions: Matrix, _ semiaxes: [Double], _ solver: inout EllipsoidSolver<Source>, radius: Double, shear: Double,
        center: [Double], tolerance: Double
    ) -> (matrix: Matrix, cost: Double)? {
        let r = semiaxes.count
        let (source, team) = (solver.source, solver.team)
        var growth = 1.0
        // Every size rounds anew.
        for _ in 0..<4 {
            let scale = growth.squareRoot()
            guard let stored = StoredShape(axes: directions, semiaxes: semiaxes.map { $0 * scale }, tolerance: 0.5 * tolerance) else {
                return nil
            }
            let cost = stored.error + 0.5 * Double(r) * Elementary.log(growth)
            guard cost <= 0.5 * tolerance else { return nil }
            guard r == center.count else { return (stored.matrix, cost) }
            let margin = Swift.min(1, 4 * stored.distortion + 8 * shear + 1e-9)
            var excess = 0.0
            solver.forEachRun(atLeast: solver.base + radius * radius * (1 - margin)) { near, _ in
                excess = Swift.max(excess, Self.excess(of: stored.matrix, source, near, center, team))
            }
            guard excess > 0 else { return (stored.matrix, cost) }
            growth *= 1 + excess + stored.distortion + 8 * .ulpOfOne
        }
        return nil
    }

    /// A lower bound on the log volume of any ellipsoid that contains the points, from a design of the problem with a free
    /// center (`isCentered` false), or one about the stored center: log ω + r/2·log r + ½ log det S, by weak duality.
    func lowerBound(
        of design: WeightedDesign, _ source: some PointSource, isCentered: Bool, team: ThreadTeam
    ) -> Double? {
        let (r, center) = (ellipsoid.rank, ellipsoid.center)
        let images = axes.images(source.gather(design.indices, team), center)
        guard let factor = DesignFactor(images: images, rank: r, weights: design.weights, isCentered: isCentered, team: team) else {
            return nil
        }
        let scale = axes.lengths.reduce(0) { $0 + Elementary.log($1) }
        return Ellipsoid.logUnitBallVolume(r) + 0.5 * Double(r) * Elementary.log(Double(r)) + factor.logDeterminant + scale
    }

    /// a of AxisScaling for all points. Of more than fit some 100 MB, those that stick out of the ellipsoid of the ones looked at so
    /// far join them, read by read; whatever still does after some reads shortens all of a.
    private static func squares<Source: PointSource>(
        _ solver: inout EllipsoidSolver<Source>, _ support: [Int], _ axes: AlignedAxes, _ center: [Double], _ radius: Double,
        tolerance: Double
    ) -> [Double]? {
        let (source, team, r) = (solver.source, solver.team, solver.frame.rank)
        let n = source.pointCount
        guard n > mostNumbers / source.dimension else {
            return squares(images(of: Array(0..<n), source, axes, center, radius, team), rank: r, tolerance: tolerance)
        }
        var candidates = Set(solver.far.indices).union(support).sorted()
        var most = Double.infinity
        var found: [Double]?
        for _ in 0..<mostReads where most > 1 + 1e-12 {
            found = squares(images(of: candidates, source, axes, center, radius, team), rank: r, tolerance: tolerance)
            guard let current = found else { return nil }
            solver.budget.dataPasses += 1
            let collector = FarthestPointsCollector(capacity: 16 * r + 256)
            team.share(n, inRunsOf: 4096) { range in
                let z = images(of: Array(range), source, axes, center, radius, .single)
                let values = (0..<range.count).map { i in (0..<r).reduce(0.0) { $0 + current[$1] * z[$1 + i * r] * z[$1 + i * r] } }
                collector.take(values, first: range.lowerBound, count: range.count)
            }
            guard let outside = collector.finish() else { return nil }
            most = outside.largest
            candidates = Set(candidates).union(outside.indices(atLeast: 1)).sorted()
        }
        return found?.map { $0 / Swift.max(1, most) }
    }

    /// Coordinates of points that are looked at at once: 32 MB, of which there are a few copies.
    private static var mostNumbers: Int { 1 << 22 }
    /// Reads in search of points that stick out: of the points that a read leaves outside, the next one has the farthest.
    private static var mostReads: Int { 8 }

    /// Points along the axes in units of the radius, r×m.
    private static func images(
        of indices: [Int], _ source: some PointSource, _ axes: AlignedAxes, _ center: [Double], _ radius: Double, _ team: ThreadTeam
    ) -> [Double] {
        axes.images(source.gather(indices, team), center).map { $0 / radius }
    }

    /// a of AxisScaling, or a common factor where that is as good.
    private static func squares(_ z: [Double], rank r: Int, tolerance: Double) -> [Double]? {
        var largest = 0.0
        for i in 0..<z.count / r {
            let square = (0..<r).reduce(0.0) { $0 + z[$1 + i * r] * z[$1 + i * r] }
            guard square.isFinite else { return nil }
            largest = Swift.max(largest, square)
        }
        let common = [Double](repeating: 1 / Swift.max(1, largest), count: r)
        let enough = 0.01 * tolerance
        guard 0.5 * Double(r) * Elementary.log1p(Swift.max(0, largest - 1)) > enough else { return common }
        guard let scaling = AxisScaling(z, rank: r, tolerance: enough) else { return common }
        func volume(_ squares: [Double]) -> Double { squares.reduce(0) { $0 - Elementary.log($1) } }
        return volume(scaling.squares) < volume(common) ? scaling.squares : common
    }

    /// The ellipsoid Σ aₖzₖ² ≤ ρ² lies in the design's one with axes multiplied by `outer`, moved by `shift` in its metric, and holds it
    /// with axes multiplied by `inner`: the extreme singular values of R⁻ᵀ·diag(1/√a), and ‖R⁻ᵀz̄‖/ρ.
    private static func distance(_ own: DesignFactor, radius: Double, squares: [Double]) -> (inner: Double, outer: Double, shift: Double) {
        let r = own.rank
        let map = Matrix(rows: r, columns: r) { own.inverse[$0 + $1 * r] / squares[$1].squareRoot() }
        guard let values = try? SingularValueDecomposition(map).values, let most = values.first, let least = values.last else {
            return (0, .infinity, .infinity)
        }
        return (least, most, BLAS.nrm2(r, own.imageOfMean, 1) / radius)
    }

    /// max (p−c)ᵀA(p−c) − 1, at least 0.
    private static func excess(
        of shape: Matrix, _ source: some PointSource, _ indices: [Int], _ center: [Double], _ team: ThreadTeam
    ) -> Double {
        let d = center.count
        let points = source.gather(indices)
        var forms = [Double](repeating: 0, count: indices.count)
        forms.withUnsafeMutableBufferPointer { forms in
            points.withUnsafeBufferPointer { points in
                team.share(indices.count, inRunsOf: Swift.max(1, (1 << 15) / (d * d))) { run in
                    for j in run {
                        forms[j] = CompensatedProduct.quadraticForm(
                            shape, UnsafeBufferPointer(rebasing: points[j * d..<(j + 1) * d]), center)
                    }
                }
            }
        }
        return forms.reduce(0) { Swift.max($0, $1 - 1) }
    }
}
