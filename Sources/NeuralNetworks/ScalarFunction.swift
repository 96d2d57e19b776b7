// Elementwise functions of one real number that are not named activations of trained layers: the rest of what ONNX has.

import LinearAlgebra

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// An elementwise function with its constants. Truth values are 1 and 0.
public enum ScalarFunction: Sendable, Equatable {
    case absolute, negation, exponential, logarithm, squareRoot, reciprocal, errorFunction
    case softplus, softsign, mish
    case sine, cosine, tangent, arcsine, arccosine, arctangent
    case hyperbolicSine, hyperbolicCosine, inverseHyperbolicSine, inverseHyperbolicCosine, inverseHyperbolicTangent
    /// To the nearest integer, halves to even.
    case round
    case floor, ceiling
    /// Towards zero, as a cast to an integer does.
    case truncation
    case sign, not, isNaN
    /// 1 for the infinities asked for.
    case isInfinite(positive: Bool, negative: Bool)
    /// Whether the number is not 0.
    case isNonzero
    /// max(z, 0) + min(α·(e^{z/α} − 1), 0).
    case celu(alpha: Float)
    /// γ·z, and γ·α·(e^z − 1) below 0.
    case selu(alpha: Float, gamma: Float)
    /// z above α, else 0.
    case thresholdedReLU(alpha: Float)
    /// min(max(slope·z + offset, 0), 1).
    case hardSigmoid(slope: Float, offset: Float)
    case clip(minimum: Float, maximum: Float)
    /// z·σ(β·z).
    case swish(beta: Float)
    /// z + bias below −λ, z − bias above λ, else 0.
    case shrink(lambda: Float, bias: Float)
    /// z^exponent.
    case power(exponent: Float)
    /// To a grid and back: scale·(clamp(round(z/scale) + zero, low, high) − zero).
    case quantized(scale: Float, zero: Float, minimum: Float, maximum: Float)

    /// f(z).
    package func value(_ z: Double) -> Double {
        switch self {
        case .absolute: return abs(z)
        case .negation: return -z
        case .exponential: return exp(z)
        case .logarithm: return log(z)
        case .squareRoot: return z.squareRoot()
        case .reciprocal: return 1 / z
        case .errorFunction: return erf(z)
        case .softplus: return Self.softplus(z)
        case .softsign: return z / (1 + abs(z))
        case .mish: return z * tanh(Self.softplus(z))
        case .sine: return sin(z)
        case .cosine: return cos(z)
        case .tangent: return tan(z)
        case .arcsine: return asin(z)
        case .arccosine: return acos(z)
        case .arctangent: return atan(z)
        case .hyperbolicSine: return sinh(z)
        case .hyperbolicCosine: return cosh(z)
        case .inverseHyperbolicSine: return asinh(z)
        case .inverseHyperbolicCosine: return acosh(z)
        case .inverseHyperbolicTangent: return atanh(z)
        case .round: return z.rounded(.toNearestOrEven)
        case .floor: return z.rounded(.down)
        case .ceiling: return z.rounded(.up)
        case .truncation: return z.rounded(.towardZero)
        case .sign: return z > 0 ? 1 : z < 0 ? -1 : z
        case .not: return z == 0 ? 1 : 0
        case .isNaN: return z.isNaN ? 1 : 0
        case .isInfinite(let positive, let negative): return z == .infinity && positive || z == -.infinity && negative ? 1 : 0
        case .isNonzero: return z == 0 ? 0 : 1
        case .celu(let alpha): return max(z, 0) + min(Double(alpha) * expm1(z / Double(alpha)), 0)
        case .selu(let alpha, let gamma): return z > 0 ? Double(gamma) * z : Double(gamma) * Double(alpha) * expm1(z)
        case .thresholdedReLU(let alpha): return z > Double(alpha) ? z : 0
        case .hardSigmoid(let slope, let offset): return min(max(Double(slope) * z + Double(offset), 0), 1)
        // A minimum above the maximum: ONNX returns the maximum.
        case .clip(let minimum, let maximum): return min(max(z, Double(minimum)), Double(maximum))
        case .swish(let beta): return z / (1 + exp(-Double(beta) * z))
        case .shrink(let lambda, let bias): return z < -Double(lambda) ? z + Double(bias) : z > Double(lambda) ? z - Double(bias) : 0
        case .power(let exponent): return exponent == 2 ? z * z : exponent == 0.5 ? z.squareRoot() : pow(z, Double(exponent))
        case .quantized(let scale, let zero, let minimum, let maximum):
            let step = (z / Double(scale)).rounded(.toNearestOrEven) + Double(zero)
            return Double(scale) * (min(max(step, Double(minimum)), Double(maximum)) - Double(zero))
        }
    }

