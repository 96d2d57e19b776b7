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
        let bias = node.input(2) == nil ? nil : try parameter(node, 2)
        let weight = try parameter(node, 1)
        try emit(
            .convolution(
                .init(
                    weight: weight, bias: bias, strides: strides, padding: padding, dilations: dilations,
                    groups: try node.integer("group") ?? 1)),
            node, inputs: [input], weight: node.input(1))
        return true
    }

    mutating func lowerGemm(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0), let shape = weightShape(node, 1), shape.count == 2, try node.integer("transA") ?? 0 == 0,
            self.shape(input).map({ $0.count == 1 }) ?? true
        else { return false }
        let isTransposed = try node.integer("transB") ?? 0 == 0
        let width = shape[isTransposed ? 1 : 0]
        let alpha = try node.float("alpha") ?? 1, beta = try node.float("beta") ?? 1
        // The scale of a parameter must be undone when it is written.
        guard alpha != 0, beta != 0, alpha.isFinite, beta.isFinite else { return false }
        var bias: String?
        if node.input(2) != nil {
            guard let shape = weightShape(node, 2), shape.last == width, shape.dropLast().allSatisfy({ $0 == 1 }) else { return false }
            bias = try parameter(node, 2, shape: [width], transform: beta == 1 ? .same : .scaled(beta))
        }
        let weight = try parameter(node, 1, transform: alpha == 1 ? .same : .scaled(alpha))
        try emit(.linear(.init(weight: weight, bias: bias, isTransposed: isTransposed)), node, inputs: [input], weight: node.input(1))
        return true
    }

    mutating func lowerMatMul(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0), let shape = weightShape(node, 1), shape.count == 2 else { return false }
        let weight = try parameter(node, 1)
        try emit(.linear(.init(weight: weight, bias: nil, isTransposed: true)), node, inputs: [input], weight: node.input(1))
        return true
    }

    mutating func lowerBatchNormalization(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0), (1...4).allSatisfy({ weightShape(node, $0) != nil }),
            try node.integer("training_mode") ?? 0 == 0, try node.integer("spatial") ?? 1 == 1
        else { return false }
        let names = try (1...4).map { slot throws(NetworkError) in try parameter(node, slot) }
        try emit(
            .batchNormalization(
                .init(scale: names[0], shift: names[1], mean: names[2], variance: names[3], epsilon: try node.float("epsilon") ?? 1e-5)),
            node, inputs: [input], weight: node.input(3))
        return true
    }

    mutating func lowerNormalization(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0), weightShape(node, 1) != nil, node.input(2) == nil || weightShape(node, 2) != nil else {
            return false
        }
        var kind = Normalization.Kind.layer
        var axis = 1
        switch node.operation {
        case "InstanceNormalization": kind = .instance
        case "GroupNormalization":
            // Before version 21 the scale was one number per group.
            guard node.version >= 21, let groups = try node.integer("num_groups") else { return false }
            kind = .group(groups)
        default:
            kind = node.operation == "RMSNormalization" ? .rms : .layer
            axis = try node.integer("axis") ?? -1
        }
        let scale = try parameter(node, 1)
        let shift = node.input(2) == nil ? nil : try parameter(node, 2)
        try emit(
            .normalization(.init(kind: kind, axis: axis, scale: scale, shift: shift, epsilon: try node.float("epsilon") ?? 1e-5)), node,
            inputs: [input], weight: node.input(1))
        return true
    }

    // MARK: Pooling

    mutating func lowerPooling(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0), let window = try node.integers("kernel_shape"), window.count == 1 || window.count == 2 else {
            return false
        }
        let ones = window.map { _ in 1 }
        let strides = try node.integers("strides") ?? ones
        guard try node.integers("dilations") ?? ones == ones,
            let padding = try padding(node, input: input, window: window, strides: strides, dilations: ones)
        else { return false }
        let countsPadding = try node.integer("count_include_pad") ?? 0 != 0
        return try unary(
            node,
            .pooling(
                .init(
                    kind: node.operation == "MaxPool" ? .maximum : .average(countsPadding: countsPadding), window: window, strides: strides,
                    padding: padding, ceilMode: try node.integer("ceil_mode") ?? 0 != 0)))
    }

    mutating func lowerGlobalMaximum(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0), let shape = shape(input), shape.count == 2 || shape.count == 3 else { return false }
        let window = Array(shape[1...])
        return try unary(
            node, .pooling(.init(kind: .maximum, window: window, strides: window.map { _ in 1 }, padding: window.flatMap { _ in [0, 0] })))
    }

    /// A mean over all spatial axes, or over the tokens of a sequence.
    mutating func lowerMean(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0), let rank = shape(input).map({ $0.count + 1 }), rank > 2,
            try !isOpen(node, 1), let stated = try node.axes(constant(node, 1))
        else { return false }
        let axes = stated.compactMap { ONNXFolding.position($0, rank: rank) }.sorted()
        let keepsAxes = try node.integer("keepdims") ?? 1 != 0
        if axes == Array(2..<rank) { return try unary(node, .globalAveragePooling(keepsSpatialAxes: keepsAxes)) }
        guard axes == [1], rank == 3, !keepsAxes else { return false }
        let turned = try emit(.transpose(permutation: [0, 2, 1]), node, inputs: [input], outputs: [""])
        try emit(.globalAveragePooling(keepsSpatialAxes: false), node, inputs: [turned])
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
            guard let shape = shape(input), shape.count == window.count + 1 else { return nil }
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
