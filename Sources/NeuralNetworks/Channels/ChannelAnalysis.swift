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

    /// An axis of a constant along one of several axes that carry channels.
    struct SharedConstant: Sendable {
        var parameter: String
        var parameterAxis: Int
        var node: Int
        var ownership: ChannelOwnership
        var axis: Int
    }

    let network: Network
    private(set) var table = SymbolTable()
    private(set) var bindings: [Binding] = []
    private(set) var origins: [Network.ValueID: Origin] = [:]
    /// Symbols that must stay, with the reason.
    private(set) var barriers: [(symbols: [Int], reason: String, node: Int?)] = []
    /// The node at hand.
    private var current: Int?
    /// Symbols that an addition ties to another producer.
    private(set) var streams: [Int] = []
    /// Values whose channels lie along several axes.
    private var rectangles: [ChannelOwnership] = []
    private var sharedConstants: [SharedConstant] = []
    /// Nodes that take statistics over channels, with a symbol for each of their positions.
    private(set) var statistics: [(node: Int, symbols: [Int])] = []
    /// Axes whose extent something computes with.
    private var extents: [(ownership: ChannelOwnership, axis: Int, node: String)] = []
    private let constants: Set<Network.ValueID>
    private var constantNames: [Network.ValueID: String] = [:]

    init(_ network: Network) throws(NetworkError) {
        self.network = network
        constants = network.constantValues
        for value in network.inputs { origins[value] = .fixed("the network's input \(network.values[value].name)") }
        for index in network.nodes.indices {
            current = index
            try visit(index)
        }
        current = nil
        for value in network.outputs { block(value, "its channels leave the network as output \(network.values[value].name)") }
        tieRectangles()
        bindSharedConstants()
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
        case .add, .multiply, .elementwise:
            return visitBroadcast(index, node, output)
        case .matrixProduct:
            return visitMatrixProduct(index, node, output)
        case .recurrent(let layer):
            return try visitRecurrent(index, node, layer)
        case .convolutionTranspose(let layer):
            return try visitConvolutionTranspose(index, node, layer, output)
        case .embedding(let weight):
            return try visitEmbedding(index, node, weight: weight, output)
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
            origins[output] = .owned(settle(moved, from: input, shape, outShape))
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
        case .reduction(let layer):
            visitReduction(node, layer, input, output)
        case .alongAxis(_, let axis):
            let position = (axis < 0 ? axis + input.rank + 1 : axis) - 1
            guard !input.axes.contains(position) else {
                return stop(node, "node \(node.name) (\(node.layer.operationName)) runs over its channels")
            }
            origins[output] = .owned(input)
        case .extent(let axis):
            if input.axes.contains(axis - 1) { extents.append((input, axis - 1, node.name)) }
            origins[output] = .fixed("the extent of an axis")
        case .gather(let axis, let indices):
            visitGather(node, axis: axis, indices, input, output)
        case .interpolation(let layer):
            let position = (layer.axis < 0 ? layer.axis + input.rank + 1 : layer.axis) - 1
            guard !input.axes.contains(position) else { return stop(node, "node \(node.name) (Interpolation) blends channels") }
            origins[output] = .owned(input)
        case .depthToSpace(let block, let isColumnMajor):
            visitDepthToSpace(node, block: block, isColumnMajor: isColumnMajor, input, output)
        case .spaceToDepth(let block):
            visitSpaceToDepth(node, block: block, input, output)
        case .linear, .convolution, .convolutionTranspose, .embedding, .recurrent, .add, .multiply, .elementwise, .matrixProduct,
            .concatenation, .attention, .constant, .barrier:
            stop(node, "node \(node.name) (\(node.layer.operationName)) is not understood")
        }
    }

    /// What is known after a reshape. Channels that lie along several axes must stay a box, which is seen to at the end; where
    /// some of them merge with an axis of space while others stay apart, those that merge go together.
    private mutating func settle(_ moved: ChannelOwnership, from input: ChannelOwnership, _ old: [Int], _ new: [Int]) -> ChannelOwnership {
        var result = moved
        if moved.axes.count > 1 {
            for axis in moved.axes where input.mergesWithSpace(from: old, to: new, at: axis) && result.axes.count > 1 {
                let rest = result.axes.filter { $0 != axis }
                var first: [[Int]: Int] = [:]
                result.forEachSymbol { symbol, coordinate in
                    let key = rest.map(coordinate)
                    if let known = first[key] { table.unite(known, symbol) } else { first[key] = symbol }
                }
                result = result.restricted(to: rest)
            }
        }
        if result.axes.count > 1 { rectangles.append(result) }
        return result
    }

    /// Channels spread over several axes stay rectangular if all at one coordinate of some axis belong together (whole heads); else
    /// equal shares are cut: position j of the last axis stays or goes for all positions of the axes before.
    private mutating func tieRectangles() {
        for ownership in rectangles where !ownership.axes.contains(where: { isWhole(ownership, along: $0) }) {
            let last = ownership.extents.last ?? 1
            guard last < ownership.symbols.count else { continue }
            let first = Array(ownership.symbols[..<last])
            for start in stride(from: last, to: ownership.symbols.count, by: last) {
                table.unite(first, Array(ownership.symbols[start..<start + last]))
            }
        }
    }

    /// Whether all symbols at the same coordinate along an axis are one class.
    private func isWhole(_ ownership: ChannelOwnership, along axis: Int) -> Bool {
        var classes: [Int: Int] = [:]
        var result = true
        ownership.forEachSymbol { symbol, coordinate in
            let root = table.find(symbol)
            let place = coordinate(axis)
            if classes[place, default: root] != root { result = false }
            classes[place] = root
        }
        return result
    }

    /// Constants along one of several axes that carry channels: cut with an axis along which whole classes lie; left alone along
    /// an axis every position of which has the same classes, and so never goes.
    private mutating func bindSharedConstants() {
        for constant in sharedConstants {
            let own = constant.ownership
            guard own.axes.contains(constant.axis) else { continue }
            if isWhole(own, along: constant.axis) {
                bind(
                    constant.parameter, axis: constant.parameterAxis, node: constant.node, role: .coupled,
                    own.restricted(to: [constant.axis]).symbols)
                continue
            }
            if !isFixed(own, along: constant.axis) {
                barriers.append(
                    (
                        own.symbols, "node \(network.nodes[constant.node].name) meets constant \(constant.parameter) of another layout",
                        constant.node
                    ))
            }
        }
        for extent in extents where !isFixed(extent.ownership, along: extent.axis) {
            barriers.append((extent.ownership.symbols, "the model computes with their number (\(extent.node))", nil))
        }
    }

    /// Whether every position of an axis has the same classes: none of them goes while any channel stays.
    private func isFixed(_ ownership: ChannelOwnership, along axis: Int) -> Bool {
        guard ownership.axes.count > 1, let place = ownership.axes.firstIndex(of: axis) else { return false }
        var classes = [Set<Int>](repeating: [], count: ownership.extents[place])
        ownership.forEachSymbol { symbol, coordinate in classes[coordinate(axis)].insert(table.find(symbol)) }
        return classes.allSatisfy { $0 == classes[0] }
    }

    // MARK: Bookkeeping

    /// Channels that come from no tensor (padding, inputs of a concatenation) are followed up to this number: a few bytes of a
    /// file may claim any.
    static let channelLimit = 1 << 20

    /// Cuts an axis of a tensor with channels, one a position. Channels of a tensor that has not as many positions, as damaged files
    /// have it, must all stay.
    mutating func bind(_ parameter: String, axis: Int, node: Int, role: ChannelGroup.Slice.Role, _ symbols: [Int]) {
        if let shape = network.parameters[parameter]?.shape, !shape.indices.contains(axis) || shape[axis] != symbols.count {
            return block(symbols: symbols, "tensor \(parameter) has shape \(shape), not \(symbols.count) positions on axis \(axis)")
        }
        bindings.append(Binding(parameter: parameter, axis: axis, node: node, role: role, symbols: symbols))
    }

    mutating func shareConstant(_ constant: SharedConstant) { sharedConstants.append(constant) }

    mutating func makeSymbols(_ count: Int) -> [Int] { table.make(count) }

    mutating func unite(_ a: [Int], _ b: [Int]) { table.unite(a, b) }

    mutating func setOrigin(_ value: Network.ValueID, _ origin: Origin) { origins[value] = origin }

    mutating func markStream(_ symbols: [Int]) { streams.append(contentsOf: symbols) }

    /// The channels of a value must all stay.
    mutating func block(_ value: Network.ValueID, _ reason: String) {
        if let ownership = ownership(of: value) { barriers.append((ownership.symbols, reason, current)) }
    }

    mutating func noteStatistics(_ symbols: [Int]) { if let current { statistics.append((current, symbols)) } }

    mutating func block(symbols: [Int], _ reason: String) { barriers.append((symbols, reason, current)) }

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
