// The last refits of a classifier: its output layer alone, then together with the dense layers right before it.
// What they leave of the layers' least-squares errors is told, because they trade some of it for class probabilities.

import LinearAlgebra
import NeuralNetworks

/// A masked network whose class probabilities have been fitted to the original's.
struct OutputRefit: Sendable {
    private(set) var masked: MaskedNetwork
    /// Squared errors of the layers that were refitted; none when nothing was done.
    private(set) var errors: [FinalErrors] = []

    /// Refits the output layer, then all dense layers at the end whose weights have been refitted.
    ///
    /// - Parameters:
    ///   - inputs: both networks right before the dense layers at the end.
    ///   - bytes: for what these layers read and make; as many inputs are used as that holds.
    ///
    /// Nothing is done when the network does not end in a linear layer with a bias, when nothing before it has changed, or when the
    /// inputs are too few to say anything of others.
    init(_ masked: MaskedNetwork, of original: MaskedNetwork, on inputs: PairedFrontier, bytes: Int) throws(PruningError) {
        self.masked = masked
        let members = DenseTail(original.network).members
        guard !masked.changed.isEmpty, let last = members.last else { return }
        let behind = members.drop { !masked.changed.contains($0.layer.weight) }
        let tail = behind.isEmpty ? [last] : Array(behind)

        // Removed inputs have columns of zeros; what feeds them has no reader.
        var stages: [DenseChain.Stage] = []
        var columns: [[Int]] = []
        for member in tail {
            guard let weight = masked.network.parameters[member.layer.weight] else { return }
            columns.append((0..<member.inputs).filter { j in (0..<member.outputs).contains { weight.values[member.position($0, j)] != 0 } })
        }
        var affine: [Affine] = []
        for (k, member) in tail.enumerated() {
            guard let weight = masked.network.parameters[member.layer.weight], let bias = masked.network.parameters[member.bias],
                let map = try Affine(member.normalization, width: member.outputs, in: masked)
            else { return }
            affine.append(map)
            let rows = k + 1 < tail.count ? columns[k + 1] : Array(0..<member.outputs)
            stages.append(
                DenseChain.Stage(
                    weight: rows.flatMap { o in columns[k].map { weight.values[member.position(o, $0)] * map.factor[o] } },
                    bias: rows.map { bias.values[$0] * map.factor[$0] + map.shift[$0] }, inputs: columns[k].count, outputs: rows.count,
                    activation: member.activation, parameter: member.layer.weight))
        }
        guard stages.allSatisfy({ $0.inputs > 0 }) else { return }

        let first = tail[0]
        guard let shape = original.network.values[first.node.inputs[0]].shape else { return }
        let perInput = Swift.max(1, shape.dropLast().reduce(1, *))
        let count = Swift.min(inputs.batchCount, bytes / (OutputRefit.bytesOfRow(stages, members: tail.map(\.outputs)) * perInput))
        guard count * perInput >= OutputRefit.leastRows * (stages[stages.count - 1].inputs + 1) else { return }
        let taps = tail.map(\.preactivation)
        var features: [Float] = []
        var exact = [[Float]](repeating: [], count: tail.count)
        try inputs.forEachBatch(
            of: 0..<count, in: original, observing: taps, masked, observing: [first.node.inputs[0]]
        ) { _, answers, seen in
            guard let h = seen[first.node.inputs[0]] else { return }
            for row in 0..<h.values.count / first.inputs { for j in columns[0] { features.append(h.values[row * first.inputs + j]) } }
            for (k, tap) in taps.enumerated() { exact[k] += answers[tap]?.values ?? [] }
        }
        guard let targets = exact.last, features.count / stages[0].inputs == targets.count / last.outputs, !targets.isEmpty else {
            return
        }

        guard try OutputRefit.isTrusted(stages, features: features, targets: targets, inputCount: count, name: last.node.name)
        else { return }
        stages[stages.count - 1] = try OutputRefit.classifier(stages, features: features, targets: targets, name: last.node.name)
        let fitted = DenseTailRefit(stages, features: features, targets: targets, isJoint: stages.count > 1)
        let approximations = fitted.preactivations
        for (k, member) in tail.enumerated() {
            let stage = fitted.stages[k]
            let rows = k + 1 < tail.count ? columns[k + 1] : Array(0..<member.outputs)
            if var weight = masked.network.parameters[member.layer.weight], var bias = masked.network.parameters[member.bias] {
                for (r, o) in rows.enumerated() {
                    let (factor, shift) = (affine[k].factor[o], affine[k].shift[o])
                    for (c, j) in columns[k].enumerated() {
                        weight.values[member.position(o, j)] = stage.weight[r * stage.inputs + c] / factor
                    }
                    bias.values[o] = (stage.bias[r] - shift) / factor
                }
                self.masked.replace(member.layer.weight, weight)
                self.masked.replace(member.bias, bias)
            }
            errors.append(
                FinalErrors(member.layer.weight, approximations[k], exact: exact[k], outputs: rows, width: member.outputs))
        }
    }

    /// What a row of the layers' inputs takes: itself, what the original's layers make of it, and three times as many numbers as there are
    /// classes in twice the precision.
    private static func bytesOfRow(_ stages: [DenseChain.Stage], members outputs: [Int]) -> Int {
        let values = stages[0].inputs + outputs.reduce(0, +)
        return MemoryLayout<Float>.size * values + 3 * MemoryLayout<Double>.size * (outputs.last ?? 0)
    }

