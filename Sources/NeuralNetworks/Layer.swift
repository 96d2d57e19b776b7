// What a node computes. A closed enum: every pass over a network is an exhaustive switch.
//
// Trained tensors live in `Network.parameters`; a layer names them. Shapes of activations are (batch, channels, spatial…)
// or (batch, …, features). Axes in layers count the batch axis as 0.

/// One operation of a network.
public enum Layer: Sendable, Equatable {
    case linear(Linear)
    case convolution(Convolution)
    case batchNormalization(BatchNormalization)
    /// Layer, RMS or group normalization over the channel axis: couples channels, is never folded.
    case normalization(Normalization)
    case activation(Activation)
    case pooling(Pooling)
    /// Mean over all spatial axes; keeps them as size 1, or drops them.
    case globalAveragePooling(keepsSpatialAxes: Bool)
    /// Elementwise sum of all inputs (broadcasting).
    case add
    /// Elementwise product of all inputs (broadcasting).
    case multiply
    case concatenation(axis: Int)
    /// Splits one input into parts of the given sizes along `axis`; as many outputs.
    case split(axis: Int, sizes: [Int])
    /// Everything from `axis` on becomes one axis.
    case flatten(axis: Int)
    case reshape(shape: [Int])
    case transpose(permutation: [Int])
    /// Zero (or constant) padding: amounts before and after, per axis.
    case padding(before: [Int], after: [Int], value: Float)
    /// Strided slice per axis: (start, end, step), end exclusive; full axes are (0, Int.max, 1).
    case slice([SliceRange])
    case softmax(axis: Int)
    /// Differences, quotients, comparisons, choices, … of inputs that broadcast.
    case elementwise(ElementwiseOperation)
    case reduction(Reduction)
    case alongAxis(AxisOperation, axis: Int)
    /// a·b over the last two axes of two values, (…, m, k)·(…, k, n); the axes before broadcast.
    case matrixProduct
    /// The given positions of an axis, in that order, with repetitions.
    case gather(axis: Int, indices: [Int])
    /// Rows of a table for a value of indices: (…) → (…, width). Parameter of shape (rows, width).
    case embedding(weight: String)
    case interpolation(Interpolation)
    case convolutionTranspose(ConvolutionTranspose)
    /// (c·b², h, w) → (c, h·b, w·b). `isColumnMajor`: channels are ordered (c, b, b), else (b, b, c).
    case depthToSpace(block: Int, isColumnMajor: Bool)
    /// (c, h·b, w·b) → (b·b·c, h, w).
    case spaceToDepth(block: Int)
    case recurrent(Recurrent)
    /// The extent of an axis, as one number.
    case extent(axis: Int)
    /// Nothing at inference: dropout, identity, casts between floating types.
    case identity
    /// A trained or fixed tensor entering the graph as a value.
    case constant(parameter: String)
    /// Multi-head self-attention core: inputs q, k, v of shape (batch, tokens, heads · headWidth).
    case attention(heads: Int, scale: Float)
    /// An operation this project does not know: kept whole, and everything it touches is kept whole.
    case barrier(operation: String)
}

/// y = W·x + b over the last axis.
public struct Linear: Sendable, Equatable {
    /// Parameter of shape (out, in), or (in, out) when `isTransposed`.
    public var weight: String
    /// Parameter of shape (out).
    public var bias: String?
    /// The weight is stored (in, out), as ONNX MatMul and Gemm without transB have it.
    public var isTransposed: Bool

    /// A layer over parameters by name; `bias` may be absent.
    public init(weight: String, bias: String?, isTransposed: Bool = false) {
        self.weight = weight
        self.bias = bias
        self.isTransposed = isTransposed
    }
}

/// Cross-correlation over one or two spatial axes; a 1-D convolution has kernel height 1 (`isOneDimensional`).
public struct Convolution: Sendable, Equatable {
    /// Parameter of shape (out, in/groups, kh, kw) or (out, in/groups, k).
    public var weight: String
    /// Parameter of shape (out).
    public var bias: String?
    /// Positions from one output to the next, per spatial axis.
    public var strides: [Int]
    /// Zero padding: top, left, bottom, right (1-D: left, right).
    public var padding: [Int]
    /// Positions from one tap to the next, per spatial axis.
    public var dilations: [Int]
    /// Shares of the channels that are convolved apart: inputs and outputs are multiples of it.
    public var groups: Int

    /// A layer over parameters by name; lists have one number per spatial axis, the padding two.
    public init(weight: String, bias: String?, strides: [Int], padding: [Int], dilations: [Int], groups: Int = 1) {
        self.weight = weight
        self.bias = bias
        self.strides = strides
        self.padding = padding
        self.dilations = dilations
        self.groups = groups
    }
}

