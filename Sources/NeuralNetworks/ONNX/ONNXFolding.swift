// Operations on constants, and the shape arithmetic that exporters write into graphs: Shape, Gather, Concat, Reshape, ….
//
// Semantics: the operator definitions of ONNX (https://onnx.ai/onnx/operators). What an operation cannot do here, it leaves
// undone (`nil`); the node then becomes an unknown operation. Sizes are bounded by a budget, so that a small file cannot
// describe a large constant.

struct ONNXFolding {
    /// Elements that all results together may have.
    private(set) var budget: Int

    init(budget: Int) { self.budget = budget }

    /// The outputs of an operation whose inputs are all known; `nil` when it is not one of these or its inputs do not fit.
    mutating func fold(_ node: ONNXNodeReader, _ inputs: [ONNXConstant?]) throws(NetworkError) -> [ONNXConstant]? {
        guard let result = try outputs(node, inputs) else { return nil }
        return pays(for: result) ? result : nil
    }

    /// Whether constants may be made. Only a folded constant exists, so it is paid for after it is made; what could grow checked before.
    mutating func pays(for constants: [ONNXConstant]) -> Bool {
        for constant in constants { budget -= constant.elements.count }
        return budget >= 0
    }

    private func outputs(_ node: ONNXNodeReader, _ inputs: [ONNXConstant?]) throws(NetworkError) -> [ONNXConstant]? {
        if node.operation == "Split" {
            guard let input = inputs.first ?? nil else { return nil }
            return try split(node, input, inputs.count > 1 ? inputs[1] : nil)
        }
        guard var result = try output(node, inputs) else { return nil }
        if result.elementSources == nil { for case let input? in inputs { result.sources.formUnion(input.sources) } }
        if case .floats = result.elements, node.operation != "Cast", node.operation != "ConstantOfShape",
            let source = inputs.compactMap({ $0 }).first(where: \.dtype.isFloatingPoint)
        {
            result.dtype = source.dtype
        }
        return [result]
    }