    /// f'(z); the right-hand derivative at a kink, 0 where the function is a staircase. What is rounded to a grid is
    /// differentiated as if it were not, inside the grid (the straight-through estimate of Bengio et al., arXiv 1308.3432).
    package func derivative(_ z: Double) -> Double {
        switch self {
        case .absolute: return z >= 0 ? 1 : -1
        case .negation: return -1
        case .exponential: return exp(z)
        case .logarithm: return 1 / z
        case .squareRoot: return 0.5 / z.squareRoot()
        case .reciprocal: return -1 / (z * z)
        // 2/√π.
        case .errorFunction: return 1.128379167095512574 * exp(-z * z)
        case .softplus: return Self.logistic(z)
        case .softsign:
            let d = 1 + abs(z)
            return 1 / (d * d)
        case .mish:
            let t = tanh(Self.softplus(z))
            return t + z * (1 - t * t) * Self.logistic(z)
        case .sine: return cos(z)
        case .cosine: return -sin(z)
        case .tangent:
            let t = tan(z)
            return 1 + t * t
        case .arcsine: return 1 / (1 - z * z).squareRoot()
        case .arccosine: return -1 / (1 - z * z).squareRoot()
        case .arctangent: return 1 / (1 + z * z)
        case .hyperbolicSine: return cosh(z)
        case .hyperbolicCosine: return sinh(z)
        case .inverseHyperbolicSine: return 1 / (z * z + 1).squareRoot()
        case .inverseHyperbolicCosine: return 1 / (z * z - 1).squareRoot()
        case .inverseHyperbolicTangent: return 1 / (1 - z * z)
        case .round, .floor, .ceiling, .truncation, .sign, .not, .isNaN, .isInfinite, .isNonzero: return 0
        case .celu(let alpha): return z >= 0 ? 1 : exp(z / Double(alpha))
        case .selu(let alpha, let gamma): return z >= 0 ? Double(gamma) : Double(gamma) * Double(alpha) * exp(z)
        case .thresholdedReLU(let alpha): return z >= Double(alpha) ? 1 : 0
        case .hardSigmoid(let slope, let offset):
            let y = Double(slope) * z + Double(offset)
            return y >= 0 && y < 1 ? Double(slope) : 0
        case .clip(let minimum, let maximum): return z >= Double(minimum) && z < Double(maximum) ? 1 : 0
        case .swish(let beta):
            let s = Self.logistic(Double(beta) * z)
            return s + Double(beta) * z * s * (1 - s)
        case .shrink(let lambda, _): return abs(z) > Double(lambda) ? 1 : 0
        case .power(let exponent): return Double(exponent) * pow(z, Double(exponent) - 1)
        case .quantized(let scale, let zero, let minimum, let maximum):
            let step = z / Double(scale) + Double(zero)
            return step >= Double(minimum) && step <= Double(maximum) ? 1 : 0
        }
    }

    /// The function as people call it.
    public var name: String {
        switch self {
        case .absolute: "abs"
        case .negation: "neg"
        case .exponential: "exp"
        case .logarithm: "log"
        case .squareRoot: "sqrt"
        case .reciprocal: "reciprocal"
        case .errorFunction: "erf"
        case .softplus: "softplus"
        case .softsign: "softsign"
        case .mish: "mish"
        case .sine: "sin"
        case .cosine: "cos"
        case .tangent: "tan"
        case .arcsine: "asin"
        case .arccosine: "acos"
        case .arctangent: "atan"
        case .hyperbolicSine: "sinh"
        case .hyperbolicCosine: "cosh"
        case .inverseHyperbolicSine: "asinh"
        case .inverseHyperbolicCosine: "acosh"
        case .inverseHyperbolicTangent: "atanh"
        case .round: "round"
        case .floor: "floor"
        case .ceiling: "ceil"
        case .truncation: "truncate"
        case .sign: "sign"
        case .not: "not"
        case .isNaN: "is-nan"
        case .isInfinite: "is-inf"
        case .isNonzero: "is-nonzero"
        case .celu: "celu"
        case .selu: "selu"
        case .thresholdedReLU: "thresholded-relu"
        case .hardSigmoid: "hard-sigmoid"
        case .clip: "clip"
        case .swish: "swish"
        case .shrink: "shrink"
        case .power: "power"
        case .quantized: "quantize"
        }
    }

    /// log(1 + e^z) without overflow.
    private static func softplus(_ z: Double) -> Double { max(z, 0) + log1p(exp(-abs(z))) }

    private static func logistic(_ z: Double) -> Double {
        let e = exp(-abs(z))
        return z < 0 ? e / (1 + e) : 1 / (1 + e)
    }
}
