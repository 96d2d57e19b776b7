// Everything a user decides about a pruning run, as values.

import Coresets

/// Settings of a pruning run. A recipe fills them in; single fields may then be changed, which `departures` tells.
public struct PruningSettings: Sendable, Equatable, Codable {
    /// What `points`, `rank`, `selection` and `reweighting` were filled in by.
    public let recipe: Recipe
    /// How much of the network stays.
    public var budget: Budget
    /// Kept fraction of single groups, above 0 and at most 1, by group name; overrides the budget there.
    public var layerRatios: [String: Double]
    /// Names, or patterns with `*` and `?`, of groups, layers and nodes whose output channels all stay; `nil` for none.
    public var excludedNames: [String]?
    /// No cut leaves a group fewer channels than this, at least 1; `nil` for 1.
    public var leastChannels: Int?
    /// Whether groups that additions tie into residual streams may be cut too, all members at once; by default only inner
    /// groups and those that `layerRatios` names. Where the budget leaves the choice, they are cut if the refitted network is
    /// predicted to agree more with the original.
    public var cutsResidualStreams: Bool
    /// Kept counts become multiples of this where the group has enough channels; of a number that the size of the group decides when
    /// `nil` (``Budget/multiple(of:width:roundTo:)``). Exact counts, 1, unless set.
    public var roundTo: Int?
    /// What stands for a channel in the geometry.
    public var points: PointRepresentation
    /// How many principal directions of the points the geometry looks at.
    public var rank: RankRule
    /// Which ℓ∞-coreset the peeling removes.
    public var construction: LInfinityCoreset.Construction
    /// How channels are chosen.
    public var selection: Selection
    /// What the kept channels owe for the removed ones.
    public var reweighting: Reweighting
    /// Where means and covariances of activations come from.
    public var inputModel: InputModel
    /// Statistics of the inputs, in raw units; `nil` when the user declared none.
    public var inputPrior: InputPrior?
    /// (channels, height, width), or (features); inferred from the first layer when `nil`.
    public var inputShape: [Int]?
    /// Shift of the network's input normalization (x − shift)/scale in raw units, one value or one per channel; empty for 0 and 1.
    public var inputShift: [Double]
    /// Scale of that normalization, positive.
    public var inputScale: [Double]
    /// λ of the refit as a fraction of tr(C)/n, at least 0; `nil` for what suits the method and where the moments come from.
    public var ridge: Double?
    /// Whether sequential reweighting ends by matching class probabilities in the dense layers behind; for networks whose outputs
    /// are logits.
    public var refitsClassifier: Bool
    /// Inputs drawn by the models that sample, or given ones and their mixtures for a dense network, at least 1; `nil` for 4096 to
    /// 16 384 class-ascended samples or mixtures, 128 to 1024 images matched to batch normalizations, or up to 1024 images of
    /// declared statistics.
    public var sampleCount: Int?
    /// How much work passes over inputs may cost, and how many samples a fit asks for.
    public var effort: Effort
    /// Bytes that inputs and activations may take, the network beside them: inputs are drawn and activations are held accordingly, and
    /// a consumer whose normal matrices would take more is fitted channel by channel. Nothing else that is computed depends on it.
    public var memory: Int
    /// Seed of everything random: same seed, same threads, same kernels, same bytes.
    public var seed: UInt64
    /// Whether channels that algebra on the weights shows to be redundant (dead, constant, multiples of others) are merged and go
    /// first, without loss. What stays has then other weights even where nothing is refitted.
    public var mergesRedundantChannels: Bool

    /// How the remaining weights learn together from the original behind the closed form, where there are inputs and sequential
    /// refits; `nil` for not at all. Its seed and kind of outputs are those of these settings.
    public var learning: LearningSettings?

