// What decides which weights are kept.

/// What a held-out error is.
public enum HeldOutMeasure: String, Sendable, Codable {
    /// Share of inputs that are not classified as labelled.
    case missedLabels
    /// What the steps descend: distance from the original, outputs and values inside.
    case loss

    /// In words.
    public var phrase: String {
        switch self {
        case .missedLabels: "share of labels missed"
        case .loss: "distance from the original"
        }
    }
}

/// How far from its goal a network is on inputs that it was not fitted on.
public struct HeldOutError: Sendable, Equatable, Codable {
    /// What is reported.
    public var error: Double
    /// Decides between equal errors: the cross-entropy where errors are counts.
    public var tieBreak: Double

    /// An error with what decides between equal ones.
    public init(error: Double, tieBreak: Double) {
        self.error = error
        self.tieBreak = tieBreak
    }

    static func < (a: HeldOutError, b: HeldOutError) -> Bool {
        guard a.error.isFinite else { return false }
        guard b.error.isFinite else { return true }
        return a.error < b.error || a.error == b.error && a.tieBreak < b.tieBreak
    }
}
