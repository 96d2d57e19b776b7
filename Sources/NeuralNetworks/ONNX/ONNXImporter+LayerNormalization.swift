// Layer normalization as exporters spell it out (Ba, Kiros, Hinton, arXiv 1607.06450), found once the graph is imported.
//
//   m    mean of x over its last axis      ReduceMean, or ReduceSum times one over the count
//   v    variance                          the mean of (x − m)², or that of x² less m², perhaps no less than 0
//   r    1/√(v + ε)                        a division by the root, or a product with its reciprocal, perhaps times the scale
//   y    (x − m)·r·scale + shift           or x·(r·scale) + (shift − m·(r·scale))
//
// Statistics may lose their axis and get it back wherever the exporter saw fit. A pattern is taken only if nothing outside of it reads
// what is inside.

import TensorFiles

extension ONNXImporter {
    /// A statistic of a value, and the nodes that make it.
    private struct Statistic {
        var input: String
        var nodes: Set<Int>
    }

    /// The last nodes of a pattern: what computes y, and its vectors.
    private struct Normalized {
        var nodes: Set<Int>
        var last: Int
        var scale: (node: Int, slot: Int)?
        var shift: (node: Int, slot: Int)?
    }

    /// - Parameters:
    ///   - root: a Sqrt.
    ///   - last: the node that has just been visited.
    mutating func fuseLayerNormalization(_ root: Int, last: Int) throws(NetworkError) {
        guard let (statistic, epsilon) = try dampedVariance(graph.inputs(root).first),
            let input = facts.activation(statistic.input), let shape = draft.shape(input), let width = shape.last, width > 0,
            let normalized = try normalized(root, of: statistic.input, width: width), normalized.last == last
        else { return }
        let nodes = statistic.nodes.union(normalized.nodes).union([root]).subtracting([last])
        // What has one number for every row can do without its axis; anything else of another size is not understood.
        let rows = shape.dropLast().reduce(1, *)
        for node in nodes {
            guard let made = graph.outputs(node).first.flatMap({ facts.activation($0) }).flatMap({ draft.shape($0) }),
                made == shape || made.reduce(1, *) == rows
            else { return }
        }
        guard graph.isClosed(nodes.sorted() + [last]) else { return }
        func vector(_ place: (node: Int, slot: Int)?) throws(NetworkError) -> String? {
            try place.map { (place) throws(NetworkError) in try parameter(graph.reader(place.node), place.slot, shape: [width]) }
        }
        let scale = try vector(normalized.scale), shift = try vector(normalized.shift)
        try replace(
            nodes.sorted() + [last], with: .normalization(.init(kind: .layer, axis: -1, scale: scale, shift: shift, epsilon: epsilon)),
            inputs: [statistic.input])
    }

    // MARK: Statistics

    private static let views: Set<String> = ["Reshape", "Squeeze", "Unsqueeze", "Expand", "Identity"]

    /// A value before nodes that only take away or give back axes.
    private func behindViews(_ name: String?) -> (name: String, nodes: Set<Int>)? {
        guard var name else { return nil }
        var nodes: Set<Int> = []
        while let maker = graph.maker(name), ONNXImporter.views.contains(graph.operation(maker)), let input = graph.inputs(maker).first,
            nodes.insert(maker).inserted
        {
            name = input
        }
        return (name, nodes)
    }

    /// Whether a node reduces the last axis and no other.
    private func reducesLastAxis(_ index: Int, _ operation: String) throws(NetworkError) -> Bool {
        let node = graph.reader(index)
        guard node.operation == operation, let axes = try node.axes(constant(node, 1)), axes.count == 1 else { return false }
        return axes[0] == -1 || activation(node, 0).flatMap { draft.shape($0) }.map { axes[0] == $0.count } ?? false
    }

    /// The mean over the last axis.
    private func mean(_ name: String?) throws(NetworkError) -> Statistic? {
        guard let (name, nodes) = behindViews(name), let maker = graph.maker(name) else { return nil }
        if try reducesLastAxis(maker, "ReduceMean") {
            return graph.inputs(maker).first.map { Statistic(input: $0, nodes: nodes.union([maker])) }
        }
        let inputs = graph.inputs(maker)
        guard inputs.count == 2, ["Mul", "Div"].contains(graph.operation(maker)) else { return nil }
        for (sum, number) in graph.operation(maker) == "Mul" ? [(0, 1), (1, 0)] : [(0, 1)] {
            guard let factor = try facts.scalar(inputs[number]), let (sum, between) = behindViews(inputs[sum]),
                let reduction = graph.maker(sum), try reducesLastAxis(reduction, "ReduceSum"), let input = graph.inputs(reduction).first,
                let width = facts.activation(input).flatMap({ draft.shape($0) })?.last
            else { continue }
            let share = graph.operation(maker) == "Mul" ? factor * Float(width) : factor / Float(width)
            if abs(share - 1) < 1e-5 { return Statistic(input: input, nodes: nodes.union(between).union([maker, reduction])) }
        }
        return nil
    }

