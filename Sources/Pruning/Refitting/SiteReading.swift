// What both networks hold of a batch of inputs at a site, and the samples that it is at some places.

import LinearAlgebra
import NeuralNetworks

/// Values of a batch at a site.
struct SiteReading: Sendable {
    private let patches: ConsumerPatches
    private let scale, inverseScale: [Double]
    /// Weights of a projection's map: `original` is then what it reads, and otherwise what the consumer makes.
    private let map: Matrix?
    private let original, pruned: ActivationTensor
    /// The other branch in the original and in the pruned network.
    private let branches: (before: ActivationTensor, after: ActivationTensor)?

    init(
        site: Site, map: Matrix?, original: ActivationTensor, pruned: ActivationTensor,
        branches: (before: ActivationTensor, after: ActivationTensor)?
    ) {
        patches = site.patches
        (scale, inverseScale) = (site.path.scale, site.path.inverseScale)
        (self.map, self.original, self.pruned, self.branches) = (map, original, pruned, branches)
    }

    /// Samples of one share as columns: regressors h in the pruned network, targets z* and outputs y = scale·z + r of the original.
    ///
    /// z* is what the original computes, and what the pruned network owes on the other branch.
    func samples(at places: [SampledPlace], share: Int) -> (h: Matrix, z: Matrix, y: Matrix) {
        let h = patches.regressors(of: pruned, at: places, outputShape: original.shape, share: share)
        var z =
            map.map {
                patches.products(of: patches.regressors(of: original, at: places, outputShape: original.shape, share: share), weights: $0)
            }
            ?? patches.values(of: original, at: places, share: share)
        var y = z
        let (first, q) = (share * patches.outputs, patches.outputs)
        forEachEntry(of: &y) { y, k, o in y[k] *= scale[first + o] }
        guard let branches else { return (h, z, y) }
        let before = patches.values(of: branches.before, at: places, share: share)
        let after = patches.values(of: branches.after, at: places, share: share)
        precondition(before.elements.count == z.elements.count && z.rows == q, "one value of a branch per target")
        before.elements.withUnsafeBufferPointer { before in
            after.elements.withUnsafeBufferPointer { after in
                forEachEntry(of: &z) { z, k, o in z[k] += (before[k] - after[k]) * inverseScale[first + o] }
                forEachEntry(of: &y) { y, k, _ in y[k] += before[k] }
            }
        }
        return (h, z, y)
    }

    private func forEachEntry(of matrix: inout Matrix, _ body: (UnsafeMutableBufferPointer<Double>, Int, Int) -> Void) {
        let (rows, columns) = (matrix.rows, matrix.columns)
        matrix.elements.withUnsafeMutableBufferPointer { values in
            for j in 0..<columns { for o in 0..<rows { body(values, j * rows + o, o) } }
        }
    }
}
