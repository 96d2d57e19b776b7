// What must hold of a model before anyone reads it: versions, tensors, names, and graphs without cycles or loose ends.

extension ONNXModel {
    /// Checks the whole model; no value is read. Cost: one pass over the structure.
    /// - Throws: `malformed` or `unsupported` naming node and tensor.
    package func validate() throws(TensorFileError) {
        guard wire.hasGraph else {
            throw .malformed(format: .onnx, expected: "a model with a graph", found: "none")
        }
        guard wire.irVersion >= 3 else {
            throw .unsupported(format: .onnx, expected: "IR version 3 or later", found: "\(wire.irVersion)")
        }
        let imports = wire.opsetImport.filter { $0.domain.isEmpty || $0.domain == "ai.onnx" }
        guard imports.count == 1 else {
            throw .malformed(format: .onnx, expected: "one version of the default operator set", found: "\(imports.count)")
        }
        guard ONNX.opsets.contains(Int(clamping: imports[0].version)) else {
            throw .unsupported(
                format: .onnx, expected: "an opset from \(ONNX.opsets.lowerBound) to \(ONNX.opsets.upperBound)",
                found: "\(imports[0].version)")
        }
        try check(wire.graph, outer: [])
    }

    private func check(_ graph: ONNXWireGraph, outer: Set<String>) throws(TensorFileError) {
        var names = Set<String>()
        for input in graph.input where !names.insert(input.name).inserted {
            throw .malformed(format: .onnx, tensor: input.name, expected: "graph inputs of different names", found: "this one twice")
        }
        var initializers = Set<String>()
        for tensor in graph.initializer {
            guard !tensor.name.isEmpty else {
                throw .malformed(format: .onnx, expected: "initializers with names", found: "one without")
            }
            guard initializers.insert(tensor.name).inserted else {
                throw .malformed(format: .onnx, tensor: tensor.name, expected: "initializers of different names", found: "this one twice")
            }
            try tensor.check(payloads: payloads)
        }
        for sparse in graph.sparseInitializer {
            guard initializers.insert(sparse.values.name).inserted else {
                throw .malformed(
                    format: .onnx, tensor: sparse.values.name, expected: "initializers of different names", found: "this one twice")
            }
            try sparse.values.check(payloads: payloads)
            try sparse.indices.check(payloads: payloads)
        }
        names.formUnion(initializers)
        for (index, node) in graph.node.enumerated() {
            guard !node.opType.isEmpty else {
                throw .malformed(format: .onnx, expected: "an operation at node \(node.label(index))", found: "none")
            }
            for output in node.output where !output.isEmpty && !names.insert(output).inserted {
                throw .malformed(
                    format: .onnx, tensor: output, expected: "every value to be made once",
                    found: "node \(node.label(index)) making it again")
            }
        }
        let visible = outer.union(names)
        for (index, node) in graph.node.enumerated() {
            for input in node.input where !input.isEmpty && !visible.contains(input) {
                throw .malformed(
                    format: .onnx, tensor: input, expected: "every input to be made somewhere",
                    found: "nothing that makes this one for node \(node.label(index))")
            }
            try check(node, index, visible: visible)
        }
        for output in graph.output where !visible.contains(output.name) {
            throw .malformed(
                format: .onnx, tensor: output.name, expected: "every graph output to be made somewhere",
                found: "nothing that makes this one")
        }
        _ = try graph.topologicalOrder()
    }

    private func check(_ node: ONNXWireNode, _ index: Int, visible: Set<String>) throws(TensorFileError) {
        var names = Set<String>()
        for attribute in node.attribute {
            guard names.insert(attribute.name).inserted else {
                throw .malformed(
                    format: .onnx, expected: "attributes of different names",
                    found: "\(clip(attribute.name, limit: 40)) twice at node \(node.label(index))")
            }
            do throws(TensorFileError) {
                if attribute.hasT { try attribute.t.check(payloads: payloads) }
                for tensor in attribute.tensors { try tensor.check(payloads: payloads) }
            } catch {
                guard case .malformed(_, let tensor, let offset, let expected, let found) = error else { throw error }
                throw .malformed(
                    format: .onnx, tensor: tensor, offset: offset, expected: expected,
                    found: "\(found) in attribute \(clip(attribute.name, limit: 40)) of node \(node.label(index))")
            }
            if attribute.hasG { try check(attribute.g, outer: visible) }
            for graph in attribute.graphs { try check(graph, outer: visible) }
        }
    }
}

