// The flags of `prune` as typed settings.

import ArgumentParser
import Coresets
import Foundation
import Pruning

extension Recipe: ExpressibleByArgument {}
extension PointRepresentation: ExpressibleByArgument {}
extension Selection: ExpressibleByArgument {}
extension Reweighting: ExpressibleByArgument {}
extension InputModel: ExpressibleByArgument {}

/// How much to keep, and by which method.
struct PruningOptions: ParsableArguments {
    @Option(help: "Kept share of every prunable layer: max(1, round(r·n)). Default: 0.5.")
    var keep: Double?

    @Option(help: "Kept share of all prunable neurons and channels, spread over the layers by predicted error.")
    var neurons: Double?

    @Option(help: "Share of the parameters the network may have, spread by predicted error.")
    var params: Double?

    @Option(help: "Share of the multiply–adds the network may cost, spread by predicted error.")
    var macs: Double?

    @Option(help: ArgumentHelp("Kept share of one layer, over the budget; repeatable.", valueName: "name=ratio"))
    var layer: [LayerRatio] = []

    @Flag(
        help:
            "Cut residual streams too, all that an addition ties at once; under --params, --macs or --neurons only where that promises more. Without it only inner channels, and streams that --layer names."
    )
    var residualStreams = false

    @Option(
        help:
            "Round kept counts to multiples of this; 1 for exact counts. By default 8 where a group has 64 channels or more, 4 from 16 on.")
    var roundTo: Int?

    @Option(help: "best: what measures best. paper: Löwner, Carathéodory, peel, sample, coreset weights. Single flags override its parts.")
    var recipe = Recipe.best

    @Option(help: "What stands for a neuron as a point.")
    var points: PointRepresentation?

    @Option(help: "Principal directions of the points that the geometry uses.")
    var rank: Int?

    @Option(help: "How neurons are chosen.")
    var select: Selection?

    @Option(help: "How the next layer's weights make up for the removed neurons.")
    var reweight: Reweighting?

    @Option(help: "Where the activations' statistics come from.")
    var inputModel: InputModel?

    @Option(help: ArgumentHelp("Mean of the data's inputs in raw units, one value or one per channel.", valueName: "m"))
    var inputMean: NumberList?

    @Option(help: ArgumentHelp("Standard deviation of the data's inputs in raw units.", valueName: "s"))
    var inputStd: NumberList?

    @Option(help: ArgumentHelp("Correlation of neighboring pixels.", valueName: "r"))
    var inputCorrelation: Double?

    @Option(help: ArgumentHelp("Shape of one input, e.g. 3,32,32; inferred when absent.", valueName: "c,h,w"))
    var inputShape: NumberList?

    @Option(help: "Ridge of the refit, relative to the mean variance.")
    var ridge: Double?

    @Flag(help: "The outputs are not class scores: do not match class probabilities at the end.")
    var regression = false

    @Option(help: "Inputs drawn by the models that sample; for a dense network also images with their mixtures.")
    var samples: Int?

    @Option(
        help: ArgumentHelp(
            "Steps that all remaining weights then learn from the original on the inputs of the fit. Default: as many as 3·10¹² multiply–adds afford (about a minute on two cores) with recipe best; 0 for none.",
            valueName: "steps"))
    var learn: Int?

    @Option(help: "Seed of everything random.")
    var seed: UInt64 = 0

    func validate() throws {
        let budgets = [keep, neurons, params, macs].compactMap { $0 }
        guard budgets.count <= 1 else {
            throw ValidationError("expected one of --keep, --neurons, --params, --macs, found \(budgets.count) of them")
        }
        if let ratio = budgets.first, !(ratio > 0 && ratio <= 1) {
            throw ValidationError("expected a kept share above 0 and at most 1, found \(ratio)")
        }
        for entry in layer where !(entry.ratio > 0 && entry.ratio <= 1) {
            throw ValidationError("expected a kept share above 0 and at most 1 for --layer \(entry.name), found \(entry.ratio)")
        }
        if let roundTo, roundTo < 1 { throw ValidationError("expected --round-to of at least 1, found \(roundTo)") }
        if let rank, rank < 1 { throw ValidationError("expected --rank of at least 1, found \(rank)") }
        if let learn, learn < 0 { throw ValidationError("expected --learn of at least 0, found \(learn)") }
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

    /// The settings these flags describe, for images scaled by `images`.
    func settings(images: ImageOptions) -> PruningSettings {
        let budget: Budget =
            if let neurons { .neurons(neurons) } else if let params { .parameters(params) } else if let macs { .multiplyAdds(macs) } else {
                .keep(keep ?? 0.5)
            }
        var settings = PruningSettings(recipe: recipe, budget: budget, seed: seed)
        settings.layerRatios = Dictionary(layer.map { ($0.name, $0.ratio) }, uniquingKeysWith: { _, last in last })
        settings.cutsResidualStreams = residualStreams
        settings.roundTo = roundTo
        if let points { settings.points = points }
        if let rank { settings.rank = .fixed(rank) }
        if let select { settings.selection = select }
        if let reweight {
            settings.reweighting = reweight
            settings.mergesRedundantChannels = settings.mergesRedundantChannels && reweight.usesMoments
        }
        // Drawing weights belong to sampling alone; another selection keeps the outgoing weights unless told otherwise.
        if reweight == nil, settings.reweighting == .coreset, settings.selection != .sensitivity { settings.reweighting = .none }
        if let inputModel { settings.inputModel = inputModel }
        if inputMean != nil || inputStd != nil || inputCorrelation != nil {
            // Declaring a part leaves the rest at what the network's own normalization implies.
            settings.inputPrior = InputPrior(
                mean: inputMean?.values ?? images.unitMean ?? [images.std == nil ? 0.5 : 0],
                deviation: inputStd?.values ?? images.unitDeviation ?? [images.mean == nil ? (1.0 / 12).squareRoot() : 1],
                correlation: inputCorrelation ?? InputPrior.defaultCorrelation)
        }
        settings.inputShape = inputShape?.values.map { Int($0) }
        settings.inputShift = images.unitMean ?? []
        settings.inputScale = images.unitDeviation ?? []
        if let ridge { settings.ridge = ridge }
        settings.refitsClassifier = !regression
        if let samples { settings.sampleCount = samples }
        if learn ?? (recipe == .best ? 1 : 0) > 0 { settings.learning = LearningSettings(steps: learn) }
        return settings
    }
}

/// `NAME=RATIO`.
struct LayerRatio: ExpressibleByArgument {
    let name: String
    let ratio: Double

    init?(argument: String) {
        guard let split = argument.lastIndex(of: "="), let ratio = Double(argument[argument.index(after: split)...]) else { return nil }
        name = String(argument[..<split])
        self.ratio = ratio
    }
}
