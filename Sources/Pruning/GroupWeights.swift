// The weights around a channel group as matrices: what comes in (points) and what goes out (V of the refit).
//
// A parameter is seen along one axis as (outer, axis, inner). Channel c of a group owns the positions map.positions(of: c)
// of that axis. Its incoming vector stacks, per producer, weight rows and bias with the batch normalization that follows
// folded in; its outgoing vector V_c stacks, per consumer, all entries at its positions, position-major:
// row of V = (position k of the channel, outer o, inner i). Every row belongs to one output of the consumer, whose bias
// (or following running mean) takes the constant of the refit.

import LinearAlgebra
import NeuralNetworks

/// One consumer of a group: where its columns lie, and where a constant can go.
struct Consumer: Sendable {
    /// Index of the node in `Network.nodes`.
    var node: Int
    /// Name of the node, for messages.
    var name: String
    var weight: String
    var axis: Int
    var map: IndexMap
    /// Shape of the weight as stored.
    var shape: [Int]
    /// The axis of `shape` that runs over the consumer's outputs.
    var outputAxis: Int
    var constant: Constant

    /// Where a constant shift of the consumer's output is stored.
    enum Constant: Sendable, Equatable {
        /// Added to the bias.
        case bias(String)
        /// Subtracted from the running mean of the batch normalization that follows.
        case runningMean(String)
        /// Nowhere: the refit then has no intercept.
        case absent
    }

    /// Positions of one channel on the axis.
    var positionsPerChannel: Int { map.offsets.count * map.run }
    /// Product of the extents before and after the axis.
    var outer: Int { shape[..<axis].reduce(1, *) }
    var inner: Int { shape[(axis + 1)...].reduce(1, *) }
    /// Rows of V.
    var rowCount: Int { positionsPerChannel * outer * inner }
    /// Number of outputs.
    var outputCount: Int { shape[outputAxis] }

    /// The output that row `row` of V contributes to.
    func output(ofRow row: Int) -> Int {
        let (o, i) = (row / inner % outer, row % inner)
        // Extents between the output axis and the end of its side.
        if outputAxis < axis { return o / shape[(outputAxis + 1)..<axis].reduce(1, *) % shape[outputAxis] }
        return i / shape[(outputAxis + 1)...].reduce(1, *) % shape[outputAxis]
    }

    /// V, rowCount×n, of the stored values.
    func matrix(_ values: [Float], channels: Int) -> Matrix {
        var result = Matrix(rows: rowCount, columns: channels)
        let length = shape[axis]
        var index = 0
        for c in 0..<channels {
            for p in map.positions(of: c) {
                for o in 0..<outer {
                    for i in 0..<inner {
                        result.elements[index] = Double(values[(o * length + p) * inner + i])
                        index += 1
                    }
                }
            }
        }
        return result
    }

