// Operations that rearrange: split, slice, pad, reshape, transpose, gather, repeat. Where they touch the batch axis, the value is
// taken whole (see ONNXDraft+Frames).

import TensorFiles

extension ONNXImporter {
    mutating func lowerConcatenation(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        let slots = node.wire.input.indices
        guard let stated = try node.integer("axis"), try canBeOperands(node, slots) else { return false }
        let ranks = slots.compactMap { activation(node, $0) }.compactMap { draft.extents($0)?.count }
        guard let rank = ranks.max(), ranks.allSatisfy({ $0 == rank }), let axis = RowMajor.position(stated, rank: rank) else {
            return false
        }
        let values = slots.map { activation(node, $0) }
        var isWhole = axis == 0 || values.contains { $0.map { draft.isWhole($0) && draft.extents($0)?.first != 1 } ?? false }
        for slot in slots where values[slot] == nil {
            // Before the batch axis a constant is repeated for every sample only if the model says so.
            guard let shape = try constant(node, slot)?.shape, shape.count == rank else { return false }
            if shape[0] != 1 { isWhole = true }
        }
        var inputs: [Network.ValueID] = []
        for slot in slots {
            if let value = values[slot] {
                inputs.append(isWhole ? draft.whole(value) : draft.batched(value) ?? value)
            } else {
                inputs.append(try constantValue(node, slot))
            }
        }
        try emit(.concatenation(axis: axis + (isWhole ? 1 : 0)), node, inputs: inputs, isWhole: isWhole)
        return true
    }

    mutating func lowerSplit(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let given = activation(node, 0), let shape = draft.extents(given), !node.wire.output.isEmpty,
            let axis = RowMajor.position(try node.integer("axis") ?? 0, rank: shape.count), try !isOpen(node, 1),
            let sizes = try node.splitSizes(try constant(node, 1), extent: shape[axis])
        else { return false }
        let (input, offset) = draft.frame(given, using: [axis])
        try emit(.split(axis: axis + offset, sizes: sizes), node, inputs: [input], outputs: node.wire.output)
        return true
    }

    mutating func lowerSlice(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let given = activation(node, 0), let shape = draft.extents(given) else { return false }
        var inputs: [ONNXConstant?] = []
        for slot in 1..<5 {
            let constant = try constant(node, slot)
            if node.input(slot) != nil, constant == nil { return false }
            inputs.append(constant)
        }
        guard let slices = try node.slices(rank: shape.count, inputs: inputs) else { return false }
        guard slices.allSatisfy({ $0.step != 0 }) else {
            throw .invalidNode(name: node.name, reason: "expected steps other than 0, found 0")
        }
        let touched = slices.indices.filter { axis in
            let taken = slices[axis].resolved(extent: shape[axis])
            return slices[axis] != SliceRange() && (axis > 0 || !(taken.start == 0 && taken.count == shape[0] && slices[0].step == 1))
        }
        let (input, offset) = draft.frame(given, using: touched)
        var ranges = slices
        if offset == 1 { ranges.insert(SliceRange(), at: 0) } else { ranges[0] = SliceRange() }
        try emit(.slice(ranges), node, inputs: [input])
        return true
    }

    /// Repetition along axes of extent 1, or of a constant for every sample, as a class token is.
    mutating func lowerExpansion(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let target = try constant(node, 1)?.extents else { return false }
        // Whether it has a layer or not, what it asks for must fit in memory.
        _ = try Network.size(of: target.compactMap(\.known).map { $0 == -1 ? 1 : $0 }, node: node.name)
        if let stored = weightShape(node, 0), let output = node.wire.output.first, stored.count <= target.count, target.count > 1,
            try constant(node, 0)?.isLiteral == true
        {
            // Axes that a constant lacks come first.
            let shape = [Int](repeating: 1, count: target.count - stored.count) + stored
            if shape[0] == 1, target[0] == .batch || target[0].known != nil && target[0].known == sizes.fixedBatch,
                zip(shape, target).dropFirst().allSatisfy({ $1 == .known(1) || $1 == .known(-1) || $1 == .known($0) })
            {
                facts[output] = .activation(constantValue(parameter: try parameter(node, 0, shape: Array(shape.dropFirst()))))
                return true
            }
        }
        guard let given = activation(node, 0), let shape = draft.extents(given) else { return false }
        let wanted = target.map { $0.atOneSample ?? -1 }
        guard wanted.allSatisfy({ $0 >= -1 }), let result = RowMajor.broadcast(shape, wanted.map { $0 == -1 ? 1 : $0 }) else {
            return false
        }
        _ = try Network.size(of: result, node: node.name)
        let full = [Int](repeating: 1, count: result.count - shape.count) + shape
        guard zip(full, result).allSatisfy({ $0 == $1 || $1 <= Self.indexLimit }) else { return false }
        return try repeating(given, from: full, node) { axis in full[axis] == result[axis] ? nil : [Int](repeating: 0, count: result[axis])
        }
    }

