// Pruning of networks that do not fit into memory, by what their weights alone say: layer by layer, in memory of a few megabytes.
//
//   every group   norms of what reads a channel → points of its weights → sensitivities → a draw, or the highest → rows and columns
//   then          the store is written once, cut tensors while they are read
//
// The choice is that of the same settings for a network in memory; nothing is known of inputs, so nothing is refitted.

import Coresets
import LinearAlgebra
import NeuralNetworks
import RandomNumbers
import TensorFiles

/// What is cut of a store of weights.
public struct StreamedPruning: Sendable {
    /// One group.
    public struct Layer: Sendable, Codable {
        /// The group's name.
        public let name: String
        /// Channels in the original.
        public let before: Int
        /// Channels that stay.
        public let after: Int
        /// Proven factor of the kept channels in their points; nil where there is none.
        public let provenFactor: Double?
        /// Share of the weights' energy in the directions of the points.
        public let retainedEnergy: Double?
        /// Wall-clock time of this group.
        public let seconds: Double
    }

    /// What of each tensor stays, by name; tensors that stay whole are absent.
    public private(set) var cuts: [String: TensorCut] = [:]
    /// What was cut, in the order of the model.
    public private(set) var layers: [Layer] = []
    /// Numbers in all tensors of the store.
    public let parametersBefore: Int
    /// Numbers in all tensors once cut.
    public private(set) var parametersAfter: Int
    /// The smaller network, where it was made of one: cut tensors stay in the files of the original.
    public private(set) var network: Network?
    /// Integers of the model's configuration that the cut changes, such as the width of feed-forward blocks.
    public private(set) var configuration: [String: Int] = [:]

    /// Chooses channels.
    ///
    /// - Parameters:
    ///   - configuration: of the model, where there is one.
    ///   - observer: told about every group; returning false cancels.
    /// - Throws: `unsupported` for settings that need more than weights; `nothingToPrune`, `unknownLayer`, `unknownName`, `file`,
    ///   `nonFiniteParameter`, `factorization`, `coreset`, `cancelled`.
    public init(
        _ topology: StreamedTopology, in store: TensorStore, settings: PruningSettings, configuration: JSONIntegers? = nil,
        observer: PruningObserver? = nil
    ) throws(PruningError) {
        try settings.validate()
        let (ratio, _) = try StreamedPruning.checked(settings)
        let groups = try StreamedPruning.chosen(topology, settings)
        parametersBefore = store.entries.reduce(0) { $0 + $1.elementCount }
        parametersAfter = parametersBefore
        let counts = groups.map { group in
            let multiple = group.kind == .neurons ? Budget.multiple(of: group.count, roundTo: settings.roundTo) : 1
            let least = Swift.min(group.count, settings.leastChannels ?? 1)
            return Swift.max(
                least, Budget.count(of: group.count, ratio: settings.layerRatios[group.name] ?? ratio, multiple: multiple))
        }
        let choices = try choose(groups.map { ($0.name, $0.count) }, keeping: counts, settings, observer) { index in
            StreamedWeights(groups[index], in: store)
        }
        for (group, choice) in zip(groups, choices) where choice.kept.count < group.count {
            for (tensor, cut) in group.cuts(keeping: choice.kept, factors: settings.reweighting == .coreset ? choice.factors : nil) {
                cuts[tensor] = StreamedPruning.merged(cuts[tensor], cut)
            }
        }
        let cut = cuts
        parametersAfter = store.entries.reduce(0) { $0 + (cut[$1.name]?.shape(of: $1.shape) ?? $1.shape).reduce(1, *) }
        if let configuration { self.configuration = try changes(of: configuration, topology, groups) }
    }

