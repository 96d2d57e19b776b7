/// The adjoint of a convolution over one or two spatial axes: every input position adds a scaled kernel to the output.
public struct ConvolutionTranspose: Sendable, Equatable {
    /// Parameter of shape (in, out/groups, taps…).
    public var weight: String
    /// Parameter of shape (out).
    public var bias: String?
    public var strides: [Int]
    /// Cropped from the output: top, left, bottom, right (1-D: left, right).
    public var padding: [Int]
    /// Added to the output's end, per axis.
    public var outputPadding: [Int]
    public var dilations: [Int]
    public var groups: Int

    public init(
        weight: String, bias: String?, strides: [Int], padding: [Int], outputPadding: [Int], dilations: [Int], groups: Int = 1
    ) {
        self.weight = weight
        self.bias = bias
        self.strides = strides
        self.padding = padding
        self.outputPadding = outputPadding
        self.dilations = dilations
        self.groups = groups
    }
}
