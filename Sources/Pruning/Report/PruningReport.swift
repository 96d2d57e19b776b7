// What a run did and what it costs: one value, rendered elsewhere.

import NeuralNetworks

/// The account of a pruning run. Numbers that were not computed are absent, never zero.
public struct PruningReport: Sendable, Equatable, Codable {
    public var recipe: String
    public var inputModel: String
    public var seed: UInt64
    public var parametersBefore: Int
    public var parametersAfter: Int
    public var macsBefore: Int?
    public var macsAfter: Int?
    public var neuronsBefore: Int
    public var neuronsAfter: Int
    /// On labelled data, when given: 0…1.
    public var accuracyBefore: Double?
    public var accuracyAfter: Double?
    /// Number of labelled images behind the accuracies.
    public var evaluationCount: Int?
    /// Share of inputs on which both networks name the same class, on model-drawn or calibration inputs.
    public var predictedAgreement: Double?
    /// What `predictedAgreement` was counted on, in words.
    public var agreementBasis: String {
        inputModel.hasSuffix("calibration images") ? "the calibration images it was fitted on" : "inputs drawn afresh from that model"
    }
    /// What the measured errors were measured on, in words; `nil` when nothing was measured.
    public var errorBasis: String?
    public var layers: [LayerOutcome]
    public var warnings: [String]
    /// Planning time, forward passes for the report excluded.
    public var seconds: Double

    /// Assembles the report of a plan.
    ///
    /// - Parameters:
    ///   - plan: the plan, made for `original`.
    ///   - original, pruned: the network before and after.
    ///   - calibration: normalized inputs to measure errors on when there are no labelled ones.
    ///   - evaluation: labelled images to count hits and measure errors on, when there are any.
    /// - Throws: `evaluation` when a forward pass fails.
    public init(
        plan: PruningPlan, original: Network, pruned: Network, calibration: ActivationTensor? = nil,
        evaluation: LabelledImages? = nil
    ) throws(PruningError) {
        recipe = plan.settings.recipe.rawValue
        inputModel = plan.inputModelDescription
        seed = plan.settings.seed
        predictedAgreement = plan.predictedAgreement
        warnings = plan.warnings
        seconds = plan.seconds
        neuronsBefore = plan.groups.reduce(0) { $0 + $1.channels }
        neuronsAfter = plan.groups.reduce(0) { $0 + $1.kept.count }
        layers = plan.layers
        // Labelled images come first: the fit has not seen them.
        let images = evaluation?.images ?? calibration
        errorBasis = images.map { "\($0.batchCount) \(evaluation == nil ? "calibration" : "evaluation") images" }
        if let images {
            let measured = try PruningReport.measuredErrors(plan, original, images)
            for k in layers.indices { layers[k].relativeErrorMeasured = measured[layers[k].name] }
        }
        do {
            let before = try original.inferringShapes()
            let after = try pruned.inferringShapes()
            parametersBefore = before.cost.parameters
            parametersAfter = after.cost.parameters
            macsBefore = before.cost.multiplyAdds
            macsAfter = after.cost.multiplyAdds
            if let evaluation, !evaluation.labels.isEmpty {
                accuracyBefore = try Evaluator(before).accuracy(on: evaluation).fraction
                accuracyAfter = try Evaluator(after).accuracy(on: evaluation).fraction
                evaluationCount = evaluation.labels.count
            }
        } catch {
            throw .evaluation("\(error)")
        }
    }

    /// E‖y − ŷ‖²/E‖y − E y‖² of what every group's consumers bring about (`OutputPath`) on real inputs, both networks run from
    /// the input on.
    private static func measuredErrors(
        _ plan: PruningPlan, _ network: Network, _ images: ActivationTensor
    ) throws(PruningError) -> [String: Double] {
        let masked = try plan.masked(network)
        var outputs: [String: [Network.ValueID]] = [:]
        var totals: [Network.ValueID: OutputError] = [:]
        let groups: [ChannelGroup]
        do { groups = try network.channelGroups() } catch { throw .malformedNetwork("\(error)") }
        let positions = network.keptPositions(plan.groups, of: groups)
        var consumers: [(group: String, consumer: Consumer)] = []
        for group in groups where plan.groups.contains(where: { $0.name == group.id && $0.kept.count < $0.channels }) {
            for consumer in try GroupWeights(group, in: network).consumers { consumers.append((group.id, consumer)) }
        }
        consumers.sort { $0.consumer.layer.node < $1.consumer.layer.node }
        var pending = Set(consumers.map(\.consumer.layer.node))
        for (group, consumer) in consumers {
            let path = try OutputPath(consumer, in: network, statistics: [:], pending: pending)
            pending.remove(consumer.layer.node)
            outputs[group, default: []].append(path.observed)
            totals[path.observed] = OutputError(
                keptOutputs: positions[consumer.layer.weight]?[consumer.outputAxis] ?? Array(0..<consumer.outputCount),
                isLinear: consumer.isLinear)
        }
        let taps = totals.keys.sorted()
        do {
            let (whole, cut) = (try Evaluator(network, observing: taps), try Evaluator(masked, observing: taps))
            let size = Swift.min(Pruner.streamingBatch, network.batchSize(observing: taps))
            for first in stride(from: 0, to: images.batchCount, by: size) {
                let samples = first..<Swift.min(first + size, images.batchCount)
                let (z, approximation) = (try whole.forward([images], samples: samples), try cut.forward([images], samples: samples))
                for tap in taps {
                    guard let a = z[tap], let b = approximation[tap] else { continue }
                    totals[tap]?.add(a, b)
                }
            }
        } catch {
            throw .evaluation("\(error)")
        }
        return outputs.compactMapValues { values in
            let errors = values.compactMap { totals[$0]?.relative }
            return errors.isEmpty ? nil : errors.reduce(0, +) / Double(errors.count)
        }
    }
}

/// Squared error of a consumer's outputs against their own spread, streamed, over the outputs that survive.
private struct OutputError {
    let keptOutputs: [Int]
    let isLinear: Bool
    private var error = 0.0
    private var squares = 0.0
    private var sums: [Double]
    private var count = 0.0

    init(keptOutputs: [Int], isLinear: Bool) {
        self.keptOutputs = keptOutputs
        self.isLinear = isLinear
        sums = [Double](repeating: 0, count: keptOutputs.count)
    }

    /// Adds a batch; the mean is taken per output, over images and places.
    mutating func add(_ exact: ActivationTensor, _ approximate: ActivationTensor) {
        let layout = ChannelLayout(exact.shape, isLinear: isLinear)
        for s in 0..<layout.samples {
            let base = layout.base(ofSample: s)
            for (k, output) in keptOutputs.enumerated() {
                let index = base + output * layout.stride
                let z = Double(exact.values[index])
                let difference = z - Double(approximate.values[index])
                error += difference * difference
                squares += z * z
                sums[k] += z
            }
        }
        count += Double(layout.samples)
    }

    var relative: Double? {
        guard count > 0 else { return nil }
        let spread = squares - sums.reduce(0) { $0 + $1 * $1 } / count
        return spread > 0 ? error / spread : nil
    }
}