    /// Chooses channels of a network whose weights stay in their files (``Parameter/stored``); the smaller one is ``network``.
    ///
    /// The groups, their counts and the choice are those of ``Pruner`` for the same network in memory.
    /// - Throws: what ``Pruner/init(network:settings:)`` throws for the groups; `unsupported` for settings that need more than weights; `file`,
    ///   `nonFiniteParameter`, `factorization`, `coreset`, `cut`, `cancelled`.
    public init(_ network: Network, settings: PruningSettings, observer: PruningObserver? = nil) throws(PruningError) {
        _ = try StreamedPruning.checked(settings)
        let pruner = try Pruner(network: network, settings: settings)
        let (whole, groups) = (pruner.network, pruner.groups)
        parametersBefore = whole.cost.parameters
        parametersAfter = parametersBefore
        let counts = BudgetAllocation.uniformCounts(groups, in: whole, settings) ?? groups.map(\.count)
        let choices = try choose(groups.map { ($0.id, $0.count) }, keeping: counts, settings, observer) { (index) throws(PruningError) in
            try StreamedWeights(groups[index], in: whole)
        }
        let kept = zip(groups, choices).map { PruningPlan.Group(name: $0.id, channels: $0.count, kept: $1.kept) }
        var small = try whole.cutting(kept)
        if settings.reweighting == .coreset { small.scale(groups, choices, in: whole, left: whole.keptPositions(kept, of: groups)) }
        parametersAfter = small.cost.parameters
        self.network = small
    }

    /// The choice of every group, and its account in `layers`.
    private mutating func choose(
        _ groups: [(name: String, count: Int)], keeping counts: [Int], _ settings: PruningSettings, _ observer: PruningObserver?,
        _ weights: (Int) throws(PruningError) -> StreamedWeights
    ) throws(PruningError) -> [StreamedChoice] {
        let rank = try StreamedPruning.checked(settings).rank
        let clock = ContinuousClock()
        var choices: [StreamedChoice] = []
        for (index, group) in groups.enumerated() {
            if let observer,
                !observer(
                    PruningProgress(
                        phase: .ranking(group: group.name), completed: index, total: groups.count + 1,
                        fraction: Double(index) / Double(groups.count + 1)))
            {
                throw .cancelled
            }
            let start = clock.now
            var generator = SeededGenerator(seed: settings.seed).stream(.group(index))
            let choice = try StreamedChoice(weights(index), keeping: counts[index], settings, rank: rank, generator: &generator)
            choices.append(choice)
            layers.append(
                Layer(
                    name: group.name, before: group.count, after: counts[index], provenFactor: choice.provenFactor,
                    retainedEnergy: choice.retainedEnergy, seconds: (clock.now - start).seconds))
        }
        return choices
    }

    /// Whether settings need nothing but weights.
    public static func goesByWeights(_ settings: PruningSettings) -> Bool { (try? checked(settings)) != nil }

    /// The share that stays, and the directions to look at; refuses what needs inputs or a network in memory.
    private static func checked(_ settings: PruningSettings) throws(PruningError) -> (ratio: Double, rank: Int) {
        guard case .keep(let ratio) = settings.budget else {
            throw .unsupported(settings.budget.setting, value: "\(settings.budget.fraction)", needs: .networkInMemory)
        }
        guard !settings.selection.usesMoments else {
            throw .unsupported(.selection, value: settings.selection.rawValue, needs: .networkInMemory)
        }
        guard settings.reweighting == .coreset || settings.reweighting == .none else {
            throw .unsupported(.reweighting, value: settings.reweighting.rawValue, needs: .networkInMemory)
        }
        guard settings.points == .product || settings.points == .incoming else {
            throw .unsupported(.points, value: settings.points.rawValue, needs: .networkInMemory)
        }
        guard case .fixed(let rank) = settings.rank else { throw .unsupported(.rank, value: "by energy", needs: .networkInMemory) }
        return (ratio, rank)
    }

    /// The groups that are cut: all but those that are excluded by name.
    private static func chosen(_ topology: StreamedTopology, _ settings: PruningSettings) throws(PruningError) -> [StreamedGroup] {
        guard !topology.groups.isEmpty else {
            throw .nothingToPrune(reason: topology.whole.first.map { "\($0.name): \($0.reason)" } ?? "no names of tensors that are known")
        }
        var groups = topology.groups
        for text in settings.excludedNames ?? [] {
            let pattern = NamePattern(text)
            let fits = topology.groups.filter { pattern.matches($0.name) || $0.name == text }.map(\.name)
            guard !fits.isEmpty else {
                throw .unknownName(
                    .excludedNames, name: text, suggestion: Spelling.suggestion(for: text, among: topology.groups.map(\.name)))
            }
            groups.removeAll { fits.contains($0.name) }
        }
        guard !groups.isEmpty else { throw .nothingToPrune(reason: "all that may be cut is excluded") }
        let names = groups.map(\.name)
        for name in settings.layerRatios.keys.sorted() where !names.contains(name) { throw .unknownLayer(name: name, available: names) }
        return groups
    }

