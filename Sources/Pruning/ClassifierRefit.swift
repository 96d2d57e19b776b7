// The last refit of a classifier: match the class probabilities, not only the logits.
//
//     minimize over W   E KL(p ‖ softmax(W·h)) + (λ/2)·E‖(W − W₀)·h‖²                                        (1)
// h features (with a constant 1) of the last layer in the pruned network, p the original network's probabilities, W₀ the
// least-squares refit. Least squares spends its effort on the size of logits that are far from deciding; (1) spends it
// where classes meet. The proximal term keeps W near W₀ in the metric of the data; λ = (features + 1)/N, so that few samples
// move many weights little.
// Method: quadratic majorization; the Hessian of the log-partition is at most ½·(I − 11ᵀ/K) ⊗ S, S = E hhᵀ, so
//     W ← Y + ((P − Q)·Hᵀ/N − λ(Y − W₀)S)·((½ + λ)S + ridge)⁻¹                                             (2)
// decreases (1) at every step; Y extrapolates (Nesterov). One Cholesky factorization, two products per step.
// Source of the bound: Böhning, Ann. Inst. Statist. Math. 44 (1992) 197–200.

import LinearAlgebra
import NeuralNetworks
#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Refits the output layer of a classifier on the divergence of class probabilities.
struct ClassifierRefit: Sendable {
    private static let stepLimit = 400

    /// W, classes × (features + 1), the constant last.
    let weights: Matrix

    /// Solves (1).
    ///
    /// - Parameters:
    ///   - features: (features + 1)×N, last row 1.
    ///   - targets: logits of the original network, classes×N.
    ///   - start: W₀.
    /// - Throws: when S is not positive definite even with its ridge (no finite features).
    init(features h: Matrix, targets: Matrix, start: Matrix) throws(FactorizationError) {
        let n = Double(h.columns)
        let second = (1 / n) * h.gram()
        let mean = second.diagonal.reduce(0, +) / Double(second.rows)
        let ridge = 1e-9 * mean
        // Parameters per class and sample: the variance that fitting them to n samples brings.
        let proximity = Double(h.rows) / n
        let metric = try Cholesky((0.5 + proximity) * second + Matrix.diagonal([Double](repeating: ridge, count: second.rows)))
        let wanted = ClassifierRefit.probabilities(targets)
        var (current, extrapolated) = (start, start)
        var momentum = 1.0
        for _ in 0..<ClassifierRefit.stepLimit {
            let given = ClassifierRefit.probabilities(extrapolated.times(h))
            let pull = proximity * (extrapolated - start).times(second)
            let gradient = (1 / n) * (wanted - given).times(h, transposeOther: true) - pull
            let step = metric.solve(gradient.transposed()).transposed()
            let next = extrapolated + step
            // A step that points against the gradient of the extrapolation means overshooting: start the momentum afresh.
            let change = next - current
            let agreement = zip(gradient.elements, change.elements).reduce(0) { $0 + $1.0 * $1.1 }
            if agreement < 0 { momentum = 1 }
            let grown = (1 + (1 + 4 * momentum * momentum).squareRoot()) / 2
            extrapolated = next + ((momentum - 1) / grown) * change
            momentum = grown
            current = next
            if step.maximumMagnitude <= 1e-6 * Swift.max(current.maximumMagnitude, Double.leastNormalMagnitude) { break }
        }
        weights = current
    }

    /// What the refit leaves of the logits' least-squares error: it trades some of it for class probabilities.
    struct Errors: Sendable {
        /// The weight of the output layer.
        var parameter: String
        /// Mean squared error and variance, per class.
        var errors: [Double]
        var energies: [Double]
    }

    func errors(_ parameter: String, features h: Matrix, targets z: Matrix) -> Errors {
        let difference = weights.times(h) - z
        let count = Double(z.columns)
        func mean(_ k: Int, _ term: (Int) -> Double) -> Double { (0..<z.columns).reduce(0) { $0 + term($1) } / count }
        return Errors(
            parameter: parameter, errors: (0..<z.rows).map { k in mean(k) { difference[k, $0] * difference[k, $0] } },
            energies: (0..<z.rows).map { k in
                let center = mean(k) { z[k, $0] }
                return mean(k) { (z[k, $0] - center) * (z[k, $0] - center) }
            })
    }

