// Maximum and average over windows, clipped to the image.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

struct PoolingKernel: Sendable {
    let kind: Pooling.Kind
    let channels, height, width, outHeight, outWidth: Int
    let windowY, windowX, strideY, strideX, top, left, bottom, right: Int

    /// What a window covers of the image, and what an average over it divides by.
    @inline(__always)
    func window(_ row: Int, _ column: Int) -> (rows: Range<Int>, columns: Range<Int>, area: Int) {
        let (y, x) = (row * strideY - top, column * strideX - left)
        let rows = max(0, y)..<max(max(0, y), min(height, y + windowY))
        let columns = max(0, x)..<max(max(0, x), min(width, x + windowX))
        guard case .average(countsPadding: true) = kind else { return (rows, columns, rows.count * columns.count) }
        // Windows never count what ceil mode adds beyond the padding.
        return (rows, columns, (min(y + windowY, height + bottom) - y) * (min(x + windowX, width + right) - x))
    }

    func run(count: Int, input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>) {
        for plane in 0..<count * channels {
            let x = input + plane * height * width
            let y = output + plane * outHeight * outWidth
            for row in 0..<outHeight {
                for column in 0..<outWidth {
                    let (rows, columns, area) = window(row, column)
                    switch kind {
                    case .maximum:
                        var best = -Float.infinity
                        for i in rows {
                            let line = x + i * width
                            for j in columns { best = line[j] > best ? line[j] : best }
                        }
                        y[row * outWidth + column] = best
                    case .average:
                        var sum: Float = 0
                        for i in rows {
                            let line = x + i * width
                            for j in columns { sum += line[j] }
                        }
                        y[row * outWidth + column] = area > 0 ? sum / Float(area) : 0
                    case .norm(let power):
                        var sum = 0.0
                        for i in rows {
                            let line = x + i * width
                            for j in columns { sum += pow(Double(abs(line[j])), Double(power)) }
                        }
                        y[row * outWidth + column] = Float(pow(sum, 1 / Double(max(power, 1))))
                    }
                }
            }
        }
    }
}

/// Mean over everything behind the channel axis.
struct GlobalAverageKernel: Sendable {
    let channels: Int
    let positions: Int

    func run(count: Int, input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>) {
        let scale = 1 / Float(max(positions, 1))
        for plane in 0..<count * channels {
            let x = input + plane * positions
            // Four partial sums: shorter dependency chain and smaller rounding error.
            var sums = SIMD4<Float>.zero
            var i = 0
            while i + 4 <= positions {
                sums += SIMD4(x[i], x[i + 1], x[i + 2], x[i + 3])
                i += 4
            }
            var sum = sums.sum()
            while i < positions {
                sum += x[i]
                i += 1
            }
            output[plane] = sum * scale
        }
    }
}