    mutating func lowerTile(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let given = activation(node, 0), let shape = draft.extents(given), let repeats = try constant(node, 1)?.integers,
            repeats.count == shape.count, repeats.allSatisfy({ $0 >= 0 })
        else { return false }
        for (extent, times) in zip(shape, repeats) {
            let (product, overflow) = extent.multipliedReportingOverflow(by: times)
            guard !overflow, product <= Self.indexLimit else {
                throw .invalidNode(name: node.name, reason: "expected extents that fit in memory, found \(extent) · \(times)")
            }
        }
        return try repeating(given, from: shape, node) { axis in
            repeats[axis] == 1 ? nil : (0..<repeats[axis]).flatMap { _ in 0..<shape[axis] }
        }
    }

    /// Longest list of positions that is made for an axis: a few bytes of a file may ask for any.
    static let indexLimit = 1 << 22

    /// One gathering for every axis that changes; the last stands for the node.
    private mutating func repeating(
        _ given: Network.ValueID, from shape: [Int], _ node: ONNXNodeReader, _ indices: (Int) -> [Int]?
    ) throws(NetworkError) -> Bool {
        let changes = shape.indices.compactMap { axis in indices(axis).map { (axis: axis, indices: $0) } }
        guard let last = changes.last else {
            setResult(node, draft.view(given, as: shape, isWhole: true))
            return true
        }
        var value = draft.view(given, as: shape, isWhole: true)
        if !changes.contains(where: { $0.axis == 0 }), shape.first == 1, let kept = draft.batched(value) { value = kept }
        for change in changes {
            let isLast = change.axis == last.axis
            value = try emit(
                .gather(axis: change.axis + (draft.isWhole(value) ? 1 : 0), indices: change.indices), node, inputs: [value],
                outputs: isLast ? nil : [""])
            if !isLast { draft.forgetOrigin() }
        }
        return true
    }

    /// Positions of an axis by constant indices, rows of a table, or one position of an axis, which goes.
    mutating func lowerGather(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        let stated = try node.integer("axis") ?? 0
        if let table = weightShape(node, 0), let indices = activation(node, 1), table.count >= 1,
            RowMajor.position(stated, rank: table.count) == 0
        {
            return try lowerEmbedding(node, table, indices, slot: 0)
        }
        // Operands in the other order have no meaning of their own: indices cannot be fractions.
        if let table = weightShape(node, 1), let indices = activation(node, 0), draft.isInteger(indices), table.count == 2 {
            return try lowerEmbedding(node, table, indices, slot: 1)
        }
        guard let given = activation(node, 0), let shape = draft.extents(given), let constant = try constant(node, 1),
            let integers = constant.integers, let axis = RowMajor.position(stated, rank: shape.count)
        else { return false }
        let places = integers.compactMap { RowMajor.position($0, rank: shape[axis]) }
        guard places.count == integers.count else {
            throw .invalidNode(name: node.name, reason: "expected indices below \(shape[axis]), found \(integers.prefix(4))")
        }
        let (input, offset) = draft.frame(given, using: [axis])
        let result = Array(shape[..<axis]) + constant.shape + Array(shape[(axis + 1)...])
        _ = try Network.size(of: result, node: node.name)
        let taken: Network.ValueID
        if places.count > 1, zip(places, places.dropFirst()).allSatisfy({ $0 + 1 == $1 }) || constant.shape.count == 1 {
            taken = try emit(
                .gather(axis: axis + offset, indices: places), node, inputs: [input], outputs: constant.shape.count == 1 ? nil : [""])
            if constant.shape.count == 1 { return true }
        } else if places.count == 1 {
            var ranges = [SliceRange](repeating: SliceRange(), count: shape.count + offset)
            ranges[axis + offset] = SliceRange(start: places[0], end: places[0] + 1)
            taken = try emit(.slice(ranges), node, inputs: [input], outputs: [""])
            // The numbers of the slice are not those of the node, which states no ranges.
            draft.forgetOrigin()
        } else {
            taken = try emit(.gather(axis: axis + offset, indices: places), node, inputs: [input], outputs: [""])
        }
        // Views by strides count on the samples of a batch: only all positions in their order can be written with other extents.
        if places != Array(0..<shape[axis]) || axis > 0, constant.sources.contains(where: { $0.axis == 0 && !draft.isWhole($0.value) }) {
            draft.keepExtent(ONNXAxis(value: given, axis: axis), for: node)
        }
        setResult(node, draft.view(taken, as: result, isWhole: true))
        return true
    }

