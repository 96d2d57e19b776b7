// The groups that stay whole because something of theirs is named.

import NeuralNetworks
import TensorFiles

/// Groups whose channels a list of names keeps whole.
///
/// A name is that of a group, of a node, or of a layer as its tensors have it (`conv1` of `conv1.weight`). A node's channels are those
/// that it makes or, for one without weights of its own, those that it passes on.
struct ExcludedGroups {
    private let names: Set<ChannelGroup.ID>

    func contains(_ group: ChannelGroup) -> Bool { names.contains(group.id) }

    /// - Parameters:
    ///   - patterns: names, or patterns with `*` and `?`.
    ///   - groups: all groups of the network.
    /// - Throws: `unknownName` for what fits nothing.
    /// - Complexity: O(patterns · names), and one walk over the nodes per node named.
    init(_ patterns: [String], in network: Network, groups: [ChannelGroup]) throws(PruningError) {
        var excluded: Set<ChannelGroup.ID> = []
        for text in patterns {
            // Names may hold wildcards of their own: those that are meant literally come first.
            let isLiteral =
                groups.contains { $0.id == text }
                || network.nodes.contains { $0.name == text || ExcludedGroups.layers(of: $0).contains(text) }
            let pattern = NamePattern(text)
            func fits(_ name: String) -> Bool { isLiteral ? name == text : pattern.matches(name) }
            let ids = groups.map(\.id).filter(fits)
            let nodes = network.nodes.indices.filter { index in
                fits(network.nodes[index].name) || ExcludedGroups.layers(of: network.nodes[index]).contains(where: fits)
            }
            guard !ids.isEmpty || !nodes.isEmpty else {
                let known = groups.map(\.id) + network.nodes.flatMap { [$0.name] + ExcludedGroups.layers(of: $0) }
                throw .unknownName(.excludedNames, name: text, suggestion: Spelling.suggestion(for: text, among: known))
            }
            excluded.formUnion(ids)
            for node in nodes { excluded.formUnion(ExcludedGroups.groups(at: node, in: network, groups)) }
        }
        names = excluded
    }

    /// What a node's tensors call their layer: their names without the last word.
    private static func layers(of node: Network.Node) -> [String] {
        node.layer.parameterNames.compactMap { name in name.lastIndex(of: ".").map { String(name[..<$0]) } }
    }

    /// Groups of the channels that leave a node.
    private static func groups(at start: Int, in network: Network, _ groups: [ChannelGroup]) -> [ChannelGroup.ID] {
        var makers: [Network.ValueID: Int] = [:]
        for (index, node) in network.nodes.enumerated() { for output in node.outputs { makers[output] = index } }
        var (found, seen, pending) = ([ChannelGroup.ID](), Set([start]), [start])
        while let index = pending.popLast() {
            let own = groups.filter { group in
                group.producers.contains(index)
                    || group.slices.contains { $0.node == index && $0.role != .consumer && $0.role != .recurrent }
            }
            found += own.map(\.id)
            guard own.isEmpty else { continue }
            for input in network.nodes[index].inputs {
                if let maker = makers[input], seen.insert(maker).inserted { pending.append(maker) }
            }
        }
        return found
    }
}
