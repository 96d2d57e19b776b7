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
            EXAMPLE:
              loewner prune lenet.safetensors -o small.safetensors --keep 0.3 --input-mean 0.1307 --input-std 0.3081
              loewner prune lenet.safetensors -o small.safetensors --recipe paper --seed 1 --evaluate test.npz --report report.md
            """)

    @Argument(help: "The network.")
    var model: String

    @Option(name: .shortAndLong, help: "Where the smaller network goes, in the format of the input.")
    var output: String?

    @OptionGroup var options: PruningOptions

    @Option(
        help: ArgumentHelp(
            "Images to fit the kept weights on: .npz, or a folder of pictures or .npy files; labels are not used.", valueName: "npz|folder")
    )
    var calibration: String?

    @Option(
        help: ArgumentHelp(
            "Labelled images to measure the accuracy before and after on: .npz, or LABEL/*.jpg in a folder.", valueName: "npz|folder"))
    var evaluate: String?

    @Option(help: "Write the plan, replayable with `loewner apply`.")
    var plan: String?

    @Option(help: ArgumentHelp("Write the report: .html, .md or .json.", valueName: "file"))
    var report: String?

    @Flag(help: "Plan and report, write no network.")
    var dryRun = false

    @Flag(help: "Exit with 0 though the pruned network's answers are known not to be the original's any more.")
    var forceQuality = false

    @Option(help: ArgumentHelp("Options from a file, by their names: .toml or .json. Those given here win.", valueName: "file"))
    var config: String?

    @Flag(help: "Print the options in force as a --config file, and do nothing else.")
    var printConfig = false

    @OptionGroup var network: NetworkOptions
    @OptionGroup var images: ImageOptions
    @OptionGroup var overwrite: OverwriteOptions
    @OptionGroup var threading: ThreadOptions
    @OptionGroup var format: FormatOptions

    func validate() throws {
        if output == nil, !dryRun, !printConfig { throw ValidationError("expected -o OUT or --dry-run, found neither") }
        if let report, ReportFormat(path: report) == nil {
            throw ValidationError("expected --report to end in .html, .md or .json, found \(report)")
        }
    }

    func run() throws {
        let inputs = [model, calibration, evaluate].compactMap { $0 } + network.inputPaths
        if !dryRun { try overwrite.check(output, inputs: inputs) }
        try overwrite.check(plan, inputs: inputs)
        try overwrite.check(report, inputs: inputs)
        threading.apply()
        let file = try network.read(model)
        try overwrite.check(inputs: file.inputPaths)
        if !dryRun, let output { try file.checkFormat(of: output) }
        let fitted = try calibration.map { try images.read($0, needsLabels: false, for: file.network) }
        let judged = try evaluate.map { try images.read($0, needsLabels: true, for: file.network) }
        let asked = options.settings(images: images).inputShape
        let original = try file.resized(to: asked.map { [$0] } ?? (fitted ?? judged)?.labelled.inputs.map(\.sampleShape))
        try original.check(inputShape: asked)
        for size in original.assumedSizes {
            Console.warn("note: \(model): \(size); --input-shape or images of another size decide otherwise")
        }
        // Several inputs are planned as one; the plan is that of the original.
        var subject = original.network
        if subject.inputs.count > 1, let data = fitted ?? judged {
            subject = try subject.packingInputs(shapes: data.labelled.inputs.map(\.sampleShape))
        }
        let (samples, labelled) = (try fitted?.labelled.packed.images, try judged?.labelled.packed)

        let bar = ProgressBar(quiet: format.json)
        let settings = options.settings(images: images)
        let (made, pruned, account) = try SettingFlags.naming { () throws(PruningError) in
            let pruner = try Pruner(network: subject, settings: settings)
            let made = try pruner.plan(calibration: samples) { progress in
                bar.update(progress.phase.text, fraction: Double(progress.completed) / Double(max(1, progress.total)))
                return true
            }
            bar.update("measuring", fraction: 1)
            let account = try PruningReport(
                plan: made, original: subject, pruned: try made.apply(to: subject), calibration: samples, evaluation: labelled,
                naming: SettingFlags.naming)
            return (made, try made.apply(to: original.network), account)
        }
        bar.clear()

        let prepared = try output.flatMap { dryRun ? nil : (try original.prepared(pruned), $0) }
        if let plan { try AtomicFile.write(Array(try JSONOutput.text(made).utf8), to: plan, force: overwrite.force) }
        if let report, let format = ReportFormat(path: report) {
            try AtomicFile.write(Array(try format.render(account, made).utf8), to: report, force: overwrite.force)
        }
        // The model last: where it is new, all that belongs to it is.
        if let (model, path) = prepared { try model.write(to: path, force: overwrite.force) }
        if format.json {
            try JSONOutput.show(account)
        } else {
            if let fitted { Console.say("calibration: \(fitted.account)") }
            if let judged { Console.say("evaluation: \(judged.account)") }
            Prune.show(account)
            if !dryRun, let output { Console.say("wrote \(output)") }
        }
        if account.isRuined {
            let message = "\(PruningReport.ruin)\(forceQuality ? "" : "; exit code 3, --force-quality for 0")"
            if !forceQuality { throw CommandFailure.limited(message) }
            Console.warn(message)
        }
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
        Console.say("recipe \(report.recipePhrase), seed \(report.seed), inputs: \(report.inputModel), \(Format.seconds(report.seconds))")
    }
}

/// What a report file holds, by its ending.
enum ReportFormat: String {
    case html, md, json

    init?(path: String) { self.init(rawValue: URL(fileURLWithPath: path).pathExtension.lowercased()) }

    func render(_ report: PruningReport, _ plan: PruningPlan) throws -> String {
        switch self {
        case .html: PruneReportPage.html(report, plan: plan)
        case .md: report.markdown
        case .json: try JSONOutput.text(report)
        }
    }
}
