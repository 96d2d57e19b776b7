// Batch normalization as an affine map of every channel.

extension Network {
    /// y = a·x + b per channel: a = γ/√(v + ε), b = β − a·m, in Double.
    ///
    /// - Parameters:
    ///   - layer: the layer of `node`.
    /// - Throws: `missingTensor`, `wrongTensorShape`; `invalidNode` where v + ε is not above 0.
    package func affineMap(
        of layer: BatchNormalization, node: Node
    ) throws(NetworkError) -> (scale: [Double], shift: [Double]) {
        let channels = try parameter(layer.variance, of: node).values.count
        let gamma = try vector(layer.scale, count: channels, of: node)
        let beta = try vector(layer.shift, count: channels, of: node)
        let mean = try vector(layer.mean, count: channels, of: node) ?? []
        let variance = try vector(layer.variance, count: channels, of: node) ?? []
        var (scale, shift) = ([Double](repeating: 0, count: channels), [Double](repeating: 0, count: channels))
        for channel in 0..<channels {
            let deviation = layer.deviation(variance[channel])
            guard deviation > 0 else {
                throw .invalidNode(
                    name: node.name,
                    reason: "expected variance + ε above 0, found \(variance[channel]) + \(layer.epsilon) in channel \(channel)")
            }
            scale[channel] = Double(gamma?[channel] ?? 1) / deviation
            shift[channel] = Double(beta?[channel] ?? 0) - scale[channel] * Double(mean[channel])
        }
        return (scale, shift)
    }
}
