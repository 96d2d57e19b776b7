// LSTM, GRU and RNN nodes. Their tensors are (steps, batch, features): of one sample, (steps, features).

import TensorFiles

extension ONNXImporter {
    mutating func lowerRecurrent(_ node: ONNXNodeReader) throws(NetworkError) -> Bool {
        guard let given = activation(node, 0), let shape = draft.extents(given), shape.count == 3, let weight = weightShape(node, 1),
            let recurrence = weightShape(node, 2), weight.count == 3, recurrence.count == 3
        else { return false }
        let batchFirst = try node.integer("layout") ?? 0 != 0
        // A batch that the model fixes cannot be the steps; one step of an open batch can.
        guard shape[batchFirst ? 0 : 1] == 1, batchFirst || draft.isWhole(given) || sizes.fixedBatch ?? 1 == 1 else { return false }
        // Sequences of other lengths than the longest, clipped cells and coupled gates have no layer.
        if node.input(4) != nil {
            guard let lengths = try constant(node, 4)?.integers, lengths.allSatisfy({ $0 == shape[batchFirst ? 1 : 0] }) else {
                return false
            }
        }
        guard try node.float("clip") == nil, try node.integer("input_forget") ?? 0 == 0, let kind = try kind(node), usesUsualFunctions(node)
        else { return false }
        let direction: Recurrent.Direction
        switch try node.string("direction") ?? "forward" {
        case "forward": direction = .forward
        case "reverse": direction = .backward
        case "bidirectional": direction = .both
        default: return false
        }
        let hidden = recurrence[2]
        let directions = direction.count
        for slot in [3, 7] where node.input(slot) != nil { guard weightShape(node, slot) != nil else { return false } }
        var layer = Recurrent(
            kind: kind, direction: direction, hidden: hidden, weight: try parameter(node, 1), recurrence: try parameter(node, 2),
            bias: node.input(3) == nil ? nil : try parameter(node, 3), peepholes: node.input(7) == nil ? nil : try parameter(node, 7))
        let steps = shape[batchFirst ? 1 : 0]
        var inputs = [draft.view(given, as: [steps, shape[2]], isWhole: true)]
        for slot in [5, 6] where node.input(slot) != nil && (slot == 5 || kind == .lstm) {
            if let state = activation(node, slot) {
                guard let extents = draft.extents(state), extents.reduce(1, *) == directions * hidden else { return false }
                inputs.append(draft.view(state, as: [directions, hidden], isWhole: true))
            } else {
                guard let values = try numbers(node, slot), values.count == directions * hidden else {
                    return false
                }
                // A state of zeros is none, and need not be cut with the units.
                if values.allSatisfy({ $0 == 0 }) { continue }
                inputs.append(constantValue(parameter: try parameter(node, slot, shape: [directions, hidden])))
            }
            if slot == 5 { layer.hasInitialHidden = true } else { layer.hasInitialCell = true }
        }
        let wanted = node.wire.output.indices.filter { !node.wire.output[$0].isEmpty }
        let count = (wanted.last ?? 0) + 1
        let first = try emit(
            .recurrent(layer), node, inputs: inputs, weight: nil, outputs: [String](repeating: "", count: count), isWhole: true)
        for place in wanted {
            let name = node.wire.output[place]
            let shape: [Int]
            if place == 0 {
                shape = batchFirst ? [1, steps, directions, hidden] : [steps, directions, 1, hidden]
            } else {
                shape = batchFirst ? [1, directions, hidden] : [directions, 1, hidden]
            }
            let value = draft.view(first + place, as: shape, isWhole: true)
            let result = draft.batched(value) ?? value
            draft.network.values[result].name = name
            facts[name] = .activation(result)
        }
        return true
    }

    private func kind(_ node: ONNXNodeReader) throws(NetworkError) -> Recurrent.Kind? {
        switch node.operation {
        case "LSTM": return .lstm
        case "GRU": return .gru(resetsAfterProduct: try node.integer("linear_before_reset") ?? 0 != 0)
        default: return .elman
        }
    }

    /// Sigmoid gates and tanh, as written out or by default.
    private func usesUsualFunctions(_ node: ONNXNodeReader) -> Bool {
        guard let stated = node.wire.attribute.first(where: { $0.name == "activations" })?.strings, !stated.isEmpty else { return true }
        let names = stated.map { String(decoding: $0, as: UTF8.self).lowercased() }
        let usual = node.operation == "LSTM" ? ["sigmoid", "tanh", "tanh"] : node.operation == "GRU" ? ["sigmoid", "tanh"] : ["tanh"]
        return names == usual || names == usual + usual
    }
}
