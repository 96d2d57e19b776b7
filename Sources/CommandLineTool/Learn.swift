// `loewner learn`: a pruned network moves all its weights until it answers like the original, or as labels say.

import ArgumentParser
import Foundation
import NeuralNetworks
import Pruning
import TensorFiles

struct Learn: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Improve a pruned network by learning from the original.",
        discussion: """
            Without --calibration and --data, inputs are drawn. Inputs held out of the learning decide what is kept: the result is \
            never worse on them. A run that was killed goes on where OUT.checkpoint left it.

            EXAMPLES:
              loewner learn small.onnx --teacher model.onnx --calibration images.npz \\
                  -o better.onnx
              loewner learn small.safetensors --teacher lenet.safetensors \\
                  --data train.npz --labels -o tuned.safetensors
            """)

    @Argument(help: "The pruned network, whoever pruned it.", completion: .file())
    var pruned: String

    @Option(help: "The network it was pruned from.", completion: .file())
    var teacher: String

    @Option(name: .shortAndLong, help: "Where the better network goes, in the format of the pruned one.", completion: .file())
    var output: String

    @Option(help: ArgumentHelp("Inputs to learn on; labels are not used.", valueName: "images.npz"), completion: .file())
    var calibration: String?

    @Option(help: ArgumentHelp("Inputs with labels; with --labels these are learned too.", valueName: "labelled.npz"), completion: .file())
    var data: String?

    @Flag(help: "Learn the labels of --data as well: fine-tuning.")
    var labels = false

    @Option(help: "Steps of gradient descent. Default: as many as the effort allows.")
    var steps: Int?

    @Option(
        help: "Largest step, as a share of every filter's size; halved where the error on held-out inputs rises by half. (default: 0.01)")
    var rate: Double?

    @Option(help: "Multiply–adds to spend: quick none, default 3·10¹² (about a minute on two cores), thorough ten times as many.")
    var effort = Effort.default

    @Option(help: "Seed of order, augmentation and drawn inputs.")
    var seed: UInt64 = 0

    @Option(help: ArgumentHelp("Mean of the data's inputs in raw units, for drawn inputs.", valueName: "m"))
    var inputMean: NumberList?

    @Option(help: ArgumentHelp("Standard deviation of the data's inputs in raw units, for drawn inputs.", valueName: "s"))
    var inputStd: NumberList?

    @OptionGroup var network: NetworkOptions
    @OptionGroup var images: ImageOptions
    @OptionGroup var overwrite: OverwriteOptions
    @OptionGroup var threading: ThreadOptions
    @OptionGroup var format: FormatOptions

    enum Effort: String, ExpressibleByArgument, CaseIterable {
        case quick, `default`, thorough

        var work: Double {
            switch self {
            case .quick: 0
            case .default: LearningSettings.defaultWork
            case .thorough: 10 * LearningSettings.defaultWork
            }
        }
    }

    private struct Report: Encodable {
        let steps, batch: Int
        let rate: Double
        let heldOutBefore, heldOutAfter: Double?
        let heldOutCount: Int
        let heldOutMeaning: String
        let multiplyAdds, seconds: Double
        let inputs: String
        let resumedAt: Int?
        let stopped: Bool
        let seed: UInt64
        let threads: Int
    }

    func validate() throws {
        if calibration != nil, data != nil { throw ValidationError("expected --calibration or --data, found both") }
        if labels, data == nil { throw ValidationError("expected --data with labelled inputs for --labels, found none") }
        if let steps, steps < 0 { throw ValidationError("expected --steps of at least 0, found \(steps)") }
        if let rate, !(rate > 0 && rate.isFinite) { throw ValidationError("expected --rate above 0, found \(rate)") }
        if let inputStd, !inputStd.values.allSatisfy({ $0 > 0 }) {
            throw ValidationError("expected positive standard deviations in --input-std, found \(inputStd.text)")
        }
    }

    func run() throws {
        let given = [pruned, teacher, calibration, data].compactMap { $0 }
        try overwrite.check(output, inputs: given + network.inputPaths)
        let threads = threading.apply()
        let bar = ProgressBar(quiet: format.json, "reading")
        let read = (pruned: try network.read(pruned), teacher: try network.read(teacher))
        try read.pruned.checkFormat(of: output)
        try overwrite.check(inputs: read.pruned.inputPaths + read.teacher.inputPaths)
        let settings = LearningSettings(steps: steps, work: effort.work, rate: rate, seed: seed)
        let labelled = try (data ?? calibration).map {
            try images.read($0, labels: labels ? .needed : .ignored, for: read.teacher).labelled
        }
        // Sizes that both files leave open are those of the data.
        let shapes = labelled?.inputs.map(\.sampleShape)
        let (student, original) = (try read.pruned.resized(to: shapes), try read.teacher.resized(to: shapes))
        let (samples, text) =
            try labelled.map { ($0.inputs, "\($0.inputs.first?.batchCount ?? 0) given inputs") }
            ?? drawn(for: original.network, settings, bar)

        let lesson = try SettingFlags.naming { () throws(PruningError) in
            try Distillation(
                teacher: original.network, student: student.network, inputs: samples, labels: labels ? labelled?.labels ?? [] : [],
                settings: settings)
        }
        if let repeats = lesson.repeats { Console.warn("note: \(repeats.message())") }
        var checkpoint = try LearningCheckpoint(path: output + ".checkpoint", fingerprint: lesson.fingerprint)
        if let state = checkpoint.state { Console.warn("note: going on from step \(state.step) of \(checkpoint.path)") }
        Interruption.catch()
        var failure: (any Error)?
        var last: LearningState?
        let (better, report) = try lesson.run(resuming: checkpoint.state) { progress in
            bar.update(
                "loss \(Format.fixed(progress.loss, 4)), held out \(Format.fixed(progress.heldOutError, 4))",
                fraction: Double(progress.step) / Double(max(1, progress.steps)),
                count: .init(done: progress.step, total: progress.steps, unit: "steps"))
            last = progress.state
            do { try checkpoint.save(progress.state) } catch { failure = error }
            return failure == nil && !Interruption.requested
        }
        bar.clear()
        if let failure { throw failure }
        let stopped = report.steps < lesson.steps && Interruption.requested
        // Ctrl-C while the file is written leaves the old one, and the checkpoint to go on from.
        Interruption.release()
        try student.prepared(better).write(to: output, force: overwrite.force)
        if stopped, let last { try checkpoint.write(last) } else { try checkpoint.remove() }
        let result = Report(
            steps: report.steps, batch: lesson.batch, rate: report.rate, heldOutBefore: report.heldOutBefore.ifFinite,
            heldOutAfter: report.heldOutAfter.ifFinite, heldOutCount: report.heldOutCount,
            heldOutMeaning: report.measure.rawValue,
            multiplyAdds: report.work, seconds: report.seconds, inputs: text, resumedAt: checkpoint.state?.step, stopped: stopped,
            seed: seed, threads: threads)
        if format.json {
            try JSONOutput.show(result)
        } else {
            Console.say(
                "\(report.measure.phrase) on \(report.heldOutCount) held-out inputs: \(Format.fixed(report.heldOutBefore, 4)) → \(Format.fixed(report.heldOutAfter, 4))"
            )
            let rate = Format.fixed(report.rate, 4)
            let steps = "\(report.steps) steps of \(lesson.batch) of \(text)"
            Console.say("\(steps), rate \(rate), seed \(seed), \(Format.seconds(report.seconds))")
            Console.say("wrote \(output)")
        }
        if stopped {
            throw CommandFailure.limited(
                "stopped after \(report.steps) of \(lesson.steps) steps; with --force the same command goes on from there")
        }
    }

    /// Inputs that the original's weights ask for.
    private func drawn(for network: Network, _ learning: LearningSettings, _ bar: ProgressBar) throws -> ([ActivationTensor], String) {
        bar.update("drawing inputs", fraction: 0)
        var settings = PruningSettings(seed: seed)
        settings.learning = learning
        settings.inputShift = images.unitMean ?? []
        settings.inputScale = images.unitDeviation ?? []
        if inputMean != nil || inputStd != nil {
            settings.inputPrior = InputPrior(mean: inputMean?.values ?? [], deviation: inputStd?.values ?? [])
        }
        let (inputs, provenance) = try SettingFlags.naming { () throws(PruningError) in
            try Pruner(network: network, settings: settings).drawnInputs()
        }
        return ([inputs], "\(provenance)")
    }
}

