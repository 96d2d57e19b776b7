// How each kind of layer moves, makes and ties channels.

extension ChannelAnalysis {
    mutating func visitLinear(_ index: Int, _ node: Network.Node, _ layer: Linear) throws(NetworkError) {
        let extents = try network.linearExtents(layer, of: node)
        let rank: Int
        if let input = ownership(of: node.inputs[0]) {
            rank = input.rank
            if let symbols = input.symbols(along: input.rank - 1), symbols.count == extents.inputs {
                bind(layer.weight, axis: layer.inputAxis, node: index, role: .consumer, symbols)
            } else {
                block(node.inputs[0], "linear layer \(node.name) does not run over its channel axis")
            }
        } else {
            rank = network.values[node.inputs[0]].shape?.count ?? network.values[node.outputs[0]].shape?.count ?? 1
        }
        let rows = makeSymbols(extents.outputs)
        bind(layer.weight, axis: layer.outputAxis, node: index, role: .producer, rows)
        if let bias = layer.bias { bindVector(bias, node: index, role: .producer, rows) }
        setOrigin(node.outputs[0], .owned(ChannelOwnership(rank: rank, axis: rank - 1, symbols: rows)))
    }

    mutating func visitConvolution(_ index: Int, _ node: Network.Node, _ layer: Convolution) throws(NetworkError) {
        let extents = try network.convolutionExtents(layer, of: node)
        let inputs = extents.inputs / layer.groups
        let outputs = extents.outputs / layer.groups
        let rank = extents.kernel.count + 1
        var columns: [Int]?
        if let input = ownership(of: node.inputs[0]) {
            columns = input.symbols(along: 0)
            if columns?.count != extents.inputs {
                columns = nil
                block(node.inputs[0], "convolution \(node.name) does not run over its channel axis")
            }
        }
        let isDepthwise = inputs == 1 && layer.groups > 1
        let rows: [Int]
        if isDepthwise, let columns {
            // Output rows belong to the input channel that they filter.
            rows = (0..<extents.outputs).map { columns[$0 / outputs] }
        } else {
            rows = makeSymbols(extents.outputs)
        }
        if !isDepthwise {
            if layer.groups > 1 {
                // Equal shares: channel j of every group stays or goes together.
                for group in 1..<layer.groups {
                    unite(Array(rows[..<outputs]), Array(rows[group * outputs..<(group + 1) * outputs]))
                    if let columns { unite(Array(columns[..<inputs]), Array(columns[group * inputs..<(group + 1) * inputs])) }
                }
            }
            if let columns { bind(layer.weight, axis: 1, node: index, role: .consumer, Array(columns[..<inputs])) }
        } else if columns == nil {
            block(symbols: rows, "depthwise convolution \(node.name) filters \(describe(node.inputs[0]))")
        }
        let role: ChannelGroup.Slice.Role = isDepthwise && columns != nil ? .coupled : .producer
        bind(layer.weight, axis: 0, node: index, role: role, rows)
        if let bias = layer.bias { bindVector(bias, node: index, role: role, rows) }
        setOrigin(node.outputs[0], .owned(ChannelOwnership(rank: rank, axis: 0, symbols: rows)))
    }

    mutating func visitNormalization(
        _ index: Int, _ node: Network.Node, _ layer: Normalization, _ input: ChannelOwnership, _ output: Network.ValueID
    ) {
        setOrigin(output, .owned(input))
        switch layer.kind {
        case .instance:
            guard let symbols = input.symbols(along: 0) else {
                return stop(node, "normalization \(node.name) does not run over its channel axis")
            }
            bindVectors(layer, node: index, symbols)
        case .group(let groups):
            guard let symbols = input.symbols(along: 0), groups > 0, symbols.count % groups == 0 else {
                return stop(node, "normalization \(node.name) does not run over its channel axis")
            }
            bindVectors(layer, node: index, symbols)
            guard groups > 1 else { return noteStatistics(symbols) }
            // What shares statistics stays or goes together: no other channel's answer changes.
            let width = symbols.count / groups
            for start in stride(from: 0, to: symbols.count, by: width) {
                for symbol in symbols[start..<start + width] { unite([symbols[start]], [symbol]) }
            }
            if !network.storesAttributes {
                block(node.inputs[0], "normalization \(node.name) has a fixed number of groups, which a file of weights cannot change")
            }
        case .layer, .rms:
            let axis = (layer.axis < 0 ? layer.axis + input.rank + 1 : layer.axis) - 1
            guard input.axes.contains(where: { $0 >= axis }) else {
                // Statistics over other axes: channels do not meet; the vectors index those axes only.
                return
            }
            guard axis == input.rank - 1, let symbols = input.symbols(along: axis) else {
                return block(node.inputs[0], "normalization \(node.name) takes its statistics over all channels")
            }
            bindVectors(layer, node: index, symbols)
            noteStatistics(symbols)
        }
    }

