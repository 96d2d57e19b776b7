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
        statistics: [Int: ChannelStatistics],
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
        path = try OutputPath(consumer, in: network, statistics: statistics, pending: pending)
    }

    /// Consumers of cut groups in node order; each may make up for branches that are final by then.
    ///
    /// - Parameter followers: with layers that only read what consumers of cut groups have changed.
    static func sites(
        of groups: [(group: Int, weights: GroupWeights)], in network: Network, statistics: [Int: ChannelStatistics],
        pending arePending: Bool = true, followers: Bool = false
    ) throws(PruningError) -> [Site] {
        var readings: [Int: [(group: Int, consumer: Consumer, channels: Int)]] = [:]
        for (g, weights) in groups {
            for consumer in weights.consumers { readings[consumer.layer.node, default: []].append((g, consumer, weights.group.count)) }
        }
        if followers { for node in network.followers(of: Set(readings.keys)) { readings[node] = [] } }
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
            sites.append(try Site(consumer, reading, in: network, statistics: statistics, pending: pending))
            pending.remove(node)
        }
        return sites
    }

    /// The choice of channels of one group as least-squares problems, one per share: its channels are the blocks, every target
    /// counts by the normalization behind it, and channels that other groups have given up take no part.
    ///
    /// - Parameters:
    ///   - removed: outputs that count nothing.
    ///   - kept: channels of other groups that stay; `nil` where that is open, and they are whole.
    func choice(
        _ problem: SiteProblem, of group: Int, removed: Set<Int> = [], kept: (_ group: Int) -> [Int]?
    ) -> [BlockSelection.Problem] {
        guard let member = patches.members.first(where: { $0.group == group }) else { return [] }
        let regressors = patches.regressors(ofBlocks: patches.blocks { $0 == group ? nil : kept($0) })
        let size = member.blocksPerChannel * patches.taps
        let first = regressors.firstIndex(of: member.first * patches.taps) ?? 0
        let blocks = (0..<member.channels).map { first + $0 * size..<first + ($0 + 1) * size }
        return problem.shares.enumerated().map { share, reconstruction in
            let outputs = share * patches.outputs..<(share + 1) * patches.outputs
            let scale = outputs.map { removed.contains($0) ? 0 : path.scale[$0] }
            let whole = regressors.count == reconstruction.count ? reconstruction : reconstruction.selecting(regressors)
            return BlockSelection.Problem(whole.weighted(scale), blocks: blocks)
        }
    }
}

/// Least-squares problems of a site, one per share, and the spread of what `OutputPath.observed` holds.
struct SiteProblem: Sendable {
    var shares: [Reconstruction]
    /// Var y per output, all shares.
    var spread: [Double]
}

extension Reconstruction {
    /// The same problem with some of the regressors only, under the same ridge.
    func selecting(_ regressors: [Int]) -> Reconstruction {
        var result = self
        result.channels = ActivationMoments(
            mean: regressors.map { channels.mean[$0] },
            covariance: channels.covariance.selectingRows(regressors).selectingColumns(regressors))
        result.cross = cross.selectingRows(regressors)
        return result
    }

    /// The same problem with target k counted times `scale[k]`.
    func weighted(_ scale: [Double]) -> Reconstruction {
        var result = self
        for k in 0..<cross.columns {
            for i in 0..<cross.rows { result.cross[i, k] *= scale[k] }
            result.targetMean[k] *= scale[k]
            result.targetEnergies[k] *= scale[k] * scale[k]
        }
        return result
    }

    /// V₀: each removed block replaced by the best combination of kept ones, the same at every tap.
    ///
    /// - Parameters:
    ///   - outgoing: the original weights, q×(n·t).
    ///   - taps: t.
    /// - Returns: q×(|kept|·t).
    func oneShot(_ outgoing: Matrix, taps: Int, kept: [Int]) throws(FactorizationError) -> Matrix {
        let n = count / taps
        let covariance = Matrix(rows: n, columns: n) { i, j in
            (0..<taps).reduce(0) { $0 + channels.covariance[i * taps + $1, j * taps + $1] } / Double(taps)
        }
        var normal = covariance.selectingRows(kept).selectingColumns(kept)
        let floor = Double(n) * Double.ulpOfOne * Swift.max(channels.meanVariance, .leastNormalMagnitude)
        for k in kept.indices { normal[k, k] += Swift.max(ridge, floor) }
        let combination = try Cholesky(normal).solve(covariance.selectingRows(kept))
        var result = Matrix(rows: outgoing.rows, columns: kept.count * taps)
        for t in 0..<taps {
            let slice = outgoing.selectingColumns((0..<n).map { $0 * taps + t })
            let image = slice.times(combination, transposeOther: true)
            for k in kept.indices { for o in 0..<outgoing.rows { result[o, k * taps + t] = image[o, k] } }
        }
        return result
    }
}
