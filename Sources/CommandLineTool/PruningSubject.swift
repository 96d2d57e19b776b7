// A network to prune together with its data, brought to one shape of input.

import NeuralNetworks
import Pruning

/// What pruning works on.
struct PruningSubject {
    /// The model, with inputs of the size that was asked for or that the data have.
    let file: ModelFile
    /// What is planned: the model's network, several inputs packed into one.
    let network: Network
    /// What was read to fit on, and to evaluate on.
    let calibrationAccount, evaluationAccount: String?
    /// Why labels cannot be compared with answers; nil when they can, and without labels.
    let accuracyObstacle: String?
    /// Calibration inputs as `network` takes them, until they are handed over.
    private var samples: ActivationTensor?
    /// Those of them that errors are measured on when all is done, unless there are labelled ones.
    let measuredSamples: ActivationTensor?
    /// The first inputs as the model takes them, labelled ones before those to fit on.
    let firstInputs: [ActivationTensor]?
    /// Labelled inputs as they were read: what a network takes of them would be as large as all else that a fit holds.
    private let stored: StoredInputs?

    /// Reads data for `file`.
    ///
    /// - Parameters:
    ///   - asked: the shape of one input that the user asked for.
    ///   - firstCount: how many inputs to keep as the model takes them.
    init(
        _ file: ModelFile, calibration: String?, evaluation: String?, images: ImageOptions, inputShape asked: [Int]?, firstCount: Int = 0
    ) throws {
        let fitted = try calibration.map { try images.read($0, labels: .ignored, for: file) }
        let judged = try evaluation.map { try images.read($0, labels: .needed, for: file, keepsStored: true) }
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
        (self.file, network) = (original, subject)
        (calibrationAccount, evaluationAccount) = (fitted?.account, judged?.account)
        let (packed, labelled) = (try fitted?.labelled.packed, try judged?.labelled.packed)
        samples = packed?.images
        measuredSamples =
            judged == nil ? packed.map { $0.images.samples(0..<PruningReport.measuredCount(of: $0.images, subject)) } : nil
        firstInputs = (judged ?? fitted)?.labelled.inputs.map { $0.samples(0..<min(firstCount, $0.batchCount)) }
        accuracyObstacle = labelled == nil ? nil : subject.obstacleToAccuracy
        stored = judged?.stored
        for (data, path) in [(packed, calibration), (labelled, evaluation)] {
            guard let data, let path else { continue }
            do { try check(data) } catch { throw CommandFailure.failure("\(path): \(error)") }
        }
    }

    /// Hands the calibration inputs over, so that they leave memory with the last who needs them; none the second time.
    mutating func takeSamples() -> ActivationTensor? {
        defer { samples = nil }
        return samples
    }

    /// Labelled inputs as `network` takes them.
    func labelled() throws -> LabelledImages? { try stored?.labelled().packed }

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
