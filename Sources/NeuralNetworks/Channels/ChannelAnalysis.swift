// Following channels through the graph.
//
// Every output row of a convolution or linear layer gets a symbol. One pass over the nodes in topological order moves the
// symbols with the activations, unites those that an addition, a product or a shared tensor ties together, and notes every
// tensor axis they index ("binding") and every reason why some of them must stay ("barrier").

/// The outcome of following channels through a network; groups and surgery are read off it.
struct ChannelAnalysis: Sendable {
    /// A tensor axis indexed by channels.
    struct Binding: Sendable {
        var parameter: String
        var axis: Int
        var node: Int
        var role: ChannelGroup.Slice.Role
        /// Symbol per position of the axis.
        var symbols: [Int]
    }

    /// What is known of the channels of an activation.
    enum Origin: Sendable {
        case owned(ChannelOwnership)
        /// Fixed width; the text completes "… meets".
        case fixed(String)
    }

    let network: Network
    private(set) var table = SymbolTable()
    private(set) var bindings: [Binding] = []
    private(set) var origins: [Network.ValueID: Origin] = [:]
    /// Symbols that must stay, with the reason.
    private(set) var barriers: [(symbols: [Int], reason: String)] = []
    /// Symbols that an addition ties to another producer.
    private(set) var streams: [Int] = []
    private let constants: Set<Network.ValueID>
    private var constantNames: [Network.ValueID: String] = [:]

    init(_ network: Network) throws(NetworkError) {
        self.network = network
        constants = network.constantValues
        for value in network.inputs { origins[value] = .fixed("the network's input \(network.values[value].name)") }
        for index in network.nodes.indices { try visit(index) }
        for value in network.outputs { block(value, "its channels leave the network as output \(network.values[value].name)") }
        uniteSharedParameters()
    }

    func ownership(of value: Network.ValueID) -> ChannelOwnership? {
        if case .owned(let ownership)? = origins[value] { ownership } else { nil }
    }

    // MARK: One node

    private mutating func visit(_ index: Int) throws(NetworkError) {
        let node = network.nodes[index]
        guard let output = node.outputs.first else {
            for value in node.inputs { block(value, "node \(node.name) (\(node.layer.operationName)) is not understood") }
            return
        }
        switch node.layer {
        case .constant(let parameter):
            constantNames[output] = parameter
            return
        case .linear(let layer):
            return try visitLinear(index, node, layer)
        case .convolution(let layer):
            return try visitConvolution(index, node, layer)
        case .add, .multiply:
            return visitBroadcast(index, node, output)
        case .concatenation(let axis):
            return visitConcatenation(index, node, axis: axis, output)
        case .attention(let heads, _):
            return visitAttention(index, node, heads: heads, output)
        case .barrier:
            return stop(node, "node \(node.name) (\(node.layer.operationName)) is not understood")
        default:
            break
        }
        guard node.inputs.count == 1 else { return stop(node, "node \(node.name) has several inputs") }
        if constants.contains(output) {
            if case .identity = node.layer { constantNames[output] = constantNames[node.inputs[0]] }
            return
        }
        guard let input = ownership(of: node.inputs[0]) else {
            for value in node.outputs { origins[value] = origins[node.inputs[0]] ?? .fixed("an unknown value") }
            return
        }
        visitUnary(index, node, input, output)
    }

    private mutating func visitUnary(_ index: Int, _ node: Network.Node, _ input: ChannelOwnership, _ output: Network.ValueID) {
        let shape = network.values[node.inputs[0]].shape
        let outShape = network.values[output].shape
        switch node.layer {
        case .activation, .identity, .pooling:
            origins[output] = .owned(input)
        case .batchNormalization(let layer):
            guard let symbols = input.symbols(along: 0) else {
                return stop(node, "batch normalization \(node.name) does not run over its channel axis")
            }
            for name in [layer.scale, layer.shift, layer.mean, layer.variance] {
                if let name { bind(name, axis: 0, node: index, role: .normalization, symbols) }
            }
            origins[output] = .owned(input)
        case .normalization(let layer):
            visitNormalization(index, node, layer, input, output)
        case .globalAveragePooling(let keepsSpatialAxes):
            guard let symbols = input.symbols(along: 0) else { return stop(node, "node \(node.name) averages over channels") }
            origins[output] = .owned(ChannelOwnership(rank: keepsSpatialAxes ? input.rank : 1, axis: 0, symbols: symbols))
        case .flatten, .reshape:
            guard let shape, let outShape, let moved = input.reshaped(from: shape, to: outShape) else {
                return stop(node, "node \(node.name) (\(node.layer.operationName)) rearranges channels in a way that cannot be followed")
            }
            if case .reshape = node.layer, moved.axes != input.axes || moved.extents != input.extents, !network.storesAttributes {
                block(node.inputs[0], "node \(node.name) reshapes to a fixed width, which a file of weights cannot change")
            }
            tieEqualShares(moved)
            origins[output] = .owned(moved)
        case .transpose(let permutation):
            guard permutation.count == input.rank + 1, permutation[0] == 0 else {
                return stop(node, "node \(node.name) transposes the batch axis")
            }
            origins[output] = .owned(input.transposed(permutation.dropFirst().map { $0 - 1 }))
        case .split(let axis, let sizes):
            visitSplit(node, axis: axis, sizes: sizes, input)
        case .slice(let ranges):
            visitSlice(node, ranges, shape, input, output)
        case .padding(let before, let after, _):
            visitPadding(node, before, after, input, output)
        case .softmax(let axis):
            let position = (axis < 0 ? axis + input.rank + 1 : axis) - 1
            guard !input.axes.contains(position) else { return stop(node, "softmax \(node.name) runs over its channels") }
            origins[output] = .owned(input)
        case .linear, .convolution, .add, .multiply, .concatenation, .attention, .constant, .barrier:
            stop(node, "node \(node.name) (\(node.layer.operationName)) is not understood")
        }
    }

