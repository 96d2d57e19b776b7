// Suite `scale`: ellipsoids of sets that one would not want to hold in memory, from files and from a source that generates them.
//
// What is checked is that the memory of a solve does not grow with the number of points, and that its ellipsoid holds all of them.

import ConvexGeometry
import Foundation
import LinearAlgebra
import TensorFiles

package enum ScaleWorkloads {
    private static let gap = 1e-6
    /// Bytes beside the points, candidates included: 128 MB.
    private static let memoryLimit = 128.0 * 1e6

    package static var all: [Workload] {
        [fitFiles(200_000, 10), fitFiles(10_000_000, 10, tier: .standard), fitFiles(100_000_000, 10, tier: .large)]
            + [fitGenerated(1_000_000, 4), fitGenerated(100_000_000, 4, tier: .standard), fitGenerated(1_000_000_000, 4, tier: .large)]
    }

    /// Two files of single-precision points.
    private static func fitFiles(_ n: Int, _ d: Int, tier: Tier = .quick) -> Workload {
        Workload(.scale, "files", [Size("n", n), Size("d", d)], tier: tier, sweep: "n") {
            let points = GeneratedPoints(n, d, seed: 61)
            let halves = [0..<n / 2, n / 2..<n]
            let files = try halves.map { try write(points, $0) }
            return Instance(
                bytes: 4 * Double(n * d), singlePrecision: true,
                run: {
                    try files[0].withUnsafeBytes { first in
                        try files[1].withUnsafeBytes { second in
                            let pieces = try zip([first, second], halves).map {
                                try BorrowedPoints($0.bindMemory(to: Float.self), count: $1.count, dimension: d)
                            }
                            return try answer(points) { try MinimumVolumeEllipsoid(points: ConcatenatedPoints(pieces), settings: $0) }
                        }
                    }
                })
        }
    }

    private static func fitGenerated(_ n: Int, _ d: Int, tier: Tier = .quick) -> Workload {
        Workload(.scale, "generated", [Size("n", n), Size("d", d)], tier: tier, sweep: "n") {
            let points = GeneratedPoints(n, d, seed: 62)
            return Instance(
                singlePrecision: true, run: { try answer(points) { try MinimumVolumeEllipsoid(source: points, settings: $0) } })
        }
    }

    /// Points in a file that has no name.
    private static func write(_ points: GeneratedPoints, _ range: Range<Int>) throws -> MappedFile {
        let spool = try SpoolFile()
        try points.forEachRun(of: range) { try spool.append($0) }
        return try MappedFile(path: try spool.flush())
    }

    private static func answer(
        _ points: GeneratedPoints, _ solve: (MinimumVolumeEllipsoid.Settings) throws -> MinimumVolumeEllipsoid
    ) throws -> Answer {
        var settings = MinimumVolumeEllipsoid.Settings(gap: gap)
        settings.threads = BLASConfiguration.threads
        let memory = AnonymousMemory()
        let fit = try solve(settings)
        let bytes = memory.growth()
        return Answer(iterations: fit.iterations) {
            guard fit.status == .solved, fit.certificate.gap <= gap, fit.dataPasses <= 3 else {
                return Verification("status \(fit.status) after \(fit.dataPasses) reads", error: .infinity, tolerance: gap)
            }
            let outside = excess(points, fit.ellipsoid)
            // Of small sets the memory is that of whatever else the process does.
            guard outside <= EllipsoidCheck.rounding(points.dimension), points.pointCount > 1_000_000 else {
                return Verification("a point is outside by", error: outside, tolerance: EllipsoidCheck.rounding(points.dimension))
            }
            return Verification("bytes beside the points by 128 MB", error: Double(bytes) / memoryLimit, tolerance: 1)
        }
    }

    /// max (x−c)ᵀA(x−c) − 1 over all points, run by run.
    private static func excess(_ points: GeneratedPoints, _ ellipsoid: Ellipsoid) -> Double {
        let (n, d, step) = (points.pointCount, points.dimension, 1 << 16)
        var worst = -Double.infinity
        for start in stride(from: 0, to: n, by: step) {
            let range = start..<min(start + step, n)
            points.withBlock(range) { block in
                guard case .float(let numbers) = block else { return }
                worst = max(worst, EllipsoidCheck.excess((0..<range.count * d).map { Double(numbers[$0]) }, ellipsoid))
            }
        }
        return worst
    }
}
