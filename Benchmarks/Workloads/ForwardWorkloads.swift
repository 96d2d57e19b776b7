// Suite `network`: forward passes of one and of 32 inputs.
//
// The answer is checked by evaluating the first and the last input alone: what a network makes of an input must not depend on
// the batch it comes in, to the last bit.

import LinearAlgebra
import NeuralNetworks

package enum ForwardWorkloads {
    static let batches = [1, 32]

    static func workloads(_ subject: SubjectNetwork) -> [Workload] {
        batches.map { batch in
            let workload = Workload(
                .network, "forward \(subject.name)", [Size("images", batch)], tier: subject.tier, comparisons: [.threads, .kernels]
            ) {
                let network = try subject.load().inferringShapes()
                let inputs = try drawn(network, count: batch)
                let evaluator = try Evaluator(network)
                return Instance(flops: network.cost.multiplyAdds.map { 2 * Double($0) * Double(batch) }, singlePrecision: true) {
                    let outputs = try evaluator.forward(inputs).observed
                    return Answer { try check(outputs, evaluator, inputs) }
                }
            }
            return subject.isOnFile ? workload.without(.kernels) : workload
        }
    }

    /// Normal numbers for every input whose shape is known.
    static func drawn(_ network: Network, count: Int) throws -> [ActivationTensor] {
        var generator = WorkloadGenerator(seed: 84)
        return try network.inputs.map { input in
            guard let shape = network.values[input].shape else {
                throw NetworkError.invalidNetwork(
                    reason: "expected inputs of known shape to time a forward pass, found \(network.values[input].name) without one")
            }
            return ActivationTensor(
                shape: [count] + shape, values: generator.normals(count * shape.reduce(1, *)).map { Float($0) })
        }
    }

    private static func check(
        _ outputs: [ActivationTensor], _ evaluator: Evaluator, _ inputs: [ActivationTensor]
    ) throws -> Verification {
        let measure = "|in a batch − alone|"
        var worst = 0.0
        for sample in Set([0, inputs[0].batchCount - 1]) {
            let alone = try evaluator.forward(inputs, samples: sample..<sample + 1, threads: 1).observed
            for (whole, single) in zip(outputs, alone) {
                let own = whole.samples(sample..<sample + 1).values
                guard own.allSatisfy(\.isFinite), own.count == single.values.count else {
                    return Verification(measure, error: .infinity, tolerance: 0)
                }
                worst = zip(own, single.values).reduce(worst) { max($0, Double(($1.0 - $1.1).magnitude)) }
            }
        }
        return Verification(measure, error: worst, tolerance: 0)
    }
}