    /// The default settings of a recipe.
    ///
    /// Source of `paper`: Tukan, Mualem & Maalouf, NeurIPS 2022 (arXiv 2209.08554).
    public init(recipe: Recipe = .best, budget: Budget = .keep(0.5), seed: UInt64 = 0) {
        self.recipe = recipe
        self.budget = budget
        self.seed = seed
        mergesRedundantChannels = recipe == .best
        layerRatios = [:]
        excludedNames = nil
        leastChannels = nil
        cutsResidualStreams = false
        roundTo = 1
        construction = .axisCaratheodory
        inputModel = .auto
        inputPrior = nil
        inputShape = nil
        inputShift = []
        inputScale = []
        ridge = nil
        refitsClassifier = true
        sampleCount = nil
        learning = nil
        effort = .default
        memory = 1_000_000_000
        switch recipe {
        case .paper:
            points = .product
            rank = .fixed(10)
            selection = .sensitivity
            reweighting = .coreset
        case .best:
            points = .function
            rank = .energy(0.99)
            selection = .backward
            reweighting = .sequential
        }
    }

    /// Activations of a few inputs of the largest networks for images.
    public static let leastMemory = 64_000_000

    /// What has been changed since the recipe filled it in.
    public var departures: [Setting] {
        let own = PruningSettings(recipe: recipe)
        let differs: [(Setting, Bool)] = [
            (.points, points != own.points), (.rank, rank != own.rank), (.selection, selection != own.selection),
            (.reweighting, reweighting != own.reweighting),
        ]
        return differs.filter(\.1).map(\.0)
    }

    /// The same for another size.
    func with(_ budget: Budget) -> PruningSettings {
        var result = self
        result.budget = budget
        return result
    }

    /// The nearest settings that need no statement about activations; `nil` when these need none.
    ///
    /// Channels by the Löwner sensitivities of their weights in place of explained variance, weights as they are in place of a refit.
    var withoutMoments: PruningSettings? {
        guard selection.usesMoments || reweighting.usesMoments || points == .function else { return nil }
        var result = self
        result.mergesRedundantChannels = mergesRedundantChannels && reweighting.usesMoments
        if points == .function { result.points = .product }
        if selection.usesMoments { result.selection = .top }
        if reweighting.usesMoments { result.reweighting = .none }
        return result
    }

    /// Whether anything of the plan depends on moments of the activations. Otherwise they only serve the account of it.
    var readsMoments: Bool {
        selection.usesMoments || selection.usesSensitivities && points == .function || reweighting.usesMoments || !budget.isUniform
    }

    /// Checks every range.
    /// - Throws: `invalidSetting`; `unsupported` for weights of a draw without a draw.
    public func validate() throws(PruningError) {
        try learning?.validate()
        let fraction = budget.fraction
        guard fraction > 0, fraction <= 1 else {
            throw .invalidSetting(budget.setting, expected: "above 0 and at most 1", found: "\(fraction)")
        }
        for (layer, ratio) in layerRatios.sorted(by: { $0.key < $1.key }) {
            guard ratio > 0, ratio <= 1 else {
                throw .invalidSetting(.layerRatios, expected: "above 0 and at most 1 for \(layer)", found: "\(ratio)")
            }
        }
        if let leastChannels, leastChannels < 1 {
            throw .invalidSetting(.leastChannels, expected: "at least 1", found: "\(leastChannels)")
        }
        if let roundTo, roundTo < 1 { throw .invalidSetting(.roundTo, expected: "at least 1", found: "\(roundTo)") }
        if let ridge, !(ridge >= 0 && ridge.isFinite) {
            throw .invalidSetting(.ridge, expected: "at least 0 and finite", found: "\(ridge)")
        }
        guard memory >= PruningSettings.leastMemory else {
            throw .invalidSetting(.memory, expected: "at least \(PruningSettings.leastMemory) bytes", found: "\(memory)")
        }
        if let sampleCount, sampleCount < 1 { throw .invalidSetting(.sampleCount, expected: "at least 1", found: "\(sampleCount)") }
        switch rank {
        case .fixed(let r) where r < 1: throw .invalidSetting(.rank, expected: "at least 1", found: "\(r)")
        case .energy(let share) where !(share > 0 && share <= 1):
            throw .invalidSetting(.rank, expected: "an energy above 0 and at most 1", found: "\(share)")
        default: break
        }
        if reweighting == .coreset, selection != .sensitivity {
            throw .unsupported(.reweighting, value: reweighting.rawValue, needs: .sensitivitySampling)
        }
    }
}
