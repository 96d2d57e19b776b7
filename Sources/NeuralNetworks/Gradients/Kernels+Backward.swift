// Adjoints of pooling, broadcasting, copies and softmax, and derivatives of activations.

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

extension BroadcastKernel {
    /// Adds to the gradient of every operand that varies with the sample.
    func backward(
        count: Int, values: [UnsafePointer<Float>], dy: UnsafePointer<Float>, gradients: [UnsafeMutablePointer<Float>]
    ) {
        let size = extents.reduce(1, *)
        for (index, operand) in operands.enumerated() where operand.sampleStride > 0 {
            for image in 0..<count {
                let dx = gradients[index] + image * operand.sampleStride
                let own = dy + image * size
                if operation == .add, operand.strides == CopyKernel.strides(extents) {
                    for i in 0..<size { dx[i] += own[i] }
                    continue
                }
                for i in 0..<size {
                    var factor: Float = 1
                    if operation == .multiply {
                        for (other, kernel) in operands.enumerated() where other != index {
                            factor *= values[other][image * kernel.sampleStride + offset(i, kernel.strides)]
                        }
                    }
                    dx[offset(i, operand.strides)] += factor * own[i]
                }
            }
        }
    }

    /// Where the operand with these strides holds what output element `i` reads.
    private func offset(_ i: Int, _ strides: [Int]) -> Int {
        var (rest, result) = (i, 0)
        for axis in extents.indices.reversed() {
            result += rest % extents[axis] * strides[axis]
            rest /= extents[axis]
        }
        return result
    }
}

extension CopyKernel {
    /// Adds the gradients of the copies to those of their sources; constants (size 0) get none.
    func backward(count: Int, dy: [UnsafeMutablePointer<Float>], dx: [UnsafeMutablePointer<Float>]) {
        for image in 0..<count {
            for region in regions where region.extents.allSatisfy({ $0 > 0 }) && inputSizes[region.input] > 0 {
                add(
                    dy[region.output] + image * outputSizes[region.output] + region.targetStart,
                    dx[region.input] + image * inputSizes[region.input] + region.sourceStart, region, axis: 0)
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

extension Activation {
    /// Whether φ'(x) is a function of φ(x), so that what precedes the activation need not be kept.
    var hasDerivativeFromOutput: Bool {
        switch self {
        case .identity, .relu, .clippedReLU, .tanh, .sigmoid: true
        case .leakyReLU(let slope): slope > 0
        case .elu(let alpha): alpha > 0
        case .gelu, .silu, .hardSwish, .hardSigmoid, .function: false
        }
    }

    /// dy ← dy∘φ' from the outputs y. Precondition: `hasDerivativeFromOutput`.
    func scaleByDerivative(_ dy: UnsafeMutablePointer<Float>, output y: UnsafePointer<Float>, count: Int) {
        switch self {
        case .relu:
            // Read before the choice: a load behind a condition would keep the loop scalar.
            for i in 0..<count {
                let slope = dy[i]
                dy[i] = y[i] > 0 ? slope : 0
            }
        case .leakyReLU(let slope): for i in 0..<count { dy[i] *= y[i] < 0 ? slope : 1 }
        case .clippedReLU(let maximum):
            for i in 0..<count {
                let slope = dy[i]
                dy[i] = y[i] > 0 && y[i] < maximum ? slope : 0
            }
        case .tanh: for i in 0..<count { dy[i] *= 1 - y[i] * y[i] }
        case .sigmoid: for i in 0..<count { dy[i] *= y[i] * (1 - y[i]) }
        case .elu(let alpha): for i in 0..<count { dy[i] *= y[i] < 0 ? y[i] + alpha : 1 }
        case .identity, .gelu, .silu, .hardSwish, .hardSigmoid, .function: break
        }
    }
}
