// From a network to an evaluation plan: only the nodes that the observed values need, with batch normalization, residual
// additions and activations fused into the convolution or linear layer before them where nobody observes what lies between.

struct PlanBuilder {
    let network: Network
    let constants: Set<Network.ValueID>
    private let observed: Set<Network.ValueID>
    private let foldsBatchNormalization: Bool
    /// How many needed nodes read a value, and which.
    private var readers: [Network.ValueID: [Int]] = [:]
    private var storageOfValue: [Network.ValueID: Int] = [:]
    /// Nodes that an earlier step computes.
    private var absorbed: Set<Int> = []
    /// Steps that wait for the addition whose other operand they need.
    private var pending: [Int: (step: EvaluationPlan.Step, residual: Network.ValueID)] = [:]
    private var plan = EvaluationPlan()

    /// - Throws: ``NetworkError`` when a needed node cannot be evaluated or a shape is unknown.
    static func plan(
        for network: Network, from sources: [Network.ValueID], observing taps: [Network.ValueID], foldsBatchNormalization: Bool,
        keepsObserved: Bool = true
    ) throws(NetworkError) -> EvaluationPlan {
        var builder = PlanBuilder(network, taps: taps, folds: foldsBatchNormalization)
        return try builder.build(sources: sources, taps: taps, keepsObserved: keepsObserved)
    }

    private init(_ network: Network, taps: [Network.ValueID], folds: Bool) {
        self.network = network
        constants = network.constantValues
        observed = Set(taps)
        foldsBatchNormalization = folds
    }

    private mutating func build(
        sources: [Network.ValueID], taps: [Network.ValueID], keepsObserved: Bool
    ) throws(NetworkError) -> EvaluationPlan {
        for (index, value) in sources.enumerated() {
            let shape = try shape(of: value, at: network.values[value].name)
            storageOfValue[value] = addStorage(size: shape.reduce(1, *), at: .source(index))
            plan.sources.append(.init(value: value, shape: shape, storage: storageOfValue[value]!))
        }
        let needed = try neededNodes(sources: Set(sources), taps: taps)
        for index in needed { for value in network.nodes[index].inputs { readers[value, default: []].append(index) } }
        for index in needed {
            if let waiting = pending.removeValue(forKey: index) {
                var step = waiting.step
                step.inputs.append(try storage(waiting.residual, of: network.nodes[index]))
                plan.steps.append(step)
            }
            if !absorbed.contains(index) { try lower(index) }
        }
        for value in taps {
            guard var storage = storageOfValue[value] else {
                throw .invalidNetwork(
                    reason: "expected value \(network.values[value].name) to depend on the inputs, found that it does not")
            }
            let shape = try shape(of: value, at: network.values[value].name)
            if case .constant = plan.storages[storage].location { storage = try repeated(storage, of: value, shape) }
            plan.taps.append(.init(value: value, shape: shape, storage: storage))
        }
        if keepsObserved { assignResults() }
        return plan
    }

    /// A constant, once for every sample.
    private mutating func repeated(_ constant: Int, of value: Network.ValueID, _ shape: [Int]) throws(NetworkError) -> Int {
        guard let maker = network.nodes.firstIndex(where: { $0.outputs.contains(value) }) else {
            throw .invalidNetwork(reason: "expected a node that makes \(network.values[value].name), found none")
        }
        let copy = addStorage(size: shape.reduce(1, *))
        let kernel = BroadcastKernel(
            operation: .add, extents: shape, operands: [BroadcastOperand(strides: CopyKernel.strides(shape), sampleStride: 0)],
            activation: .identity)
        plan.steps.append(.init(node: maker, kernel: .broadcast(kernel), inputs: [constant], outputs: [copy]))
        return copy
    }

    /// Indices of the nodes between the sources and the taps, in topological order.
    private func neededNodes(sources: Set<Network.ValueID>, taps: [Network.ValueID]) throws(NetworkError) -> [Int] {
        var makers: [Network.ValueID: Int] = [:]
        for (index, node) in network.nodes.enumerated() { for value in node.outputs { makers[value] = index } }
        var needed: Set<Int> = []
        var stack = taps.filter { !sources.contains($0) }
        while let value = stack.popLast() {
            guard let index = makers[value] else {
                throw .invalidNetwork(reason: "expected an activation for \(network.values[value].name), found none")
            }
            guard needed.insert(index).inserted else { continue }
            stack.append(contentsOf: network.nodes[index].inputs.filter { !sources.contains($0) })
        }
        return needed.sorted()
    }

