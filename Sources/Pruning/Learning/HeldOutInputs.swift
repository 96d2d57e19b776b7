// Inputs that no step has seen, with the original's answers or their labels: what decides.

import LinearAlgebra
import NeuralNetworks
import RandomNumbers

struct HeldOutInputs: Sendable {
    private var inputs: [ActivationTensor]
    private let labels: [Int]
    /// Of the original, on the inputs as given.
    private let answers: [ActivationTensor]
    private let outputs: [Network.ValueID]
    private var objective: Objective?
    /// Whether the outputs count up to a common shift.
    let isLogits: Bool
    /// Classes that the original names.
    let classes: Set<Int>

    /// What steps descend, on these inputs.
    private struct Objective: Sendable {
        var loss: DistillationLoss
        var values: [Network.ValueID]
        /// The original and its values, which are computed anew for every look: that is a few percent of the learning, and those of all
        /// inputs would be its largest array.
        var teacher: Network
        var targets: [Network.ValueID]
        /// Inputs whose values of both networks are in memory together.
        var batch: Int
    }

    /// Values inside of the original on all inputs that are looked at: beyond, outputs alone decide.
    private static let mostFloats = 1 << 26
    /// Values of one network in memory together.
    private static let batchFloats = 1 << 23
    /// Inputs of a batch at least: what threads share.
    private static let leastBatch = 4

    var count: Int { inputs.first?.batchCount ?? 0 }

    /// An original that gives half of all probability to one class is a classifier: an output of a regression, read as logits, does not.
    private static let leastSureness = 0.5
    /// - Parameter isLogits: `nil` to judge by the original's answers.
    init(
        _ all: LearningInputs, teacher: Network, pairs: [ValuePair], isLogits: Bool?
    ) throws(NetworkError) {
        inputs = all.heldOutTensors
        labels = all.labels.isEmpty ? [] : all.heldOut.map { all.labels[$0] }
        outputs = pairs.map(\.student)
        answers = try Evaluator(teacher, observing: pairs.map(\.teacher)).forwardInLanes(inputs)
        guard answers.count == 1, let logits = answers.first, logits.sampleSize >= 2,
            ClassificationAccuracy.comparesScores(of: logits.sampleShape)
        else {
            guard labels.isEmpty else {
                throw .invalidData(
                    reason: "expected one vector of at least two logits to learn labels with, found \(answers.map(\.sampleShape))")
            }
            self.isLogits = false
            classes = []
            return
        }
        if let label = all.labels.first(where: { !(0..<logits.sampleSize).contains($0) }) {
            throw .invalidData(reason: "expected labels below \(logits.sampleSize), the number of outputs, found \(label)")
        }
        classes = Set(logits.largest)
        let sureness = logits.meanOverSamples { Elementary.exp(LogSoftmax($0, temperature: 1).logarithm(HeldOutInputs.largest($0))) }
        self.isLogits = isLogits ?? (!labels.isEmpty || sureness >= HeldOutInputs.leastSureness)
    }

    fileprivate static func largest(_ values: UnsafeBufferPointer<Float>) -> Int {
        var best = 0
        for i in values.indices where values[i] > values[best] { best = i }
        return best
    }

    /// The same, judged by what steps descend.
    ///
    /// - Parameters:
    ///   - augmentation: flips, crops and shifts images, which judge in place of those given: a closed form may have been fitted on those.
    ///   - pairs: values of the loss: features, then outputs.
    func judged(
        by loss: DistillationLoss, on augmentation: ImageAugmentation?, seed: UInt64, teacher: Network, pairs: [ValuePair]
    ) throws(NetworkError) -> HeldOutInputs {
        var result = self
        if let augmentation {
            var generator = SeededGenerator(seed: seed).stream(.heldOut)
            let twice = Array(0..<count) + Array(0..<count)
            result.inputs = [augmentation.atFullSize()(inputs[0], at: twice, using: &generator)]
        }
        let inside = pairs.dropLast(outputs.count)
        func floats(_ pairs: ArraySlice<ValuePair>) -> Int { teacher.sampleSize(of: pairs.map(\.teacher)) }
        let seesInside = floats(inside) * result.count <= HeldOutInputs.mostFloats
        let seen = seesInside ? pairs[...] : pairs.suffix(outputs.count)
        result.objective = Objective(
            loss: seesInside ? loss : loss.ofOutputs, values: seen.map(\.student),
            teacher: teacher, targets: seen.map(\.teacher),
            batch: Swift.max(HeldOutInputs.leastBatch, HeldOutInputs.batchFloats / Swift.max(1, floats(seen))))
        return result
    }

    /// How far a smaller network is from its goal.
    func error(of network: Network) throws(NetworkError) -> HeldOutError {
        if let objective {
            let (original, smaller) = (
                try Evaluator(objective.teacher, observing: objective.targets), try Evaluator(network, observing: objective.values)
            )
            var sum = 0.0
            for first in stride(from: 0, to: count, by: objective.batch) {
                let rows = Array(first..<Swift.min(count, first + objective.batch))
                let batch = inputs.map { $0.rows(rows) }
                let targets = try original.forwardInLanes(batch)
                sum += Double(rows.count) * objective.loss.mean(try smaller.forwardInLanes(batch), targets: targets)
            }
            return HeldOutError(error: sum / Double(Swift.max(1, count)), tieBreak: 0)
        }
        let given = try Evaluator(network, observing: outputs).forwardInLanes(inputs)
        guard let logits = given.first, !labels.isEmpty else { return HeldOutError(error: .infinity, tieBreak: 0) }
        let wrong = zip(logits.largest, labels).count { $0 != $1 }
        var sample = 0
        let entropy = logits.meanOverSamples {
            sample += 1
            return -LogSoftmax($0, temperature: 1).logarithm(labels[sample - 1])
        }
        return HeldOutError(error: Double(wrong) / Double(max(1, labels.count)), tieBreak: entropy)
    }

    /// The error as a share of that of a network that answers every input alike; `nil` where labels judge.
    func share(_ error: HeldOutError) -> Double? {
        guard let whole = objective?.loss.ofConstants, whole > 0 else { return nil }
        return error.error / whole
    }

    /// What errors are.
    var measure: HeldOutMeasure { labels.isEmpty ? .loss : .missedLabels }

    /// Whether the original names the classes of the held-out inputs for a share of what became of them; always where it names none.
    func survives(
        _ moved: ActivationTensor, share: Double, teacher: Network
    ) throws(NetworkError) -> Bool {
        guard isLogits, let logits = answers.first else { return true }
        let given = try Evaluator(teacher).forwardInLanes([moved])
        guard let other = given.first, other.sampleSize == logits.sampleSize else { return true }
        let same = zip(other.largest, logits.largest).count { $0 == $1 }
        return Double(same) >= share * Double(max(1, count))
    }
}

extension ActivationTensor {
    /// Index of the largest value of every sample; the lowest among equals.
    fileprivate var largest: [Int] { mapSamples(HeldOutInputs.largest) }

    fileprivate func meanOverSamples(_ body: (UnsafeBufferPointer<Float>) -> Double) -> Double {
        mapSamples(body).reduce(0, +) / Double(max(1, batchCount))
    }

    private func mapSamples<R>(_ body: (UnsafeBufferPointer<Float>) -> R) -> [R] {
        let size = sampleSize
        return values.withUnsafeBufferPointer { values in
            (0..<batchCount).map { body(UnsafeBufferPointer(rebasing: values[$0 * size..<($0 + 1) * size])) }
        }
    }
}
