// Derivatives of activations over rows of values.

import LinearAlgebra

extension Activation {
    /// Whether φ'(x) is a function of φ(x), so that what precedes the activation need not be kept.
    var hasDerivativeFromOutput: Bool {
        switch self {
        case .identity, .relu, .clippedReLU, .tanh, .sigmoid: true
        case .leakyReLU(let slope): slope > 0
        case .elu(let alpha): alpha > 0
        case .gelu, .silu, .hardSwish, .hardSigmoid, .function: false
        }
    }

    /// dy ← dy∘φ' from the outputs y. Precondition: `hasDerivativeFromOutput`.
    func scaleByDerivative(_ dy: UnsafeMutablePointer<Float>, output y: UnsafePointer<Float>, count: Int) {
        switch self {
        case .relu: RowKernels.gate(dy, by: y, count: count)
        case .leakyReLU(let slope): for i in 0..<count { dy[i] *= y[i] < 0 ? slope : 1 }
        case .clippedReLU(let maximum):
            for i in 0..<count {
                let slope = dy[i]
                dy[i] = y[i] > 0 && y[i] < maximum ? slope : 0
            }
        case .tanh: for i in 0..<count { dy[i] *= 1 - y[i] * y[i] }
        case .sigmoid: for i in 0..<count { dy[i] *= y[i] * (1 - y[i]) }
        case .elu(let alpha): for i in 0..<count { dy[i] *= y[i] < 0 ? y[i] + alpha : 1 }
        case .identity, .gelu, .silu, .hardSwish, .hardSigmoid, .function: break
        }
    }

    /// dy ← dy∘φ' from the inputs x.
    func scaleByDerivative(_ dy: UnsafeMutablePointer<Float>, input x: UnsafePointer<Float>, count: Int) {
        switch self {
        case .silu:
            for i in 0..<count {
                let s = Activation.sigmoid(x[i])
                dy[i] *= s * (1 + x[i] * (1 - s))
            }
        case .hardSwish:
            for i in 0..<count {
                let v = x[i]
                dy[i] *= v < -3 ? 0 : v < 3 ? (2 * v + 3) / 6 : 1
            }
        case .hardSigmoid: for i in 0..<count { dy[i] *= x[i] >= -3 && x[i] < 3 ? 1 / 6 : 0 }
        case .identity, .relu, .leakyReLU, .clippedReLU, .gelu, .tanh, .sigmoid, .elu, .function:
            for i in 0..<count { dy[i] *= Float(derivative(Double(x[i]))) }
        }
    }
}
