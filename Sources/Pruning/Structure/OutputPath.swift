// Where the error of a consumer is felt: behind its batch normalization, and behind the addition it feeds.
//
//   y = a·z + b (+ r)        z the consumer's output, a the batch normalization's scale (1 without), r the other summand   (1)
// In the pruned network r has an error of its own. The consumer can make up for it: with z° and r° of the original network, the
// y of the pruned network is closest to the original's when z follows the target
//   z* = z° + (r° − r)/a.                                                                               (2)
// Source of (2): He, Zhang & Sun, ICCV 2017 (channel pruning), for residual branches.

import NeuralNetworks

/// What follows a consumer.
struct OutputPath: Sendable {
    /// a of (1), one entry per output.
    var scale: [Double]
    /// r of (1), when the consumer may make up for its error.
    var operand: Network.ValueID?
    /// The value that (1) describes.
    var observed: Network.ValueID

    /// - Parameters:
    ///   - pending: consumers that are not refitted yet; a summand that depends on one of them is not final.
    init(_ consumer: Consumer, in network: Network, pending: Set<Int>) throws(PruningError) {
        let node = consumer.layer.node
        scale = [Double](repeating: 1, count: consumer.outputCount)
        observed = consumer.layer.output
        operand = nil
        // What a projection makes is added up behind it, or goes through gates: the values of its map count alike.
        guard consumer.projection == nil else { return }
        if let next = network.batchNormalization(after: node), case .batchNormalization(let layer) = network.nodes[next].layer {
            do {
                scale = try network.affineMap(of: layer, node: network.nodes[next]).scale
            } catch {
                throw .network(error)
            }
            observed = network.nodes[next].outputs[0]
        }
        let readers = network.nodes.filter { $0.inputs.contains(observed) }
        guard readers.count == 1, case .add = readers[0].layer, readers[0].inputs.count == 2, !network.outputs.contains(observed),
            let other = readers[0].inputs.first(where: { $0 != observed }),
            network.values[other].shape == network.values[observed].shape,
            network.ancestors(of: other).isDisjoint(with: pending), network.evaluability().isComputable(other)
        else { return }
        operand = other
        observed = readers[0].outputs[0]
    }

    /// 1/a, or 0 where the batch normalization all but silences an output: nothing can be made up for there.
    var inverseScale: [Double] {
        let floor = 1e-3 * (scale.map(\.magnitude).max() ?? 0)
        return scale.map { $0.magnitude > floor ? 1 / $0 : 0 }
    }
}
