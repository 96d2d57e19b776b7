// Adjoints of pooling, broadcasting, copies and softmax.

extension PoolingKernel {
    /// dx += adjoint: a maximum passes its gradient to the first element that attains it.
    func backward(
        count: Int, x: UnsafePointer<Float>, y: UnsafePointer<Float>, dy: UnsafePointer<Float>, dx: UnsafeMutablePointer<Float>
    ) {
        for plane in 0..<count * channels {
            let (image, target) = (x + plane * height * width, dx + plane * height * width)
            for row in 0..<outHeight {
                for column in 0..<outWidth {
                    let (rows, columns, area) = window(row, column)
                    let at = plane * outHeight * outWidth + row * outWidth + column
                    switch kind {
                    case .maximum:
                        search: for i in rows {
                            for j in columns where image[i * width + j] == y[at] {
                                target[i * width + j] += dy[at]
                                break search
                            }
                        }
                    case .average:
                        guard area > 0 else { continue }
                        let share = dy[at] / Float(area)
                        for i in rows { for j in columns { target[i * width + j] += share } }
                    case .norm(let power):
                        // ∂y/∂x = (|x|/y)^(p−1)·sign x.
                        guard y[at] > 0 else { continue }
                        for i in rows {
                            for j in columns {
                                let value = image[i * width + j]
                                var ratio: Float = 1
                                for _ in 1..<max(power, 1) { ratio *= abs(value) / y[at] }
                                target[i * width + j] += dy[at] * (value < 0 ? -ratio : ratio)
                            }
                        }
                    }
                }
            }
        }
    }
}

extension GlobalAverageKernel {
    /// dx += dy/positions at every position.
    func backward(count: Int, dy: UnsafePointer<Float>, dx: UnsafeMutablePointer<Float>) {
        let scale = 1 / Float(max(positions, 1))
        for plane in 0..<count * channels {
            let value = dy[plane] * scale
            for i in plane * positions..<(plane + 1) * positions { dx[i] += value }
        }
    }
}

extension BroadcastKernel {
    /// Adds to the gradients asked for; that of a constant gathers all samples.
    func backward(
        count: Int, values: [UnsafePointer<Float>], dy: UnsafePointer<Float>, gradients: [UnsafeMutablePointer<Float>?]
    ) {
        let size = extents.reduce(1, *)
        guard size > 0, let length = extents.last else { return }
        for (index, operand) in operands.enumerated() {
            guard let gradient = gradients[index] else { continue }
            let others = operation == .multiply ? operands.indices.filter { $0 != index } : []
            let step = operand.strides[operand.strides.count - 1]
            for image in 0..<count {
                for row in 0..<size / length {
                    let dx = gradient + image * operand.sampleStride + start(ofRow: row, operand.strides)
                    let own = dy + image * size + row * length
                    guard let other = others.first else {
                        Self.addProducts(own, nil, 0, length, dx, step)
                        continue
                    }
                    let (strides, factor) = (operands[other].strides, values[other] + image * operands[other].sampleStride)
                    if others.count == 1 {
                        Self.addProducts(own, factor + start(ofRow: row, strides), strides[strides.count - 1], length, dx, step)
                        continue
                    }
                    for i in 0..<length {
                        var product = own[i]
                        for k in others {
                            let strides = operands[k].strides
                            product *=
                                values[k][image * operands[k].sampleStride + start(ofRow: row, strides) + i * strides[strides.count - 1]]
                        }
                        dx[i * step] += product
                    }
                }
            }
        }
    }

    /// dx[i·step] += dy[i]·x[i·stride], with x = 1 when absent.
    @inline(__always)
    private static func addProducts(
        _ dy: UnsafePointer<Float>, _ x: UnsafePointer<Float>?, _ stride: Int, _ count: Int, _ dx: UnsafeMutablePointer<Float>, _ step: Int
    ) {
        switch (x, stride, step) {
        case (nil, _, 1): for i in 0..<count { dx[i] += dy[i] }
        case (nil, _, 0): dx[0] += ChannelSums.sum(dy, count: count)
        case (nil, _, _): for i in 0..<count { dx[i * step] += dy[i] }
        case (let x?, 1, 1): for i in 0..<count { dx[i] += dy[i] * x[i] }
        case (let x?, 0, 1):
            let factor = x[0]
            for i in 0..<count { dx[i] += dy[i] * factor }
        case (let x?, 1, 0): dx[0] += ChannelSums.dot(dy, x, count: count)
        case (let x?, _, _): for i in 0..<count { dx[i * step] += dy[i] * x[i * stride] }
        }
    }

    /// Where an operand with these strides holds what the first output of a row reads; rows run along the last axis.
    private func start(ofRow row: Int, _ strides: [Int]) -> Int {
        var (rest, result) = (row, 0)
        for axis in extents.indices.dropLast().reversed() {
            result += rest % extents[axis] * strides[axis]
            rest /= extents[axis]
        }
        return result
    }
}

extension CopyKernel {
    /// Adds the gradients of the copies to those of their sources that are asked for; that of a constant gathers all samples.
    func backward(count: Int, dy: [UnsafeMutablePointer<Float>], dx: [UnsafeMutablePointer<Float>?]) {
        for image in 0..<count {
            for region in regions where region.extents.allSatisfy({ $0 > 0 }) {
                guard let dx = dx[region.input] else { continue }
                add(
                    dy[region.output] + image * outputSizes[region.output] + region.targetStart,
                    dx + image * inputSizes[region.input] + region.sourceStart, region, axis: 0)
            }
        }
    }

    private func add(_ y: UnsafePointer<Float>, _ x: UnsafeMutablePointer<Float>, _ region: Region, axis: Int) {
        guard axis < region.extents.count else {
            x.pointee += y.pointee
            return
        }
        let (count, from, to) = (region.extents[axis], region.targetStrides[axis], region.sourceStrides[axis])
        if axis == region.extents.count - 1 {
            for i in 0..<count { x[i * to] += y[i * from] }
        } else {
            for i in 0..<count { add(y + i * from, x + i * to, region, axis: axis + 1) }
        }
    }
}

extension SoftmaxKernel {
    /// dx += y∘(dy − Σ y·dy).
    func backward(count: Int, y: UnsafePointer<Float>, dy: UnsafePointer<Float>, dx: UnsafeMutablePointer<Float>) {
        for block in 0..<count * outer {
            for i in 0..<inner {
                let start = block * length * inner + i
                var mean: Float = 0
                for k in 0..<length { mean += y[start + k * inner] * dy[start + k * inner] }
                for k in 0..<length { dx[start + k * inner] += y[start + k * inner] * (dy[start + k * inner] - mean) }
            }
        }
    }
}
