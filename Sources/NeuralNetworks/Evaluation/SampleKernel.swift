/// What computes a step of the kinds that are rarely the bulk of a network: plain loops over samples.
///
/// Inputs of size 0 per sample are constants, the same for every sample: a kernel knows its operands' strides.
protocol SampleKernel: Sendable {
    /// Floats of scratch memory.
    var workspaceSize: Int { get }

    /// Computes `count` samples; inputs and outputs are their first values.
    func run(
        count: Int, inputs: [UnsafePointer<Float>], outputs: [UnsafeMutablePointer<Float>], workspace: UnsafeMutablePointer<Float>)
}

extension SampleKernel {
    var workspaceSize: Int { 0 }
}

/// How an operand is read when it is broadcast to the shape of the result.
struct BroadcastOperand: Sendable {
    /// Per axis of the result's sample, 0 where the operand repeats.
    var strides: [Int]
    /// Values per sample; 0 for a constant.
    var sampleStride: Int
}
