// Surgery: a smaller network as a new value.

extension Network {
    /// The network with only the given channels of some groups.
    ///
    /// Producer rows, normalization vectors, consumer columns and everything tied to them are sliced; group counts, split
    /// sizes, slice bounds, padding of channels and reshapes are adjusted. The result computes what the original computes
    /// with the removed channels' consumer columns set to zero (``masking(_:)``), up to rounding.
    ///
    /// - Parameter kept: for each group to cut, the channels that stay, ascending and distinct, at least one; groups that are
    ///   not named stay whole.
    /// - Throws: `cannotCut` for an unknown group, a group with a barrier, or channels that make no sense.
    /// - Complexity: O(parameters), and one search for the groups.
    public func keeping(_ kept: [ChannelGroup.ID: [Int]]) throws(NetworkError) -> Network {
        let analysis = try ChannelAnalysis(self)
        let removed = try removedClasses(kept, groups: analysis.groups())
        guard !removed.isEmpty else { return self }
        func isKept(_ symbol: Int) -> Bool { !removed.contains(analysis.table.find(symbol)) }

        var result = self
        var done: Set<String> = []
        for binding in analysis.bindings {
            guard done.insert("\(binding.axis) \(binding.parameter)").inserted else { continue }
            let positions = binding.symbols.indices.filter { isKept(binding.symbols[$0]) }
            if positions.count < binding.symbols.count, let parameter = result.parameters[binding.parameter] {
                result.parameters[binding.parameter] = parameter.selecting(positions, along: binding.axis)
                result.quantizations[binding.parameter] = result.quantizations[binding.parameter]?.selecting(positions, along: binding.axis)
            }
        }
        for index in nodes.indices { result.adjustAttributes(of: index, original: self, analysis: analysis, isKept: isKept) }
        return try result.inferringShapes()
    }

    /// The network with the consumer columns of all channels but the given ones set to zero, and without them in the statistics of
    /// normalizations: same shapes, and the function that ``keeping(_:)`` must reproduce. Throws as `keeping`.
    ///
    /// - Complexity: O(parameters), and one search for the groups.
    public func masking(_ kept: [ChannelGroup.ID: [Int]]) throws(NetworkError) -> Network {
        let analysis = try ChannelAnalysis(self)
        let groups = analysis.groups()
        let removed = try removedClasses(kept, groups: groups)
        var result = self
        result.restrictStatistics(analysis, to: { !removed.contains(analysis.table.find($0)) })
        for entry in groups {
            guard let channels = kept[entry.group.id] else { continue }
            let removed = Set(0..<entry.group.count).subtracting(channels)
            for slice in entry.group.slices where slice.role == .consumer || slice.role == .recurrent {
                for channel in removed {
                    for position in slice.map.positions(of: channel) {
                        result.parameters[slice.parameter]?.zero(position, along: slice.axis)
                    }
                }
            }
        }
        return result
    }

    /// The network whose normalizations take their statistics over the given channels of the named groups alone. Throws as `keeping`.
    ///
    /// - Complexity: one search for the groups.
    public func restrictingStatistics(to kept: [ChannelGroup.ID: [Int]]) throws(NetworkError) -> Network {
        let analysis = try ChannelAnalysis(self)
        let removed = try removedClasses(kept, groups: analysis.groups())
        var result = self
        result.restrictStatistics(analysis, to: { !removed.contains(analysis.table.find($0)) })
        return result
    }

    private mutating func restrictStatistics(_ analysis: ChannelAnalysis, to isKept: (Int) -> Bool) {
        for (node, symbols) in analysis.statistics {
            guard case .normalization(var layer) = nodes[node].layer, symbols.contains(where: { !isKept($0) }) else { continue }
            let before = layer.kept.map { Set($0) }
            layer.kept = symbols.indices.filter { isKept(symbols[$0]) && before?.contains($0) ?? true }
            nodes[node].layer = .normalization(layer)
        }
    }

