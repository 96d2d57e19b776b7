// Inputs of networks on tokens: which of them are indices into tables, and sequences of such indices.
//
// A table that an embedding reads by an input says which values that input takes: its rows. So do constants that an input is compared
// with (one-hot codes written as equations). Tokens are drawn independently and uniformly; segments (tables of a few rows) are the same for a whole sequence; everything else, masks above all, is 1: nothing is left
// out. No text has such tokens, but every row of the table is one that training has seen, which no Gaussian is.

import NeuralNetworks
import RandomNumbers
import TensorFiles

/// Which values of an input are indices.
struct TokenDrawing: Sendable {
    /// Values of the input that index one table, or are compared with the same constants.
    private struct Part: Sendable {
        var values: Range<Int>
        var choices: [Float]
    }

    /// Tables of so few rows tell segments apart, not tokens.
    fileprivate static let mostSegments = 4
    /// Sequences that are drawn when nothing else is set: with a dozen tokens and more each, thousands of rows for every regressor.
    static let sequenceCount = 256

    /// Shape of one input.
    private let shape: [Int]
    private let parts: [Part]

    /// `nil` unless the network has one input of known size, and an embedding or a one-hot code reads values of it.
    init?(_ network: Network) {
        guard network.inputs.count == 1, let shape = network.values[network.inputs[0]].shape, !shape.isEmpty else { return nil }
        let count = CheckedSize.product(shape).value ?? 0
        var parts: [Part] = []
        for node in network.nodes {
            guard let choices = network.choices(of: node), !choices.isEmpty,
                let values = network.inputValues(behind: node.inputs[0], of: count)
                    ?? (network.passesRows(to: node, of: count) ? 0..<count : nil)
            else { continue }
            parts.append(Part(values: values, choices: choices))
        }
        guard parts.contains(where: { $0.choices.count > TokenDrawing.mostSegments }) else { return nil }
        (self.shape, self.parts) = (shape, parts)
    }

    /// Draws sequences, (count, …).
    func sequences(count: Int, using generator: inout SeededGenerator) -> ActivationTensor {
        let size = shape.reduce(1, *)
        var values = [Float](repeating: 1, count: count * size)
        for n in 0..<count {
            for part in parts {
                func drawn() -> Float { part.choices[Int.random(in: 0..<part.choices.count, using: &generator)] }
                let segment = drawn()
                for i in part.values { values[n * size + i] = part.choices.count <= TokenDrawing.mostSegments ? segment : drawn() }
            }
        }
        return ActivationTensor(shape: [count] + shape, values: values)
    }
}

extension Network {
    /// Values that a node tells apart in what it reads first: rows of a table, constants that it is compared with.
    fileprivate func choices(of node: Node) -> [Float]? {
        switch node.layer {
        case .embedding(let weight): parameters[weight]?.shape.first.map { rows in (0..<rows).map(Float.init) }
        case .elementwise(.equal):
            // A mark that is looked for is no code.
            constant(node.inputs.last).map { Set($0) }.flatMap { $0.count > TokenDrawing.mostSegments ? $0.sorted() : nil }
        default: nil
        }
    }

    /// Whether an embedding reads the numbers of its rows as the input has them, whatever is done about others on the way: exporters take
    /// negative ones from the end, or clip. Tried, not proven.
    fileprivate func passesRows(to node: Node, of count: Int) -> Bool {
        guard case .embedding(let weight) = node.layer, let rows = parameters[weight]?.shape.first, rows > 0, count > 0,
            values[node.inputs[0]].shape?.reduce(1, *) == count, let shape = values[inputs[0]].shape,
            let evaluator = try? Evaluator(self, observing: [node.inputs[0]])
        else { return false }
        // The first and the last row, and others in no order.
        let tried =
            (0..<8).flatMap { sample in (0..<count).map { Float(sample == 0 ? 0 : (sample * 7919 + $0 * 104_729 + rows - 1) % rows) } }
            + [Float](repeating: Float(rows - 1), count: count)
        let given = ActivationTensor(shape: [9] + shape, values: tried)
        return (try? evaluator.forward(given, threads: 1))?.observed.first?.values == tried
    }

    private func constant(_ value: ValueID?) -> [Float]? {
        guard let value, let maker = nodes.first(where: { $0.outputs.contains(value) }), case .constant(let name) = maker.layer else {
            return nil
        }
        return parameters[name]?.values
    }

    /// The values of the only input, flattened, that a value is made of by cutting out and reshaping alone.
    fileprivate func inputValues(behind value: ValueID, of count: Int) -> Range<Int>? {
        if value == inputs[0] { return 0..<count }
        guard let maker = nodes.first(where: { $0.outputs.contains(value) }), let source = maker.inputs.first else { return nil }
        switch maker.layer {
        case .identity, .reshape, .flatten: return inputValues(behind: source, of: count)
        case .slice(let ranges):
            // What packing several inputs into one leaves: a range of the flat input.
            guard source == inputs[0], values[source].shape?.count == 1, ranges.count == 2, ranges[1].step == 1,
                (0..<count).contains(ranges[1].start)
            else { return nil }
            return ranges[1].start..<Swift.min(count, Swift.max(ranges[1].start, ranges[1].end))
        default: return nil
        }
    }
}
