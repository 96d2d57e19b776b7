// What `inspect` shows: a network as plain data.

/// Nodes, shapes, costs and channel groups of a network.
public struct NetworkSummary: Sendable, Codable, Equatable {
    public struct Node: Sendable, Codable, Equatable {
        public var name: String
        public var operation: String
        /// Names of the nodes and inputs that it reads.
        public var inputs: [String]
        /// Shape of the first output without the batch axis; absent when unknown.
        public var shape: [Int]?
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

    public struct Group: Sendable, Codable, Equatable {
        public var name: String
        public var channels: Int
        public var producers: [String]
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

    public var nodes: [Node]
    public var groups: [Group]
    public var inputs: [String: [Int]?]
    public var outputs: [String: [Int]?]
    public var parameters: Int
    public var multiplyAdds: Int?
    /// Channels of all groups that may be cut without touching a residual stream.
    public var innerNeurons: Int
    /// Channels of all groups that may be cut.
    public var prunableNeurons: Int
    /// Unknown operations and the like.
    public var warnings: [String]
}

extension Network {
    /// Everything `inspect` shows. Linear in the number of channels and nodes.
    /// - Throws: ``NetworkError`` when a layer's tensors are missing or misshapen.
    public func summary() throws(NetworkError) -> NetworkSummary {
        let groups = try channelGroups()
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
            warnings: unknownOperations.map { "\($0) is not understood: what touches it is kept whole" })
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
