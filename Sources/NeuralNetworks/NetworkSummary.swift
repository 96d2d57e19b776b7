// What `inspect` shows: a network as plain data.

/// Nodes, shapes, costs and channel groups of a network.
public struct NetworkSummary: Sendable, Codable, Equatable {
    /// One node.
    public struct Node: Sendable, Codable, Equatable {
        /// The node's name.
        public var name: String
        /// What it computes, as tables call it.
        public var operation: String
        /// Names of the nodes and inputs that it reads.
        public var inputs: [String]
        /// Shape of the first output without the batch axis; absent when unknown.
        public var shape: [Int]?
        /// Trained numbers that it reads.
        public var parameters: Int
        /// For one sample; absent when unknown.
        public var multiplyAdds: Int?
        /// Group that its output channels belong to; with several, those of the first.
        public var group: String?
        /// Whether a budget cuts output channels; absent for nodes without channels of their own.
        public var isPrunable: Bool?
        /// Why not, or what else is cut with them.
        public var remark: String?
    }

    /// Channels that are cut together.
    public struct Group: Sendable, Codable, Equatable {
        /// The group's name.
        public var name: String
        /// How many channels.
        public var channels: Int
        /// Names of the nodes that make the channels.
        public var producers: [String]
        /// Names of the nodes that read them.
        public var consumers: [String]
        /// No addition ties it to another producer.
        public var isInner: Bool
        /// Whether a budget cuts it unasked; a residual stream without a barrier is cut on demand only.
        public var isPrunable: Bool
        /// Whether it can be cut at all.
        public var isCuttable: Bool
        /// Why it must stay whole.
        public var barrier: String?
    }

    /// A node that keeps channels whole, and what that costs.
    public struct Barrier: Sendable, Codable, Equatable {
        /// The node's name.
        public var node: String
        /// The operation, as the file calls it.
        public var `operator`: String
        /// Parameters that could be cut but for it.
        public var parameters: Int
    }

    /// All nodes in topological order.
    public var nodes: [Node]
    /// All groups in topological order.
    public var groups: [Group]
    /// Shapes of inputs by name, without the batch axis; `nil` where unknown.
    public var inputs: [String: [Int]?]
    /// Shapes of outputs by name, without the batch axis; `nil` where unknown.
    public var outputs: [String: [Int]?]
    /// Trained numbers that layers read.
    public var parameters: Int
    /// For one sample; `nil` when a shape is unknown.
    public var multiplyAdds: Int?
    /// Channels of all groups that may be cut without touching a residual stream.
    public var innerNeurons: Int
    /// Channels of all groups that may be cut.
    public var prunableNeurons: Int
    /// Parameters in rows or columns of channels that may be cut unasked, as a share of all the file's.
    public var prunableShare: Double
    /// Numbers in all tensors of the file, those that no layer reads included.
    public var parametersTotal: Int
    /// What keeps most parameters whole first.
    public var barriers: [Barrier]
    /// Unknown operations and the like.
    public var warnings: [String]
}

extension Network {
    /// Everything `inspect` shows. Linear in the number of channels and nodes.
    /// - Parameters:
    ///   - parametersTotal: numbers in all tensors of the file, where it has more than the network reads.
    ///   - enclosed: numbers in tensors that only nodes which are not understood read, by the name of the node.
    ///   - known: the channel groups, where the caller has them.
    /// - Throws: ``NetworkError`` when a layer's tensors are missing or misshapen.
    /// - Complexity: as ``Network/channelGroups()``.
    public func summary(
        parametersTotal: Int? = nil, enclosed: [String: Int] = [:], groups known: [ChannelGroup]? = nil
    ) throws(NetworkError) -> NetworkSummary {
        let groups = if let known { known } else { try channelGroups() }
        var groupsOfNode: [Int: [ChannelGroup]] = [:]
        for group in groups {
            let members = Set(group.slices.filter { $0.role == .producer || $0.role == .normalization || $0.role == .coupled }.map(\.node))
            for node in members { groupsOfNode[node, default: []].append(group) }
        }
        var makers: [ValueID: String] = [:]
        for value in inputs { makers[value] = values[value].name }
        for node in nodes { for value in node.outputs { makers[value] = node.name } }

        let rows = nodes.indices.map { index in
            let node = nodes[index]
            let cost = cost(of: index)
            let own = groupsOfNode[index] ?? []
            return NetworkSummary.Node(
                name: node.name, operation: node.layer.operationName, inputs: node.inputs.compactMap { makers[$0] },
                shape: node.outputs.first.flatMap { values[$0].shape }, parameters: cost.parameters, multiplyAdds: cost.multiplyAdds,
                group: own.first?.id, isPrunable: own.isEmpty ? nil : own.contains(where: \.isPrunable), remark: remark(index, own))
        }
        let prunable = groups.filter { $0.barrier == nil }
        let total = cost
        let everything = max(parametersTotal ?? total.parameters, total.parameters)
        return NetworkSummary(
            nodes: rows,
            groups: groups.map { group in
                NetworkSummary.Group(
                    name: group.id, channels: group.count, producers: group.producers.map { nodes[$0].name },
                    consumers: group.consumers.map { nodes[$0].name }, isInner: group.isInner, isPrunable: group.isPrunable,
                    isCuttable: group.isCuttable, barrier: group.barrier)
            },
            inputs: Dictionary(inputs.map { (values[$0].name, values[$0].shape) }) { first, _ in first },
            outputs: Dictionary(outputs.map { (values[$0].name, values[$0].shape) }) { first, _ in first },
            parameters: total.parameters, multiplyAdds: total.multiplyAdds,
            innerNeurons: prunable.filter(\.isInner).reduce(0) { $0 + $1.count }, prunableNeurons: prunable.reduce(0) { $0 + $1.count },
            prunableShare: everything > 0 ? Double(prunableParameters(groups)) / Double(everything) : 0, parametersTotal: everything,
            barriers: barriers(groups, enclosed: enclosed),
            warnings: unknownOperations.map { "\($0) is not understood: what touches it is kept whole" })
    }

