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
    @Test(arguments: [1, 64, 200], [1e-30 as Float, 1, 1e36])
    func everyValueIsOffByHalfAUnitAtMost(size: Int, scale: Float) throws {
        var generator = TestGenerator(seed: 3)
        // A few values are much larger than the others, and every fourth is zero, as behind a ReLU.
        let values = generator.normals(7 * size).enumerated().map { k, x in
            k % 4 == 0 ? 0 : scale * Float(k % 50 == 1 ? 9 * x : x / 20) / 10
        }
        let tensor = ActivationTensor(shape: [7, size], values: values)
        let held = compacted(tensor)
        #expect(held.whole == nil)
        #expect(held.bytes == 7 * HeldActivations.bytes(ofValues: size, isCompact: true))
        for range in [0..<7, 2..<5, 6..<7] {
            let read = held.samples(range)
            #expect(read.shape == [range.count, size])
            for (k, value) in read.values.enumerated() {
                let (sample, place) = (range.lowerBound + k / size, k % size)
                let block = sample * size + place / 64 * 64..<sample * size + min(size, (place / 64 + 1) * 64)
                let largest = values[block].reduce(0) { max($0, $1.magnitude) }
                let exact = values[sample * size + place]
                #expect((value - exact).magnitude <= largest / 32767 * 0.51, "\(exact)")
                if exact == 0 { #expect(value == 0) }
            }
        }
    }

    @Test func whatIsNoNumberStaysAsItIs() {
        for odd in [Float.nan, .infinity, -.infinity] {
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
        // Below the least normal number times 32767 a block counts as zeros.
        let tiny = compacted(ActivationTensor(shape: [1, 2], values: [.leastNonzeroMagnitude, -.leastNormalMagnitude / 9])).samples(0..<1).values
        #expect(tiny.allSatisfy { $0.magnitude < .leastNormalMagnitude })
    }
}
