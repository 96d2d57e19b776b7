// Activations by name, for description files and reports.

extension Activation {
    /// Names that ``init(named:constant:)`` understands.
    public static let names = [
        "identity", "relu", "relu6", "leaky-relu", "clipped-relu", "gelu", "gelu-tanh", "tanh", "sigmoid", "silu", "hard-swish",
        "hard-sigmoid", "elu",
    ]

    /// - Parameter constant: the slope of `leaky-relu` (0.01), the bound of `clipped-relu` (6), the α of `elu` (1).
    public init?(named name: String, constant: Float? = nil) {
        switch name {
        case "identity": self = .identity
        case "relu": self = .relu
        case "relu6": self = .clippedReLU(maximum: 6)
        case "leaky-relu": self = .leakyReLU(slope: constant ?? 0.01)
        case "clipped-relu": self = .clippedReLU(maximum: constant ?? 6)
        case "gelu": self = .gelu(approximateTanh: false)
        case "gelu-tanh": self = .gelu(approximateTanh: true)
        case "tanh": self = .tanh
        case "sigmoid": self = .sigmoid
        case "silu": self = .silu
        case "hard-swish": self = .hardSwish
        case "hard-sigmoid": self = .hardSigmoid
        case "elu": self = .elu(alpha: constant ?? 1)
        default: return nil
        }
    }

    /// Name as in description files.
    public var name: String {
        switch self {
        case .identity: "identity"
        case .relu: "relu"
        case .leakyReLU: "leaky-relu"
        case .clippedReLU: "clipped-relu"
        case .gelu(let approximateTanh): approximateTanh ? "gelu-tanh" : "gelu"
        case .tanh: "tanh"
        case .sigmoid: "sigmoid"
        case .silu: "silu"
        case .hardSwish: "hard-swish"
        case .hardSigmoid: "hard-sigmoid"
        case .elu: "elu"
        case .function(let function): function.name
        }
    }
}
