/// Maximum over windows whose taps are apart, clipped to the image.
struct DilatedMaximumKernel: SampleKernel {
    let channels, height, width, outHeight, outWidth: Int
    let windowY, windowX, strideY, strideX, dilationY, dilationX, top, left: Int

    init(_ layer: Pooling, input: [Int], output: [Int]) {
        // A 1-D window is a 2-D one of height 1.
        let isFlat = input.count == 2
        (channels, height, width) = (input[0], isFlat ? 1 : input[1], input[isFlat ? 1 : 2])
        (outHeight, outWidth) = (isFlat ? 1 : output[1], output[isFlat ? 1 : 2])
        (windowY, windowX) = (isFlat ? 1 : layer.window[0], layer.window[isFlat ? 0 : 1])
        (strideY, strideX) = (isFlat ? 1 : layer.strides[0], layer.strides[isFlat ? 0 : 1])
        (dilationY, dilationX) = (isFlat ? 1 : layer.dilations[0], layer.dilations[isFlat ? 0 : 1])
        (top, left) = (isFlat ? 0 : layer.padding[0], layer.padding[isFlat ? 0 : 1])
    }

    func run(
        count: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafeMutablePointer<Float>], workspace: UnsafeMutablePointer<Float>
    ) {
        for plane in 0..<count * channels {
            let x = inputs[0] + plane * height * width, y = outputs[0] + plane * outHeight * outWidth
            for row in 0..<outHeight {
                for column in 0..<outWidth {
                    var best = -Float.infinity
                    for ky in 0..<windowY {
                        let i = row * strideY - top + ky * dilationY
                        guard i >= 0, i < height else { continue }
                        for kx in 0..<windowX {
                            let j = column * strideX - left + kx * dilationX
                            if j >= 0, j < width { best = x[i * width + j] > best ? x[i * width + j] : best }
                        }
                    }
                    y[row * outWidth + column] = best
                }
            }
        }
    }
}
