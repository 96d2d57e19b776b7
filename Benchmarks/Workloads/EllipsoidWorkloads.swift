// Suite `ellipsoid`: whole solves at gap 1e-6, against the same method in plain Swift.

import ConvexGeometry
import LinearAlgebra
import ReferenceImplementations

package enum EllipsoidWorkloads {
    private static let gap = 1e-6

    package static var all: [Workload] {
        // Over n at d = 10, over d at n = 10⁴, the headline size, and the kinds that are hard.
        [10_000, 100_000].map { fit(.gauss, $0, 10, sweep: "n") } + [fit(.gauss, 1_000_000, 10, tier: .standard, sweep: "n")]
            + [5, 10, 20, 40].map { fit(.correlated, 10_000, $0, sweep: "d") } + [fit(.correlated, 10_000, 80, tier: .standard, sweep: "d")]
            + [fit(.gauss, 100_000, 50, tier: .standard)]
            + [SyntheticPoints.cube, .heavy].map { fit($0, 10_000, 20) }
            + [fit(.gauss, 20_000, 100, tier: .large), fit(.gauss, 5_000, 200, tier: .large)]
    }

    private static func fit(_ kind: SyntheticPoints, _ n: Int, _ d: Int, tier: Tier = .quick, sweep: String? = nil) -> Workload {
        Workload(
            .ellipsoid, kind.rawValue, [Size("n", n), Size("d", d)], tier: tier,
            comparisons: n >= 100_000 ? [.plain, .threads, .kernels] : [.plain, .kernels], sweep: sweep
        ) {
            let points = kind.points(n, d, seed: 31)
            return Instance(
                bytes: 8 * Double(n * d),
                run: {
                    let settings = MinimumVolumeEllipsoid.Settings(gap: gap, threads: Kernels.threads)
                    let fit = try points.withUnsafeBufferPointer {
                        try MinimumVolumeEllipsoid(points: $0, count: n, dimension: d, settings: settings)
                    }
                    return Answer(iterations: fit.iterations) {
                        guard fit.status == .solved else {
                            return Verification("status \(fit.status)", error: .infinity, tolerance: gap)
                        }
                        let verification = EllipsoidCheck.verify(points, d, fit.support, fit.weights, gap)
                        let outside = EllipsoidCheck.excess(points, fit.ellipsoid)
                        return outside <= EllipsoidCheck.rounding(d) ? verification
                            : Verification("a point is outside by", error: outside, tolerance: EllipsoidCheck.rounding(d))
                    }
                },
                plain: {
                    guard let fit = ColumnGenerationEllipsoid(points: points, dimension: d, gap: gap) else {
                        throw FactorizationError.notPositiveDefinite(order: d)
                    }
                    return Answer(iterations: fit.iterations) { EllipsoidCheck.verify(points, d, fit.support, fit.weights, gap) }
                })
        }
    }

    /// The gap over iterations and time of one solve, for the report.
    package static func trace(_ kind: SyntheticPoints, _ n: Int, _ d: Int, method: MinimumVolumeEllipsoid.Method) throws -> ConvergenceTrace {
        let points = Matrix(rows: d, columns: n, elements: kind.points(n, d, seed: 31))
        let recorder = TraceRecorder()
        var settings = MinimumVolumeEllipsoid.Settings(method: method, gap: 1e-9)
        settings.iterationLimit = 3000
        settings.observer = { progress in
            recorder.record(progress.iterations, progress.gap)
            return true
        }
        let fit = try MinimumVolumeEllipsoid(points: points, settings: settings)
        recorder.record(fit.iterations, fit.certificate.gap)
        return ConvergenceTrace(name: "\(method) \(kind.rawValue) n=\(n) d=\(d)", points: recorder.points)
    }
}

extension MinimumVolumeEllipsoid.Settings {
    fileprivate init(gap: Double, threads: Int) {
        self.init(gap: gap)
        self.threads = threads
    }
}

/// The checker's own certificate, with plain loops.
enum EllipsoidCheck {
    /// What rounding may add to a quadratic form of d terms of a well-scaled problem.
    static func rounding(_ d: Int) -> Double { 1e4 * Double(d) * .ulpOfOne }

    /// max κ/D − 1 over all points for the given weights.
    static func verify(_ points: [Double], _ d: Int, _ support: [Int], _ weights: [Double], _ gap: Double) -> Verification {
        let measure = "max κ/D − 1 over all points"
        let order = d + 1
        var center = [Double](repeating: 0, count: d)
        for (index, weight) in zip(support, weights) { for k in 0..<d { center[k] += weight * points[k + index * d] } }
        var moment = [Double](repeating: 0, count: d * d)
        for (index, weight) in zip(support, weights) {
            for b in 0..<d {
                let scale = weight * (points[b + index * d] - center[b])
                for a in 0..<d { moment[a + b * d] += scale * (points[a + index * d] - center[a]) }
            }
        }
        guard let l = ReferenceLinearAlgebra.cholesky(moment, order: d) else {
            return Verification(measure, error: .infinity, tolerance: gap)
        }
        let largest = largestForm(points, d, center) { z in
            for k in 0..<d {
                z[k] /= l[k + k * d]
                for i in (k + 1)..<max(d, k + 1) { z[i] -= z[k] * l[i + k * d] }
            }
        }
        return Verification(measure, error: max(0, (1 + largest) / Double(order) - 1), tolerance: gap * (1 + 1e-3) + rounding(d))
    }

    /// max (x−c)ᵀA(x−c) − 1 over all points.
    static func excess(_ points: [Double], _ ellipsoid: Ellipsoid) -> Double {
        let d = ellipsoid.dimension
        let f = ellipsoid.factor
        let largest = largestForm(points, d, ellipsoid.center) { z in
            // z ← F·z, F upper triangular, in place from the top.
            for i in 0..<d {
                var sum = 0.0
                for k in i..<d { sum += f.elements[i + k * d] * z[k] }
                z[i] = sum
            }
        }
        return largest - 1
    }

    private static func largestForm(_ points: [Double], _ d: Int, _ center: [Double], _ map: (inout [Double]) -> Void) -> Double {
        var largest = 0.0
        var z = [Double](repeating: 0, count: d)
        for j in 0..<points.count / d {
            for k in 0..<d { z[k] = points[k + j * d] - center[k] }
            map(&z)
            largest = max(largest, z.reduce(0) { $0 + $1 * $1 })
        }
        return largest
    }
}
