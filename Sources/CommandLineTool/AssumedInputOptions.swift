// What is known of inputs that nobody gives.

import ArgumentParser
import Pruning

extension InputModel: ExpressibleByArgument {}

/// `--input-model` and what it draws from.
struct AssumedInputOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Mean of the data's inputs in raw units, one value or one per channel.", valueName: "m"))
    var inputMean: NumberList?

    @Option(help: ArgumentHelp("Standard deviation of the data's inputs in raw units.", valueName: "s"))
    var inputStd: NumberList?

    @Option(help: ArgumentHelp("Correlation of neighboring pixels.", valueName: "r"))
    var inputCorrelation: Double?

    @Option(help: ArgumentHelp("Shape of one input, e.g. 3,32,32; inferred when absent.", valueName: "c,h,w"))
    var inputShape: NumberList?

    @Option(help: "Where the activations' statistics come from.")
    var inputModel: InputModel?

    @Option(help: "Inputs drawn by the models that sample; for a dense network also images with their mixtures.")
    var samples: Int?

    func validate() throws {
        if let samples, samples < 1 { throw ValidationError("expected --samples of at least 1, found \(samples)") }
        if let correlation = inputCorrelation, !(correlation >= 0 && correlation < 1) {
            throw ValidationError("expected --input-correlation in 0 ..< 1, found \(correlation)")
        }
        if let inputStd, !inputStd.values.allSatisfy({ $0 > 0 }) {
            throw ValidationError("expected positive values in --input-std, found \(inputStd.text)")
        }
        if let inputShape, !inputShape.values.allSatisfy({ $0 >= 1 && $0 == $0.rounded() && $0 < 1e9 }) {
            throw ValidationError("expected positive whole numbers in --input-shape, found \(inputShape.text)")
        }
    }

    /// The shape asked for, without the batch axis.
    var shape: [Int]? { inputShape?.values.map { Int($0) } }

    /// Puts what is declared into settings, for images scaled by `images`.
    func apply(to settings: inout PruningSettings, images: ImageOptions) {
        if let inputModel { settings.inputModel = inputModel }
        if inputMean != nil || inputStd != nil || inputCorrelation != nil {
            // Declaring a part leaves the rest at what the network's own normalization implies.
            settings.inputPrior = InputPrior(
                mean: inputMean?.values ?? [], deviation: inputStd?.values ?? [],
                correlation: inputCorrelation ?? InputPrior.defaultCorrelation)
        }
        settings.inputShape = shape
        settings.inputShift = images.unitMean ?? []
        settings.inputScale = images.unitDeviation ?? []
        if let samples { settings.sampleCount = samples }
    }
}
