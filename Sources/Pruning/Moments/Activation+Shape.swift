// What the moment formulas know of the shape of an activation.

import NeuralNetworks

extension Activation {
    /// φ as intercept + slope·z + Σ weightⱼ·max(z − kneeⱼ, 0), when it is piecewise linear.
    var piecewiseLinear: PiecewiseLinear? {
        switch self {
        case .identity: PiecewiseLinear(intercept: 0, slope: 1, knees: [])
        case .relu: PiecewiseLinear(intercept: 0, slope: 0, knees: [(0, 1)])
        case .leakyReLU(let slope): PiecewiseLinear(intercept: 0, slope: Double(slope), knees: [(0, 1 - Double(slope))])
        case .clippedReLU(let maximum): PiecewiseLinear(intercept: 0, slope: 0, knees: [(0, 1), (Double(maximum), -1)])
        case .hardSigmoid: PiecewiseLinear(intercept: 0, slope: 0, knees: [(-3, 1.0 / 6), (3, -1.0 / 6)])
        case .gelu, .tanh, .sigmoid, .silu, .hardSwish, .elu, .function: nil
        }
    }

    /// Points z between which φ is smooth at unit scale; panel ends for quadrature.
    var quadratureBreaks: [Double] { [-16, -8, -4, -3, -2, -1, 0, 1, 2, 3, 4, 8, 16] }
}

/// intercept + slope·z + Σ weight·max(z − knee, 0).
struct PiecewiseLinear {
    var intercept: Double
    var slope: Double
    /// (knee, weight), knees ascending.
    var knees: [(knee: Double, weight: Double)]
}
