// Minimization of smooth and kinked functions, and of functions that have no value somewhere.

import LinearAlgebra
import Testing

@Suite struct LimitedMemoryBFGSTests {
    @Test func aCurvedValleyIsFollowedToItsEnd() {
        let found = LimitedMemoryBFGS.minimize(from: [-1.2, 1, -1.2, 1], evaluations: 400, tolerance: 0) { x in
            var (value, gradient) = (0.0, [Double](repeating: 0, count: 4))
            for k in 0..<3 {
                let (a, b) = (1 - x[k], x[k + 1] - x[k] * x[k])
                value += a * a + 100 * b * b
                gradient[k] += -2 * a - 400 * x[k] * b
                gradient[k + 1] += 200 * b
            }
            return (value, gradient)
        }
        for x in found { #expect((x - 1).magnitude < 1e-6, "\(found)") }
    }

    @Test func kinksTrapsAndBounds() {
        // |x| + 3|y| is not differentiable where it is least.
        let kinked = LimitedMemoryBFGS.minimize(from: [3, -2], evaluations: 200, tolerance: 0) { x in
            (x[0].magnitude + 3 * x[1].magnitude, [x[0] < 0 ? -1 : 1, x[1] < 0 ? -3 : 3])
        }
        #expect(kinked[0].magnitude + 3 * kinked[1].magnitude < 0.05, "\(kinked)")
        for evaluations in [0, 1, 2, 7] {
            var calls = 0
            _ = LimitedMemoryBFGS.minimize(from: [5, 5], evaluations: evaluations, tolerance: 0) { x in
                calls += 1
                return (x[0] * x[0] + 9 * x[1] * x[1], [2 * x[0], 18 * x[1]])
            }
            #expect(calls <= evaluations)
        }
        // Nothing finite, or a gradient that points uphill: the start comes back.
        #expect(LimitedMemoryBFGS.minimize(from: [1], evaluations: 50, tolerance: 0) { _ in (.nan, [1]) } == [1])
        #expect(LimitedMemoryBFGS.minimize(from: [1], evaluations: 50, tolerance: 0) { x in (x[0], [-1]) } == [1])
        #expect(LimitedMemoryBFGS.minimize(from: [], evaluations: 50, tolerance: 0) { _ in (0, []) } == [])
        // Beyond a wall the function has no value.
        let walled = LimitedMemoryBFGS.minimize(from: [0.5], evaluations: 100, tolerance: 0) { x in
            x[0] < 1 ? ((x[0] - 0.9) * (x[0] - 0.9), [2 * (x[0] - 0.9)]) : (.nan, [.nan])
        }
        #expect((walled[0] - 0.9).magnitude < 1e-6)
    }
}
