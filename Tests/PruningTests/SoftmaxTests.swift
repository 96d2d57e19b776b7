import Pruning
import Testing

@Suite struct SoftmaxTests {
    /// exp and log of (1) in plain loops, in Double.
    private func plain(_ z: [Double]) -> [Double] {
        let top = z.max() ?? 0
        let powers = z.map { ($0 - top).exponential }
        return powers.map { $0 / powers.reduce(0, +) }
    }

    @Test(arguments: [[0], [1, 1], [-3, 0.5, 2], [700, 710, -1e300], [-1e308, -1e308]] as [[Double]])
    func probabilitiesSumToOneLogarithmsBelongToThemNothingOverflows(_ z: [Double]) {
        var p = [Double](repeating: .nan, count: z.count)
        let (top, logarithm) = z.withUnsafeBufferPointer { z in
            p.withUnsafeMutableBufferPointer { Softmax.probabilities(of: z, into: $0) }
        }
        let tolerance = 8 * Double(z.count) * Double.ulpOfOne
        #expect((p.reduce(0, +) - 1).magnitude <= tolerance)
        for (value, expected) in zip(p, plain(z)) { #expect((value - expected).magnitude <= Double(1 << 14) * Double.ulpOfOne) }
        #expect(top == z.max() && logarithm >= 0 && logarithm.isFinite)
    }

    @Test func theResidualIsTheGradientOfTheLogProbability() {
        let z: [Float] = [0.25, -1, 2]
        var gradient = z
        gradient.withUnsafeMutableBufferPointer { Softmax.residual($0, target: 1) }
        let p = plain(z.map(Double.init))
        for k in z.indices { #expect((Double(gradient[k]) - ((k == 1 ? 1 : 0) - p[k])).magnitude < 1e-6) }
    }
}

extension Double {
    /// eˣ by its series, halving the argument first: a second opinion without the library's. Loses a bit at every squaring.
    fileprivate var exponential: Double {
        guard self > -745 else { return 0 }
        let halvings = 12
        let x = self / Double(1 << halvings)
        var (term, sum) = (1.0, 1.0)
        for k in 1...20 {
            term *= x / Double(k)
            sum += term
        }
        for _ in 0..<halvings { sum *= sum }
        return sum
    }
}