    private mutating func bindVectors(_ layer: Normalization, node: Int, _ symbols: [Int]) {
        for name in [layer.scale, layer.shift].compactMap({ $0 }) { bindVector(name, node: node, role: .normalization, symbols) }
    }

    mutating func visitAttention(_ index: Int, _ node: Network.Node, heads: Int, _ output: Network.ValueID) {
        guard node.inputs.count == 3, heads > 0 else { return stop(node, "attention \(node.name) lacks queries, keys or values") }
        var united: [[Int]] = []
        for value in node.inputs {
            guard let input = ownership(of: value), let symbols = input.symbols(along: input.rank - 1), symbols.count % heads == 0 else {
                return stop(node, "attention \(node.name) reads \(describe(value))")
            }
            united.append(symbols)
        }
        // One head of queries, keys and values stays or goes together.
        for head in 0..<heads {
            let members = united.flatMap { symbols in
                let width = symbols.count / heads
                return symbols[head * width..<(head + 1) * width]
            }
            for member in members { unite([members[0]], [member]) }
        }
        if !network.storesAttributes {
            for value in node.inputs {
                block(value, "attention \(node.name) has a fixed number of heads, which a file of weights cannot change")
            }
        }
        if let values = ownership(of: node.inputs[2]) {
            setOrigin(output, .owned(ChannelOwnership(rank: values.rank, axis: values.rank - 1, symbols: values.symbols)))
        }
    }

    mutating func visitBroadcast(_ index: Int, _ node: Network.Node, _ output: Network.ValueID) {
        if isConstant(output) { return }
        let activations = node.inputs.filter { !isConstant($0) }
        let owned = activations.compactMap { ownership(of: $0) }
        guard !owned.isEmpty, let rank = (owned.map(\.rank) + activations.compactMap { network.values[$0].shape?.count }).max() else {
            return setOrigin(output, .fixed(activations.first.map(describe) ?? "a constant"))
        }
        // Axes counted in the output; shorter operands are aligned at the end.
        let aligned = owned.map { ownership in
            var moved = ownership
            moved.axes = ownership.axes.map { $0 + rank - ownership.rank }
            moved.rank = rank
            return moved
        }
        let reference = aligned.max { $0.symbols.count < $1.symbols.count } ?? aligned[0]
        let classes = aligned.map { Set($0.symbols.map(table.find)) }
        let isJoint = classes.contains { $0 != classes[0] }
        for other in aligned where other != reference {
            if other.axes == reference.axes, other.extents == reference.extents {
                unite(reference.symbols, other.symbols)
            } else if unite(other, into: reference, node) {
                continue
            } else if other.symbols.count != 1 {
                let reason = "node \(node.name) combines channels of different layouts"
                block(symbols: reference.symbols, reason)
                block(symbols: other.symbols, reason)
            }
        }
        // The same channels met again, turned or gated, are no other producer's.
        if isJoint, joinsStreams(node.layer) { markStream(reference.symbols) }
        for value in activations where ownership(of: value) == nil {
            // Something of fixed width: harmless only where it repeats along the channels.
            if let shape = network.values[value].shape, repeats(shape, along: reference) { continue }
            block(symbols: reference.symbols, "node \(node.name) (\(node.layer.operationName)) meets \(describe(value))")
        }
        for value in node.inputs where isConstant(value) { bindConstant(value, node: index, reference) }
        setOrigin(output, .owned(reference))
    }

