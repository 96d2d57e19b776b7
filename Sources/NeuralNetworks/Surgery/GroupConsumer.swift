// A group's weights as matrices: one column per channel.

import LinearAlgebra

/// A layer that reads a group's channels.
public struct GroupConsumer: Sendable, Equatable {
    /// Where a constant can be added to the consumer's outputs.
    public enum Shift: Sendable, Equatable {
        /// The layer's own bias: add the constant.
        case bias(parameter: String)
        /// No bias, but batch normalization follows at once: subtract the constant from its running mean.
        case runningMean(parameter: String)
        /// The half of a recurrent layer's bias that belongs to the product with what it reads: add the constant, (directions, rows).
        case inputBias(parameter: String)
        /// Neither: see ``Network/addingBias(to:)``.
        case none
    }

    /// Linear layer or convolution; recurrent layer or transposed convolution (``Network/projections(of:)``).
    public var node: Int
    /// Name of the weight.
    public var weight: String
    /// Axis of the weight that the channels index.
    public var axis: Int
    /// From channel to positions on that axis; for a convolution in groups, positions within one group's share.
    public var map: IndexMap
    /// Activation that the consumer reads.
    public var input: Network.ValueID
    /// What the consumer makes, before any batch normalization.
    public var output: Network.ValueID
    /// Where a constant can be added to what the consumer makes.
    public var shift: Shift
}

extension Network {
    /// Linear layers and convolutions that read the group, in topological order. Others (transposed convolutions, recurrent
    /// layers) have columns among the group's slices, too.
    public func consumers(of group: ChannelGroup) -> [GroupConsumer] {
        group.slices.filter { $0.role == .consumer && nodes[$0.node].layer.isAffine }.map { slice in
            GroupConsumer(
                node: slice.node, weight: slice.parameter, axis: slice.axis, map: slice.map, input: nodes[slice.node].inputs[0],
                output: nodes[slice.node].outputs[0], shift: shift(of: slice.node))
        }
    }

    /// Recurrent layers and transposed convolutions that read the group, in topological order: what they do first is a linear map at
    /// every step or place, to gates or to values per tap of the kernel.
    public func projections(of group: ChannelGroup) -> [GroupConsumer] {
        group.slices.compactMap { slice in
            guard slice.role == .consumer else { return nil }
            let shift: GroupConsumer.Shift
            switch nodes[slice.node].layer {
            case .recurrent(let layer): shift = layer.bias.map { .inputBias(parameter: $0) } ?? .none
            // One bias serves all taps: constants that differ between them have no place.
            case .convolutionTranspose(let layer) where layer.groups == 1: shift = .none
            default: return nil
            }
            return GroupConsumer(
                node: slice.node, weight: slice.parameter, axis: slice.axis, map: slice.map, input: nodes[slice.node].inputs[0],
                output: nodes[slice.node].outputs[0], shift: shift)
        }
    }

    /// Where a constant can be added to the outputs of a linear layer or convolution.
    public func shift(of node: Int) -> GroupConsumer.Shift {
        switch nodes[node].layer {
        case .linear(let layer): if let bias = layer.bias { return .bias(parameter: bias) }
        case .convolution(let layer): if let bias = layer.bias { return .bias(parameter: bias) }
        default: return .none
        }
        if let next = batchNormalization(after: node), case .batchNormalization(let layer) = nodes[next].layer {
            return .runningMean(parameter: layer.mean)
        }
        return .none
    }

    /// The batch normalization that reads a node's output and nobody else does.
    public func batchNormalization(after node: Int) -> Int? {
        guard let value = nodes[node].outputs.first, !outputs.contains(value) else { return nil }
        let readers = nodes.indices.filter { nodes[$0].inputs.contains(value) }
        return readers.count == 1 && nodes[readers[0]].layer.isBatchNormalization ? readers[0] : nil
    }

    /// The network with a bias of zeros in a linear layer or convolution that has none.
    ///
    /// - Throws: `invalidNode` for other layers, and for networks whose file cannot take up a further tensor
    ///   (`storesAttributes` is false).
    public func addingBias(to node: Int) throws(NetworkError) -> Network {
        var result = self
        let name = nodes[node].name
        guard storesAttributes else {
            throw .invalidNode(name: name, reason: "expected a bias, found none, and a file of weights cannot take up a new tensor")
        }
        var bias = name + ".bias"
        while parameters[bias] != nil { bias += "_" }
        switch nodes[node].layer {
        case .linear(var layer) where layer.bias == nil:
            let extents = try linearExtents(layer, of: nodes[node])
            layer.bias = bias
            result.nodes[node].layer = .linear(layer)
            result.parameters[bias] = Parameter(shape: [extents.outputs], values: [Float](repeating: 0, count: extents.outputs))
        case .convolution(var layer) where layer.bias == nil:
            let extents = try convolutionExtents(layer, of: nodes[node])
            layer.bias = bias
            result.nodes[node].layer = .convolution(layer)
            result.parameters[bias] = Parameter(shape: [extents.outputs], values: [Float](repeating: 0, count: extents.outputs))
        default:
            throw .invalidNode(
                name: name, reason: "expected a linear layer or convolution without bias, found \(nodes[node].layer.operationName)")
        }
        return result
    }

