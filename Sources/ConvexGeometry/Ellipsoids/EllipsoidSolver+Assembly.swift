// From certified weights to the ellipsoid of equation (3), with containment as a postcondition.

import LinearAlgebra

extension EllipsoidSolver {
    mutating func assemble(_ answer: CertifiedDesign) throws(GeometryError) -> MinimumVolumeEllipsoid {
        let r = frame.rank
        let pairs = zip(answer.design.indices, answer.design.weights).sorted { $0.0 < $1.0 }
        let (support, weights) = (pairs.map(\.0), pairs.map(\.1))
        var center = self.center(answer)
        if let offset = source.offset {
            // What will be stored is the sum: local coordinates of it, as rounded.
            center = zip(center, offset).map { ($0 + $1) - $1 }
        }
        var stored = try store(answer, for: answer, center: center)
        var budget = self.budget
        // A center that Double must round costs its distance from the optimum; an ellipsoid fitted about it, the square of that.
        if stored.cost > 0.1 * allowance, displacement(of: center, answer) > 0.1 * stored.cost / Double(r),
            var again = try recentered(about: center, answer)
        {
            let other = try again.solver.store(again.answer, for: answer, center: center)
            budget = again.solver.budget
            if other.cost < stored.cost { stored = other }
        }
        // The lower bound behind a cost is one of sums that keep twice the digits of Double: of axes whose ratio is beyond what one of the
        // two holds, a cost that matters may be too small itself.
        let cost = stored.cost > allowance && stored.ratioOfAxes > 0x1p52 ? .infinity : stored.cost
        let designBound = 0.5 * Double(r) * Elementary.log1p(answer.gap * Double(order) / Double(r))
        var status = self.budget.exhausted ?? .stalled
        if isSolved(answer), stored.cost <= allowance { status = .solved }
        return MinimumVolumeEllipsoid(
            ellipsoid: source.offset.map(stored.ellipsoid.translated(by:)) ?? stored.ellipsoid, support: support, weights: weights,
            status: status,
            certificate: .init(
                gap: answer.gap, supportDeficit: answer.deficit, inflation: stored.inflation, roundingCost: cost,
                logVolumeBound: designBound + cost, distanceFromFlat: frame.distanceFromHull),
            iterations: budget.iterations, dataPasses: budget.dataPasses, rank: r, method: method, centering: settings.centering)
    }

    /// What the tolerance on the gap concedes in log volume.
    private var allowance: Double { 0.5 * Double(frame.rank) * Elementary.log1p(settings.gap * Double(order) / Double(frame.rank)) }

    /// An ellipsoid as it is returned.
    private struct Stored {
        let ellipsoid: Ellipsoid
        let inflation: Double
        /// Its log volume beyond what the design has by itself.
        let cost: Double
        /// The longest by the shortest semiaxis, where these are stored; otherwise 1, as the ratio is harmless.
        var ratioOfAxes: Double {
            guard case .axes(_, let lengths) = ellipsoid.form, let longest = lengths.first, let shortest = lengths.last else { return 1 }
            return longest / shortest
        }
    }

    /// The ellipsoid of a design of this problem about a center, and what it costs beyond the gap of the design `dual` of the problem
    /// that was asked for.
    private mutating func store(_ answer: CertifiedDesign, for dual: CertifiedDesign, center: [Double]) throws(GeometryError) -> Stored {
        let (d, r) = (frame.dimension, frame.rank)
        // With a free center the order is one more than the rank: `base` tells which problem this is, the settings which was asked for.
        let isFree = settings.centering == .free
        let radiusSquared = (answer.largest - base) * (1 + 4 * Double(r + 1) * .ulpOfOne)
        let ownBound = 0.5 * Double(r) * Elementary.log1p(dual.gap * Double(r + (isFree ? 1 : 0)) / Double(r))
        if !frame.isDelicate, frame.basis == nil {
            // F = R of W/radius, W the map from raw points to κ.
            let radius = radiusSquared.squareRoot()
            let factor = Matrix(rows: r, columns: d, elements: answer.map.map { $0 / radius }).triangularFactor()
            let logVolume =
                Ellipsoid.logUnitBallVolume(r) + Double(r) * Elementary.log(radius) + answer.factor.logDeterminant - frame.logDeterminant
            let ellipsoid = Ellipsoid(center: center, factor: factor, basis: nil, logVolume: logVolume)
            if Self.keepsAxes(factor), let inflation = excess(of: ellipsoid, answer) {
                let lower = 0.5 * Double(r) * Elementary.log(Double(r)) + dual.factor.logDeterminant
                let upper = Double(r) * Elementary.log(radius) + answer.factor.logDeterminant
                let cost = Swift.max(0, upper - lower - ownBound) + Double(r) * (Elementary.log1p(inflation) + 4 * frame.noise)
                return Stored(
                    ellipsoid: inflation > 0 ? ellipsoid.scaled(by: 1 + inflation) : ellipsoid, inflation: inflation, cost: cost)
            }
        }
        guard let careful = StoredEllipsoid(&self, answer, center: center, tolerance: allowance),
            let lower = careful.lowerBound(of: dual.design, source, isCentered: !isFree, team: team)
        else { throw .notRepresentable(reason: "semiaxes near the limits of Double, or of a ratio that twice its digits do not tell") }
        return Stored(
            ellipsoid: careful.ellipsoid, inflation: careful.inflation,
            cost: Swift.max(0, careful.ellipsoid.logVolume - lower - ownBound) + careful.slack)
    }

