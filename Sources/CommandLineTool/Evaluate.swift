// `loewner evaluate`: how many images does this network classify as labelled?

import ArgumentParser
import NeuralNetworks
import LinearAlgebra
import TensorFiles

struct Evaluate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Classify labelled images and count the right answers.",
        discussion: """
            EXAMPLE:
              loewner evaluate lenet.safetensors --data test.npz
            """)

    @Argument(help: "The network: .onnx, .safetensors or .npz.", completion: .file())
    var model: String

    @Option(
        help:
            "Labelled data: .npz with images (N, …) and labels (N) or one array per network input, or a folder of LABEL/*.jpg, .png or .npy.",
        completion: .file())
    var data: String

    @Option(help: "Write the logits (N, classes) to this .npy file.", completion: .file())
    var logits: String?

    @Option(help: "Images per forward pass.")
    var batch = 256

    @OptionGroup var network: NetworkOptions
    @OptionGroup var images: ImageOptions
    @OptionGroup var overwrite: OverwriteOptions
    @OptionGroup var threading: ThreadOptions
    @OptionGroup var format: FormatOptions

    private struct Report: Encodable {
        let accuracy: Double
        let correct: Int
        let count: Int
        let seconds: Double
        let imagesPerSecond: Double
        let threads: Int
        /// What was read, and how it was resized, cropped, ordered and scaled.
        let preprocessing: String
        /// Share of samples whose label is among the five largest logits; absent for fewer than six classes.
        let top5: Double?
        let confusion: ConfusionSummary
    }

    func validate() throws {
        guard batch >= 1 else { throw ValidationError("expected --batch of at least 1, found \(batch)") }
        if let logits, SystemPath.ending(of: logits) != "npy" {
            throw ValidationError("expected a .npy file for --logits, found \(logits)")
        }
    }

    func run() throws {
        try overwrite.check(logits, inputs: [model, data] + network.inputPaths)
        let threads = threading.apply()
        let bar = ProgressBar(quiet: format.json, "reading")
        let file = try network.read(model)
        try overwrite.check(inputs: file.inputPaths)
        let labelled = try images.read(data, labels: .needed, for: file)
        let loaded = try file.resized(to: labelled.labelled.inputs.map(\.sampleShape))
        let evaluator = try CommandFailure.naming(model) {
            try loaded.network.validate()
            return try Evaluator(loaded.network)
        }
        let count = labelled.images.batchCount
        let start = ContinuousClock.now
        let result = try evaluator.logits(of: labelled.labelled.inputs, batch: batch) { done in
            bar.update(
                "classifying", fraction: Double(done) / Double(count), count: .init(done: done, total: count, unit: "images"))
            return true
        }
        let seconds = start.duration(to: .now).seconds
        bar.clear()
        guard ClassificationAccuracy.comparesScores(of: result.sampleShape) else {
            throw CommandFailure.failure(
                "expected scores of classes from the first output of \(model), found maps of shape \(InputData.text(result.sampleShape[...]))"
            )
        }
        let accuracy = try CommandFailure.naming(data) { try Evaluator.accuracy(logits: result, labels: labelled.labels) }
        let confusion = try ConfusionSummary(logits: result, labels: labelled.labels)
        if let logits {
            let tensor = try Tensor.float32(result.values, shape: result.shape)
            try AtomicFile.write(try NPY.encode(tensor), to: logits, force: overwrite.force)
        }
        let report = Report(
            accuracy: accuracy.fraction, correct: accuracy.correct, count: accuracy.count, seconds: seconds,
            imagesPerSecond: Double(count) / seconds, threads: threads, preprocessing: labelled.account,
            top5: confusion.correctAmongFive.map { Double($0) / Double(accuracy.count) }, confusion: confusion)
        if format.json {
            try JSONOutput.show(report)
        } else {
            Console.say("data: \(labelled.account)")
            Console.say(
                "\(Format.fixed(100 * report.accuracy, 2)) % (\(report.correct) of \(report.count)) in \(Format.seconds(seconds)), \(Format.count(Int(report.imagesPerSecond))) images/s"
            )
            if let top5 = report.top5 { Console.say("\(Format.fixed(100 * top5, 2)) % among the first five") }
            if !report.confusion.mistakes.isEmpty {
                let shown = report.confusion.mistakes.prefix(5).map { "\($0.label) as \($0.predicted) (\($0.count))" }
                Console.say("most frequent mistakes: \(shown.joined(separator: ", "))")
            }
            if !labelled.isNormalized {
                Console.say(
                    "the pixels were scaled but not normalized: if the network was trained with a mean and deviation, give --mean and --std"
                )
            }
        }
    }
}
