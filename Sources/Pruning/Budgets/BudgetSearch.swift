// The smallest share of a network that does.
//
// Whether a share does is nearly monotone: bisection between the smallest that did and the largest below it that did not. The answer
// is always one that was tried.

/// Bisection over the kept share.
public struct BudgetSearch: Sendable {
    /// What came of one share.
    public enum Verdict: Sendable, Equatable {
        case fits
        /// Loses too much, or is less than any choice of channels reaches.
        case misses
    }

    /// Between the answer and the largest share below it that missed there is at most this, or this part of the answer where that is
    /// more: finer steps change fewer channels than rounding counts to multiples does.
    static let resolution = (absolute: 0.01, relative: 0.04)

    /// The smallest share that fitted; `nil` when none below 1 did.
    public let smallest: Double?

    /// Searches between 0 and 1.
    ///
    /// - Parameter verdict: what comes of a share; called for some seven of them.
    public init<Failure: Error>(_ verdict: (Double) throws(Failure) -> Verdict) throws(Failure) {
        var (missed, fitted) = (0.0, 1.0)
        while fitted - missed > Swift.max(BudgetSearch.resolution.absolute, BudgetSearch.resolution.relative * fitted) {
            let middle = (missed + fitted) / 2
            switch try verdict(middle) {
            case .fits: fitted = middle
            case .misses: missed = middle
            }
        }
        smallest = fitted < 1 ? fitted : nil
    }
}
