// Feeding inputs through a network, a few at a time.

import NeuralNetworks

/// A network prepared to be fed with any number of inputs.
struct ActivationStream: Sendable {
    /// Inputs per forward pass: bounds memory, whatever the size of the set.
    private static let most = 64

    private let evaluator: Evaluator
    private let size: Int
    private let meter: WorkMeter?
    private let multiplyAdds: Double

    /// - Parameters:
    ///   - taps: values to observe; the outputs when `nil`.
    ///   - meter: is told what passes cost.
    /// - Throws: `evaluation`.
    init(_ network: Network, observing taps: [Network.ValueID]? = nil, meter: WorkMeter? = nil) throws(PruningError) {
        do {
            evaluator = try Evaluator(network, observing: taps)
        } catch {
            throw .evaluation(error)
        }
        self.meter = meter
        multiplyAdds = meter == nil ? 0 : network.multiplyAdds(from: network.inputs, to: taps ?? network.outputs)
        size = Swift.min(ActivationStream.most, network.batchSize(observing: taps ?? []))
    }

    /// Inputs in batches, in order.
    func batches(of inputs: ActivationTensor) -> [Range<Int>] {
        stride(from: 0, to: inputs.batchCount, by: size).map { $0..<Swift.min($0 + size, inputs.batchCount) }
    }

    /// What the network makes of some of the inputs.
    /// - Throws: `evaluation`.
    func callAsFunction(_ inputs: ActivationTensor, samples: Range<Int>) throws(PruningError) -> Activations {
        meter?.add(multiplyAdds * Double(samples.count))
        do { return try evaluator.forward([inputs], samples: samples) } catch { throw .evaluation(error) }
    }

    /// What the network makes of all inputs, batch by batch.
    /// - Throws: `evaluation`.
    func forEachBatch(of inputs: ActivationTensor, _ body: (Activations) -> Void) throws(PruningError) {
        for samples in batches(of: inputs) { body(try self(inputs, samples: samples)) }
    }
}
