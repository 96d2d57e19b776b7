// Channels through layers without weights along them: reductions, products of activations, selections, blocks of space.

extension ChannelAnalysis {
    mutating func visitReduction(_ node: Network.Node, _ layer: Reduction, _ input: ChannelOwnership, _ output: Network.ValueID) {
        let axes = Set(layer.axes.map { $0 - 1 })
        guard axes.isDisjoint(with: input.axes) else {
            return stop(node, "node \(node.name) (\(layer.kind.rawValue)) takes one number over all channels")
        }
        guard !layer.keepsAxes else { return setOrigin(output, .owned(input)) }
        var moved = input
        moved.rank = input.rank - axes.count
        moved.axes = input.axes.map { axis in axis - axes.filter { $0 < axis }.count }
        setOrigin(output, .owned(moved))
    }

    mutating func visitGather(
        _ node: Network.Node, axis: Int, _ indices: [Int], _ input: ChannelOwnership, _ output: Network.ValueID
    ) {
        let place = (axis < 0 ? axis + input.rank + 1 : axis) - 1
        guard input.axes.contains(place) else { return setOrigin(output, .owned(input)) }
        guard indices.count <= Self.channelLimit else {
            return stop(node, "node \(node.name) repeats channels beyond \(Self.channelLimit)")
        }
        if !network.storesAttributes {
            block(node.inputs[0], "node \(node.name) picks channels at fixed places, which a file of weights cannot change")
        }
        setOrigin(output, .owned(input.selecting(indices, along: place)))
    }

    mutating func visitDepthToSpace(
        _ node: Network.Node, block: Int, isColumnMajor: Bool, _ input: ChannelOwnership, _ output: Network.ValueID
    ) {
        guard let symbols = input.symbols(along: 0), block > 0, symbols.count % (block * block) == 0 else {
            return stop(node, "node \(node.name) (DepthToSpace) does not run over its channel axis")
        }
        // The b² channels that become one channel of the result stay or go together.
        let square = block * block, count = symbols.count / square
        let blocks = (0..<count).map { c in (0..<square).map { symbols[isColumnMajor ? c * square + $0 : $0 * count + c] } }
        for members in blocks { for member in members { unite([members[0]], [member]) } }
        setOrigin(output, .owned(ChannelOwnership(rank: input.rank, axis: 0, symbols: blocks.map { $0[0] })))
    }

    mutating func visitSpaceToDepth(_ node: Network.Node, block: Int, _ input: ChannelOwnership, _ output: Network.ValueID) {
        guard let symbols = input.symbols(along: 0) else {
            return stop(node, "node \(node.name) (SpaceToDepth) does not run over its channel axis")
        }
        guard block > 0, block <= 1 << 10, block * block <= Self.channelLimit / max(symbols.count, 1) else {
            return stop(node, "node \(node.name) repeats channels beyond \(Self.channelLimit)")
        }
        let repeated = (0..<block * block).flatMap { _ in symbols }
        setOrigin(output, .owned(ChannelOwnership(rank: input.rank, axis: 0, symbols: repeated)))
    }

    mutating func visitEmbedding(_ index: Int, _ node: Network.Node, weight: String, _ output: Network.ValueID) throws(NetworkError) {
        let shape = try network.parameter(weight, of: node).shape
        guard shape.count == 2 else { return stop(node, "embedding \(node.name) has no table of rows") }
        block(node.inputs[0], "embedding \(node.name) reads indices")
        let rank = (network.values[node.inputs[0]].shape?.count ?? 1) + 1
        let symbols = makeSymbols(shape[1])
        bind(weight, axis: 1, node: index, role: .producer, symbols)
        setOrigin(output, .owned(ChannelOwnership(rank: rank, axis: rank - 1, symbols: symbols)))
    }

    mutating func visitConvolutionTranspose(
        _ index: Int, _ node: Network.Node, _ layer: ConvolutionTranspose, _ output: Network.ValueID
    ) throws(NetworkError) {
        let extents = try network.transposeExtents(layer, of: node)
        let rank = extents.kernel.count + 1
        let rows = makeSymbols(extents.outputs)
        let share = extents.outputs / layer.groups, inputShare = extents.inputs / layer.groups
        var columns: [Int]?
        if let input = ownership(of: node.inputs[0]) {
            columns = input.symbols(along: 0)
            if columns?.count != extents.inputs {
                columns = nil
                block(node.inputs[0], "transposed convolution \(node.name) does not run over its channel axis")
            }
        }
        let isDepthwise = layer.groups > 1 && inputShare == 1
        if isDepthwise, let columns {
            // Every input channel has outputs of its own: they go with it, and the number of groups.
            let own = (0..<extents.outputs).map { columns[$0 / share] }
            if share == 1 {
                bind(layer.weight, axis: 0, node: index, role: .coupled, columns)
                if let bias = layer.bias { bindVector(bias, node: index, role: .coupled, own) }
                return setOrigin(output, .owned(ChannelOwnership(rank: rank, axis: 0, symbols: own)))
            }
        }
        // The weight has one axis for the outputs of all groups: channel j of every group stays or goes together.
        for group in 1..<max(layer.groups, 1) {
            unite(Array(rows[..<share]), Array(rows[group * share..<(group + 1) * share]))
            if let columns { unite(Array(columns[..<inputShare]), Array(columns[group * inputShare..<(group + 1) * inputShare])) }
        }
        if let columns { bind(layer.weight, axis: 0, node: index, role: .consumer, columns) }
        bind(layer.weight, axis: 1, node: index, role: .producer, Array(rows[..<share]))
        if let bias = layer.bias { bindVector(bias, node: index, role: .producer, rows) }
        setOrigin(output, .owned(ChannelOwnership(rank: rank, axis: 0, symbols: rows)))
    }

