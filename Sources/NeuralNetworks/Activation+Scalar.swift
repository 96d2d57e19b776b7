// Activations as functions of one real number.

import LinearAlgebra
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension Activation {
    /// φ(z).
    package func value(_ z: Double) -> Double {
        switch self {
        case .identity: z
        case .relu: max(z, 0)
        case .leakyReLU(let slope): z >= 0 ? z : Double(slope) * z
        case .clippedReLU(let maximum): min(max(z, 0), Double(maximum))
        case .gelu(approximateTanh: false): z * NormalDistribution.cumulative(z)
        case .gelu(approximateTanh: true):
            // √(2/π)·(z + 0.044715·z³), Hendrycks & Gimpel, arXiv 1606.08415.
            0.5 * z * (1 + hyperbolicTangent(0.797884560802865356 * (z + 0.044715 * z * z * z)))
        case .tanh: hyperbolicTangent(z)
        case .sigmoid: Activation.logistic(z)
        case .silu: z * Activation.logistic(z)
        case .hardSwish: z * min(max(z + 3, 0), 6) / 6
        case .hardSigmoid: min(max(z / 6 + 0.5, 0), 1)
        case .elu(let alpha): z >= 0 ? z : Double(alpha) * expm1(z)
        case .function(let function): function.value(z)
        }
    }

    /// φ'(z); the right-hand derivative at a kink.
    package func derivative(_ z: Double) -> Double {
        switch self {
        case .identity: return 1
        case .relu: return z >= 0 ? 1 : 0
        case .leakyReLU(let slope): return z >= 0 ? 1 : Double(slope)
        case .clippedReLU(let maximum): return z >= 0 && z < Double(maximum) ? 1 : 0
        case .gelu(approximateTanh: false): return NormalDistribution.cumulative(z) + z * NormalDistribution.density(z)
        case .gelu(approximateTanh: true):
            let c = 0.797884560802865356
            let t = hyperbolicTangent(c * (z + 0.044715 * z * z * z))
            return 0.5 * (1 + t) + 0.5 * z * (1 - t * t) * c * (1 + 3 * 0.044715 * z * z)
        case .tanh:
            let t = hyperbolicTangent(z)
            return 1 - t * t
        case .sigmoid:
            let s = Activation.logistic(z)
            return s * (1 - s)
        case .silu:
            let s = Activation.logistic(z)
            return s * (1 + z * (1 - s))
        case .hardSwish: return z < -3 ? 0 : z < 3 ? (2 * z + 3) / 6 : 1
        case .hardSigmoid: return z >= -3 && z < 3 ? 1.0 / 6 : 0
        case .elu(let alpha): return z >= 0 ? 1 : Double(alpha) * exp(z)
        case .function(let function): return function.derivative(z)
        }
    }

    private static func logistic(_ z: Double) -> Double {
        // The branch keeps exp from overflowing.
        if z >= 0 { return 1 / (1 + exp(-z)) }
        let e = exp(z)
        return e / (1 + e)
    }
}

/// The C library's tanh; inside `Activation` the bare name means the case.
@inline(__always)
private func hyperbolicTangent(_ z: Double) -> Double { tanh(z) }
