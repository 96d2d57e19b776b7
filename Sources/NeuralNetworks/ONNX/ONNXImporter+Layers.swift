// Layers with trained tensors, and pooling.

import TensorFiles

extension ONNXImporter {
    mutating func lowerConvolution(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0), let shape = weightShape(node, 1), shape.count == 3 || shape.count == 4,
            node.input(2) == nil || weightShape(node, 2) != nil
        else { return false }
        let kernel = Array(shape[2...])
        if let stated = try node.integers("kernel_shape"), stated != kernel {
            throw .wrongTensorShape(
                name: node.input(1) ?? "", node: node.name, expected: "a kernel of \(NetworkError.text(stated))", found: shape)
        }
        let strides = try node.integers("strides") ?? kernel.map { _ in 1 }
        let dilations = try node.integers("dilations") ?? kernel.map { _ in 1 }
        guard let padding = try padding(node, input: input, window: kernel, strides: strides, dilations: dilations) else { return false }
        let bias = node.input(2) == nil ? nil : try parameter(node, 2, of: node.input(1))
        let weight = try parameter(node, 1)
        try emit(
            .convolution(
                .init(
                    weight: weight, bias: bias, strides: strides, padding: padding, dilations: dilations,
                    groups: try node.integer("group") ?? 1)),
            node, inputs: [input], weight: node.input(1))
        return true
    }

    /// A convolution with what onnxruntime fused behind it: a sum, then an activation.
    mutating func lowerFusedConvolution(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard node.input(3) == nil else { return false }
        return try lowerFused(node) { (importer: inout ONNXImporter, node: ONNXNodeReader) throws(NetworkError) in
            try importer.lowerConvolution(node)
        }
    }

    mutating func lowerFused(
        _ node: ONNXNodeReader, _ lower: (inout ONNXImporter, ONNXNodeReader) throws(NetworkError) -> Bool
    ) throws(NetworkError) -> Bool {
        let parameters = node.wire.attribute.first { $0.name == "activation_params" }?.floats ?? []
        let function: Activation
        switch try node.string("activation") ?? "" {
        case "": function = .identity
        case "Relu": function = .relu
        case "Tanh": function = .tanh
        case "Sigmoid": function = .sigmoid
        case "LeakyRelu":
            let slope = try node.float("leaky_relu_alpha") ?? 0.01
            function = .leakyReLU(slope: parameters.first ?? slope)
        case "HardSigmoid" where parameters.count == 2:
            function = .function(.hardSigmoid(slope: parameters[0], offset: parameters[1]))
        case "Clip" where parameters.count == 2:
            function =
                parameters[0] == 0 && parameters[1] > 0
                ? .clippedReLU(maximum: parameters[1]) : .function(.clip(minimum: parameters[0], maximum: parameters[1]))
        default: return false
        }
        guard let name = node.wire.output.first, try lower(&self, node), let sum = facts.activation(name) else { return false }
        guard function != .identity else { return true }
        // The name is that of what follows; the layer keeps the node.
        draft.network.values[sum].name = ""
        try emit(.activation(function), node, inputs: [sum])
        draft.forgetOrigin()
        return true
    }

    mutating func lowerConvolutionTranspose(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0), let shape = weightShape(node, 1), shape.count == 3 || shape.count == 4,
            node.input(2) == nil || weightShape(node, 2) != nil, let sample = draft.shape(input), sample.count == shape.count - 1
        else { return false }
        let spatial = shape.count - 2
        let kernel = Array(shape[2...])
        let strides = try node.integers("strides") ?? kernel.map { _ in 1 }
        let dilations = try node.integers("dilations") ?? kernel.map { _ in 1 }
        var extra = try node.integers("output_padding") ?? kernel.map { _ in 0 }
        let numbers = strides + dilations + extra + kernel
        guard strides.count == spatial, dilations.count == spatial, extra.count == spatial, numbers.allSatisfy({ $0 >= 0 && $0 < 1 << 31 })
        else {
            throw .invalidNode(name: node.name, reason: "expected \(spatial) strides, dilations and output paddings, found \(numbers)")
        }
        var padding = try node.integers("pads") ?? [Int](repeating: 0, count: 2 * spatial)
        guard padding.count == 2 * spatial, padding.allSatisfy({ $0 >= 0 && $0 < 1 << 31 }) else { return false }
        let mode = try node.string("auto_pad") ?? "NOTSET"
        if let stated = try node.integers("output_shape")
            ?? (mode.hasPrefix("SAME") ? zip(sample.dropFirst(), strides).map { $0 * $1 } : nil)
        {
            guard stated.count >= spatial else { return false }
            for (axis, target) in stated.suffix(spatial).enumerated() {
                let total = strides[axis] * (sample[axis + 1] - 1) + extra[axis] + (kernel[axis] - 1) * dilations[axis] + 1 - target
                // A negative total asks for more than the taps reach: zeros at the end.
                let crop = max(total, 0)
                if total < 0 { extra[axis] -= total }
                padding[axis] = mode == "SAME_UPPER" ? crop / 2 : crop - crop / 2
                padding[axis + spatial] = crop - padding[axis]
            }
        } else if mode == "VALID" {
            padding = [Int](repeating: 0, count: 2 * spatial)
        }
        let bias = node.input(2) == nil ? nil : try parameter(node, 2, of: node.input(1))
        let weight = try parameter(node, 1)
        try emit(
            .convolutionTranspose(
                .init(
                    weight: weight, bias: bias, strides: strides, padding: padding, outputPadding: extra, dilations: dilations,
                    groups: try node.integer("group") ?? 1)),
            node, inputs: [input], weight: node.input(1))
        return true
    }

    mutating func lowerBatchNormalization(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0), (1...4).allSatisfy({ weightShape(node, $0) != nil }),
            try node.integer("training_mode") ?? 0 == 0, try node.integer("spatial") ?? 1 == 1
        else { return false }
        let names = try (1...4).map { slot throws(NetworkError) in try parameter(node, slot, of: slot < 3 ? node.input(3) : nil) }
        try emit(
            .batchNormalization(
                .init(scale: names[0], shift: names[1], mean: names[2], variance: names[3], epsilon: try node.float("epsilon") ?? 1e-5)),
            node, inputs: [input], weight: node.input(3))
        return true
    }

    mutating func lowerNormalization(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let given = activation(node, 0) else { return false }
        var kind = Normalization.Kind.layer
        var axis = 1
        var input = given
        switch node.operation {
        case "MeanVarianceNormalization":
            guard let rank = draft.extents(given)?.count, try node.integers("axes") ?? [0, 2, 3] == [0] + Array(2..<rank),
                let value = draft.batched(given)
            else { return false }
            // One sample is a batch of its own.
            try emit(.normalization(.init(kind: .instance, axis: 1, scale: nil, shift: nil, epsilon: 1e-9)), node, inputs: [value])
            return true
        case "InstanceNormalization": kind = .instance
        case "GroupNormalization":
            // Before version 21 the scale was one number per group.
            guard node.version >= 21, let groups = try node.integer("num_groups") else { return false }
            kind = .group(groups)
        default:
            kind = node.operation.hasSuffix("LayerNormalization") && !node.operation.contains("Simplified") ? .layer : .rms
            axis = try node.integer("axis") ?? -1
            if axis >= 0 {
                let placed = draft.frame(given, using: [axis])
                input = placed.value
                axis += placed.offset
            }
        }
        guard weightShape(node, 1) != nil, node.input(2) == nil || weightShape(node, 2) != nil else { return false }
        let scale = try parameter(node, 1)
        let shift = node.input(2) == nil ? nil : try parameter(node, 2)
        try emit(
            .normalization(.init(kind: kind, axis: axis, scale: scale, shift: shift, epsilon: try node.float("epsilon") ?? 1e-5)), node,
            inputs: [input], weight: node.input(1))
        return true
    }

    /// onnxruntime's sum of two activations, a bias, and a layer or RMS normalization of it.
    mutating func lowerSkipNormalization(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        let isSimplified = node.operation.contains("Simplified")
        let biasSlot = isSimplified ? 3 : 4
        guard let left = activation(node, 0), let right = activation(node, 1), draft.extents(left) == draft.extents(right),
            weightShape(node, 2) != nil,
            isSimplified || node.input(3) == nil || weightShape(node, 3) != nil,
            node.input(biasSlot) == nil || weightShape(node, biasSlot) != nil
        else { return false }
        var sum = try emit(.add, node, inputs: [left, right], outputs: [""])
        draft.forgetOrigin()
        if node.input(biasSlot) != nil {
            sum = try emit(.add, node, inputs: [sum, try constantValue(node, biasSlot)], outputs: [""])
            draft.forgetOrigin()
        }
        let scale = try parameter(node, 2)
        let shift = isSimplified || node.input(3) == nil ? nil : try parameter(node, 3)
        try emit(
            .normalization(
                .init(
                    kind: isSimplified ? .rms : .layer, axis: -1, scale: scale, shift: shift, epsilon: try node.float("epsilon") ?? 1e-5)),
            node, inputs: [sum], weight: node.input(2))
        return true
    }

    // MARK: Pooling

    mutating func lowerPooling(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0), let window = try node.integers("kernel_shape"), window.count == 1 || window.count == 2 else {
            return false
        }
        let ones = window.map { _ in 1 }
        let strides = try node.integers("strides") ?? ones
        let dilations = try node.integers("dilations") ?? ones
        guard dilations == ones || node.operation == "MaxPool",
            let padding = try padding(node, input: input, window: window, strides: strides, dilations: dilations)
        else { return false }
        let countsPadding = try node.integer("count_include_pad") ?? 0 != 0
        let kind: Pooling.Kind
        switch node.operation {
        case "MaxPool": kind = .maximum
        case "LpPool":
            let power = try node.integer("p") ?? 2
            guard (1...16).contains(power) else { return false }
            kind = .norm(power: power)
        default: kind = .average(countsPadding: countsPadding)
        }
        return try unary(
            node,
            .pooling(
                .init(
                    kind: kind, window: window, strides: strides,
                    padding: padding, ceilMode: try node.integer("ceil_mode") ?? 0 != 0, dilations: dilations == ones ? [] : dilations)))
    }

    mutating func lowerGlobalPooling(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0), let shape = draft.shape(input), shape.count >= 2 else { return false }
        let power = try node.integer("p") ?? 2
        guard node.operation == "GlobalMaxPool" || power == 1 || power == 2 else { return false }
        let kind: Reduction.Kind = node.operation == "GlobalMaxPool" ? .maximum : power == 1 ? .absoluteSum : .norm
        return try unary(node, .reduction(Reduction(kind: kind, axes: Array(2...shape.count), keepsAxes: true)))
    }

    /// A mean over all spatial axes or the tokens of a sequence has a layer of its own.
    mutating func lowerMean(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0), !draft.isWhole(input), let rank = draft.shape(input).map({ $0.count + 1 }), rank > 2,
            try !isOpen(node, 1), let stated = try node.axes(constant(node, 1))
        else { return try lowerReduction(node) }
        let axes = stated.compactMap { RowMajor.position($0, rank: rank) }.sorted()
        let keepsAxes = try node.integer("keepdims") ?? 1 != 0
        if axes == Array(2..<rank), axes.count == stated.count {
            return try unary(node, .globalAveragePooling(keepsSpatialAxes: keepsAxes))
        }
        return try lowerReduction(node)
    }

    mutating func lowerReduction(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let given = activation(node, 0), let shape = draft.extents(given), let kind = Reduction.Kind(rawValue: node.operation) else {
            return false
        }
        let keepsAxes = try node.integer("keepdims") ?? 1 != 0
        var axes: [Int]
        if kind == .firstMaximum || kind == .firstMinimum {
            guard try node.integer("select_last_index") ?? 0 == 0,
                let axis = RowMajor.position(try node.integer("axis") ?? 0, rank: shape.count)
            else { return false }
            axes = [axis]
        } else {
            guard try !isOpen(node, 1) else { return false }
            let stated = try node.axes(constant(node, 1)) ?? []
            if stated.isEmpty, try node.integer("noop_with_empty_axes") ?? 0 != 0 { return try unary(node, .identity) }
            let places = stated.compactMap { RowMajor.position($0, rank: shape.count) }
            guard places.count == stated.count else {
                throw .invalidNode(name: node.name, reason: "expected axes below \(shape.count), found \(stated)")
            }
            axes = stated.isEmpty ? Array(shape.indices) : Set(places).sorted()
        }
        var (input, offset) = (given, draft.isWhole(given) ? 1 : 0)
        if axes.contains(0), offset == 0 {
            if keepsAxes, kind == .mean || kind == .maximum || kind == .minimum || kind == .sum, axes.count > 1 {
                // The batch of one sample reduces to itself.
                axes.removeFirst()
            } else {
                (input, offset) = (draft.whole(given), 1)
            }
        }
        let result = try emit(
            .reduction(Reduction(kind: kind, axes: axes.map { $0 + offset }, keepsAxes: keepsAxes)), node, inputs: [input])
        if draft.isWhole(result) { setResult(node, result) }
        return true
    }

    /// Padding as numbers, whatever way it is stated; nil when it is negative or depends on what is not known.
    private func padding(
        _ node: ONNXNodeReader, input: Network.ValueID, window: [Int], strides: [Int], dilations: [Int]
    ) throws(NetworkError) -> [Int]? {
        guard strides.count == window.count, dilations.count == window.count else {
            throw .invalidNode(
                name: node.name, reason: "expected \(window.count) strides and dilations, found \(strides.count) and \(dilations.count)")
        }
        switch try node.string("auto_pad") ?? "NOTSET" {
        case "NOTSET", "":
            let pads = try node.integers("pads") ?? window.flatMap { _ in [0, 0] }
            guard pads.count == 2 * window.count else {
                throw .invalidNode(name: node.name, reason: "expected \(2 * window.count) paddings, found \(pads.count)")
            }
            return pads.allSatisfy { $0 >= 0 } ? pads : nil
        case "VALID":
            return window.flatMap { _ in [0, 0] }
        case let mode where mode == "SAME_UPPER" || mode == "SAME_LOWER":
            // As many positions as strides fit into the axis.
            guard let shape = draft.shape(input), shape.count == window.count + 1 else { return nil }
            var before: [Int] = [], after: [Int] = []
            for axis in window.indices {
                guard strides[axis] > 0, (1..<1 << 31).contains(window[axis]), (1..<1 << 31).contains(dilations[axis]) else { return nil }
                let extent = shape[axis + 1]
                // Rounded down first: a stride may be as long as integers go.
                let last = max(extent - 1, 0) / strides[axis] * strides[axis]
                let (span, overflow) = last.addingReportingOverflow((window[axis] - 1) * dilations[axis] + 1)
                guard !overflow else { return nil }
                let total = max(span - extent, 0)
                before.append(mode == "SAME_UPPER" ? total / 2 : total - total / 2)
                after.append(total - before[axis])
            }
            return before + after
        case let mode:
            throw .invalidNode(name: node.name, reason: "expected auto_pad NOTSET, VALID, SAME_UPPER or SAME_LOWER, found \(mode)")
        }
    }
}
