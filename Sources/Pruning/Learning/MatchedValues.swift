// Which values of a smaller network mean the same as values of the original.
//
// Surgery keeps names, so two values are the same when they have one name and one shape: residual sums, outputs of blocks, layers
// that were left alone. A file that somebody else made may have lost the order of its channels: values whose error exceeds their
// variance are not taken for the same.

import NeuralNetworks

/// A value of the original and the value of the smaller network that should equal it.
package struct ValuePair: Sendable, Equatable {
    package var teacher: Network.ValueID
    package var student: Network.ValueID
}

package struct MatchedValues: Sendable {
    /// Values that layers with weights read, behind the first of them.
    package private(set) var features: [ValuePair]
    /// In the order of the networks' outputs; without the softmax or sigmoid that ends them.
    package private(set) var outputs: [ValuePair]

    /// - Throws: `network` when the outputs disagree.
    package init(teacher: Network, student: Network) throws(PruningError) {
        guard teacher.outputs.count == student.outputs.count else {
            throw .network(
                .invalidNetwork(reason: "expected \(teacher.outputs.count) outputs as in the original, found \(student.outputs.count)"))
        }
        outputs = []
        for (a, b) in zip(teacher.outputs, student.outputs) {
            let pair = ValuePair(teacher: teacher.beforeLink(a), student: student.beforeLink(b))
            guard let shape = teacher.values[pair.teacher].shape, shape == student.values[pair.student].shape else {
                throw .network(
                    .invalidNetwork(
                        reason:
                            "expected output \(teacher.values[a].name) of shape \(MatchedValues.text(teacher.values[a].shape)) as in the original, found \(MatchedValues.text(student.values[b].shape))"
                    ))
            }
            outputs.append(pair)
        }
        var names: [String: Network.ValueID] = [:]
        for value in teacher.valuesReadByLayers { names[teacher.values[value].name] = value }
        let ends = Set(outputs.map(\.student))
        features = student.valuesReadByLayers.compactMap { value in
            guard let original = names[student.values[value].name], !ends.contains(value), let shape = student.values[value].shape,
                shape == teacher.values[original].shape
            else { return nil }
            return ValuePair(teacher: original, student: value)
        }
    }

    private static func text(_ shape: [Int]?) -> String { shape.map { "\($0)" } ?? "unknown" }
}

extension Network {
    /// What a closing softmax or sigmoid reads, or the value itself.
    fileprivate func beforeLink(_ value: ValueID) -> ValueID {
        guard let maker = nodes.last(where: { $0.outputs.contains(value) }), maker.inputs.count == 1 else { return value }
        switch maker.layer {
        case .softmax, .activation(.sigmoid): return maker.inputs[0]
        default: return value
        }
    }

    /// Values behind at least one layer with weights that such a layer reads, each once, in the order of the nodes.
    fileprivate var valuesReadByLayers: [ValueID] {
        var behind: Set<ValueID> = []
        var result: [ValueID] = []
        for node in nodes {
            let isAffine =
                switch node.layer {
                case .convolution, .linear: true
                default: false
                }
            if isAffine, let value = node.inputs.first, behind.contains(value), !result.contains(value) { result.append(value) }
            if isAffine || node.inputs.contains(where: behind.contains) { behind.formUnion(node.outputs) }
        }
        return result
    }
}