    /// Two cuts of one tensor: rows by one group and columns by another, or rows of two parts that follow each other.
    private static func merged(_ first: TensorCut?, _ second: TensorCut) -> TensorCut {
        guard var result = first else { return second }
        if let rows = second.positions[0] { result.positions[0] = (result.positions[0] ?? []) + rows }
        if let columns = second.positions[1] { (result.positions[1], result.factors) = (columns, second.factors) }
        return result
    }

    /// What a configuration says of widths and heads, as they are now: one number for all blocks of a kind, those that stay whole too.
    ///
    /// - Throws: `severalSizes`.
    private func changes(
        of configuration: JSONIntegers, _ topology: StreamedTopology, _ groups: [StreamedGroup]
    ) throws(PruningError) -> [String: Int] {
        var sizes: [String: (size: Int, block: String)] = [:]
        func note(_ key: String, _ size: Int, _ block: String) throws(PruningError) {
            if let other = sizes[key], other.size != size {
                throw .severalSizes(key: key, first: other.block, size: other.size, second: block, otherSize: size)
            }
            sizes[key] = (size, block)
        }
        let left = Dictionary(layers.map { ($0.name, $0.after) }, uniquingKeysWith: { first, _ in first })
        let blocks =
            topology.groups.map { (name: $0.name, kind: $0.kind, before: $0.count, after: left[$0.name] ?? $0.count) }
            + topology.whole.compactMap { whole in whole.block.map { (name: whole.name, kind: $0.kind, before: $0.count, after: $0.count) }
            }
        for block in blocks {
            switch block.kind {
            case .neurons:
                for key in configuration.keys where configuration[key] == block.before {
                    guard StreamedPruning.widths.contains(key.split(separator: ".").last.map(String.init) ?? key) else { continue }
                    try note(key, block.after, block.name)
                }
            case .heads(let queries, let length):
                try note("num_attention_heads", queries * block.after, block.name)
                if configuration["num_key_value_heads"] != nil { try note("num_key_value_heads", block.after, block.name) }
                // It is the quotient of what is left no more.
                if block.after < block.before { try note("head_dim", length, block.name) }
            }
        }
        return sizes.mapValues(\.size).filter { configuration[$0.key] != $0.value }
    }

    /// What models call the width of their feed-forward blocks.
    private static let widths: Set = [
        "intermediate_size", "moe_intermediate_size", "shared_expert_intermediate_size", "ffn_dim", "n_inner", "d_ff",
    ]
}

extension Network {
    /// Multiplies what reads the channels of some groups by the weights of their draws, in a network that they are cut of.
    ///
    /// - Parameters:
    ///   - whole: the network before the cut.
    ///   - left: positions that stay, by parameter and axis.
    fileprivate mutating func scale(
        _ groups: [ChannelGroup], _ choices: [StreamedChoice], in whole: Network, left: [String: [Int: [Int]]]
    ) {
        let evaluability = whole.evaluability()
        for (group, choice) in zip(groups, choices) {
            guard let factors = choice.factors else { continue }
            for consumer in whole.measurableConsumers(of: group, evaluability) {
                guard let before = whole.parameters[consumer.weight], let after = parameters[consumer.weight] else { continue }
                var scales = [Float](repeating: 1, count: before.shape[consumer.axis])
                for (channel, factor) in zip(choice.kept, factors) {
                    for position in consumer.map.positions(of: channel) { scales[position] = Float(factor) }
                }
                let positions = left[consumer.weight]?[consumer.axis] ?? Array(scales.indices)
                parameters[consumer.weight] = after.scaled(by: positions.map { scales[$0] }, along: consumer.axis)
            }
        }
    }
}
