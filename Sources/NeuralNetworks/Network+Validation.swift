// What must hold of every network before it is evaluated or cut.

extension Network {
    /// Checks the graph and the trained tensors.
    ///
    /// The graph: node names unique, every value made once and before it is used, the right number of inputs and outputs.
    /// The tensors: present, of the shapes their layers need, and finite (constants of the graph: numbers). Cost: one read of
    /// the parameters.
    /// - Throws: ``NetworkError`` naming node and tensor.
    public func validate() throws(NetworkError) {
        try validateGraph()
        _ = try inferringShapes()
        for node in nodes {
            for name in node.layer.parameterNames {
                let parameter = try parameter(name, of: node)
                if let index = parameter.values.firstIndex(where: node.layer.isUnusable) {
                    throw .nonFiniteTensor(name: name, index: index)
                }
            }
            // Without known input shapes inference never looks at these.
            switch node.layer {
            case .linear(let layer): _ = try linearExtents(layer, of: node)
            case .convolution(let layer): _ = try convolutionExtents(layer, of: node)
            case .convolutionTranspose(let layer): _ = try transposeExtents(layer, of: node)
            case .recurrent(let layer): _ = try recurrentFeatures(layer, of: node)
            default: break
            }
        }
    }

    /// The first parameter, by name, that holds a number with which nothing can be computed.
    package var firstUnusableParameter: (name: String, index: Int)? {
        var owners: [String: Layer] = [:]
        for node in nodes {
            for name in node.layer.parameterNames {
                if case .constant = node.layer, owners[name] != nil { continue }
                owners[name] = node.layer
            }
        }
        for name in parameters.keys.sorted() {
            let isUnusable = owners[name]?.isUnusable ?? { !$0.isFinite }
            if let index = parameters[name]?.values.firstIndex(where: isUnusable) { return (name, index) }
        }
        return nil
    }

    /// The graph half of ``validate()``, without reading a parameter.
    ///
    /// - Complexity: O(nodes).
    public func validateGraph() throws(NetworkError) {
        var names: Set<String> = []
        var made: Set<ValueID> = []
        func check(_ value: ValueID, _ place: String) throws(NetworkError) {
            guard values.indices.contains(value) else {
                throw .invalidNode(name: place, reason: "expected a value below \(values.count), found \(value)")
            }
        }
        for value in inputs {
            try check(value, "input")
            guard made.insert(value).inserted else {
                throw .invalidNetwork(reason: "expected each input once, found \(values[value].name) twice")
            }
        }
        for node in nodes {
            guard names.insert(node.name).inserted else {
                throw .invalidNode(name: node.name, reason: "expected unique node names, found this one twice")
            }
            for value in node.inputs {
                try check(value, node.name)
                guard made.contains(value) else {
                    throw .invalidNode(
                        name: node.name,
                        reason: "expected inputs made by earlier nodes, found \(values[value].name) undefined or in a cycle")
                }
            }
            for value in node.outputs {
                try check(value, node.name)
                guard made.insert(value).inserted else {
                    throw .invalidNode(
                        name: node.name, reason: "expected every value to be made once, found \(values[value].name) made again")
                }
            }
            if let count = node.layer.outputCount, node.outputs.count != count {
                throw .invalidNode(name: node.name, reason: "expected \(count) output\(count == 1 ? "" : "s"), found \(node.outputs.count)")
            }
        }
        guard !outputs.isEmpty else { throw .invalidNetwork(reason: "expected at least one output, found none") }
        for value in outputs {
            try check(value, "output")
            guard made.contains(value) else {
                throw .invalidNetwork(reason: "expected output \(values[value].name) to be made by a node, found none that does")
            }
        }
    }
}

extension Layer {
    /// Whether nothing can be computed with a number in a tensor of the layer: constants of a graph may be masks of −∞.
    var isUnusable: (Float) -> Bool {
        if case .constant = self { \.isNaN } else { { !$0.isFinite } }
    }

    /// Names of the trained tensors the layer reads.
    package var parameterNames: [String] {
        switch self {
        case .linear(let layer): [layer.weight] + [layer.bias].compactMap { $0 }
        case .convolution(let layer): [layer.weight] + [layer.bias].compactMap { $0 }
        case .batchNormalization(let layer): [layer.scale, layer.shift, layer.mean, layer.variance].compactMap { $0 }
        case .normalization(let layer): [layer.scale, layer.shift].compactMap { $0 }
        case .convolutionTranspose(let layer): [layer.weight] + [layer.bias].compactMap { $0 }
        case .recurrent(let layer): [layer.weight, layer.recurrence] + [layer.bias, layer.peepholes].compactMap { $0 }
        case .embedding(let weight): [weight]
        case .constant(let parameter): [parameter]
        default: []
        }
    }

    /// Number of outputs; `nil` when any number will do.
    var outputCount: Int? {
        switch self {
        case .barrier, .recurrent: nil
        case .split(_, let sizes): sizes.count
        default: 1
        }
    }

    /// The operation as people call it.
    package var operationName: String {
        switch self {
        case .linear: "Linear"
        case .convolution(let layer): layer.groups > 1 ? "Convolution (\(layer.groups) groups)" : "Convolution"
        case .batchNormalization: "BatchNormalization"
        case .normalization(let layer):
            switch layer.kind {
            case .layer: "LayerNormalization"
            case .rms: "RMSNormalization"
            case .group(let groups): "GroupNormalization (\(groups))"
            case .instance: "InstanceNormalization"
            }
        case .activation(let activation): activation.name
        case .pooling(let layer):
            switch layer.kind {
            case .maximum: "MaxPooling"
            case .average: "AveragePooling"
            case .norm: "LpPooling"
            }
        case .globalAveragePooling: "GlobalAveragePooling"
        case .add: "Add"
        case .multiply: "Multiply"
        case .concatenation: "Concatenation"
        case .split: "Split"
        case .flatten: "Flatten"
        case .reshape: "Reshape"
        case .transpose: "Transpose"
        case .padding: "Padding"
        case .slice: "Slice"
        case .softmax: "Softmax"
        case .elementwise(let operation): operation.name
        case .reduction(let layer): layer.kind.rawValue
        case .alongAxis(let operation, _): operation.name
        case .matrixProduct: "MatrixProduct"
        case .gather: "Gather"
        case .embedding: "Embedding"
        case .interpolation: "Interpolation"
        case .convolutionTranspose(let layer):
            layer.groups > 1 ? "ConvolutionTranspose (\(layer.groups) groups)" : "ConvolutionTranspose"
        case .extent: "Shape"
        case .depthToSpace: "DepthToSpace"
        case .spaceToDepth: "SpaceToDepth"
        case .recurrent(let layer):
            switch layer.kind {
            case .lstm: "LSTM"
            case .gru: "GRU"
            case .elman: "RNN"
            }
        case .identity: "Identity"
        case .constant: "Constant"
        case .attention: "Attention"
        case .barrier(let operation): operation
        }
    }
}