    private func removedClasses(
        _ kept: [ChannelGroup.ID: [Int]], groups: [ChannelAnalysis.GroupedClasses]
    ) throws(NetworkError) -> Set<Int> {
        var byName: [ChannelGroup.ID: ChannelAnalysis.GroupedClasses] = [:]
        for entry in groups { byName[entry.group.id] = entry }
        var removed: Set<Int> = []
        for (id, channels) in kept.sorted(by: { $0.key < $1.key }) {
            guard let entry = byName[id] else {
                throw .cannotCut(group: id, reason: "expected a channel group of this network, found none of this name")
            }
            guard !channels.isEmpty, zip(channels, channels.dropFirst()).allSatisfy({ $0 < $1 }), channels[0] >= 0,
                channels[channels.count - 1] < entry.group.count
            else {
                throw .cannotCut(
                    group: id,
                    reason: "expected ascending channels from 0 to \(entry.group.count - 1), at least one, found \(channels.prefix(8))")
            }
            guard channels.count < entry.group.count else { continue }
            if let barrier = entry.group.barrier { throw .cannotCut(group: id, reason: "expected a group that may be cut, but \(barrier)") }
            let keptChannels = Set(channels)
            for (channel, root) in entry.classes.enumerated() where !keptChannels.contains(channel) { removed.insert(root) }
        }
        return removed
    }

    /// Attributes that count channels.
    private mutating func adjustAttributes(
        of index: Int, original: Network, analysis: ChannelAnalysis, isKept: (Int) -> Bool
    ) {
        let node = original.nodes[index]
        guard let value = node.inputs.first else { return }
        let input = analysis.ownership(of: value)
        switch node.layer {
        case .convolution(var layer):
            guard layer.groups > 1, let symbols = input?.symbols, original.parameters[layer.weight]?.shape[1] == 1 else { return }
            layer.groups = symbols.filter(isKept).count
            nodes[index].layer = .convolution(layer)
        case .split(let axis, let sizes):
            guard let input else { return }
            let position = (axis < 0 ? axis + input.rank + 1 : axis) - 1
            guard input.axes.contains(position) else { return }
            var start = 0
            let newSizes = sizes.map { size in
                defer { start += size }
                return input.selecting(Array(start..<start + size), along: position).extent(along: position, keeping: isKept)
            }
            nodes[index].layer = .split(axis: axis, sizes: newSizes)
        case .slice(var ranges):
            guard let input else { return }
            for (place, axis) in input.axes.enumerated() where axis + 1 < ranges.count && ranges[axis + 1] != SliceRange() {
                let taken = ranges[axis + 1].resolved(extent: input.extents[place])
                let before = input.selecting(Array(0..<taken.start), along: axis).extent(along: axis, keeping: isKept)
                let inside = input.selecting(Array(taken.start..<taken.start + taken.count), along: axis).extent(
                    along: axis, keeping: isKept)
                ranges[axis + 1] = SliceRange(start: before, end: before + inside)
            }
            nodes[index].layer = .slice(ranges)
        case .padding(var before, var after, let fill):
            guard let output = analysis.ownership(of: node.outputs[0]), output.axes.count == 1 else { return }
            let axis = output.axes[0] + 1
            before[axis] = output.symbols.prefix(before[axis]).filter(isKept).count
            after[axis] = output.symbols.suffix(after[axis]).filter(isKept).count
            nodes[index].layer = .padding(before: before, after: after, value: fill)
        case .reshape(var shape):
            guard let output = analysis.ownership(of: node.outputs[0]) else { return }
            for axis in output.axes where axis + 1 < shape.count && shape[axis + 1] > 0 {
                shape[axis + 1] = output.extent(along: axis, keeping: isKept)
            }
            nodes[index].layer = .reshape(shape: shape)
        case .gather(let axis, let indices):
            guard let input else { return }
            let position = (axis < 0 ? axis + input.rank + 1 : axis) - 1
            guard input.axes.contains(position) else { return }
            let stays = input.stays(along: position, keeping: isKept)
            var place = -1
            let moved = stays.map { kept -> Int? in
                if kept { place += 1 }
                return kept ? place : nil
            }
            nodes[index].layer = .gather(axis: axis, indices: indices.compactMap { moved[$0] })
        case .normalization(var layer):
            guard let symbols = input?.symbols else { return }
            if case .group(let groups) = layer.kind, groups > 1, symbols.count >= groups {
                layer.kind = .group(symbols.filter(isKept).count / (symbols.count / groups))
            }
            if let before = layer.kept.map({ Set($0) }), symbols.contains(where: { !isKept($0) }) {
                let stays = symbols.indices.filter { isKept(symbols[$0]) }
                let kept = stays.indices.filter { before.contains(stays[$0]) }
                layer.kept = kept.count == stays.count ? nil : kept
            }
            nodes[index].layer = .normalization(layer)
        case .convolutionTranspose(var layer):
            guard layer.groups > 1, let symbols = input?.symbols, original.parameters[layer.weight]?.shape[1] == 1,
                original.parameters[layer.weight]?.shape[0] == layer.groups
            else { return }
            layer.groups = symbols.filter(isKept).count
            nodes[index].layer = .convolutionTranspose(layer)
        case .recurrent(var layer):
            guard let state = analysis.ownership(of: node.outputs[0]) else { return }
            layer.hidden = state.symbols.filter(isKept).count
            nodes[index].layer = .recurrent(layer)
        case .attention(let heads, let scale):
            guard let symbols = input?.symbols, heads > 0, symbols.count >= heads else { return }
            nodes[index].layer = .attention(heads: symbols.filter(isKept).count / (symbols.count / heads), scale: scale)
        default:
            break
        }
    }
}

