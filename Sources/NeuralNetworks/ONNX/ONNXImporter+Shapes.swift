// Operations that rearrange: split, slice, pad, reshape, transpose. The batch axis is the first one and stays so; what would
// move or split it is not followed.

import TensorFiles

extension ONNXImporter {
    mutating func lowerSplit(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0), let shape = shape(input), !node.wire.output.isEmpty,
            let axis = ONNXFolding.position(try node.integer("axis") ?? 0, rank: shape.count + 1), axis > 0,
            try !isOpen(node, 1),
            let sizes = try node.splitSizes(try constant(node, 1), extent: shape[axis - 1])
        else { return false }
        try emit(.split(axis: axis, sizes: sizes), node, inputs: [input], outputs: node.wire.output)
        return true
    }

    mutating func lowerSlice(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0), let shape = shape(input) else { return false }
        var inputs: [ONNXConstant?] = []
        for slot in 1..<5 {
            let constant = try constant(node, slot)
            if node.input(slot) != nil, constant == nil { return false }
            inputs.append(constant)
        }
        guard let slices = try node.slices(rank: shape.count + 1, inputs: inputs) else { return false }
        if slices[0] != SliceRange() {
            // Only the whole batch is passed on.
            guard slices[0].start == 0, slices[0].end == .max, slices[0].step == 1 else { return false }
        }
        guard slices.allSatisfy({ $0.step != 0 }) else {
            throw .invalidNode(name: node.name, reason: "expected steps other than 0, found 0")
        }
        return try unary(node, .slice(slices))
    }

    /// A constant repeated for every sample, as a class token is.
    mutating func lowerExpansion(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let target = try constant(node, 1)?.extents else { return false }
        // Whether it has a layer or not, what it asks for must fit in memory.
        _ = try Network.size(of: target.compactMap(\.known).map { $0 == -1 ? 1 : $0 }, node: node.name)
        guard let shape = weightShape(node, 0), let output = node.wire.output.first, shape.count == target.count, shape.count > 1,
            shape[0] == 1,
            target[0] == .batch || target[0].known != nil && target[0].known == fixedBatch,
            zip(shape, target).dropFirst().allSatisfy({ $1 == .known(1) || $1 == .known(-1) || $1 == .known($0) }),
            try constant(node, 0)?.isLiteral == true
        else { return false }
        facts[output] = .activation(constantValue(parameter: try parameter(node, 0, shape: Array(shape.dropFirst()))))
        return true
    }

    /// One position of an axis, which goes: the first token of a sequence, for instance.
    mutating func lowerGather(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0), let shape = shape(input), shape.count == 2, let index = try constant(node, 1),
            index.shape.isEmpty,
            try ONNXFolding.position(node.integer("axis") ?? 0, rank: 3) == 1,
            let place = index.integers?.first.flatMap({ ONNXFolding.position($0, rank: shape[0]) })
        else { return false }
        let taken = try emit(.slice([SliceRange(), SliceRange(start: place, end: place + 1)]), node, inputs: [input], outputs: [""])
        // The numbers of the slice are not those of the node, which states no ranges.
        origins[network.nodes[network.nodes.count - 1].name] = nil
        try emit(.flatten(axis: 1), node, inputs: [taken])
        return true
    }

    mutating func lowerPadding(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0), let rank = shape(input).map({ $0.count + 1 }),
            try node.string("mode") ?? "constant" == "constant"
        else { return false }
        let pads, axes: [Int]?
        let value: Float
        if node.version < 11 {
            (pads, axes, value) = (try node.integers("pads"), nil, try node.float("value") ?? 0)
        } else {
            for slot in [2, 3] where try isOpen(node, slot) { return false }
            (pads, axes, value) = (try constant(node, 1)?.integers, try constant(node, 3)?.integers, try constant(node, 2)?.scalar ?? 0)
        }
        guard let pads else { return false }
        let targets = axes ?? Array(0..<rank)
        guard pads.count == 2 * targets.count else {
            throw .invalidNode(name: node.name, reason: "expected \(2 * targets.count) paddings, found \(pads.count)")
        }
        var before = [Int](repeating: 0, count: rank), after = before
        for (index, axis) in targets.enumerated() {
            guard let axis = ONNXFolding.position(axis, rank: rank) else {
                throw .invalidNode(name: node.name, reason: "expected an axis below \(rank), found \(axis)")
            }
            (before[axis], after[axis]) = (pads[index], pads[index + targets.count])
        }
        // Negative padding crops, which is no layer here.
        guard before[0] == 0, after[0] == 0, (before + after).allSatisfy({ $0 >= 0 }) else { return false }
        return try unary(node, .padding(before: before, after: after, value: value))
    }

    mutating func lowerTranspose(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0) else { return false }
        guard let permutation = try node.integers("perm") ?? shape(input).map({ Array((0...$0.count).reversed()) }), permutation.first == 0,
            permutation.sorted() == Array(permutation.indices), shape(input).map({ $0.count + 1 == permutation.count }) ?? true
        else { return false }
        return try unary(node, .transpose(permutation: permutation))
    }

    // MARK: Reshape and its relatives

    mutating func lowerReshape(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let input = activation(node, 0), let target = try reshapeTarget(node, input: input) else { return false }
        let shape = shape(input)
        switch target {
        case .flat: return try unary(node, .flatten(axis: 1))
        case .shape(let target) where target == shape: return try unary(node, .identity)
        case .shape(let target) where target.count == 1: return try unary(node, .flatten(axis: 1))
        case .shape(let target): return try unary(node, .reshape(shape: [0] + target))
        }
    }

    private func reshapeTarget(_ node: ONNXNodeReader, input: Network.ValueID) throws(NetworkError) -> ReshapeTarget? {
        let shape = shape(input)
        switch node.operation {
        case "Flatten":
            let axis = try node.integer("axis") ?? 1
            guard let shape else { return axis == 1 ? .flat : nil }
            // Axes before `axis` join the batch, unless their extents are 1.
            guard let axis = ONNXFolding.position(axis, rank: shape.count + 2), axis > 0, shape[..<(axis - 1)].allSatisfy({ $0 == 1 })
            else { return nil }
            return .shape([shape[(axis - 1)...].reduce(1, *)])
        case "Squeeze", "Unsqueeze":
            guard try !isOpen(node, 1), let shape else { return nil }
            let axes = try node.axes(constant(node, 1))
            // With the batch axis as a stand-in extent that no axis of 1 can be confused with.
            let full = [2] + shape
            guard
                let result = node.operation == "Squeeze"
                    ? ONNXFolding.squeezed(full, axes) : axes.flatMap({ ONNXFolding.unsqueezed(full, $0) }),
                result.first == 2
            else { return nil }
            return .shape(Array(result.dropFirst()))
        default:
            guard let extents = try constant(node, 1)?.extents, try node.integer("allowzero") ?? 0 == 0 || !extents.contains(.known(0))
            else { return nil }
            // An extent of 0 is copied and one of -1 inferred; what the others ask for together must exist somewhere.
            _ = try Network.size(of: extents.compactMap(\.known).filter { $0 != 0 && $0 != -1 }, node: node.name)
            return resolve(extents, from: shape)
        }
    }

    private func resolve(_ target: [ONNXExtent], from shape: [Int]?) -> ReshapeTarget? {
        ReshapeTarget(target, from: shape, fixedBatch: fixedBatch)
    }
}