extension ONNXWireNode {
    /// How messages name a node: its name, or its operation and position.
    package func label(_ index: Int) -> String {
        name.isEmpty ? "\(clip(opType, limit: 40)) number \(index)" : quoted(name)
    }

    /// Names that are made in the graphs inside a node: none of them may be made outside, too.
    package var enclosedNames: Set<String> {
        var result = Set<String>()
        for graph in attribute.flatMap({ ($0.hasG ? [$0.g] : []) + $0.graphs }) {
            result.formUnion(graph.input.map(\.name) + graph.initializer.map(\.name) + graph.sparseInitializer.map(\.values.name))
            for node in graph.node {
                result.formUnion(node.output)
                result.formUnion(node.enclosedNames)
            }
        }
        return result
    }

    /// Names that the graphs inside a node take from outside of them.
    package var capturedNames: Set<String> {
        var result = Set<String>()
        for attribute in attribute {
            if attribute.hasG { result.formUnion(attribute.g.freeNames) }
            for graph in attribute.graphs { result.formUnion(graph.freeNames) }
        }
        return result
    }
}

extension ONNXWireGraph {
    /// Names used but not made in the graph.
    fileprivate var freeNames: Set<String> {
        var made = Set(input.map(\.name)).union(initializer.map(\.name)).union(sparseInitializer.map(\.values.name))
        var used = Set(output.map(\.name))
        for node in node {
            made.formUnion(node.output)
            used.formUnion(node.input)
            used.formUnion(node.capturedNames)
        }
        return used.subtracting(made).subtracting([""])
    }

    /// Node indices such that every value is made before it is used; the file's order where that is one already.
    /// - Throws: `malformed` naming a node on a cycle.
    package func topologicalOrder() throws(TensorFileError) -> [Int] {
        var maker: [String: Int] = [:]
        for (index, node) in node.enumerated() {
            for output in node.output where !output.isEmpty { maker[output] = index }
        }
        var waiting = [Int](repeating: 0, count: node.count)
        var users = [[Int]](repeating: [], count: node.count)
        for (index, node) in node.enumerated() {
            for input in Set(node.input).union(node.capturedNames) {
                guard let other = maker[input] else { continue }
                waiting[index] += 1
                users[other].append(index)
            }
        }
        var order: [Int] = []
        order.reserveCapacity(node.count)
        // Nodes that become ready are taken in file order: a sorted model keeps its order.
        var ready = MinimumHeap(waiting.indices.filter { waiting[$0] == 0 })
        while let index = ready.popMinimum() {
            order.append(index)
            for user in users[index] {
                waiting[user] -= 1
                if waiting[user] == 0 { ready.insert(user) }
            }
        }
        guard order.count == node.count else {
            let index = waiting.firstIndex { $0 > 0 } ?? 0
            throw .malformed(
                format: .onnx, tensor: node[index].output.first, expected: "a graph without cycles",
                found: "one through node \(node[index].label(index))")
        }
        return order
    }
}

/// A binary heap of indices, least first.
private struct MinimumHeap {
    private var items: [Int]

    /// From an ascending list, which is a heap already.
    init(_ ascending: [Int]) { items = ascending }

    mutating func insert(_ item: Int) {
        items.append(item)
        var place = items.count - 1
        while place > 0, items[(place - 1) / 2] > items[place] {
            items.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    mutating func popMinimum() -> Int? {
        guard let first = items.first, let last = items.popLast() else { return nil }
        if items.isEmpty { return first }
        items[0] = last
        var place = 0
        while true {
            var least = place
            for child in [2 * place + 1, 2 * place + 2] where child < items.count && items[child] < items[least] { least = child }
            if least == place { return first }
            items.swapAt(place, least)
            place = least
        }
    }
}
