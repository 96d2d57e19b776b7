// Adjoint of pooling over windows.

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
