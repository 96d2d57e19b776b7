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
                    let settings = MinimumVolumeEllipsoid.Settings(gap: gap, threads: BLASConfiguration.threads)
                    let fit = try points.withUnsafeBufferPointer {
                        try MinimumVolumeEllipsoid(points: $0, count: n, dimension: d, settings: settings)
                    }
                    return Answer(iterations: fit.iterations) {
                        guard fit.status == .solved else {
                            return Verification("status \(fit.status)", error: .infinity, tolerance: gap)
                        }
                        let verification = EllipsoidCheck.verify(points, d, fit.support, fit.weights, gap)
                        let outside = EllipsoidCheck.excess(points, fit.ellipsoid)
                        return outside <= EllipsoidCheck.rounding(d)
                            ? verification
                            : Verification("a point is outside by", error: outside, tolerance: EllipsoidCheck.rounding(d))
                    }
                },
                plain: {
                    guard let fit = ColumnGenerationEllipsoid(points: points, dimension: d, gap: gap) else {
                        throw FactorizationError.notPositiveDefinite(order: d)
                    }
                    return Answer(iterations: fit.iterations) { EllipsoidCheck.verify(points, d, fit.support, fit.weights, gap) }
                },
                peer: peerInput(points, dimension: d))
        }
    }

    /// The ellipsoid of `points` (d×n by columns) as work for another program.
    package static func peerInput(_ points: [Double], dimension d: Int) -> PeerInput {
        PeerInput(task: .ellipsoid, points: points, dimension: d, gap: gap) { try check($0, points, d) }
    }

    /// A peer's answer: its weights as ours, or its ellipsoid by how much larger than the smallest one it is.
    private static func check(_ answer: PeerAnswer, _ points: [Double], _ d: Int) throws -> Verification {
        if let indices = answer.indices, let weights = answer.weights {
            let total = weights.reduce(0, +)
            guard indices.count == weights.count, indices.allSatisfy((0..<points.count / d).contains), weights.allSatisfy({ $0 >= 0 }),
                total > 0
            else { return Verification("weights of points", error: .infinity, tolerance: 0) }
            return EllipsoidCheck.verify(points, d, indices, weights.map { $0 / total }, gap)
        }
        guard let center = answer.center, let shape = answer.shape, center.count == d, shape.count == d, shape.allSatisfy({ $0.count == d })
        else { return Verification("weights or an ellipsoid", error: .infinity, tolerance: 0) }
        let fit = try points.withUnsafeBufferPointer {
            try MinimumVolumeEllipsoid(
                points: $0, count: points.count / d, dimension: d, settings: .init(gap: gap, threads: BLASConfiguration.threads))
        }
        return EllipsoidCheck.volume(points, center, shape.flatMap { $0 }, best: fit.ellipsoid.logVolume, gap)
    }

    /// The gap over iterations and time of one solve, for the report.
    package static func trace(_ kind: SyntheticPoints, _ n: Int, _ d: Int, method: MinimumVolumeEllipsoid.Method) throws -> ConvergenceTrace
    {
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
