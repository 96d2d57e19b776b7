// What happens to a block of outputs while it is still in cache: bias, residual, activation.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// y ← φ(y + b + r), applied in place to a row of contiguous values.
struct Epilogue: Sendable {
    /// One value per output channel; empty for none.
    var bias: [Float] = []
    /// Whether a second operand is added before the activation.
    var addsResidual = false
    var activation: Activation = .identity

    var isIdentity: Bool { bias.isEmpty && !addsResidual && activation == .identity }

    /// One channel's run of values.
    @inline(__always)
    func apply(_ y: UnsafeMutablePointer<Float>, count: Int, bias b: Float, residual: UnsafePointer<Float>?) {
        switch (activation, residual) {
        case (.relu, nil):
            for i in 0..<count {
                let v = y[i] + b
                y[i] = 0 > v ? 0 : v
            }
        case (.relu, let r?):
            for i in 0..<count {
                let v = y[i] + b + r[i]
                y[i] = 0 > v ? 0 : v
            }
        case (.identity, nil):
            if b != 0 { for i in 0..<count { y[i] += b } }
        case (.identity, let r?):
            for i in 0..<count { y[i] += b + r[i] }
        case (_, nil):
            if b != 0 { for i in 0..<count { y[i] += b } }
            activation.apply(y, count: count)
        case (_, let r?):
            for i in 0..<count { y[i] += b + r[i] }
            activation.apply(y, count: count)
        }
    }
}

extension Activation {
    /// Applies the nonlinearity in place.
    func apply(_ y: UnsafeMutablePointer<Float>, count: Int) {
        switch self {
        case .identity:
            break
        case .relu:
            for i in 0..<count { y[i] = 0 > y[i] ? 0 : y[i] }
        case .leakyReLU(let slope):
            for i in 0..<count { y[i] = y[i] < 0 ? slope * y[i] : y[i] }
        case .clippedReLU(let maximum):
            for i in 0..<count {
                let v = 0 > y[i] ? 0 : y[i]
                y[i] = maximum < v ? maximum : v
            }
        default:
            for i in 0..<count { y[i] = self(y[i]) }
        }
    }

    /// The nonlinearity at one point.
    public func callAsFunction(_ x: Float) -> Float {
        switch self {
        case .identity: x
        case .relu: 0 > x ? 0 : x
        case .leakyReLU(let slope): x < 0 ? slope * x : x
        case .clippedReLU(let maximum): 0 > x ? 0 : (maximum < x ? maximum : x)
        case .gelu(approximateTanh: false): 0.5 * x * (1 + erff(x * 0.70710678))
        case .gelu(approximateTanh: true): 0.5 * x * (1 + tanhf(0.79788456 * (x + 0.044715 * x * x * x)))
        case .tanh: tanhf(x)
        case .sigmoid: Self.logistic(x)
        case .silu: x * Self.logistic(x)
        case .hardSwish: x * min(max(x / 6 + 0.5, 0), 1)
        case .hardSigmoid: min(max(x / 6 + 0.5, 0), 1)
        case .elu(let alpha): x < 0 ? alpha * expm1f(x) : x
        case .function(let function): Float(function.value(Double(x)))
        }
    }

    /// 1/(1 + e⁻ˣ) without overflow.
    private static func logistic(_ x: Float) -> Float {
        let e = expf(-abs(x))
        return x < 0 ? e / (1 + e) : 1 / (1 + e)
    }
}
