// Concatenation, split, slice, transpose and padding: copies of strided regions.

struct CopyKernel: Sendable {
    /// A box of `extents` read from one place and written to another, each with its own strides.
    struct Region: Sendable {
        var input: Int
        var output: Int
        var extents: [Int]
        var sourceStart: Int
        var sourceStrides: [Int]
        var targetStart: Int
        var targetStrides: [Int]
    }

    let regions: [Region]
    /// Values per sample of each input (0 for a constant) and output.
    let inputSizes: [Int]
    let outputSizes: [Int]
    /// Written everywhere first, when the regions do not cover the output.
    let fill: Float?

    func run(count: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafeMutablePointer<Float>]) {
        for image in 0..<count {
            if let fill {
                for (output, size) in zip(outputs, outputSizes) { (output + image * size).update(repeating: fill, count: size) }
            }
            for region in regions where region.extents.allSatisfy({ $0 > 0 }) {
                copy(
                    inputs[region.input] + image * inputSizes[region.input] + region.sourceStart,
                    outputs[region.output] + image * outputSizes[region.output] + region.targetStart, region, axis: 0)
            }
        }
    }

    private func copy(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ region: Region, axis: Int) {
        guard axis < region.extents.count else {
            y.pointee = x.pointee
            return
        }
        let (count, from, to) = (region.extents[axis], region.sourceStrides[axis], region.targetStrides[axis])
        if axis == region.extents.count - 1 {
            if from == 1 && to == 1 {
                y.update(from: x, count: count)
            } else {
                for i in 0..<count { y[i * to] = x[i * from] }
            }
        } else {
            for i in 0..<count { copy(x + i * from, y + i * to, region, axis: axis + 1) }
        }
    }

    /// Row-major strides of a shape.
    static func strides(_ shape: [Int]) -> [Int] {
        var strides = [Int](repeating: 1, count: shape.count)
        for axis in shape.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * shape[axis + 1] }
        return strides
    }
}