    /// Samples per regressor of the last layer from which a refit needs no second opinion: it then adds a twentieth of the noise.
    private static let trustedRows = 20
    /// Samples per regressor below which the layers could answer these samples as the original does and know nothing of others.
    private static let leastRows = 2

    /// Whether the refits serve inputs that they have not seen: fitted on four fifths of few inputs, the others are answered more
    /// like the original.
    private static func isTrusted(
        _ stages: [DenseChain.Stage], features: [Float], targets: [Float], inputCount: Int, name: String
    ) throws(PruningError) -> Bool {
        let last = stages[stages.count - 1]
        let rows = targets.count / last.outputs
        if rows >= trustedRows * (last.inputs + 1) { return true }
        guard inputCount >= FoldedMoments.foldCount else { return false }
        // All rows of an input (its tokens, say) are on the same side.
        let perInput = Swift.max(1, rows / inputCount)
        let isHeldOut = (0..<rows).map { $0 / perInput % FoldedMoments.foldCount == 0 }
        func part(_ values: [Float], width: Int, heldOut: Bool) -> [Float] {
            (0..<rows).filter { isHeldOut[$0] == heldOut }.flatMap { values[$0 * width..<($0 + 1) * width] }
        }
        let width = stages[0].inputs
        let (seen, answers) = (part(features, width: width, heldOut: false), part(targets, width: last.outputs, heldOut: false))
        var trial = stages
        trial[trial.count - 1] = try classifier(trial, features: seen, targets: answers, name: name)
        trial = DenseTailRefit(trial, features: seen, targets: answers, isJoint: trial.count > 1).stages
        let (others, wanted) = (part(features, width: width, heldOut: true), part(targets, width: last.outputs, heldOut: true))
        return divergence(trial, others, wanted) < divergence(stages, others, wanted)
    }

    /// Mean divergence of the class probabilities from those of the targets.
    private static func divergence(_ stages: [DenseChain.Stage], _ features: [Float], _ targets: [Float]) -> Double {
        let classes = stages[stages.count - 1].outputs
        let count = targets.count / classes
        guard count > 0 else { return 0 }
        var h = features
        for (k, stage) in stages.enumerated() {
            h = stage.forward(h, samples: count)
            if k + 1 < stages.count { stage.activation.apply(to: &h) }
        }
        func probabilities(_ logits: [Float]) -> Matrix {
            ClassifierRefit.probabilities(Matrix(rows: classes, columns: count, elements: logits.map(Double.init)))
        }
        let (p, q) = (probabilities(targets), probabilities(h))
        var sum = 0.0
        for k in p.elements.indices where p.elements[k] > 0 {
            sum += p.elements[k] * Elementary.log(p.elements[k] / Swift.max(q.elements[k], .leastNormalMagnitude))
        }
        return sum / Double(count)
    }

    /// What a batch normalization does to each output of the layer before it: factor·x + shift.
    private struct Affine {
        var factor: [Float]
        var shift: [Float]

        /// The identity without a node; `nil` when some output comes out constant.
        init?(_ node: Int?, width: Int, in masked: MaskedNetwork) throws(PruningError) {
            (factor, shift) = ([Float](repeating: 1, count: width), [Float](repeating: 0, count: width))
            guard let node, case .batchNormalization(let layer) = masked.network.nodes[node].layer else { return }
            let network = masked.network
            do {
                let map = try network.affineMap(of: layer, node: network.nodes[node])
                (factor, shift) = (map.scale.map(Float.init), map.shift.map(Float.init))
            } catch {
                throw .network(error)
            }
            guard factor.count == width, factor.allSatisfy(\.isNormal) else { return nil }
        }
    }

    /// The output layer refitted alone.
    private static func classifier(
        _ stages: [DenseChain.Stage], features: [Float], targets: [Float], name: String
    ) throws(PruningError) -> DenseChain.Stage {
        var stage = stages[stages.count - 1]
        var h = features
        let count = targets.count / stage.outputs
        for previous in stages.dropLast() {
            h = previous.forward(h, samples: count)
            previous.activation.apply(to: &h)
        }
        let width = stage.inputs + 1
        var elements: [Double] = []
        elements.reserveCapacity(width * count)
        for s in 0..<count {
            for j in 0..<stage.inputs { elements.append(Double(h[s * stage.inputs + j])) }
            elements.append(1)
        }
        do {
            let fitted = try ClassifierRefit(
                features: Matrix(rows: width, columns: count, elements: elements),
                targets: Matrix(rows: stage.outputs, columns: count, elements: targets.map(Double.init)),
                start: Matrix(rows: stage.outputs, columns: width) { k, j in
                    Double(j < stage.inputs ? stage.weight[k * stage.inputs + j] : stage.bias[k])
                })
            for k in 0..<stage.outputs {
                for j in 0..<stage.inputs { stage.weight[k * stage.inputs + j] = Float(fitted.weights[k, j]) }
                stage.bias[k] = Float(fitted.weights[k, stage.inputs])
            }
        } catch {
            throw .factorization(error, layer: name)
        }
        return stage
    }
}
