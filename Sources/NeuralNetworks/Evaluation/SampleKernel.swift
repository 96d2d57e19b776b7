/// What computes a step of the kinds that are rarely the bulk of a network: plain loops over samples.
///
/// Inputs of size 0 per sample are constants, the same for every sample: a kernel knows its operands' strides.
protocol SampleKernel: Sendable {
    /// Floats of scratch memory.
    var workspaceSize: Int { get }

    /// Computes `count` samples; inputs and outputs are their first values.
    func run(
        count: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafeMutablePointer<Float>], workspace: UnsafeMutablePointer<Float>)

    /// Floats of scratch memory on the way back.
    var gradientWorkspaceSize: Int { get }

    /// Adds to the gradients that are asked for.
    ///
    /// - Parameters:
    ///   - inputs, outputs: the values of the way forward.
    ///   - dy: complete gradients of the outputs.
    ///   - gradients: per input; that of a constant gathers all samples.
    ///   - tensors: of the layer's own trained tensors.
    func backward(
        count: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafePointer<Float>], dy: [UnsafePointer<Float>],
        gradients: [UnsafeMutablePointer<Float>?], tensors: TensorGradients, workspace: UnsafeMutablePointer<Float>)
}

extension SampleKernel {
    var workspaceSize: Int { 0 }
    var gradientWorkspaceSize: Int { 0 }
}

/// Where the gradients of a layer's trained tensors go; `nil` where they are not asked for.
struct TensorGradients {
    var weight: UnsafeMutablePointer<Float>?
    var bias: UnsafeMutablePointer<Float>?
    /// Of a recurrent layer: the weights of its own state.
    var recurrence: UnsafeMutablePointer<Float>?
    var peepholes: UnsafeMutablePointer<Float>?
}
