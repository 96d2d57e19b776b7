// What came of one group.

/// The kept channels of one group and what was done for them.
struct GroupOutcome: Sendable {
    /// Ascending.
    var kept: [Int]
    /// How the consumers make up for what went.
    var reweighting: Reweighting
    var errors: [ConsumerErrors]
    var seconds: Double
}
