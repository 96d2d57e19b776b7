// Arithmetic on constants: numbers, comparisons, reductions, and what quantized tensors stand for.

extension ONNXFolding {
    func cast(_ data: ONNXConstant, to type: Int) -> ONNXConstant? {
        var result = data
        switch type {
        case 1, 10, 11, 16:
            // Unknown extents have no value as a number; keep them as extents.
            guard let floats = data.floats else { return data }
            result.elements = .floats(floats)
            result.dtype = type == 10 ? .f16 : type == 11 ? .f64 : type == 16 ? .bf16 : .f32
        case 2...7, 12, 13:
            guard case .floats(let values) = data.elements else { return data }
            // The standard leaves open what is beyond the integers: models compute log 0 and choose something else in its place. Half
            // of the least and the largest leave room for a sum.
            result.elements = .integers(
                values.map { value in
                    .known(Int(exactly: value.rounded(.towardZero)) ?? (value > 0 ? Int.max / 2 : Int.min / 2))
                })
            result.dtype = .i64
        case 9:
            guard let integers = data.integers else { return nil }
            result.elements = .integers(integers.map { .known($0 == 0 ? 0 : 1) })
            result.dtype = .bool
        default:
            return nil
        }
        return result
    }

    func combined(_ operation: String, _ a: ONNXConstant, _ b: ONNXConstant) -> ONNXConstant? {
        guard let shape = RowMajor.broadcast(a.shape, b.shape), let count = RowMajor.count(shape), count <= budget else { return nil }
        let left = RowMajor.positions(shape: shape, strides: RowMajor.broadcastStrides(a.shape, to: shape))
        let right = RowMajor.positions(shape: shape, strides: RowMajor.broadcastStrides(b.shape, to: shape))
        if case .integers(let x) = a.elements, case .integers(let y) = b.elements {
            return ONNXConstant(
                shape: shape, elements: .integers(zip(left, right).map { Self.arithmetic(operation, x[$0], y[$1]) }))
        }
        guard let x = a.floats, let y = b.floats else { return nil }
        let comparison: ((Float, Float) -> Bool)? =
            switch operation {
            case "Equal": { $0 == $1 }
            case "Less": { $0 < $1 }
            case "LessOrEqual": { $0 <= $1 }
            case "Greater": { $0 > $1 }
            case "GreaterOrEqual": { $0 >= $1 }
            default: nil
            }
        if let comparison {
            return ONNXConstant(shape: shape, elements: .integers(zip(left, right).map { .known(comparison(x[$0], y[$1]) ? 1 : 0) }))
        }
        guard let function = Self.function(operation) else { return nil }
        return ONNXConstant(shape: shape, elements: .floats(zip(left, right).map { function(x[$0], y[$1]) }))
    }

    static func function(_ operation: String) -> ((Float, Float) -> Float)? {
        switch operation {
        case "Add": { $0 + $1 }
        case "Sub": { $0 - $1 }
        case "Mul": { $0 * $1 }
        case "Div": { $0 / $1 }
        case "Min": { min($0, $1) }
        case "Max": { max($0, $1) }
        case "Pow": { Float(ScalarFunction.power(exponent: $1).value(Double($0))) }
        case "Mod": { $0 - $1 * ($0 / $1).rounded(.down) }
        default: nil
        }
    }

    /// Integer arithmetic that keeps what it can of open extents; overflow and division by zero are unknown.
    static func arithmetic(_ operation: String, _ a: ONNXExtent, _ b: ONNXExtent) -> ONNXExtent {
        guard let x = a.known, let y = b.known else {
            switch (operation, a, b) {
            case ("Mul", .batch, .known(1)), ("Mul", .known(1), .batch), ("Div", .batch, .known(1)): return .batch
            case ("Add", .batch, .known(0)), ("Add", .known(0), .batch), ("Sub", .batch, .known(0)): return .batch
            // The batch size is positive, so it never equals the markers -1 and 0.
            case ("Equal", .batch, .known(...0)), ("Equal", .known(...0), .batch): return .known(0)
            case ("Equal", _, _): return .unknown
            default:
                // The number for one sample, by which networks are evaluated; the file keeps its own arithmetic.
                guard let x = a.atOneSample, let y = b.atOneSample else { return .unknown }
                return arithmetic(operation, .known(x), .known(y))
            }
        }
        func checked(_ result: (partialValue: Int, overflow: Bool)) -> ONNXExtent {
            result.overflow ? .unknown : .known(result.partialValue)
        }
        switch operation {
        case "Add": return checked(x.addingReportingOverflow(y))
        case "Sub": return checked(x.subtractingReportingOverflow(y))
        case "Mul": return checked(x.multipliedReportingOverflow(by: y))
        case "Div": return y == 0 ? .unknown : checked(x.dividedReportingOverflow(by: y))
        case "Mod": return y == 0 || y == -1 ? .unknown : .known(x % y)
        case "Min": return .known(min(x, y))
        case "Max": return .known(max(x, y))
        case "Equal": return .known(x == y ? 1 : 0)
        case "Less": return .known(x < y ? 1 : 0)
        case "LessOrEqual": return .known(x <= y ? 1 : 0)
        case "Greater": return .known(x > y ? 1 : 0)
        case "GreaterOrEqual": return .known(x >= y ? 1 : 0)
        case "And": return .known(x != 0 && y != 0 ? 1 : 0)
        case "Or": return .known(x != 0 || y != 0 ? 1 : 0)
        case "Xor": return .known((x != 0) != (y != 0) ? 1 : 0)
        case "Pow":
            guard y >= 0, y <= 62 else { return .unknown }
            return (0..<y).reduce(.known(1)) { product, _ in arithmetic("Mul", product, .known(x)) }
        default: return .unknown
        }
    }

