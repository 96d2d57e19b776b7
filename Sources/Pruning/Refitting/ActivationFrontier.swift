// The activations of a set of inputs at a cut through the network, moved forward layer by layer.
//
// A cut at node p lies between the nodes before p and the rest; what crosses it are the values that earlier nodes make and
// later ones read. Refitting goes in node order, so everything before the cut is final and no layer is evaluated twice.
// Memory: the crossing values of all inputs, once (twice while the cut moves); batches bound everything in between.

import NeuralNetworks

/// Values that cross a cut of a network.
struct ActivationFrontier: Sendable {
    /// Nodes before this one have been evaluated.
    private(set) var position = 0
    private var tensors: [Network.ValueID: ActivationTensor]
    let batchCount: Int

    /// The cut before the first node.
    init(_ inputs: ActivationTensor, of network: Network) throws(PruningError) {
        guard network.inputs.count == 1, let input = network.inputs.first else {
            throw .unsupported(.reweighting, value: Reweighting.sequential.rawValue, needs: .singleInput)
        }
        tensors = [input: inputs]
        batchCount = inputs.batchCount
    }

    /// Moves the cut to just before `node`.
    mutating func advance(to node: Int, in masked: MaskedNetwork) throws(PruningError) {
        guard node > position else { return }
        let crossing = masked.network.values(crossing: node)
        var moved = tensors.filter { crossing.contains($0.key) }
        let made = crossing.filter { moved[$0] == nil }
        if !made.isEmpty {
            // Whole: what lies in between is evaluated a few samples at a time.
            for (value, tensor) in try Evaluation(self, masked, observing: made)(0..<batchCount).tensors {
                moved[value] = tensor
            }
        }
        tensors = moved
        position = node
    }

    /// Evaluates from the cut on, batch by batch; `body` gets the number of the batch and the observed values.
    ///
    /// - Parameter batches: sizes of the batches; as memory allows when `nil`.
    func forEachBatch(
        in masked: MaskedNetwork, observing taps: [Network.ValueID], batches: [Int]? = nil, _ body: (Int, Activations) -> Void
    ) throws(PruningError) {
        // Memory of this size is handed out again without a visit to the system.
        let most = masked.network.batchSize(observing: taps, megabytes: 32)
        let evaluation = try Evaluation(self, masked, observing: taps)
        var first = 0
        var batch = 0
        while first < batchCount {
            let range = first..<Swift.min(first + (batches?[batch] ?? most), batchCount)
            body(batch, try evaluation(range))
            first = range.upperBound
            batch += 1
        }
    }

    /// A network prepared to go on from the cut.
    private struct Evaluation {
        private let evaluator: Evaluator
        private let inputs: [ActivationTensor]

        init(_ frontier: ActivationFrontier, _ masked: MaskedNetwork, observing taps: [Network.ValueID]) throws(PruningError) {
            let sources = frontier.tensors.keys.sorted()
            inputs = sources.compactMap { frontier.tensors[$0] }
            do {
                evaluator = try Evaluator(masked.network, from: sources, observing: taps)
            } catch {
                throw .evaluation(error)
            }
        }

        func callAsFunction(_ samples: Range<Int>) throws(PruningError) -> Activations {
            do {
                return try evaluator.forward(inputs, samples: samples)
            } catch {
                throw .evaluation(error)
            }
        }
    }
}
