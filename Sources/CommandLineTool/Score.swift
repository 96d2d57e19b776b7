// `loewner score`: distances of points in the metric of an ellipsoid.

import ArgumentParser
import ConvexGeometry
import EllipsoidFiles
import LinearAlgebra
import TensorFiles

struct Score: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Distances of points in the metric of an ellipsoid: 1 on its boundary.",
        discussion: """
            EXAMPLES:
              loewner fit normal.npy -o ellipsoid.npz
              loewner score ellipsoid.npz new.npy && echo all inside
              loewner score ellipsoid.npz new.npy -o distances.npz --json

            EXIT CODES:
              0 all points are inside · 1 some are outside, or the run failed

            The distance of x is √((x−c)ᵀA(x−c)). Points outside the flat of a flat ellipsoid are outside whatever it says.
            """)

    @Argument(help: ArgumentHelp("The ellipsoid: the .npz file that fit wrote.", valueName: "E.npz"), completion: .file())
    var ellipsoid: String

    @OptionGroup var input: PointOptions

    @Option(help: "How far beyond 1 a distance still counts as inside.")
    var tolerance = 1e-9

    @Option(
        name: [.short, .long],
        help: "Write distances, and for a flat ellipsoid distances from its flat (hullDistances), to this .npz file.", completion: .file())
    var output: String?

    @OptionGroup var overwrite: OverwriteOptions
    @OptionGroup var threading: ThreadOptions
    @OptionGroup var format: FormatOptions

    private struct Report: Encodable {
        struct Farthest: Encodable {
            let index: Int
            let distance: Double?
        }
        let pointCount: Int
        let dimension: Int
        let rank: Int
        let inside: Int
        let outside: Int
        let tolerance: Double
        let farthest: Farthest?
        let mean: Double?
        /// The largest distance from the flat of a flat ellipsoid.
        let hullDistance: Double?
        /// Left to the output file where there are many.
        let distances: [Double]?
        let readSeconds: Double
        let seconds: Double
    }

    /// Distances that JSON gets.
    private static var printedDistances: Int { 10_000 }

    func validate() throws {
        guard tolerance >= 0, tolerance.isFinite else {
            throw ValidationError("expected a --tolerance of 0 or more, found \(tolerance)")
        }
        if let output, SystemPath.ending(of: output) != "npz" {
            throw ValidationError("expected a .npz file for --output, found \(output)")
        }
    }

    func run() throws {
        try overwrite.check(output, inputs: [ellipsoid] + input.paths)
        _ = threading.apply()
        var body: Ellipsoid
        do { body = try Ellipsoid(archive: TensorArchive.read(path: ellipsoid)) } catch let error as EllipsoidFileError {
            throw CommandFailure.failure("\(ellipsoid): \(error)")
        }
        let file = try input.read(isLocal: true)
        guard file.dimension == body.dimension else {
            throw CommandFailure.failure(
                "\(input.name): expected points of dimension \(body.dimension) as in \(ellipsoid), found dimension \(file.dimension)")
        }
        // Before the ellipsoid is moved: what is stored of it was rounded where it was.
        let hullRounding = body.hullRounding(
            precision: file.files.contains { $0.precision == "float32" } ? Double(Float.ulpOfOne) : .ulpOfOne)
        if let offset = file.offset { body = body.translated(by: offset.map { -$0 }) }
        let points = try file.matrix()
        if let bad = points.elements.firstIndex(where: { !$0.isFinite }) {
            throw CommandFailure.failure(
                "\(input.name): \(GeometryError.nonFinite(point: bad / points.rows, coordinate: bad % points.rows, value: points.elements[bad]))"
            )
        }
        let start = ContinuousClock.now
        let distances = body.gauges(of: points)
        let isInside = body.contains(points, tolerance: tolerance, hullRounding: hullRounding)
        let isFlat = body.basis != nil
        let hull = isFlat ? (0..<points.columns).map { body.distanceToHull(of: Array(points.column($0))) } : []
        let seconds = start.duration(to: .now).seconds
        let farthest = distances.indices.max { (distances[$0], -$0) < (distances[$1], -$1) }
        if let output {
            var archive: TensorArchive = ["distances": .float64(distances)]
            if isFlat { archive["hullDistances"] = .float64(hull) }
            try archive.write(to: output, force: overwrite.force)
        }
        let outside = isInside.count { !$0 }
        let report = Report(
            pointCount: points.columns, dimension: points.rows, rank: body.rank, inside: points.columns - outside, outside: outside,
            tolerance: tolerance, farthest: farthest.map { .init(index: $0, distance: distances[$0].ifFinite) },
            mean: (distances.reduce(0, +) / Double(max(1, distances.count))).ifFinite, hullDistance: hull.max()?.ifFinite,
            distances: distances.count <= Self.printedDistances && distances.allSatisfy(\.isFinite) ? distances : nil,
            readSeconds: file.readSeconds, seconds: seconds)
        if format.json { try JSONOutput.show(report) } else { show(report) }
        if outside > 0 {
            throw CommandFailure.failure(
                "expected all points inside \(ellipsoid), found \(outside) of \(points.columns) outside"
                    + (report.farthest?.distance.map { ", the farthest at distance \(Format.number($0))" } ?? ""))
        }
    }

    private func show(_ report: Report) {
        Console.say(
            "\(Format.count(report.inside)) of \(Format.count(report.pointCount)) points inside, \(Format.count(report.outside)) outside"
                + " in \(Format.seconds(report.seconds)) (reading \(Format.seconds(report.readSeconds)))")
        if let farthest = report.farthest, let distance = farthest.distance {
            Console.say(
                "farthest: point \(farthest.index) at distance \(Format.number(distance)); mean distance \(Format.number(report.mean ?? 0))"
            )
        }
        if let hull = report.hullDistance { Console.say("largest distance from the flat of the ellipsoid: \(Format.number(hull))") }
        if let output { Console.say("wrote \(output)") }
    }
}