    func chosen(_ condition: ONNXConstant, _ yes: ONNXConstant, _ no: ONNXConstant) -> ONNXConstant? {
        guard let flags = condition.integers, let inner = RowMajor.broadcast(yes.shape, no.shape),
            let shape = RowMajor.broadcast(condition.shape, inner),
            let count = RowMajor.count(shape), count <= budget
        else { return nil }
        func positions(_ source: [Int]) -> [Int] { RowMajor.positions(shape: shape, strides: RowMajor.broadcastStrides(source, to: shape)) }
        let (a, b, c) = (positions(condition.shape), positions(yes.shape), positions(no.shape))
        guard case .integers(let x) = yes.elements, case .integers(let y) = no.elements else {
            guard let x = yes.floats, let y = no.floats else { return nil }
            return ONNXConstant(shape: shape, elements: .floats(a.indices.map { flags[a[$0]] != 0 ? x[b[$0]] : y[c[$0]] }))
        }
        return ONNXConstant(
            shape: shape, elements: .integers(a.indices.map { flags[a[$0]] != 0 ? x[b[$0]] : y[c[$0]] }))
    }

    func mapped(_ node: ONNXNodeReader, _ data: ONNXConstant) throws(NetworkError) -> ONNXConstant? {
        guard node.wire.input.count == 1, let function = try node.scalarFunction() else { return nil }
        var result = data
        result.elementSources = nil
        if case .integers(let values) = data.elements {
            switch node.operation {
            case "Neg": result.elements = .integers(values.map { Self.arithmetic("Sub", .known(0), $0) })
            case "Abs":
                result.elements = .integers(
                    values.map { $0 == .batch ? .batch : $0.known.map { $0 == .min ? .unknown : .known(abs($0)) } ?? .unknown })
            case "Not": result.elements = .integers(values.map { $0.known.map { .known($0 == 0 ? 1 : 0) } ?? .unknown })
            case "Floor", "Ceil", "Round": break
            default: return nil
            }
            return result
        }
        guard let values = data.floats else { return nil }
        result.elements = .floats(values.map { function($0) })
        return result
    }

    func tiled(_ data: ONNXConstant, _ repeats: [Int], _ node: ONNXNodeReader) throws(NetworkError) -> ONNXConstant? {
        var shape: [Int] = []
        for (extent, times) in zip(data.shape, repeats) {
            let (product, overflow) = extent.multipliedReportingOverflow(by: times)
            guard !overflow else { return nil }
            shape.append(product)
        }
        guard try Network.size(of: shape, node: node.name) <= budget else { return nil }
        // Read as (repeats, extent, …) with stride 0 along the repeats.
        let strides = RowMajor.strides(data.shape)
        return data.taking(
            RowMajor.positions(shape: zip(repeats, data.shape).flatMap { [$0, $1] }, strides: strides.flatMap { [0, $0] }), shape: shape)
    }

    /// The upper or lower triangle of matrices, 0 elsewhere.
    func triangular(_ node: ONNXNodeReader, _ data: ONNXConstant, _ shift: ONNXConstant?) throws(NetworkError) -> ONNXConstant? {
        guard data.shape.count >= 2, let values = data.floats else { return nil }
        let (rows, columns) = (data.shape[data.shape.count - 2], data.shape[data.shape.count - 1])
        let isUpper = try node.integer("upper") ?? 1 != 0, k = shift?.integers?.first ?? 0
        guard k.magnitude < 1 << 40 else { return nil }
        var result = data
        let kept = values.indices.map { index in
            let (row, column) = (index / columns % rows, index % columns)
            return isUpper ? column >= row + k : column <= row + k
        }
        if case .integers(let values) = data.elements {
            result.elements = .integers(values.indices.map { kept[$0] ? values[$0] : .known(0) })
        } else {
            result.elements = .floats(values.indices.map { kept[$0] ? values[$0] : 0 })
        }
        return result
    }

