// What a network costs: trained parameters and multiply–adds for one input.

/// Counts of one node or of a whole network.
public struct NetworkCost: Sendable, Equatable {
    /// Trained values; running statistics of batch normalizations do not count, as usual in the literature.
    public var parameters: Int
    /// Multiplications with an addition each, for one sample; `nil` when a shape is unknown.
    public var multiplyAdds: Int?

    /// Counts as given.
    public init(parameters: Int, multiplyAdds: Int?) {
        self.parameters = parameters
        self.multiplyAdds = multiplyAdds
    }
}

extension Network {
    /// The whole network; a shared tensor counts once, an unknown operation as no multiply–adds.
    public var cost: NetworkCost {
        var names: Set<String> = []
        var multiplyAdds: Int? = 0
        for index in nodes.indices {
            names.formUnion(nodes[index].layer.trainedParameterNames)
            if case .barrier = nodes[index].layer { continue }
            if let sum = multiplyAdds, let own = cost(of: index).multiplyAdds {
                let (total, overflow) = sum.addingReportingOverflow(own)
                multiplyAdds = overflow ? nil : total
            } else {
                multiplyAdds = nil
            }
        }
        return NetworkCost(
            parameters: names.filter { isCounted($0, among: names) }.reduce(0) { $0 + (parameters[$1]?.count ?? 0) },
            multiplyAdds: multiplyAdds)
    }

    /// Whether a parameter is no copy of another one that counts.
    func isCounted(_ name: String, among names: Set<String>) -> Bool {
        copies[name].map { !names.contains($0) || !hasSameNumbers(name, $0) } ?? true
    }

    /// Whether two parameters hold the same numbers, in whatever order, to the bit. Numbers that stay in a file are taken for the same when
    /// they are as many.
    private func hasSameNumbers(_ one: String, _ other: String) -> Bool {
        guard let one = parameters[one], let other = parameters[other], one.count == other.count else { return false }
        guard one.stored == nil, other.stored == nil else { return true }
        func sum(_ parameter: Parameter) -> UInt64 { parameter.values.reduce(0) { $0 &+ UInt64($1.bitPattern) &* UInt64($1.bitPattern) } }
        return sum(one) == sum(other)
    }

    /// One node.
    public func cost(of index: Int) -> NetworkCost {
        let node = nodes[index]
        let count = node.layer.trainedParameterNames.reduce(0) { $0 + (parameters[$1]?.count ?? 0) }
        return NetworkCost(parameters: count, multiplyAdds: multiplyAdds(of: node))
    }

    private func multiplyAdds(of node: Node) -> Int? {
        switch node.layer {
        case .matrixProduct:
            guard let shape = values[node.outputs[0]].shape, let inner = values[node.inputs[0]].shape?.last else { return nil }
            return Network.count(shape) * inner
        case .attention(_, _):
            let shapes = node.inputs.map { values[$0].shape }
            guard shapes.count == 3, let q = shapes[0], let k = shapes[1], let v = shapes[2], q.count == 2, k.count == 2, v.count == 2
            else { return nil }
            return q[0] * k[0] * (q[1] + v[1])
        case .barrier:
            return nil
        default:
            var sum = 0
            for use in weightUses(of: node) {
                guard let places = use.places, let weight = parameters[use.weight] else { return nil }
                sum += places * weight.count
            }
            return sum
        }
    }

    /// Weights of a node and how often one sample meets each of their numbers: places for a linear layer or a convolution, steps for a
    /// recurrent layer; `nil` where a shape is unknown. Everything that counts multiply–adds goes by this.
    package func weightUses(of node: Node) -> [(weight: String, places: Int?)] {
        func shape(_ values: [ValueID]) -> [Int]? { values.first.flatMap { self.values[$0].shape } }
        switch node.layer {
        case .linear(let layer): return [(layer.weight, shape(node.inputs).map { Network.count($0.dropLast()) })]
        case .convolution(let layer): return [(layer.weight, shape(node.outputs).map { Network.count($0.dropFirst()) })]
        case .convolutionTranspose(let layer): return [(layer.weight, shape(node.inputs).map { Network.count($0.dropFirst()) })]
        case .recurrent(let layer):
            let steps = shape(node.inputs)?.first
            return [(layer.weight, steps), (layer.recurrence, steps)]
        default: return []
        }
    }

    /// Elements of a shape; a product beyond Int wraps, sizes have been checked where it matters.
    private static func count(_ shape: some Sequence<Int>) -> Int {
        shape.reduce(1) { $0.multipliedReportingOverflow(by: $1).partialValue }
    }
}

extension Layer {
    /// Parameters without running statistics and constants of the graph that nobody trains.
    package var trainedParameterNames: [String] {
        switch self {
        case .batchNormalization(let layer): [layer.scale, layer.shift].compactMap { $0 }
        default: parameterNames
        }
    }
}
