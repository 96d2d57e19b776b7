// `loewner fit`: minimum-volume ellipsoid of points.

import ArgumentParser
import ConvexGeometry
import EllipsoidFiles
import LinearAlgebra
import RandomNumbers
import TensorFiles

struct Fit: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Fit the ellipsoid of least volume around points, with a certificate.",
        discussion: """
            EXAMPLES:
              loewner fit points.npy -o ellipsoid.npz --plot ellipsoid.svg
              loewner fit network.safetensors --tensor fc1.weight --centered --json
              loewner fit more-points.npy --start ellipsoid.npz -o updated.npz
              loewner fit part-*.npy -o all.npz
              loewner fit measurements.csv --trim 0.1 -o bulk.npz

            The .npz file holds center (d), axes (d, r), orthonormal, and semiaxes (r), with Σ ((x−c)ᵀaxesₖ/semiaxesₖ)² ≤ 1 \
            on all points, and indices and weights of the support; shape (d, d) with (x−c)ᵀ·shape·(x−c) ≤ 1 where double \
            precision can hold it. Points of lower rank r get basis (d, r) and shape (r, r) in that basis.
            """)

    @OptionGroup var input: PointOptions

    @Flag(help: "Center at the origin: the least ellipsoid around the points and their negatives.")
    var centered = false

    @Option(help: "Tolerance on max κ/D − 1 over all points; log volume is optimal to about d/2 times it.")
    var gap = 1e-7

    @Option(help: ArgumentHelp("How to solve.", valueName: "auto|interior-point|away-steps|khachiyan"))
    var method: MethodArgument = .auto

    @Option(help: "Stop after so many iterations (exit code 3).")
    var iterationLimit: Int?

    @Option(help: ArgumentHelp("Stop after so many seconds (exit code 3).", valueName: "seconds"))
    var timeLimit: Double?

    @Option(
        help: ArgumentHelp("Start from an earlier fit, whose points come first here too: the .npz it wrote.", valueName: "E.npz"),
        completion: .file())
    var start: String?

    @Option(
        help: ArgumentHelp(
            "Leave out this share of the points, less than half: a small ellipsoid around the rest, found by concentration steps from many starts (a heuristic; the certificate is about the points kept).",
            valueName: "share"))
    var trim: Double?

    @Option(help: "Seed of the starts of --trim.")
    var seed: UInt64 = 0

    @Option(help: ArgumentHelp("Solve so many times and report the median time.", valueName: "n"))
    var repeats = 1

    @Option(name: [.short, .long], help: "Write center, shape, indices and weights to this .npz file.", completion: .file())
    var output: String?

    @Option(help: ArgumentHelp("Draw points and ellipsoid along its two longest axes.", valueName: "E.svg"), completion: .file())
    var plot: String?

    @OptionGroup var overwrite: OverwriteOptions
    @OptionGroup var threading: ThreadOptions
    @OptionGroup var format: FormatOptions

    enum MethodArgument: String, ExpressibleByArgument, CaseIterable {
        case auto
        case interiorPoint = "interior-point"
        case awaySteps = "away-steps"
        case khachiyan

        var method: MinimumVolumeEllipsoid.Method {
            switch self {
            case .auto: .automatic
            case .interiorPoint: .columnGeneration
            case .awaySteps: .awaySteps
            case .khachiyan: .khachiyan
            }
        }

        static func name(of method: MinimumVolumeEllipsoid.Method) -> String {
            (allCases.first { $0.method == method } ?? .auto).rawValue
        }
    }

    private struct Report: Encodable {
        let status: String
        let pointCount: Int
        let dimension: Int
        let rank: Int
        let centered: Bool
        let gap: Double?
        let supportDeficit: Double?
        let logVolume: Double?
        let logVolumeBound: Double?
        let volume: Double?
        let roundingCost: Double?
        /// Of the farthest point from the flat of lower dimension, at most.
        let distanceFromFlat: Double?
        let center: [Double]
        let semiaxes: [Double]
        /// Rows of the d×r matrix; left to the .npz file where it is large.
        let axes: [[Double]]?
        let hasShape: Bool
        let notes: [String]
        let supportCount: Int
        let keptCount: Int?
        let seed: UInt64?
        let iterations: Int
        let dataPasses: Int
        /// Processes, and per solve collectives and bytes that left one for another.
        let ranks: Int
        let messages: Int
        let bytesSent: Int
        let seconds: Double
        let readSeconds: Double
        let method: String
        let coreType: String
        let threads: Int
    }

    func validate() throws {
        guard gap > 0, gap.isFinite else { throw ValidationError("expected a positive --gap, found \(gap)") }
        if let iterationLimit, iterationLimit < 0 {
            throw ValidationError("expected --iteration-limit of at least 0, found \(iterationLimit)")
        }
        if let timeLimit, !(timeLimit >= 0 && timeLimit < 1e9) {
            throw ValidationError("expected --time-limit in seconds, found \(timeLimit)")
        }
        if let trim {
            guard trim >= 0, trim < 0.5 else { throw ValidationError("expected --trim of 0 or more and less than 0.5, found \(trim)") }
            if start != nil || repeats > 1 { throw ValidationError("expected --trim without --start and --repeats, found both") }
        }
        guard repeats >= 1 else { throw ValidationError("expected --repeats of 1 or more, found \(repeats)") }
        if let output, SystemPath.ending(of: output) != "npz" {
            throw ValidationError("expected a .npz file for --output, found \(output)")
        }
        if let plot, SystemPath.ending(of: plot) != "svg" { throw ValidationError("expected a .svg file for --plot, found \(plot)") }
    }

    func run() throws {
        let threads = threading.apply()
        let bar = ProgressBar(quiet: format.json || !Ranks.isFirst, "reading")
        let (points, earlier) = try Ranks.agree {
            if Ranks.isFirst {
                try overwrite.check(output, inputs: input.paths + [start].compactMap { $0 })
                try overwrite.check(plot, inputs: input.paths + [start].compactMap { $0 })
            }
            if trim != nil, Ranks.all.count > 1 { throw CommandFailure.usage("expected --trim in one process, found \(Ranks.all.count)") }
            let earlier = Ranks.isFirst ? try start.map { try Self.earlierFit($0) } : nil
            return (try input.read(isLocal: !centered && trim == nil), earlier)
        }
        guard Ranks.isFirst else { return try Ranks.shareReads(of: points, threads: threads) }
        bar.update("fitting")
        var settings = settings(threads: threads, bar)
        settings.start = earlier
        let ((fit, seconds, kept), cost) = try Ranks.lead {
            try trim.map { try trimmed(points, share: $0, settings) } ?? solve(points, settings)
        }
        bar.clear()

        let status = Self.name(of: fit.status)
        let axes = fit.ellipsoid.principalAxes()
        let report = Report(
            status: status, pointCount: points.count, dimension: points.dimension, rank: fit.rank, centered: centered,
            gap: fit.certificate.gap.ifFinite, supportDeficit: fit.certificate.supportDeficit.ifFinite,
            logVolume: fit.ellipsoid.logVolume.ifFinite, logVolumeBound: fit.certificate.logVolumeBound.ifFinite,
            volume: Elementary.exp(fit.ellipsoid.logVolume).ifNormal, roundingCost: fit.certificate.roundingCost.ifFinite,
            distanceFromFlat: fit.rank < points.dimension ? fit.certificate.distanceFromFlat.ifFinite : nil,
            center: fit.ellipsoid.center, semiaxes: axes.lengths,
            axes: axes.directions.elements.count <= Self.printedEntries
                ? (0..<points.dimension).map { axes.directions.row($0) } : nil,
            hasShape: fit.ellipsoid.shape != nil, notes: Self.notes(on: fit),
            supportCount: fit.support.count, keptCount: kept?.count, seed: kept == nil ? nil : seed, iterations: fit.iterations,
            dataPasses: fit.dataPasses, ranks: cost?.ranks ?? 1, messages: cost?.perSolve(repeats).traffic.messages ?? 0,
            bytesSent: cost?.perSolve(repeats).traffic.bytesSent ?? 0, seconds: seconds,
            readSeconds: points.readSeconds, method: MethodArgument.name(of: fit.method), coreType: BLASConfiguration.selection.coreType,
            threads: threads)
        // Drawn first: that the points have not changed meanwhile is part of it.
        let drawing = try plot.map { _ in try EllipsoidPlot.svg(fit, points: points) }
        if let output { try archive(fit, kept: kept).write(to: output, force: overwrite.force) }
        if let plot, let drawing { try AtomicFile.write(Array(drawing.utf8), to: plot, force: overwrite.force) }
        if format.json { try JSONOutput.show(report) } else { show(report) }
        if fit.status == .stalled, fit.certificate.gap <= gap, fit.certificate.supportDeficit <= settings.supportDeficit {
            throw CommandFailure.limited(
                "expected rounding to cost at most the tolerance on the gap, found a center or axes that double precision stores at \(fit.certificate.roundingCost.isFinite ? "a cost of \(Format.number(fit.certificate.roundingCost)) in log volume" : "an unknown cost"): \(status)"
            )
        }
        if fit.status != .solved {
            throw CommandFailure.limited(
                "expected a gap of at most \(gap), found \(Format.number(fit.certificate.gap)) when it stopped: \(status)")
        }
    }

    /// Entries of the axes that JSON gets.
    private static var printedEntries: Int { 10_000 }

    /// What a reader of the numbers should know.
    private static func notes(on fit: MinimumVolumeEllipsoid) -> [String] {
        var notes: [String] = []
        let (d, r) = (fit.ellipsoid.dimension, fit.rank)
        if r < d {
            let distance = fit.certificate.distanceFromFlat
            let largest = fit.ellipsoid.center.map(\.magnitude).max() ?? 0
            let extent =
                distance == 0
                ? "exactly"
                : "up to \(Format.number(distance))"
                    + (largest > 0 ? ", \(Format.number(distance / largest)) of the center's largest coordinate" : "")
            notes.append(
                (r == 0 ? "the points are one point, " : "the points lie in a flat of dimension \(r), ") + extent
                    + (distance == 0 ? "" : ", which is taken for the rounding of their coordinates")
                    + (r == 0 ? "" : "; volume and shape are those in it"))
        }
        if fit.ellipsoid.shape == nil {
            let cost = fit.certificate.roundingCost
            notes.append(
                "no shape matrix: double precision cannot hold it, as its axes are so unequal and slanted, or so long or short; "
                    + (cost.isFinite
                        ? "axes and semiaxes are exact to \(Format.number(max(cost, .ulpOfOne))) of log volume"
                        : "nor is known how far the volume of axes and semiaxes is above the least")
            )
        }
        return notes
    }

    /// The fit and the median time of a solve.
    private func solve(
        _ points: PointFiles, _ settings: MinimumVolumeEllipsoid.Settings
    ) throws -> (MinimumVolumeEllipsoid, Double, kept: [Int]?) {
        func once() throws -> (fit: MinimumVolumeEllipsoid, seconds: Double) {
            let start = ContinuousClock.now
            // Not by a source: the module that reads points is compiled for memory, not for protocols.
            let fit =
                try points.lent?.withPoints(
                    double: {
                        try MinimumVolumeEllipsoid(
                            points: $0, count: points.count, dimension: points.dimension, offset: points.offset, settings: settings)
                    },
                    float: { try MinimumVolumeEllipsoid(points: $0, count: points.count, dimension: points.dimension, settings: settings) })
                ?? points.withPieces { try MinimumVolumeEllipsoid(points: $0, settings: settings) }
            return (fit, start.duration(to: .now).seconds)
        }
        let first = try once()
        let times = try [first.seconds] + (1..<repeats).map { _ in try once().seconds }
        return (first.fit, times.sorted()[times.count / 2], nil)
    }

    /// The fit of most of the points; its support by their places in the file.
    private func trimmed(
        _ points: PointFiles, share: Double, _ settings: MinimumVolumeEllipsoid.Settings
    ) throws -> (MinimumVolumeEllipsoid, Double, kept: [Int]?) {
        let matrix = try points.matrix()
        // A share such as 0.29 is a hair below what was written, and so may its product be.
        let product = share * Double(points.count), whole = product.rounded()
        let count = points.count - Int((product - whole).magnitude <= product.ulp ? whole : product)
        var generator = SeededGenerator(seed: seed)
        let start = ContinuousClock.now
        let result = try TrimmedEllipsoid(
            points: matrix, keeping: count, settings: settings, using: &generator)
        return (result.fit, start.duration(to: .now).seconds, result.kept)
    }

    private func settings(threads: Int, _ bar: ProgressBar) -> MinimumVolumeEllipsoid.Settings {
        var settings = MinimumVolumeEllipsoid.Settings(centering: centered ? .origin : .free, method: method.method, gap: gap)
        settings.threads = threads
        settings.processes = Ranks.all
        settings.iterationLimit = iterationLimit
        settings.timeLimit = timeLimit.map { .seconds($0) }
        settings.observer = { progress in
            bar.update("iteration \(progress.iterations), \(progress.dataPasses) reads, gap \(Format.number(progress.gap))")
            return true
        }
        return settings
    }

    /// Indices and weights of an earlier fit.
    private static func earlierFit(_ path: String) throws -> MinimumVolumeEllipsoid.Start {
        let archive = try TensorArchive.read(path: path)
        do {
            return MinimumVolumeEllipsoid.Start(
                indices: try archive.tensor(named: "indices").int64s().map { Int($0) },
                weights: try archive.tensor(named: "weights").doubles())
        } catch {
            throw CommandFailure.failure("\(path): \(error)")
        }
    }

    private func archive(_ fit: MinimumVolumeEllipsoid, kept: [Int]?) throws -> TensorArchive {
        var archive = try fit.ellipsoid.archive()
        archive["indices"] = .int64(fit.support)
        archive["weights"] = .float64(fit.weights)
        if let kept { archive["kept"] = .int64(kept) }
        return archive
    }

    private func show(_ report: Report) {
        var table = ConsoleTable([("", .left), ("", .left)])
        table.append(["status", report.status])
        table.append([
            "points",
            "\(Format.count(report.pointCount)) in \(report.dimension) dimensions"
                + (report.rank < report.dimension ? ", in a flat of dimension \(report.rank)" : ""),
        ])
        if let kept = report.keptCount {
            table.append([
                "kept",
                "\(Format.count(kept)), \(Format.count(report.pointCount - kept)) left out: the smallest ellipsoid found, not proven to be the least of so many",
            ])
        }
        table.append([
            "gap",
            report.gap.map { "\(Format.number($0)) (max κ/D − 1 over all points\(report.keptCount == nil ? "" : " kept"))" } ?? "unknown",
        ])
        table.append([
            "support", "\(report.supportCount) points" + (report.supportDeficit.map { ", 1 − min κ/D = \(Format.number($0))" } ?? ""),
        ])
        table.append([
            "log volume",
            (report.logVolume.map { Format.fixed($0, 6) } ?? "unknown")
                + (report.logVolumeBound.map { ", at most \(Format.number($0)) above the least" } ?? "")
                + (report.roundingCost.flatMap { $0 > 0.1 * gap ? ", of which rounding \(Format.number($0))" : nil } ?? ""),
        ])
        if let volume = report.volume { table.append(["volume", Format.number(volume)]) }
        table.append(["center", Self.list(report.center)])
        table.append(["semiaxes", Self.list(report.semiaxes)])
        table.append(["work", "\(report.iterations) iterations, \(report.dataPasses) reads of the points, \(report.method)"])
        table.append([
            "time",
            "\(Format.seconds(report.seconds)) (reading \(Format.seconds(report.readSeconds))), \(report.coreType), \(report.threads) thread\(report.threads == 1 ? "" : "s")",
        ])
        for note in report.notes { table.append(["note", note]) }
        for path in [output, plot].compactMap({ $0 }) { table.append(["wrote", path]) }
        for line in table.lines().dropFirst() { Console.say(line) }
    }

    /// Numbers for a line of text, the first and the last ones of many.
    private static func list(_ values: [Double]) -> String {
        let shown =
            values.count <= 8
            ? values.map(Format.number) : values.prefix(5).map(Format.number) + ["…"] + values.suffix(2).map(Format.number)
        return shown.joined(separator: "  ") + (values.count > 8 ? "  (\(values.count))" : "")
    }

    static func name(of status: MinimumVolumeEllipsoid.Status) -> String {
        switch status {
        case .solved: "solved"
        case .iterationLimit: "iteration-limit"
        case .timeLimit: "time-limit"
        case .stalled: "stalled"
        case .cancelled: "cancelled"
        }
    }
}
