// The reverse of one evaluation step: gradients of its outputs are turned into gradients of its inputs and of its trained
// tensors, and added there.

import LinearAlgebra

/// What has to be prepared once to run a step backwards.
struct BackwardStep: Sendable {
    private let convolution: ConvolutionGradient?
    private let parameters: StepParameters
    /// Per input of the step: whether anything asks for its gradient.
    private let wantsInput: [Bool]
    let workspaceSize: Int

    /// - Parameters:
    ///   - network: with shapes inferred; the step's kernel is that of its node.
    ///   - slots: where gradients of trained tensors go; empty for none.
    ///   - folded: the normalization that the step's layer takes up.
    ///   - wanted: by storage, whether a gradient is asked for.
    /// - Throws: `missingTensor`, `wrongTensorShape` for statistics of a batch normalization.
    init(
        _ step: EvaluationPlan.Step, in network: Network,
        slots: ParameterSlots = ParameterSlots(), folded: FoldedNormalization? = nil, wanted: [Bool]
    ) throws(NetworkError) {
        wantsInput = step.inputs.map { wanted[$0] }
        parameters = try StepParameters(step, in: network, slots: slots, folded: folded)
        switch step.kernel {
        case .convolution(let kernel):
            let gradient = ConvolutionGradient(of: kernel, wantsInput: wantsInput[0], wantsWeight: parameters.weight != nil)
            convolution = gradient
            workspaceSize = gradient.workspaceSize
        case .attention(let kernel):
            convolution = nil
            workspaceSize = kernel.gradientWorkspaceSize
        case .general(let kernel):
            convolution = nil
            workspaceSize = kernel.gradientWorkspaceSize
        case .dense, .channelAffine, .normalization, .activation, .pooling, .globalAverage, .broadcast, .copy, .softmax:
            convolution = nil
            workspaceSize = 0
        }
    }

    /// Whether the step passes anything on.
    var isNeeded: Bool { wantsInput.contains(true) || parameters.isWanted }

    /// Adds to the gradients of the inputs that are asked for, and to those of the trained tensors.
    ///
    /// - Parameters:
    ///   - values, gradients: first value of every storage; the gradient of the output is complete, and is overwritten.
    ///   - tensors: the flat gradient of all trained tensors.
    func run(
        _ step: EvaluationPlan.Step, count: Int, values: [UnsafeMutablePointer<Float>],
        gradients: [UnsafeMutablePointer<Float>], tensors: UnsafeMutablePointer<Float>, workspace: UnsafeMutablePointer<Float>
    ) {
        let (x, y) = (UnsafePointer(values[step.inputs[0]]), UnsafePointer(values[step.outputs[0]]))
        let dy = gradients[step.outputs[0]]
        let dx = wantsInput[0] ? gradients[step.inputs[0]] : nil
        let weight = parameters.weight.map { tensors + $0 }
        let bias = parameters.bias.map { tensors + $0 }
        switch step.kernel {
        case .convolution(let kernel):
            let plane = kernel.extents.outHeight * kernel.extents.outWidth
            backward(kernel.epilogue, step, count: count * kernel.extents.outputs * plane, y: y, dy: dy, gradients: gradients)
            if let bias { ChannelSums.add(dy, samples: count, channels: kernel.extents.outputs, positions: plane, to: bias) }
            convolution?.run(count: count, x: x, dy: dy, dx: dx, dw: weight, workspace: workspace)
        case .dense(let kernel):
            let vectors = count * kernel.positions
            guard vectors > 0 else { return }
            backward(kernel.epilogue, step, count: vectors * kernel.outputs, y: y, dy: dy, gradients: gradients)
            if let bias { ChannelSums.add(dy, samples: vectors, channels: kernel.outputs, positions: 1, to: bias) }
            kernel.backward(vectors: vectors, x: x, dy: dy, dx: dx, dw: weight)
        case .channelAffine(let kernel):
            kernel.activation.scaleByDerivative(dy, output: y, count: count * kernel.channels * kernel.positions)
            kernel.backward(count: count, x: x, dy: dy, dx: dx, parameters: parameters, tensors: tensors)
        case .normalization(let kernel): kernel.backward(count: count, x: x, dy: dy, dx: dx, scaleGradient: weight, shiftGradient: bias)
        case .activation(let activation, let size):
            guard let dx else { return }
            if activation.hasDerivativeFromOutput {
                activation.scaleByDerivative(dy, output: y, count: count * size)
            } else {
                activation.scaleByDerivative(dy, input: x, count: count * size)
            }
            for i in 0..<count * size { dx[i] += dy[i] }
        case .pooling(let kernel): if let dx { kernel.backward(count: count, x: x, y: y, dy: dy, dx: dx) }
        case .globalAverage(let kernel): if let dx { kernel.backward(count: count, dy: dy, dx: dx) }
        case .broadcast(let kernel):
            kernel.activation.scaleByDerivative(dy, output: y, count: count * kernel.rows.size)
            kernel.backward(
                count: count, values: step.inputs.map { UnsafePointer(values[$0]) }, dy: dy, gradients: targets(step, gradients, tensors))
        case .copy(let kernel):
            kernel.backward(count: count, dy: step.outputs.map { gradients[$0] }, dx: targets(step, gradients, tensors))
        case .softmax(let kernel): if let dx { kernel.backward(count: count, y: y, dy: dy, dx: dx) }
        case .attention(let kernel):
            kernel.backward(
                count: count, inputs: step.inputs.map { UnsafePointer(values[$0]) }, dy: dy, gradients: targets(step, gradients, tensors),
                workspace: workspace)
        case .general(let kernel):
            kernel.backward(
                count: count, inputs: step.inputs.map { UnsafePointer(values[$0]) },
                outputs: step.outputs.map { UnsafePointer(values[$0]) },
                dy: step.outputs.map { UnsafePointer(gradients[$0]) }, gradients: targets(step, gradients, tensors),
                tensors: TensorGradients(
                    weight: weight, bias: bias, recurrence: parameters.recurrence.map { tensors + $0 },
                    peepholes: parameters.peepholes.map { tensors + $0 }),
                workspace: workspace)
        }
    }

    /// Where the gradient of each input goes: an activation's, a trained tensor's that enters the graph as a value, or nowhere.
    private func targets(
        _ step: EvaluationPlan.Step, _ gradients: [UnsafeMutablePointer<Float>], _ tensors: UnsafeMutablePointer<Float>
    ) -> [UnsafeMutablePointer<Float>?] {
        step.inputs.indices.map { index in
            if let offset = parameters.constants[index] { return tensors + offset }
            return wantsInput[index] ? gradients[step.inputs[index]] : nil
        }
    }

    /// dy ← dy∘φ'; the residual, the second input of the step, gets its share.
    private func backward(
        _ epilogue: Epilogue, _ step: EvaluationPlan.Step, count: Int, y: UnsafePointer<Float>, dy: UnsafeMutablePointer<Float>,
        gradients: [UnsafeMutablePointer<Float>]
    ) {
        epilogue.activation.scaleByDerivative(dy, output: y, count: count)
        guard epilogue.addsResidual, wantsInput[1] else { return }
        let residual = gradients[step.inputs[1]]
        for i in 0..<count { residual[i] += dy[i] }
    }
}
