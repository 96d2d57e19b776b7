// The inputs of a learning run: which are held out, which are taken at a step, and what is made of them.

import NeuralNetworks
import RandomNumbers

package struct LearningInputs: Sendable {
    /// As given, one tensor per input of the network.
    let tensors: [ActivationTensor]
    /// What is held out, where it is not among `tensors`.
    private let judges: [ActivationTensor]
    let labels: [Int]
    let seed: UInt64
    /// Which of the tensors' inputs steps use, and which of them judge: none where others do.
    package let used: [Int]
    package let heldOut: [Int]
    private(set) var augmentation: ImageAugmentation?
    private let augments: Bool
    /// Shapes that the network is evaluated at during steps, where they are not its own.
    private(set) var networkShapes: [[Int]]?
    /// Classes that the original gives to held-out inputs.
    private var shownClasses: Set<Int> = []

    /// Number of inputs that steps use.
    package var count: Int { used.count }

    /// Share of the inputs that is held out, and limits to their number.
    private static let heldOutShare = 8
    private static let heldOutCounts = (least: 8, most: 512, mostLabelled: 5000)
    /// Inputs that show how much activations vary, and how many values of these all together, a quarter of a gigabyte.
    private static let probeCounts = 4...128
    private static let probeFloats = 1 << 26
    /// Inputs per class from which their mix of classes is not by chance.
    private static let inputsPerClass = 16
    /// Images with sides from here on are learned from at a lower resolution where the network allows it.
    private static let reducedSide = 192
    private static let reducedShare = 0.72
    /// Share of images that the original must answer alike for flips, for shifts to be harmless.
    private static let flippedAgreement = 0.8
    private static let shiftedAgreement = 0.9
    /// Shifts that are tried, as shares of the side; the largest harmless one serves.
    private static let shifts = [0.125, 0.0625, 0.04]

    /// - Parameter judges: what is held out, one tensor per input; an eighth of the inputs where there is none.
    /// - Throws: `inputShape`.
    package init(
        _ tensors: [ActivationTensor], judges: [ActivationTensor] = [], network: Network, labels: [Int], settings: LearningSettings
    ) throws(PruningError) {
        let count = tensors.first?.batchCount ?? 0
        for given in judges.isEmpty ? [tensors] : [tensors, judges] {
            guard given.count == network.inputs.count else {
                throw .inputShape(expected: "\(network.inputs.count) tensors, one per input", found: "\(given.count)")
            }
            let count = given.first?.batchCount ?? 0
            for (tensor, value) in zip(given, network.inputs) {
                let shape = network.values[value].shape ?? tensor.sampleShape
                guard tensor.batchCount == count, tensor.sampleSize == shape.reduce(1, *) else {
                    throw .inputShape(expected: "\([count] + shape)", found: "\(tensor.shape)")
                }
            }
        }
        // What is held out must not be what steps have learned.
        let distinct = judges.isEmpty ? ActivationTensor.distinctSamples(of: tensors) : Array(0..<count)
        guard distinct.count >= 2 else { throw .tooFewInputs(expected: 2, found: distinct.count) }
        guard labels.isEmpty || labels.count == count else {
            throw .inputShape(expected: "\(count) labels, one per input", found: "\(labels.count)")
        }
        self.tensors = tensors
        self.judges = judges.first.map { $0.batchCount > 0 } == true ? judges : []
        self.labels = labels
        seed = settings.seed
        augments = settings.augments
        guard self.judges.isEmpty else {
            (heldOut, used) = ([], Array(0..<count))
            return
        }
        var order = distinct
        var generator = SeededGenerator(seed: settings.seed).stream(.heldOut)
        order.shuffle(using: &generator)
        let most = labels.isEmpty ? LearningInputs.heldOutCounts.most : LearningInputs.heldOutCounts.mostLabelled
        let wanted = max(
            min(LearningInputs.heldOutCounts.least, distinct.count / 2), min(most, distinct.count / LearningInputs.heldOutShare))
        heldOut = order.prefix(wanted).sorted()
        used = order.dropFirst(wanted).sorted()
    }

    /// What judges, one tensor per input of the network.
    var heldOutTensors: [ActivationTensor] { judges.isEmpty ? tensors.map { $0.rows(heldOut) } : judges }

    /// With the augmentation that fits the original, and a resolution that the networks allow.
    func adjusted(
        to network: Network, judgedBy judge: HeldOutInputs, teacher: Network
    ) throws(NetworkError) -> LearningInputs {
        var result = self
        result.shownClasses = judge.classes
        guard augments, tensors.count == 1, let (channels, height, width) = ImageAugmentation.extents(tensors[0].sampleShape) else {
            return result
        }
        var (outHeight, outWidth) = (height, width)
        if min(height, width) >= LearningInputs.reducedSide, network.values[network.inputs[0]].shape?.count == 3 {
            // Multiples of 32, as networks that halve the side five times want them.
            func reduced(_ side: Int) -> Int { Int((Double(side) * LearningInputs.reducedShare / 32).rounded()) * 32 }
            let shape = [channels, reduced(height), reduced(width)]
            if network.allows(inputShape: shape), teacher.allows(inputShape: shape) {
                (outHeight, outWidth) = (shape[1], shape[2])
                result.networkShapes = [shape]
            }
        }
        let plain = ImageAugmentation(
            channels: channels, height: height, width: width, outHeight: outHeight, outWidth: outWidth, reach: 0, flips: false,
            mixes: labels.isEmpty)
        // What the original hardly minds is harmless: digits are neither flipped nor moved far.
        func isHarmless(flips: Bool, reach: Int, share: Double) throws(NetworkError) -> Bool {
            try judge.survives(
                plain.moved(heldOutTensors[0], isFlipped: flips, by: reach), share: share, teacher: teacher)
        }
        var reach = 0
        if min(height, width) < ImageAugmentation.cropSide {
            for share in LearningInputs.shifts where reach == 0 {
                let wanted = Int((share * Double(min(height, width))).rounded())
                if try isHarmless(flips: false, reach: wanted, share: LearningInputs.shiftedAgreement) { reach = wanted }
            }
        }
        result.augmentation = plain.with(flips: try isHarmless(flips: true, reach: 0, share: LearningInputs.flippedAgreement), reach: reach)
        return result
    }

    /// The first used inputs as they are, few enough for all their activations to be looked at.
    ///
    /// - Parameter network: whose activations they are, shapes inferred.
    func probe(of network: Network) -> [ActivationTensor] {
        let size = network.values.reduce(0) { $0 + ($1.shape?.reduce(1, *) ?? 0) }
        let most = LearningInputs.probeCounts
        let indices = Array(used.prefix(max(most.lowerBound, min(most.upperBound, LearningInputs.probeFloats / max(1, size)))))
        guard let augmentation, networkShapes != nil else { return tensors.map { $0.rows(indices) } }
        return [augmentation.resized(tensors[0], at: indices)]
    }

    /// Whether the inputs that steps use show all classes often.
    func showsClasses(_ classes: Int) -> Bool {
        classes >= 2 && count >= LearningInputs.inputsPerClass * classes && 2 * shownClasses.count >= classes
    }

    /// What step `step` learns from: `size` inputs, each as often as any other over the steps.
    package func batch(_ step: Int, of size: Int) -> (inputs: [ActivationTensor], labels: [Int]) {
        var indices: [Int] = []
        var (epoch, order): (Int, [Int]) = (-1, [])
        for k in step * size..<(step + 1) * size {
            if k / used.count != epoch {
                epoch = k / used.count
                order = used
                var generator = SeededGenerator(seed: seed).stream(.epoch(epoch))
                order.shuffle(using: &generator)
            }
            indices.append(order[k % used.count])
        }
        let own = labels.isEmpty ? [] : indices.map { labels[$0] }
        guard let augmentation else { return (tensors.map { $0.rows(indices) }, own) }
        var generator = SeededGenerator(seed: seed).stream(.augmentation(step))
        return ([augmentation(tensors[0], at: indices, using: &generator)], own)
    }
}

