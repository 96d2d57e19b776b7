// Suite `network`: one step of learning, the loss of 32 inputs and its slope in all weights.
//
// ℓ = ½‖y‖² of the outputs, batch normalizations frozen as where a pruned network learns. The answer is checked by linearity: slopes of
// a batch are the sum of those of its halves.

import NeuralNetworks

package enum StepWorkloads {
    private static let batch = 32

    static func workloads(_ subject: SubjectNetwork) -> [Workload] {
        // A user's network may hold operations without a derivative.
        if subject.isOnFile, (try? prepared(subject)) == nil { return [] }
        let workload = Workload(
            .network, "training step \(subject.name)", [Size("images", batch)], tier: subject.tier, comparisons: [.threads, .kernels]
        ) {
            let (network, gradient) = try prepared(subject)
            let inputs = try ForwardWorkloads.drawn(network, count: batch)
            // No rate: the slopes of a network's own inputs are not computed, and who counts them exceeds the peak.
            return Instance {
                let slopes = try slopes(gradient, inputs)
                return Answer {
                    let halves = [0..<batch / 2, batch / 2..<batch].map { part in inputs.map { $0.samples(part) } }
                    let (first, second) = (try Self.slopes(gradient, halves[0]), try Self.slopes(gradient, halves[1]))
                    return check(slopes, zip(first, second).map { $0 + $1 })
                }
            }
        }
        return [subject.isOnFile ? workload.without(.kernels) : workload]
    }

    /// The network and its gradient with respect to the weights and biases of all layers that have them.
    private static func prepared(_ subject: SubjectNetwork) throws -> (Network, WeightGradient) {
        let network = try subject.load().inferringShapes()
        var names: Set<String> = []
        for node in network.nodes {
            switch node.layer {
            case .linear(let layer): names.formUnion([layer.weight] + [layer.bias].compactMap { $0 })
            case .convolution(let layer): names.formUnion([layer.weight] + [layer.bias].compactMap { $0 })
            default: break
            }
        }
        return (network, try WeightGradient(network, observing: network.outputs, parameters: names.sorted()))
    }

    private static func slopes(_ gradient: WeightGradient, _ inputs: [ActivationTensor]) throws -> [Float] {
        try gradient.gradient(at: inputs) { _, values, slopes in
            var sum = 0.0
            for (value, slope) in zip(values, slopes) {
                for i in value.indices {
                    sum += Double(value[i]) * Double(value[i]) / 2
                    slope[i] = value[i]
                }
            }
            return sum
        }.gradient
    }

    private static func check(_ slopes: [Float], _ sum: [Float]) -> Verification {
        let measure = "|slopes − those of the halves|/|slopes|"
        guard slopes.count == sum.count, slopes.allSatisfy(\.isFinite) else {
            return Verification(measure, error: .infinity, tolerance: 1e-4)
        }
        let largest = slopes.reduce(1e-30) { max($0, Double($1.magnitude)) }
        let worst = zip(slopes, sum).reduce(0) { max($0, Double(($1.0 - $1.1).magnitude)) }
        return Verification(measure, error: worst / largest, tolerance: 1e-4)
    }
}
