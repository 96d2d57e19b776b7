// From certified weights to the ellipsoid of equation (3), with containment as a postcondition.

import LinearAlgebra

extension EllipsoidSolver {
    func assemble(_ answer: CertifiedDesign) throws(GeometryError) -> MinimumVolumeEllipsoid {
        let (d, r) = (frame.dimension, frame.rank)
        let pairs = zip(answer.design.indices, answer.design.weights).sorted { $0.0 < $1.0 }
        let (support, weights) = (pairs.map(\.0), pairs.map(\.1))
        let radiusSquared = (answer.largest - (isCentered ? 0 : 1)) * (1 + 4 * Double(r + 1) * .ulpOfOne)
        let radius = radiusSquared.squareRoot()
        let center = self.center(support, weights)
        // F = R of W·B/radius, W the map from raw points to κ.
        let map = Matrix(rows: r, columns: d, elements: answer.map.map { $0 / radius })
        let factor = (frame.basis.map { map.times($0) } ?? map).triangularFactor()
        let logVolume =
            Ellipsoid.logUnitBallVolume(r) + Double(r) * Elementary.log(radius) + answer.factor.logDeterminant - frame.logDeterminant
        var ellipsoid = Ellipsoid(center: center, factor: factor, basis: frame.basis, logVolume: logVolume)
        let inflation = try excess(of: ellipsoid, answer)
        if inflation > 0 { ellipsoid = ellipsoid.scaled(by: 1 + inflation) }
        let bound = 0.5 * Double(r) * Elementary.log1p(answer.gap * Double(order) / Double(r)) + Double(r) * Elementary.log1p(inflation)
        var status = budget.exhausted ?? .stalled
        if isSolved(answer) { status = .solved }
        return MinimumVolumeEllipsoid(
            ellipsoid: ellipsoid, support: support, weights: weights, status: status,
            certificate: .init(gap: answer.gap, supportDeficit: answer.deficit, inflation: inflation, logVolumeBound: bound),
            iterations: budget.iterations, dataPasses: budget.dataPasses, rank: r, method: method, centering: settings.centering)
    }

    /// c = o + Σ uᵢ(pᵢ − o)
    private func center(_ support: [Int], _ weights: [Double]) -> [Double] {
        let d = frame.dimension
        guard !isCentered else { return [Double](repeating: 0, count: d) }
        var points = source.gather(support, team)
        points.withUnsafeMutableBufferPointer {
            LeverageKernels.shift($0.baseAddress!, dimension: d, count: support.count, origin: frame.origin, into: $0.baseAddress!)
        }
        var shift = [Double](repeating: 0, count: d)
        BLAS.gemv(.normal, d, support.count, 1, points, d, weights, 1, 0, &shift, 1)
        return (0..<d).map { frame.origin[$0] + shift[$0] }
    }

    /// By how much the rounded ellipsoid must grow so that its own matrices confirm that it contains every point.
    ///
    /// Only points within the rounding noise of the boundary can be outside.
    private func excess(of ellipsoid: Ellipsoid, _ answer: CertifiedDesign) throws(GeometryError) -> Double {
        let d = frame.dimension
        guard ellipsoid.shape.isFinite, ellipsoid.factor.isFinite, ellipsoid.factor.diagonal.allSatisfy({ $0 * $0 > 0x1p-1000 }) else {
            if settings.requiresShape { throw .shapeNotRepresentable(reason: "entries outside the range of Double") }
            return 0
        }
        let squaredRadius = answer.largest - (isCentered ? 0 : 1)
        let form = settings.requiresShape ? ellipsoid.quadraticForm : nil
        // Largest excess over 1 of gauge and √(quadratic form), and how far both are from the exact κ.
        func evaluate(_ indices: [Int]) -> (excess: Double, noise: Double) {
            let run = runOfImages(d)
            let runs = (indices.count + run - 1) / run
            var found = [(excess: Double, noise: Double)](repeating: (0, 0), count: runs)
            found.withUnsafeMutableBufferPointer { found in
                guard let base = found.baseAddress else { return }
                let target = SharedPointer(base)
                team.share(runs) { part in
                    target.pointer[part] = evaluateRun(indices[part * run..<Swift.min((part + 1) * run, indices.count)])
                }
            }
            return found.reduce((0, 0)) { (Swift.max($0.0, $1.excess), Swift.max($0.1, $1.noise)) }
        }
        func evaluateRun(_ indices: ArraySlice<Int>) -> (excess: Double, noise: Double) {
            var result = (excess: 0.0, noise: 0.0)
            let points = Matrix(rows: d, columns: indices.count, elements: source.gather(indices))
            let gauges = ellipsoid.gauges(of: points)
            let forms = form.map { ellipsoid.values(of: $0, at: points) } ?? []
            for (j, index) in indices.enumerated() {
                let exact = (kappa[index] - base) / squaredRadius
                for square in forms.isEmpty ? [gauges[j] * gauges[j]] : [gauges[j] * gauges[j], forms[j]] {
                    result.excess = Swift.max(result.excess, 0.5 * (square - 1))
                    result.noise = Swift.max(result.noise, (square - exact).magnitude)
                }
            }
            return result
        }
        let support = evaluate(answer.design.indices)
        if settings.requiresShape, !(support.noise < 1e-2) {
            throw .shapeNotRepresentable(reason: "axes so unequal, and slanted, that rounding the matrix destroys the short ones")
        }
        let threshold = squaredRadius * (1 - 8 * support.noise - 1e-12) + (isCentered ? 0 : 1)
        let known = Set(answer.design.indices)
        let others = evaluate(indicesOfValues(kappa, atLeast: threshold).filter { !known.contains($0) })
        // Another order of summation errs differently, by as much: hence the noise itself as margin.
        return Swift.max(support.excess, others.excess) + Swift.max(support.noise, others.noise)
    }
}

extension Ellipsoid {
    /// The lower triangle of A with what is below the diagonal doubled: it has the same quadratic form, at half the price.
    var quadraticForm: Matrix {
        var result = shape
        let r = rank
        for j in 0..<r {
            for i in 0..<j { result.elements[i + j * r] = 0 }
            for i in j + 1..<Swift.max(r, j + 1) { result.elements[i + j * r] *= 2 }
        }
        return result
    }

    /// (x−c)ᵀA(x−c) of every column, from the shape itself, in basis coordinates when flat.
    func values(of form: Matrix, at points: Matrix) -> [Double] {
        let (d, n, r) = (dimension, points.columns, rank)
        guard r > 0 else { return [Double](repeating: 0, count: n) }
        var z = points
        z.elements.withUnsafeMutableBufferPointer {
            LeverageKernels.shift($0.baseAddress!, dimension: d, count: n, origin: center, into: $0.baseAddress!)
        }
        if let basis { z = basis.times(z, transposeSelf: true) }
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