    /// Features × channels: each channel's incoming weights, flattened, with a following batch normalization folded in and the
    /// bias appended; several producers stacked in topological order.
    ///
    /// - Throws: ``NetworkError`` when a tensor is missing or misshapen.
    /// - Complexity: O(weights of the producers).
    public func incomingMatrix(_ group: ChannelGroup) throws(NetworkError) -> Matrix {
        var columns = [[Double]](repeating: [], count: group.count)
        for node in group.producers {
            guard
                let slice = group.slices.first(where: { slice in
                    slice.node == node && slice.role == .producer && slice.parameter == nodes[node].layer.parameterNames.first
                })
            else { continue }
            let weight = try parameter(slice.parameter, of: nodes[node])
            let rows = weight.shape[slice.axis]
            var bias: [Float]?
            switch nodes[node].layer {
            case .linear(let layer): bias = try vector(layer.bias, count: rows, of: nodes[node])
            case .convolution(let layer): bias = try vector(layer.bias, count: rows, of: nodes[node])
            default: break
            }
            var affine: (scale: [Float], shift: [Float])?
            if let next = batchNormalization(after: node), case .batchNormalization(let layer) = nodes[next].layer {
                affine = try self.affine(layer, node: nodes[next], channels: rows)
            }
            for channel in 0..<group.count {
                for row in slice.map.positions(of: channel) {
                    let scale = Double(affine?.scale[row] ?? 1)
                    weight.forEach(at: row, along: slice.axis) { columns[channel].append(scale * Double($0)) }
                    columns[channel].append(scale * Double(bias?[row] ?? 0) + Double(affine?.shift[row] ?? 0))
                }
            }
        }
        return Matrix(columns: columns)
    }

    /// Features × channels: each channel's outgoing weights, flattened over the consumers' outputs and taps (and, behind a
    /// flatten, over the run of columns); several consumers stacked in topological order.
    ///
    /// - Parameter first: consumers whose features come first, in this order; the others follow.
    /// - Throws: ``NetworkError`` when a tensor is missing.
    /// - Complexity: O(weights of the consumers).
    public func outgoingMatrix(_ group: ChannelGroup, first: [GroupConsumer] = []) throws(NetworkError) -> Matrix {
        var columns = [[Double]](repeating: [], count: group.count)
        func place(_ slice: ChannelGroup.Slice) -> Int {
            first.firstIndex { $0.node == slice.node && $0.weight == slice.parameter && $0.axis == slice.axis && $0.map == slice.map }
                ?? first.count
        }
        let slices = group.slices.filter { $0.role == .consumer }.enumerated().sorted {
            (place($0.element), $0.offset) < (place($1.element), $1.offset)
        }.map(\.element)
        for slice in slices {
            let weight = try parameter(slice.parameter, of: nodes[slice.node])
            for channel in 0..<group.count {
                for position in slice.map.positions(of: channel) {
                    weight.forEach(at: position, along: slice.axis) { columns[channel].append(Double($0)) }
                }
            }
        }
        return Matrix(columns: columns)
    }

    /// The activations applied on the way from the group's producers to its consumers, in topological order without
    /// repetition; empty when there are none.
    public func activations(of group: ChannelGroup) throws(NetworkError) -> [Activation] {
        var reached = Set(group.producers.flatMap { nodes[$0].outputs })
        let consumers = Set(group.consumers)
        var found: [Activation] = []
        for (index, node) in nodes.enumerated() where !consumers.contains(index) && node.inputs.contains(where: reached.contains) {
            // Beyond another producer the channels are others.
            switch node.layer {
            case .linear: continue
            case .convolution(let layer): if !isDepthwise(layer) { continue }
            case .activation(let activation): if activation != .identity, !found.contains(activation) { found.append(activation) }
            default: break
            }
            reached.formUnion(node.outputs)
        }
        return found
    }

    func isDepthwise(_ layer: Convolution) -> Bool {
        layer.groups > 1 && parameters[layer.weight]?.shape.dropFirst().first == 1
    }
}

extension Parameter {
    /// Visits all values at one position of an axis, in row-major order.
    func forEach(at position: Int, along axis: Int, _ body: (Float) -> Void) {
        let inner = shape[(axis + 1)...].reduce(1, *)
        let outer = shape[..<axis].reduce(1, *)
        for block in 0..<outer {
            let start = (block * shape[axis] + position) * inner
            for i in start..<start + inner { body(values[i]) }
        }
    }
}

extension Layer {
    /// A linear layer or a convolution.
    var isAffine: Bool {
        switch self {
        case .linear, .convolution: true
        default: false
        }
    }
}
