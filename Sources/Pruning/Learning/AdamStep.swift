// One step of Adam with warm-up and a cosine.
//
//     m ← β₁m + (1 − β₁)g,  s ← β₂s + (1 − β₂)g²,  v ← v − η·(m/(1 − β₁ᵏ))/(√(s/(1 − β₂ᵏ)) + ε)                (1)
// β = (.9, .99): runs are some hundred steps long, and squares must be forgotten within them.
// ε is relative to the largest slope: entries that nothing moves stay where they are.
// Source: Kingma & Ba, ICLR 2015; Loshchilov & Hutter, ICLR 2017 (cosine).

import Foundation

package enum AdamStep {
    private static let (decay, squareDecay): (Float, Float) = (0.9, 0.99)
    private static let relativeEpsilon: Float = 1e-6
    private static let warmUp = 10

    /// Share of the largest rate at a step.
    package static func schedule(step: Int, of steps: Int) -> Double {
        let rise = min(warmUp, max(1, steps / 10))
        if step < rise { return Double(step + 1) / Double(rise) }
        let share = Double(step - rise) / Double(max(1, steps - rise))
        return 0.5 * (1 + cos(Double.pi * share))
    }

    /// Applies (1) with slopes `g` of `state.values`.
    package static func apply(_ g: [Float], rate: Double, to state: inout LearningState) {
        state.momentSteps += 1
        let (b1, b2) = (1 - power(decay, state.momentSteps), 1 - power(squareDecay, state.momentSteps))
        let (eta, inverse) = (Float(rate) / b1, 1 / b2)
        let largest = g.reduce(Float(0)) { max($0, $1.magnitude) }
        let epsilon = max(relativeEpsilon * largest, .leastNormalMagnitude)
        let count = g.count
        state.values.withUnsafeMutableBufferPointer { v in
            state.first.withUnsafeMutableBufferPointer { m in
                state.second.withUnsafeMutableBufferPointer { s in
                    g.withUnsafeBufferPointer { g in
                        for i in 0..<count {
                            m[i] = decay * m[i] + (1 - decay) * g[i]
                            s[i] = squareDecay * s[i] + (1 - squareDecay) * g[i] * g[i]
                            v[i] -= eta * m[i] / ((s[i] * inverse).squareRoot() + epsilon)
                        }
                    }
                }
            }
        }
    }

    private static func power(_ base: Float, _ exponent: Int) -> Float {
        var (result, factor, rest) = (Double(1), Double(base), exponent)
        while rest > 0 {
            if rest & 1 == 1 { result *= factor }
            factor *= factor
            rest >>= 1
        }
        return Float(result)
    }
}
