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
    /// Nothing is done when the network does not end in a linear layer with a bias, or when nothing before it has changed.
    init(_ masked: MaskedNetwork, of original: MaskedNetwork, on inputs: ActivationTensor) throws(PruningError) {
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
        var features: [Float] = []
        let reading = try ActivationStream(masked.network, observing: [first.node.inputs[0]], statistics: masked.statistics)
        try reading.forEachBatch(of: inputs) { seen in
            guard let h = seen[first.node.inputs[0]] else { return }
            for row in 0..<h.values.count / first.inputs { for j in columns[0] { features.append(h.values[row * first.inputs + j]) } }
        }
        let taps = tail.map(\.preactivation)
        var exact = [[Float]](repeating: [], count: tail.count)
        let answering = try ActivationStream(original.network, observing: taps, statistics: original.statistics)
        try answering.forEachBatch(of: inputs) { seen in
            for (k, tap) in taps.enumerated() { exact[k] += seen[tap]?.values ?? [] }
        }
        guard let targets = exact.last, features.count / stages[0].inputs == targets.count / last.outputs, !targets.isEmpty else {
            return
        }

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
                let map = try network.affineMap(of: layer, node: network.nodes[node], statistics: masked.statistics[node])
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