    /// How far a center is from that of the design, in the metric of its ellipsoid.
    private func displacement(of center: [Double], _ answer: CertifiedDesign) -> Double {
        guard !isCentered else { return 0 }
        var image = [Double](repeating: 0, count: frame.rank)
        CompensatedProduct.affineImage(frame.transform, frame.rank, frame.dimension, frame.origin, center, 1, into: &image)
        for k in image.indices { image[k] -= answer.factor.mean[k] }
        var result = [Double](repeating: 0, count: frame.rank)
        BLAS.gemv(.normal, frame.rank, frame.rank, 1, answer.factor.inverse, frame.rank, image, 1, 0, &result, 1)
        return BLAS.nrm2(result.count, result, 1) / (answer.largest - base).squareRoot()
    }

    /// The problem with its center fixed where Double has it, solved from the weights of the free one.
    private func recentered(
        about center: [Double], _ answer: CertifiedDesign
    ) throws(GeometryError) -> (solver: EllipsoidSolver, answer: CertifiedDesign)? {
        var solver = EllipsoidSolver(self, about: center, start: answer.design)
        guard solver.budget.affords(Effort(reads: 2)) else { return nil }
        let fixed = try solver.solveByColumnGeneration()
        return (solver, fixed)
    }

    /// c = o + Σ uᵢ(pᵢ − o) as Double has it.
    private func center(_ answer: CertifiedDesign) -> [Double] {
        let d = frame.dimension
        guard !isCentered else { return [Double](repeating: 0, count: d) }
        let (support, weights) = (answer.design.indices, answer.design.weights)
        var points = source.gather(support, team)
        if frame.isDelicate {
            let exact = CompensatedProduct.mean(points, weights, frame.origin)
            return nearby(exact.rounded, exact.remainder, answer)
        }
        points.withUnsafeMutableBufferPointer {
            LeverageKernels.shift($0.baseAddress!, dimension: d, count: support.count, origin: frame.origin, into: $0.baseAddress!)
        }
        var shift = [Double](repeating: 0, count: d)
        BLAS.gemv(.normal, d, support.count, 1, points, d, weights, 1, 0, &shift, 1)
        return (0..<d).map { frame.origin[$0] + shift[$0] }
    }

    /// The center of a thin set, rounded to where it is nearest in the metric of the ellipsoid: a step along the longest axis costs
    /// nothing, and leads to other roundings across.
    private func nearby(_ rounded: [Double], _ remainder: [Double], _ answer: CertifiedDesign) -> [Double] {
        let (d, r) = (frame.dimension, frame.rank)
        var best = (rounded, displacement(of: rounded, answer))
        let attempts = Swift.min(256, (1 << 20) / (r * d))
        // The rows of a delicate frame are its axes, longest first, up to powers of two.
        let row = (0..<d).map { frame.transform[$0 * r] }
        let length = BLAS.nrm2(d, row, 1)
        let unit = (rounded.map(\.magnitude).max() ?? 0).ulp
        guard best.1 > 0.01 * settings.gap, length > 0, unit * length < 1e-10 else { return rounded }
        for attempt in -attempts...attempts {
            let step = Double(attempt) * unit / length
            let candidate = (0..<d).map { rounded[$0] + (remainder[$0] + step * row[$0]) }
            let distance = displacement(of: candidate, answer)
            if distance < best.1 { best = (candidate, distance) }
        }
        return best.0
    }