/// What a Reshape makes of a sample.
enum ReshapeTarget: Equatable {
    /// One axis per sample, of unknown extent.
    case flat
    /// Shape of a sample.
    case shape([Int])

    /// The shape of a sample that a target means; nil when it does not keep the batch axis apart.
    init?(_ target: [ONNXExtent], from shape: [Int]?, fixedBatch: Int?) {
        guard let first = target.first else { return nil }
        let total = shape.flatMap(RowMajor.count)
        var free: Int?
        var result: [Int] = []
        for (axis, extent) in target.enumerated().dropFirst() {
            switch extent {
            case .known(0):
                guard let shape, axis <= shape.count else { return nil }
                result.append(shape[axis - 1])
            case .known(let extent) where extent > 0: result.append(extent)
            // An extent that only a run would tell is inferred as well, if it is the only one.
            case .known(-1), .unknown:
                guard free == nil else { return nil }
                free = axis - 1
                result.append(1)
            default: return nil
            }
        }
        guard let product = RowMajor.count(result), product > 0 else { return nil }
        if let free {
            guard first == .batch || first == .known(0) || first.known != nil && first.known == fixedBatch else { return nil }
            guard let total else {
                guard result.count == 1 else { return nil }
                self = .flat
                return
            }
            guard total % product == 0 else { return nil }
            result[free] = total / product
            self = .shape(result)
            return
        }
        switch first {
        case .known(let extent) where extent != 0 && extent != -1 && extent != fixedBatch: return nil
        case .known(-1), .unknown:
            // The batch axis is inferred: right only if one sample fills the rest.
            guard total == product else { return nil }
        default:
            guard total == nil || total == product else { return nil }
        }
        self = .shape(result)
    }
}
