// Sums along the channels of activations, for gradients.

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
