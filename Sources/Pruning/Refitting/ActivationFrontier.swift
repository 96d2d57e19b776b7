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
            throw .unsupported(what: "--reweight sequential", needs: "a network with one input")
        }
        tensors = [input: inputs]
        batchCount = inputs.batchCount
    }

    /// Moves the cut to just before `node`.
    mutating func advance(
        to node: Int, in network: Network, statistics: [Int: ChannelStatistics]
    ) throws(PruningError) {
        guard node > position else { return }
        let crossing = network.values(crossing: node)
        var moved = tensors.filter { crossing.contains($0.key) }
        let made = crossing.filter { moved[$0] == nil }
        if !made.isEmpty {
            // Whole: what lies in between is evaluated a few samples at a time.
            for (value, tensor) in try Evaluation(self, network, statistics: statistics, observing: made)(0..<batchCount).tensors {
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
        in network: Network, statistics: [Int: ChannelStatistics], observing taps: [Network.ValueID], batches: [Int]? = nil,
        _ body: (Int, Activations) -> Void
    ) throws(PruningError) {
        // Memory of this size is handed out again without a visit to the system.
        let most = network.batchSize(observing: taps, megabytes: 32)
        let evaluation = try Evaluation(self, network, statistics: statistics, observing: taps)
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

        init(
            _ frontier: ActivationFrontier, _ network: Network, statistics: [Int: ChannelStatistics], observing taps: [Network.ValueID]
        ) throws(PruningError) {
            let sources = frontier.tensors.keys.sorted()
            inputs = sources.compactMap { frontier.tensors[$0] }
            do {
                evaluator = try Evaluator(network, from: sources, observing: taps, statistics: statistics)
            } catch {
                throw .evaluation("\(error)")
            }
        }

        func callAsFunction(_ samples: Range<Int>) throws(PruningError) -> Activations {
            do {
                return try evaluator.forward(inputs, samples: samples)
            } catch {
                throw .evaluation("\(error)")
            }
        }
    }
}

extension Network {
    /// Values that nodes before `node` (or the inputs) make and later ones, or the outside, read; fixed tensors excepted.
    func values(crossing node: Int) -> [ValueID] {
        var made = Set(inputs)
        for earlier in nodes[..<node] {
            if case .constant = earlier.layer { continue }
            made.formUnion(earlier.outputs)
        }
        let read = Set(nodes[node...].flatMap(\.inputs) + outputs)
        return made.intersection(read).sorted()
    }

    /// Samples per batch so that the observed values of one batch stay below a number of megabytes; at most 128, and enough to
    /// occupy several cores.
    func batchSize(observing taps: [ValueID], megabytes: Int = 128) -> Int {
        let perSample = taps.reduce(0) { $0 + (values[$1].shape?.reduce(1, *) ?? 0) }
        return Swift.max(8, Swift.min(128, (megabytes << 18) / Swift.max(1, perSample)))
    }

    /// Nodes that a value depends on.
    func ancestors(of value: ValueID) -> Set<Int> {
        var wanted: Set<ValueID> = [value]
        var result: Set<Int> = []
        for index in nodes.indices.reversed() where nodes[index].outputs.contains(where: wanted.contains) {
            result.insert(index)
            wanted.formUnion(nodes[index].inputs)
        }
        return result
    }
}
