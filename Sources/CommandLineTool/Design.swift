// `loewner design`: D-optimal designs over a set of candidates.

import ArgumentParser
import ConvexGeometry
import LinearAlgebra
import RandomNumbers
import TensorFiles

struct Design: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "D-optimal experimental designs: weights of candidates, or so many runs of them, with a proven efficiency.",
        discussion: """
            EXAMPLES:
              loewner design candidates.npy -o weights.npz
              loewner design grid.npy --model quadratic --runs 27 -o design.npz --json

            A row of CANDIDATES is a possible run: with --model as-is its regressors themselves, otherwise its factors, from which \
            the regressors of the model are made. The .npz file holds indices and, with --runs, counts; without, weights.

            Only D-optimality is offered: its dual is the minimum-volume ellipsoid, whose certificate bounds the efficiency. A, I and c \
            have other duals (a trace, or a linear functional, of the inverse information), which that certificate says nothing about.
            """)

    @OptionGroup var input: PointOptions

    @Option(help: ArgumentHelp("An exact design of so many runs, by rounding and exchange.", valueName: "N"))
    var runs: Int?

    @Option(help: ArgumentHelp("What is maximized: the determinant of the information.", valueName: "D"))
    var criterion: Criterion = .determinant

    @Option(help: ArgumentHelp("How regressors are made of a row.", valueName: "as-is|linear|interactions|quadratic"))
    var model: Model = .asIs

    @Option(help: "Tolerance on max κ/p − 1 of the weights: their efficiency is at least 1/(1 + gap).")
    var gap = 1e-7

    @Option(help: "Random starts of the exchange beside the two that are not random.")
    var starts = 4

    @Option(help: "Seed of the random starts.")
    var seed: UInt64 = 0

    @Option(name: [.short, .long], help: "Write the design to this .npz file.", completion: .file())
    var output: String?

    @OptionGroup var overwrite: OverwriteOptions
    @OptionGroup var threading: ThreadOptions
    @OptionGroup var format: FormatOptions

    enum Criterion: String, ExpressibleByArgument, CaseIterable { case determinant = "D" }

    enum Model: String, ExpressibleByArgument, CaseIterable {
        case asIs = "as-is"
        case linear
        case interactions
        case quadratic

        /// Regressors of a run with these factors.
        func regressors(_ x: ArraySlice<Double>) -> [Double] {
            let factors = Array(x)
            var result = self == .asIs ? factors : [1] + factors
            for i in factors.indices where self == .interactions || self == .quadratic {
                for j in i..<factors.count where j > i || self == .quadratic { result.append(factors[i] * factors[j]) }
            }
            return result
        }
    }

    private struct Report: Encodable {
        let criterion: String
        let model: String
        let candidateCount: Int
        let regressorCount: Int
        let status: String
        let supportCount: Int
        /// Proven lower bound of the D-efficiency of the weights.
        let weightEfficiency: Double
        let runs: Int?
        let distinctRuns: Int?
        /// Proven lower bound of the D-efficiency of the runs.
        let efficiency: Double?
        let exchanges: Int?
        let seed: UInt64?
        let readSeconds: Double
        let seconds: Double
    }

    func validate() throws {
        guard gap > 0, gap.isFinite else { throw ValidationError("expected a positive --gap, found \(gap)") }
        if let runs, runs < 1 || runs > Int(Int32.max) {
            throw ValidationError("expected --runs of 1 to \(Int32.max), found \(runs)")
        }
        guard starts >= 0 else { throw ValidationError("expected --starts of 0 or more, found \(starts)") }
        if let output, SystemPath.ending(of: output) != "npz" {
            throw ValidationError("expected a .npz file for --output, found \(output)")
        }
    }

    func run() throws {
        try overwrite.check(output, inputs: input.paths)
        let threads = threading.apply()
        let file = try input.read()
        let candidates = try file.matrix()
        let columns = (0..<candidates.columns).map { model.regressors(candidates.column($0)) }
        guard !columns.isEmpty else { throw CommandFailure.failure("\(input.name): expected candidates, found none") }
        let regressors = Matrix(columns: columns)
        var settings = MinimumVolumeEllipsoid.Settings(centering: .origin, gap: gap)
        settings.threads = threads
        settings.seed = seed
        let start = ContinuousClock.now
        let optimum = try MinimumVolumeEllipsoid(points: regressors, settings: settings)
        guard optimum.rank == regressors.rows else {
            throw CommandFailure.failure(
                "\(input.name): expected candidates that span the \(regressors.rows) regressors of the model, found a rank of \(optimum.rank)"
            )
        }
        if let runs, runs < regressors.rows {
            throw CommandFailure.failure("expected --runs of at least the \(regressors.rows) regressors of the model, found \(runs)")
        }
        var generator = SeededGenerator(seed: seed)
        let exact = try runs.map {
            try ExactDesign(regressors: regressors, runs: $0, optimum: optimum, starts: starts, using: &generator)
        }
        let seconds = start.duration(to: .now).seconds
        if let output {
            let archive: TensorArchive =
                exact.map { ["indices": .int64($0.indices), "counts": .int64($0.counts)] }
                ?? ["indices": .int64(optimum.support), "weights": .float64(optimum.weights)]
            try archive.write(to: output, force: overwrite.force)
        }
        let report = Report(
            criterion: criterion.rawValue, model: model.rawValue, candidateCount: candidates.columns, regressorCount: regressors.rows,
            status: Fit.name(of: optimum.status), supportCount: optimum.support.count, weightEfficiency: optimum.certificate.efficiency,
            runs: runs, distinctRuns: exact?.indices.count, efficiency: exact?.efficiency, exchanges: exact?.exchanges,
            seed: exact == nil ? nil : seed, readSeconds: file.readSeconds, seconds: seconds)
        if format.json { try JSONOutput.show(report) } else { show(report) }
        if optimum.certificate.gap > gap {
            throw CommandFailure.limited(
                "expected a gap of at most \(gap), found \(Format.number(optimum.certificate.gap)) when it stopped: \(report.status)")
        }
    }

    private func show(_ report: Report) {
        Console.say(
            "\(Format.count(report.candidateCount)) candidates, \(report.regressorCount) regressors (\(report.model)) in \(Format.seconds(report.seconds)) (reading \(Format.seconds(report.readSeconds)))"
        )
        Console.say(
            "D-optimal weights on \(report.supportCount) candidates, efficiency at least \(Format.atLeast(report.weightEfficiency, 8))")
        if let runs = report.runs, let distinct = report.distinctRuns, let efficiency = report.efficiency {
            Console.say(
                "\(runs) runs at \(distinct) candidates: D-efficiency at least \(Format.atLeast(efficiency, 6)) of the best design of any weights (\(report.exchanges ?? 0) exchanges)"
            )
        }
        if let output { Console.say("wrote \(output)") }
    }
}
