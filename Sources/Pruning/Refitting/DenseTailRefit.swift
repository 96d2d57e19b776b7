// The last refit of dense layers: all kept weights between a network's last features and its classes, together.
//
//     minimize over W₁ … W_K   E KL(p ‖ softmax f(h)) + (λ/2)·E‖f(h) − z‖²                                    (1)
// h what the first of these layers reads in the pruned network, f the layers with their activations, z the original's logits and
// p = softmax z. Least squares, layer by layer, spends the few kept neurons on everything the next layer computed; together the
// layers give up what no class asks for. λ = parameters per class and input, as in ClassifierRefit, whose problem (1) is for K = 1:
// there W₀ is the least-squares fit of z, and E‖W·h − z‖² differs from E‖(W − W₀)·h‖² by a constant. Neurons stay what they were:
// weights that no cut has touched are not moved.
// Not convex for K > 1: descent from the layer-by-layer refits by LimitedMemoryBFGS. Cost of an evaluation: 3 products of the
// weights with N samples. Far from the minimum a part of the samples shows the way as well as all of them: two thirds of the steps
// are taken on a quarter (sample sizes that grow with the descent: Byrd, Chin, Nocedal & Wu, Math. Program. 134 (2012) 127–155).

import LinearAlgebra
import NeuralNetworks

