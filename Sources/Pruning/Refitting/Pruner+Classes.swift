// The last refits of a classifier: its output layer alone, then together with the dense layers right before it.

import LinearAlgebra
import NeuralNetworks

/// What the last refits leave of a layer's least-squares error: they trade some of it for class probabilities.
struct FinalErrors: Sendable {
    /// The weight of the layer.
    var parameter: String
    /// Mean squared error and variance, per output.
    var errors: [Double]
    var energies: [Double]

    /// - Parameters:
    ///   - approximation: outputs that survive, one sample per column.
    ///   - exact: all `width` outputs of the original network, one sample per column.
    ///   - outputs: which ones survive.
    init(_ parameter: String, _ approximation: [Float], exact: [Float], outputs: [Int], width: Int) {
        self.parameter = parameter
        errors = [Double](repeating: 0, count: width)
        energies = errors
        let samples = exact.count / width
        guard samples > 0 else { return }
        let count = Double(samples)
        for (k, o) in outputs.enumerated() {
            let mean = (0..<samples).reduce(0) { $0 + Double(exact[$1 * width + o]) } / count
            for s in 0..<samples {
                let (z, y) = (Double(exact[s * width + o]), Double(approximation[s * outputs.count + k]))
                errors[o] += (y - z) * (y - z) / count
                energies[o] += (z - mean) * (z - mean) / count
            }
        }
    }
}

extension Pruner {
    /// A linear layer with a bias, what its outputs pass before the next one reads them, and its size.
    private struct TailLayer {
        var node: Network.Node
        var layer: Linear
        var bias: String
        /// Index of the batch normalization right behind it.
        var normalization: Int?
        var activation: Activation
        /// What the activation reads.
        var preactivation: Network.ValueID
        var inputs: Int
        var outputs: Int

        func position(_ output: Int, _ input: Int) -> Int { layer.isTransposed ? input * outputs + output : output * inputs + input }
    }

    /// The linear layer that produces the network's only output, when it has at least two outputs and a bias.
    var outputLayer: (node: Network.Node, layer: Linear)? { denseTail.last.map { ($0.node, $0.layer) } }

    /// Linear layers that end the network, first to last, each read by the next alone, with nothing but a batch normalization and then
    /// an activation between.
    private var denseTail: [TailLayer] {
        guard network.outputs.count == 1 else { return [] }
        var tail: [TailLayer] = []
        var (activation, normalization): (Activation?, Int?)
        var value = network.outputs[0]
        while let index = network.nodes.lastIndex(where: { $0.outputs.contains(value) }), network.nodes[index].inputs.count == 1 {
            let node = network.nodes[index]
            let readers = network.nodes.reduce(0) { $0 + $1.inputs.count { $0 == value } }
            guard readers == (value == network.outputs[0] ? 0 : 1) else { break }
            switch node.layer {
            case .linear(let layer):
                guard let bias = layer.bias, let shape = network.parameters[layer.weight]?.shape, shape.count == 2,
                    !tail.contains(where: { $0.layer.weight == layer.weight })
                else { return tail }
                let (outputs, inputs) = layer.isTransposed ? (shape[1], shape[0]) : (shape[0], shape[1])
                guard !tail.isEmpty || outputs >= 2 else { return [] }
                tail.insert(
                    TailLayer(
                        node: node, layer: layer, bias: bias, normalization: normalization, activation: activation ?? .identity,
                        preactivation: network.nodes[normalization ?? index].outputs[0], inputs: inputs, outputs: outputs), at: 0)
                (activation, normalization) = (nil, nil)
            case .batchNormalization(let layer) where normalization == nil && !tail.isEmpty:
                // A scale of zero hides what is before it.
                guard layer.scale.map({ network.parameters[$0]?.values.allSatisfy(\.isNormal) ?? false }) ?? true else { return tail }
                normalization = index
            case .activation(let function) where activation == nil && normalization == nil && !tail.isEmpty: activation = function
            case .identity where !tail.isEmpty: break
            default: return tail
            }
            value = node.inputs[0]
        }
        return tail
    }

