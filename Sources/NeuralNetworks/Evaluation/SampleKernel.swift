/// What computes a step of the kinds that are rarely the bulk of a network: plain loops over samples.
///
/// Inputs of size 0 per sample are constants, the same for every sample: a kernel knows its operands' strides.
protocol SampleKernel: Sendable {
    /// Floats of scratch memory.
    var workspaceSize: Int { get }

    /// Computes `count` samples; inputs and outputs are their first values.
    func run(
        count: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafeMutablePointer<Float>], workspace: UnsafeMutablePointer<Float>)

    /// Into how many parts a sample can be cut that threads share: 1 where it is never cut. Results do not depend on it.
    var partCount: Int { get }

    /// One of the parts of one sample; inputs and outputs are its first values.
    func run(
        part: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafeMutablePointer<Float>], workspace: UnsafeMutablePointer<Float>)

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
    var partCount: Int { 1 }
    var gradientWorkspaceSize: Int { 0 }

    func run(
        part: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafeMutablePointer<Float>], workspace: UnsafeMutablePointer<Float>
    ) {
        run(count: 1, inputs: inputs, outputs: outputs, workspace: workspace)
    }
}

/// Where the gradients of a layer's trained tensors go; `nil` where they are not asked for.
struct TensorGradients {
    var weight: UnsafeMutablePointer<Float>?
    var bias: UnsafeMutablePointer<Float>?
    /// Of a recurrent layer: the weights of its own state.
    var recurrence: UnsafeMutablePointer<Float>?
    var peepholes: UnsafeMutablePointer<Float>?
}
