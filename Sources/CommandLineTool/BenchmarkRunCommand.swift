// `loewner benchmark [run]`.

import ArgumentParser
import BenchmarkSuite
import Foundation
import LinearAlgebra
import TensorFiles

struct BenchmarkRunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "run", abstract: "Run suites (the default).")

    @Argument(help: ArgumentHelp("Suites to run.", valueName: "suite"))
    var suites: [String] = []

    @Option(help: "What to compare with: plain, threads, kernels, none, or an earlier results file; separated by commas.")
    var baseline = "plain,threads,kernels"

    @Option(help: "Thread counts; the first is that of the ordinary lines. Default: 1 and every processor.")
    var threads: String?

    @Option(help: ArgumentHelp("Suite scale: a fit shared by so many processes, started by mpirun, against one.", valueName: "n"))
    var ranks: Int?

    @Flag(help: "Fewer sizes and repetitions; under a minute.")
    var quick = false

    @Flag(help: "Also the sizes that take minutes each.")
    var large = false

    @Option(help: "Only workloads whose identifier (suite/name sizes) contains this text.")
    var only: String?

    @Flag(help: "List the workloads and stop.")
    var list = false

    @Option(name: [.short, .long], help: "Results as JSON, rewritten after every line.", completion: .file())
    var output: String?

    @Option(help: ArgumentHelp("Write a report; may be repeated.", valueName: "R.html|R.md"), completion: .file())
    var report: [String] = []

    @Option(
        help: "JSON Lines file that the results are appended to. Default: $XDG_STATE_HOME/loewner/benchmarks.jsonl, under ~/.local/state.",
        completion: .file())
    var history: String?

    @Flag(help: "Append to no history.")
    var noHistory = false

    @OptionGroup var subject: BenchmarkSubjectOptions
    @OptionGroup var overwrite: OverwriteOptions
    @OptionGroup var format: FormatOptions

    /// What a report file holds, by its extension.
    private enum ReportKind {
        case html
        case markdown

        init?(path: String) {
            switch SystemPath.ending(of: path) {
            case "html", "htm": self = .html
            case "md", "markdown": self = .markdown
            default: return nil
            }
        }
    }

    func validate() throws {
        for path in report where ReportKind(path: path) == nil {
            throw ValidationError("expected a report named .html or .md, found \(path)")
        }
        if let ranks {
            guard ranks >= 2, ranks <= 1024 else { throw ValidationError("expected --ranks from 2 to 1024, found \(ranks)") }
            guard suites == ["scale"] else { throw ValidationError("expected --ranks with suite scale alone, found other suites") }
        }
        if quick, large { throw ValidationError("expected --quick or --large, found both") }
    }

    func run() throws {
        if let ranks { return try RankScalingTable.measure(ranks: ranks, pointsPerRank: quick ? 200_000 : 10_000_000, format: format) }
        let model = try subject.subject()
        let workloads = try selectedWorkloads(model)
        if list {
            for workload in workloads { Console.say(workload.identifier) }
            return
        }
        let baselines = try parseBaselines()
        let counts = try parseThreads()
        let previous = try baselines.file.map(readResults)
        let inputs = [baselines.file, subject.model, subject.data].compactMap { $0 }
        for path in [output].compactMap({ $0 }) + report { try overwrite.check(path, inputs: inputs) }
        Interruption.catch()
        let peers = try subject.peerList()

        let table = BenchmarkTable(isSilent: format.json)
        let bar = ProgressBar()
        table.begin()
        let results = try BenchmarkRun.perform(
            BenchmarkRun.Configuration(
                workloads: workloads, threads: counts, comparisons: baselines.comparisons, quick: quick,
                executable: Bundle.main.executableURL, version: Loewner.configuration.version, previous: previous,
                model: model, peers: peers),
            isCancelled: { Interruption.requested }
        ) { event in
            switch event {
            case .started(let workload, let index, let count):
                bar.update(workload.identifier, fraction: Double(index) / Double(max(count, 1)))
            case .measured(let line, let soFar):
                bar.clear()
                table.show(line)
                try write(soFar)
            }
        }
        bar.clear()
        try write(results)
        for path in report {
            let text = ReportKind(path: path) == .html ? BenchmarkPage.html(results) : BenchmarkMarkdown.text(results)
            try AtomicFile.write(Array(text.utf8), to: path, force: overwrite.force)
        }
        if !noHistory, !results.lines.isEmpty, let path = history ?? BenchmarkHistory.defaultPath {
            try BenchmarkHistory.append(HistoryEntry(results), to: path)
        }
        if format.json { try JSONOutput.show(results) } else { table.finish(results) }
        try conclude(results)
    }

    private func conclude(_ results: BenchmarkResults) throws {
        let failed = results.lines.filter { !$0.verified }
        if let first = failed.first {
            throw CommandFailure.failure(
                "\(failed.count) of \(results.lines.count) lines failed verification, the first is \(first.identifier): \(first.failure ?? "unknown reason")"
            )
        }
        if !results.complete { throw CommandFailure.limited("interrupted: \(results.lines.count) lines were measured") }
    }

    private func selectedWorkloads(_ model: SubjectNetwork?) throws -> [Workload] {
        let suitesOfModels: [Suite] = [.layers, .network]
        let chosen = try suites.map { name in
            guard let suite = Suite(rawValue: name) else {
                throw CommandFailure.usage("expected suites among \(Suite.allCases.map(\.rawValue).joined(separator: ", ")), found \(name)")
            }
            return suite
        }
        if model != nil, let other = chosen.first(where: { !suitesOfModels.contains($0) }) {
            throw CommandFailure.usage("expected suites layers or network with --model, found \(other.rawValue)")
        }
        let limit: Tier = large ? .large : quick ? .quick : .standard
        let workloads = try WorkloadList.workloads(
            of: chosen.isEmpty ? (model == nil ? Suite.allCases : suitesOfModels) : chosen, model: model
        )
        .filter { $0.tier <= limit && (only.map($0.identifier.contains) ?? true) }
        guard !workloads.isEmpty else { throw CommandFailure.usage("expected at least one workload to match, found none") }
        return workloads
    }

    private func parseBaselines() throws -> (comparisons: Set<Comparison>, file: String?) {
        var comparisons: Set<Comparison> = []
        var file: String?
        for name in baseline.split(separator: ",").map(String.init) where name != "none" {
            if let comparison = Comparison(rawValue: name) {
                comparisons.insert(comparison)
            } else if file == nil {
                file = name
            } else {
                throw CommandFailure.usage("expected one earlier results file, found \(file ?? "") and \(name)")
            }
        }
        return (comparisons, file)
    }

    private func parseThreads() throws -> [Int] {
        guard let threads else {
            let all = Machine.current().processors
            return all > 1 ? [1, all] : [1]
        }
        let counts = threads.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        guard !counts.isEmpty, counts.allSatisfy({ ($0 ?? 0) >= 1 && ($0 ?? 0) <= 4096 }) else {
            throw CommandFailure.usage("expected --threads as counts from 1 to 4096 separated by commas, found \(threads)")
        }
        return counts.compactMap { $0 }
    }

    private func readResults(_ path: String) throws -> BenchmarkResults {
        guard let data = (try? FileSystem.contents(of: path)).map({ Data($0) }) else {
            throw CommandFailure.failure("expected plain, threads, kernels, none or a readable results file, found \(path)")
        }
        do {
            return try JSONDecoder().decode(BenchmarkResults.self, from: data)
        } catch {
            throw BenchmarkError.unreadableBaseline(path: path, reason: "something else")
        }
    }

    private func write(_ results: BenchmarkResults) throws {
        guard let output else { return }
        // The file was checked before the run; from then on it is ours to replace.
        try AtomicFile.write(Array(try JSONOutput.text(results).utf8) + [10], to: output, force: true)
    }
}
