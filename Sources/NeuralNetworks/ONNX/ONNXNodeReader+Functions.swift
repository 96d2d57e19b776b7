// Elementwise functions of one input, by the names ONNX has for them. Semantics: https://onnx.ai/onnx/operators.

extension ONNXNodeReader {
    /// The function that a node applies to its first input, with constants from attributes alone; `nil` for any other operation.
    func scalarFunction() throws(NetworkError) -> Activation? {
        func alpha(_ value: Float) throws(NetworkError) -> Float { try float("alpha") ?? value }
        switch operation {
        case "Relu": return .relu
        case "LeakyRelu": return .leakyReLU(slope: try alpha(0.01))
        case "Tanh": return .tanh
        case "Sigmoid": return .sigmoid
        case "Elu": return .elu(alpha: try alpha(1))
        case "Gelu", "com.microsoft.Gelu": return .gelu(approximateTanh: try string("approximate") == "tanh")
        case "com.microsoft.FastGelu": return input(1) == nil ? .gelu(approximateTanh: true) : nil
        case "com.microsoft.QuickGelu": return .function(.swish(beta: try alpha(1.702)))
        case "HardSwish": return .hardSwish
        case "Swish":
            let beta = try alpha(1)
            return beta == 1 ? .silu : .function(.swish(beta: beta))
        case "HardSigmoid":
            let slope = try alpha(0.2), offset = try float("beta") ?? 0.5
            return abs(slope - 1 / 6) < 1e-6 && offset == 0.5 ? .hardSigmoid : .function(.hardSigmoid(slope: slope, offset: offset))
        case "Abs": return .function(.absolute)
        case "Neg": return .function(.negation)
        case "Exp": return .function(.exponential)
        case "Log": return .function(.logarithm)
        case "Sqrt": return .function(.squareRoot)
        case "Reciprocal": return .function(.reciprocal)
        case "Erf": return .function(.errorFunction)
        case "Softplus": return .function(.softplus)
        case "Softsign": return .function(.softsign)
        case "Mish": return .function(.mish)
        case "Sin": return .function(.sine)
        case "Cos": return .function(.cosine)
        case "Tan": return .function(.tangent)
        case "Asin": return .function(.arcsine)
        case "Acos": return .function(.arccosine)
        case "Atan": return .function(.arctangent)
        case "Sinh": return .function(.hyperbolicSine)
        case "Cosh": return .function(.hyperbolicCosine)
        case "Asinh": return .function(.inverseHyperbolicSine)
        case "Acosh": return .function(.inverseHyperbolicCosine)
        case "Atanh": return .function(.inverseHyperbolicTangent)
        case "Round": return .function(.round)
        case "Floor": return .function(.floor)
        case "Ceil": return .function(.ceiling)
        case "Sign": return .function(.sign)
        case "Not": return .function(.not)
        case "IsNaN": return .function(.isNaN)
        case "IsInf":
            return .function(
                .isInfinite(positive: try integer("detect_positive") ?? 1 != 0, negative: try integer("detect_negative") ?? 1 != 0))
        case "Celu": return .function(.celu(alpha: try alpha(1)))
        case "Selu":
            return .function(
                .selu(alpha: try alpha(version < 6 ? 1.6732 : 1.673_263_2), gamma: try float("gamma") ?? (version < 6 ? 1.0507 : 1.050_701))
            )
        case "ThresholdedRelu": return .function(.thresholdedReLU(alpha: try alpha(1)))
        case "Shrink": return .function(.shrink(lambda: try float("lambd") ?? 0.5, bias: try float("bias") ?? 0))
        default: return nil
        }
    }

    /// The function of two or three inputs that a node is, whatever the inputs are.
    func elementwiseOperation() throws(NetworkError) -> ElementwiseOperation? {
        switch operation {
        case "Sub": return .subtract
        case "Div": return .divide
        case "Pow": return .power
        case "Min": return .minimum
        case "Max": return .maximum
        case "Mean": return .mean
        case "Mod": return .modulo(truncates: try integer("fmod") ?? 0 != 0)
        case "PRelu": return .parametricReLU
        // Bounds that only a run tells.
        case "Clip" where input(1) != nil: return input(2) == nil ? (wire.input.count == 2 ? .maximum : nil) : .clamp
        case "Where": return .select
        case "Equal": return .equal
        case "Less": return .less
        case "LessOrEqual": return .lessOrEqual
        case "Greater": return .greater
        case "GreaterOrEqual": return .greaterOrEqual
        case "And": return .and
        case "Or": return .or
        case "Xor": return .exclusiveOr
        default: return nil
        }
    }

    /// Whether the result is an integer or a truth value whatever the inputs are.
    var makesIntegers: Bool {
        [
            "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor", "Not", "IsNaN", "IsInf", "ArgMax", "ArgMin",
            "Shape", "Size", "NonZero",
        ].contains(operation)
    }
}
