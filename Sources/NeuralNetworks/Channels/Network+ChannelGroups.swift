// Channel groups, read off the analysis: classes of symbols whose positions march in step.

extension Network {
    /// All channel groups, in the order of their first producers.
    ///
    /// A group collects the channels that index the same tensor axes in step; every output row of every convolution and
    /// linear layer belongs to exactly one group. Groups that must stay whole say why in `barrier`. A producer whose rows
    /// play different parts (the middle of a padded shortcut, the halves of a split) has one group for each part.
    /// Cost: linear in the number of channels and of positions on the axes that they index.
    /// - Throws: ``NetworkError`` when a layer's tensors are missing or misshapen.
    public func channelGroups() throws(NetworkError) -> [ChannelGroup] {
        try ChannelAnalysis(self).groups().map(\.group)
    }

    /// Operations that this project does not know, as "node (operation)": what touches them is kept whole.
    public var unknownOperations: [String] {
        nodes.compactMap { node in
            if case .barrier(let operation) = node.layer { "\(node.name) (\(operation))" } else { nil }
        }
    }
}

extension ChannelAnalysis {
    /// A group with the class of symbols that each of its channels stands for.
    struct GroupedClasses {
        var group: ChannelGroup
        /// Representative symbol per channel.
        var classes: [Int]
    }

    private struct Slot: Equatable {
        var binding: Int
        var position: Int
    }

    func groups() -> [GroupedClasses] {
        var slots: [Int: [Slot]] = [:]
        var order: [Int] = []
        for (index, binding) in bindings.enumerated() {
            for (position, symbol) in binding.symbols.enumerated() {
                let root = table.find(symbol)
                if slots[root] == nil { order.append(root) }
                slots[root, default: []].append(Slot(binding: index, position: position))
            }
        }
        var reasons: [Int: Int] = [:]
        for (index, barrier) in barriers.enumerated() {
            for symbol in barrier.symbols {
                let root = table.find(symbol)
                if reasons[root] == nil { reasons[root] = index }
            }
        }
        let streams = Set(streams.map(table.find))
        var normalizations: [Int: Set<Int>] = [:]
        for (node, symbols) in statistics { for symbol in symbols { normalizations[table.find(symbol), default: []].insert(node) } }

        // Only channels that some producer makes.
        let classes = order.filter { root in (slots[root] ?? []).contains { bindings[$0.binding].role == .producer } }.sorted()
        var result: [GroupedClasses] = []
        var run: [Int] = []
        func close() {
            let nodes = run.reduce(into: Set<Int>()) { $0.formUnion(normalizations[$1] ?? []) }
            result.append(
                group(
                    run, slots: slots, reason: reasons[run[0]], isStream: streams.contains(run[0]), statistics: nodes.sorted()))
        }
        for root in classes {
            if let last = run.last {
                let follows =
                    reasons[last].map { barriers[$0].reason } == reasons[root].map { barriers[$0].reason }
                    && streams.contains(last) == streams.contains(root)
                    && isInStep(
                        slots[last] ?? [], slots[root] ?? [], step: run.count > 1 ? steps(slots[run[0]] ?? [], slots[run[1]] ?? []) : nil)
                if !follows {
                    close()
                    run = []
                }
            }
            run.append(root)
        }
        if !run.isEmpty { close() }
        return result.sorted { first($0, slots) < first($1, slots) }
    }

    /// Place of a group: its first producer's binding and row.
    private func first(_ entry: GroupedClasses, _ slots: [Int: [Slot]]) -> (Int, Int) {
        guard let slot = slots[entry.classes[0]]?.first(where: { bindings[$0.binding].role == .producer }) else { return (.max, 0) }
        return (slot.binding, slot.position)
    }

    /// Whether channel `b` lies behind channel `a` on every axis, by the steps of the channels before (any step at first).
    private func isInStep(_ a: [Slot], _ b: [Slot], step: [Int]?) -> Bool {
        guard a.count == b.count, zip(a, b).allSatisfy({ $0.binding == $1.binding }) else { return false }
        let steps = steps(a, b)
        if let step { return steps == step }
        // First pair: one step per axis, in ascending order.
        for (index, slot) in a.enumerated().dropFirst() where slot.binding == a[index - 1].binding {
            guard steps[index] == steps[index - 1] else { return false }
        }
        return steps.allSatisfy { $0 > 0 }
    }

    private func steps(_ a: [Slot], _ b: [Slot]) -> [Int] { zip(a, b).map { $1.position - $0.position } }

    private func group(
        _ classes: [Int], slots: [Int: [Slot]], reason: Int?, isStream: Bool, statistics: [Int]
    ) -> GroupedClasses {
        let first = slots[classes[0]] ?? []
        let second = classes.count > 1 ? slots[classes[1]] ?? [] : []
        var slices: [ChannelGroup.Slice] = []
        var start = 0
        while start < first.count {
            let binding = first[start].binding
            var end = start
            while end < first.count, first[end].binding == binding { end += 1 }
            let positions = first[start..<end].map(\.position)
            let stride = second.isEmpty ? positions.count : second[start].position - positions[0]
            let info = bindings[binding]
            slices.append(
                .init(
                    parameter: info.parameter, axis: info.axis, node: info.node, role: info.role,
                    map: IndexMap(positions: positions, stride: stride)))
            start = end
        }
        func nodes(_ role: ChannelGroup.Slice.Role) -> [Int] {
            var seen: Set<Int> = []
            return slices.filter { $0.role == role }.map(\.node).filter { seen.insert($0).inserted }
        }
        let producers = nodes(.producer)
        let barrier = reason.map { barriers[$0].reason }
        return GroupedClasses(
            group: ChannelGroup(
                id: identifier(classes, slots: first), count: classes.count, slices: slices, producers: producers,
                consumers: nodes(.consumer), barrier: barrier, isInner: !isStream, barrierNode: reason.flatMap { barriers[$0].node },
                statistics: statistics),
            classes: classes)
    }

    /// The first producer's name, with the range of rows when the group does not have all of them.
    private func identifier(_ classes: [Int], slots: [Slot]) -> String {
        guard let slot = slots.first(where: { bindings[$0.binding].role == .producer }) else { return "" }
        let binding = bindings[slot.binding]
        let name = network.nodes[binding.node].name
        let members = Set(classes)
        let covered = binding.symbols.filter { members.contains(table.find($0)) }.count
        return covered == binding.symbols.count ? name : "\(name)[\(slot.position)..<\(slot.position + classes.count)]"
    }
}
