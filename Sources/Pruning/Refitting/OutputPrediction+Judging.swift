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
        func isFar(_ outputs: [Output]) -> Bool { outputs.contains { !($0.relativeError <= OutputPrediction.mostRelativeError) } }
        func isLow(_ agreement: Double?) -> Bool { agreement.map { $0 < OutputPrediction.leastAgreement } ?? false }
        switch judge {
        case .none:
            isRuined = isClassifier ? isLow(seen.agreement?.share) : isFar(seen.relativeErrors)
        case .heldOut(let unseen), .recognized(let unseen):
            if case .heldOut = judge { basis = .heldOut } else { basis = .statistics }
            let other = try AnswerComparison(run.network, masked.network, on: unseen, meter: run.meter)
            outputs = other.relativeErrors
            if isClassifier, let found = seen.agreement(withErrorsOf: other, weighsByMargin: inputs.liesBetweenClasses) {
                (agreement, agreementError) = (found.share, found.error)
            }
            isRuined = isClassifier ? isLow(agreement) : isFar(outputs)
        case .otherKind(let inputs, let boundsAgreement):
            // The fit's own inputs say too much, and ruin shows even there.
            let other = try AnswerComparison(run.network, masked.network, on: inputs, meter: run.meter)
            let isWorseThanTheMean = other.relativeErrors.contains { !($0.relativeError <= 1) }
            isRuined = isClassifier ? isLow(seen.agreement?.share) : isFar(seen.relativeErrors) || isWorseThanTheMean
            if isClassifier {
                // A bound that does not rise above guessing is none.
                guard boundsAgreement, let found = other.agreementBeyondChance, found.share > found.error else { return }
                (agreement, agreementError) = (found.share, found.error)
            }
            (basis, outputs) = (.otherKind, other.relativeErrors)
        }
    }
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
