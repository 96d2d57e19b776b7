// A layer that reads a channel group.
//
// With the stored weight seen along the axis of the channels as (outer, axis, inner), the row of V (GroupWeights) is
// (position k of the channel, outer o, inner i). Every row belongs to one output of the consumer, whose bias (or following
// running mean) takes the constant of a refit.

import LinearAlgebra
import NeuralNetworks

/// One consumer of a group with the shape of its weight.
struct Consumer: Sendable {
    let layer: GroupConsumer
    /// Shape of the weight as stored.
    let shape: [Int]
    /// The axis of `shape` that runs over the consumer's outputs.
    let outputAxis: Int
    /// A linear layer: channels are the last axis of what it reads.
    let isLinear: Bool
    /// The map that is fitted, where the layer is not linear itself.
    let projection: Projection?
    /// A convolution in groups sees different channels through the same columns: one refit cannot serve them.
    let isGrouped: Bool
    let name: String

    init(_ layer: GroupConsumer, in network: Network) throws(PruningError) {
        let node = network.nodes[layer.node]
        guard let parameter = network.parameters[layer.weight], layer.axis < parameter.shape.count, parameter.shape.count >= 2 else {
            throw .missingParameter(name: layer.weight, layer: node.name)
        }
        self.layer = layer
        name = node.name
        shape = parameter.shape
        projection = try Projection(layer, in: network)
        outputAxis = projection?.outputAxis ?? (layer.axis == 0 ? 1 : 0)
        if case .linear = node.layer { isLinear = true } else { isLinear = projection?.readsLastAxis ?? false }
        if case .convolution(let convolution) = node.layer { isGrouped = convolution.groups > 1 } else { isGrouped = false }
    }

    var hasConstant: Bool { layer.shift != .none }
    /// Positions of one channel on the axis.
    var positionsPerChannel: Int { layer.map.offsets.count * layer.map.run }
    /// Products of the extents before and after the axis.
    var outer: Int { shape[..<layer.axis].reduce(1, *) }
    var inner: Int { shape[(layer.axis + 1)...].reduce(1, *) }
    /// Rows of V.
    var rowCount: Int { positionsPerChannel * outer * inner }
    /// Values that one output reads: everything on the axis, at all taps.
    var regressorCount: Int { shape.reduce(1, *) / Swift.max(1, outputCount) }
    /// Number of outputs; of a projection all values of its map.
    var outputCount: Int { projection == nil ? shape[outputAxis] : outer * inner }
    /// Where what the layer makes is counted: an axis of a parameter, and its extent.
    var observed: (parameter: String, axis: Int, count: Int) { projection?.observed ?? (layer.weight, outputAxis, shape[outputAxis]) }

    /// Outputs that go with one position of `outputAxis`.
    func outputs(at position: Int) -> [Int] { projection?.values(at: position) ?? [position] }

    /// The output that row `row` of V contributes to.
    func output(ofRow row: Int) -> Int {
        let (o, i) = (row / inner % outer, row % inner)
        if projection != nil { return o * inner + i }
        if outputAxis < layer.axis { return o / shape[(outputAxis + 1)..<layer.axis].reduce(1, *) % shape[outputAxis] }
        return i / shape[(outputAxis + 1)...].reduce(1, *) % shape[outputAxis]
    }

    /// Writes V' (columns in the order of `kept`) into stored values; the columns of all other channels become zero.
    func scatter(_ weights: Matrix, rowOffset: Int, kept: [Int], channels: Int, into values: inout [Float]) {
        let length = shape[layer.axis]
        var columnOf = [Int?](repeating: nil, count: channels)
        for (k, c) in kept.enumerated() { columnOf[c] = k }
        for c in 0..<channels {
            var row = rowOffset
            for p in layer.map.positions(of: c) {
                for o in 0..<outer {
                    for i in 0..<inner {
                        values[(o * length + p) * inner + i] = columnOf[c].map { Float(weights[row, $0]) } ?? 0
                        row += 1
                    }
                }
            }
        }
    }
}
