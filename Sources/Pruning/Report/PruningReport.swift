// What a run did and what it costs: one value, rendered elsewhere.

import NeuralNetworks

/// The account of a pruning run. Numbers that were not computed are absent, never zero.
public struct PruningReport: Sendable, Equatable, Codable {
    /// Name of the recipe that filled the settings in.
    public var recipe: String
    /// Settings in which the run departed from the recipe, as the reader calls them.
    public var recipeDepartures: [String]
    /// Where the inputs of the fit come from, in words.
    public var inputModel: String
    /// Seed of everything random.
    public var seed: UInt64
    /// Trained values, running statistics excepted.
    public var parametersBefore: Int
    /// The same of the pruned network.
    public var parametersAfter: Int
    /// Multiply–adds of one input; `nil` where shapes are unknown.
    public var macsBefore: Int?
    /// The same of the pruned network.
    public var macsAfter: Int?
    /// Channels of the groups that might have been cut.
    public var neuronsBefore: Int
    /// How many of them stay.
    public var neuronsAfter: Int
    /// On labelled data, when given: 0…1.
    public var accuracyBefore: Double?
    /// The same of the pruned network.
    public var accuracyAfter: Double?
    /// Number of labelled images behind the accuracies.
    public var evaluationCount: Int?
    /// Share of inputs on which both networks name the same class, its standard error, and what it was counted on
    /// (``OutputPrediction/Basis``): a lower bound or an estimate, as that says.
    public var predictedAgreement: Double?
    /// Standard error of the predicted agreement.
    public var predictedAgreementError: Double?
    /// What the prediction was counted on.
    public var predictionBasis: OutputPrediction.Basis
    /// Relative error of every output by name, where it was checked.
    public var predictedOutputs: [OutputPrediction.Output]
    /// The prediction in one sentence; `nil` where there is none.
    public var predictionPhrase: String?
    /// What learning from the original did; `nil` when there was none.
    public var learned: LearningReport?
    /// Share of the evaluation images on which both networks name the same class, whatever the label.
    public var measuredAgreement: Double?
    /// Whether the answers of the pruned network are known not to be the original's any more.
    public var isRuined: Bool
    /// What the measured errors were measured on, in words; `nil` when nothing was measured.
    public var errorBasis: String?
    /// One row per group, in topological order.
    public var layers: [LayerReport]
    /// Groups chosen and fitted by weights alone because an operation cannot be evaluated.
    public var fallbacks: [Fallback]
    /// What the user should know, one line each.
    public var warnings: [String]
    /// A group and the operation that stands in the way of measuring it.
    public struct Fallback: Sendable, Equatable, Codable {
        /// The group's name.
        public var layer: String
        /// The operation that cannot be evaluated.
        public var `operator`: String
    }

    /// The recipe and what departs from it, in one phrase.
    public var recipePhrase: String {
        recipe + (recipeDepartures.isEmpty ? "" : " except for \(recipeDepartures.joined(separator: ", "))")
    }
    /// Passes over inputs that the plan took, those for the report excluded.
    public var work: WorkAccount
    /// Planning time, forward passes for the report excluded.
    public var seconds: Double

    private static let unchecked =
        "how the pruned network answers was not checked: no inputs like its data that the fit has not seen were there to judge it on"

    /// Assembles the report of a plan.
    ///
    /// - Parameters:
    ///   - plan: the plan, made for `original`.
    ///   - original: the network before.
    ///   - pruned: the network after.
    ///   - calibration: normalized inputs to measure errors on when there are no labelled ones.
    ///   - evaluation: labelled images to count hits and measure errors on, when there are any.
    ///   - naming: what the reader calls a setting.
    /// - Throws: `evaluation` when a forward pass fails; `planMismatch`, `cut` when the plan is not the network's.
    /// - Complexity: a forward pass of each network over the images.
    public init(
        plan: PruningPlan, original: Network, pruned: Network, calibration: ActivationTensor? = nil,
        evaluation: LabelledImages? = nil, naming: Setting.Naming = Setting.fieldName
    ) throws(PruningError) {
        recipe = plan.settings.recipe.rawValue
        recipeDepartures = plan.settings.departures.map(naming)
        inputModel = plan.inputs.description
        seed = plan.settings.seed
        neuronsBefore = plan.groups.reduce(0) { $0 + $1.channels }
        neuronsAfter = plan.groups.reduce(0) { $0 + $1.kept.count }
        predictedAgreement = plan.prediction.agreement
        predictedAgreementError = plan.prediction.agreementError
        predictionBasis = plan.prediction.basis
        predictedOutputs = plan.prediction.outputs
        // Images to evaluate on are a check.
        let isUnchecked =
            evaluation == nil && neuronsAfter < neuronsBefore && !plan.warnings.contains(.lossless) && !plan.prediction.isRuined
        predictionPhrase = plan.prediction.phrase ?? (isUnchecked ? Self.unchecked : nil)
        learned = plan.learned
        isRuined = plan.prediction.isRuined
        warnings = plan.warnings.map { $0.message(naming: naming) }
        fallbacks = plan.warnings.compactMap { warning in
            if case .unmeasured(let group, _, let operation) = warning { Fallback(layer: group, operator: operation) } else { nil }
        }
        (seconds, work) = (plan.seconds, plan.work)
        // Labelled images come first: the fit has not seen them.
        let images = evaluation?.images ?? calibration.map { $0.samples(0..<Self.measuredCount(of: $0, original)) }
        errorBasis = images.map { "\($0.batchCount) \(evaluation == nil ? "calibration" : "evaluation") images" }
        let (before, after): (Network, Network)
        do { (before, after) = (try original.inferringShapes(), try pruned.inferringShapes()) } catch { throw .evaluation(error) }
        let (measured, answers) =
            try images.map { (images) throws(PruningError) in
                try PruningReport.measured(plan, before, after, images, comparesAnswers: !(evaluation?.labels.isEmpty ?? true))
            } ?? ([:], nil)
        layers = plan.layers.map { LayerReport($0, measured: measured[$0.name]) }
        (parametersBefore, parametersAfter) = (before.cost.parameters, after.cost.parameters)
        (macsBefore, macsAfter) = (before.cost.multiplyAdds, after.cost.multiplyAdds)
        guard let evaluation, let answers else { return }
        do {
            accuracyBefore = try Evaluator.accuracy(logits: answers.answers.before, labels: evaluation.labels).fraction
            accuracyAfter = try Evaluator.accuracy(logits: answers.answers.after, labels: evaluation.labels).fraction
        } catch {
            throw .evaluation(error)
        }
        evaluationCount = evaluation.labels.count
        measuredAgreement = answers.agreement?.share
        // What labelled images show outweighs what was expected.
        if let measuredAgreement { isRuined = measuredAgreement < OutputPrediction.leastAgreement }
    }

