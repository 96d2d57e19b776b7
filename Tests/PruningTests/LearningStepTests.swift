// The pieces of a learning run: Adam, the loss, augmentation.

import NeuralNetworks
import Pruning
import RandomNumbers
import TestSupport
import Testing

@Suite struct LearningStepTests {
    @Test func adamFollowsItsFormula() {
        var generator = TestGenerator(seed: 2)
        let start = generator.normals(5).map(Float.init)
        let nothing = [Float](repeating: 0, count: 5)
        let error = HeldOutError(error: 1, tieBreak: 0)
        var state = LearningState(
            step: 0, values: start, first: nothing, second: nothing, momentSteps: 0, best: start, bestError: error, startError: error,
            rate: 1)
        var (m, s, v) = ([Double](repeating: 0, count: 5), [Double](repeating: 0, count: 5), start.map(Double.init))
        for k in 1...20 {
            let g = generator.normals(5)
            AdamStep.apply(g.map(Float.init), rate: 0.01, to: &state)
            for i in 0..<5 {
                m[i] = 0.9 * m[i] + 0.1 * g[i]
                s[i] = 0.99 * s[i] + 0.01 * g[i] * g[i]
                var (a, b) = (1.0, 1.0)
                for _ in 0..<k { (a, b) = (a * 0.9, b * 0.99) }
                v[i] -= 0.01 * (m[i] / (1 - a)) / (s[i] / (1 - b)).squareRoot()
            }
        }
        #expect(state.momentSteps == 20)
        for i in 0..<5 { #expect((Double(state.values[i]) - v[i]).magnitude < 1e-4) }
        // Where there is no slope, nothing moves.
        var still = state
        still.first = nothing
        still.second = nothing
        let before = still.values
        AdamStep.apply(nothing, rate: 1, to: &still)
        #expect(still.values == before)
    }

    @Test func rateRisesThenFalls() {
        let rates = (0..<200).map { AdamStep.schedule(step: $0, of: 200) }
        #expect(rates[0] == 0.1 && rates[9] == 1 && rates[10] == 1)
        #expect(zip(rates[10...], rates[11...]).allSatisfy { $0 >= $1 })
        #expect(rates[199] > 0 && rates[199] < 1e-3)
        #expect(AdamStep.schedule(step: 0, of: 1) == 1)
    }

    /// Slopes of every kind of loss against differences.
    @Test func lossHasItsSlope() {
        var generator = TestGenerator(seed: 4)
        let (t, y) = (generator.normals(6).map(Float.init), generator.normals(4).map(Float.init))
        let (s, z) = (generator.normals(6).map(Float.init), generator.normals(4).map(Float.init))
        for (centers, matches, labels) in [(false, false, false), (true, false, false), (true, true, false), (true, true, true)] {
            let loss = DistillationLoss(
                features: [2], outputs: [3], centersOutputs: centers, matchesProbabilities: matches, usesLabels: labels)
            func value(_ s: [Float], _ z: [Float]) -> (Double, [Float]) {
                var (ds, dz) = ([Float](repeating: 0, count: 6), [Float](repeating: 0, count: 4))
                let value = s.withUnsafeBufferPointer { s in
                    z.withUnsafeBufferPointer { z in
                        t.withUnsafeBufferPointer { t in
                            y.withUnsafeBufferPointer { y in
                                ds.withUnsafeMutableBufferPointer { ds in
                                    dz.withUnsafeMutableBufferPointer { dz in
                                        loss([s, z], targets: [t, y], label: labels ? 2 : nil, slopes: [ds, dz])
                                    }
                                }
                            }
                        }
                    }
                }
                return (value, ds + dz)
            }
            let slopes = value(s, z).1
            for i in 0..<10 {
                func moved(_ step: Float) -> Double {
                    var all = s + z
                    all[i] += step
                    return value(Array(all[..<6]), Array(all[6...])).0
                }
                let step: Float = 1e-2
                let difference = (moved(step) - moved(-step)) / Double(2 * step)
                #expect(
                    (difference - Double(slopes[i])).magnitude < 2e-3 * max(1, difference.magnitude), "\(centers) \(matches) \(labels) \(i)"
                )
            }
            // Logits count up to a shift; nothing else does.
            let shifted = value(s, z.map { $0 + 3 }).0
            if labels {
                #expect((shifted - value(s, z).0).magnitude < 1e-5)
            } else if centers {
                #expect((shifted - value(s, z).0).magnitude < 1e-4 * shifted)
            } else {
                #expect(shifted > value(s, z).0 + 1)
            }
        }
    }

