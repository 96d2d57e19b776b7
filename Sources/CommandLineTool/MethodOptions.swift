// By which method channels are chosen and weights are fitted.

import ArgumentParser
import Pruning

extension Recipe: ExpressibleByArgument {}
extension PointRepresentation: ExpressibleByArgument {}
extension Selection: ExpressibleByArgument {}
extension Reweighting: ExpressibleByArgument {}
extension Effort: ExpressibleByArgument {}

/// `--recipe` and the flags that override its parts.
struct MethodOptions: ParsableArguments {
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

    @Option(help: "Ridge of the refit, relative to the mean variance.")
    var ridge: Double?

    @Flag(help: "The outputs are not class scores: do not match class probabilities at the end.")
    var regression = false

    @Option(
        help: ArgumentHelp(
            "Steps that all remaining weights then learn from the original on the inputs of the fit. Default: with recipe best as many as 3·10¹² multiply–adds afford (about a minute on two cores), ten times as many with --effort thorough, none with --effort quick or where several sizes are tried; 0 for none.",
            valueName: "steps"))
    var learn: Int?

    @Option(
        help:
            "Work on inputs: quick an eighth of a forward pass over 256 images, default half of one, thorough two, of 16·10⁹ multiply–adds an image at least. It decides how many images are drawn, or used of those given; --samples does for drawn ones."
    )
    var effort = Effort.default

    @Option(help: ArgumentHelp("Memory for inputs and activations, beside the network.", valueName: "size"))
    var memory = MemorySize(bytes: 1_000_000_000)

    @Option(help: "Seed of everything random.")
    var seed: UInt64 = 0

    func validate() throws {
        if let learn, learn < 0 { throw ValidationError("expected --learn of at least 0, found \(learn)") }
        if memory.bytes < PruningSettings.leastMemory {
            throw ValidationError("expected --memory of at least \(MemorySize(bytes: PruningSettings.leastMemory)), found \(memory)")
        }
        if let rank, rank < 1 { throw ValidationError("expected --rank of at least 1, found \(rank)") }
    }

    /// The settings of the recipe and what departs from it.
    ///
    /// - Parameter triesSizes: whether plans of several sizes are made, each of which would learn.
    func settings(_ budget: Budget, triesSizes: Bool) -> PruningSettings {
        var settings = PruningSettings(recipe: recipe, budget: budget, seed: seed)
        if let points { settings.points = points }
        if let rank { settings.rank = .fixed(rank) }
        if let select { settings.selection = select }
        if let reweight {
            settings.reweighting = reweight
            settings.mergesRedundantChannels = settings.mergesRedundantChannels && reweight.usesMoments
        }
        // Drawing weights belong to sampling alone; another selection keeps the outgoing weights unless told otherwise.
        if reweight == nil, settings.reweighting == .coreset, settings.selection != .sensitivity { settings.reweighting = .none }
        if let ridge { settings.ridge = ridge }
        settings.refitsClassifier = !regression
        (settings.effort, settings.memory) = (effort, memory.bytes)
        if learn.map({ $0 > 0 }) ?? (recipe == .best && effort != .quick && !triesSizes) {
            settings.learning = LearningSettings(steps: learn, work: (effort == .thorough ? 10 : 1) * LearningSettings.defaultWork)
        }
        return settings
    }
}
