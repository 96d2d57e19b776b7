// Everything a user decides about learning from the original network, as values.

/// Settings of a learning run.
public struct LearningSettings: Sendable, Equatable, Codable {
    /// Steps of gradient descent; `nil` for as many as `work` affords, at most 1500 for the default work, and in
    /// proportion to more.
    public var steps: Int?
    /// Multiply–adds of all steps together: the original forward once, the smaller network forward and twice back, per input.
    public var work: Double
    /// Inputs per step; `nil` for `LearningSettings.batch(ofInputSize:)`.
    public var batch: Int?
    /// Largest step of Adam, in units of every filter's root mean square; `nil` for 1e-2. Halved where the held-out error rises by half.
    public var rate: Double?
    /// Decides on the order of inputs and on what is done to images: the same seed, the same weights.
    public var seed: UInt64
    /// Whether images are flipped, cropped, shifted and mixed; the original answers what becomes of them.
    public var augments: Bool
    /// Whether the outputs are logits, which count up to a common shift; `nil` to judge by how sure the original is.
    public var outputsAreLogits: Bool?

    /// Default work, about a minute on two cores, in multiply–adds that passes make (3×3 convolutions by tiles make fewer than they are
    /// defined by); what the efforts multiply.
    public static let defaultWork = 3e12
    /// Steps of small networks for the default work. Twice as many take a policy's error from .214 to .208 (rl-go1, at 0.7).
    private static let usualSteps = 1500

    /// Work in units of the default's, at least 1: who pays for more gets more steps of small networks, too.
    var effort: Double { Swift.max(1, work / LearningSettings.defaultWork) }
    /// Steps at most where their number is not set.
    var mostSteps: Double { Double(LearningSettings.usualSteps) * effort }

    /// Settings with those given; ``validate()`` checks them.
    public init(
        steps: Int? = nil, work: Double = LearningSettings.defaultWork, batch: Int? = nil, rate: Double? = nil, seed: UInt64 = 0,
        augments: Bool = true, outputsAreLogits: Bool? = nil
    ) {
        self.steps = steps
        self.work = work
        self.batch = batch
        self.rate = rate
        self.seed = seed
        self.augments = augments
        self.outputsAreLogits = outputsAreLogits
    }

    /// Inputs per step: 16 large images, 32 small ones, 256 vectors, as each has more places than the next. With the same work in twice
    /// as many steps of half the inputs ResNet-20 at 0.3 gained half a point.
    static func batch(ofInputSize size: Int) -> Int { size > 20_000 ? 16 : size > 1024 ? 32 : 256 }

    /// Where the work does not last for so many steps (twice as many as Adam averages squares over), a step takes fewer inputs,
    static let leastSteps = 200
    /// but no fewer than this.
    static let leastBatch = 16

    /// Inputs that no step needs twice, as far as memory holds them.
    static func mostInputs(ofSize size: Int, _ run: PruningRun) -> Int {
        Swift.min(usualSteps * batch(ofInputSize: size), run.workBudget.inputs(ofSize: size))
    }

    /// Checks every range.
    /// - Throws: `invalidSetting`.
    public func validate() throws(PruningError) {
        if let steps, steps < 0 { throw .invalidSetting(.learningSteps, expected: "at least 0", found: "\(steps)") }
        if let batch, batch < 1 { throw .invalidSetting(.learningBatch, expected: "at least 1", found: "\(batch)") }
        guard work >= 0, work.isFinite else { throw .invalidSetting(.learningWork, expected: "at least 0 and finite", found: "\(work)") }
        if let rate, !(rate > 0 && rate.isFinite) { throw .invalidSetting(.learningRate, expected: "above 0 and finite", found: "\(rate)") }
    }
}
