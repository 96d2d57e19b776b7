// Channels of networks whose weights stay in their files: found by the names of tensors.

import NeuralNetworks
import TensorFiles

/// Channels that are cut together, as rows and columns of tensors in a store.
public struct StreamedGroup: Sendable, Equatable {
    /// Where a tensor holds the channels.
    public struct Part: Sendable, Equatable {
        /// Name of the tensor.
        public let tensor: String
        /// The axis that the channels index.
        public let axis: Int
        /// Where on it each channel is.
        public let map: IndexMap

        /// Channel c has the positions start + c·width ..< start + (c + 1)·width.
        init(tensor: String, axis: Int, start: Int, width: Int) {
            (self.tensor, self.axis, map) = (tensor, axis, IndexMap(offsets: [start], run: width))
        }

        /// Positions of some channels.
        func positions(of channels: [Int]) -> [Int] { channels.flatMap { map.positions(of: $0) } }
    }

    /// What the channels are.
    public enum Kind: Sendable, Equatable {
        /// Outputs of linear layers.
        case neurons
        /// Heads of an attention, those together that share keys and values: so many queries each, vectors of such a length.
        case heads(queries: Int, length: Int)
    }

    /// The group's name, made of the names of its tensors.
    public let name: String
    /// What the channels are.
    public let kind: Kind
    /// How many channels.
    public let count: Int
    /// Weights whose rows they are, and biases.
    public let producers: [Part]
    /// Parts with one number per channel: biases of the layers that make them.
    public let biases: [Part]
    /// Weights whose columns they are.
    public let consumers: [Part]

    /// What is left of every tensor of the group.
    func cuts(keeping kept: [Int], factors: [Double]?) -> [(tensor: String, cut: TensorCut)] {
        (producers + biases).map { ($0.tensor, TensorCut(rows: $0.positions(of: kept))) }
            + consumers.map { part in
                let scales = factors?.flatMap { [Float](repeating: Float($0), count: part.map.run) }
                return (part.tensor, TensorCut(columns: part.positions(of: kept), factors: scales))
            }
    }
}
