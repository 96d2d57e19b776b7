// What a user should know about a plan, as values; the report puts them into words.

/// Something that turned out otherwise than a user might expect.
public enum PruningWarning: Sendable, Equatable, Codable {
    /// Why nothing is known about inputs.
    public enum NoInputs: String, Sendable, Codable {
        /// The evaluator does not know some of the network's operations.
        case notEvaluable
        /// No input model fits the network.
        case noModelFits
        /// Neither the choice of channels nor the refit reads activations.
        case notNeeded
    }

    /// Everything that is cut was redundant: the network computes what it computed.
    case lossless
    /// Errors are not predicted.
    case noInputs(NoInputs)
    /// Without inputs the settings were replaced by ones that need none.
    case settingsWithoutInputs(selection: Selection, points: PointRepresentation, reweighting: Reweighting)
    /// Readers of a group cannot be measured: an operation before them, or in them, cannot be evaluated.
    case unmeasured(group: String, node: String, operation: String)
    /// Outputs behind a node cannot be computed: what it reads is compared, and learned, in their place.
    case comparedBefore(node: String, operation: String)
    /// Only some of the given inputs are passed through the network, as many as the effort pays for.
    case inputsLeftOut(used: Int, given: Int, effort: Effort)
    /// Given inputs that are the same as earlier ones are left out: the fit and what it is judged on must not share any.
    case inputsRepeated(distinct: Int, given: Int)
    /// A consumer of so many regressors that their normal matrices exceed the memory: its channels are chosen and fitted in moments of
    /// the original network, all positions of a channel alike.
    case fittedByChannels(consumer: String, regressors: Int)
    /// A group of so many channels that their moments exceed the memory: they are chosen and fitted in runs, each for its own share of
    /// what the consumer computes.
    case fittedInRuns(consumer: String, channels: Int, runs: Int)
    /// The original answers all inputs alike that it was asked: they do not tell its channels apart.
    case answeredAlike
    /// The statistics of the inputs are a guess.
    case assumedPrior
    /// The same for vectors, which are taken to be standardized.
    case assumedStandard
    /// The same for pixels, where the network scales bytes itself.
    case assumedBytes
    /// Drawn images were not moved towards the stored statistics, and why.
    case unmatchedImages(cause: String)
    /// Moving images towards the stored statistics took them farther off, from a mismatch to a larger one: they are used as drawn.
    case mismatchRose(from: Double, to: Double)
    /// A network for images with convolutions and no batch normalization left, and no inputs given: nothing in the file tells what
    /// its data look like.
    case noNormalizationLeft
    /// How pixels are scaled was not declared; the convention that the network recognizes best was taken.
    case assumedConvention(PixelConvention)
    /// The same where no answers tell what is recognized: by the first convolution (``PixelScale``) bytes, or not bytes, and no more is known.
    case guessedConvention(PixelConvention)
    /// Drawn images were not moved towards the network's classes, and why; `nil` when its gradients overflow.
    case unascendedImages(cause: String?)
    /// A residual stream that cannot be cut though all were asked for; the reason when one is known.
    case wholeStream(group: String, reason: String?)
    /// Residual streams were left whole because cutting them is predicted to agree less with the original.
    case wholeStreams(agreementCut: Double, agreementWhole: Double)
    /// The weights did not learn together, and why.
    case notLearned(cause: String)
}