    mutating func visitRecurrent(_ index: Int, _ node: Network.Node, _ layer: Recurrent) throws(NetworkError) {
        let features = try network.recurrentFeatures(layer, of: node)
        if let input = ownership(of: node.inputs[0]) {
            if let symbols = input.symbols(along: 1), symbols.count == features {
                bind(layer.weight, axis: 2, node: index, role: .consumer, symbols)
            } else {
                block(node.inputs[0], "recurrent layer \(node.name) does not run over its channel axis")
            }
        }
        // One hidden unit: its row in every gate, its column of the recurrent weights; both directions, which share tensors.
        let units = makeSymbols(layer.hidden)
        func repeated(_ times: Int) -> [Int] { (0..<times).flatMap { _ in units } }
        bind(layer.weight, axis: 1, node: index, role: .producer, repeated(layer.kind.gates))
        bind(layer.recurrence, axis: 1, node: index, role: .producer, repeated(layer.kind.gates))
        bind(layer.recurrence, axis: 2, node: index, role: .recurrent, units)
        if let bias = layer.bias { bind(bias, axis: 1, node: index, role: .producer, repeated(2 * layer.kind.gates)) }
        if let peepholes = layer.peepholes { bind(peepholes, axis: 1, node: index, role: .producer, repeated(3)) }
        for value in node.inputs.dropFirst() {
            if let state = ownership(of: value), let symbols = state.symbols(along: 1), symbols.count == units.count {
                unite(units, symbols)
            } else if isConstant(value), let name = constantParameter(value), let shape = network.parameters[name]?.shape,
                shape.last == layer.hidden
            {
                bind(name, axis: shape.count - 1, node: index, role: .coupled, units)
            } else {
                self.block(symbols: units, "recurrent layer \(node.name) starts from a state that is given")
                self.block(value, "recurrent layer \(node.name) starts from it")
            }
        }
        if !network.storesAttributes {
            self.block(symbols: units, "recurrent layer \(node.name) has a fixed width, which a file of weights cannot change")
        }
        for (place, value) in node.outputs.enumerated() {
            let rank = place == 0 ? 3 : 2
            setOrigin(value, .owned(ChannelOwnership(rank: rank, axis: rank - 1, symbols: units)))
        }
    }

    // MARK: Products of two values

    /// (…, m, k)·(…, k, n). Axes before the last two stay apart (heads); what is summed over must be cut on both sides at once,
    /// and then as a whole: all positions of k of one head go together.
    mutating func visitMatrixProduct(_ index: Int, _ node: Network.Node, _ output: Network.ValueID) {
        if isConstant(output) { return }
        guard node.inputs.count == 2, let rank = network.values[output].shape?.count, rank >= 2 else {
            return stop(node, "node \(node.name) (MatrixProduct) has operands of unknown shape")
        }
        let sides = node.inputs.map { ownership(of: $0).map { $0.aligned(to: rank) } }
        for (side, other) in [(0, 1), (1, 0)] {
            // Where channels meet something of fixed width along an axis that the result keeps or sums over, they stay.
            guard let own = sides[side], sides[other] == nil else { continue }
            let shared = own.axes.filter { axis in
                axis < rank - 2 ? extent(of: node.inputs[other], axis, rank) != 1 : axis == (side == 0 ? rank - 1 : rank - 2)
            }
            if !shared.isEmpty {
                return stop(node, "node \(node.name) (MatrixProduct) multiplies it by \(text(node.inputs[other]))")
            }
        }
        switch (sides[0], sides[1]) {
        case (nil, nil): setOrigin(output, .fixed("the output of \(node.name) (MatrixProduct)"))
        case (let left?, nil): setOrigin(output, .owned(left))
        case (nil, let right?): setOrigin(output, .owned(right))
        case (let left?, let right?): multiply(node, left, right, rank, output)
        }
    }