    mutating func visitConcatenation(_ index: Int, _ node: Network.Node, axis: Int, _ output: Network.ValueID) {
        if isConstant(output) { return }
        let owned = node.inputs.compactMap { ownership(of: $0) }
        guard let first = owned.first else {
            return setOrigin(output, .fixed("the output of \(node.name)"))
        }
        let position = (axis < 0 ? axis + first.rank + 1 : axis) - 1
        guard position >= 0 else { return stop(node, "node \(node.name) joins batches") }
        guard first.axes.contains(position) else {
            // Joined along space or tokens: all parts have the same channels.
            for value in node.inputs {
                if isConstant(value) {
                    bindConstant(value, node: index, first)
                } else if let other = ownership(of: value), other.axes == first.axes, other.extents == first.extents {
                    unite(first.symbols, other.symbols)
                    if other.symbols != first.symbols { markStream(first.symbols) }
                } else {
                    block(symbols: first.symbols, "node \(node.name) joins it to \(describe(value))")
                    block(value, "node \(node.name) joins it to channels of another layout")
                }
            }
            return setOrigin(output, .owned(first))
        }
        var parts: [ChannelOwnership] = []
        for value in node.inputs {
            if let part = ownership(of: value) {
                parts.append(part)
            } else if let shape = network.values[value].shape, first.axes == [position],
                let extent = shape.suffix(first.rank).dropFirst(position).first, extent <= Self.channelLimit
            {
                // Fixed channels: symbols without a producer, in no group unless something ties them to one.
                let fixed = makeSymbols(extent)
                block(symbols: fixed, "behind \(node.name) it is tied to \(describe(value))")
                parts.append(ChannelOwnership(rank: first.rank, axis: position, symbols: fixed))
            }
        }
        guard parts.count == node.inputs.count, let joined = ChannelOwnership.concatenating(parts, along: position) else {
            return stop(node, "node \(node.name) joins channels of different layouts")
        }
        setOrigin(output, .owned(joined))
    }

    mutating func visitSplit(_ node: Network.Node, axis: Int, sizes: [Int], _ input: ChannelOwnership) {
        let position = (axis < 0 ? axis + input.rank + 1 : axis) - 1
        guard let place = input.axes.firstIndex(of: position) else {
            for value in node.outputs { setOrigin(value, .owned(input)) }
            return
        }
        guard sizes.allSatisfy({ $0 >= 0 }), Network.sum(sizes) == input.extents[place] else {
            return stop(node, "node \(node.name) splits channels into parts that do not add up")
        }
        if !network.storesAttributes {
            block(node.inputs[0], "node \(node.name) splits channels at fixed places, which a file of weights cannot change")
        }
        var start = 0
        for (value, size) in zip(node.outputs, sizes) {
            setOrigin(value, .owned(input.selecting(Array(start..<start + size), along: position)))
            start += size
        }
    }

    mutating func visitSlice(
        _ node: Network.Node, _ ranges: [SliceRange], _ shape: [Int]?, _ input: ChannelOwnership, _ output: Network.ValueID
    ) {
        var result = input
        for (place, axis) in input.axes.enumerated() where axis + 1 < ranges.count && ranges[axis + 1] != SliceRange() {
            let extent = input.extents[place]
            let range = ranges[axis + 1].resolved(extent: extent)
            if range.start == 0 && range.count == extent && ranges[axis + 1].step == 1 { continue }
            guard ranges[axis + 1].step == 1 else { return stop(node, "node \(node.name) takes channels at a stride") }
            if !network.storesAttributes {
                block(node.inputs[0], "node \(node.name) slices channels at fixed places, which a file of weights cannot change")
            }
            result = result.selecting(Array(range.start..<range.start + range.count), along: axis)
        }
        setOrigin(output, .owned(result))
    }

