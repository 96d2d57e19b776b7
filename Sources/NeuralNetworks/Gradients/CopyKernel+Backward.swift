// Adjoint of copies: gradients go back to where values came from.

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
