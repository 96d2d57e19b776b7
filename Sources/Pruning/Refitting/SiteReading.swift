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
        let (z, y) = targets(at: places, share: share)
        return (patches.regressors(of: pruned, at: places, outputShape: original.shape, share: share), z, y)
    }

    /// Planes that the consumer reads by 3×3 windows, where all places of an image are looked at.
    func windows(share: Int, placesPerInput: Int) -> WindowPlanes? {
        map == nil ? patches.windows(in: pruned.shape, share: share, placesPerInput: placesPerInput) : nil
    }

    /// All samples of one image under windows, and outputs of the original.
    func sample(_ windows: WindowPlanes, image: Int, share: Int) -> (read: WindowImage, y: Matrix) {
        let (z, y) = targets(at: (0..<windows.grid.count).map { SampledPlace(sample: image, place: $0) }, share: share)
        return (windows.image(image, of: pruned.values, targets: z), y)
    }

    /// Targets and outputs of one share without their regressors.
    func targets(at places: [SampledPlace], share: Int) -> (z: Matrix, y: Matrix) {
        var z =
            map.map {
                patches.products(of: patches.regressors(of: original, at: places, outputShape: original.shape, share: share), weights: $0)
            }
            ?? patches.values(of: original, at: places, share: share)
        var y = z
        let (first, q) = (share * patches.outputs, patches.outputs)
        forEachEntry(of: &y) { y, k, o in y[k] *= scale[first + o] }
        guard let branches else { return (z, y) }
        let before = patches.values(of: branches.before, at: places, share: share)
        let after = patches.values(of: branches.after, at: places, share: share)
        precondition(before.elements.count == z.elements.count && z.rows == q, "one value of a branch per target")
        before.elements.withUnsafeBufferPointer { before in
            after.elements.withUnsafeBufferPointer { after in
                forEachEntry(of: &z) { z, k, o in z[k] += (before[k] - after[k]) * inverseScale[first + o] }
                forEachEntry(of: &y) { y, k, _ in y[k] += before[k] }
            }
        }
        return (z, y)
    }

    private func forEachEntry(of matrix: inout Matrix, _ body: (UnsafeMutableBufferPointer<Double>, Int, Int) -> Void) {
        let (rows, columns) = (matrix.rows, matrix.columns)
        matrix.elements.withUnsafeMutableBufferPointer { values in
            for j in 0..<columns { for o in 0..<rows { body(values, j * rows + o, o) } }
        }
    }
}
