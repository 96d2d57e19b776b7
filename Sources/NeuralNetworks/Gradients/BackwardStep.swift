// The reverse of one evaluation step: gradients of its outputs are turned into gradients of its inputs and added there.

import LinearAlgebra

/// What has to be prepared once to run a step backwards.
struct BackwardStep: Sendable {
    /// For a convolution: the convolution that maps gradients of its output, spread by its strides, to those of its input.
    private let transposed: TransposedConvolution?
    let workspaceSize: Int

    /// - Throws: `unsupported` for steps without a derivative here.
    init(_ step: EvaluationPlan.Step, node: String) throws(NetworkError) {
        switch step.kernel {
        case .convolution(let kernel):
            let transposed = TransposedConvolution(of: kernel)
            self.transposed = transposed
            workspaceSize = transposed.workspaceSize
        case .normalization: throw .unsupported(node: node, operation: "the gradient of a layer normalization")
        case .attention: throw .unsupported(node: node, operation: "the gradient of attention")
        case .general(let kernel): throw .unsupported(node: node, operation: "the gradient of \(type(of: kernel))")
        case .dense, .channelAffine, .activation, .pooling, .globalAverage, .broadcast, .copy, .softmax:
            transposed = nil
            workspaceSize = 0
        }
    }

    /// Adds to the gradients of the inputs. Constants have storages of size 0 and get none.
    func run(
        _ step: EvaluationPlan.Step, count: Int, values: [UnsafeMutablePointer<Float>],
        gradients: [UnsafeMutablePointer<Float>], workspace: UnsafeMutablePointer<Float>
    ) {
        let (x, y) = (UnsafePointer(values[step.inputs[0]]), UnsafePointer(values[step.outputs[0]]))
        let (dx, dy) = (gradients[step.inputs[0]], gradients[step.outputs[0]])
        switch step.kernel {
        case .convolution(let kernel):
            let size = kernel.extents.outputs * kernel.extents.outHeight * kernel.extents.outWidth
            kernel.epilogue.backward(step, count: count * size, y: y, dy: dy, gradients: gradients)
            transposed?.run(count: count, dy: dy, dx: dx, workspace: workspace)
        case .dense(let kernel):
            let vectors = count * kernel.positions
            kernel.epilogue.backward(step, count: vectors * kernel.outputs, y: y, dy: dy, gradients: gradients)
            kernel.weight.withUnsafeBufferPointer { w in
                BLAS.gemm(
                    kernel.isTransposed ? .transposed : .normal, .normal, kernel.inputs, vectors, kernel.outputs, 1, w.baseAddress!,
                    kernel.isTransposed ? kernel.outputs : kernel.inputs, dy, kernel.outputs, 1, dx, kernel.inputs)
            }
        case .channelAffine(let kernel):
            kernel.activation.scaleByDerivative(dy, output: y, count: count * kernel.channels * kernel.positions)
            for image in 0..<count {
                for channel in 0..<kernel.channels {
                    let offset = (image * kernel.channels + channel) * kernel.positions
                    let a = kernel.scale[channel]
                    for i in offset..<offset + kernel.positions { dx[i] += a * dy[i] }
                }
            }
        case .activation(let activation, let size):
            if activation.hasDerivativeFromOutput {
                activation.scaleByDerivative(dy, output: y, count: count * size)
            } else {
                for i in 0..<count * size { dy[i] *= Float(activation.derivative(Double(x[i]))) }
            }
            for i in 0..<count * size { dx[i] += dy[i] }
        case .pooling(let kernel): kernel.backward(count: count, x: x, y: y, dy: dy, dx: dx)
        case .globalAverage(let kernel):
            let scale = 1 / Float(max(kernel.positions, 1))
            for plane in 0..<count * kernel.channels {
                let value = dy[plane] * scale
                for i in plane * kernel.positions..<(plane + 1) * kernel.positions { dx[i] += value }
            }
        case .broadcast(let kernel):
            let size = kernel.extents.reduce(1, *)
            kernel.activation.scaleByDerivative(dy, output: y, count: count * size)
            kernel.backward(
                count: count, values: step.inputs.map { UnsafePointer(values[$0]) }, dy: dy, gradients: step.inputs.map { gradients[$0] })
        case .copy(let kernel):
            kernel.backward(count: count, dy: step.outputs.map { gradients[$0] }, dx: step.inputs.map { gradients[$0] })
        case .softmax(let kernel): kernel.backward(count: count, y: y, dy: dy, dx: dx)
        case .normalization, .attention, .general: break
        }
    }
}

extension Epilogue {
    /// dy ← dy∘φ'; the residual, the second input of the step, gets its share.
    func backward(
        _ step: EvaluationPlan.Step, count: Int, y: UnsafePointer<Float>, dy: UnsafeMutablePointer<Float>,
        gradients: [UnsafeMutablePointer<Float>]
    ) {
        activation.scaleByDerivative(dy, output: y, count: count)
        guard addsResidual else { return }
        let residual = gradients[step.inputs[1]]
        for i in 0..<count { residual[i] += dy[i] }
    }
}

extension ChannelAffineKernel {
    /// dx += offset + slope·x per channel.
    func addSeed(_ seed: InputGradient.NormalizationSeed, count: Int, x: UnsafePointer<Float>, dx: UnsafeMutablePointer<Float>) {
        for image in 0..<count {
            for channel in 0..<channels {
                let start = (image * channels + channel) * positions
                let (a, b) = (seed.offset[channel], seed.slope[channel])
                for i in start..<start + positions { dx[i] += a + b * x[i] }
            }
        }
    }
}
