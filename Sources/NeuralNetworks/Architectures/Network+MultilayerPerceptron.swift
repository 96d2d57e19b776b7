// Chains of linear layers, recognized by names and shapes.

import TensorFiles

extension Network {
    /// The chain `<prefix><N>.weight`, ordered by N, whose shapes fit; biases are optional.
    static func multilayerPerceptron(
        _ archive: TensorArchive, activation: Activation, inputShape: [Int]?
    ) throws(NetworkError) -> Network {
        let chain = try linearChain(archive)
        let features = archive[chain[0] + ".weight"]?.shape.last ?? 0
        var topology = try ArchiveTopology(archive, anchor: chain[0] + ".weight", architecture: "mlp")
        var value = topology.input(shape: inputShape ?? [features])
        if let inputShape, inputShape.count > 1 { value = topology.append("flatten", .flatten(axis: 1), value) }
        for (index, name) in chain.enumerated() {
            value = topology.linear(name, value)
            if index < chain.count - 1 { value = topology.append(name + ".activation", .activation(activation), value) }
        }
        return try topology.network(output: value)
    }

    /// Names without `.weight`, in forward order.
    private static func linearChain(_ archive: TensorArchive) throws(NetworkError) -> [String] {
        guard !archive.isEmpty else { throw .unrecognizedNetwork(reason: "expected tensors, found an empty file") }
        var links: [(stem: String, number: Int, name: String, shape: [Int])] = []
        var weights: Set<String> = []
        for name in archive.names where name.hasSuffix(".weight") {
            let layer = String(name.dropLast(".weight".count))
            let digits = String(layer.reversed().prefix { $0.isASCII && $0.isNumber }.reversed())
            guard let shape = archive[name]?.shape, shape.count == 2, let number = Int(digits) else {
                throw unrecognized("a matrix named <prefix><number>.weight", name, archive[name]?.shape ?? [])
            }
            guard shape.allSatisfy({ $0 > 0 }) else {
                throw .wrongTensorShape(name: name, node: layer, expected: "at least one row and one column", found: shape)
            }
            links.append((String(layer.dropLast(digits.count)), number, layer, shape))
            weights.insert(layer)
        }
        for name in archive.names where !name.hasSuffix(".weight") {
            guard name.hasSuffix(".bias"), weights.contains(String(name.dropLast(".bias".count))) else {
                // Counters, flags and types to come are no layer's parameters: they are carried along.
                if archive[name]?.dtype.isFloatingPoint == false { continue }
                throw unrecognized("only weights and biases of linear layers", name, archive[name]?.shape ?? [])
            }
        }
        links.sort { $0.number < $1.number }
        guard let first = links.first else {
            throw .unrecognizedNetwork(
                reason:
                    "expected tensors named <prefix><number>.weight or a named topology, found \(archive.names.prefix(3).joined(separator: ", "))…"
            )
        }
        for (before, link) in zip(links, links.dropFirst()) {
            guard link.stem == first.stem, link.number > before.number else {
                throw unrecognized("one chain \(first.stem)<number>.weight", link.name + ".weight", link.shape)
            }
            guard link.shape[1] == before.shape[0] else {
                throw .wrongTensorShape(
                    name: link.name + ".weight", node: link.name,
                    expected: "\(before.shape[0]) columns, the outputs of \(before.name),", found: link.shape)
            }
        }
        return links.map(\.name)
    }

    private static func unrecognized(_ expected: String, _ name: String, _ shape: [Int]) -> NetworkError {
        .unrecognizedNetwork(
            reason:
                "expected \(expected) for a chain of linear layers, found \(name) of shape \(NetworkError.text(shape))"
        )
    }
}