    private func output(_ node: ONNXNodeReader, _ inputs: [ONNXConstant?]) throws(NetworkError) -> ONNXConstant? {
        func input(_ index: Int) -> ONNXConstant? { index < inputs.count ? inputs[index] : nil }
        guard let first = input(0) else { return nil }
        switch node.operation {
        case "Identity", "Dropout":
            return first
        case "Cast":
            return cast(first, to: try node.integer("to") ?? 1)
        case "Shape":
            let extents = first.shape.map(ONNXExtent.known)
            return .vector(Array(extents[try node.shapeRange(rank: extents.count)]))
        case "Size":
            return ONNXConstant(shape: [], elements: .integers([.known(first.elements.count)]))
        case "Reshape":
            let target = try node.version >= 5 ? input(1)?.integers : node.integers("shape")
            guard let target, try node.integer("allowzero") ?? 0 == 0 else { return nil }
            return Self.resolve(target, from: first.shape).map(first.reshaped)
        case "Flatten":
            guard let axis = RowMajor.position(try node.integer("axis") ?? 1, rank: first.shape.count + 1) else { return nil }
            return first.reshaped([first.shape[..<axis].reduce(1, *), first.shape[axis...].reduce(1, *)])
        case "Unsqueeze":
            guard let axes = try node.axes(input(1)) else { return nil }
            return Self.unsqueezed(first.shape, axes).map(first.reshaped)
        case "Squeeze":
            return Self.squeezed(first.shape, try node.axes(input(1))).map(first.reshaped)
        case "Transpose":
            let rank = first.shape.count
            let permutation = try node.integers("perm") ?? Array((0..<rank).reversed())
            guard permutation.sorted() == Array(0..<rank) else { return nil }
            let strides = RowMajor.strides(first.shape)
            let shape = permutation.map { first.shape[$0] }
            return first.taking(RowMajor.positions(shape: shape, strides: permutation.map { strides[$0] }), shape: shape)
        case "Concat":
            return concatenated(inputs, axis: try node.integer("axis") ?? 0)
        case "Gather":
            guard let indices = input(1) else { return nil }
            return gathered(first, indices, axis: try node.integer("axis") ?? 0)
        case "GatherElements", "GatherND":
            guard let indices = input(1), let places = try ONNXPicking(node, data: first.shape, indices: indices),
                places.positions.count <= budget
            else { return nil }
            return first.taking(places.positions, shape: places.shape)
        case "ScatterElements", "Scatter", "ScatterND":
            guard let indices = input(1), let updates = input(2),
                let places = try ONNXPicking(node, data: first.shape, indices: indices)
            else { return nil }
            return try scattered(node, first, places, updates)
        case "EyeLike":
            return try diagonal(node, first)
        case "OneHot":
            guard let depth = input(1)?.integers?.first, let values = input(2) else { return nil }
            return try oneHot(node, first, depth: depth, values)
        case "Slice":
            guard let slices = try node.slices(rank: first.shape.count, inputs: Array(inputs.dropFirst())) else { return nil }
            return sliced(first, slices)
        case "ConstantOfShape":
            guard let shape = first.integers else { return nil }
            let count = try Network.size(of: shape, node: node.name)
            guard count <= budget else { return nil }
            let value = try node.tensorAttribute("value")
            switch value?.elements {
            case .integers(let values):
                return ONNXConstant(shape: shape, elements: .integers(.init(repeating: values.first ?? .known(0), count: count)))
            case .floats(let values):
                return ONNXConstant(shape: shape, elements: .floats(.init(repeating: values.first ?? 0, count: count)))
            case .stored, nil: return ONNXConstant(shape: shape, elements: .floats(.init(repeating: 0, count: count)))
            }
        case "Expand":
            // Weights repeated for every sample, as a class token is, have a layer; indices are known for one sample, and so is what a
            // state of zeros is made of.
            if input(1)?.extents?.contains(.batch) == true, case .floats(let values) = first.elements,
                values.contains(where: { $0 != values[0] })
            {
                return nil
            }
            guard let target = input(1)?.integers else { return nil }
            _ = try Network.size(of: target.map { $0 == -1 ? 1 : $0 }, node: node.name)
            guard let shape = RowMajor.broadcast(first.shape, target) else { return nil }
            guard try Network.size(of: shape, node: node.name) <= budget else { return nil }
            return first.taking(RowMajor.positions(shape: shape, strides: RowMajor.broadcastStrides(first.shape, to: shape)), shape: shape)
        case "Range":
            if case .floats(let starts) = first.elements,
                starts.first.map({ $0 != $0.rounded() }) ?? true
                    || (input(1)?.floats?.first).map({ $0 != $0.rounded() }) ?? true
                    || (input(2)?.floats?.first).map({ $0 != $0.rounded() }) ?? true
            {
                guard let start = starts.first, let limit = input(1)?.floats?.first, let step = input(2)?.floats?.first, step != 0 else {
                    return nil
                }
                let count = ((limit - start) / step).rounded(.up)
                guard count.isFinite, count <= Float(budget) else { return nil }
                return ONNXConstant(
                    shape: [max(Int(count), 0)], elements: .floats((0..<max(Int(count), 0)).map { start + Float($0) * step }))
            }
            guard let start = input(0)?.integers?.first, let limit = input(1)?.integers?.first, let step = input(2)?.integers?.first,
                step != 0, step != .min, start.magnitude < 1 << 40, limit.magnitude < 1 << 40
            else { return nil }
            let distance = step > 0 ? limit - start : start - limit
            let count = distance > 0 ? (distance - 1) / abs(step) + 1 : 0
            guard count <= budget else { return nil }
            return .vector((0..<count).map { .known(start + $0 * step) })
        case "Add", "Sub", "Mul", "Div", "Equal", "Min", "Max", "Mod", "Pow", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And",
            "Or", "Xor":
            guard inputs.count == 2, let second = input(1) else { return nil }
            return combined(node.operation, first, second)
        case "Where":
            guard let yes = input(1), let no = input(2) else { return nil }
            return chosen(first, yes, no)
        case "Tile":
            guard let repeats = input(1)?.integers, repeats.count == first.shape.count, repeats.allSatisfy({ $0 >= 0 }) else { return nil }
            return try tiled(first, repeats, node)
        case "NonZero":
            guard let values = first.floats, let count = RowMajor.count(first.shape), count <= budget else { return nil }
            let places = values.indices.filter { values[$0] != 0 }
            let strides = RowMajor.strides(first.shape)
            let rows = first.shape.indices.flatMap { axis in
                places.map { ONNXExtent.known(max(strides[axis], 1) > 0 ? $0 / max(strides[axis], 1) % max(first.shape[axis], 1) : 0) }
            }
            return ONNXConstant(shape: [first.shape.count, places.count], elements: .integers(rows))
        case "Trilu":
            return try triangular(node, first, input(1))
        case "ReduceProd", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceMean", "ReduceL1", "ReduceL2", "ReduceSumSquare":
            return try reduced(node, first, input(1))
        case "QuantizeLinear":
            return try quantized(node, first, input(1), input(2))
        case "DequantizeLinear":
            return try dequantized(node, first, input(1), input(2))
        default:
            return try mapped(node, first)
        }
    }

    // MARK: Rearrangement

    /// The shape that a Reshape target means, 0 copying and -1 filling an axis.
    static func resolve(_ target: [Int], from shape: [Int]) -> [Int]? {
        var result = target
        for axis in result.indices where result[axis] == 0 {
            guard axis < shape.count else { return nil }
            result[axis] = shape[axis]
        }
        guard let count = RowMajor.count(shape) else { return nil }
        let free = result.indices.filter { result[$0] == -1 }
        guard free.count <= 1 else { return nil }
        if let axis = free.first {
            result[axis] = 1
            guard let rest = RowMajor.count(result), rest > 0, count % rest == 0 else { return nil }
            result[axis] = count / rest
        }
        return RowMajor.count(result) == count ? result : nil
    }

