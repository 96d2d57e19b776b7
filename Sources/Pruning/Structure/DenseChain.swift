// A network that is a chain of affine maps and activations, for moments and gradients.
//
//   y₁ = W₁x + b₁,  y_{k+1} = W_{k+1}·φ_k(y_k) + b_{k+1},  logits = y_K                                     (1)
// Flatten, reshape, identity and dropout pass through; a batch normalization after a linear layer is folded into it; a
// final softmax is dropped, and so is a last tanh or sigmoid (`boundsOutputs`) and a part of the outputs that nobody reads. Constants
// that the network adds to its input or multiplies it by say what inputs look like (`normalizer`); they are folded into W₁. Blocks of samples are features×N column-major, which is (N, features) row-major: no copies.

import LinearAlgebra
import NeuralNetworks

/// The chain (1) in Float32.
package struct DenseChain: Sendable {
    package struct Stage: Sendable {
        /// Row-major (outputs, inputs), that is column-major inputs×outputs.
        package var weight: [Float]
        package var bias: [Float]
        package var inputs: Int
        package var outputs: Int
        /// What follows; `.identity` after the last stage.
        package var activation: Activation
        /// Name of the tensor that `weight` came from.
        package var parameter: String

        package init(weight: [Float], bias: [Float], inputs: Int, outputs: Int, activation: Activation, parameter: String) {
            precondition(weight.count == inputs * outputs && bias.count == outputs, "a weight for every pair and a bias for every output")
            (self.weight, self.bias, self.inputs, self.outputs) = (weight, bias, inputs, outputs)
            (self.activation, self.parameter) = (activation, parameter)
        }
    }

    package var stages: [Stage]
    /// x' = scale·x + shift in front of the first stage, one entry per input; `nil` without.
    package private(set) var normalizer: (scale: [Float], shift: [Float])?
    /// A last activation squeezes the outputs, which are no classes then.
    package private(set) var boundsOutputs = false

    /// Number of inputs and of logits.
    package var inputCount: Int { stages[0].inputs }
    package var classCount: Int { stages[stages.count - 1].outputs }

    /// The chain a network is, or `nil` when it is none.
    package init?(_ network: Network) throws(PruningError) {
        guard network.inputs.count == 1, network.outputs.count == 1 else { return nil }
        var stages: [Stage] = []
        var value = network.inputs[0]
        var sawSoftmax = false
        var constants: [Network.ValueID: String] = [:]
        let inputSize = network.values[value].shape?.reduce(1, *)
        var scale: [Float]?, shift: [Float]?
        for node in network.nodes {
            if case .constant(let name) = node.layer {
                constants[node.outputs[0]] = name
                continue
            }
            let others = node.inputs.filter { $0 != value }
            guard node.inputs.contains(value), others.allSatisfy({ constants[$0] != nil }), !sawSoftmax else { return nil }
            if case .split = node.layer {} else { guard node.outputs.count == 1 else { return nil } }
            value = node.outputs[0]
            switch node.layer {
            case .identity, .flatten, .reshape: continue
            case .add, .multiply:
                // Only in front of the first layer: behind one, constants are biases already.
                guard stages.isEmpty, node.inputs.count == 2, others.count == 1, let name = constants[others[0]],
                    let count = inputSize
                else { return nil }
                var operand = try network.values(of: name)
                if operand.count == 1 { operand = [Float](repeating: operand[0], count: count) }
                guard operand.count == count else { return nil }
                let (a, b) = (scale ?? [Float](repeating: 1, count: count), shift ?? [Float](repeating: 0, count: count))
                if node.layer == .add {
                    (scale, shift) = (a, zip(b, operand).map { $0 + $1 })
                } else {
                    (scale, shift) = (zip(a, operand).map { $0 * $1 }, zip(b, operand).map { $0 * $1 })
                }
            case .activation(.function(.clip)) where stages.isEmpty: continue
            case .split(_, let sizes):
                guard let last = stages.indices.last, stages[last].activation == .identity, sizes.count == node.outputs.count,
                    let part = node.outputs.firstIndex(where: { output in
                        network.outputs.contains(output) || network.nodes.contains { $0.inputs.contains(output) }
                    }), sizes.reduce(0, +) == stages[last].outputs
                else { return nil }
                value = node.outputs[part]
                stages[last].keepOutputs(sizes[..<part].reduce(0, +)..<sizes[...part].reduce(0, +))
            case .softmax: sawSoftmax = true
            case .linear(let layer):
                guard let parameter = network.parameters[layer.weight], parameter.shape.count == 2 else {
                    throw .missingParameter(name: layer.weight, layer: node.name)
                }
                let (outputs, inputs) = layer.widths(of: parameter.shape)
                let bias = try layer.bias.map { (name) throws(PruningError) in try network.values(of: name) }
                stages.append(
                    Stage(
                        weight: layer.outputRows(of: parameter).values, bias: bias ?? [Float](repeating: 0, count: outputs), inputs: inputs,
                        outputs: outputs,
                        activation: .identity, parameter: layer.weight))
            case .activation(let activation):
                guard let last = stages.indices.last, stages[last].activation == .identity else { return nil }
                stages[last].activation = activation
            case .batchNormalization(let layer):
                guard let last = stages.indices.last, stages[last].activation == .identity else { return nil }
                let map: (scale: [Double], shift: [Double])
                do { map = try network.affineMap(of: layer, node: node) } catch { throw .network(error) }
                guard map.scale.count == stages[last].outputs else { return nil }
                for o in 0..<stages[last].outputs {
                    for i in 0..<stages[last].inputs { stages[last].weight[o * stages[last].inputs + i] *= Float(map.scale[o]) }
                    stages[last].bias[o] = Float(Double(stages[last].bias[o]) * map.scale[o] + map.shift[o])
                }
            default: return nil
            }
        }
        guard value == network.outputs[0], stages.count >= 2 else { return nil }
        switch stages[stages.count - 1].activation {
        case .identity: break
        case .tanh, .sigmoid:
            boundsOutputs = true
            stages[stages.count - 1].activation = .identity
        default: return nil
        }
        // A layer that runs over each of several vectors is no link of a chain.
        if let inputSize, inputSize != stages[0].inputs { return nil }
        if let scale, let shift {
            normalizer = (scale, shift)
            stages[0].fold(scale: scale, shift: shift)
        }
        for (stage, next) in zip(stages, stages.dropFirst()) where stage.outputs != next.inputs { return nil }
        self.stages = stages
    }

    /// W₁ as a matrix, outputs×inputs.
    package var firstWeight: Matrix {
        let stage = stages[0]
        return Matrix(rows: stage.outputs, columns: stage.inputs) { Double(stage.weight[$0 * stage.inputs + $1]) }
    }

    /// Gradient with respect to y₁ of log softmax(logits)[class], one sample per column.
    ///
    /// - Parameters:
    ///   - y: y₁, n₁×N.
    ///   - classes: the class of each sample.
    /// - Returns: n₁×N.
    package func classGradient(at y: [Float], classes: [Int]) -> [Float] {
        let samples = classes.count
        var preactivations = [y]
        for k in 1..<stages.count {
            var h = preactivations[k - 1]
            stages[k - 1].activation.apply(to: &h)
            preactivations.append(stages[k].forward(h, samples: samples))
        }
        var gradient = preactivations[stages.count - 1]
        let q = classCount
        gradient.withUnsafeMutableBufferPointer { z in
            for s in 0..<samples { Softmax.residual(UnsafeMutableBufferPointer(rebasing: z[s * q..<(s + 1) * q]), target: classes[s]) }
        }
        for k in stride(from: stages.count - 1, through: 1, by: -1) {
            gradient = stages[k].backward(gradient, samples: samples)
            stages[k - 1].activation.multiplyDerivative(into: &gradient, at: preactivations[k - 1])
        }
        return gradient
    }
}

