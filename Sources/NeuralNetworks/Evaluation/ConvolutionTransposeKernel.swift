// Transposed convolution of one image: one product for all taps, then every position adds its scaled kernel to the output.

import LinearAlgebra

struct ConvolutionTransposeKernel: SampleKernel {
    let inputChannels, height, width: Int
    let outputChannels, outHeight, outWidth: Int
    let kernelHeight, kernelWidth: Int
    let strideY, strideX, dilationY, dilationX, top, left: Int
    let groups: Int
    /// (in, out/groups, rows, columns).
    let weight: [Float]
    /// One per output channel, or empty.
    let bias: [Float]

    /// Taps of one group's outputs.
    var columns: Int { outputChannels / groups * kernelHeight * kernelWidth }

    /// One part's columns.
    var workspaceSize: Int { outputsOfPart * kernelHeight * kernelWidth * height * width }

    /// Multiply–adds of a part at least, about 10 µs; its columns are read while they are in the second level of the cache.
    private static let partWork = 1 << 19

    /// Outputs of a part, all of one group. How work is cut depends on the sizes alone: BLAS sums by the shape of a product.
    private var outputsOfPart: Int {
        let work = max(1, kernelHeight * kernelWidth * height * width * inputChannels / groups)
        return max(1, min(outputChannels / groups, (Self.partWork + work - 1) / work))
    }

    private var partsOfGroup: Int { (outputChannels / groups + outputsOfPart - 1) / outputsOfPart }

    var partCount: Int { groups * partsOfGroup }

    func run(
        count: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafeMutablePointer<Float>], workspace: UnsafeMutablePointer<Float>
    ) {
        let (inputSize, outputSize) = (inputChannels * height * width, outputChannels * outHeight * outWidth)
        for sample in 0..<count {
            for part in 0..<partCount {
                run(part: part, inputs: [inputs[0] + sample * inputSize], outputs: [outputs[0] + sample * outputSize], workspace: workspace)
            }
        }
    }

    func run(
        part: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafeMutablePointer<Float>], workspace: UnsafeMutablePointer<Float>
    ) {
        let positions = height * width, plane = outHeight * outWidth, taps = kernelHeight * kernelWidth
        let (groupInputs, groupOutputs) = (inputChannels / groups, outputChannels / groups)
        let (group, index) = part.quotientAndRemainder(dividingBy: partsOfGroup)
        let chosen = index * outputsOfPart..<min(groupOutputs, (index + 1) * outputsOfPart)
        weight.withUnsafeBufferPointer { w in
            // Column-major: positions × columns = X (positions × inputs) · Wᵀ (columns × inputs)ᵀ.
            BLAS.gemm(
                .normal, .transposed, positions, chosen.count * taps, groupInputs, 1, inputs[0] + group * groupInputs * positions,
                positions, w.baseAddress! + group * groupInputs * columns + chosen.lowerBound * taps, columns, 0, workspace, positions)
        }
        for (place, output) in chosen.enumerated() {
            let channel = group * groupOutputs + output
            let target = outputs[0] + channel * plane
            target.update(repeating: bias.isEmpty ? 0 : bias[channel], count: plane)
            for ky in 0..<kernelHeight {
                for kx in 0..<kernelWidth {
                    add(workspace + (place * taps + ky * kernelWidth + kx) * positions, ky, kx, to: target)
                }
            }
        }
    }

    private func add(_ column: UnsafePointer<Float>, _ ky: Int, _ kx: Int, to plane: UnsafeMutablePointer<Float>) {
        // The columns of the input whose tap falls inside of the output.
        let shift = kx * dilationX - left
        let low = shift >= 0 ? 0 : (strideX - 1 - shift) / strideX
        let high = min(width, (outWidth - 1 - shift + strideX) / strideX)
        guard low < high else { return }
        for row in 0..<height {
            let y = row * strideY + ky * dilationY - top
            guard y >= 0, y < outHeight else { continue }
            let (line, source) = (plane + y * outWidth + shift, column + row * width)
            if strideX == 1 {
                RowKernels.add(source + low, count: high - low, to: line + low)
            } else {
                for i in low..<high { line[i * strideX] += source[i] }
            }
        }
    }
}