extension Network {
    /// Whether shapes follow from this input shape, with outputs of the shape that they have.
    fileprivate func allows(inputShape: [Int]) -> Bool {
        guard let shaped = try? inferringShapes(inputShapes: [inputShape]), (try? Evaluator(self, inputShapes: [inputShape])) != nil
        else { return false }
        return outputs.allSatisfy { shaped.values[$0].shape != nil && shaped.values[$0].shape == values[$0].shape }
    }
}

extension ActivationTensor {
    /// These samples and then others of their shape.
    package func followed(by others: ActivationTensor) -> ActivationTensor {
        precondition(others.sampleShape == sampleShape, "samples must have one shape")
        // Arrays that grow take twice what they hold.
        var joined: [Float] = []
        joined.reserveCapacity(values.count + others.values.count)
        joined += values
        joined += others.values
        return ActivationTensor(shape: [batchCount + others.batchCount] + sampleShape, values: joined)
    }

    /// The samples at the given indices, in their order.
    package func rows(_ indices: [Int]) -> ActivationTensor {
        let size = sampleSize
        var result: [Float] = []
        result.reserveCapacity(indices.count * size)
        for index in indices { result += values[index * size..<(index + 1) * size] }
        return ActivationTensor(shape: [indices.count] + sampleShape, values: result)
    }
}