/// Refits several dense layers on the divergence of class probabilities.
package struct DenseTailRefit: Sendable {
    /// Multiply–adds of all evaluations together, how many they are at most, and with how few it is not begun.
    private static let work = 4e11
    private static let evaluations = (least: 10, most: 120)
    private static let tolerance = 1e-5
    /// Share of the evaluations that sees some of the samples, and the distance of these, φ³: whatever the period of classes is in the
    /// order of the samples, all of them are met alike.
    private static let (early, distance) = (2.0 / 3, 4.236_067_977_5)

    /// The layers, refitted.
    package private(set) var stages: [DenseChain.Stage]
    private let features: [Float]
    private let targets: [Float]
    private let wanted: [Double]
    private let samples: Int

    private var classes: Int { stages[stages.count - 1].outputs }
    private var parameterCount: Int { stages.reduce(0) { $0 + $1.weight.count + $1.bias.count } }

    /// Solves (1) approximately.
    ///
    /// - Parameters:
    ///   - stages: W₁ … W_K as refitted layer by layer; the last without an activation.
    ///   - features: h, one sample per column of `stages[0].inputs`.
    ///   - targets: z, one sample per column.
    ///   - isJoint: whether to move the layers at all.
    package init(_ stages: [DenseChain.Stage], features: [Float], targets: [Float], isJoint: Bool) {
        self.stages = stages
        self.features = features
        self.targets = targets
        samples = targets.count / stages[stages.count - 1].outputs
        wanted = DenseTailRefit.probabilities(targets, classes: stages[stages.count - 1].outputs).values
        let cost = 3 * Double(parameterCount) * Double(samples)
        let affordable = Int(Swift.min(Double(DenseTailRefit.evaluations.most), DenseTailRefit.work / Swift.max(1, cost)))
        guard isJoint, affordable >= DenseTailRefit.evaluations.least else { return }
        var left = affordable
        if let part = part() {
            let first = Int(DenseTailRefit.early * Double(affordable))
            var moved = self
            moved.parameters = part.descended(evaluations: first)
            if moved.objective().value < objective().value { self.stages = moved.stages }
            left -= first
        }
        parameters = descended(evaluations: left)
    }

    /// The same problem on fewer samples; `nil` where these would determine the parameters barely.
    private func part() -> DenseTailRefit? {
        let chosen = (0..<Int(Double(samples) / DenseTailRefit.distance)).map { Int(Double($0) * DenseTailRefit.distance) }
        guard chosen.count * classes > parameterCount else { return nil }
        func columns(_ values: [Float], of size: Int) -> [Float] { chosen.flatMap { values[$0 * size..<($0 + 1) * size] } }
        return DenseTailRefit(
            stages, features: columns(features, of: stages[0].inputs), targets: columns(targets, of: classes), isJoint: false)
    }

    /// Parameters of a lower value of (1).
    private func descended(evaluations: Int) -> [Double] {
        var trial = self
        return LimitedMemoryBFGS.minimize(from: parameters, evaluations: evaluations, tolerance: DenseTailRefit.tolerance) { point in
            trial.parameters = point
            return trial.objective()
        }
    }

    /// What the layers compute before their activations, layer by layer: outputs×N.
    package var preactivations: [[Float]] { preactivations(of: features, samples: samples) }

    private func preactivations(of features: [Float], samples: Int) -> [[Float]] {
        var h = features
        return stages.map { stage in
            let z = stage.forward(h, samples: samples)
            h = z
            stage.activation.apply(to: &h)
            return z
        }
    }

    /// Weights and biases of all layers, one after the other.
    package var parameters: [Double] {
        get { stages.flatMap { $0.weight.map(Double.init) + $0.bias.map(Double.init) } }
        set {
            var first = 0
            for k in stages.indices {
                for i in stages[k].weight.indices { stages[k].weight[i] = Float(newValue[first + i]) }
                first += stages[k].weight.count
                for i in stages[k].bias.indices { stages[k].bias[i] = Float(newValue[first + i]) }
                first += stages[k].bias.count
            }
        }
    }

    /// (1) and its gradient in the order of `parameters`.
    package func objective() -> (value: Double, gradient: [Double]) {
        var parts = [(value: Double, gradient: [Float])](repeating: (0, []), count: (samples + Self.block - 1) / Self.block)
        parts.withUnsafeMutableBufferPointer { parts in
            guard let first = parts.baseAddress else { return }
            let all = SharedPointer(first)
            BLASConfiguration.share(parts.count) { part in
                all.pointer[part] = objective(part * Self.block..<Swift.min(samples, (part + 1) * Self.block))
            }
        }
        // In the order of the samples, whoever was ready first.
        var sum = [Double](repeating: 0, count: parameterCount)
        for part in parts { for i in sum.indices { sum[i] += Double(part.gradient[i]) } }
        return (parts.reduce(0) { $0 + $1.value }, sum)
    }

    /// Samples whose activations are in memory together, which is the third level of the cache at a thousand neurons.
    private static let block = 1024

    /// What some samples add to (1) and its gradient.
    private func objective(_ range: Range<Int>) -> (value: Double, gradient: [Float]) {
        let last = stages.count - 1
        let features = Array(self.features[range.lowerBound * stages[0].inputs..<range.upperBound * stages[0].inputs])
        let first = range.lowerBound * classes
        let z = preactivations(of: features, samples: range.count)
        let (given, logarithms) = DenseTailRefit.probabilities(z[last], classes: classes)
        let scale = 1 / Double(samples)
        let lambda = Double(parameterCount) / Double(classes * samples)
        var value = 0.0
        var slope = [Float](repeating: 0, count: z[last].count)
        for k in slope.indices {
            let wanted = wanted[first + k]
            let difference = Double(z[last][k]) - Double(targets[first + k])
            if wanted > 0 { value += wanted * (Elementary.log(wanted) - logarithms[k]) }
            value += lambda / 2 * difference * difference
            slope[k] = Float(scale * (given[k] - wanted + lambda * difference))
        }
        var parts: [[Float]] = []
        for k in stride(from: last, through: 0, by: -1) {
            let stage = stages[k]
            var h = features
            if k > 0 {
                h = z[k - 1]
                stages[k - 1].activation.apply(to: &h)
            }
            var weight = [Float](repeating: 0, count: stage.weight.count)
            BLAS.gemm(
                .normal, .transposed, stage.inputs, stage.outputs, range.count, 1, h, stage.inputs, slope, stage.outputs, 0, &weight,
                stage.inputs)
            var bias = [Double](repeating: 0, count: stage.outputs)
            for s in 0..<range.count { for o in 0..<stage.outputs { bias[o] += Double(slope[s * stage.outputs + o]) } }
            parts.append(weight + bias.map { Float($0) })
            guard k > 0 else { break }
            slope = stage.backward(slope, samples: range.count)
            stages[k - 1].activation.multiplyDerivative(into: &slope, at: z[k - 1])
        }
        return (value * scale, Array(parts.reversed().joined()))
    }

    /// Softmax and its logarithm, column by column.
    private static func probabilities(_ logits: [Float], classes: Int) -> (values: [Double], logarithms: [Double]) {
        var (values, logarithms) = ([Double](repeating: 0, count: logits.count), [Double](repeating: 0, count: logits.count))
        for first in stride(from: 0, to: logits.count, by: classes) {
            let range = first..<first + classes
            let column = logits[range].map(Double.init)
            let (top, logarithm) = column.withUnsafeBufferPointer { z in
                values.withUnsafeMutableBufferPointer { p in
                    Softmax.probabilities(of: z, into: UnsafeMutableBufferPointer(rebasing: p[range]))
                }
            }
            for k in range { logarithms[k] = Double(logits[k]) - top - logarithm }
        }
        return (values, logarithms)
    }
}