extension DenseChain.Stage {
    /// Only some of the outputs.
    mutating func keepOutputs(_ kept: Range<Int>) {
        weight = Array(weight[kept.lowerBound * inputs..<kept.upperBound * inputs])
        bias = Array(bias[kept])
        outputs = kept.count
    }

    /// W·(a∘x + s) + b as a map of x.
    mutating func fold(scale: [Float], shift: [Float]) {
        for o in 0..<outputs {
            for i in 0..<inputs {
                bias[o] += weight[o * inputs + i] * shift[i]
                weight[o * inputs + i] *= scale[i]
            }
        }
    }

    /// W·h + b for a block of samples.
    package func forward(_ h: [Float], samples: Int) -> [Float] {
        var z = [Float](repeating: 0, count: outputs * samples)
        for s in 0..<samples { for o in 0..<outputs { z[s * outputs + o] = bias[o] } }
        guard samples > 0, outputs > 0, inputs > 0 else { return z }
        BLAS.gemm(.transposed, .normal, outputs, samples, inputs, 1, weight, inputs, h, inputs, 1, &z, outputs)
        return z
    }

    /// Wᵀ·g for a block of samples.
    package func backward(_ g: [Float], samples: Int) -> [Float] {
        var result = [Float](repeating: 0, count: inputs * samples)
        guard samples > 0, outputs > 0, inputs > 0 else { return result }
        BLAS.gemm(.normal, .normal, inputs, samples, outputs, 1, weight, inputs, g, outputs, 0, &result, inputs)
        return result
    }
}

extension Activation {
    /// φ elementwise.
    package func apply(to values: inout [Float]) {
        switch self {
        case .identity: return
        case .relu:
            values.withUnsafeMutableBufferPointer { values in
                if let first = values.baseAddress { RowKernels.apply(.relu, first, count: values.count) }
            }
        default: for i in values.indices { values[i] = Float(value(Double(values[i]))) }
        }
    }

    /// g ← g ∘ φ'(y).
    package func multiplyDerivative(into gradient: inout [Float], at y: [Float]) {
        switch self {
        case .identity: return
        case .relu:
            gradient.withUnsafeMutableBufferPointer { gradient in
                y.withUnsafeBufferPointer { y in
                    if let slopes = gradient.baseAddress, let values = y.baseAddress {
                        RowKernels.gate(slopes, by: values, count: gradient.count)
                    }
                }
            }
        default: for i in gradient.indices { gradient[i] *= Float(derivative(Double(y[i]))) }
        }
    }
}