    /// Parameters with an axis along which channels of groups that are cut unasked lie, by the share of that axis.
    private func prunableParameters(_ groups: [ChannelGroup]) -> Int {
        var covered: [String: [Int: [Bool]]] = [:]
        for group in groups where group.isPrunable {
            for slice in group.slices {
                guard let extents = parameters[slice.parameter]?.shape, slice.axis < extents.count else { continue }
                var marks = covered[slice.parameter]?[slice.axis] ?? [Bool](repeating: false, count: extents[slice.axis])
                for channel in 0..<group.count {
                    for offset in slice.map.offsets {
                        let start = offset + channel * slice.map.stride
                        for position in start..<start + slice.map.run where position < marks.count { marks[position] = true }
                    }
                }
                covered[slice.parameter, default: [:]][slice.axis] = marks
            }
        }
        let names = Set(covered.keys)
        return covered.reduce(0) { sum, entry in
            guard let parameter = parameters[entry.key], isCounted(entry.key, among: names) else { return sum }
            let shares = entry.value.map { axis, marks in Double(marks.count { $0 }) / Double(max(parameter.shape[axis], 1)) }
            return sum + Int((Double(parameter.count) * (shares.max() ?? 0)).rounded())
        }
    }

    private func barriers(_ groups: [ChannelGroup], enclosed: [String: Int]) -> [NetworkSummary.Barrier] {
        // By node and tensor: a tensor that several nodes read waits once.
        var waiting: [Int: [String: Int]] = [:]
        for (index, node) in nodes.enumerated() {
            if case .barrier = node.layer { waiting[index] = enclosed[node.name].map { ["": $0] } ?? [:] }
        }
        for group in groups {
            guard let node = group.barrierNode else { continue }
            let rows = group.slices.filter { $0.role == .producer }
            for slice in rows {
                guard let parameter = parameters[slice.parameter], slice.axis < parameter.shape.count else { continue }
                let positions = (0..<group.count).reduce(0) { $0 + slice.map.positions(of: $1).count }
                let count = waiting[node]?[slice.parameter] ?? 0
                waiting[node, default: [:]][slice.parameter] = min(
                    parameter.count, count + parameter.count / max(parameter.shape[slice.axis], 1) * positions)
            }
        }
        let totals = waiting.mapValues { $0.values.reduce(0, +) }
        return totals.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { index, count in
            .init(node: nodes[index].name, operator: nodes[index].layer.operationName, parameters: count)
        }
    }

    private func remark(_ index: Int, _ groups: [ChannelGroup]) -> String? {
        if case .barrier = nodes[index].layer { return "unknown operation: what touches it is kept whole" }
        guard let group = groups.first else { return nil }
        if let barrier = groups.compactMap(\.barrier).first, groups.allSatisfy({ $0.barrier != nil }) { return "stays whole: \(barrier)" }
        if groups.count > 1 { return "\(groups.count) groups" }
        if !group.isCuttable { return "stays whole: not read by a layer with weights" }
        if !group.isInner {
            return "stays whole unasked: residual stream of \(group.producers.count) producer\(group.producers.count == 1 ? "" : "s")"
        }
        if group.producers.count > 1 {
            return "tied with \(group.producers.filter { $0 != index }.map { nodes[$0].name }.joined(separator: ", "))"
        }
        return nil
    }
}
