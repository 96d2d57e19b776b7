// Which tensors of a store belong together, for language models as they are published and for chains of linear layers.
//
// A transformer's block repeats a few patterns of names, whoever made it. The rows of its gate and up projections are the columns of
// its down projection, and the rows of its query, key and value projections, head by head, the columns of its output projection; where
// several heads of queries share keys and values they are cut together.

import TensorFiles

/// The groups of channels of a store, and what stays whole though it looks like one.
public struct StreamedTopology: Sendable {
    /// Groups of channels in the order of the model.
    public private(set) var groups: [StreamedGroup] = []
    /// What the channels of a block are, and how many.
    public typealias Block = (kind: StreamedGroup.Kind, count: Int)

    /// Groups that are not cut, and why; the block that they are, where it is known.
    public private(set) var whole: [(name: String, reason: String, block: Block?)] = []
    private let store: TensorStore

    /// Names of projections in a feed-forward block: those whose rows the neurons are, and the one whose columns they are.
    private static let feedForward: [(producers: [String], consumer: String)] = [
        (["gate_proj", "up_proj"], "down_proj"), (["w1", "w3"], "w2"), (["gate_up_proj"], "down_proj"), (["up_proj"], "down_proj"),
        (["fc1"], "fc2"), (["dense_h_to_4h"], "dense_4h_to_h"), (["intermediate.dense"], "output.dense"), (["fc_in"], "fc_out"),
        (["lin1"], "lin2"), (["wi_0", "wi_1"], "wo"), (["wi"], "wo"),
    ]
    private static let projections = Set(feedForward.flatMap(\.producers)).sorted()
    private static let attention = (query: "q_proj", key: "k_proj", value: "v_proj", outputs: ["o_proj", "out_proj"])

    /// - Parameter configuration: of a folder, which says how many heads there are.
    public init(_ store: TensorStore, configuration: JSONIntegers? = nil) {
        self.store = store
        if addChain() { return }
        var consumed: Set<String> = []
        for entry in store.entries {
            guard let layer = Self.stem(entry.name, ".weight") else { continue }
            if let group = attentionGroup(layer, configuration) { groups.append(group) }
            for projection in Self.projections {
                // Whichever projection of a block comes first, its pattern is the first that is there as a whole.
                guard let prefix = Self.prefix(of: layer, projection), !consumed.contains(prefix),
                    let pattern = Self.feedForward.first(where: { pattern in
                        (pattern.producers + [pattern.consumer]).allSatisfy { store[prefix + $0 + ".weight"] != nil }
                    })
                else { continue }
                consumed.insert(prefix)
                let producers = pattern.producers.map { prefix + $0 }
                if let group = neurons(named: Self.name(prefix, layer), producers, prefix + pattern.consumer) { groups.append(group) }
            }
        }
    }

    /// Linear layers `<prefix><number>.weight`, each reading the one before, where the store is nothing but those.
    private mutating func addChain() -> Bool {
        var links: [(layer: String, stem: String, number: Int, shape: [Int])] = []
        for entry in store.entries where entry.shape.count != 1 {
            guard let layer = Self.stem(entry.name, ".weight"), entry.shape.count == 2 else { return false }
            let digits = layer.reversed().prefix { $0.isASCII && $0.isNumber }.count
            guard let number = Int(layer.suffix(digits)) else { return false }
            links.append((layer, String(layer.dropLast(digits)), number, entry.shape))
        }
        links.sort { $0.number < $1.number }
        let fit = zip(links, links.dropFirst()).allSatisfy {
            $0.stem == $1.stem && $0.number < $1.number && $1.shape[1] == $0.shape[0]
        }
        guard links.count >= 2, fit else { return false }
        for (before, after) in zip(links, links.dropFirst()) {
            if let group = neurons(named: before.layer, [before.layer], after.layer) { groups.append(group) }
        }
        return true
    }

    // MARK: Feed-forward blocks

    private mutating func neurons(named name: String, _ layers: [String], _ consumer: String) -> StreamedGroup? {
        // Of numbers or not, its columns are the neurons.
        let columns = store[consumer + ".weight"].flatMap { $0.shape.count == 2 ? $0.shape[1] : nil }
        let block = columns.map { Block(kind: .neurons, count: $0) }
        guard let reader = matrix(consumer, in: name, block) else { return nil }
        let count = reader.shape[1]
        var (producers, biases) = ([StreamedGroup.Part](), [StreamedGroup.Part]())
        for layer in layers {
            guard let weights = matrix(layer, in: name, block) else { return nil }
            // One matrix for gate and up: the halves of its rows.
            let isFused = layers.count == 1 && layer.hasSuffix("gate_up_proj")
            guard weights.shape[0] == (isFused ? 2 : 1) * count else {
                whole.append((name, "\(weights.name) has \(weights.shape[0]) rows, \(reader.name) \(count) columns", block))
                return nil
            }
            for start in isFused ? [0, count] : [0] {
                producers.append(.init(tensor: weights.name, axis: 0, start: start, width: 1))
                guard let bias = store[layer + ".bias"] else { continue }
                guard bias.shape == [weights.shape[0]], Self.isFloating(bias) else {
                    whole.append((name, "\(bias.name) is not a number for every row", block))
                    return nil
                }
                biases.append(.init(tensor: bias.name, axis: 0, start: start, width: 1))
            }
        }
        return StreamedGroup(
            name: name, kind: .neurons, count: count, producers: producers, biases: biases,
            consumers: [.init(tensor: reader.name, axis: 1, start: 0, width: 1)])
    }