    /// Writes V' (columns in the order of `kept`) into stored values; the columns of all other channels become zero.
    func scatter(_ weights: Matrix, rowOffset: Int, kept: [Int], channels: Int, into values: inout [Float]) {
        let length = shape[axis]
        var columnOf = [Int?](repeating: nil, count: channels)
        for (k, c) in kept.enumerated() { columnOf[c] = k }
        for c in 0..<channels {
            var row = rowOffset
            for p in map.positions(of: c) {
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

/// A prunable group with its weights as matrices.
struct GroupWeights: Sendable {
    var group: ChannelGroup
    /// (pᵢ, bᵢ) as columns, normalization folded in.
    var incoming: Matrix
    /// V, all consumers stacked.
    var outgoing: Matrix
    var consumers: [Consumer]
    /// What the last activation before the consumers is, when there is exactly one kind.
    var hasIntercept: Bool { consumers.allSatisfy { $0.constant != .absent } }

    init(_ group: ChannelGroup, in network: Network) throws(PruningError) {
        self.group = group
        incoming = try GroupWeights.incoming(group, network)
        consumers = try GroupWeights.consumers(group, network)
        let parts = try consumers.map { (consumer) throws(PruningError) in
            consumer.matrix(try network.values(of: consumer.weight), channels: group.count)
        }
        outgoing = Matrix.stacked(parts, columns: group.count)
    }

    /// First row of each consumer in `outgoing`.
    var rowOffsets: [Int] {
        var offset = 0
        return consumers.map { consumer in
            defer { offset += consumer.rowCount }
            return offset
        }
    }

    private static func incoming(_ group: ChannelGroup, _ network: Network) throws(PruningError) -> Matrix {
        var parts: [Matrix] = []
        for producer in group.producers {
            let slices = group.slices.filter { $0.node == producer && $0.role == .producer }
            let rows = try slices.map { (slice) throws(PruningError) -> Matrix in
                guard let parameter = network.parameters[slice.parameter] else {
                    throw .malformedNetwork("expected a tensor named \"\(slice.parameter)\", found none")
                }
                return parameter.channels(axis: slice.axis, map: slice.map, count: group.count)
            }
            parts.append(Matrix.stacked(rows, columns: group.count))
        }
        var result = Matrix.stacked(parts, columns: group.count)
        // With one producer, the normalization that follows is a scale and a shift of each channel: fold it in.
        let normalizations = Set(group.slices.filter { $0.role == .normalization }.map(\.node))
        if group.producers.count == 1, normalizations.count == 1, let node = normalizations.first,
            case .batchNormalization(let layer) = network.nodes[node].layer
        {
            let variance = try network.values(of: layer.variance)
            let mean = try network.values(of: layer.mean)
            let scale = try layer.scale.map { (name) throws(PruningError) in try network.values(of: name) }
            let shift = try layer.shift.map { (name) throws(PruningError) in try network.values(of: name) }
            guard variance.count == group.count, mean.count == group.count else { return result }
            let hasBias = group.slices.contains {
                $0.role == .producer && network.parameters[$0.parameter]?.shape.count == 1
            }
            let height = result.rows
            let folded = Matrix(rows: hasBias ? height : height + 1, columns: group.count) { r, c in
                let factor = Double(scale?[c] ?? 1) / (Double(variance[c]) + Double(layer.epsilon)).squareRoot()
                let isLast = r == (hasBias ? height - 1 : height)
                let value = r < height ? result[r, c] : 0
                return isLast ? (value - Double(mean[c])) * factor + Double(shift?[c] ?? 0) : value * factor
            }
            result = folded
        }
        return result
    }

    private static func consumers(_ group: ChannelGroup, _ network: Network) throws(PruningError) -> [Consumer] {
        try group.slices.filter { $0.role == .consumer }.map { (slice) throws(PruningError) in
            let node = network.nodes[slice.node]
            guard let parameter = network.parameters[slice.parameter] else {
                throw .malformedNetwork("expected a tensor named \"\(slice.parameter)\" for \(node.name), found none")
            }
            let bias: String?
            switch node.layer {
            case .linear(let layer): bias = layer.bias
            case .convolution(let layer): bias = layer.bias
            default: bias = nil
            }
            var constant = bias.map { Consumer.Constant.bias($0) } ?? .absent
            let readers = network.nodes.filter { $0.inputs.contains { node.outputs.contains($0) } }
            if readers.count == 1, bias == nil, case .batchNormalization(let normalization) = readers[0].layer {
                constant = .runningMean(normalization.mean)
            }
            return Consumer(
                node: slice.node, name: node.name, weight: slice.parameter, axis: slice.axis, map: slice.map,
                shape: parameter.shape, outputAxis: slice.axis == 0 ? 1 : 0, constant: constant)
        }
    }
}

extension Parameter {
    /// The entries of each channel along `axis` as columns, position-major.
    func channels(axis: Int, map: IndexMap, count: Int) -> Matrix {
        let outer = shape[..<axis].reduce(1, *)
        let inner = shape[(axis + 1)...].reduce(1, *)
        let length = shape[axis]
        var elements: [Double] = []
        elements.reserveCapacity(count * map.offsets.count * map.run * outer * inner)
        for c in 0..<count {
            for p in map.positions(of: c) {
                for o in 0..<outer {
                    for i in 0..<inner { elements.append(Double(values[(o * length + p) * inner + i])) }
                }
            }
        }
        return Matrix(rows: count == 0 ? 0 : elements.count / count, columns: count, elements: elements)
    }
}

extension Network {
    /// Values of a parameter that a layer names.
    func values(of name: String) throws(PruningError) -> [Float] {
        guard let parameter = parameters[name] else {
            throw .malformedNetwork("expected a tensor named \"\(name)\", found none")
        }
        return parameter.values
    }
}

extension Matrix {
    /// Matrices of equal width, one above the other.
    static func stacked(_ parts: [Matrix], columns: Int) -> Matrix {
        if parts.count == 1 { return parts[0] }
        let rows = parts.reduce(0) { $0 + $1.rows }
        var elements: [Double] = []
        elements.reserveCapacity(rows * columns)
        for j in 0..<columns { for part in parts { elements.append(contentsOf: part.column(j)) } }
        return Matrix(rows: rows, columns: columns, elements: elements)
    }
}
