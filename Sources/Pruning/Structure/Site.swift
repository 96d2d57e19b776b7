// One consumer with every cut group that it reads: what sequential reconstruction refits at once.
//
// Channels of several groups may meet on one input axis: residual streams behind shortcuts that pad channels, concatenations.
// The consumer is one least-squares problem over all of them, and over what no group owns; one refit per group would each time
// ask a part of the channels to stand for all.

import LinearAlgebra
import NeuralNetworks

/// One consumer of one or more cut groups.
struct Site: Sendable {
    var consumer: Consumer
    var patches: ConsumerPatches
    var path: OutputPath

    /// Cut groups that the consumer reads, in their own order.
    var groups: [Int] { patches.members.map(\.group) }

    /// - Parameters:
    ///   - readings: the same layer as a consumer of each of its cut groups, with the number of their channels; none where it
    ///     only follows consumers of cut groups.
    ///   - pending: consumers that are not refitted yet.
    init(
        _ consumer: Consumer, _ readings: [(group: Int, consumer: Consumer, channels: Int)], in network: Network,
        pending: Set<Int>
    ) throws(PruningError) {
        self.consumer = consumer
        var positions: [(group: Int, positions: [[Int]])] = []
        for reading in readings {
            let own = (0..<reading.channels).map { reading.consumer.layer.map.positions(of: $0) }
            // A concatenation may present one group twice.
            if let k = positions.firstIndex(where: { $0.group == reading.group }) {
                positions[k].positions = zip(positions[k].positions, own).map { $0 + $1 }
            } else {
                positions.append((reading.group, own))
            }
        }
        patches = try ConsumerPatches(consumer, readings: positions, in: network)
        path = try OutputPath(consumer, in: network, pending: pending)
    }

    /// Consumers of cut groups in node order; each may make up for branches that are final by then.
    ///
    /// - Parameter followers: with layers that only read what consumers of cut groups have changed.
    static func sites(
        of groups: [(group: Int, channels: Int, consumers: [Consumer])], in network: Network,
        pending arePending: Bool = true, followers: Bool = false
    ) throws(PruningError) -> [Site] {
        var readings: [Int: [(group: Int, consumer: Consumer, channels: Int)]] = [:]
        for (g, channels, consumers) in groups {
            for consumer in consumers { readings[consumer.layer.node, default: []].append((g, consumer, channels)) }
        }
        if followers {
            let evaluability = network.evaluability()
            for node in network.followers(of: Set(readings.keys)) where network.nodes[node].outputs.allSatisfy(evaluability.isComputable) {
                readings[node] = []
            }
        }
        var pending = arePending ? Set(readings.keys) : []
        var sites: [Site] = []
        for (node, reading) in readings.sorted(by: { $0.key < $1.key }) {
            let consumer: Consumer
            if let first = reading.first {
                consumer = first.consumer
            } else if let layer = network.reader(node) {
                consumer = try Consumer(layer, in: network)
            } else {
                continue
            }
            sites.append(try Site(consumer, reading, in: network, pending: pending))
            pending.remove(node)
        }
        return sites
    }
}
