// Inputs of networks on tokens: which of them are indices into tables, and sequences of such indices.
//
// A table that an embedding reads by an input says which values that input takes: its rows. Tokens are drawn independently and
// uniformly; segments (tables of a few rows) are the same for a whole sequence; everything else, masks above all, is 1: nothing is left
// out. No text has such tokens, but every row of the table is one that training has seen, which no Gaussian is.

import NeuralNetworks
import RandomNumbers
import TensorFiles

/// Which values of an input are indices.
struct TokenDrawing: Sendable {
    /// Values of the input that index one table.
    private struct Part: Sendable {
        var values: Range<Int>
        var rows: Int
    }

    /// Tables of so few rows tell segments apart, not tokens.
    private static let mostSegments = 4
    /// Sequences that are drawn when nothing else is set: with a dozen tokens and more each, thousands of rows for every regressor.
    static let sequenceCount = 256

    /// Shape of one input.
    private let shape: [Int]
    private let parts: [Part]

    /// `nil` unless the network has one input of known size, and an embedding reads values of it.
    init?(_ network: Network) {
        guard network.inputs.count == 1, let shape = network.values[network.inputs[0]].shape, !shape.isEmpty else { return nil }
        let count = CheckedSize.product(shape).value ?? 0
        var parts: [Part] = []
        for node in network.nodes {
            guard case .embedding(let weight) = node.layer, let rows = network.parameters[weight]?.shape.first, rows > 0,
                let values = network.inputValues(behind: node.inputs[0], of: count)
            else { continue }
            parts.append(Part(values: values, rows: rows))
        }
        guard parts.contains(where: { $0.rows > TokenDrawing.mostSegments }) else { return nil }
        (self.shape, self.parts) = (shape, parts)
    }

    /// Draws sequences, (count, …).
    func sequences(count: Int, using generator: inout SeededGenerator) -> ActivationTensor {
        let size = shape.reduce(1, *)
        var values = [Float](repeating: 1, count: count * size)
        for n in 0..<count {
            for part in parts {
                let segment = Float(Int.random(in: 0..<part.rows, using: &generator))
                for i in part.values {
                    values[n * size + i] =
                        part.rows <= TokenDrawing.mostSegments ? segment : Float(Int.random(in: 0..<part.rows, using: &generator))
                }
            }
        }
        return ActivationTensor(shape: [count] + shape, values: values)
    }
}

extension Network {
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