    private mutating func multiply(
        _ node: Network.Node, _ left: ChannelOwnership, _ right: ChannelOwnership, _ rank: Int, _ output: Network.ValueID
    ) {
        let sums = (left.axes.contains(rank - 1), right.axes.contains(rank - 2))
        guard sums.0 == sums.1 else { return stop(node, "node \(node.name) (MatrixProduct) sums over channels of one operand only") }
        let batch = Set(left.axes + right.axes).filter { $0 < rank - 2 }.sorted()
        let isOuter = left.axes.contains(rank - 2) && right.axes.contains(rank - 1)
        // An axis that only one operand has channels along must repeat in the other, or be cut with it.
        for axis in batch {
            for (own, other, value) in [(left, right, node.inputs[1]), (right, left, node.inputs[0])]
            where own.axes.contains(axis) && !other.axes.contains(axis) && extent(of: value, axis, rank) != 1 {
                return stop(node, "node \(node.name) (MatrixProduct) multiplies channels of different layouts")
            }
        }
        guard !isOuter, !(sums.0 && (left.axes.contains(rank - 2) || right.axes.contains(rank - 1))) else {
            return stop(node, "node \(node.name) (MatrixProduct) mixes channels of both operands")
        }
        // Everything at the same place of the axes before the matrices belongs together.
        for own in [left, right] where own.axes.contains(where: { $0 < rank - 2 }) || sums.0 {
            unite(own, over: own.axes.filter { $0 < rank - 2 })
        }
        let common = batch.filter { left.axes.contains($0) && right.axes.contains($0) }
        if !common.isEmpty || sums.0 {
            unite(left, with: right, along: common)
        }
        let carrier = right.axes.contains(rank - 1) || !left.axes.contains(rank - 2) && right.axes.count >= left.axes.count ? right : left
        var axes = carrier.axes.filter { $0 < rank - 2 }
        if carrier == right, right.axes.contains(rank - 1) { axes.append(rank - 1) }
        if carrier == left, left.axes.contains(rank - 2) { axes.append(rank - 2) }
        guard Set(axes).isSuperset(of: batch) else {
            return stop(node, "node \(node.name) (MatrixProduct) multiplies channels of different layouts")
        }
        setOrigin(output, axes.isEmpty ? .fixed("the output of \(node.name) (MatrixProduct)") : .owned(carrier.restricted(to: axes)))
    }

    /// Unites all symbols at the same coordinates along some axes.
    private mutating func unite(_ own: ChannelOwnership, over axes: [Int]) {
        var first: [[Int]: Int] = [:]
        own.forEachSymbol { symbol, coordinate in
            let key = axes.map(coordinate)
            if let known = first[key] { unite([known], [symbol]) } else { first[key] = symbol }
        }
    }

    /// Unites the symbols of two values at the same coordinates along common axes.
    private mutating func unite(_ left: ChannelOwnership, with right: ChannelOwnership, along axes: [Int]) {
        var first: [[Int]: Int] = [:]
        left.forEachSymbol { symbol, coordinate in first[axes.map(coordinate)] = symbol }
        right.forEachSymbol { symbol, coordinate in
            if let known = first[axes.map(coordinate)] { unite([known], [symbol]) }
        }
    }

    /// Extent of an axis of the result in one operand, aligned at the end.
    private func extent(of value: Network.ValueID, _ axis: Int, _ rank: Int) -> Int {
        guard let shape = network.values[value].shape else { return 0 }
        let own = axis + shape.count - rank
        return own < 0 ? 1 : shape[own]
    }

    private func text(_ value: Network.ValueID) -> String {
        if case .fixed(let text)? = origins[value] { return text }
        return isConstant(value) ? "a constant" : "value \(network.values[value].name)"
    }
}

extension ChannelOwnership {
    /// The same axes counted in a value of more axes, aligned at the end.
    func aligned(to rank: Int) -> ChannelOwnership {
        var result = self
        result.axes = axes.map { $0 + rank - self.rank }
        result.rank = rank
        return result
    }

    /// Visits every symbol with a function that gives its coordinate along an axis.
    func forEachSymbol(_ body: (Int, (Int) -> Int) -> Void) {
        for (position, symbol) in symbols.enumerated() {
            body(symbol) { axis in
                guard let place = axes.firstIndex(of: axis) else { return 0 }
                return position / extents[(place + 1)...].reduce(1, *) % extents[place]
            }
        }
    }

    /// Only some of the tracked axes: of the others the first position.
    func restricted(to kept: [Int]) -> ChannelOwnership {
        let places = axes.indices.filter { kept.contains(axes[$0]) }
        var result: [Int] = []
        forEachSymbol { symbol, coordinate in
            if axes.allSatisfy({ kept.contains($0) || coordinate($0) == 0 }) { result.append(symbol) }
        }
        return ChannelOwnership(rank: rank, axes: places.map { axes[$0] }, extents: places.map { extents[$0] }, symbols: result)
    }
}