    /// Softmax of every column.
    static func probabilities(_ logits: Matrix) -> Matrix {
        var result = logits
        for j in 0..<result.columns {
            let range = j * result.rows..<(j + 1) * result.rows
            let top = result.elements[range].max() ?? 0
            var sum = 0.0
            for k in range {
                result.elements[k] = exp(result.elements[k] - top)
                sum += result.elements[k]
            }
            for k in range { result.elements[k] /= sum }
        }
        return result
    }
}

extension Pruner {
    /// The linear layer that produces the network's only output, when it has at least two outputs and a bias.
    var outputLayer: (node: Network.Node, layer: Linear)? {
        guard network.outputs.count == 1, let node = network.nodes.last(where: { $0.outputs.contains(network.outputs[0]) }),
            case .linear(let layer) = node.layer, let weight = network.parameters[layer.weight], weight.shape.count == 2,
            weight.shape[layer.isTransposed ? 1 : 0] >= 2, layer.bias != nil
        else { return nil }
        return (node, layer)
    }

    /// Refits the output layer of the masked network so that its class probabilities follow the original's.
    ///
    /// - Parameter statistics: what the original's batch normalizations use on these inputs, where not the stored values.
    /// - Returns: the squared errors of the logits after it; `nil`, and nothing is done, when the network does not end in a
    ///   linear layer with a bias or when nothing before it has changed.
    func refitClassifier(
        on inputs: ActivationTensor, statistics: [Int: ChannelStatistics] = [:], refit: inout Refit
    ) throws(PruningError) -> ClassifierRefit.Errors? {
        guard let (node, layer) = outputLayer, let bias = layer.bias, let weight = refit.network.parameters[layer.weight],
            let constants = refit.network.parameters[bias]
        else { return nil }
        let (classes, width) = layer.isTransposed ? (weight.shape[1], weight.shape[0]) : (weight.shape[0], weight.shape[1])
        func position(_ k: Int, _ j: Int) -> Int { layer.isTransposed ? j * classes + k : k * width + j }
        let columns = (0..<width).filter { j in (0..<classes).contains { weight.values[position($0, j)] != 0 } }
        guard !refit.changed.isEmpty else { return nil }

        let (tap, output) = (node.inputs[0], network.outputs[0])
        var (features, targets): ([Double], [Double]) = ([], [])
        try stream(refit.network, inputs, observing: [tap], statistics: refit.statistics) { activations in
            guard let tensor = activations[tap] else { return }
            for row in 0..<tensor.values.count / width {
                for j in columns { features.append(Double(tensor.values[row * width + j])) }
                features.append(1)
            }
        }
        try stream(network, inputs, observing: [output], statistics: statistics) { activations in
            if let tensor = activations[output] { targets.append(contentsOf: tensor.values.map(Double.init)) }
        }
        let count = targets.count / classes
        guard count > 0, features.count == count * (columns.count + 1) else { return nil }
        let start = Matrix(rows: classes, columns: columns.count + 1) { k, j in
            Double(j < columns.count ? weight.values[position(k, columns[j])] : constants.values[k])
        }
        let (h, z) = (
            Matrix(rows: columns.count + 1, columns: count, elements: features), Matrix(rows: classes, columns: count, elements: targets)
        )
        let fitted: ClassifierRefit
        do {
            fitted = try ClassifierRefit(features: h, targets: z, start: start)
        } catch {
            throw .factorization(layer: node.name, error)
        }
        var (newWeight, newBias) = (weight, constants)
        for k in 0..<classes {
            for (j, column) in columns.enumerated() { newWeight.values[position(k, column)] = Float(fitted.weights[k, j]) }
            newBias.values[k] = Float(fitted.weights[k, columns.count])
        }
        refit.replace(layer.weight, newWeight)
        refit.replace(bias, newBias)
        return fitted.errors(layer.weight, features: h, targets: z)
    }
}
