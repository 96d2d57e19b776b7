// Warnings in words.

extension PruningWarning {
    /// One line.
    /// - Parameter name: what the reader calls a setting.
    public func message(naming name: Setting.Naming = Setting.fieldName) -> String {
        switch self {
        case .noInputs(.notEvaluable): "some of this network's operations cannot be evaluated: errors are not predicted"
        case .noInputs(.noModelFits):
            "no input model fits this network: errors are not predicted; \(name(.calibration)) images would help"
        case .noInputs(.notNeeded):
            "nothing here is chosen by inputs, none are drawn: errors are not predicted; \(name(.inputModel)) synthetic would"
        case .lossless: "everything that is cut was redundant: the outputs are what they were, to rounding"
        case .settingsWithoutInputs(let selection, let points, let reweighting):
            "without inputs to fit on, channels are chosen by \(selection.rawValue) over \(points.rawValue) points, and the kept weights: \(reweighting.rawValue)"
        case .unmeasured(let group, let node, let operation):
            "\(group) is chosen and fitted by weights where node \(node) (\(operation)) stands in the way: it cannot be evaluated"
        case .inputsLeftOut(let used, let given, let effort):
            "\(used) of \(given) given inputs are passed through the network, as many as \(name(.effort)) \(effort.rawValue) pays for"
        case .inputsRepeated(let distinct, let given):
            "\(distinct) of \(given) given inputs differ from one another: repeats are left out"
        case .comparedBefore(let node, let operation):
            "outputs behind node \(node) (\(operation)) cannot be computed here: what it reads stands for them wherever they are compared or learned"
        case .fittedByChannels(let consumer, let regressors):
            "\(consumer) reads \(regressors) values: its channels are fitted with all positions alike; \(name(.memory)) of \(Decimal.fixed(PruningRun.memory(forRegressors: regressors) / 1e9 + 0.05, 1))GB would fit them one by one"
        case .fittedInRuns(let consumer, let channels, let runs):
            "\(consumer) reads \(channels) channels: they are chosen and fitted in \(runs) runs, each for its own share; \(name(.memory)) of \(Decimal.fixed(PruningRun.memory(forRegressors: channels) / 1e9 + 0.05, 1))GB would fit them together"
        case .answeredAlike:
            "the network answers all inputs alike that it was asked: they say little of what its channels are worth; \(name(.calibration)) with inputs of its kind would"
        case .assumedPrior:
            "input statistics were not declared: mean 1/2 and variance 1/12 are assumed; \(name(.inputMean)) and \(name(.inputDeviation)) of the data set would make the fit better"
        case .assumedStandard:
            "input statistics were not declared: mean 0 and variance 1 are assumed; \(name(.inputMean)) and \(name(.inputDeviation)) of the data set, or \(name(.calibration)), would make the fit better"
        case .assumedBytes:
            "input statistics were not declared: pixels uniform from 0 to 255 are assumed, as the network divides them by that; \(name(.inputMean)) and \(name(.inputDeviation)) of the data set would make the fit better"
        case .unmatchedImages(let cause): "the images were not matched to the batch-normalization statistics: \(cause)"
        case .mismatchRose(let from, let to):
            "moving the images towards the batch-normalization statistics took them farther off (mismatch \(Decimal.fixed(from, 3)) → \(Decimal.fixed(to, 3))): they are used as drawn"
        case .noNormalizationLeft:
            "this network has no batch normalization (exporters fold it into the convolutions), so nothing tells what its data look like, which costs accuracy (ResNet-20 for CIFAR-10 at half the channels: 78 % instead of 82 %); better: \(name(.calibration)) with a few hundred images, or an export that keeps it: torch.onnx.export(…, optimize=False), or with dynamo=False also training=torch.onnx.TrainingMode.PRESERVE"
        case .assumedConvention(let convention):
            "how pixels are scaled was not declared: of the usual conventions the network recognizes photographs best with \(convention.phrase); \(name(.inputShift)) and \(name(.inputScale)) would settle it"
        case .guessedConvention(let convention):
            "how pixels are scaled was not declared, and a network whose answers are not classes hardly tells: \(convention.phrase) are assumed\(convention == .bytes ? ", as the first convolution's biases outweigh darker ones" : ""); \(name(.inputShift)) and \(name(.inputScale)) would settle it"
        case .unascendedImages(let cause):
            "the images were not moved towards the network's classes: \(cause ?? "its gradients overflow")"
        case .wholeStream(let group, let reason):
            "the residual stream of \(group) stays whole: \(reason ?? "no layer with weights reads it")"
        case .wholeStreams(let cut, let whole):
            "residual streams stay whole: cutting them too is predicted to agree with the original on \(Decimal.fixed(100 * cut, 1)) % of inputs, cutting inner channels alone on \(Decimal.fixed(100 * whole, 1)) %"
        case .notLearned(let cause): "the weights did not learn from the original behind the closed form: \(cause)"
        }
    }
}
