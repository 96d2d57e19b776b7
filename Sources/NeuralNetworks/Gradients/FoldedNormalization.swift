// Slopes of a layer and of the frozen batch normalization behind it, from those of the one layer that they are together:
//
//     y = a·(W·x + b − μ) + β = W'·x + b',   a = γ/σ                                                         (1)
//     ∂W = diag(a)·∂W',   ∂b = a·∂b',   ∂γ = (⟨∂W', W⟩ + (b − μ)·∂b')/σ,   ∂β = ∂b',   ∂μ = −a·∂b'           (2)
//
// What lies between them is never in memory, forward or backward, and neither is its slope.

/// A layer of a plan that takes up the batch normalization behind it.
struct FoldedNormalization: Sendable {
    /// Node of the layer, and of the normalization.
    let layer: Int
    let normalization: Int
    /// Where ∂b' is added up, behind the slopes of the tensors; `nil` where no tensor but W asks for it.
    let ownBias: Int?
    /// Offsets into the flat gradient; ∂W' is added up where ∂W goes.
    private let weight, bias, scale, shift, mean: Int?
    private let factor: [Float]
    /// b − μ and 1/σ.
    private let center: [Float]
    private let inverseDeviation: [Float]
    /// W where ∂γ is wanted.
    private let weights: [Float]
    private let rowLength: Int

    /// Normalizations of a network that may be folded: those behind a layer whose weight nobody else reads, so that ∂W' has its place.
    static func candidates(in network: Network, slots: ParameterSlots) -> [Network.ValueID: (layer: Int, normalization: Int)] {
        guard slots.count > 0 else { return [:] }
        var uses: [String: Int] = [:]
        for node in network.nodes { for name in node.layer.parameterNames { uses[name, default: 0] += 1 } }
        var makers: [Network.ValueID: Int] = [:]
        for (index, node) in network.nodes.enumerated() {
            switch node.layer {
            case .convolution(let layer) where uses[layer.weight] == 1: makers[node.outputs[0]] = index
            case .linear(let layer) where uses[layer.weight] == 1 && !layer.isTransposed: makers[node.outputs[0]] = index
            default: break
            }
        }
        var found: [Network.ValueID: (layer: Int, normalization: Int)] = [:]
        for (index, node) in network.nodes.enumerated() {
            guard case .batchNormalization(let layer) = node.layer, let maker = makers[node.inputs[0]],
                let weight = network.nodes[maker].affineTensors?.weight,
                slots.offset(layer.scale) == nil || slots.offset(weight) != nil
            else { continue }
            found[node.inputs[0]] = (maker, index)
        }
        return found
    }

    /// Entries of ∂b'.
    var ownCount: Int { ownBias == nil ? 0 : factor.count }

    /// Those of some candidates that a plan has folded, in the order of their layers.
    static func all(
        of candidates: [(layer: Int, normalization: Int)], in plan: EvaluationPlan, of network: Network, slots: ParameterSlots
    ) throws(NetworkError) -> [FoldedNormalization] {
        let steps = Set(plan.steps.map(\.node))
        var folded: [FoldedNormalization] = []
        var free = slots.count
        for found in candidates.sorted(by: { $0.layer < $1.layer })
        where steps.contains(found.layer) && !steps.contains(found.normalization) {
            let own = try FoldedNormalization(
                layer: found.layer, normalization: found.normalization, in: network, slots: slots, free: free)
            free += own.ownCount
            folded.append(own)
        }
        return folded
    }

    /// - Parameter free: first entry of the flat gradient that nobody has taken.
    private init(layer: Int, normalization: Int, in network: Network, slots: ParameterSlots, free: Int) throws(NetworkError) {
        let (own, behind) = (network.nodes[layer], network.nodes[normalization])
        guard let tensors = own.affineTensors, case .batchNormalization(let norm) = behind.layer else {
            preconditionFailure("a layer with weights and a batch normalization")
        }
        (self.layer, self.normalization) = (layer, normalization)
        (weight, bias) = (slots.offset(tensors.weight), slots.offset(tensors.bias))
        (scale, shift, mean) = (slots.offset(norm.scale), slots.offset(norm.shift), slots.offset(norm.mean))
        let variance = try network.parameter(norm.variance, of: behind).values
        factor = try network.affine(norm, node: behind, channels: variance.count).scale
        inverseDeviation = variance.map { Float(1 / norm.deviation($0)) }
        let constant = try network.vector(tensors.bias, count: variance.count, of: own)
        center = try network.parameter(norm.mean, of: behind).values.enumerated().map { (constant?[$0] ?? 0) - $1 }
        let values = try network.parameter(tensors.weight, of: own).values
        weights = scale == nil ? [] : values
        rowLength = values.count / max(1, variance.count)
        ownBias = bias != nil || scale != nil || shift != nil || mean != nil ? free : nil
    }

    /// (2), in place.
    func unfold(_ gradient: inout [Float]) {
        for row in factor.indices {
            let sum = ownBias.map { gradient[$0 + row] } ?? 0
            if let weight {
                let first = weight + row * rowLength
                if let scale {
                    var product = Double(center[row]) * Double(sum)
                    for i in 0..<rowLength { product += Double(gradient[first + i]) * Double(weights[row * rowLength + i]) }
                    gradient[scale + row] += Float(product) * inverseDeviation[row]
                }
                for i in first..<first + rowLength { gradient[i] *= factor[row] }
            }
            if let bias { gradient[bias + row] += factor[row] * sum }
            if let shift { gradient[shift + row] += sum }
            if let mean { gradient[mean + row] -= factor[row] * sum }
        }
    }
}

extension Network.Node {
    /// Weight and bias of a convolution or a linear layer.
    fileprivate var affineTensors: (weight: String, bias: String?)? {
        switch layer {
        case .convolution(let layer): (layer.weight, layer.bias)
        case .linear(let layer): (layer.weight, layer.bias)
        default: nil
        }
    }
}
