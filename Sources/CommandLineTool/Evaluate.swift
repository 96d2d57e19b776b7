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

    @Argument(help: "The network: .onnx, .safetensors or .npz.")
    var model: String

    @Option(help: "Labelled images: .npz with images (N, …) and labels (N).")
    var data: String

    @Option(help: "Write the logits (N, classes) to this .npy file.")
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
    }

    func validate() throws {
        guard batch >= 1 else { throw ValidationError("expected --batch of at least 1, found \(batch)") }
        if let logits, !logits.hasSuffix(".npy") { throw ValidationError("expected a .npy file for --logits, found \(logits)") }
    }

    func run() throws {
        try overwrite.check(logits, inputs: [model, data])
        let threads = threading.apply()
        let labelled = try images.read(data, needsLabels: true)
        let loaded = try network.read(model).resized(to: labelled.images.sampleShape)
        try loaded.network.validate()
        let evaluator = try Evaluator(loaded.network)
        let bar = ProgressBar(quiet: format.json)
        let count = labelled.images.batchCount
        let start = ContinuousClock.now
        let result = try evaluator.logits(of: labelled.images, batch: batch) { done in
            bar.update("classifying", fraction: Double(done) / Double(count))
            return true
        }
        let seconds = start.duration(to: .now).seconds
        bar.clear()
        let accuracy = try Evaluator.accuracy(logits: result, labels: labelled.labels)
        if let logits {
            let tensor = try Tensor.float32(result.values, shape: result.shape)
            try AtomicFile.write(try NPY.encode(tensor), to: logits, force: overwrite.force)
        }
        let report = Report(
            accuracy: accuracy.fraction, correct: accuracy.correct, count: accuracy.count, seconds: seconds,
            imagesPerSecond: Double(count) / seconds, threads: threads)
        if format.json {
            try JSONOutput.show(report)
        } else {
            Console.say(
                "\(Format.fixed(100 * report.accuracy, 2)) % (\(report.correct) of \(report.count)) in \(Format.seconds(seconds)), \(Format.count(Int(report.imagesPerSecond))) images/s"
            )
        }
    }
}