    private mutating func lowerEmbedding(
        _ node: ONNXNodeReader, _ table: [Int], _ indices: Network.ValueID, slot: Int
    ) throws(NetworkError) -> Bool {
        let width = table[1...].reduce(1, *)
        guard table[0] > 0, width > 0 else { return false }
        let weight = try parameter(node, slot, shape: [table[0], width])
        let isPlain = table.count == 2
        let result = try emit(.embedding(weight: weight), node, inputs: [indices], weight: node.input(slot), outputs: isPlain ? nil : [""])
        if !isPlain, let shape = draft.extents(indices) { setResult(node, draft.view(result, as: shape + table[1...], isWhole: true)) }
        return true
    }

    mutating func lowerPadding(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let given = activation(node, 0), let shape = draft.extents(given) else { return false }
        let rank = shape.count
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
            guard let axis = RowMajor.position(axis, rank: rank) else {
                throw .invalidNode(name: node.name, reason: "expected an axis below \(rank), found \(axis)")
            }
            (before[axis], after[axis]) = (pads[index], pads[index + targets.count])
        }
        for axis in 0..<rank {
            let (sum, first) = shape[axis].addingReportingOverflow(before[axis])
            let (total, second) = sum.addingReportingOverflow(after[axis])
            guard !first, !second, total >= 0, total < 1 << 31, before[axis] > -(1 << 31), after[axis] > -(1 << 31) else {
                throw .invalidNode(name: node.name, reason: "expected extents that fit in memory, found padding \(before) and \(after)")
            }
        }
        let mode = try node.string("mode") ?? "constant"
        if mode == "constant", (before + after).allSatisfy({ $0 >= 0 }) {
            let (input, offset) = draft.frame(given, using: (0..<rank).filter { before[$0] != 0 || after[$0] != 0 })
            if offset == 1 {
                before.insert(0, at: 0)
                after.insert(0, at: 0)
            }
            try emit(.padding(before: before, after: after, value: value), node, inputs: [input])
            return true
        }
        // Cropping, mirrors and repeated edges: positions of each axis.
        if mode == "constant", (before + after).contains(where: { $0 > 0 }) { return false }
        guard (0..<rank).allSatisfy({ shape[$0] > 0 && shape[$0] + before[$0] + after[$0] <= Self.indexLimit }) else { return false }
        return try repeating(given, from: shape, node) { axis in
            let (low, high, extent) = (before[axis], after[axis], shape[axis])
            return low == 0 && high == 0 ? nil : (-low..<max(extent + high, -low)).map { Self.source($0, extent: extent, mode: mode) }
        }
    }

    /// The position inside an axis that one outside repeats.
    private static func source(_ position: Int, extent: Int, mode: String) -> Int {
        switch mode {
        case "reflect":
            guard extent > 1 else { return 0 }
            let period = 2 * (extent - 1)
            let place = ((position % period) + period) % period
            return place < extent ? place : period - place
        case "wrap": return ((position % extent) + extent) % extent
        default: return min(max(position, 0), extent - 1)
        }
    }

    mutating func lowerTranspose(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let given = activation(node, 0) else { return false }
        guard let shape = draft.extents(given) else {
            guard let permutation = try node.integers("perm"), permutation.first == 0, permutation.sorted() == Array(permutation.indices)
            else { return false }
            return try unary(node, .transpose(permutation: permutation))
        }
        let permutation = try node.integers("perm") ?? Array(shape.indices.reversed())
        guard permutation.sorted() == Array(shape.indices) else { return false }
        if permutation.first == 0 {
            let isWhole = draft.isWhole(given)
            return try unary(node, .transpose(permutation: isWhole ? [0] + permutation.map { $0 + 1 } : permutation))
        }
        let result = permutation.map { shape[$0] }
        let moved = permutation.filter { shape[$0] != 1 }
        if moved == moved.sorted() {
            // Only axes of extent 1 change places, the batch for instance: nothing moves.
            setResult(node, draft.view(given, as: result, isWhole: true))
            return true
        }
        try emit(.transpose(permutation: [0] + permutation.map { $0 + 1 }), node, inputs: [draft.whole(given)])
        return true
    }

    mutating func lowerBlocks(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let block = try node.integer("blocksize"), block > 0, block < 1 << 20, let input = activation(node, 0),
            draft.shape(input)?.count == 3
        else { return false }
        let mode = try node.string("mode") ?? "DCR"
        return try unary(
            node, node.operation == "DepthToSpace" ? .depthToSpace(block: block, isColumnMajor: mode == "CRD") : .spaceToDepth(block: block)
        )
    }

    // MARK: Reshape and its relatives

    mutating func lowerReshape(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let given = activation(node, 0) else { return false }
        guard let shape = draft.extents(given) else {
            guard let target = try openTarget(node) else { return false }
            return try unary(node, target)
        }
        guard let result = try reshaped(node, shape) else { return false }
        guard try Network.size(of: result, node: node.name) == Network.size(of: shape, node: node.name) else {
            throw .invalidNode(
                name: node.name,
                reason: "expected a shape of as many elements as \(NetworkError.text(shape)), found \(NetworkError.text(result))")
        }
        let isWhole = draft.isWhole(given)
        if result.first == 1, let input = isWhole ? draft.batched(given) : given {
            let sample = Array(result.dropFirst())
            if draft.shape(input) == sample { return try unaryView(node, .identity, input) }
            return try unaryView(node, sample.count == 1 ? .flatten(axis: 1) : .reshape(shape: [0] + sample), input)
        }
        let value = draft.whole(given)
        try emit(.reshape(shape: [0] + result), node, inputs: [value], isWhole: result.first != 1)
        if result.first == 1 {
            // The batch axis again apart.
            let last = draft.network.nodes.count - 1
            draft.network.nodes[last].layer = .reshape(shape: [0] + result.dropFirst())
            draft.network.values[draft.network.nodes[last].outputs[0]].shape = Array(result.dropFirst())
        }
        return true
    }

    private mutating func unaryView(_ node: ONNXNodeReader, _ layer: Layer, _ input: Network.ValueID) throws(NetworkError) -> Bool {
        try emit(layer, node, inputs: [input], isWhole: false)
        return true
    }

    /// The shape that a Reshape, Flatten, Squeeze or Unsqueeze makes for one sample; `nil` when only a run would tell.
    private func reshaped(_ node: ONNXNodeReader, _ shape: [Int]) throws(NetworkError) -> [Int]? {
        switch node.operation {
        case "Flatten":
            guard let axis = RowMajor.position(try node.integer("axis") ?? 1, rank: shape.count + 1) else { return nil }
            return [
                try Network.size(of: Array(shape[..<axis]), node: node.name), try Network.size(of: Array(shape[axis...]), node: node.name),
            ]
        case "Squeeze", "Unsqueeze":
            guard try !isOpen(node, 1) else { return nil }
            let axes = try node.axes(constant(node, 1))
            if node.operation == "Unsqueeze" { return axes.flatMap { ONNXFolding.unsqueezed(shape, $0) } }
            // Without axes the batch goes only where the model fixes it.
            return ONNXFolding.squeezed(shape, axes ?? shape.indices.filter { shape[$0] == 1 && ($0 > 0 || sizes.fixedBatch == 1) })
        default:
            let stated = try node.version >= 5 ? constant(node, 1)?.extents : node.integers("shape").map { $0.map(ONNXExtent.known) }
            guard var target = stated, try node.integer("allowzero") ?? 0 == 0 || !target.contains(.known(0)) else { return nil }
            // An extent of 0 is copied and one of -1 inferred; what the others ask for together must exist somewhere.
            _ = try Network.size(of: target.compactMap(\.known).filter { $0 != 0 && $0 != -1 }, node: node.name)
            if let first = target.first, let fixedBatch = sizes.fixedBatch, fixedBatch > 1, first == .known(fixedBatch) {
                target[0] = .known(1)
            }
            let open = target.indices.filter { target[$0] == .unknown }
            guard open.count + target.filter({ $0 == .known(-1) }).count <= 1 else { return nil }
            return ONNXFolding.resolve(target.map { $0.atOneSample ?? -1 }, from: shape)
        }
    }

    /// The layer of a reshape of a value of unknown shape: everything behind the batch as one axis.
    private func openTarget(_ node: ONNXNodeReader) throws(NetworkError) -> Layer? {
        switch node.operation {
        case "Flatten": return try node.integer("axis") ?? 1 == 1 ? .flatten(axis: 1) : nil
        case "Reshape":
            guard let target = try constant(node, 1)?.extents, target.count == 2, target[1] == .known(-1),
                target[0] == .batch || target[0] == .known(0)
            else { return nil }
            return .flatten(axis: 1)
        default: return nil
        }
    }
}
