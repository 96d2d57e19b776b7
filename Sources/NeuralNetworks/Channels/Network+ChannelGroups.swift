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

    /// The same by operation, in the order of their first nodes, as "operation (3 nodes, first name)".
    public var unknownOperationKinds: [String] { barrierNodes.map { "\($0.operation) (\(Self.counted($0.names)))" } }

    /// Nodes by the operation that is not known, in the order of the first ones; what stands for the insides of a branch is none.
    var barrierNodes: [(operation: String, names: [String])] {
        var result: [(operation: String, names: [String])] = []
        var places: [String: Int] = [:]
        for node in nodes {
            guard case .barrier(let operation) = node.layer, !node.outputs.isEmpty else { continue }
            if let place = places[operation] {
                result[place].names.append(node.name)
            } else {
                places[operation] = result.count
                result.append((operation, [node.name]))
            }
        }
        return result
    }

    static func counted(_ names: [String]) -> String { names.count == 1 ? "node \(names[0])" : "\(names.count) nodes, first \(names[0])" }
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

    /// Where the symbols of every class are: slots in the order of the bindings, class after class. Models have millions of channels, so
    /// these are arrays and no dictionaries.
    private struct SlotTable {
        private var starts: [Int]
        private var slots: [Slot]
        /// Whether some producer makes the class.
        private(set) var isMade: [Bool]

        init(_ analysis: ChannelAnalysis) {
            let count = analysis.table.count
            var places = [Int](repeating: 0, count: count + 1)
            for binding in analysis.bindings { for symbol in binding.symbols { places[analysis.table.find(symbol) + 1] += 1 } }
            for root in 0..<count { places[root + 1] += places[root] }
            starts = places
            slots = [Slot](repeating: Slot(binding: 0, position: 0), count: places[count])
            isMade = [Bool](repeating: false, count: count)
            for (index, binding) in analysis.bindings.enumerated() {
                for (position, symbol) in binding.symbols.enumerated() {
                    let root = analysis.table.find(symbol)
                    slots[places[root]] = Slot(binding: index, position: position)
                    places[root] += 1
                    if binding.role == .producer { isMade[root] = true }
                }
            }
        }

        subscript(root: Int) -> ArraySlice<Slot> { slots[starts[root]..<starts[root + 1]] }

        /// Whether channel `b` lies behind channel `a` on every axis, by the steps of the channels before (any step at first).
        func areInStep(_ a: Int, _ b: Int, steps: [Int]?) -> Bool {
            let (first, second, count) = (starts[a], starts[b], starts[a + 1] - starts[a])
            guard starts[b + 1] - second == count else { return false }
            for k in 0..<count {
                let (from, to) = (slots[first + k], slots[second + k])
                guard from.binding == to.binding else { return false }
                let step = to.position - from.position
                if let steps {
                    guard step == steps[k] else { return false }
                } else {
                    guard step > 0 else { return false }
                    // First pair: one step per axis, in ascending order.
                    if k > 0, slots[first + k - 1].binding == from.binding {
                        guard step == slots[second + k - 1].position - slots[first + k - 1].position else { return false }
                    }
                }
            }
            return true
        }
    }

    func groups() -> [GroupedClasses] {
        let slots = SlotTable(self)
        // The first barrier of every class, −1 for none.
        var reasons = [Int](repeating: -1, count: table.count)
        for (index, barrier) in barriers.enumerated() {
            for symbol in barrier.symbols {
                let root = table.find(symbol)
                if reasons[root] < 0 { reasons[root] = index }
            }
        }
        var isStream = [Bool](repeating: false, count: table.count)
        for symbol in streams { isStream[table.find(symbol)] = true }
        var normalizations: [Int: Set<Int>] = [:]
        for (node, symbols) in statistics { for symbol in symbols { normalizations[table.find(symbol), default: []].insert(node) } }

        var result: [GroupedClasses] = []
        var run: [Int] = []
        var steps: [Int]?
        func close() {
            let nodes = normalizations.isEmpty ? [] : run.reduce(into: Set<Int>()) { $0.formUnion(normalizations[$1] ?? []) }
            result.append(
                group(
                    run, slots: slots, reason: reasons[run[0]] < 0 ? nil : reasons[run[0]], isStream: isStream[run[0]],
                    statistics: nodes.sorted()))
        }
        func haveOneReason(_ a: Int, _ b: Int) -> Bool {
            let (x, y) = (reasons[a], reasons[b])
            return x == y || x >= 0 && y >= 0 && barriers[x].reason == barriers[y].reason
        }
        // Only channels that some producer makes.
        for root in 0..<table.count where slots.isMade[root] {
            if let last = run.last {
                if haveOneReason(last, root), isStream[last] == isStream[root], slots.areInStep(last, root, steps: steps) {
                    if run.count == 1 { steps = zip(slots[last], slots[root]).map { $1.position - $0.position } }
                } else {
                    close()
                    (run, steps) = ([], nil)
                }
            }
            run.append(root)
        }
        if !run.isEmpty { close() }
        return result.sorted { first($0, slots) < first($1, slots) }
    }

    /// Place of a group: its first producer's binding and row.
    private func first(_ entry: GroupedClasses, _ slots: SlotTable) -> (Int, Int) {
        guard let slot = slots[entry.classes[0]].first(where: { bindings[$0.binding].role == .producer }) else { return (.max, 0) }
        return (slot.binding, slot.position)
    }

    private func group(
        _ classes: [Int], slots: SlotTable, reason: Int?, isStream: Bool, statistics: [Int]
    ) -> GroupedClasses {
        let first = Array(slots[classes[0]])
        let second = classes.count > 1 ? Array(slots[classes[1]]) : []
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
