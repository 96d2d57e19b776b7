// The weights around a channel group as matrices: what comes in (points) and what goes out (V of the refit).
//
// The outgoing vector V_c of channel c stacks, per consumer, all entries at the channel's positions on the consumer's
// input axis, position-major: with the weight seen along that axis as (outer, axis, inner), the row of V is
// (position k of the channel, outer o, inner i). Every row belongs to one output of the consumer, whose bias (or following
// running mean) takes the constant of the refit.

import LinearAlgebra
import NeuralNetworks

/// A prunable group with its weights as matrices.
struct GroupWeights: Sendable {
    let group: ChannelGroup
    /// (pᵢ, bᵢ) as columns, normalization folded in.
    let incoming: Matrix
    /// V, all readers stacked: `consumers` in their order, then those that cannot be measured or refitted.
    let outgoing: Matrix
    /// Linear layers and convolutions that can be measured.
    let consumers: [Consumer]

    init(_ group: ChannelGroup, in network: Network) throws(PruningError) {
        self.group = group
        let readers = network.measurableConsumers(of: group, network.evaluability())
        do {
            incoming = try network.incomingMatrix(group)
            outgoing = try network.outgoingMatrix(group, first: readers)
        } catch {
            throw .network(error)
        }
        consumers = try readers.map { (layer) throws(PruningError) in try Consumer(layer, in: network) }
    }

    /// Whether every consumer has a place for a constant.
    var hasConstant: Bool { consumers.allSatisfy(\.hasConstant) }

    /// First row of each consumer in `outgoing`.
    var rowOffsets: [Int] {
        var offset = 0
        return consumers.map { consumer in
            defer { offset += consumer.rowCount }
            return offset
        }
    }
}
