// Images with their channels first for networks that read them last.
//
// Exporters of TensorFlow's networks keep its order, (height, width, channels). What draws, scales or judges images counts on
// (channels, height, width): it gets the network behind a transposition. Parameters, groups and outputs are those of the original.

extension InputScaling {
    /// Whether a sample of this shape is (height, width, 1 or 3 channels) rather than the reverse.
    public static func isChannelsLast(_ sampleShape: [Int]?) -> Bool {
        guard let sampleShape, sampleShape.count == 3 else { return false }
        return [1, 3].contains(sampleShape[2]) && ![1, 3].contains(sampleShape[0])
    }
}

extension Network {
    /// Rows and columns of the smallest pictures, 8 × 8 digits: what has fewer has channels in front, and three columns by chance.
    package static let leastPicture = 8

    /// The network with its only input, an image whose channels are last, as (channels, height, width); `nil` for any other input.
    ///
    /// - Parameter shape: of one input, where it is not the network's own.
    package func takingChannelsFirst(shape: [Int]? = nil) -> Network? {
        guard inputs.count == 1, let shape = shape ?? values[inputs[0]].shape, InputScaling.isChannelsLast(shape),
            min(shape[0], shape[1]) >= Self.leastPicture
        else { return nil }
        var result = self
        let input = values.count
        result.values[inputs[0]].shape = shape
        result.values.append(Value(name: values[inputs[0]].name, shape: [shape[2], shape[0], shape[1]]))
        var name = "\(values[inputs[0]].name).transpose"
        while nodes.contains(where: { $0.name == name }) { name += "'" }
        result.nodes.insert(Node(name: name, layer: .transpose(permutation: [0, 2, 3, 1]), inputs: [input], outputs: inputs), at: 0)
        result.inputs = [input]
        return result
    }
}

extension ActivationTensor {
    /// Images (N, channels, height, width) as (N, height, width, channels).
    package var withChannelsLast: ActivationTensor {
        precondition(shape.count == 4, "images have four axes")
        let (channels, area) = (shape[1], shape[2] * shape[3])
        var result = ActivationTensor(shape: [shape[0], shape[2], shape[3], channels], values: values)
        guard channels > 1 else { return result }
        for image in 0..<batchCount {
            let base = image * channels * area
            for place in 0..<area {
                for channel in 0..<channels { result.values[base + place * channels + channel] = values[base + channel * area + place] }
            }
        }
        return result
    }
}
