// Activations in half of their memory: how far they may be off, and what stays as it is.

import NeuralNetworks
import Pruning
import TestSupport
import Testing

@Suite struct HeldActivationsTests {
    private func compacted(_ tensor: ActivationTensor) -> HeldActivations {
        var held = HeldActivations(tensor)
        held.compact()
        return held
    }

    /// Samples of one, a block's, and several blocks' and a part's values, at ordinary and extreme sizes.
    @Test(arguments: [1, 64, 200], [1e-36 as Float, 1, 1e29])
    func everyValueKeepsElevenBits(size: Int, scale: Float) throws {
        var generator = TestGenerator(seed: 3)
        // A few values are much larger or smaller than the others, and every fourth is zero, as behind a ReLU.
        let values = generator.normals(7 * size).enumerated().map { k, x in
            k % 4 == 0 ? 0 : scale * Float(k % 50 == 1 ? 100 * x : k % 50 == 3 ? x / 1e3 : x) / 100
        }
        let held = compacted(ActivationTensor(shape: [7, size], values: values))
        #expect(held.whole == nil)
        #expect(held.bytes == 7 * HeldActivations.bytes(ofValues: size, isCompact: true))
        for range in [0..<7, 2..<5, 6..<7] {
            let read = held.samples(range)
            #expect(read.shape == [range.count, size])
            for (value, exact) in zip(read.values, values[range.lowerBound * size..<range.upperBound * size]) {
                // Numbers below the least normal one become zeros.
                let allowed = max(exact.magnitude / 2048, exact.magnitude < .leastNormalMagnitude ? exact.magnitude : 0)
                #expect((value - exact).magnitude <= allowed, "\(exact)")
            }
        }
    }

    @Test func whatIsTooSmallBesideItsBlockIsZero() {
        let values: [Float] = [1, -0x1p-28, 0x1p-32, -0x1p-40, 0x1.ffep0, 0x1.fffp0, -0x1.fffp0, 0x1.002p0]
        #expect(compacted(ActivationTensor(shape: [1, 8], values: values)).samples(0..<1).values == [1, -0x1p-28, 0, 0, 2, 2, -2, 1])
    }

    @Test func whatIsNoNumberStaysAsItIs() {
        for odd in [Float.nan, .infinity, -.infinity, -.greatestFiniteMagnitude, 0x1p100] {
            var values = [Float](repeating: 0.3, count: 300)
            values[250] = odd
            let held = compacted(ActivationTensor(shape: [3, 100], values: values))
            #expect(held.whole?.values.map(\.bitPattern) == values.map(\.bitPattern))
            #expect(held.samples(0..<2).values == Array(values[..<200]))
        }
    }

    @Test func emptyTensorsAndZeros() {
        #expect(compacted(ActivationTensor(shape: [2, 0], values: [])).samples(0..<2).shape == [2, 0])
        #expect(
            compacted(ActivationTensor(shape: [1, 70], values: .init(repeating: 0, count: 70))).samples(0..<1).values.allSatisfy { $0 == 0 }
        )
        let tiny = ActivationTensor(shape: [1, 2], values: [.leastNonzeroMagnitude, -.leastNormalMagnitude / 9])
        #expect(compacted(tiny).samples(0..<1).values == [0, 0])
    }
}
