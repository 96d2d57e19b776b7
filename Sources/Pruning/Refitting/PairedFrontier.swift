// One cut through two networks that are fed with the same inputs: the original, and the one pruned so far.
//
// The original may be a node ahead: what it makes of a consumer is final, and need not be computed again for what comes behind.

import NeuralNetworks

/// The cut through two networks, or through one that stands for both.
struct PairedFrontier: Sendable {
    private(set) var exact: ActivationFrontier
    /// Of the network pruned so far; `nil` where that is still the original.
    private(set) var approximate: ActivationFrontier?

    var batchCount: Int { exact.batchCount }
    var reached: Int { exact.reached }

    /// - Parameter isPaired: whether there are two networks.
    init(_ frontier: ActivationFrontier, isPaired: Bool) {
        exact = frontier
        approximate = isPaired ? frontier : nil
    }

    /// Sets the memory for what crosses, of each network.
    mutating func allow(bytes: Int) {
        exact.allow(bytes: bytes)
        approximate?.allow(bytes: bytes)
    }

    /// Asks for at least so many inputs and moves the cut to just before `node`.
    ///
    /// - Parameter isAhead: whether the original, where it is another network, goes on to just behind `node`
    ///     as far as memory holds what crosses there.
    mutating func advance(
        to node: Int, in original: MaskedNetwork, _ masked: MaskedNetwork, inputs wanted: Int = .max, isAhead: Bool = false
    ) throws(PruningError) {
        let goesOn = isAhead && approximate != nil && exact.holds(Swift.min(wanted, batchCount), behind: node, in: original)
        try exact.advance(to: goesOn ? node + 1 : node, in: original, inputs: wanted)
        try approximate?.advance(to: node, in: masked, inputs: wanted)
    }

    /// Evaluates both networks from the cut on, batch by batch.
    ///
    /// - Parameters:
    ///   - inputs: which of those that have been asked for.
    ///   - body: gets the number of the first input of a batch and what was observed in each network.
    func forEachBatch(
        of inputs: Range<Int>, in original: MaskedNetwork, observing taps: [Network.ValueID], _ masked: MaskedNetwork,
        observing others: [Network.ValueID], _ body: (Int, Activations, Activations) -> Void
    ) throws(PruningError) {
        let all = Array(Set(taps + others)).sorted()
        guard let approximate else {
            return try exact.forEachBatch(of: inputs, in: original, observing: all) { body($0, $1, $1) }
        }
        var readers = (
            ActivationFrontier.Reader(exact, original, observing: taps), ActivationFrontier.Reader(approximate, masked, observing: others)
        )
        let size = ActivationFrontier.Reader.batchSize(original.network, all)
        // Inputs that both networks hold at one cut each.
        for batch in exact.batches(of: inputs, size: size).flatMap({ approximate.batches(of: $0, size: size) }) {
            body(batch.lowerBound, try readers.0(batch), try readers.1(batch))
        }
    }
}