    /// What a value is the square of.
    private func square(_ name: String?) throws(NetworkError) -> Statistic? {
        guard let node = graph.maker(name) else { return nil }
        if let base = try operand(node, "Pow", beside: 2, orderMatters: true) { return Statistic(input: base, nodes: [node]) }
        let inputs = graph.inputs(node)
        guard graph.operation(node) == "Mul", inputs.count == 2, inputs[0] == inputs[1] else { return nil }
        return Statistic(input: inputs[0], nodes: [node])
    }

    /// x where a value is x less its mean.
    private func deviation(_ name: String?) throws(NetworkError) -> Statistic? {
        guard let node = graph.maker(name), graph.operation(node) == "Sub", graph.inputs(node).count == 2,
            let mean = try mean(graph.inputs(node)[1]), graph.inputs(node)[0] == mean.input
        else { return nil }
        return Statistic(input: mean.input, nodes: mean.nodes.union([node]))
    }

    private func variance(_ name: String?) throws(NetworkError) -> Statistic? {
        guard let (name, nodes) = behindViews(name), let maker = graph.maker(name) else { return nil }
        // Rounding may have made it negative.
        if let rest = try graph.operation(maker) == "Relu" ? graph.inputs(maker).first : operand(maker, "Max", beside: 0) {
            return try variance(rest).map { Statistic(input: $0.input, nodes: $0.nodes.union(nodes).union([maker])) }
        }
        if graph.operation(maker) == "Sub", graph.inputs(maker).count == 2 {
            guard let squares = try mean(graph.inputs(maker)[0]), let squared = try square(squares.input),
                let (name, between) = behindViews(graph.inputs(maker)[1]), let product = try square(name),
                let mean = try mean(product.input), mean.input == squared.input
            else { return nil }
            return Statistic(
                input: squared.input,
                nodes: [squares.nodes, squared.nodes, between, product.nodes, mean.nodes].reduce(nodes.union([maker])) { $0.union($1) })
        }
        guard let squares = try mean(name), let squared = try square(squares.input), let deviation = try deviation(squared.input) else {
            return nil
        }
        return Statistic(
            input: deviation.input, nodes: [squares.nodes, squared.nodes, deviation.nodes].reduce(nodes) { $0.union($1) })
    }

    /// v + ε.
    private func dampedVariance(_ name: String?) throws(NetworkError) -> (Statistic, Float)? {
        guard let (name, nodes) = behindViews(name), let sum = graph.maker(name), graph.operation(sum) == "Add",
            graph.inputs(sum).count == 2
        else { return nil }
        for (slot, number) in [(0, 1), (1, 0)] {
            guard let epsilon = try facts.scalar(graph.inputs(sum)[number]), epsilon >= 0,
                var variance = try variance(graph.inputs(sum)[slot])
            else { continue }
            variance.nodes.formUnion(nodes.union([sum]))
            return (variance, epsilon)
        }
        return nil
    }

    // MARK: What reads them

    /// The only reader of a node's output, views between them passed by.
    private func reader(behind node: Int) -> (node: Int, operand: String, views: Set<Int>)? {
        var (node, views): (Int, Set<Int>) = (node, [])
        while let user = graph.soleUser(node), let output = graph.outputs(node).first {
            guard ONNXImporter.views.contains(graph.operation(user)) else { return (user, output, views) }
            views.insert(user)
            node = user
        }
        return nil
    }

