// Activations of a group as samples: channels × positions, as its consumers read them.

import LinearAlgebra
import NeuralNetworks

extension Consumer {
    /// Samples of the group's channels as columns: one per image, position on the axis, and place.
    ///
    /// - Parameter tensor: the value the consumer reads, (N, channels, …) for a convolution, (N, …, features) for a
    ///   linear layer.
    func samples(_ tensor: ActivationTensor, channels: Int) -> Matrix {
        let layout = ChannelLayout(tensor.shape, isLinear: isLinear)
        let repeats = positionsPerChannel
        var elements = [Double](repeating: 0, count: channels * layout.samples * repeats)
        let positions = (0..<channels).map { layer.map.positions(of: $0) }
        var column = 0
        for s in 0..<layout.samples {
            let base = layout.base(ofSample: s)
            for k in 0..<repeats {
                for c in 0..<channels {
                    elements[column * channels + c] = Double(tensor.values[base + positions[c][k] * layout.stride])
                }
                column += 1
            }
        }
        return Matrix(rows: channels, columns: column, elements: elements)
    }

    /// Samples of the consumer's outputs as columns: one per image and place.
    func outputSamples(_ tensor: ActivationTensor) -> Matrix {
        let layout = ChannelLayout(tensor.shape, isLinear: isLinear)
        return Matrix(rows: layout.channels, columns: layout.samples) { c, s in
            Double(tensor.values[layout.base(ofSample: s) + c * layout.stride])
        }
    }
}

/// Where channel c of sample s lies in an activation tensor.
struct ChannelLayout {
    var channels: Int
    /// Images times places.
    var samples: Int
    /// Distance between neighboring channels.
    var stride: Int
    private var places: Int

    /// - Parameter isLinear: channels are the last axis; otherwise axis 1.
    init(_ shape: [Int], isLinear: Bool) {
        if isLinear {
            channels = shape[shape.count - 1]
            stride = 1
            samples = shape.dropLast().reduce(1, *)
            places = 1
        } else {
            channels = shape.count > 1 ? shape[1] : 1
            places = shape.dropFirst(2).reduce(1, *)
            stride = places
            samples = shape[0] * places
        }
    }

    /// Index of channel 0 of a sample.
    func base(ofSample s: Int) -> Int {
        places == 1 ? s * channels : s / places * channels * places + s % places
    }
}
