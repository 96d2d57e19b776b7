// Images of every kind that can be drawn for a network.

import NeuralNetworks
import RandomNumbers

/// What images are drawn from: a field of declared pixel statistics, dead leaves of the same, photographs.
struct ImageDrawing: Sendable {
    /// A kind of images, and for photographs how their pixels are scaled.
    struct Kind: Sendable, Equatable {
        var process: InputProvenance.ImageProcess
        var convention = PixelConvention.declared
    }

    let field: PixelField
    /// (channels, …) of one input.
    let shape: [Int]
    /// Shift and scale of the network's own normalization.
    private let shift: [Double]
    private let scale: [Double]
    /// What the pixels' mean and deviation say of their scale, where they are declared.
    private let prior: InputPrior?
    /// Pixels are bytes: the network scales them itself.
    private let areBytes: Bool
    /// Whether photographs may look like the network's data: inputs of as many channels. Three spectrograms side by side have them last,
    /// too (a detector of onsets lost all on photographs, error 4 in the place of 0.15), but are not square, and nobody declares pixels.
    let arePictures: Bool

    init(_ run: PruningRun, field: PixelField, shape: [Int]) {
        (self.field, self.shape) = (field, shape)
        (shift, scale) = (run.settings.inputShift, run.settings.inputScale)
        prior = run.settings.inputPrior
        areBytes = run.readsBytes
        let isDeclared = areBytes || !shift.isEmpty || !scale.isEmpty || !(prior?.hasNoMarginals ?? true)
        arePictures = PhotographCrops.serve(shape) && (!run.isTurned || isDeclared || shape[1] == shape[2])
    }

    /// Photographs where they have as many channels, in every convention that is possible, then what can be drawn for any shape.
    var kinds: [Kind] {
        var kinds: [Kind] = []
        if arePictures {
            kinds += conventions.map { Kind(process: .photographs, convention: $0) }
        }
        return kinds + [Kind(process: .deadLeaves), Kind(process: .field)]
    }

    /// How pixels may be scaled: as declared, by the normalization or by mean and deviation of the data; else in every usual way.
    private var conventions: [PixelConvention] {
        if !shift.isEmpty || !scale.isEmpty { return [.declared] }
        if areBytes, prior?.hasNoMarginals ?? true { return [.bytes] }
        guard let prior, !prior.hasNoMarginals else { return PixelConvention.undeclared(channels: shape[0]) }
        // Statistics of values in [0, 1] are below 1.
        return (prior.mean + prior.deviation).contains { $0.magnitude > 2 } ? [.bytes] : [.declared]
    }

    /// Draws images, (count, channels, …), those of photographs from some of them.
    func images(
        _ kind: Kind, count: Int, of photographs: ArraySlice<Photograph> = Photograph.shipped[...], using generator: inout SeededGenerator
    ) -> ActivationTensor {
        switch kind.process {
        case .photographs:
            return range(kind).scaled(PhotographCrops.images(count: count, shape: shape, of: photographs, using: &generator))
        case .deadLeaves: return field.images(DeadLeaves.latent(count: count, shape: shape, using: &generator))
        case .field: return field.images(field.draw(count: count, using: &generator))
        }
    }

    /// Least and largest values of a kind's pixels.
    func range(_ kind: Kind) -> PixelRange {
        kind.process == .photographs
            ? PixelRange(kind.convention, shift: shift, scale: scale, channels: shape[0]) : PixelRange(low: field.low, high: field.high)
    }
}