    @Test func imagesAreFlippedShiftedAndMixed() {
        let images = ActivationTensor.random([6, 3, 16, 12], seed: 5)
        var plain = ImageAugmentation(
            channels: 3, height: 16, width: 12, outHeight: 16, outWidth: 12, reach: 2, flips: false, mixes: false)
        #expect(plain.resized(images, at: [4, 1]) == images.rows([4, 1]))
        var generator = SeededGenerator(seed: 1)
        let shifted = plain(images, at: Array(0..<6), using: &generator)
        #expect(shifted.shape == images.shape)
        // Every shifted pixel is a pixel of its image and channel.
        for plane in 0..<18 {
            let own = Set(images.values[plane * 192..<(plane + 1) * 192])
            #expect(shifted.values[plane * 192..<(plane + 1) * 192].allSatisfy(own.contains))
        }
        #expect(shifted != images)
        plain = plain.with(flips: true, reach: 2)
        generator = SeededGenerator(seed: 1)
        let flipped = plain(images, at: Array(0..<6), using: &generator)
        var flips = 0
        for sample in 0..<6 {
            let (a, b) = (shifted.rows([sample]).values, flipped.rows([sample]).values)
            let mirrored: [Float] = (0..<576).map { (i: Int) -> Float in
                let row = i / 12
                return a[12 * row + 11 - (i - 12 * row)]
            }
            #expect(b == a || b == mirrored)
            if b == mirrored { flips += 1 }
        }
        #expect(flips > 0 && flips < 6)
        // Mixtures stay within the range of what is mixed; the same seed draws the same.
        let mixing = ImageAugmentation(channels: 3, height: 80, width: 70, outHeight: 64, outWidth: 64, reach: 0, flips: true, mixes: true)
        let large = ActivationTensor.random([8, 3, 80, 70], seed: 6)
        generator = SeededGenerator(seed: 9)
        let mixed = mixing(large, at: Array(0..<8), using: &generator)
        generator = SeededGenerator(seed: 9)
        #expect(mixed == mixing(large, at: Array(0..<8), using: &generator))
        #expect(mixed.shape == [8, 3, 64, 64])
        let (low, high) = (large.values.min()!, large.values.max()!)
        #expect(mixed.values.allSatisfy { $0 >= low && $0 <= high })
    }

    @Test func shapesOfImagesAreRecognized() {
        #expect(ImageAugmentation.extents([28, 28])?.channels == 1)
        #expect(ImageAugmentation.extents([3, 32, 40])?.width == 40)
        #expect(ImageAugmentation.extents([784]) == nil)
        #expect(ImageAugmentation.extents([64, 7, 7]) == nil)
        #expect(ImageAugmentation.extents([3, 4, 4]) == nil)
        #expect(ImageAugmentation.extents([1, 3, 32, 32]) == nil)
    }

    /// Every input is used as often as any other.
    @Test func stepsTakeAllInputsInTurn() throws {
        let network = try Network.perceptron([1, 4, 2], seed: 1).inferringShapes()
        let inputs = ActivationTensor(shape: [40, 1], values: (0..<40).map(Float.init))
        let all = try LearningInputs([inputs], network: network, labels: Array(0..<40), settings: LearningSettings(seed: 7))
        #expect(all.heldOut.count == 8 && all.count == 32)
        #expect(Set(all.heldOut).isDisjoint(with: all.used))
        var seen: [Int: Int] = [:]
        for step in 0..<16 {
            let (tensors, labels) = all.batch(step, of: 6)
            #expect(tensors[0].values == labels.map(Float.init))
            for label in labels { seen[label, default: 0] += 1 }
        }
        #expect(Set(seen.keys) == Set(all.used))
        #expect(seen.values.allSatisfy { $0 == 3 })
    }
}