    // MARK: Storages

    private mutating func addStorage(size: Int, at location: EvaluationPlan.Location = .scratch(-1)) -> Int {
        plan.storages.append(.init(size: size, location: location))
        return plan.storages.count - 1
    }

    private mutating func output(_ value: Network.ValueID, of node: Network.Node) throws(NetworkError) -> Int {
        let storage = addStorage(size: try shape(of: value, at: node.name).reduce(1, *))
        storageOfValue[value] = storage
        return storage
    }

    func shape(of value: Network.ValueID, at name: String) throws(NetworkError) -> [Int] {
        guard let shape = network.values[value].shape else {
            throw .unsupported(node: name, operation: "a value of unknown shape, \(network.values[value].name)")
        }
        _ = try Network.size(of: shape, node: name)
        return shape
    }

    private func storage(_ value: Network.ValueID, of node: Network.Node) throws(NetworkError) -> Int {
        guard let storage = storageOfValue[value] else {
            throw .invalidNode(
                name: node.name, reason: "expected inputs made by earlier nodes, found \(network.values[value].name) undefined")
        }
        return storage
    }

    /// Observed values get whole-batch buffers.
    private mutating func assignResults() {
        for tap in plan.taps {
            if case .scratch = plan.storages[tap.storage].location {
                plan.storages[tap.storage].location = .result(plan.resultSizes.count)
                plan.resultSizes.append(plan.storages[tap.storage].size)
            }
        }
    }

    // MARK: Lowering

    /// The only reader of a value that nobody observes.
    private func soleReader(of value: Network.ValueID) -> Int? {
        guard !observed.contains(value), let list = readers[value], list.count == 1, !absorbed.contains(list[0]) else { return nil }
        return list[0]
    }

    /// Takes up a following activation; returns the value that the step then makes.
    private mutating func absorbActivation(after value: Network.ValueID) -> (Activation, Network.ValueID) {
        guard let next = soleReader(of: value), case .activation(let activation) = network.nodes[next].layer else {
            return (.identity, value)
        }
        absorbed.insert(next)
        return (activation, network.nodes[next].outputs[0])
    }

    private mutating func lower(_ index: Int) throws(NetworkError) {
        let node = network.nodes[index]
        switch node.layer {
        case .convolution, .linear:
            try lowerAffine(index)
            return
        case .constant(let name):
            let parameter = try network.parameter(name, of: node)
            storageOfValue[node.outputs[0]] = addStorage(size: 0, at: .constant(plan.constants.count))
            plan.constants.append(parameter.values)
            return
        case .barrier(let operation):
            throw .unsupported(node: node.name, operation: operation)
        default:
            break
        }
        guard !node.inputs.isEmpty, !node.outputs.contains(where: constants.contains) else {
            throw .unsupported(node: node.name, operation: "\(node.layer.operationName) of constants")
        }
        let inputs = try node.inputs.map { (value) throws(NetworkError) in try storage(value, of: node) }
        switch node.layer {
        case .identity, .flatten, .reshape:
            _ = try shape(of: node.outputs[0], at: node.name)
            storageOfValue[node.outputs[0]] = inputs[0]
            return
        case .activation(.identity):
            storageOfValue[node.outputs[0]] = inputs[0]
            return
        default:
            break
        }
        var made = node.outputs
        var fused = Activation.identity
        switch node.layer {
        case .batchNormalization, .add, .multiply: (fused, made[0]) = absorbActivation(after: made[0])
        default: break
        }
        let kernel = try kernel(of: node, index: index, fused: fused)
        var outputs: [Int] = []
        for value in made { outputs.append(try output(value, of: node)) }
        plan.steps.append(.init(node: index, kernel: kernel, inputs: inputs, outputs: outputs))
    }

