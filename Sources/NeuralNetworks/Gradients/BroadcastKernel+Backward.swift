// Adjoint of sums and products with broadcasting.

extension BroadcastKernel {
    /// Adds to the gradients asked for; that of a constant gathers all samples.
    func backward(
        count: Int, values: [UnsafePointer<Float>], dy: UnsafePointer<Float>, gradients: [UnsafeMutablePointer<Float>?]
    ) {
        let (size, operands) = (rows.size, rows.operands)
        guard size > 0, let length = rows.extents.last else { return }
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
        for axis in rows.extents.indices.dropLast().reversed() {
            result += rest % rows.extents[axis] * strides[axis]
            rest /= rows.extents[axis]
        }
        return result
    }
}
