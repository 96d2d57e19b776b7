// A refitted network judged on what its fit has not seen.

import NeuralNetworks
import RandomNumbers

extension OutputPrediction {
    /// Compares the networks on the inputs of a run.
    ///
    /// - Parameter tail: the inputs of the fit behind what differs for good in both networks, when they have come as far.
    /// - Throws: `evaluation`; what drawing throws.
    /// - Complexity: a pass forward of each network over the fitted and the judging inputs.
    init(_ masked: MaskedNetwork, _ inputs: RunInputs, _ run: PruningRun, tail: PairedFrontier? = nil) throws(PruningError) {
        self.init(basis: .unchecked, agreement: nil, agreementError: nil, outputs: [], isRuined: false)
        let judge = try inputs.judge(run)
        // The first inputs are the user's own, mixtures follow; a thousand tell a share to a point and a half.
        guard let fitted = inputs.likeTheFit else { return }
        let count = Swift.min(fitted.batchCount, 1024)
        // What has come as far as the last layers need not begin again.
        let seen =
            if let tail, !inputs.areSingleRows {
                try AnswerComparison(MaskedNetwork(run.network), masked, from: tail, most: count)
            } else {
                try AnswerComparison(run.network, masked.network, on: fitted.samples(0..<count), meter: run.meter)
            }
        let isClassifier = run.settings.refitsClassifier && run.network.namesClasses
        // What is lost on the fit's own inputs is lost.
        isRuined = seen.isLost(isClassifier: isClassifier)
        switch judge {
        case .none: break
        case .sameKind(let fresh):
            // As many as were fitted may be answered by heart.
            let other = try AnswerComparison(run.network, masked.network, on: fresh, meter: run.meter)
            isRuined = isRuined || other.isLost(isClassifier: isClassifier)
        case .heldOut(let unseen), .recognized(let unseen):
            if case .heldOut = judge { basis = .heldOut } else { basis = .statistics }
            let other = try AnswerComparison(run.network, masked.network, on: unseen, meter: run.meter)
            outputs = other.relativeErrors
            if isClassifier, let found = seen.agreement(withErrorsOf: other, weighsByMargin: inputs.liesBetweenClasses) {
                (agreement, agreementError) = (found.share, found.error)
            }
            // Photographs that the fit has not seen are farther from data than what it has seen: two standard errors are left to the result.
            let least = OutputPrediction.leastAgreement - (basis == .statistics ? 2 * (agreementError ?? 0) : 0)
            isRuined = isClassifier ? isRuined || agreement.map { $0 < least } ?? false : other.isLost(isClassifier: false)
        case .otherKind(let inputs, let boundsAgreement):
            // The fit's own inputs say too much, and ruin shows even there.
            let other = try AnswerComparison(run.network, masked.network, on: inputs, meter: run.meter)
            if !isClassifier { isRuined = isRuined || other.isFarther(than: 1) }
            if isClassifier {
                // A bound that does not rise above guessing is none.
                guard boundsAgreement, let found = other.agreementBeyondChance, found.share > found.error else { return }
                (agreement, agreementError) = (found.share, found.error)
            }
            (basis, outputs) = (.otherKind, other.relativeErrors)
        }
    }
}

extension AnswerComparison {
    /// Whether the answers are not the original's any more.
    ///
    /// Classes agree on less than half of the inputs, also when what two guesses agree on is left out (``agreementBeyondChance``, two
    /// standard errors below): of two classes half is what a coin knows. Their scores lie farther away than their own mean does; those that
    /// name a class may well be off by half. Any other output is off by more than half of its deviation.
    package func isLost(isClassifier: Bool) -> Bool {
        guard isClassifier else { return isFarther(than: OutputPrediction.mostRelativeError) }
        if let agreement, agreement.share < OutputPrediction.leastAgreement { return true }
        if let found = agreementBeyondChance, found.share + 2 * found.error < OutputPrediction.leastAgreement { return true }
        return isFarther(than: 1)
    }

    /// Whether the relative error of an output is above a limit, or no number.
    package func isFarther(than limit: Double) -> Bool { relativeErrors.contains { !($0.relativeError <= limit) } }
}

extension Network {
    /// Whether the only output is of scores of two classes or more, as far as the graph tells: not what a bounded activation or a normalizer leaves.
    package var namesClasses: Bool {
        guard outputs.count == 1, let shape = values[outputs[0]].shape, ClassificationAccuracy.comparesScores(of: shape),
            shape.contains(where: { $0 > 1 })
        else { return false }
        let count = shape.reduce(1, *)
        var (value, isBounded) = (outputs[0], false)
        while let node = nodes.last(where: { $0.outputs.contains(value) }) {
            switch node.layer {
            case .activation(.identity), .identity, .flatten, .reshape, .transpose: value = node.inputs[0]
            case .activation(.sigmoid): (value, isBounded) = (node.inputs[0], true)
            case .activation: return false
            // A sigmoid at each of many places answers for its place alone; without one, places may be what is chosen from.
            case .linear(let layer):
                guard let weight = parameters[layer.weight]?.shape, weight.count == 2 else { return true }
                return !isBounded || weight[layer.outputAxis] == count
            case .convolution(let layer): return !isBounded || parameters[layer.weight]?.shape.first == count
            default: return true
            }
        }
        return false
    }
}
