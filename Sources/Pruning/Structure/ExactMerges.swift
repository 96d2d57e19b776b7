// Channels that a network can lose without any change of its outputs, found by algebra on the weights.
//
// With h_c = s·T + b the form of a channel where a consumer reads it (ChannelFormAnalysis), its column V_c can be given up when
//   unread      V_c = 0 in every row that is itself read,
//   constant    h_c = b:              the constant of the consumer takes V_c·b,                            (1)
//   a multiple  h_c = ρ·h_r + τ:      V_r ← V_r + ρ·V_c, and the constant takes V_c·τ.                      (2)
// Constants are exact in linear layers and in convolutions that pad no zeros; elsewhere only b = 0 (τ = 0) will do. A channel is
// redundant when one of these holds at every consumer. The network with all merges made computes what the original computes, for
// every input, to the rounding of its weights; columns of redundant channels are zero in it.
// Cost: about two reads of the weights. No samples.

import NeuralNetworks

/// A network whose redundant channels nothing reads any more.
package struct ExactMerges: Sendable {
    /// The same function as the original.
    package private(set) var network: Network
    /// Tensors that differ from the original's.
    package private(set) var changed: Set<String> = []
    /// Channels of every group that may go without loss, ascending; never all of a group.
    package private(set) var redundant: [[Int]]

    /// A network as it is.
    init(keeping network: Network, groupCount: Int) {
        self.network = network
        redundant = [[Int]](repeating: [], count: groupCount)
    }

    /// - Parameters:
    ///   - network: shapes inferred.
    ///   - groups: the groups that may be cut.
    package init(_ network: Network, groups: [ChannelGroup]) throws(PruningError) {
        self.network = network
        redundant = [[Int]](repeating: [], count: groups.count)
        var analysis = ChannelFormAnalysis(network)
        // Rows that nothing reads, by tensor: what feeds only them is unread, too.
        var dead: [String: Set<Int>] = [:]
        // What shares statistics with others does not go without a change.
        for g in groups.indices.reversed() where groups[g].statistics.isEmpty {
            var readers: [Reader] = []
            for consumer in network.consumers(of: groups[g]) {
                readers.append(try Reader(Consumer(consumer, in: network), groups[g].count, dead: dead, &analysis))
            }
            // Transposed convolutions and recurrent layers read channels, too, and cannot take over what goes.
            let reads = groups[g].slices.count(where: { $0.role == .consumer || $0.role == .recurrent })
            guard !readers.isEmpty, readers.count == reads else { continue }
            let free = merge(readers, count: groups[g].count)
            redundant[g] = free
            for slice in groups[g].slices where slice.role == .producer {
                for c in free { dead[slice.parameter, default: []].formUnion(slice.map.positions(of: c)) }
            }
        }
    }

    /// Makes the merges of one group and returns its redundant channels.
    private mutating func merge(_ readers: [Reader], count: Int) -> [Int] {
        var isUnread = (0..<count).map { c in readers.allSatisfy { $0.isUnread[c] } }
        // Larger multiples first: coefficients ρ of (2) are then at most 1 where one consumer reads the group.
        let order = (0..<count).sorted { (-readers[0].size($0), $0) < (-readers[0].size($1), $1) }
        var representatives = [[Int]](repeating: [Int](repeating: -1, count: count), count: readers.count)
        for (k, reader) in readers.enumerated() {
            var first: [[Int]: Int] = [:]
            for c in order where !isUnread[c] {
                guard !reader.isConstant(c) else { continue }
                let signature = reader.signature(c)
                // Multiples up to a constant that has no place stay what they are.
                if let r = first[signature], reader.canMerge(c, into: r) {
                    representatives[k][c] = r
                } else {
                    first[signature] = first[signature] ?? c
                    representatives[k][c] = c
                }
            }
        }
        var merged = order.filter { c in
            !isUnread[c] && readers.indices.allSatisfy { representatives[$0][c] != c && readers[$0].isMergeable(c, representatives[$0][c]) }
        }
        // Something has to stay, and constants can go on standing for themselves.
        if merged.count + isUnread.count(where: { $0 }) == count {
            if merged.isEmpty { isUnread[order[0]] = false } else { merged.removeLast() }
        }
        for c in merged {
            for (k, reader) in readers.enumerated() { move(c, into: representatives[k][c], reader) }
        }
        for c in 0..<count where isUnread[c] { for reader in readers { clear(c, reader) } }
        return ((0..<count).filter { isUnread[$0] } + merged).sorted()
    }

    /// (1) or (2) at one consumer; `r` is −1 for a constant.
    private mutating func move(_ c: Int, into r: Int, _ reader: Reader) {
        let consumer = reader.consumer
        guard var weight = network.parameters[consumer.layer.weight] else { return }
        var constants = [Double](repeating: 0, count: consumer.outputCount)
        let targets = r >= 0 ? consumer.layer.map.positions(of: r) : []
        for (k, position) in consumer.layer.map.positions(of: c).enumerated() {
            reader.forEachEntry(at: position) { index, output in
                let value = Double(weight.values[index])
                guard value != 0 else { return }
                let own = reader.form(c, k, output: output)
                if r >= 0 {
                    let other = reader.form(r, k, output: output)
                    let ratio = own.scale / other.scale
                    let place = index + (targets[k] - position) * consumer.inner
                    weight.values[place] = Float(Double(weight.values[place]) + ratio * value)
                    constants[output] += value * (own.offset - ratio * other.offset)
                } else {
                    constants[output] += value * own.offset
                }
                weight.values[index] = 0
                changed.insert(consumer.layer.weight)
            }
        }
        network.parameters[consumer.layer.weight] = weight
        guard constants.contains(where: { $0 != 0 }) else { return }
        switch consumer.layer.shift {
        case .bias(let name): add(constants, to: name)
        case .runningMean(let name): add(constants.map { -$0 }, to: name)
        // Layers that begin with a linear map are left alone.
        case .inputBias, .none: break
        }
    }

    private mutating func add(_ constants: [Double], to name: String) {
        guard var vector = network.parameters[name], vector.values.count == constants.count else { return }
        for o in constants.indices { vector.values[o] = Float(Double(vector.values[o]) + constants[o]) }
        network.parameters[name] = vector
        changed.insert(name)
    }

    /// Zeros where only unread rows read.
    private mutating func clear(_ c: Int, _ reader: Reader) {
        guard var weight = network.parameters[reader.consumer.layer.weight] else { return }
        for position in reader.consumer.layer.map.positions(of: c) {
            reader.forEachEntry(at: position) { index, _ in
                guard weight.values[index] != 0 else { return }
                weight.values[index] = 0
                changed.insert(reader.consumer.layer.weight)
            }
        }
        network.parameters[reader.consumer.layer.weight] = weight
    }
}