/// y = γ·(x − mean)/√(variance + ε) + β per channel (axis 1), statistics frozen.
public struct BatchNormalization: Sendable, Equatable {
    /// Parameter γ of shape (channels); `nil` for 1.
    public var scale: String?
    /// Parameter β of shape (channels); `nil` for 0.
    public var shift: String?
    /// Parameter of shape (channels): the running mean.
    public var mean: String
    /// Parameter of shape (channels): the running variance.
    public var variance: String
    /// Added to the variance under the root.
    public var epsilon: Float

    /// A layer over parameters by name.
    public init(scale: String?, shift: String?, mean: String, variance: String, epsilon: Float) {
        self.scale = scale
        self.shift = shift
        self.mean = mean
        self.variance = variance
        self.epsilon = epsilon
    }

    /// √(variance + ε), by which the layer divides.
    package func deviation(_ variance: Float) -> Double { (Double(variance) + Double(epsilon)).squareRoot() }
}

/// Normalization whose statistics come from the activation itself.
public struct Normalization: Sendable, Equatable {
    /// What the statistics are taken over: all normalized axes; the same without a mean; a share of the channels; one channel.
    public enum Kind: Sendable, Equatable { case layer, rms, group(Int), instance }
    /// What the statistics are taken over.
    public var kind: Kind
    /// First normalized axis (layer, RMS); 1 for group and instance.
    public var axis: Int
    /// Parameter the normalized values are multiplied by; `nil` for 1.
    public var scale: String?
    /// Parameter that is added then; `nil` for 0.
    public var shift: String?
    /// Added to the variance under the root.
    public var epsilon: Float
    /// Positions of the scale that take part, ascending; all when `nil`. The others are zero, and no statistic knows of them: what a cut
    /// leaves, at full width.
    public var kept: [Int]?

    /// A layer over parameters by name.
    public init(kind: Kind, axis: Int, scale: String?, shift: String?, epsilon: Float, kept: [Int]? = nil) {
        self.kind = kind
        self.axis = axis
        self.scale = scale
        self.shift = shift
        self.epsilon = epsilon
        self.kept = kept
    }
}

/// Elementwise nonlinearity.
public enum Activation: Sendable, Equatable {
    case identity
    case relu
    case leakyReLU(slope: Float)
    case clippedReLU(maximum: Float)
    case gelu(approximateTanh: Bool)
    case tanh
    case sigmoid
    case silu
    case hardSwish
    case hardSigmoid
    case elu(alpha: Float)
    case function(ScalarFunction)

    /// φ(t·x) = t·φ(x) for t ≥ 0: outgoing weights may be folded into the incoming ones.
    public var isPositivelyHomogeneous: Bool {
        switch self {
        case .identity, .relu, .leakyReLU: true
        default: false
        }
    }

    /// φ(0) = 0: a channel whose input is cut contributes nothing.
    public var fixesZero: Bool {
        switch self {
        case .sigmoid, .hardSigmoid: false
        case .function(let function): function.value(0) == 0
        default: true
        }
    }
}

/// Windowed pooling over the spatial axes.
public struct Pooling: Sendable, Equatable {
    /// What is made of the values in a window.
    public enum Kind: Sendable, Equatable {
        case maximum, average(countsPadding: Bool)
        /// (Σ|x|^p)^(1/p).
        case norm(power: Int)
    }
    /// What is made of the values in a window.
    public var kind: Kind
    /// Extent of the window, per spatial axis.
    public var window: [Int]
    /// Positions from one window to the next, per spatial axis.
    public var strides: [Int]
    /// Top, left, bottom, right (1-D: left, right).
    public var padding: [Int]
    /// Whether the number of windows is rounded up: a last one may reach beyond the padding.
    public var ceilMode: Bool
    /// Steps between the taps of a maximum; empty for 1.
    public var dilations: [Int]

    /// A pooling; lists have one number per spatial axis, the padding two.
    public init(kind: Kind, window: [Int], strides: [Int], padding: [Int], ceilMode: Bool = false, dilations: [Int] = []) {
        self.dilations = dilations
        self.kind = kind
        self.window = window
        self.strides = strides
        self.padding = padding
        self.ceilMode = ceilMode
    }
}

/// A strided range of one axis; `end` is exclusive and may exceed the axis.
public struct SliceRange: Sendable, Equatable {
    /// First position; negative ones count from the end.
    public var start: Int
    /// The position behind the last one.
    public var end: Int
    /// From one position to the next, not 0; negative ones run backwards.
    public var step: Int

    /// The whole axis unless said otherwise.
    public init(start: Int = 0, end: Int = .max, step: Int = 1) {
        self.start = start
        self.end = end
        self.step = step
    }
}
