// Products of matrices: with a trained one, a linear layer; of two activations, a matrix product; Einsum as a chain of these.

import TensorFiles

extension ONNXImporter {
    mutating func lowerGemm(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let given = activation(node, 0) else { return false }
        let alpha = try node.float("alpha") ?? 1, beta = try node.float("beta") ?? 1
        let turnsLeft = try node.integer("transA") ?? 0 != 0, turnsRight = try node.integer("transB") ?? 0 != 0
        guard let shape = weightShape(node, 1), shape.count == 2, !turnsLeft, draft.extents(given).map({ $0.count == 2 }) ?? true else {
            return try lowerGeneralGemm(node, alpha: alpha, beta: beta, turnsLeft: turnsLeft, turnsRight: turnsRight)
        }
        let width = shape[turnsRight ? 0 : 1]
        // The scale of a parameter must be undone when it is written.
        guard alpha != 0, beta != 0, alpha.isFinite, beta.isFinite else { return false }
        var bias: String?
        var sum: ONNXConstant?
        if node.input(2) != nil {
            guard let constant = try constant(node, 2), constant.isKnown else {
                return try lowerGeneralGemm(node, alpha: alpha, beta: beta, turnsLeft: turnsLeft, turnsRight: turnsRight)
            }
            if constant.shape.last == width, constant.shape.dropLast().allSatisfy({ $0 == 1 }) {
                bias = try parameter(node, 2, of: node.input(1), shape: [width], transform: beta == 1 ? .same : .scaled(beta))
            } else {
                sum = constant
            }
        }
        let weight = try parameter(node, 1, transform: alpha == 1 ? .same : .scaled(alpha))
        let layer = Layer.linear(.init(weight: weight, bias: bias, isTransposed: !turnsRight))
        guard sum != nil else {
            try emit(layer, node, inputs: [given], weight: node.input(1))
            return true
        }
        let product = try emit(layer, node, inputs: [given], weight: node.input(1), outputs: [""])
        let constant = try constantValue(node, 2, transform: beta == 1 ? .same : .scaled(beta))
        try emit(
            .add, node,
            inputs: [
                draft.isWhole(product) || sum?.shape.first == 1 || (sum?.shape.count ?? 0) < 2 ? product : draft.whole(product), constant,
            ])
        return true
    }

    /// A·B + C with any of them computed.
    private mutating func lowerGeneralGemm(
        _ node: ONNXNodeReader, alpha: Float, beta: Float, turnsLeft: Bool, turnsRight: Bool
    ) throws(NetworkError) -> Bool {
        guard alpha == 1, beta == 1, let a = try matrix(node, 0), let b = try matrix(node, 1) else { return false }
        var operands: [Network.ValueID] = []
        for (value, turns) in [(a, turnsLeft), (b, turnsRight)] {
            guard turns else {
                operands.append(value)
                continue
            }
            guard !draft.isConstant(value) else { return false }
            operands.append(try emit(.transpose(permutation: [0, 2, 1]), node, inputs: [value], outputs: [""], isWhole: true))
        }
        let hasSum = node.input(2) != nil
        let product = try emit(.matrixProduct, node, inputs: operands, outputs: hasSum ? [""] : nil, isWhole: true)
        guard hasSum else {
            if let name = node.wire.output.first, let value = facts.activation(name) { setResult(node, value) }
            return true
        }
        let other: Network.ValueID
        if let value = activation(node, 2) {
            other = draft.whole(value)
        } else {
            guard try constant(node, 2)?.isKnown ?? false else { return false }
            other = try constantValue(node, 2)
        }
        try emit(.add, node, inputs: [product, other], isWhole: true)
        return true
    }

    /// An operand of two axes, all of them counted.
    private mutating func matrix(_ node: ONNXNodeReader, _ slot: Int) throws(NetworkError) -> Network.ValueID? {
        if let value = activation(node, slot) { return draft.extents(value)?.count == 2 ? draft.whole(value) : nil }
        guard let constant = try constant(node, slot), constant.isKnown, constant.shape.count == 2 else { return nil }
        return try constantValue(node, slot)
    }

    mutating func lowerMatMul(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        if let input = activation(node, 0), let shape = weightShape(node, 1), shape.count == 2 {
            let weight = try parameter(node, 1)
            try emit(.linear(.init(weight: weight, bias: nil, isTransposed: true)), node, inputs: [input], weight: node.input(1))
            return true
        }
        return try lowerProduct(node)
    }