    func reduced(_ node: ONNXNodeReader, _ data: ONNXConstant, _ given: ONNXConstant?) throws(NetworkError) -> ONNXConstant? {
        guard let kind = Reduction.Kind(rawValue: node.operation), let values = data.floats else { return nil }
        let stated = try node.axes(given)
        if stated?.isEmpty ?? true, try node.integer("noop_with_empty_axes") ?? 0 != 0 { return data }
        let axes =
            (stated?.isEmpty ?? true)
            ? Array(data.shape.indices) : (stated ?? []).compactMap { RowMajor.position($0, rank: data.shape.count) }
        guard stated == nil || stated?.isEmpty == true || axes.count == stated?.count else { return nil }
        let keeps = try node.integer("keepdims") ?? 1 == 1
        let shape =
            keeps
            ? data.shape.indices.map { axes.contains($0) ? 1 : data.shape[$0] }
            : data.shape.indices.filter { !axes.contains($0) }.map { data.shape[$0] }
        if node.operation == "ReduceProd", let extents = data.extents, axes.count == data.shape.count {
            return ONNXConstant(shape: shape, elements: .integers([extents.reduce(.known(1)) { Self.arithmetic("Mul", $0, $1) }]))
        }
        guard let count = RowMajor.count(shape) else { return nil }
        let kernel = ReductionKernel(kind: kind, shape: data.shape, axes: Set(axes))
        var result = [Float](repeating: 0, count: count)
        values.withUnsafeBufferPointer { x in
            result.withUnsafeMutableBufferPointer { y in
                guard let x = x.baseAddress, let y = y.baseAddress else { return }
                kernel.run(count: 1, inputs: [x], outputs: [y], workspace: y)
            }
        }
        if case .integers = data.elements {
            let integers = result.map { Int(exactly: $0.rounded()) }
            guard integers.allSatisfy({ $0 != nil }) else { return nil }
            return ONNXConstant(shape: shape, elements: .integers(integers.map { .known($0 ?? 0) }), dtype: data.dtype)
        }
        return ONNXConstant(shape: shape, elements: .floats(result), dtype: data.dtype)
    }

    /// x/scale + zero, rounded to even and kept within the integers; one scale in all or one per position of an axis.
    func quantized(
        _ node: ONNXNodeReader, _ data: ONNXConstant, _ scale: ONNXConstant?, _ zero: ONNXConstant?
    ) throws(NetworkError) -> ONNXConstant? {
        guard let scale, let scales = scale.floats, case .floats(let values) = data.elements,
            let place = try gridPlace(node, data.shape, scale), let type = try node.gridType(zero: zero), let range = type.gridRange
        else { return nil }
        let zeros = zero?.floats ?? [Float](repeating: 0, count: scales.count)
        guard zeros.count == scales.count, values.allSatisfy(\.isFinite), scales.allSatisfy({ $0 > 0 && $0.isFinite }) else { return nil }
        let integers = values.indices.map { index in
            let grid = place(index)
            let number = (values[index] / scales[grid]).rounded(.toNearestOrEven) + zeros[grid]
            return Int(min(max(number, range.lowerBound), range.upperBound))
        }
        return ONNXConstant(shape: data.shape, elements: .integers(integers.map(ONNXExtent.known)), dtype: type)
    }

    /// Which of the scales an element has; `nil` where they do not lie along an axis.
    private func gridPlace(_ node: ONNXNodeReader, _ shape: [Int], _ scale: ONNXConstant) throws(NetworkError) -> ((Int) -> Int)? {
        let count = scale.elements.count
        if count == 1 { return { _ in 0 } }
        // Scales of blocks have as many axes as what they scale.
        guard scale.shape.count == 1, let axis = RowMajor.position(try node.integer("axis") ?? 1, rank: shape.count), shape[axis] == count
        else { return nil }
        let inner = shape[(axis + 1)...].reduce(1, *)
        return { $0 / inner % count }
    }

    /// (q − zero)·scale, one scale in all or one per position of an axis.
    func dequantized(
        _ node: ONNXNodeReader, _ data: ONNXConstant, _ scale: ONNXConstant?, _ zero: ONNXConstant?
    ) throws(NetworkError) -> ONNXConstant? {
        guard let scale, let scales = scale.floats, let values = data.floats, let place = try gridPlace(node, data.shape, scale)
        else { return nil }
        let zeros = zero?.floats ?? [Float](repeating: 0, count: scales.count)
        guard zeros.count == scales.count else { return nil }
        let result = values.indices.map { (values[$0] - zeros[place($0)]) * scales[place($0)] }
        return ONNXConstant(shape: data.shape, elements: .floats(result), dtype: .f32)
    }
}
