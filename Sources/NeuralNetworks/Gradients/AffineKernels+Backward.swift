// Adjoints of dense layers and of batch normalizations with frozen statistics.

import LinearAlgebra

extension DenseKernel {
    /// dx += Wᵀ·dy and dw += dy·xᵀ in the layout of the weight, where they are given.
    func backward(
        vectors: Int, x: UnsafePointer<Float>, dy: UnsafePointer<Float>, dx: UnsafeMutablePointer<Float>?,
        dw: UnsafeMutablePointer<Float>?
    ) {
        if let dx {
            weight.withUnsafeBufferPointer { w in
                BLAS.gemm(
                    isTransposed ? .transposed : .normal, .normal, inputs, vectors, outputs, 1, w.baseAddress!,
                    isTransposed ? outputs : inputs, dy, outputs, 1, dx, inputs)
            }
        }
        guard let dw else { return }
        if isTransposed {
            BLAS.gemm(.normal, .transposed, outputs, inputs, vectors, 1, dy, outputs, x, inputs, 1, dw, outputs)
        } else {
            BLAS.gemm(.normal, .transposed, inputs, outputs, vectors, 1, x, inputs, dy, outputs, 1, dw, inputs)
        }
    }
}

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

/// Sums in eight partial sums: they keep the loop parallel and rounding small.
enum ChannelSums {
    /// to[c] += Σ of channel c over samples and positions.
    static func add(_ x: UnsafePointer<Float>, samples: Int, channels: Int, positions: Int, to: UnsafeMutablePointer<Float>) {
        for sample in 0..<samples {
            let row = x + sample * channels * positions
            if positions == 1 {
                for c in 0..<channels { to[c] += row[c] }
            } else {
                for c in 0..<channels { to[c] += sum(row + c * positions, count: positions) }
            }
        }
    }

    static func sum(_ x: UnsafePointer<Float>, count: Int) -> Float {
        var (sums, i) = (SIMD8<Float>.zero, 0)
        while i + 8 <= count {
            sums += UnsafeRawPointer(x + i).loadUnaligned(as: SIMD8<Float>.self)
            i += 8
        }
        var sum = sums.sum()
        while i < count {
            sum += x[i]
            i += 1
        }
        return sum
    }

    static func dot(_ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, count: Int) -> Float {
        var (sums, i) = (SIMD8<Float>.zero, 0)
        while i + 8 <= count {
            sums +=
                UnsafeRawPointer(x + i).loadUnaligned(as: SIMD8<Float>.self) * UnsafeRawPointer(y + i).loadUnaligned(as: SIMD8<Float>.self)
            i += 8
        }
        var sum = sums.sum()
        while i < count {
            sum += x[i] * y[i]
            i += 1
        }
        return sum
    }
}