    private mutating func lowerProduct(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard try canBeOperands(node, 0..<2) else { return false }
        var shapes: [[Int]] = []
        for slot in 0..<2 {
            let known: [Int]?
            if let value = activation(node, slot) { known = draft.extents(value) } else { known = try constant(node, slot)?.shape }
            guard let shape = known, shape.count >= 1 else { return false }
            shapes.append(shape)
        }
        // Vectors are rows on the left and columns on the right, and the axis added goes again.
        let isVector = shapes.map { $0.count == 1 }
        let padded = [isVector[0] ? [1] + shapes[0] : shapes[0], isVector[1] ? shapes[1] + [1] : shapes[1]]
        let rank = max(padded[0].count, padded[1].count)
        var keepsBatch = rank > 2
        for slot in 0..<2 where padded[slot].count == rank && padded[slot][0] != 1 { keepsBatch = false }
        var values: [Network.ValueID] = []
        for slot in 0..<2 {
            if let value = activation(node, slot) {
                let full = draft.view(value, as: padded[slot], isWhole: true)
                values.append(keepsBatch && padded[slot].count == rank ? draft.batched(full) ?? full : full)
            } else {
                guard !isVector[slot] else { return false }
                values.append(try constantValue(node, slot))
            }
        }
        let needsView = isVector.contains(true)
        let result = try emit(.matrixProduct, node, inputs: values, outputs: needsView ? [""] : nil, isWhole: !keepsBatch)
        if needsView, var shape = draft.extents(result) {
            if isVector[1] { shape.removeLast() }
            if isVector[0] { shape.remove(at: shape.count - (isVector[1] ? 1 : 2)) }
            setResult(node, draft.view(result, as: shape, isWhole: true))
        } else if !needsView {
            setResult(node, result)
        }
        return true
    }

    /// onnxruntime's product with a factor and transposed operands.
    mutating func lowerFusedMatMul(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard try node.integer("transA") ?? 0 == 0, try node.integer("transBatchA") ?? 0 == 0, try node.integer("transBatchB") ?? 0 == 0,
            let a = activation(node, 0), let b = activation(node, 1), let left = draft.extents(a), let right = draft.extents(b),
            left.count == right.count,
            left.count >= 2
        else { return false }
        let alpha = try node.float("alpha") ?? 1
        var other = draft.whole(b)
        if try node.integer("transB") ?? 0 != 0 {
            var permutation = Array(0...right.count)
            permutation.swapAt(right.count - 1, right.count)
            other = try emit(.transpose(permutation: permutation), node, inputs: [other], outputs: [""], isWhole: true)
        }
        let product = try emit(.matrixProduct, node, inputs: [draft.whole(a), other], outputs: alpha == 1 ? nil : [""], isWhole: true)
        guard alpha != 1 else {
            setResult(node, product)
            return true
        }
        let factor = draft.addParameter(near: node.name + " alpha", Parameter(shape: [], values: [alpha]))
        let scaled = try emit(.multiply, node, inputs: [product, constantValue(parameter: factor)], isWhole: true)
        setResult(node, scaled)
        return true
    }

    // MARK: Einsum

    /// Two operands: axes in both and in the result come first, what is summed over last on the left; then one matrix product.
    /// One operand: sums and a transposition.
    mutating func lowerEinsum(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let equation = try node.string("equation")?.replacing(" ", with: ""), !equation.contains("."),
            node.wire.input.count <= 2, try canBeOperands(node, node.wire.input.indices)
        else { return false }
        let sides = equation.split(separator: "->", omittingEmptySubsequences: false)
        let terms = sides[0].split(separator: ",").map(Array.init)
        guard terms.count == node.wire.input.count, terms.allSatisfy({ Set($0).count == $0.count }) else { return false }
        let counts = terms.joined().reduce(into: [Character: Int]()) { $0[$1, default: 0] += 1 }
        let output = sides.count == 2 ? Array(sides[1]) : counts.filter { $0.value == 1 }.keys.sorted()
        var values: [Network.ValueID?] = [], extents: [Character: Int] = [:]
        for slot in node.wire.input.indices {
            let value = activation(node, slot).map { draft.whole($0) }
            let known: [Int]?
            if let value { known = draft.shape(value) } else { known = try constant(node, slot)?.shape }
            guard let shape = known, shape.count == terms[slot].count else { return false }
            for (label, extent) in zip(terms[slot], shape) {
                if let known = extents[label], known != extent { return false }
                extents[label] = extent
            }
            values.append(value)
        }
        guard output.allSatisfy({ extents[$0] != nil }), Set(output).count == output.count else { return false }
        if let fixed = values.firstIndex(of: nil) {
            return try lowerEinsum(node, with: fixed, values[1 - fixed], labels: terms, output, extents)
        }
        return try lowerEinsum(node, values.compactMap(\.self), labels: terms, output, extents)
    }