    // MARK: Heads

    private mutating func attentionGroup(_ layer: String, _ configuration: JSONIntegers?) -> StreamedGroup? {
        guard let prefix = Self.prefix(of: layer, Self.attention.query),
            let output = Self.attention.outputs.map({ prefix + $0 }).first(where: { store[$0 + ".weight"] != nil }),
            store[prefix + Self.attention.key + ".weight"] != nil, store[prefix + Self.attention.value + ".weight"] != nil
        else { return nil }
        let name = Self.name(prefix, layer)
        guard let heads = configuration?["num_attention_heads"], heads > 0 else {
            whole.append((name, "no config.json says how many heads there are", nil))
            return nil
        }
        let shared = configuration?["num_key_value_heads"] ?? heads
        guard let query = matrix(prefix + Self.attention.query, in: name), let reader = matrix(output, in: name),
            shared > 0, heads % shared == 0, query.shape[0] % heads == 0, reader.shape[1] == query.shape[0]
        else {
            whole.append((name, "its shapes are not those of \(heads) heads, \(shared) of keys and values", nil))
            return nil
        }
        let (length, queries) = (query.shape[0] / heads, heads / shared)
        let block = Block(kind: .heads(queries: queries, length: length), count: shared)
        for norm in ["q_norm", "k_norm"] {
            guard let entry = store[prefix + norm + ".weight"], entry.elementCount != length else { continue }
            whole.append((name, "\(entry.name) normalizes over all heads", block))
            return nil
        }
        var (producers, biases) = ([StreamedGroup.Part](), [StreamedGroup.Part]())
        for (layer, width) in [
            (Self.attention.query, queries * length), (Self.attention.key, length), (Self.attention.value, length),
        ] {
            guard let weights = matrix(prefix + layer, in: name, block) else { return nil }
            guard weights.shape[0] == shared * width else {
                whole.append((name, "\(weights.name) has \(weights.shape[0]) rows, \(shared) heads of \(width) expected", block))
                return nil
            }
            producers.append(.init(tensor: weights.name, axis: 0, start: 0, width: width))
            guard let bias = store[prefix + layer + ".bias"] else { continue }
            guard bias.shape == [shared * width], Self.isFloating(bias) else {
                whole.append((name, "\(bias.name) is not a number for every row", block))
                return nil
            }
            biases.append(.init(tensor: bias.name, axis: 0, start: 0, width: width))
        }
        return StreamedGroup(
            name: name, kind: .heads(queries: queries, length: length), count: shared, producers: producers, biases: biases,
            consumers: [.init(tensor: reader.name, axis: 1, start: 0, width: queries * length)])
    }

    // MARK: Tensors

    /// A weight matrix of floating-point numbers; nil, with the group noted as whole, where it is none.
    private mutating func matrix(_ layer: String, in group: String, _ block: Block? = nil) -> TensorStore.Entry? {
        guard let entry = store[layer + ".weight"] else { return nil }
        guard entry.shape.count == 2, entry.shape.allSatisfy({ $0 > 0 }), Self.isFloating(entry) else {
            whole.append(
                (group, "\(entry.name) is \(entry.dtypeName) of shape \(entry.shape), not a matrix of floating-point numbers", block))
            return nil
        }
        return entry
    }

    private static func isFloating(_ entry: TensorStore.Entry) -> Bool {
        [.f64, .f32, .f16, .bf16].contains(entry.dtype)
    }

    private static func stem(_ name: String, _ ending: String) -> String? {
        name.hasSuffix(ending) ? String(name.dropLast(ending.count)) : nil
    }

    /// What is before a projection's name in a layer's, up to the dot.
    private static func prefix(of layer: String, _ projection: String) -> String? {
        guard layer == projection || layer.hasSuffix("." + projection) else { return nil }
        return String(layer.dropLast(projection.count))
    }

    /// The name of a block by the prefix of its layers, without the dot.
    private static func name(_ prefix: String, _ layer: String) -> String { prefix.isEmpty ? layer : String(prefix.dropLast()) }
}