    private func isConvolution(_ node: Network.Node) -> Bool {
        if case .convolution = node.layer { true } else { false }
    }

    /// Convolution or linear layer, with what can be fused behind it.
    private mutating func lowerAffine(_ index: Int) throws(NetworkError) {
        let node = network.nodes[index]
        let input = try storage(node.inputs[0], of: node)
        var value = node.outputs[0]
        let outShape = try shape(of: value, at: node.name)
        let channels = outShape.count == 1 || isConvolution(node) ? outShape.first ?? 0 : 0

        var affine: (scale: [Float], shift: [Float])?
        if foldsBatchNormalization, channels > 0, let next = soleReader(of: value),
            case .batchNormalization(let layer) = network.nodes[next].layer
        {
            affine = try network.affine(layer, node: network.nodes[next], channels: channels)
            absorbed.insert(next)
            value = network.nodes[next].outputs[0]
        }
        var epilogue = Epilogue()
        var sum: (node: Int, residual: Network.ValueID)?
        if let next = soleReader(of: value), case .add = network.nodes[next].layer, network.nodes[next].inputs.count == 2,
            let other = network.nodes[next].inputs.first(where: { $0 != value }), !constants.contains(other),
            network.values[other].shape == outShape
        {
            absorbed.insert(next)
            sum = (next, other)
            epilogue.addsResidual = true
            value = network.nodes[next].outputs[0]
        }
        (epilogue.activation, value) = absorbActivation(after: value)
        let kernel = try affineKernel(node, affine: affine, epilogue: epilogue)
        let step = EvaluationPlan.Step(node: index, kernel: kernel, inputs: [input], outputs: [try output(value, of: node)])
        if let sum { pending[sum.node] = (step, sum.residual) } else { plan.steps.append(step) }
    }

    private func affineKernel(
        _ node: Network.Node, affine: (scale: [Float], shift: [Float])?, epilogue: Epilogue
    ) throws(NetworkError) -> EvaluationPlan.Kernel {
        var epilogue = epilogue
        switch node.layer {
        case .convolution(let layer):
            let extents = try network.convolutionExtents(layer, of: node)
            var weight = try network.parameter(layer.weight, of: node).values
            epilogue.bias = try network.vector(layer.bias, count: extents.outputs, of: node) ?? []
            if let affine { Self.fold(affine, into: &weight, bias: &epilogue.bias, rowLength: weight.count / extents.outputs) }
            guard let sizes = network.kernelExtents(layer, of: node) else {
                throw .invalidNode(name: node.name, reason: "expected known sizes of input and output")
            }
            return .convolution(ConvolutionKernel(extents: sizes, weight: weight, epilogue: epilogue))
        case .linear(let layer):
            let extents = try network.linearExtents(layer, of: node)
            var parameter = try network.parameter(layer.weight, of: node)
            var isTransposed = layer.isTransposed
            epilogue.bias = try network.vector(layer.bias, count: extents.outputs, of: node) ?? []
            if let affine {
                (parameter, isTransposed) = (layer.outputRows(of: parameter), false)
                Self.fold(affine, into: &parameter.values, bias: &epilogue.bias, rowLength: extents.inputs)
            }
            let inShape = try shape(of: node.inputs[0], at: node.name)
            return .dense(
                DenseKernel(
                    inputs: extents.inputs, outputs: extents.outputs, positions: inShape.dropLast().reduce(1, *),
                    weight: parameter.values, isTransposed: isTransposed, epilogue: epilogue))
        default:
            throw .unsupported(node: node.name, operation: node.layer.operationName)
        }
    }

    /// W ← diag(a)·W, b ← a·b + shift.
    private static func fold(
        _ affine: (scale: [Float], shift: [Float]), into weight: inout [Float], bias: inout [Float], rowLength: Int
    ) {
        if bias.isEmpty { bias = [Float](repeating: 0, count: affine.scale.count) }
        for row in affine.scale.indices {
            bias[row] = affine.scale[row] * bias[row] + affine.shift[row]
            for i in row * rowLength..<(row + 1) * rowLength { weight[i] *= affine.scale[row] }
        }
    }
}