/// A consumer with the forms of what it reads.
private struct Reader {
    let consumer: Consumer
    /// Per channel of the group: whether every row that is read has zeros there.
    private(set) var isUnread: [Bool]
    /// Forms per channel, then share, then position of the channel.
    private var forms: [[ChannelForm]]
    private let shares: Int
    /// Whether a constant of its inputs is a constant of its outputs, and has a place.
    private let takesConstants: Bool
    private let weight: Parameter

    init(_ consumer: Consumer, _ count: Int, dead: [String: Set<Int>], _ analysis: inout ChannelFormAnalysis) throws(PruningError) {
        let network = analysis.network
        let node = network.nodes[consumer.layer.node]
        guard let weight = network.parameters[consumer.layer.weight] else {
            throw .missingParameter(name: consumer.layer.weight, layer: node.name)
        }
        (self.consumer, self.weight) = (consumer, weight)
        var isBorderExact = false
        switch node.layer {
        case .linear:
            shares = 1
            isBorderExact = true
        case .convolution(let layer):
            shares = layer.groups
            isBorderExact = layer.padding.allSatisfy { $0 == 0 }
        default: shares = 1
        }
        takesConstants = isBorderExact && consumer.hasConstant
        let width = consumer.shape[consumer.layer.axis]
        // A tensor that several layers use cannot be changed for one of them.
        let isOwn = network.nodes.count { $0.layer.parameterNames.contains(consumer.layer.weight) } == 1
        let inputs = isOwn ? analysis.inputForms(ofReader: node) : nil
        let shares = shares
        forms = (0..<count).map { c in
            (0..<shares).flatMap { share in
                consumer.layer.map.positions(of: c).map { position in
                    guard let inputs, share * width + position < inputs.count else {
                        // Equal to nothing, not even to itself elsewhere.
                        return ChannelForm(term: -2 - c, scale: 1, offset: 0)
                    }
                    return inputs[share * width + position]
                }
            }
        }
        isUnread = []
        let unread = dead[consumer.layer.weight] ?? []
        for c in 0..<count {
            var isZero = true
            for position in consumer.layer.map.positions(of: c) where isZero {
                forEachEntry(at: position) { index, output in
                    if weight.values[index] != 0, !unread.contains(output) { isZero = false }
                }
            }
            isUnread.append(isZero)
        }
    }

    private var positions: Int { forms.first.map { $0.count / shares } ?? 0 }

    /// How large the channel is, as a multiple of its term.
    func size(_ c: Int) -> Double { forms[c].first?.scale.magnitude ?? 0 }

    func isConstant(_ c: Int) -> Bool { forms[c].allSatisfy(\.isConstant) }

    /// Terms at every position; constants have none.
    func signature(_ c: Int) -> [Int] { forms[c].map { $0.isConstant ? -1 : $0.term } }

    /// Whether τ of (2) has a place.
    func canMerge(_ c: Int, into r: Int) -> Bool {
        zip(forms[c], forms[r]).allSatisfy { own, other in
            if own.isConstant || other.isConstant {
                return own.isConstant && other.isConstant && (takesConstants || own.offset == 0)
            }
            let ratio = own.scale / other.scale
            let shift = own.offset - ratio * other.offset
            // Offsets of equal channels differ by the rounding of the weights they came from.
            let isNothing = shift.magnitude <= WeightRows.tolerance * Swift.max(own.offset.magnitude, (ratio * other.offset).magnitude)
            return ratio.isFinite && (takesConstants || isNothing)
        }
    }

    /// Whether the channel can go at this consumer; `r` is −1 without another channel that stands for it.
    func isMergeable(_ c: Int, _ r: Int) -> Bool {
        if r >= 0 { return true }
        return isConstant(c) && (takesConstants || forms[c].allSatisfy { $0.offset == 0 })
    }

    /// Form of position k of a channel as the rows of an output's share read it.
    func form(_ c: Int, _ k: Int, output: Int) -> ChannelForm {
        forms[c][output / (consumer.outputCount / shares) * positions + k]
    }

    /// All stored entries at a position of the input axis, with the output that each belongs to.
    func forEachEntry(at position: Int, _ body: (_ index: Int, _ output: Int) -> Void) {
        let (outer, inner, length) = (consumer.outer, consumer.inner, consumer.shape[consumer.layer.axis])
        let taps = consumer.shape[(Swift.max(consumer.outputAxis, consumer.layer.axis) + 1)...].reduce(1, *)
        for o in 0..<outer {
            for i in 0..<inner {
                let index = (o * length + position) * inner + i
                let output = consumer.outputAxis < consumer.layer.axis ? o : i / taps
                body(index, output)
            }
        }
    }
}
