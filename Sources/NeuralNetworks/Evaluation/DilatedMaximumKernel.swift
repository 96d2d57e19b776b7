/// Maximum over windows whose taps are apart, clipped to the image.
struct DilatedMaximumKernel: SampleKernel {
    let channels, height, width, outHeight, outWidth: Int
    let windowY, windowX, strideY, strideX, dilationY, dilationX, top, left: Int

    init(channels: Int, window: SlidingWindow) {
        self.channels = channels
        (height, width) = (window.height, window.width)
        (outHeight, outWidth) = (window.outHeight, window.outWidth)
        (windowY, windowX) = (window.windowY, window.windowX)
        (strideY, strideX) = (window.strideY, window.strideX)
        (dilationY, dilationX) = (window.dilationY, window.dilationX)
        (top, left) = (window.top, window.left)
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
