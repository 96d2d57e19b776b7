// Activations of a group as samples: channels × positions, as its consumers read them.

import LinearAlgebra
import NeuralNetworks
import RandomNumbers

extension Consumer {
    /// Samples of the group's channels as columns: one per image, position on the axis, and place.
    ///
    /// - Parameters:
    ///   - tensor: the value the consumer reads, (N, channels, …) for a convolution, (N, …, features) for a linear layer.
    ///   - limit: places per image that are looked at, drawn where there are more.
    func samples(_ tensor: ActivationTensor, channels: Int, limit: Int = .max, using generator: inout SeededGenerator) -> Matrix {
        let layout = ChannelLayout(tensor.shape, isLinear: isLinear)
        let repeats = positionsPerChannel
        let perImage = layout.samples / Swift.max(1, tensor.batchCount)
        let places = SampledPlace.draw(samples: tensor.batchCount, places: perImage, limit: limit, using: &generator)
        var elements = [Double](repeating: 0, count: channels * places.count * repeats)
        let positions = (0..<channels).map { layer.map.positions(of: $0) }
        var column = 0
        for place in places {
            let base = layout.base(ofSample: place.sample * perImage + place.place)
            for k in 0..<repeats {
                for c in 0..<channels {
                    elements[column * channels + c] = Double(tensor.values[base + positions[c][k] * layout.stride])
                }
                column += 1
            }
        }
        return Matrix(rows: channels, columns: column, elements: elements)
    }

    /// Moments of the group's channels, from those of the value that the consumer reads; `nil` where they do not fit.
    ///
    /// As in `samples`, the positions of a channel on the consumer's axis are alike: the mixture of what lies there. Neighboring
    /// positions are places of one channel of the value where it was flattened.
    func moments(_ value: ActivationMoments, channels: Int) -> ActivationMoments? {
        let (width, repeats) = (shape[layer.axis], positionsPerChannel)
        guard value.count > 0, width % value.count == 0, repeats > 0 else { return nil }
        let positions = (0..<channels).map { layer.map.positions(of: $0) }
        guard positions.allSatisfy({ $0.count == repeats && $0.allSatisfy { $0 < width } }) else { return nil }
        let members = (0..<repeats).map { k in positions.map { $0[k] / (width / value.count) } }
        var mean = [Double](repeating: 0, count: channels)
        for row in members { for (i, a) in row.enumerated() { mean[i] += value.mean[a] / Double(repeats) } }
        var covariance = Matrix(rows: channels, columns: channels)
        for row in members {
            for (j, b) in row.enumerated() {
                for (i, a) in row.enumerated() {
                    let shift = (value.mean[a] - mean[i]) * (value.mean[b] - mean[j])
                    covariance[i, j] += (value.covariance[a, b] + shift) / Double(repeats)
                }
            }
        }
        return ActivationMoments(mean: mean, covariance: covariance)
    }

    /// Samples of the consumer's outputs as columns: one per image and place.
    func outputSamples(_ tensor: ActivationTensor) -> Matrix {
        let layout = ChannelLayout(tensor.shape, isLinear: isLinear)
        return Matrix(rows: layout.channels, columns: layout.samples) { c, s in
            Double(tensor.values[layout.base(ofSample: s) + c * layout.stride])
        }
    }
}
