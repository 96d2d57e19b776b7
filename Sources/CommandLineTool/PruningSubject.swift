// A network to prune together with its data, brought to one shape of input.

import NeuralNetworks
import Pruning

/// What pruning works on.
struct PruningSubject {
    /// The model, with inputs of the size that was asked for or that the data have.
    let file: ModelFile
    /// What is planned: the model's network, several inputs packed into one.
    let network: Network
    let calibration: InputData?
    let evaluation: InputData?
    /// Calibration inputs as `network` takes them.
    let samples: ActivationTensor?
    /// Labelled inputs as `network` takes them.
    let labelled: LabelledImages?
    /// Why labels cannot be compared with answers; nil when they can, and without labels.
    let accuracyObstacle: String?

    /// Reads data for `file`.
    /// - Parameter asked: the shape of one input that the user asked for.
    init(_ file: ModelFile, calibration: String?, evaluation: String?, images: ImageOptions, inputShape asked: [Int]?) throws {
        let fitted = try calibration.map { try images.read($0, labels: .ignored, for: file) }
        let judged = try evaluation.map { try images.read($0, labels: .needed, for: file) }
        let original = try file.resized(to: asked.map { [$0] } ?? (fitted ?? judged)?.labelled.inputs.map(\.sampleShape))
        try original.check(inputShape: asked)
        for size in original.assumedSizes {
            Console.warn("note: \(file.path): \(size); --input-shape or images of another size decide otherwise")
        }
        // Several inputs are planned as one; the plan is that of the original.
        var subject = original.network
        if subject.inputs.count > 1 {
            let known = subject.inputs.compactMap { subject.values[$0].shape }
            if let shapes = (fitted ?? judged)?.labelled.inputs.map(\.sampleShape) ?? (known.count == subject.inputs.count ? known : nil) {
                subject = try subject.packingInputs(shapes: shapes)
            }
        }
        (self.file, network, self.calibration, self.evaluation) = (original, subject, fitted, judged)
        let packed = try fitted?.labelled.packed
        (samples, labelled) = (packed?.images, try judged?.labelled.packed)
        accuracyObstacle = labelled == nil ? nil : subject.obstacleToAccuracy
        for (data, path) in [(packed, calibration), (labelled, evaluation)] {
            guard let data, let path else { continue }
            do { try check(data) } catch { throw CommandFailure.failure("\(path): \(error)") }
        }
    }

    /// Says before the work what is not measured.
    func showObstacle() {
        if let accuracyObstacle { Console.warn("note: the accuracy is not measured: \(accuracyObstacle)") }
    }

    /// One of the inputs through the network, and the largest label: what does not fit is said before the work.
    private func check(_ data: LabelledImages) throws(NetworkError) {
        guard let output = network.outputs.first, network.evaluability().isComputable(output) else { return }
        let logits = try Evaluator(network, observing: [output]).logits(of: data.images.samples(0..<1))
        guard accuracyObstacle == nil, let largest = data.labels.max() else { return }
        _ = try Evaluator.accuracy(logits: logits, labels: [largest])
    }
}
