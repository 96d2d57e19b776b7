// Mixtures of given inputs, where there are fewer inputs than a refit has use for.
//
//     x = (1 − t)·x_i + t·x_j,   t ~ U(0, ½),   i in turn, j another one at random                           (1)
// A dense layer sees one place per input: 512 images say little about 300 regressors. The original network answers every mixture
// itself, so nothing is assumed about what lies between two images, except that the smaller network should agree there as well.
// Source: Zhang, Cissé, Dauphin & Lopez-Paz, ICLR 2018 (mixup, there with mixed labels).

import NeuralNetworks
import RandomNumbers

extension ActivationTensor {
    /// These samples, followed by mixtures of two of them up to `count` in all; unchanged with a single sample or enough of them.
    package func mixed(upTo count: Int, using generator: inout SeededGenerator) -> ActivationTensor {
        let (own, size) = (batchCount, sampleSize)
        guard own > 1, count > own else { return self }
        var values = self.values
        values.reserveCapacity(count * size)
        for k in own..<count {
            let i = k % own
            let other = Int.random(in: 0..<own - 1, using: &generator)
            let j = other < i ? other : other + 1
            let t = Float(generator.uniform() / 2)
            for p in 0..<size { values.append((1 - t) * values[i * size + p] + t * values[j * size + p]) }
        }
        return ActivationTensor(shape: [count] + sampleShape, values: values)
    }
}