    /// Images of the fit that errors are measured on: as many as a second allows, and enough to tell a share to a tenth of itself.
    package static func measuredCount(of images: ActivationTensor, _ network: Network) -> Int {
        let count = images.batchCount
        let affordable = measuringWork / Swift.max(1, Double(network.cost.multiplyAdds ?? 1))
        return Swift.min(count, Swift.max(leastMeasured, Int(Swift.min(affordable, Double(count)))))
    }

    private static let measuringWork = 2.5e10
    private static let leastMeasured = 16

    /// E‖y − ŷ‖²/E‖y − E y‖² of what every group's consumers bring about (`OutputPath`) on real inputs, both networks run from
    /// the input on, and their answers.
    private static func measured(
        _ plan: PruningPlan, _ network: Network, _ pruned: Network, _ images: ActivationTensor, comparesAnswers: Bool
    ) throws(PruningError) -> (errors: [String: Double], answers: AnswerComparison?) {
        // A cut keeps nodes and values in place.
        let cut =
            pruned.nodes.count == network.nodes.count && pruned.values.count == network.values.count
            ? pruned : try plan.masked(network)
        var outputs: [String: [Network.ValueID]] = [:]
        var totals: [Network.ValueID: OutputError] = [:]
        let groups: [ChannelGroup]
        do { groups = try network.channelGroups() } catch { throw .network(error) }
        let positions = network.keptPositions(plan.groups, of: groups)
        var consumers: [(group: String, consumer: Consumer)] = []
        for group in groups where plan.groups.contains(where: { $0.name == group.id && $0.kept.count < $0.channels }) {
            for consumer in try GroupWeights(group, in: network).consumers { consumers.append((group.id, consumer)) }
        }
        consumers.sort { $0.consumer.layer.node < $1.consumer.layer.node }
        var pending = Set(consumers.map(\.consumer.layer.node))
        for (group, consumer) in consumers {
            let path = try OutputPath(consumer, in: network, pending: pending)
            pending.remove(consumer.layer.node)
            outputs[group, default: []].append(path.observed)
            let observed = consumer.observed
            totals[path.observed] = OutputError(
                keptOutputs: positions[observed.parameter]?[observed.axis] ?? Array(0..<observed.count),
                isLinear: consumer.isLinear)
        }
        let taps = totals.keys.sorted()
        var answers = AnswerComparison(outputsOf: network)
        let answered = comparesAnswers && network.obstacleToAccuracy == nil ? network.comparableOutputs : []
        let all = Array(Set(taps + answered)).sorted()
        guard !all.isEmpty else { return ([:], nil) }
        let streams = (try ActivationStream(network, observing: all), try ActivationStream(cut, observing: all))
        for samples in streams.0.batches(of: images) {
            let (z, approximation) = (try streams.0(images, samples: samples), try streams.1(images, samples: samples))
            for tap in taps {
                guard let a = z[tap], let b = approximation[tap] else { continue }
                totals[tap]?.add(a, b)
            }
            if !answered.isEmpty { answers.add(answered.compactMap { z[$0] }, answered.compactMap { approximation[$0] }) }
        }
        let errors: [String: Double] = outputs.compactMapValues { values in
            let errors = values.compactMap { totals[$0]?.relative }
            return errors.isEmpty ? nil : errors.reduce(0, +) / Double(errors.count)
        }
        return (errors, answered.isEmpty ? nil : answers)
    }
}
