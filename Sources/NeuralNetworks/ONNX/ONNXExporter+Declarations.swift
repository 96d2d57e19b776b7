// What is left over when parameters and sizes have been written: tensors that nothing reads any more, and declared shapes.

import TensorFiles

extension ONNXExporter {
    /// Drops nodes that computed constants, and tensors, that were read before and are not any more.
    mutating func dropUnused() {
        var before = Set(source.model.wire.graph.output.map(\.name))
        for node in source.model.wire.graph.node {
            before.formUnion(node.input)
            before.formUnion(node.capturedNames)
        }
        while true {
            var used = Set(graph.output.map(\.name))
            for node in graph.node {
                used.formUnion(node.input)
                used.formUnion(node.capturedNames)
            }
            func isDead(_ name: String) -> Bool { before.contains(name) && !used.contains(name) }
            let count = graph.node.count
            // Further outputs that nobody ever read are no reason to keep a node.
            graph.node.removeAll { node in
                node.output.contains { isDead($0) && source.constants[$0] != nil }
                    && node.output.allSatisfy { !used.contains($0) && (source.constants[$0] != nil || !before.contains($0)) }
            }
            if graph.node.count < count { continue }
            let dead = Set(graph.initializer.map(\.name).filter(isDead))
            graph.initializer.removeAll { dead.contains($0.name) }
            graph.input.removeAll { dead.contains($0.name) }
            return
        }
    }

    /// Declared shapes: those of inputs, outputs and tensors follow what changed; those of values in between are dropped, unless
    /// every extent is known to be right.
    mutating func updateDeclarations() {
        let made = Set(graph.node.flatMap(\.output))
        let hasOpenSizes = !source.inputSizes.isEmpty
        func update(_ info: inout ONNXWireValueInfo) -> Bool {
            if let stored = storedShapes[info.name] {
                info.setExtents(stored)
                return true
            }
            guard let value = source.activations[info.name], let old = source.extents(value, in: source.network),
                let new = source.extents(value, in: changed)
            else { return source.constants[info.name].map(\.isLiteral) ?? (initializers[info.name] != nil) }
            guard info.type.tensorType.shape.dim.count == new.count else { return false }
            var isStated = true
            for axis in new.indices where old[axis] != new[axis] {
                // What is open or a symbol stands for more than one sample's number (heads of all samples): no number takes its place.
                let isOpen = info.type.tensorType.shape.dim[axis].dimValue == 0
                info.type.tensorType.shape.dim[axis].value = isOpen ? nil : .dimValue(Int64(new[axis]))
                isStated = isStated && !isOpen
            }
            // What is declared must be what is computed; an open size in the model makes that uncertain.
            return isStated && !hasOpenSizes
                && zip(info.type.tensorType.shape.dim, new).enumerated().allSatisfy { axis, pair in
                    pair.0.dimValue <= 0 || Int(pair.0.dimValue) == pair.1 || axis == 0 && Int(pair.0.dimValue) == source.fixedBatch
                }
        }
        graph.valueInfo = graph.valueInfo.compactMap { info in
            var info = info
            return (made.contains(info.name) || initializers[info.name] != nil) && update(&info) ? info : nil
        }
        for index in graph.output.indices { _ = update(&graph.output[index]) }
        for index in graph.input.indices { _ = update(&graph.input[index]) }
    }
}

extension ONNXWireValueInfo {
    /// Sets all extents; a declaration without a shape or of another rank is left alone.
    fileprivate mutating func setExtents(_ extents: [Int]) {
        guard type.tensorType.shape.dim.count == extents.count else { return }
        for (axis, extent) in extents.enumerated() where type.tensorType.shape.dim[axis].dimValue != extent {
            type.tensorType.shape.dim[axis].dimValue = Int64(extent)
        }
    }
}
