// `loewner prune`: a trained network in, a smaller one out, and an account of what it cost and what is proven.

import ArgumentParser
import Foundation
import NeuralNetworks
import Pruning
import TensorFiles

struct Prune: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a smaller network that does the same work.",
        discussion: """
            EXAMPLES:
              loewner prune lenet.safetensors -o small.safetensors --keep 0.3 \\
                  --input-mean 0.1307 --input-std 0.3081
              loewner prune lenet.safetensors -o small.safetensors --recipe paper \\
                  --seed 1 --evaluate test.npz --report report.md
            """)

    @Argument(help: "The network: a file, or a folder of .safetensors shards, whose weights stay there.", completion: .file())
    var model: String

    @OptionGroup(title: "Most used")
    var files: PruneFileOptions

    @OptionGroup(title: "Most used")
    var size: BudgetOptions

    @OptionGroup(title: "Most used")
    var network: NetworkOptions

    @OptionGroup(title: "Pictures and their scaling")
    var images: ImageOptions

    @OptionGroup(title: "The smallest network")
    var search: SearchOptions

    @OptionGroup var options: PruningOptions

    @OptionGroup(title: "The run")
    var running: RunOptions

    @OptionGroup(title: "The run")
    var overwrite: OverwriteOptions

    @OptionGroup(title: "The run")
    var threading: ThreadOptions

    @OptionGroup(title: "The run")
    var format: FormatOptions

    func validate() throws {
        if files.output == nil, !running.dryRun, !running.printConfig {
            throw ValidationError("expected -o OUT or --dry-run, found neither")
        }
        if let report = files.report, ReportFormat(path: report) == nil {
            throw ValidationError("expected --report to end in .html, .md or .json, found \(report)")
        }
        if let emitted = running.emitPython {
            guard emitted.hasSuffix(".py") else { throw ValidationError("expected a .py file for --emit-python, found \(emitted)") }
            guard files.output != nil, !running.dryRun else {
                throw ValidationError("expected -o with --emit-python, whose weights it is, found none")
            }
        }
        if search.maxDrop != nil {
            guard files.evaluate != nil else { throw ValidationError("expected --evaluate with --max-drop, found none") }
            guard size.count == 0 else {
                throw ValidationError("expected --max-drop or a share to keep, found both; --budget says which share is searched")
            }
        }
    }

    func run() throws {
        if let streamed = try StreamedModel(path: model, from: streamsFrom, isNamed: network.network != nil) { return try prune(streamed) }
        if let limit = streamsFrom,
            let streamed = try StreamedModel(
                onnx: self.model, from: limit, isPlain: files.plan == nil && running.emitPython == nil,
                reading: {
                    let file = try network.read(self.model, inputShape: options.inputs.shape, leavesWeights: true).resized(
                        to: options.inputs.shape.map { [$0] })
                    try file.check(inputShape: options.inputs.shape)
                    return file
                })
        {
            return try prune(streamed)
        }
        let inputs = [model, files.calibration, files.evaluate].compactMap { $0 } + network.inputPaths
        if !running.dryRun { try overwrite.check(files.output, inputs: inputs) }
        try overwrite.check(files.plan, inputs: inputs)
        try overwrite.check(files.report, inputs: inputs)
        threading.apply()
        let bar = ProgressBar(quiet: format.json, "reading")
        let times = PhaseTimes("reading")
        let file = try network.read(model, inputShape: options.inputs.shape)
        try overwrite.check(inputs: file.inputPaths)
        let emission = TorchEmission(file, path: running.emitPython, output: files.output)
        for path in emission?.outputs ?? [] { try overwrite.check(path, inputs: inputs) }
        if !running.dryRun, let output = files.output { try file.checkFormat(of: output) }
        var subject = try PruningSubject(
            file, calibration: files.calibration, evaluation: files.evaluate, images: images, inputShape: options.inputs.shape)
        if search.maxDrop != nil, let obstacle = subject.accuracyObstacle {
            throw CommandFailure.failure("expected an accuracy to be measured for --max-drop, found none: \(obstacle)")
        }
        subject.showObstacle()

        let (made, found) = try made(&subject, PlanningProgress(bar, times), times)
        times.begin("report")
        bar.update("measuring", fraction: 1)
        let labelled = try subject.labelled()
        let (pruned, account) = try SettingFlags.naming { () throws(PruningError) in
            var account = try PruningReport(
                plan: made, original: subject.network, pruned: try made.apply(to: subject.network), calibration: subject.measuredSamples,
                evaluation: labelled, naming: SettingFlags.naming)
            if account.macsBefore != nil, let note = subject.file.uncountedNote { account.warnings.append(note) }
            return (try made.apply(to: subject.file.network), account)
        }

        let model = try running.dryRun && files.report == nil ? nil : subject.file.prepared(pruned)
        let record = try files.report.flatMap { _ in try model.map { try PruneRecord(subject, pruned: pruned, prepared: $0, self) } }
        let source = try emission?.source(of: pruned, in: subject.file)
        times.begin("writing")
        bar.update("writing", fraction: 1)
        if let plan = files.plan { try AtomicFile.write(Array(try JSONOutput.text(made).utf8), to: plan, force: overwrite.force) }
        if let report = files.report, let format = ReportFormat(path: report), let record {
            try AtomicFile.write(Array(try format.render(account, made, record).utf8), to: report, force: overwrite.force)
        }
        try source?.write(force: overwrite.force)
        // The model last: where it is new, all that belongs to it is.
        if let model, let path = files.output, !running.dryRun { try model.write(to: path, force: overwrite.force) }
        bar.clear()
        if format.json {
            try JSONOutput.show(PruneOutcome(report: account, search: found, times: times))
        } else {
            if let account = subject.calibrationAccount { Console.say("calibration: \(account)") }
            if let account = subject.evaluationAccount { Console.say("evaluation: \(account)") }
            found?.show()
            Prune.show(account)
            times.show()
            if !running.dryRun, let output = files.output {
                Console.say("wrote \(([output] + (emission?.outputs ?? [])).joined(separator: ", "))")
            }
        }
        if account.isRuined {
            let message = "\(PruningReport.ruin)\(running.forceQuality ? "" : "; exit code 3, --force-quality for 0")"
            if !running.forceQuality { throw CommandFailure.limited(message) }
            Console.warn(message)
        }
    }

    /// Bytes of a file of weights from which on they stay there: those that memory is not meant for, where weights alone decide.
    private var streamsFrom: Int? {
        let settings = options.settings(size.budget, images: images)
        let isAlone = network.network == nil && files.evaluate == nil && files.calibration == nil && settings.learning == nil
        return isAlone && StreamedPruning.goesByWeights(settings) ? settings.memory : nil
    }

    /// The plan of the size asked for, or of the smallest network that loses little enough, and what was tried for it.
    private func made(
        _ subject: inout PruningSubject, _ observer: PlanningProgress, _ times: PhaseTimes
    ) throws -> (PruningPlan, SizeSearch?) {
        guard let maxDrop = search.maxDrop, let labelled = try subject.labelled() else {
            let settings = options.settings(size.budget, images: images)
            return try SettingFlags.naming { () throws(PruningError) in
                (
                    try Pruner(network: subject.network, settings: settings).plan(
                        calibration: subject.takeSamples(), observer: observer.observer()), nil
                )
            }
        }
        let settings = options.settings(search.budget.budget(1), images: images, triesSizes: true)
        let prepared = try SettingFlags.naming { () throws(PruningError) in
            try Pruner(network: subject.network, settings: settings).prepare(
                calibration: subject.takeSamples(), observer: observer.observer())
        }
        times.begin("search")
        let found = try SizeSearch(prepared, subject.network, search.budget, maxDrop: maxDrop, on: labelled, observer)
        guard let plan = found.plan else {
            let closest = found.tries.compactMap { entry in entry.accuracy.map { (entry.share, $0) } }.max { $0.0 < $1.0 }
            let account = closest.map { "--\(search.budget.rawValue) \(Format.number($0.0)) gives \(Format.fixed(100 * $0.1, 2)) %" }
            throw CommandFailure.failure(
                "expected a smaller network within \(Format.number(maxDrop)) points of \(Format.fixed(100 * found.accuracyBefore, 2)) %, found none: \(account ?? "no share can be reached")"
            )
        }
        return (plan, found)
    }

    /// The report as tables for a terminal.
    static func show(_ report: PruningReport) {
        for warning in report.warnings { Console.warn("note: \(warning)") }
        var sizes = ConsoleTable([("", .left), ("before", .right), ("after", .right), ("kept", .right)])
        func row(_ name: String, _ before: Int, _ after: Int) {
            sizes.append([name, Format.count(before), Format.count(after), Format.percent(Double(after) / Double(max(1, before)))])
        }
        row("parameters", report.parametersBefore, report.parametersAfter)
        if let before = report.macsBefore, let after = report.macsAfter { row("multiply–adds", before, after) }
        row("neurons", report.neuronsBefore, report.neuronsAfter)
        if let before = report.accuracyBefore, let after = report.accuracyAfter {
            sizes.append([
                "accuracy", Format.fixed(100 * before, 2) + " %", Format.fixed(100 * after, 2) + " %",
                Format.fixed(100 * (after - before), 2) + " points",
            ])
        }
        sizes.show()
        if report.neuronsAfter == report.neuronsBefore { Console.say("nothing is cut: every group keeps all of its channels") }
        Console.say()
        var layers = ConsoleTable([
            ("layer", .left), ("before", .right), ("after", .right), ("error, model", .right), ("measured", .right),
            ("proven factor", .right), ("time", .right),
        ])
        for layer in report.layers {
            layers.append([
                layer.name, Format.count(layer.before), Format.count(layer.after), layer.relativeErrorModel.map(Format.percent) ?? "–",
                layer.relativeErrorMeasured.map(Format.percent) ?? "–", layer.provenFactor.map { Format.fixed($0, 1) } ?? "none",
                Format.seconds(layer.seconds),
            ])
        }
        layers.show()
        Console.say()
        if let learned = report.learned { Console.say(learned.phrase) }
        if let phrase = report.predictionPhrase { Console.say(phrase) }
        if let agreement = report.measuredAgreement {
            Console.say("both networks name the same class on \(Format.percent(agreement)) of the evaluation images")
        }
        Console.say(report.work.phrase)
        Console.say("recipe \(report.recipePhrase), seed \(report.seed), inputs: \(report.inputModel), \(Format.seconds(report.seconds))")
    }
}

/// What a report file holds, by its ending.
enum ReportFormat: String {
    case html, md, json

    init?(path: String) { self.init(rawValue: SystemPath.ending(of: path)) }

    func render(_ report: PruningReport, _ plan: PruningPlan, _ record: PruneRecord) throws -> String {
        switch self {
        case .html: PruneReportPage.html(report, plan: plan, record: record)
        case .md: report.markdown(origin: record.origin, further: record.rows)
        case .json: try JSONOutput.text(PruneRecord.Account(report: report, record: record))
        }
    }
}