/// The saved state of a run beside its output.
struct LearningCheckpoint {
    let path: String
    /// What was saved by an earlier run of the same kind.
    let state: LearningState?
    private let fingerprint: String
    private var saved: ContinuousClock.Instant?

    /// A killed run loses at most this much; saving costs a file of four times the weights.
    private static let interval = Duration.seconds(10)

    /// - Throws: when something else lies at `path`.
    init(path: String, fingerprint: String) throws {
        self.path = path
        self.fingerprint = fingerprint
        guard FileSystem.exists(path) else {
            state = nil
            return
        }
        guard let bytes = try? FileSystem.contents(of: path), let archive = try? Safetensors.decode(bytes),
            LearningState.isSaved(in: archive)
        else {
            throw CommandFailure.failure("expected a checkpoint or no file at \(path), found another file")
        }
        state = LearningState(archive, fingerprint: fingerprint)
        if state == nil { Console.warn("note: \(path) is of a run with other networks, inputs or settings: this one starts anew") }
    }

    /// Writes the state at first, and when the last time is long enough ago.
    mutating func save(_ state: LearningState) throws {
        if let saved, saved.duration(to: .now) < Self.interval { return }
        try write(state)
        saved = .now
    }

    func write(_ state: LearningState) throws {
        try AtomicFile.write(try Safetensors.encode(state.archive(fingerprint: fingerprint)), to: path, force: true)
    }

    func remove() throws { try FileSystem.remove(path) }
}
