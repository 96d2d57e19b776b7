// Layers behind refitted ones.

extension Network {
    /// Linear layers and convolutions, other than `changed`, that read what depends on one of `changed`; layers that share their
    /// weights excepted.
    package func followers(of changed: Set<Int>) -> [Int] {
        var reached: Set<ValueID> = []
        var owners: [String: Int] = [:]
        for node in nodes { for name in node.layer.parameterNames { owners[name, default: 0] += 1 } }
        var result: [Int] = []
        for (index, node) in nodes.enumerated() {
            let follows = node.inputs.contains { reached.contains($0) }
            guard follows || changed.contains(index) else { continue }
            reached.formUnion(node.outputs)
            if !changed.contains(index), let layer = reader(index), owners[layer.weight] == 1 { result.append(index) }
        }
        return result
    }

    /// A linear layer or convolution as the reader of everything on its input axis.
    package func reader(_ index: Int) -> GroupConsumer? {
        let node = nodes[index]
        func reader(_ weight: String, axis: Int) -> GroupConsumer {
            GroupConsumer(
                node: index, weight: weight, axis: axis, map: IndexMap(), input: node.inputs[0], output: node.outputs[0],
                shift: shift(of: index))
        }
        switch node.layer {
        case .linear(let layer): return reader(layer.weight, axis: layer.inputAxis)
        case .convolution(let layer): return reader(layer.weight, axis: 1)
        default: return nil
        }
    }
}