    /// Channels spread over several axes stay rectangular only if equal shares are cut: position j of the last axis stays or
    /// goes for all positions of the axes before.
    private mutating func tieEqualShares(_ ownership: ChannelOwnership) {
        let last = ownership.extents.last ?? 1
        guard ownership.axes.count > 1, last < ownership.symbols.count else { return }
        let first = Array(ownership.symbols[..<last])
        for start in stride(from: last, to: ownership.symbols.count, by: last) {
            table.unite(first, Array(ownership.symbols[start..<start + last]))
        }
    }

    // MARK: Bookkeeping

    /// Channels that come from no tensor (padding, inputs of a concatenation) are followed up to this number: a few bytes of a
    /// file may claim any.
    static let channelLimit = 1 << 20

    mutating func bind(_ parameter: String, axis: Int, node: Int, role: ChannelGroup.Slice.Role, _ symbols: [Int]) {
        bindings.append(Binding(parameter: parameter, axis: axis, node: node, role: role, symbols: symbols))
    }

    mutating func makeSymbols(_ count: Int) -> [Int] { table.make(count) }

    mutating func unite(_ a: [Int], _ b: [Int]) { table.unite(a, b) }

    mutating func setOrigin(_ value: Network.ValueID, _ origin: Origin) { origins[value] = origin }

    mutating func markStream(_ symbols: [Int]) { streams.append(contentsOf: symbols) }

    /// The channels of a value must all stay.
    mutating func block(_ value: Network.ValueID, _ reason: String) {
        if let ownership = ownership(of: value) { barriers.append((ownership.symbols, reason)) }
    }

    mutating func block(symbols: [Int], _ reason: String) { barriers.append((symbols, reason)) }

    /// Nothing passes a node: its inputs stay whole, its outputs have fixed width.
    mutating func stop(_ node: Network.Node, _ reason: String) {
        for value in node.inputs { block(value, reason) }
        for value in node.outputs { origins[value] = .fixed("the output of \(node.name) (\(node.layer.operationName))") }
    }

    func isConstant(_ value: Network.ValueID) -> Bool { constants.contains(value) }

    /// Name of the parameter that a constant value is, unless it was computed from constants.
    func constantParameter(_ value: Network.ValueID) -> String? { constantNames[value] }

    /// A tensor used twice has its axes cut once: both uses must agree, or nothing of it may be cut.
    private mutating func uniteSharedParameters() {
        var users: [String: Set<Int>] = [:]
        for (index, node) in network.nodes.enumerated() { for name in node.layer.parameterNames { users[name, default: []].insert(index) } }
        var first: [String: [Int: [Int]]] = [:]
        var uses: [String: [Int: Set<Int>]] = [:]
        for binding in bindings where (users[binding.parameter]?.count ?? 0) > 1 || constantUses(binding.parameter) > 1 {
            uses[binding.parameter, default: [:]][binding.axis, default: []].insert(binding.node)
            if let earlier = first[binding.parameter]?[binding.axis] {
                if earlier.count == binding.symbols.count { table.unite(earlier, binding.symbols) }
            } else {
                first[binding.parameter, default: [:]][binding.axis] = binding.symbols
            }
        }
        for (name, axes) in uses {
            let expected = max(users[name]?.count ?? 0, constantUses(name))
            for (axis, nodes) in axes where nodes.count < expected {
                block(symbols: first[name]?[axis] ?? [], "tensor \(name) is shared with a node that needs it whole")
            }
        }
    }

    /// Number of nodes that read a constant.
    private func constantUses(_ parameter: String) -> Int {
        let values = Set(constantNames.filter { $0.value == parameter }.map(\.key))
        guard !values.isEmpty else { return 0 }
        return network.nodes.filter { node in
            if case .identity = node.layer { return false }
            return node.inputs.contains(where: values.contains)
        }.count
    }
}