    /// Refits the end of the masked network so that its class probabilities follow the original's: the output layer, then all
    /// dense layers at the end whose weights have been refitted.
    ///
    /// - Parameter statistics: what the original's batch normalizations use on these inputs, where not the stored values.
    /// - Returns: the squared errors of these layers after it; none, and nothing is done, when the network does not end in a
    ///   linear layer with a bias or when nothing before it has changed.
    func refitClasses(
        on inputs: ActivationTensor, statistics: [Int: ChannelStatistics] = [:], refit: inout Refit
    ) throws(PruningError) -> [FinalErrors] {
        let changed = refit.changed
        guard !changed.isEmpty, let last = denseTail.last else { return [] }
        let behind = denseTail.drop { !changed.contains($0.layer.weight) }
        let tail = behind.isEmpty ? [last] : Array(behind)

        // Removed inputs have columns of zeros; what feeds them has no reader.
        var stages: [DenseChain.Stage] = []
        var columns: [[Int]] = []
        for member in tail {
            guard let weight = refit.network.parameters[member.layer.weight] else { return [] }
            columns.append((0..<member.inputs).filter { j in (0..<member.outputs).contains { weight.values[member.position($0, j)] != 0 } })
        }
        var affine: [Affine] = []
        for (k, member) in tail.enumerated() {
            guard let weight = refit.network.parameters[member.layer.weight], let bias = refit.network.parameters[member.bias],
                let map = try Affine(member.normalization, width: member.outputs, in: refit)
            else { return [] }
            affine.append(map)
            let rows = k + 1 < tail.count ? columns[k + 1] : Array(0..<member.outputs)
            stages.append(
                DenseChain.Stage(
                    weight: rows.flatMap { o in columns[k].map { weight.values[member.position(o, $0)] * map.factor[o] } },
                    bias: rows.map { bias.values[$0] * map.factor[$0] + map.shift[$0] }, inputs: columns[k].count, outputs: rows.count,
                    activation: member.activation, parameter: member.layer.weight))
        }
        guard stages.allSatisfy({ $0.inputs > 0 }) else { return [] }

        let first = tail[0]
        var features: [Float] = []
        try stream(refit.network, inputs, observing: [first.node.inputs[0]], statistics: refit.statistics) { seen in
            guard let h = seen[first.node.inputs[0]] else { return }
            for row in 0..<h.values.count / first.inputs { for j in columns[0] { features.append(h.values[row * first.inputs + j]) } }
        }
        let taps = tail.map(\.preactivation)
        var exact = [[Float]](repeating: [], count: tail.count)
        try stream(network, inputs, observing: taps, statistics: statistics) { seen in
            for (k, tap) in taps.enumerated() { exact[k] += seen[tap]?.values ?? [] }
        }
        guard let targets = exact.last, features.count / stages[0].inputs == targets.count / last.outputs, !targets.isEmpty else {
            return []
        }

        stages[stages.count - 1] = try classifier(stages, features: features, targets: targets, name: last.node.name)
        let fitted = DenseTailRefit(stages, features: features, targets: targets, isJoint: stages.count > 1)
        let approximations = fitted.preactivations
        return tail.enumerated().map { k, member in
            let stage = fitted.stages[k]
            let rows = k + 1 < tail.count ? columns[k + 1] : Array(0..<member.outputs)
            if var weight = refit.network.parameters[member.layer.weight], var bias = refit.network.parameters[member.bias] {
                for (r, o) in rows.enumerated() {
                    let (factor, shift) = (affine[k].factor[o], affine[k].shift[o])
                    for (c, j) in columns[k].enumerated() {
                        weight.values[member.position(o, j)] = stage.weight[r * stage.inputs + c] / factor
                    }
                    bias.values[o] = (stage.bias[r] - shift) / factor
                }
                refit.replace(member.layer.weight, weight)
                refit.replace(member.bias, bias)
            }
            return FinalErrors(member.layer.weight, approximations[k], exact: exact[k], outputs: rows, width: member.outputs)
        }
    }

    /// What a batch normalization does to each output of the layer before it: factor·x + shift.
    private struct Affine {
        var factor: [Float]
        var shift: [Float]

        /// The identity without a node; `nil` when some output comes out constant.
        init?(_ node: Int?, width: Int, in refit: Refit) throws(PruningError) {
            (factor, shift) = ([Float](repeating: 1, count: width), [Float](repeating: 0, count: width))
            guard let node, case .batchNormalization(let layer) = refit.network.nodes[node].layer else { return }
            let network = refit.network
            let own = refit.statistics[node]
            let stored = (mean: try network.values(of: layer.mean), variance: try network.values(of: layer.variance))
            let (mean, variance) = (own?.mean ?? stored.mean, own?.variance ?? stored.variance)
            let scale = try layer.scale.map { (name) throws(PruningError) in try network.values(of: name) }
            let offset = try layer.shift.map { (name) throws(PruningError) in try network.values(of: name) }
            guard mean.count == width, variance.count == width else { return nil }
            for o in 0..<width {
                factor[o] = (scale?[o] ?? 1) / (variance[o] + layer.epsilon).squareRoot()
                shift[o] = (offset?[o] ?? 0) - mean[o] * factor[o]
            }
            guard factor.allSatisfy({ $0.isNormal }) else { return nil }
        }
    }

    /// The output layer refitted alone.
    private func classifier(
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
            throw .factorization(layer: name, error)
        }
        return stage
    }
}
