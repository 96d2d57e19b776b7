// `loewner curve`: what a network of every size would cost and do.

import ArgumentParser
import BenchmarkSuite
import Foundation
import LinearAlgebra
import NeuralNetworks
import Pruning
import TensorFiles

struct Curve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show accuracy, work, file size and latency over a range of sizes.",
        discussion: """
            The network is measured once and planned for every share; no network is written. Without --evaluate the share of inputs that \
            both networks answer alike is predicted, as by prune. Times are those of both networks in turns, on this machine.

            EXAMPLES:
              loewner curve lenet.safetensors --evaluate test.npz --report curve.html \\
                  --csv curve.csv
              loewner curve resnet.onnx --budget macs --at 0.3,0.5,0.7 \\
                  --calibration images.npz --evaluate test.npz
            """)

    @Argument(help: "The network.", completion: .file())
    var model: String

    @Option(
        help: ArgumentHelp("Labelled images to measure accuracies on: .npz, or LABEL/*.jpg in a folder.", valueName: "npz|folder"),
        completion: .file())
    var evaluate: String?

    @Option(help: ArgumentHelp("Images to fit the kept weights on; labels are not used.", valueName: "npz|folder"), completion: .file())
    var calibration: String?

    @Option(help: "What the shares are shares of: parameters, multiply–adds, all neurons, or neurons of every layer alike.")
    var budget = BudgetKind.params

    @Option(help: ArgumentHelp("Shares to keep. Default: 0.2 to 0.9 in steps of 0.1.", valueName: "a,b,c"))
    var at: NumberList?

    @Option(help: ArgumentHelp("Write a page with charts, .html, or the numbers, .json.", valueName: "file"), completion: .file())
    var report: String?

    @Option(help: ArgumentHelp("Write the numbers as a table.", valueName: "file.csv"), completion: .file())
    var csv: String?

    @OptionGroup var network: NetworkOptions

    @OptionGroup(title: "Pictures and their scaling")
    var images: ImageOptions

    @OptionGroup var options: PruningOptions

    @OptionGroup(title: "The run")
    var overwrite: OverwriteOptions

    @OptionGroup(title: "The run")
    var threading: ThreadOptions

    @OptionGroup(title: "The run")
    var format: FormatOptions

    /// Shares from which on refits of small networks answer at random up to those that hardly anything is cut at.
    private static let usualShares = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    /// Seconds for each comparison of latencies: some hundred passes of a small network.
    private static let timing = 0.4
    /// Inputs that latencies are measured with.
    private static let timedCount = 64

    func validate() throws {
        if let at, !at.values.allSatisfy({ $0 > 0 && $0 <= 1 }) {
            throw ValidationError("expected shares above 0 and at most 1 in --at, found \(at.text)")
        }
        if let report, !["html", "json"].contains(SystemPath.ending(of: report)) {
            throw ValidationError("expected --report to end in .html or .json, found \(report)")
        }
        if let csv, SystemPath.ending(of: csv) != "csv" { throw ValidationError("expected --csv to end in .csv, found \(csv)") }
    }

    func run() throws {
        let inputs = [model, calibration, evaluate].compactMap { $0 } + network.inputPaths
        try overwrite.check(report, inputs: inputs)
        try overwrite.check(csv, inputs: inputs)
        let threads = threading.apply()
        let bar = ProgressBar(quiet: format.json, "reading")
        let file = try network.read(model)
        try overwrite.check(inputs: file.inputPaths)
        var subject = try PruningSubject(
            file, calibration: calibration, evaluation: evaluate, images: images, inputShape: options.inputs.shape,
            firstCount: Curve.timedCount)
        subject.showObstacle()
        let made = try sizes(&subject, threads: threads, bar)
        bar.clear()
        if let report {
            let text = SystemPath.ending(of: report) == "html" ? CurvePage.html(made) : try JSONOutput.text(made)
            try AtomicFile.write(Array(text.utf8), to: report, force: overwrite.force)
        }
        if let csv { try AtomicFile.write(Array(made.commaSeparated.utf8), to: csv, force: overwrite.force) }
        if format.json {
            try JSONOutput.show(made)
        } else {
            if let account = subject.evaluationAccount { Console.say("evaluation: \(account)") }
            made.show()
        }
    }

    /// Plans and measures every size.
    private func sizes(_ subject: inout PruningSubject, threads: Int, _ bar: ProgressBar) throws -> SizeCurve {
        let shares = Set(at?.values ?? Curve.usualShares).sorted(by: >)
        let progress = PlanningProgress(bar)
        let settings = options.settings(budget.budget(1), images: images, triesSizes: true)
        let prepared = try SettingFlags.naming { () throws(PruningError) in
            try Pruner(network: subject.network, settings: settings).prepare(
                calibration: subject.takeSamples(), observer: progress.observer())
        }
        let original = try subject.file.network.inferringShapes()
        let whole = try Evaluator(subject.network)
        let judged = subject.accuracyObstacle == nil ? try subject.labelled() : nil
        let logits = try judged.map { try whole.logits(of: $0.inputs) }
        let batch = try subject.firstInputs ?? original.drawnInputs(seed: options.method.seed)
        var curve = SizeCurve(
            model: PathText.name(model), budget: budget.rawValue,
            parameters: original.cost.parameters, macs: original.cost.multiplyAdds,
            bytes: try subject.file.prepared(subject.file.network).byteCount(like: model),
            accuracy: try zip(logits, judged).map { try Evaluator.accuracy(logits: $0, labels: $1.labels).fraction },
            evaluationCount: judged?.labels.count, latencyBatch: batch.first?.batchCount ?? 0, threads: threads)
        for share in shares {
            progress.begin("--\(budget.rawValue) \(Format.number(share))")
            let reached = try prepared.reaching(budget.budget(share)) { (prepared, budget) throws(PruningError) in
                try prepared.plan(budget: budget)
            }
            guard let plan = reached.result else {
                curve.unreachable.append(share)
                if let refusal = reached.refusal { Console.warn("note: \(refusal)") }
                continue
            }
            let pruned = try SettingFlags.naming { () throws(PruningError) in try plan.apply(to: subject.file.network) }
            let packed = try SettingFlags.naming { () throws(PruningError) in try plan.apply(to: subject.network) }
            let answers = try judged.map { try Evaluator(packed).logits(of: $0.inputs) }
            bar.update("timing --\(budget.rawValue) \(Format.number(share))")
            let times = try NetworkLatency.measure(original, pruned, inputs: batch, seconds: Curve.timing)
            let cost = try pruned.inferringShapes().cost
            curve.points.append(
                SizeCurve.Point(
                    share: share, parameters: cost.parameters, macs: cost.multiplyAdds,
                    bytes: try subject.file.prepared(pruned).byteCount(like: model),
                    accuracy: try zip(answers, judged).map { try Evaluator.accuracy(logits: $0, labels: $1.labels).fraction },
                    agreement: zip(logits, answers).flatMap { $0.classAgreement(with: $1) },
                    predictedAgreement: plan.prediction.agreement, seconds: times.after, secondsBefore: times.before,
                    speedup: times.ratio.estimate, speedupLow: times.ratio.low, speedupHigh: times.ratio.high))
            if curve.predictionBasis == nil, plan.prediction.agreement != nil { curve.predictionBasis = plan.prediction.basis.rawValue }
        }
        guard !curve.points.isEmpty else {
            throw CommandFailure.failure(
                "expected a share that can be reached, found none among \(shares.map(Format.number).joined(separator: ", "))")
        }
        return curve
    }

    private func zip<First, Second>(_ first: First?, _ second: Second?) -> (First, Second)? {
        if let first, let second { (first, second) } else { nil }
    }
}
