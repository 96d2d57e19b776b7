// Adjoint of a batch normalization with frozen statistics.

extension ChannelAffineKernel {
    /// With y = γ·(x − μ)/σ + β and frozen μ, σ:  dx += a·dy,  dγ += Σ dy·(x − μ)/σ,  dβ += Σ dy,  dμ −= a·Σ dy,  a = γ/σ.
    func backward(
        count: Int, x: UnsafePointer<Float>, dy: UnsafePointer<Float>, dx: UnsafeMutablePointer<Float>?, parameters: StepParameters,
        tensors: UnsafeMutablePointer<Float>
    ) {
        for channel in 0..<channels {
            let a = scale[channel]
            var (sum, product): (Float, Float) = (0, 0)
            for image in 0..<count {
                let start = (image * channels + channel) * positions
                if let dx { for i in start..<start + positions { dx[i] += a * dy[i] } }
                if parameters.isWanted { sum += ChannelSums.sum(dy + start, count: positions) }
                if parameters.weight != nil { product += ChannelSums.dot(dy + start, x + start, count: positions) }
            }
            if let weight = parameters.weight {
                tensors[weight + channel] += (product - parameters.center[channel] * sum) * parameters.inverseDeviation[channel]
            }
            if let bias = parameters.bias { tensors[bias + channel] += sum }
            if let mean = parameters.mean { tensors[mean + channel] -= a * sum }
        }
    }

    /// dx += offset + slope·x per channel.
    func addSeed(_ seed: InputGradient.NormalizationSeed, count: Int, x: UnsafePointer<Float>, dx: UnsafeMutablePointer<Float>) {
        for image in 0..<count {
            for channel in 0..<channels {
                let start = (image * channels + channel) * positions
                let (a, b) = (seed.offset[channel], seed.slope[channel])
                for i in start..<start + positions { dx[i] += a + b * x[i] }
            }
        }
    }
}
