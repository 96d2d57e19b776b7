// Maximum and average over windows, clipped to the image.

import LinearAlgebra
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
        run(planes: 0..<count * channels, input: input, output: output)
    }

    /// Some of the planes of a batch: rows of windows are reduced to one row, and that by windows.
    func run(planes: Range<Int>, input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>) {
        if case .norm(let power) = kind { return runNorm(power, planes: planes, input: input, output: output) }
        let isMaximum = kind == .maximum
        let reduction: RowKernels.Reduction = isMaximum ? .maximum : .sum
        // What windows cover from the left margin on, at least the image.
        let length = max(left + width, (outWidth - 1) * strideX + windowX)
        withUnsafeTemporaryAllocation(of: Float.self, capacity: length) { buffer in
            guard let line = buffer.baseAddress else { return }
            line.initialize(repeating: isMaximum ? -.infinity : 0, count: length)
            for plane in planes {
                let x = input + plane * height * width
                for row in 0..<outHeight {
                    let y = output + (plane * outHeight + row) * outWidth
                    let rows = window(row, 0).rows
                    RowKernels.reduceRows(
                        reduction, x + rows.lowerBound * width, rowStride: width, rows: rows.count, count: width, into: line + left)
                    RowKernels.reduceWindows(reduction, line, window: windowX, stride: strideX, count: outWidth, into: y)
                    if isMaximum { continue }
                    for column in 0..<outWidth {
                        let area = window(row, column).area
                        y[column] = area > 0 ? y[column] / Float(area) : 0
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
        run(planes: 0..<count * channels, input: input, output: output)
    }

    /// Some of the planes of a batch.
    func run(planes: Range<Int>, input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>) {
        let scale = 1 / Float(max(positions, 1))
        for plane in planes {
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

extension PoolingKernel {
    /// (Σ|x|^p)^(1/p) of every window.
    fileprivate func runNorm(_ power: Int, planes: Range<Int>, input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>) {
        for plane in planes {
            let (x, y) = (input + plane * height * width, output + plane * outHeight * outWidth)
            for row in 0..<outHeight {
                for column in 0..<outWidth {
                    let (rows, columns, _) = window(row, column)
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
