// What a learning run did.

/// Steps and errors of a learning run.
public struct LearningReport: Sendable, Equatable, Codable {
    /// Steps made.
    public var steps: Int
    /// Largest step, in units of every filter's root mean square, after the last halving.
    public var rate: Double
    /// Error on held-out inputs before the first step and of the weights that are kept; the second is never above the first.
    public var heldOutBefore: Double
    /// Error on held-out inputs of the weights that are kept.
    public var heldOutAfter: Double
    /// What these errors are.
    public var measure: HeldOutMeasure
    /// Held-out inputs.
    public var heldOutCount: Int
    /// Multiply–adds of all steps.
    public var work: Double
    /// Wall-clock time of the run.
    public var seconds: Double

    /// One sentence.
    public var phrase: String {
        "learned from the original in \(steps) steps at rate \(Decimal.fixed(rate, 4)): \(measure.phrase) on \(heldOutCount) held-out inputs \(Decimal.fixed(heldOutBefore, 4)) → \(Decimal.fixed(heldOutAfter, 4)), \(Decimal.fixed(seconds, 1)) s"
    }
}
