// Channels of networks whose weights stay in their files: found by the names of tensors.

import TensorFiles

/// Channels that are cut together, as rows and columns of tensors in a store.
public struct StreamedGroup: Sendable, Equatable {
    /// Where a tensor holds the channels: channel c has the positions start + c·width ..< start + (c + 1)·width of an axis.
    public struct Part: Sendable, Equatable {
        /// Name of the tensor.
        public let tensor: String
        /// Position of channel 0.
        public let start: Int
        /// Positions of one channel.
        public let width: Int

        /// Positions of some channels.
        func positions(of channels: [Int]) -> [Int] { channels.flatMap { start + $0 * width..<start + ($0 + 1) * width } }
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
                let scales = factors?.flatMap { [Float](repeating: Float($0), count: part.width) }
                return (part.tensor, TensorCut(columns: part.positions(of: kept), factors: scales))
            }
    }
}
