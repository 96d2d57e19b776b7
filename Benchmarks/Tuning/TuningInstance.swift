import ConvexGeometry
import Foundation
import LinearAlgebra
import RandomNumbers

/// A point set that the numbers are tried on.
struct TuningInstance {
    enum Kind: String {
        /// Normal: contact points are a few dozen times the dimension.
        case gauss
        /// Uniform in a cube: more of them.
        case cube
        /// Student's t with two degrees of freedom: few, far out.
        case heavy
        /// On a sphere, moved by a thousandth: nearly all points are contact points.
        case sphere
    }

    let name: String
    let points: Matrix
    /// Solves in one measurement.
    let solves: Int

    init(_ kind: Kind, _ count: Int, _ dimension: Int, solves: Int = 1) {
        name = "\(kind.rawValue) \(count)×\(dimension)"
        self.solves = solves
        var generator = SeededGenerator(seed: UInt64(count * 1000 + dimension))
        var points = Matrix(rows: dimension, columns: count)
        for j in 0..<count {
            var radius = 0.0
            // χ² with two degrees of freedom is −2·log of a uniform number.
            let tail = (-log(Double.random(in: .leastNormalMagnitude..<1, using: &generator))).squareRoot()
            for i in 0..<dimension {
                switch kind {
                case .cube: points[i, j] = Double.random(in: -1...1, using: &generator)
                case .gauss, .sphere: points[i, j] = generator.normal()
                case .heavy: points[i, j] = generator.normal() / tail
                }
                radius += points[i, j] * points[i, j]
            }
            if kind == .sphere {
                let scale = (1 + 1e-3 * generator.normal()) / radius.squareRoot()
                for i in 0..<dimension { points[i, j] *= scale }
            }
        }
        self.points = points
    }

    /// Processor time of a solve in seconds, and its result; the first of several results, which are all the same.
    func measure(_ tuning: EllipsoidTuning) throws -> (seconds: Double, fit: MinimumVolumeEllipsoid) {
        var settings = MinimumVolumeEllipsoid.Settings()
        settings.threads = 1
        settings.tuning = tuning
        let start = processorTime()
        var fit = try MinimumVolumeEllipsoid(points: points, settings: settings)
        for _ in 1..<solves { fit = try MinimumVolumeEllipsoid(points: points, settings: settings) }
        return ((processorTime() - start) / Double(solves), fit)
    }

    /// Processor time of this thread, in seconds: what others do on the machine does not count.
    private func processorTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
    }
}
