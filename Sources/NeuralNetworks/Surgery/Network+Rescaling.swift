// Values that a narrow element type cannot hold, moved to where it can.
//
// A refit may need weights beyond 65504, the largest half-precision number, although the network's function has none: a factor s > 0 may
// move across everything positively homogeneous, f(s·x) = s·f(x),
//
//     relu(s·(W x + b)) = s·relu(W x + b)      (s·W, s·b before, V/s behind),
//
// and into a batch normalization, (s·x − s·μ)/√(s²(σ² + ε)) = (x − μ)/√(σ² + ε). Factors are powers of two, so that no bit of a weight
// changes as long as none becomes subnormal. One factor per region: all values that homogeneous layers connect, the layers that make
// them, and the layers that read them.

extension Network {
    /// The same function with every parameter inside of its limit.
    ///
    /// Returns the network itself when nothing is too large.
    /// - Parameter limit: the largest magnitude that the element type of a parameter can hold; nil when there is none to mind.
    /// - Throws: `nonFiniteTensor`; `unreadableTensor` naming parameter and node where no neighboring layer can take the factor.
    /// - Complexity: O(nodes + parameters), twice.
    func rescaled(toFit limit: (String) -> Float?) throws(NetworkError) -> Network {
        guard try firstExcess(limit) != nil else { return self }
        // What stays in a file is as it was; where a factor moves, it has to come into memory.
        var result = try loaded()
        let regions = HomogeneousRegion.all(of: self)
        // What is too large before a region goes forward through it, then what is too large behind goes back.
        for region in regions { region.moveForward(in: &result, limit) }
        for region in regions.reversed() { region.moveBackward(in: &result, limit) }
        if let (name, node, value) = try result.firstExcess(limit) {
            throw .unreadableTensor(
                name: name,
                reason:
                    "expected values of at most \(limit(name) ?? 0), as its element type can hold, found \(value) in node \(node), and no layer beside it can take the factor"
            )
        }
        return result
    }

    private func firstExcess(_ limit: (String) -> Float?) throws(NetworkError) -> (name: String, node: String, value: Float)? {
        for node in nodes {
            for name in node.layer.parameterNames {
                guard let values = parameters[name]?.values else { continue }
                if let index = values.firstIndex(where: node.layer.isUnusable) { throw .nonFiniteTensor(name: name, index: index) }
                guard let limit = limit(name) else { continue }
                // Every element type of floating point holds an infinity.
                if let value = values.first(where: { $0.magnitude > limit && $0.isFinite }) { return (name, node.name, value) }
            }
        }
        return nil
    }
}

/// Values that homogeneous layers connect; a factor on one is a factor on all.
private struct HomogeneousRegion {
    /// Parameters that make the values: weights and biases, scales and shifts.
    private var sources: [String] = []
    /// Weights that read them.
    private var sinks: [String] = []
    /// Normalizations that read them, whose statistics follow.
    private var normalizations: [BatchNormalization] = []
    private var isMovable = true

    /// The regions that may be rescaled, in topological order.
    static func all(of network: Network) -> [HomogeneousRegion] {
        var parents = Array(network.values.indices)
        func root(_ value: Int) -> Int {
            var value = value
            while parents[value] != value { value = parents[value] }
            return value
        }
        for node in network.nodes where node.layer.isPositivelyHomogeneous {
            let joined = node.inputs + node.outputs
            for value in joined.dropFirst() { parents[root(value)] = root(joined[0]) }
        }
        var uses: [String: Int] = [:]
        for node in network.nodes { for name in node.layer.parameterNames { uses[name, default: 0] += 1 } }
        var regions: [Int: HomogeneousRegion] = [:]
        var order: [Int] = []
        func change(_ value: Int, _ body: (inout HomogeneousRegion) -> Void) {
            let key = root(value)
            if regions[key] == nil { order.append(key) }
            body(&regions[key, default: HomogeneousRegion()])
        }
        for node in network.nodes where !node.layer.isPositivelyHomogeneous {
            let isShared = node.layer.parameterNames.contains { uses[$0] != 1 }
            for value in node.inputs { change(value) { $0.read(by: node.layer, isShared: isShared) } }
            for value in node.outputs { change(value) { $0.made(by: node.layer, isShared: isShared) } }
        }
        for value in network.inputs + network.outputs { change(value) { $0.isMovable = false } }
        return order.compactMap { regions[$0] }.filter(\.isMovable)
    }

    private mutating func made(by layer: Layer, isShared: Bool) {
        isMovable = isMovable && !isShared
        switch layer {
        case .linear(let linear): sources += [linear.weight] + [linear.bias].compactMap { $0 }
        case .convolution(let convolution): sources += [convolution.weight] + [convolution.bias].compactMap { $0 }
        case .batchNormalization(let normalization): sources += [normalization.scale, normalization.shift].compactMap { $0 }
        case .constant(let parameter): sources.append(parameter)
        default: isMovable = false
        }
    }

    private mutating func read(by layer: Layer, isShared: Bool) {
        isMovable = isMovable && !isShared
        switch layer {
        case .linear(let linear): sinks.append(linear.weight)
        case .convolution(let convolution): sinks.append(convolution.weight)
        case .batchNormalization(let normalization): normalizations.append(normalization)
        default: isMovable = false
        }
    }

    // MARK: Moving

    func moveForward(in network: inout Network, _ limit: (String) -> Float?) {
        let excess = Self.excess(sources, in: network, limit)
        if excess > 1 { move(1 / Self.powerOfTwo(atLeast: excess), in: &network) }
    }

    func moveBackward(in network: inout Network, _ limit: (String) -> Float?) {
        let excess = Self.excess(sinks, in: network, limit)
        if excess > 1 { move(Self.powerOfTwo(atLeast: excess), in: &network) }
    }

    /// Multiplies all values of the region by `factor`, unless a batch normalization cannot follow.
    private func move(_ factor: Float, in network: inout Network) {
        var changed = network.parameters
        for name in sources { changed[name]?.scale(by: factor) }
        for name in sinks { changed[name]?.scale(by: 1 / factor) }
        for layer in normalizations {
            changed[layer.mean]?.scale(by: factor)
            guard var variance = changed[layer.variance] else { return }
            variance.values = variance.values.map { factor * factor * ($0 + layer.epsilon) - layer.epsilon }
            guard variance.values.allSatisfy({ $0 >= 0 && $0.isFinite }) else { return }
            changed[layer.variance] = variance
        }
        network.parameters = changed
    }

    /// The largest magnitude over its limit.
    private static func excess(_ names: [String], in network: Network, _ limit: (String) -> Float?) -> Float {
        names.reduce(0) { largest, name in
            guard let limit = limit(name), let values = network.parameters[name]?.values else { return largest }
            return max(largest, (values.map(\.magnitude).max() ?? 0) / limit)
        }
    }

    private static func powerOfTwo(atLeast value: Float) -> Float {
        let power = Float(sign: .plus, exponent: value.exponent, significand: 1)
        return power < value ? 2 * power : power
    }
}

extension Parameter {
    fileprivate mutating func scale(by factor: Float) { for index in values.indices { values[index] *= factor } }
}

extension Layer {
    /// f(s·x) = s·f(x) for every s > 0, in all inputs at once.
    fileprivate var isPositivelyHomogeneous: Bool {
        switch self {
        case .activation(let activation): activation.isPositivelyHomogeneous
        case .padding(_, _, let value): value == 0
        case .pooling, .globalAveragePooling, .add, .concatenation, .split, .flatten, .reshape, .transpose, .slice, .identity: true
        default: false
        }
    }
}
