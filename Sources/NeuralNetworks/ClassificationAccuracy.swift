// How many labels a network gets right.

/// Outcome of classifying labelled images.
public struct ClassificationAccuracy: Sendable, Equatable {
    /// Images classified as labelled.
    public var correct: Int
    /// Images in all.
    public var count: Int
    /// correct / count.
    public var fraction: Double { count > 0 ? Double(correct) / Double(count) : 0 }

    /// So many right answers of so many. No precondition: a count of 0 has the fraction 0.
    public init(correct: Int, count: Int) {
        self.correct = correct
        self.count = count
    }

    /// Whether outputs of a shape, without the batch axis, are scores of classes: at most one axis above 1, whatever axes of extent 1
    /// pooling has left beside it. Maps, sequences and boxes are none.
    public static func comparesScores(of sampleShape: [Int]) -> Bool { sampleShape.count { $0 > 1 } <= 1 }
}

extension Network {
    /// Why no labels can be compared with the first output, which is what they are about; `nil` when they can.
    package var obstacleToAccuracy: String? {
        guard let output = outputs.first else { return "the network has no output" }
        let name = values[output].name
        if let obstacle = evaluability().obstacle(of: output) {
            return "the first output, \(name), cannot be computed here: node \(obstacle.name) (\(obstacle.operation)) stands in the way"
        }
        if constantValues.contains(output) { return "the first output, \(name), is the same for all inputs" }
        guard let shape = values[output].shape, !ClassificationAccuracy.comparesScores(of: shape) else { return nil }
        return "the first output, \(name), has shape \(NetworkError.text(shape)), which are no scores of classes"
    }
}

extension Evaluator {
    /// Logits of all images of a network with one input; see ``logits(of:batch:threads:progress:)`` for several.
    public func logits(
        of images: ActivationTensor, batch: Int = 512, threads: Int? = nil, progress: (Int) -> Bool = { _ in true }
    ) throws(NetworkError) -> ActivationTensor {
        try logits(of: [images], batch: batch, threads: threads, progress: progress)
    }

    /// The first output for all samples, in batches of bounded memory.
    ///
    /// - Parameter inputs: one tensor per network input.
    /// - Parameter progress: called with the number of finished images; returning false stops the evaluation.
    /// - Returns: (N, classes), or fewer rows when stopped.
    /// - Throws: ``NetworkError``.
    public func logits(
        of inputs: [ActivationTensor], batch: Int = 512, threads: Int? = nil, progress: (Int) -> Bool = { _ in true }
    ) throws(NetworkError) -> ActivationTensor {
        let count = inputs.first?.batchCount ?? 0
        var rows: [Float] = []
        var shape: [Int] = []
        var first = 0
        while first < count {
            let last = min(count, first + max(batch, 1))
            guard let result = try forward(inputs, samples: first..<last, threads: threads).observed.first else { break }
            shape = result.sampleShape
            rows.append(contentsOf: result.values)
            first = last
            if !progress(first) { break }
        }
        return ActivationTensor(shape: [first] + shape, values: rows)
    }

    /// Share of images whose largest logit (lowest index among equals) is the label's.
    /// - Throws: ``NetworkError`` when the labels do not fit the outputs.
    /// - Complexity: a pass forward over all images; memory: activations of `batch` at a time.
    public func accuracy(on data: LabelledImages, batch: Int = 512, threads: Int? = nil) throws(NetworkError) -> ClassificationAccuracy {
        try Self.accuracy(logits: try logits(of: data.inputs, batch: batch, threads: threads), labels: data.labels)
    }

    /// Compares logits (N, classes) with labels.
    public static func accuracy(logits: ActivationTensor, labels: [Int]) throws(NetworkError) -> ClassificationAccuracy {
        let classes = logits.sampleSize
        guard labels.count == logits.batchCount, !labels.isEmpty else {
            throw .invalidData(reason: "expected \(logits.batchCount) labels, one per image, found \(labels.count)")
        }
        if let label = labels.first(where: { !(0..<classes).contains($0) }) {
            throw .invalidData(reason: "expected labels below \(classes), the number of outputs, found \(label)")
        }
        var correct = 0
        for (row, label) in labels.enumerated() {
            var best = 0
            let offset = row * classes
            for k in 1..<max(classes, 1) where logits.values[offset + k] > logits.values[offset + best] { best = k }
            if best == label { correct += 1 }
        }
        return ClassificationAccuracy(correct: correct, count: labels.count)
    }
}