extension ChannelOwnership {
    /// Extent of an axis when only some symbols stay; the kept ones form a box.
    func extent(along axis: Int, keeping isKept: (Int) -> Bool) -> Int { stays(along: axis, keeping: isKept).filter { $0 }.count }

    /// Which positions of a tracked axis stay.
    func stays(along axis: Int, keeping isKept: (Int) -> Bool) -> [Bool] {
        guard let place = axes.firstIndex(of: axis) else { return [] }
        // A position of the axis stays if any symbol on it does.
        let inner = extents[(place + 1)...].reduce(1, *)
        var stays = [Bool](repeating: false, count: extents[place])
        for (index, symbol) in symbols.enumerated() where isKept(symbol) { stays[index / inner % extents[place]] = true }
        return stays
    }
}

extension Parameter {
    /// The positions `chosen` of one axis, in that order. Precondition: positions within the axis.
    package func selecting(_ chosen: [Int], along axis: Int) -> Parameter {
        if let stored { return Parameter(stored.selecting(chosen, along: axis)) }
        let inner = shape[(axis + 1)...].reduce(1, *)
        let outer = shape[..<axis].reduce(1, *)
        var newShape = shape
        newShape[axis] = chosen.count
        var result: [Float] = []
        result.reserveCapacity(outer * chosen.count * inner)
        values.withUnsafeBufferPointer { source in
            for block in 0..<outer {
                for position in chosen {
                    let start = (block * shape[axis] + position) * inner
                    result.append(contentsOf: source[start..<start + inner])
                }
            }
        }
        return Parameter(shape: newShape, values: result)
    }

    /// Sets everything at one position of an axis to zero.
    mutating func zero(_ position: Int, along axis: Int) {
        let inner = shape[(axis + 1)...].reduce(1, *)
        let outer = shape[..<axis].reduce(1, *)
        for block in 0..<outer {
            let start = (block * shape[axis] + position) * inner
            for i in start..<start + inner { values[i] = 0 }
        }
    }
}