    /// One of two operands is a constant: a linear layer where it is a matrix, else a product with the constant as it is.
    private mutating func lowerEinsum(
        _ node: ONNXNodeReader, with fixed: Int, _ value: Network.ValueID?, labels: [[Character]], _ output: [Character],
        _ extents: [Character: Int]
    ) throws(NetworkError) -> Bool {
        guard let value, labels.count == 2, try constant(node, fixed)?.isKnown ?? false else { return false }
        let (own, weight) = (labels[1 - fixed], labels[fixed])
        let sums = weight.filter { own.contains($0) && !output.contains($0) }, rows = weight.filter { !own.contains($0) }
        let shared = weight.filter { own.contains($0) && output.contains($0) }
        let kept = own.filter { !sums.contains($0) }
        // What only one operand has and the result has not would have to be summed over first.
        guard rows.allSatisfy(output.contains), kept.allSatisfy(output.contains), !sums.isEmpty else { return false }
        func shape(_ labels: [Character]) -> [Int] { labels.map { extents[$0] ?? 1 } }
        guard shared.isEmpty, sums.count == 1, rows.count == 1, output == kept + rows else {
            guard let numbers = try self.numbers(node, fixed) else { return false }
            let order = shared + sums + rows
            let strides = RowMajor.strides(shape(weight))
            let positions = RowMajor.positions(shape: shape(order), strides: order.map { strides[weight.firstIndex(of: $0) ?? 0] })
            let matrix = shape(shared) + [shape(sums).reduce(1, *), shape(rows).reduce(1, *)]
            let name = draft.addParameter(near: node.name + " operand", Parameter(shape: matrix, values: positions.map { numbers[$0] }))
            let left = kept.filter { !shared.contains($0) }
            let a = try ordered(value, own, shared + left + sums, node)
            let product = try emit(
                .matrixProduct, node,
                inputs: [
                    draft.view(a, as: shape(shared) + [shape(left).reduce(1, *), shape(sums).reduce(1, *)], isWhole: true),
                    constantValue(parameter: name),
                ], outputs: [""], isWhole: true)
            let made = draft.view(product, as: shape(shared + left + rows), isWhole: true)
            let result = try ordered(made, shared + left + rows, output, node)
            draft.forgetOrigin()
            setResult(node, result)
            return true
        }
        let input = try ordered(value, own, kept + sums, node)
        let result = try emit(
            .linear(.init(weight: try parameter(node, fixed), bias: nil, isTransposed: weight == sums + rows)), node,
            inputs: [draft.batched(input) ?? input], weight: node.input(fixed))
        setResult(node, result)
        return true
    }

    private mutating func lowerEinsum(
        _ node: ONNXNodeReader, _ operands: [Network.ValueID], labels terms: [[Character]], _ output: [Character],
        _ extents: [Character: Int]
    ) throws(NetworkError) -> Bool {
        var values = operands
        let counts = terms.joined().reduce(into: [Character: Int]()) { $0[$1, default: 0] += 1 }
        func size(_ labels: [Character]) -> Int { labels.reduce(1) { $0 * (extents[$1] ?? 1) } }

        // Labels of one operand that are nowhere else are summed over at once.
        var labels = terms
        for slot in values.indices {
            let lone = labels[slot].filter { counts[$0] == 1 && !output.contains($0) }
            guard !lone.isEmpty else { continue }
            let axes = labels[slot].indices.filter { lone.contains(labels[slot][$0]) }.map { $0 + 1 }
            values[slot] = try emit(
                .reduction(Reduction(kind: .sum, axes: axes, keepsAxes: false)), node, inputs: [values[slot]], outputs: [""], isWhole: true)
            labels[slot].removeAll(where: lone.contains)
        }
        var result = values[0], order = labels[0]
        if values.count == 2 {
            let common = labels[0].filter(labels[1].contains)
            let batch = common.filter(output.contains), sums = common.filter { !output.contains($0) }
            let left = labels[0].filter { !common.contains($0) }, right = labels[1].filter { !common.contains($0) }
            let a = try ordered(values[0], labels[0], batch + left + sums, node)
            let b = try ordered(values[1], labels[1], batch + sums + right, node)
            let shape = batch.map { extents[$0] ?? 1 }
            let product = try emit(
                .matrixProduct, node,
                inputs: [
                    draft.view(a, as: shape + [size(left), size(sums)], isWhole: true),
                    draft.view(b, as: shape + [size(sums), size(right)], isWhole: true),
                ], outputs: [""], isWhole: true)
            order = batch + left + right
            result = draft.view(product, as: order.map { extents[$0] ?? 1 }, isWhole: true)
        }
        result = try ordered(result, order, output, node)
        draft.forgetOrigin()
        setResult(node, result)
        return true
    }

    private mutating func ordered(
        _ value: Network.ValueID, _ labels: [Character], _ target: [Character], _ node: ONNXNodeReader
    ) throws(NetworkError) -> Network.ValueID {
        guard labels != target else { return value }
        let permutation = target.map { label in (labels.firstIndex(of: label) ?? 0) + 1 }
        let turned = try emit(.transpose(permutation: [0] + permutation), node, inputs: [draft.whole(value)], outputs: [""], isWhole: true)
        draft.forgetOrigin()
        return turned
    }
}
