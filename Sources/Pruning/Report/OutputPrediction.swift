// What is expected of the pruned network's answers, and how far that expectation was checked.

/// How well the pruned network answers as the original does, without a label.
public struct OutputPrediction: Sendable, Equatable, Codable {
    /// What the numbers were counted on, and with it what they are worth.
    public enum Basis: String, Sendable, Codable, CaseIterable {
        /// Inputs of the user that the fit did not see: an estimate for inputs like these. A network is surer of what it was trained on: by
        /// training images ResNet-20 at 0.4 was expected to agree on 84 ± 4 %, and did on 77 % of others.
        case heldOut = "held-out"
        /// Images that the batch normalizations recognize, some of them unseen by the fit, of photographs that it has not seen: an estimate, of
        /// networks for many classes a rough one (EfficientNet-Lite0: 60, 75 and 94 % for 62, 83 and 87).
        case statistics = "batch-norm"
        /// Inputs of another kind than those of the fit. Agreement on them was 13 to 40 points lower than on data: a lower bound; relative errors
        /// came out smaller than on data, too, and bound nothing.
        case otherKind = "lower-bound"
        /// Nothing could check the fit: no number.
        case unchecked
    }

    /// One output of the network.
    public struct Output: Sendable, Equatable, Codable {
        /// The output's name.
        public var name: String
        /// √(E‖ŷ − y‖²/E‖y − E y‖²): error of the pruned network's output in units of the output's own deviation.
        public var relativeError: Double
    }

    /// What the numbers were counted on.
    public var basis: Basis
    /// Share of inputs on which both networks name the same class, 0…1; `nil` where outputs are not classes or nothing was checked.
    public var agreement: Double?
    /// Its standard error by the number of inputs and of those held out.
    public var agreementError: Double?
    /// Every output by name; empty where nothing was checked.
    public var outputs: [Output]
    /// Whether even the inputs that speak for the pruned network say that its answers are not the original's any more: classes
    /// agree on less than half, beyond what guesses do, or an output is off by more than half of its deviation, scores of classes by more
    /// than all of it. Those inputs are the fit's own, and others drawn like them. So do inputs of another kind where an output is off by
    /// more than all of its deviation: its mean would be a better answer.
    public var isRuined: Bool

    static let leastAgreement = 0.5
    static let mostRelativeError = 0.5

    /// One sentence; `nil` without numbers.
    public var phrase: String? {
        let how: String
        switch basis {
        case .heldOut:
            how =
                "the errors of inputs held out from the fit, put onto all that were given; less on others if the network was trained on these"
        case .statistics:
            how = "estimated on images that the batch normalizations recognize, with errors on others that the fit has not seen"
        case .otherKind: how = "a lower bound, on inputs of another kind than the fit's"
        case .unchecked: return nil
        }
        if let agreement {
            let about = basis == .otherKind ? "at least" : "about"
            let error = agreementError.map { " ± \(Decimal.fixed(100 * $0, 1))" } ?? ""
            return "predicted without labels: the same class on \(about) \(Decimal.fixed(100 * agreement, 1))\(error) % of inputs (\(how))"
        }
        guard !outputs.isEmpty else { return nil }
        let errors = outputs.map { "\($0.name) \(Decimal.fixed(100 * $0.relativeError, 1)) %" }.joined(separator: ", ")
        // Classes agree less on what a network does not know; errors of its outputs may come out either way.
        let measured =
            basis == .otherKind ? "on inputs of another kind than the fit's; on data they may be several times larger or smaller" : how
        return "predicted relative error of the outputs: \(basis == .otherKind ? "about " : "")\(errors) (\(measured))"
    }
}
