// The sampling of Mussay et al.: its probabilities by hand, its estimate unbiased.

import ReferenceImplementations
import TestSupport
import Testing

@Suite struct NeuronSamplingTests {
    @Test func probabilitiesAreWeightTimesNorm() {
        let p = NeuronSampling.probabilities(
            incoming: [[3, 4], [0, 0], [1, 0], [0, 2]], outgoing: [[1, -2], [5, 5], [0, 4], [-3, 1]])
        // 2·5, 5·0, 4·1, 3·2
        #expect(p == [0.5, 0, 0.2, 0.3])
        #expect(NeuronSampling.probabilities(incoming: [[0], [0]], outgoing: [[1], [1]]) == [0.5, 0.5])
        #expect(NeuronSampling.probabilities(incoming: [], outgoing: []).isEmpty)
    }

    @Test func factorsKeepSumsOnAverage() {
        var generator = TestGenerator(seed: 3)
        let probabilities = [0.4, 0.3, 0.2, 0.1, 0]
        let values = [1.0, -2, 3, 4, 5]
        var total = 0.0
        let rounds = 20_000
        for _ in 0..<rounds {
            let (kept, factors) = NeuronSampling.draw(2, probabilities: probabilities, using: &generator)
            #expect(kept.count == 2 && kept[0] < kept[1] && kept[1] < 4)
            total += zip(kept, factors).reduce(0) { $0 + values[$1.0] * $1.1 }
        }
        // Stopping at two different neurons biases little: about 1 − 4 + ... of Σ = 6 − 4 + … within a tenth.
        let exact = values.dropLast().reduce(0, +)
        #expect((total / Double(rounds) - exact).magnitude < 0.15 * exact)
        // All of them: every one is kept.
        #expect(NeuronSampling.draw(4, probabilities: probabilities, using: &generator).kept == [0, 1, 2, 3])
    }
}