    mutating func visitPadding(
        _ node: Network.Node, _ before: [Int], _ after: [Int], _ input: ChannelOwnership, _ output: Network.ValueID
    ) {
        let padded = input.axes.filter { before[$0 + 1] != 0 || after[$0 + 1] != 0 }
        guard !padded.isEmpty else { return setOrigin(output, .owned(input)) }
        guard input.axes.count == 1 else { return stop(node, "node \(node.name) pads channels of several axes") }
        let axis = input.axes[0]
        guard before[axis + 1] <= Self.channelLimit, after[axis + 1] <= Self.channelLimit else {
            return stop(node, "node \(node.name) pads channels by more than \(Self.channelLimit)")
        }
        let symbols = makeSymbols(before[axis + 1]) + input.symbols + makeSymbols(after[axis + 1])
        markStream(symbols)
        if !network.storesAttributes {
            block(
                symbols: symbols,
                "the parameter-free shortcut \(node.name) pads channels by fixed amounts, which a file of weights cannot change")
        }
        setOrigin(output, .owned(ChannelOwnership(rank: input.rank, axis: axis, symbols: symbols)))
    }

    /// A value with channels along some of the axes that `reference` has them along, and repeated along the others: unites what
    /// lies at the same place.
    private mutating func unite(_ other: ChannelOwnership, into reference: ChannelOwnership, _ node: Network.Node) -> Bool {
        guard other.axes.count < reference.axes.count,
            other.axes.allSatisfy({ axis in
                guard let place = reference.axes.firstIndex(of: axis), let own = other.axes.firstIndex(of: axis) else { return false }
                return reference.extents[place] == other.extents[own]
            }),
            // The value itself must repeat along the axes it has no channels on.
            node.inputs.contains(where: { value in
                guard let owner = ownership(of: value)?.aligned(to: reference.rank), owner == other,
                    let shape = network.values[value].shape
                else { return false }
                return reference.axes.allSatisfy { axis in
                    let place = axis + shape.count - reference.rank
                    return other.axes.contains(axis) || place < 0 || shape[place] == 1
                }
            })
        else { return false }
        var first: [[Int]: Int] = [:]
        other.forEachSymbol { symbol, coordinate in first[other.axes.map(coordinate)] = symbol }
        reference.forEachSymbol { symbol, coordinate in
            if let known = first[other.axes.map(coordinate)] { unite([known], [symbol]) }
        }
        return true
    }

    private func joinsStreams(_ layer: Layer) -> Bool {
        switch layer {
        case .add: true
        case .elementwise(let operation): operation.joinsStreams
        default: false
        }
    }

    // MARK: Constants and descriptions

    /// A constant that runs along the channels is cut with them.
    private mutating func bindConstant(_ value: Network.ValueID, node: Int, _ reference: ChannelOwnership) {
        guard let name = constantParameter(value), let shape = network.parameters[name]?.shape else {
            block(symbols: reference.symbols, "node \(network.nodes[node].name) meets a computed constant")
            return
        }
        // Trailing alignment; a leading batch axis of the constant has extent 1.
        let shift = shape.count - reference.rank
        for (place, axis) in reference.axes.enumerated() {
            let own = axis + shift
            guard own >= 0, own < shape.count, shape[own] != 1 else { continue }
            if reference.axes.count == 1, shape[own] == reference.extents[place] {
                bind(name, axis: own, node: node, role: .coupled, reference.symbols)
            } else if shape[own] == reference.extents[place] {
                shareConstant(.init(parameter: name, parameterAxis: own, node: node, ownership: reference, axis: axis))
            } else {
                block(symbols: reference.symbols, "node \(network.nodes[node].name) meets constant \(name) of another layout")
            }
        }
    }

    /// A vector of parameters, whatever its shape: the axis with more than one value.
    mutating func bindVector(_ name: String, node: Int, role: ChannelGroup.Slice.Role, _ symbols: [Int]) {
        let shape = network.parameters[name]?.shape ?? []
        bind(name, axis: shape.firstIndex(of: symbols.count) ?? 0, node: node, role: role, symbols)
    }

    private func repeats(_ shape: [Int], along reference: ChannelOwnership) -> Bool {
        reference.axes.allSatisfy { axis in
            let own = axis + shape.count - reference.rank
            return own < 0 || shape[own] == 1
        }
    }

    private func describe(_ value: Network.ValueID) -> String {
        if case .fixed(let text)? = origins[value] { return text }
        if isConstant(value) { return "a constant" }
        return "value \(network.values[value].name)"
    }
}
