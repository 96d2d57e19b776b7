// `loewner reduce`: Carathéodory reduction of weighted points.

import ArgumentParser
import ConvexGeometry
import Foundation
import LinearAlgebra
import TensorFiles

struct Reduce: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Keep at most d+1 of n weighted points with the same weighted sum.",
        discussion: """
            EXAMPLES:
              loewner reduce points.npy -o reduced.npz
              loewner reduce points.npy --weights weights.npy --lift covariance \\
                  --minimal --json
              loewner reduce points.npy --target v.npy

            With --target, v is written as a convex combination of at most d+1 of the points.
            """)

    @OptionGroup var input: PointOptions

    @Option(help: ArgumentHelp("Weights ≥ 0 of the points: .npy of shape (n). Default: 1/n each.", valueName: "W.npy"), completion: .file())
    var weights: String?

    @Flag(help: "Go on to exactly as many points as the numerical rank.")
    var minimal = false

    @Option(
        help: ArgumentHelp(
            "What is kept beside the mass: the points' sum (none), mean and covariance, or all monomials up to a degree.",
            valueName: "none|covariance|monomials:K"))
    var lift: LiftArgument = .none

    @Option(
        help: ArgumentHelp("Write this point as a convex combination of at most d+1 of the points: .npy of shape (d).", valueName: "V.npy"),
        completion: .file())
    var target: String?

    @Option(help: ArgumentHelp("The engine (one-read) or one null vector per dropped point (direct).", valueName: "one-read|direct"))
    var method: MethodArgument = .oneRead

    @Option(
        name: .customLong("repeat"),
        help: ArgumentHelp(
            "Reduce so many times and report the median time: small inputs take less than the first call costs.", valueName: "N"))
    var repetitions = 1

    @Option(name: [.short, .long], help: "Write indices and weights to this .npz file.", completion: .file())
    var output: String?

    @OptionGroup var overwrite: OverwriteOptions
    @OptionGroup var threading: ThreadOptions
    @OptionGroup var format: FormatOptions

    enum MethodArgument: String, ExpressibleByArgument {
        case oneRead = "one-read"
        case direct
    }

    enum LiftArgument: ExpressibleByArgument {
        case none
        case covariance
        case monomials(Int)

        init?(argument: String) {
            switch argument {
            case "none": self = .none
            case "covariance": self = .covariance
            default:
                let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
                guard parts.count == 2, parts[0] == "monomials", let degree = Int(parts[1]), degree >= 1, degree <= 1000 else { return nil }
                self = .monomials(degree)
            }
        }

        var defaultValueDescription: String { "none" }

        var isLift: Bool { if case .none = self { false } else { true } }

        var lift: CaratheodoryReduction.Lift {
            switch self {
            case .none: .none
            case .covariance: .secondMoments
            case .monomials(let degree): .monomials(degree: degree)
            }
        }
    }

    private struct Report: Encodable {
        let pointCount: Int
        let dimension: Int
        var featureCount: Int?
        let supportCount: Int
        var rank: Int?
        let error: Double
        let spreadError: Double
        let massError: Double
        /// Processes, and per reduction collectives and bytes that left one for another.
        var ranks = 1
        var messages = 0
        var bytesSent = 0
        let seconds: Double
        let readSeconds: Double
        let threads: Int
    }

    func validate() throws {
        if let output, SystemPath.ending(of: output) != "npz" {
            throw ValidationError("expected a .npz file for --output, found \(output)")
        }
        guard repetitions >= 1 else { throw ValidationError("expected --repeat of at least 1, found \(repetitions)") }
        if target != nil, weights != nil || minimal || lift.isLift || method == .direct {
            throw ValidationError("expected --target without --weights, --minimal, --lift and --method, found both")
        }
    }

    func run() throws {
        let threads = threading.apply()
        let (points, given) = try Ranks.agree {
            if Ranks.isFirst { try overwrite.check(output, inputs: input.paths + [weights, target].compactMap { $0 }) }
            let points = try input.read()
            guard points.count > 0 else { throw CommandFailure.failure("expected at least one point, found none") }
            return (points, try weights.map { try VectorFile.read($0, count: points.count, of: "weights, one per point") })
        }
        guard Ranks.isFirst else { return try help(points, given) }
        if let target {
            Ranks.workAlone(because: "a target is not looked for by shares")
            return try Ranks.lead { try combine(points, target: target, threads: threads) }.0
        }
        var settings = CaratheodoryReduction.Settings(method: method == .direct ? .direct : .oneRead, minimal: minimal)
        settings.memoryLimit = Int(clamping: ProcessInfo.processInfo.physicalMemory / 10 * 8)

        let ((reduction, seconds), cost) = try Ranks.lead { try reduce(points, given, settings) }
        try write(indices: reduction.indices, weights: reduction.weights)
        let report = Report(
            pointCount: points.count, dimension: points.dimension, featureCount: reduction.featureCount,
            supportCount: reduction.indices.count, rank: reduction.rank, error: reduction.error, spreadError: reduction.spreadError,
            massError: reduction.massError, ranks: cost?.ranks ?? 1, messages: cost?.perSolve(repetitions).traffic.messages ?? 0,
            bytesSent: cost?.perSolve(repetitions).traffic.bytesSent ?? 0, seconds: seconds, readSeconds: points.readSeconds,
            threads: threads)
        if format.json { try JSONOutput.show(report) } else { show(report) }
    }

    /// The last answer and the median time.
    private func reduce(
        _ points: PointFiles, _ given: [Double]?, _ settings: CaratheodoryReduction.Settings
    ) throws -> (CaratheodoryReduction, Double) {
        let (count, dimension) = (points.count, points.dimension)
        return try withWeights(given) { weights in
            if let keepsSecondMoments = keepsSecondMomentsByBlocks(points) {
                return try points.withPieces { points in
                    try timed {
                        try CaratheodoryReduction(
                            points: points, weights: weights, keepsSecondMoments: keepsSecondMoments, processes: Ranks.all)
                    }
                }
            }
            Ranks.workAlone(because: "blocks are shared of more than 2^26 numbers or several files, without lifts beyond covariance")
            guard let file = points.single else {
                let joined = try points.matrix().elements
                return try joined.withUnsafeBufferPointer { points in
                    try timed {
                        try CaratheodoryReduction(
                            points: points, count: count, dimension: dimension, weights: weights, lift: lift.lift, settings: settings)
                    }
                }
            }
            return try file.withPoints(
                double: { points in
                    try timed {
                        try CaratheodoryReduction(
                            points: points, count: count, dimension: dimension, weights: weights, lift: lift.lift, settings: settings)
                    }
                },
                float: { points in
                    try timed {
                        try CaratheodoryReduction(
                            points: points, count: count, dimension: dimension, weights: weights, lift: lift.lift, settings: settings)
                    }
                })
        }
    }

    /// What the other ranks do: their share of the blocks, where there are any.
    private func help(_ points: PointFiles, _ given: [Double]?) throws {
        guard let keepsSecondMoments = keepsSecondMomentsByBlocks(points), points.count > 0 else { return Ranks.all.serve { _ in } }
        try withWeights(given) { weights in
            try points.withPieces {
                CaratheodoryReduction.shareBlocks(of: $0, weights: weights, keepsSecondMoments: keepsSecondMoments, with: Ranks.all)
            }
        }
    }

    /// Coordinates up to which one file is reduced by one tree of sums, which takes a sixteenth as much memory: 32 MB.
    private static let mostNumbers = 1 << 26

    /// Whether points are reduced block by block, as several files and very large ones are, and what is kept then; nil where they are
    /// not, and for what only the tree of sums can do.
    private func keepsSecondMomentsByBlocks(_ points: PointFiles) -> Bool? {
        guard points.files.count > 1 || points.count > Self.mostNumbers / max(1, points.dimension), !minimal, method == .oneRead else {
            return nil
        }
        return switch lift {
        case .none: false
        case .covariance: true
        case .monomials: nil
        }
    }

    // The last answer and the median time of all repetitions.
    private func timed(_ reduce: () throws -> CaratheodoryReduction) throws -> (CaratheodoryReduction, Double) {
        var seconds: [Double] = []
        while true {
            let start = ContinuousClock.now
            let reduction = try reduce()
            seconds.append(start.duration(to: .now).seconds)
            if seconds.count == repetitions { return (reduction, seconds.sorted()[repetitions / 2]) }
        }
    }

    private func write(indices: [Int], weights: [Double]) throws {
        guard let output else { return }
        let archive: TensorArchive = ["indices": .int64(indices), "weights": .float64(weights)]
        try archive.write(to: output, force: overwrite.force)
    }

    private struct Outside: Encodable {
        let pointCount: Int
        let dimension: Int
        let inside = false
        /// Proven lower bound of the distance to the hull, and the distance of the nearest point found.
        let distance: Double
        let distanceBound: Double
        /// normalᵀp ≤ offset for every point, normalᵀtarget = offset + distance.
        let normal: [Double]
        let offset: Double
        let seconds: Double
        let readSeconds: Double
    }

    /// The target as a convex combination of the points, or the hyperplane between them.
    private func combine(_ file: PointFiles, target path: String, threads: Int) throws {
        let target = try VectorFile.read(path, count: file.dimension, of: "coordinates")
        if let bad = target.firstIndex(where: { !$0.isFinite }) {
            throw CommandFailure.failure("\(path): expected finite coordinates, found \(target[bad]) at coordinate \(bad)")
        }
        let points = try file.matrix()
        let start = ContinuousClock.now
        let answer = try ConvexCombination(of: target, points: points)
        let seconds = start.duration(to: .now).seconds
        switch answer {
        case .inside(let inside):
            try write(indices: inside.points.indices, weights: inside.points.weights)
            let report = Report(
                pointCount: file.count, dimension: file.dimension, supportCount: inside.points.count, error: inside.error,
                spreadError: spreadError(inside.points, points, target), massError: inside.massError, seconds: seconds,
                readSeconds: file.readSeconds, threads: threads)
            if format.json { try JSONOutput.show(report) } else { show(report) }
        case .outside(let separation):
            if format.json {
                try JSONOutput.show(
                    Outside(
                        pointCount: file.count, dimension: file.dimension, distance: separation.distance,
                        distanceBound: separation.distanceBound,
                        normal: separation.normal, offset: separation.offset, seconds: seconds, readSeconds: file.readSeconds))
            }
            throw CommandFailure.failure(
                "\(path): expected a target in the convex hull of the points, found one outside by \(Format.number(separation.distance))")
        }
    }

    /// maxₖ |Σw(pₖ − vₖ)| / Σw|pₖ − vₖ|; coordinates without spread count 0.
    private func spreadError(_ combination: WeightedPoints, _ points: Matrix, _ target: [Double]) -> Double {
        target.indices.reduce(0) { worst, k in
            var (sum, magnitude) = (0.0, 0.0)
            for (index, weight) in zip(combination.indices, combination.weights) {
                let term = weight * (points[k, index] - target[k])
                sum += term
                magnitude += term.magnitude
            }
            return magnitude > 0 ? max(worst, sum.magnitude / magnitude) : worst
        }
    }

    private func withWeights<Result>(_ weights: [Double]?, _ body: (UnsafeBufferPointer<Double>?) throws -> Result) throws -> Result {
        guard let weights else { return try body(nil) }
        return try weights.withUnsafeBufferPointer { try body($0) }
    }

    private func show(_ report: Report) {
        Console.say(
            "\(Format.count(report.pointCount)) points in \(report.dimension) dimensions → \(report.supportCount) points in \(Format.seconds(report.seconds)) (reading \(Format.seconds(report.readSeconds)))"
        )
        var line =
            "error \(Format.number(report.error)) of the weighted sum, \(Format.number(report.spreadError)) of the spread, \(Format.number(report.massError)) of the mass"
        if let rank = report.rank { line += "; numerical rank \(rank)" }
        Console.say(line)
        if let output { Console.say("wrote \(output)") }
    }
}