    /// By how much the rounded ellipsoid must grow so that its own matrices confirm that it contains every point; nil where they are too
    /// coarse to say.
    ///
    /// Only points within the rounding noise of the boundary can be outside.
    private mutating func excess(of ellipsoid: Ellipsoid, _ answer: CertifiedDesign) -> Double? {
        let d = frame.dimension
        guard ellipsoid.factor.isFinite, let form = ellipsoid.quadraticForm else { return nil }
        let (squaredRadius, base, source, team) = (answer.largest - base, self.base, self.source, self.team)
        // Largest excess over 1 of gauge and √(quadratic form), and how far both are from the exact κ.
        func evaluate(_ indices: [Int], _ kappa: [Double]) -> (excess: Double, noise: Double) {
            let run = runOfImages(d)
            let runs = (indices.count + run - 1) / run
            var found = [(excess: Double, noise: Double)](repeating: (0, 0), count: runs)
            found.withUnsafeMutableBufferPointer { found in
                guard let base = found.baseAddress else { return }
                let target = SharedPointer(base)
                team.share(runs) { part in
                    let range = part * run..<Swift.min((part + 1) * run, indices.count)
                    target.pointer[part] = evaluateRun(indices[range], kappa[range])
                }
            }
            return found.reduce((0, 0)) { (Swift.max($0.0, $1.excess), Swift.max($0.1, $1.noise)) }
        }
        func evaluateRun(_ indices: ArraySlice<Int>, _ kappa: ArraySlice<Double>) -> (excess: Double, noise: Double) {
            var result = (excess: 0.0, noise: 0.0)
            let points = Matrix(rows: d, columns: indices.count, elements: source.gather(indices))
            let gauges = ellipsoid.gauges(of: points)
            let forms = ellipsoid.values(of: form, at: points)
            for (j, value) in kappa.enumerated() {
                let exact = (value - base) / squaredRadius
                for square in [gauges[j] * gauges[j], forms[j]] {
                    result.excess = Swift.max(result.excess, 0.5 * (square - 1))
                    result.noise = Swift.max(result.noise, (square - exact).magnitude)
                }
            }
            return result
        }
        let support = evaluate(answer.design.indices, answer.kappa)
        guard support.noise <= Self.harmlessNoise else { return nil }
        let threshold = squaredRadius * (1 - 8 * support.noise - 1e-12) + base
        let known = Set(answer.design.indices)
        var others = (excess: 0.0, noise: 0.0)
        forEachRun(atLeast: threshold) { indices, kappa in
            let positions = indices.indices.filter { !known.contains(indices[$0]) }
            let found = evaluate(positions.map { indices[$0] }, positions.map { kappa[$0] })
            others = (Swift.max(others.excess, found.excess), Swift.max(others.noise, found.noise))
        }
        // Another order of summation errs differently, by as much: hence the noise itself as margin.
        return Swift.max(support.excess, others.excess) + Swift.max(support.noise, others.noise)
    }
}

extension EllipsoidSolver {
    /// Whether rotations find the axes of a factor: products of its columns stay within the range of Double.
    private static func keepsAxes(_ factor: Matrix) -> Bool {
        let sizes = factor.diagonal.map(\.magnitude)
        return (sizes.max() ?? 1) <= 0x1p900 * (sizes.min() ?? 1)
    }

    /// Rounding of quadratic forms that is far below the gaps and the 1e-9 of containment that are promised.
    private static var harmlessNoise: Double { 1e-10 }
}

extension Ellipsoid {
    /// The lower triangle of A with what is below the diagonal doubled: it has the same quadratic form, at half the price.
    fileprivate var quadraticForm: Matrix? {
        guard var result = shape else { return nil }
        let r = rank
        for j in 0..<r {
            for i in 0..<j { result.elements[i + j * r] = 0 }
            for i in j + 1..<Swift.max(r, j + 1) { result.elements[i + j * r] *= 2 }
        }
        return result
    }

    /// (x−c)ᵀA(x−c) of every column, from the shape itself; r = d.
    fileprivate func values(of form: Matrix, at points: Matrix) -> [Double] {
        let (d, n, r) = (dimension, points.columns, rank)
        guard r > 0 else { return [Double](repeating: 0, count: n) }
        var z = points
        z.elements.withUnsafeMutableBufferPointer {
            LeverageKernels.shift($0.baseAddress!, dimension: d, count: n, origin: center, into: $0.baseAddress!)
        }
        let image = [Double](unsafeUninitializedCapacity: r * n) {
            multiply(form.elements, .lower, r, r, z.elements, n, into: $0.baseAddress!)
            $1 = r * n
        }
        return image.withUnsafeBufferPointer { image in
            z.elements.withUnsafeBufferPointer { z in
                (0..<n).map { BLAS.dot(r, image.baseAddress! + $0 * r, 1, z.baseAddress! + $0 * r, 1) }
            }
        }
    }
}