    static func unsqueezed(_ shape: [Int], _ axes: [Int]) -> [Int]? {
        guard axes.count <= 64 else { return nil }
        let rank = shape.count + axes.count
        let positions = axes.compactMap { RowMajor.position($0, rank: rank) }
        guard positions.count == axes.count, Set(positions).count == axes.count else { return nil }
        var rest = shape[...]
        return (0..<rank).map { positions.contains($0) ? 1 : rest.removeFirst() }
    }

    /// Without axes every extent of 1 goes.
    static func squeezed(_ shape: [Int], _ axes: [Int]?) -> [Int]? {
        guard let axes else { return shape.filter { $0 != 1 } }
        let positions = axes.compactMap { RowMajor.position($0, rank: shape.count) }
        guard positions.count == axes.count, positions.allSatisfy({ shape[$0] == 1 }) else { return nil }
        return shape.indices.filter { !positions.contains($0) }.map { shape[$0] }
    }

    private func concatenated(_ inputs: [ONNXConstant?], axis: Int) -> ONNXConstant? {
        let parts = inputs.compactMap { $0 }
        guard parts.count == inputs.count, let first = parts.first, let axis = RowMajor.position(axis, rank: first.shape.count),
            parts.allSatisfy({ part in
                part.shape.count == first.shape.count && part.shape.indices.allSatisfy { $0 == axis || part.shape[$0] == first.shape[$0] }
            }),
            parts.reduce(0, { $0 + $1.elements.count }) <= budget
        else { return nil }
        var shape = first.shape
        shape[axis] = parts.reduce(0) { $0 + $1.shape[axis] }
        let rows = first.shape[..<axis].reduce(1, *)
        func join<Element>(_ arrays: [[Element]]) -> [Element] {
            var result: [Element] = []
            for row in 0..<rows {
                for array in arrays {
                    let run = array.count / rows
                    result += array[row * run..<(row + 1) * run]
                }
            }
            return result
        }
        if rows == 0 { return nil }
        let extents = parts.compactMap { part -> [ONNXExtent]? in if case .integers(let values) = part.elements { values } else { nil } }
        if extents.count == parts.count {
            // What came of arithmetic follows in every element from all that went into it.
            let sources = parts.map { $0.elementSources ?? [Set<ONNXAxis>](repeating: $0.sources, count: $0.elements.count) }
            return ONNXConstant(
                shape: shape, elements: .integers(join(extents)),
                elementSources: parts.contains(where: { !$0.isLiteral }) ? join(sources) : nil)
        }
        let floats = parts.compactMap(\.floats)
        return floats.count == parts.count ? ONNXConstant(shape: shape, elements: .floats(join(floats))) : nil
    }

    private func gathered(_ data: ONNXConstant, _ indices: ONNXConstant, axis: Int) -> ONNXConstant? {
        guard let axis = RowMajor.position(axis, rank: data.shape.count), let wanted = indices.integers else { return nil }
        let extent = data.shape[axis]
        let rows = wanted.compactMap { RowMajor.position($0, rank: extent) }
        guard rows.count == wanted.count else { return nil }
        let outer = data.shape[..<axis].reduce(1, *), inner = data.shape[(axis + 1)...].reduce(1, *)
        let shape = Array(data.shape[..<axis]) + indices.shape + Array(data.shape[(axis + 1)...])
        guard let count = RowMajor.count(shape), count <= budget else { return nil }
        var positions: [Int] = []
        positions.reserveCapacity(count)
        for block in 0..<outer {
            for row in rows { positions += (block * extent + row) * inner..<(block * extent + row + 1) * inner }
        }
        return data.taking(positions, shape: shape)
    }

    private func sliced(_ data: ONNXConstant, _ slices: [SliceRange]) -> ONNXConstant? {
        var shape: [Int] = [], strides: [Int] = [], start = 0
        for (axis, stride) in RowMajor.strides(data.shape).enumerated() {
            guard slices[axis].step != 0 else { return nil }
            let (first, count) = slices[axis].resolved(extent: data.shape[axis])
            shape.append(count)
            // A step beyond the axis takes one element, whatever its size.
            strides.append(count > 1 ? stride * slices[axis].step : 0)
            start += count > 0 ? first * stride : 0
        }
        return data.taking(RowMajor.positions(shape: shape, strides: strides, start: start), shape: shape)
    }

    private func split(_ node: ONNXNodeReader, _ data: ONNXConstant, _ sizes: ONNXConstant?) throws(NetworkError) -> [ONNXConstant]? {
        guard let axis = RowMajor.position(try node.integer("axis") ?? 0, rank: data.shape.count),
            let sizes = try node.splitSizes(sizes, extent: data.shape[axis])
        else { return nil }
        var result: [ONNXConstant] = []
        var start = 0
        for size in sizes {
            var slices = [SliceRange](repeating: SliceRange(), count: data.shape.count)
            slices[axis] = SliceRange(start: start, end: start + size)
            guard let part = sliced(data, slices) else { return nil }
            result.append(part)
            start += size
        }
        return result
    }
}
