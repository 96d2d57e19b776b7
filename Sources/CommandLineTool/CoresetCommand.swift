// `loewner coreset`: a few points that bound every linear functional of many, sensitivities, and samples by them.

import ArgumentParser
import ConvexGeometry
import Coresets
import LinearAlgebra
import RandomNumbers
import TensorFiles

struct CoresetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "coreset",
        abstract: "Select points C with max |pᵀx| ≤ factor · max over C for every x; sensitivities; samples.",
        discussion: """
            EXAMPLES:
              loewner coreset points.npy -o coreset.npz
              loewner coreset points.npy --construction john-support --sensitivities \\
                  -o sensitivities.npz
              loewner coreset points.npy --sample 500 --seed 1 -o sample.npz

            The .npz file holds indices and weights; sensitivities when asked for, rounds (the peel in which each point \
            left) with them.
            """)

    @OptionGroup var input: PointOptions

    @Option(help: ArgumentHelp("How points are chosen.", valueName: "axis-caratheodory|john-support|volume-subset"))
    var construction: LInfinityCoreset.Construction = .axisCaratheodory

    @Flag(help: "Peel coresets until few points are left, and bound the sensitivity of every point.")
    var sensitivities = false

    @Option(help: ArgumentHelp("Draw so many points by their sensitivities, with unbiased weights.", valueName: "M"))
    var sample: Int?

    @Flag(help: "With --sample: draw until M different points are in.")
    var distinct = false

    @Option(help: "Seed of the draws.")
    var seed: UInt64 = 0

    @Flag(help: "Use the ellipsoid with a free center: the coreset also bounds pᵀx + b.")
    var freeCenter = false

    @Option(help: "Gap of the ellipsoids.")
    var gap = 1e-4

    @Option(
        name: [.short, .long], help: "Write indices, weights and, when asked for, sensitivities to this .npz file.", completion: .file())
    var output: String?

    @OptionGroup var overwrite: OverwriteOptions
    @OptionGroup var threading: ThreadOptions
    @OptionGroup var format: FormatOptions

    private struct Report: Encodable {
        var construction: String
        var pointCount: Int
        var dimension: Int
        var rank: Int
        var size: Int
        var provenFactor: Double?
        var measuredFactor: Double?
        var peels: Int
        var totalSensitivity: Double?
        var cappedTotalSensitivity: Double?
        var draws: Int?
        var epsilon: Double?
        var seed: UInt64?
        var guarantee: String
        /// Processes, and collectives and bytes that left one for another.
        var ranks = 1
        var messages = 0
        var bytesSent = 0
        var seconds: Double
        var readSeconds: Double
        var threads: Int
    }

    func validate() throws {
        guard gap > 0, gap.isFinite else { throw ValidationError("expected a positive --gap, found \(gap)") }
        if let sample, sample < 1 || sample > Self.mostDraws {
            throw ValidationError("expected --sample of 1 to \(Self.mostDraws), found \(sample)")
        }
        if distinct, sample == nil { throw ValidationError("expected --sample with --distinct, found none") }
        if let output, SystemPath.ending(of: output) != "npz" {
            throw ValidationError("expected a .npz file for --output, found \(output)")
        }
    }

    /// Draws that take a minute, at some 50 ns each.
    private static let mostDraws = 1_000_000_000

    func run() throws {
        let threads = threading.apply()
        let file = try Ranks.agree {
            if Ranks.isFirst { try overwrite.check(output, inputs: input.paths) }
            return try input.read()
        }
        guard Ranks.isFirst else { return try Ranks.shareReads(of: file, threads: threads) }
        if construction == .johnSupport, !sensitivities, sample == nil,
            file.files.count > 1 || file.count > Self.mostNumbers / file.dimension
        {
            return try selectFromPieces(file, threads: threads)
        }
        Ranks.workAlone(
            because: "reads are shared for john-support without sensitivities and samples, of more than 2^26 numbers or several files")
        try Ranks.lead { try selectInMemory(file, threads: threads) }.0
    }

    private func selectInMemory(_ file: PointFiles, threads: Int) throws {
        let points = try file.matrix()
        let settings = LInfinityCoreset.Settings(
            construction: construction, centering: freeCenter ? .free : .origin, gap: gap)
        var generator = SeededGenerator(seed: seed)
        let bar = ProgressBar(quiet: format.json, "selecting")
        let start = ContinuousClock.now
        let bounds = sensitivities || sample != nil ? try peel(points, settings, bar) : nil
        let coreset: Coreset
        let factors: (proven: Double, measured: Double, rank: Int)?
        if let sample, let bounds {
            coreset = try Coreset.sample(count: sample, bounds: bounds, untilDistinct: distinct, generator: &generator)
            factors = nil
        } else {
            let maximum = try LInfinityCoreset(points: points, settings: settings)
            coreset = Coreset(
                points: WeightedPoints(indices: maximum.indices, weights: maximum.weights),
                guarantee: Guarantee(maximum, representation: "the points as given"), pointCount: points.columns)
            var directions = generator.stream(.directions)
            factors = (maximum.provenFactor, try maximum.measuredFactor(points: points, generator: &directions), maximum.rank)
        }
        let seconds = start.duration(to: .now).seconds
        bar.clear()
        if let output { try archive(coreset, bounds).write(to: output, force: overwrite.force) }
        let claim: Guarantee.Sample? = if case .sample(let claim) = coreset.guarantee { claim } else { nil }
        let report = Report(
            construction: construction.rawValue, pointCount: file.count, dimension: file.dimension,
            rank: factors?.rank ?? bounds?.rank ?? 0, size: coreset.count,
            provenFactor: (factors?.proven ?? claim?.provenFactor)?.ifFinite,
            measuredFactor: factors?.measured.ifFinite, peels: bounds?.peels ?? 1, totalSensitivity: bounds?.total,
            cappedTotalSensitivity: bounds?.cappedTotal, draws: claim?.drawCount,
            epsilon: claim?.epsilon.ifFinite, seed: sample == nil ? nil : seed, guarantee: coreset.guarantee.statement,
            seconds: seconds, readSeconds: file.readSeconds, threads: threads)
        if format.json { try JSONOutput.show(report) } else { show(report) }
    }

    /// Coordinates up to which points are copied to memory in double precision: 512 MB.
    private static let mostNumbers = 1 << 26

    /// The contact points of sets that need not fit into memory; the factor attained is not measured.
    private func selectFromPieces(_ file: PointFiles, threads: Int) throws {
        let start = ContinuousClock.now
        let (maximum, cost) = try Ranks.lead {
            try file.withPieces {
                try LInfinityCoreset(johnSupportOf: $0, centering: freeCenter ? .free : .origin, gap: gap, processes: Ranks.all)
            }
        }
        let coreset = Coreset(
            points: WeightedPoints(indices: maximum.indices, weights: maximum.weights),
            guarantee: Guarantee(maximum, representation: "the points as given"), pointCount: file.count)
        let seconds = start.duration(to: .now).seconds
        if let output { try archive(coreset, nil).write(to: output, force: overwrite.force) }
        let report = Report(
            construction: construction.rawValue, pointCount: file.count, dimension: file.dimension, rank: maximum.rank,
            size: coreset.count, provenFactor: maximum.provenFactor.ifFinite, peels: 1, guarantee: coreset.guarantee.statement,
            ranks: cost?.ranks ?? 1, messages: cost?.traffic.messages ?? 0, bytesSent: cost?.traffic.bytesSent ?? 0,
            seconds: seconds, readSeconds: file.readSeconds, threads: threads)
        if format.json { try JSONOutput.show(report) } else { show(report, isMeasured: false) }
    }

    private func peel(_ points: Matrix, _ settings: LInfinityCoreset.Settings, _ bar: ProgressBar) throws -> SensitivityBounds {
        let count = points.columns
        return try SensitivityBounds(points: points, settings: settings) { progress in
            bar.update("peeling", fraction: 1 - Double(progress.pointsLeft) / Double(max(count, 1)))
            return true
        }
    }

    private func archive(_ coreset: Coreset, _ bounds: SensitivityBounds?) -> TensorArchive {
        var archive: TensorArchive = ["indices": .int64(coreset.points.indices), "weights": .float64(coreset.points.weights)]
        if sensitivities, let bounds {
            archive["sensitivities"] = .float64(bounds.sensitivities)
            archive["rounds"] = .int64(bounds.rounds)
        }
        return archive
    }

    private func show(_ report: Report, isMeasured: Bool = true) {
        Console.say(
            "\(Format.count(report.pointCount)) points of rank \(report.rank) in \(report.dimension) dimensions → \(report.size) points by \(sample == nil ? report.construction : "sampling") in \(Format.seconds(report.seconds)) (reading \(Format.seconds(report.readSeconds)))"
        )
        if let proven = report.provenFactor, sample == nil {
            let measured = report.measuredFactor.map { "at least \(Format.number($0)) is attained" } ?? "the points do not span the rest"
            Console.say("factor \(Format.number(proven)) proven" + (isMeasured ? ", \(measured)" : ""))
        }
        if let total = report.totalSensitivity {
            Console.say("total sensitivity \(Format.number(total)), \(report.peels) peels")
        }
        Console.say(report.guarantee)
        if let output { Console.say("wrote \(output)") }
    }
}

extension LInfinityCoreset.Construction: ExpressibleByArgument {}

extension PointFile {
    /// The points as columns, in double precision.
    func matrix() throws -> Matrix {
        Matrix(
            rows: dimension, columns: count,
            elements: try withPoints(double: { Array($0) }, float: { $0.map { Double($0) } }))
    }
}
