/// The adjoint of a convolution over one or two spatial axes: every input position adds a scaled kernel to the output.
public struct ConvolutionTranspose: Sendable, Equatable {
    /// Parameter of shape (in, out/groups, taps…).
    public var weight: String
    /// Parameter of shape (out).
    public var bias: String?
    /// Output positions from one input position to the next, per spatial axis.
    public var strides: [Int]
    /// Cropped from the output: top, left, bottom, right (1-D: left, right).
    public var padding: [Int]
    /// Added to the output's end, per axis.
    public var outputPadding: [Int]
    /// Output positions from one tap to the next, per spatial axis.
    public var dilations: [Int]
    /// Shares of the channels that are convolved apart.
    public var groups: Int

    /// A layer over parameters by name; lists have one number per spatial axis, the padding two.
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