    /// y of x, where `root` is √(v + ε).
    private func normalized(_ root: Int, of x: String, width: Int) throws(NetworkError) -> Normalized? {
        guard let (user, operand, views) = reader(behind: root) else { return nil }
        let inputs = graph.inputs(user)
        switch graph.operation(user) {
        case "Reciprocal": break
        case "Div" where inputs.count == 2 && inputs[1] == operand:
            guard try facts.scalar(inputs[0]) != 1 else { break }
            guard let deviation = try deviation(inputs[0]), deviation.input == x else { return nil }
            return try scaled(user, nodes: deviation.nodes.union(views).union([user]), width: width)
        default: return nil
        }
        let nodes = views.union([user])
        guard let (product, inverse, between) = reader(behind: user) else {
            return try expanded(user, of: x, nodes: nodes, scale: nil, width: width)
        }
        guard graph.operation(product) == "Mul", let other = graph.inputs(product).first(where: { $0 != inverse }) else { return nil }
        let inside = nodes.union(between).union([product])
        if let deviation = try deviation(other), deviation.input == x {
            return try scaled(product, nodes: inside.union(deviation.nodes), width: width)
        }
        // The scale has been drawn into r.
        guard let slot = vectorSlot(product, beside: inverse, width: width) else { return nil }
        guard let last = graph.soleUser(product), let scale = graph.outputs(product).first else {
            return try expanded(product, of: x, nodes: inside, scale: (product, slot), width: width)
        }
        guard graph.operation(last) == "Mul", let difference = graph.inputs(last).first(where: { $0 != scale }),
            let deviation = try deviation(difference), deviation.input == x
        else { return nil }
        return try shifted(
            Normalized(nodes: inside.union(deviation.nodes).union([last]), last: last, scale: (product, slot)), width: width)
    }

    /// x·s + (shift − m·s), where `factor` makes s = r·scale.
    private func expanded(_ factor: Int, of x: String, nodes: Set<Int>, scale: (node: Int, slot: Int)?, width: Int)
        throws(NetworkError) -> Normalized?
    {
        guard let name = graph.outputs(factor).first else { return nil }
        let users = graph.readers(name)
        guard users.count == 2, users.allSatisfy({ graph.operation($0) == "Mul" && graph.inputs($0).count == 2 }) else { return nil }
        for (first, second) in [(users[0], users[1]), (users[1], users[0])] {
            guard graph.inputs(first).contains(x), let sum = graph.soleUser(first),
                let mean = try mean(graph.inputs(second).first { $0 != name }), mean.input == x, let rest = graph.soleUser(second),
                let subtracted = graph.outputs(second).first
            else { continue }
            let inside = nodes.union(mean.nodes).union([first, second, rest, sum])
            if graph.operation(rest) == "Sub", rest == sum, graph.inputs(rest).last == subtracted {
                return Normalized(nodes: inside, last: sum, scale: scale)
            }
            guard graph.operation(rest) == "Sub", graph.inputs(rest).last == subtracted,
                let slot = vectorSlot(rest, beside: subtracted, width: width), graph.operation(sum) == "Add", graph.soleUser(rest) == sum
            else { continue }
            return Normalized(nodes: inside, last: sum, scale: scale, shift: (rest, slot))
        }
        return nil
    }

    /// What multiplies and shifts a normalized value, where something does.
    private func scaled(_ node: Int, nodes: Set<Int>, width: Int) throws(NetworkError) -> Normalized {
        var result = Normalized(nodes: nodes, last: node)
        if let next = graph.soleUser(node), graph.operation(next) == "Mul", let output = graph.outputs(node).first,
            let slot = vectorSlot(next, beside: output, width: width)
        {
            result.nodes.insert(next)
            (result.last, result.scale) = (next, (next, slot))
        }
        return result.scale == nil ? result : try shifted(result, width: width)
    }

    private func shifted(_ scaled: Normalized, width: Int) throws(NetworkError) -> Normalized {
        var result = scaled
        if let sum = graph.soleUser(scaled.last), graph.operation(sum) == "Add", let output = graph.outputs(scaled.last).first,
            let slot = vectorSlot(sum, beside: output, width: width)
        {
            result.nodes.insert(sum)
            (result.last, result.shift) = (sum, (sum, slot))
        }
        return result
    }

    /// The input with the constant vector that a node combines with another value: one number for every place of the last axis.
    private func vectorSlot(_ node: Int, beside other: String, width: Int) -> Int? {
        let inputs = graph.inputs(node)
        guard inputs.count == 2, let place = inputs.firstIndex(of: other) else { return nil }
        let shape = weightShape(graph.reader(node), 1 - place)
        return shape?.last == width && shape?.dropLast().allSatisfy { $0 == 1 } == true ? 1 - place : nil
    }
}
