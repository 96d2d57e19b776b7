// Moments of every value of a dense network under a Gaussian input (input model 1, method of moments layer by layer).
//
// Pre-activations are taken as jointly Gaussian with the propagated mean and covariance: exact for the first layer, an
// approximation (sums of many activations) after it.

import LinearAlgebra
import NeuralNetworks

package enum GaussianPropagation {
    /// Moments of all values that follow from the input by layers with a moment formula.
    ///
    /// Values behind any other layer are absent from the answer.
    package static func moments(of network: Network, input: ActivationMoments) throws(PruningError) -> [Network.ValueID: ActivationMoments] {
        var known: [Network.ValueID: ActivationMoments] = [:]
        guard let source = network.inputs.first, network.inputs.count == 1 else { return known }
        known[source] = input
        for node in network.nodes {
            guard let value = node.inputs.first, node.inputs.count == 1, let output = node.outputs.first,
                let moments = known[value]
            else { continue }
            switch node.layer {
            case .identity, .flatten, .reshape: known[output] = moments
            case .activation(let activation): known[output] = GaussianMoments.image(of: moments, under: activation)
            case .linear(let layer):
                guard let parameter = network.parameters[layer.weight], parameter.shape.count == 2 else {
                    throw .malformedNetwork("expected a matrix named \"\(layer.weight)\" for \(node.name), found none")
                }
                let columns = layer.isTransposed ? parameter.shape[0] : parameter.shape[1]
                // Tokens or other leading axes: the moments of one position would be needed.
                guard columns == moments.count else { continue }
                let stored = Matrix(rows: parameter.shape[1], columns: parameter.shape[0], elements: parameter.values.map(Double.init))
                let bias = try layer.bias.map { (name) throws(PruningError) in try network.values(of: name).map(Double.init) }
                known[output] = moments.affineImage(weight: layer.isTransposed ? stored : stored.transposed(), bias: bias)
            case .batchNormalization(let layer):
                let variance = try network.values(of: layer.variance)
                let mean = try network.values(of: layer.mean)
                guard variance.count == moments.count, mean.count == moments.count else { continue }
                let scale = try layer.scale.map { (name) throws(PruningError) in try network.values(of: name) }
                let shift = try layer.shift.map { (name) throws(PruningError) in try network.values(of: name) }
                let factor = variance.indices.map {
                    Double(scale?[$0] ?? 1) / (Double(variance[$0]) + Double(layer.epsilon)).squareRoot()
                }
                known[output] = ActivationMoments(
                    mean: factor.indices.map { (moments.mean[$0] - Double(mean[$0])) * factor[$0] + Double(shift?[$0] ?? 0) },
                    covariance: Matrix(rows: moments.count, columns: moments.count) {
                        moments.covariance[$0, $1] * factor[$0] * factor[$1]
                    })
            default: continue
            }
        }
        return known
    }
}
