// What happens to a tile of outputs while it is still in registers: bias, residual, activation.

import LinearAlgebra

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// y ← φ(y + b + r).
struct Epilogue: Sendable {
    /// One value per output channel; empty for none.
    var bias: [Float] = []
    /// Whether a second operand is added before the activation.
    var addsResidual = false
    var activation: Activation = .identity

    /// What of the activation is applied in registers, and what to the stored values afterwards.
    var stored: StoredActivation {
        switch activation {
        case .relu: .clamp(low: 0, high: .infinity)
        case .clippedReLU(let maximum): .clamp(low: 0, high: maximum)
        case .leakyReLU(let slope): .leak(slope: slope)
        default: .none
        }
    }

    var rest: Activation { stored == .none ? activation : .identity }
}

extension Activation {
    /// Applies the nonlinearity in place.
    func apply(_ y: UnsafeMutablePointer<Float>, count: Int) {
        switch self {
        case .identity: break
        case .relu: RowKernels.apply(.relu, y, count: count)
        case .leakyReLU(let slope): RowKernels.apply(.leakyReLU(slope: slope), y, count: count)
        case .clippedReLU(let maximum): RowKernels.apply(.clippedReLU(maximum: maximum), y, count: count)
        case .gelu(let approximateTanh): RowKernels.apply(approximateTanh ? .geluTanh : .gelu, y, count: count)
        case .tanh: RowKernels.apply(.tanh, y, count: count)
        case .sigmoid: RowKernels.apply(.sigmoid, y, count: count)
        case .silu: RowKernels.apply(.silu, y, count: count)
        case .hardSwish: RowKernels.apply(.hardSwish, y, count: count)
        case .hardSigmoid: RowKernels.apply(.hardSigmoid, y, count: count)
        case .elu, .function: for i in 0..<count { y[i] = self(y[i]) }
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
