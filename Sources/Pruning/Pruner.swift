// Representation → selection → reweighting → plan.
//
//   inputs      choose an input model, draw or take the inputs
//   moments     mean and covariance of every group's channels, in the original network
//   rank        a selection order per group, with the predicted error at every count
//   allocate    how many channels each group keeps
//   refit       groups in forward order: kept set, new consumer weights, predicted error
//   cut         the refitted network loses the channels; what changed beyond the cut goes into the plan

import LinearAlgebra
import NeuralNetworks

/// Plans the pruning of one network.
///
/// ```swift
/// let pruner = try Pruner(network: network, settings: PruningSettings(budget: .keep(0.3)))
/// let plan = try pruner.plan()
/// let smaller = try plan.apply(to: network)
/// ```
public struct Pruner: Sendable {
    /// The network, shapes inferred.
    public let network: Network
    public let settings: PruningSettings
    /// The groups that may be cut, in topological order.
    public let groups: [ChannelGroup]
    /// Residual streams that stay whole though all were asked for.
    private let wholeStreams: [ChannelGroup]
    /// The network as a chain of affine maps, when it is one.
    let chain: DenseChain?

    /// Checks settings and weights and finds the groups.
    ///
    /// - Throws: `invalidSetting`, `unknownLayer`, `nonFiniteParameter`, `nothingToPrune`, `malformedNetwork`.
    public init(network: Network, settings: PruningSettings) throws(PruningError) {
        try settings.validate()
        for name in network.parameters.keys.sorted() {
            if let index = network.parameters[name]?.values.firstIndex(where: { !$0.isFinite }) {
                throw .nonFiniteParameter(name: name, index: index)
            }
        }
        let all: [ChannelGroup]
        do {
            self.network = try network.inferringShapes()
            all = try self.network.channelGroups()
        } catch {
            throw .malformedNetwork("\(error)")
        }
        self.settings = settings
        // Naming a residual stream is asking for it.
        groups = all.filter { $0.isPrunable || $0.isCuttable && (settings.cutsResidualStreams || settings.layerRatios[$0.id] != nil) }
        wholeStreams = settings.cutsResidualStreams ? all.filter { !$0.isInner && !$0.isCuttable } : []
        guard !groups.isEmpty else {
            throw .nothingToPrune(reason: all.first { $0.barrier != nil }?.barrier ?? "no layer has another one behind it")
        }
        let names = groups.map(\.id)
        for name in settings.layerRatios.keys.sorted() where !names.contains(name) {
            if let reason = all.first(where: { $0.id == name })?.barrier { throw .wholeLayer(name: name, reason: reason) }
            throw .unknownLayer(name: name, available: names)
        }
        chain = try DenseChain(self.network)
    }

    /// Shape of one input: as set, or as the network says when it is an image.
    var inputShape: [Int]? {
        if let shape = settings.inputShape { return shape }
        guard let input = network.inputs.first else { return nil }
        return network.values[input].shape
    }

    /// λ as a fraction of the mean variance: set, or by method and by where the moments come from.
    ///
    /// Sequential refits of a chain meet inputs that the pruned layers before have already changed, from few images or from
    /// drawn ones: on networks held out of development 1e-2 is best or even with smaller ones, and steadier.
    func relativeRidge(isMeasured: Bool) -> Double {
        if let ridge = settings.ridge { return ridge }
        if settings.reweighting == .sequential, chain != nil { return 1e-2 }
        return isMeasured ? 1e-4 : 1e-3
    }

    /// Channels up to which backward elimination is affordable: 2n³ operations that memory holds up.
    static let backwardLimit = 1024

    /// Chooses channels and weights.
    ///
    /// - Parameters:
    ///   - calibration: normalized inputs, batch axis first; labels are not used.
    ///   - observer: told about every step; returning `false` cancels.
    /// - Throws: ``PruningError``.
    public func plan(calibration: ActivationTensor? = nil, observer: PruningObserver? = nil) throws(PruningError) -> PruningPlan {
        let clock = ContinuousClock()
        let began = clock.now
        let total = 2 * groups.count + 2
        func report(_ phase: String, _ completed: Int) throws(PruningError) {
            if let observer, !observer(PruningProgress(phase: phase, completed: completed, total: total)) { throw .cancelled }
        }

        try report("drawing inputs", 0)
        let (source, description) = try inputSource(calibration)
        if case .nothing = source, let fallback = settings.withoutMoments {
            var plan = try Pruner(network: network, settings: fallback).plan(observer: observer)
            plan.warnings.insert(
                "without inputs to fit on, channels are chosen by \(fallback.selection.rawValue) over \(fallback.points.rawValue) points, and the kept weights: \(fallback.reweighting.rawValue)",
                at: plan.warnings.startIndex)
            return plan
        }
        var warnings = description.warnings + streamWarnings
        try report("measuring activations", 1)
        let moments = try originalMoments(source, statistics: description.statistics)
        let ridge = relativeRidge(isMeasured: description.isMeasured)

        var ranked: [RankedGroup] = []
        for (index, group) in groups.enumerated() {
            try report("ranking channels of \(group.id)", 2 + index)
            ranked.append(try rank(index, moments: moments, ridge: ridge, started: clock.now))
        }
        var shared = SharedGroups()
        if case .samples(let inputs) = source {
            shared = try sharedGroups(ranked, inputs: inputs, description: description, ridge: ridge)
            if needsErrorCurve {
                try report("predicting errors", 2 + groups.count)
                try predictOutputErrors(&ranked, shared: shared, inputs: inputs, description: description, ridge: ridge)
            }
        }
        if settings.selection == .backward {
            for group in groups where group.count > Pruner.backwardLimit {
                warnings.append(
                    "\(group.id) has \(group.count) channels: chosen by forward selection (backward elimination serves up to \(Pruner.backwardLimit))"
                )
            }
        }
        let inputs = FittingInputs(source: source, description: description, ridge: ridge, shared: shared)
        var fit = try fitted(ranked, counts: try allocate(ranked, cutsStreams: true), inputs: inputs, report: report)
        fit = try keepingStreams(insteadOf: fit, ranked, inputs: inputs, report: report) ?? fit
        warnings += fit.warnings

        let positions = network.keptPositions(fit.kept, of: groups)
        let layers = fit.outcomes.map { outcome in
            var layer = outcome.layer
            let parts = outcome.errors.map {
                $0.relative(keptOutputs: positions[$0.consumer.layer.weight]?[$0.consumer.outputAxis])
            }
            if let errors = ranked.first(where: { $0.name == layer.name })?.errors {
                layer.errorCurve = errors.enumerated().map { LayerOutcome.CurvePoint(kept: $0, error: $1) }
            }
            if let share = relativeShare(parts.map(\.error), of: parts.map(\.energy)) { layer.relativeErrorModel = share }
            return layer
        }
        let cut = try fit.refit.network.cutting(fit.kept)
        try report("finished", total)
        return PruningPlan(
            version: PruningPlan.currentVersion, settings: settings, fingerprint: network.fingerprint, groups: fit.kept,
            replacements: fit.refit.changed.sorted().compactMap { name in
                cut.parameters[name].map { PruningPlan.Replacement(parameter: name, $0) }
            },
            layers: layers, warnings: warnings,
            predictedAgreement: fit.agreement, inputModelDescription: description.text, seconds: (clock.now - began).seconds)
    }

    /// One line for each residual stream that cannot be cut.
    private var streamWarnings: [String] {
        wholeStreams.map { "the residual stream of \($0.id) stays whole: \($0.barrier ?? "no layer with weights reads it")" }
    }
}

/// A network whose consumers are being refitted at full width: columns of removed channels are zero.
struct Refit: Sendable {
    /// The masked network so far.
    private(set) var network: Network
    /// Tensors that differ from a plain cut.
    private(set) var changed: Set<String> = []
    /// Statistics in force while fitting, by batch-normalization node, where they are not the stored ones.
    private(set) var statistics: [Int: ChannelStatistics]
    private let original: Network

    init(_ network: Network, statistics: [Int: ChannelStatistics] = [:]) {
        self.network = network
        self.statistics = statistics
        original = network
    }

    /// Puts new weights in place.
    ///
    /// - Parameters:
    ///   - weights: V', rows of `consumer` at `rowOffset`, columns in the order of `kept`.
    ///   - offset: what to add to every row of the consumer (summed over the rows of one output); `nil` for none.
    mutating func set(
        _ weights: Matrix, offset: [Double]?, rowOffset: Int, consumer: Consumer, kept: [Int], channels: Int, isCutOnly: Bool
    ) {
        if var parameter = network.parameters[consumer.layer.weight] {
            consumer.scatter(weights, rowOffset: rowOffset, kept: kept, channels: channels, into: &parameter.values)
            network.parameters[consumer.layer.weight] = parameter
            if !isCutOnly { changed.insert(consumer.layer.weight) }
        }
        guard let offset else { return }
        var shift = [Double](repeating: 0, count: consumer.outputCount)
        for row in 0..<consumer.rowCount { shift[consumer.output(ofRow: row)] += offset[rowOffset + row] }
        switch consumer.layer.shift {
        case .bias(let name): add(shift, sign: 1, to: name)
        case .runningMean(let name, _): add(shift, sign: -1, to: name)
        case .none: break
        }
    }

    /// Puts a whole tensor in place.
    mutating func replace(_ name: String, _ tensor: Parameter) {
        network.parameters[name] = tensor
        changed.insert(name)
    }

    /// Makes `constants` the constant part of a consumer's outputs: its bias, or minus what its running mean is lowered by.
    mutating func shift(_ consumer: Consumer, constants: [Double]) {
        switch consumer.layer.shift {
        case .bias(let name):
            guard var bias = network.parameters[name] else { return }
            bias.values = constants.map(Float.init)
            replace(name, bias)
        case .runningMean(let name, let node):
            // Each refit replaces the shift of the original mean, never adds to an earlier one.
            guard var mean = original.parameters[name] else { return }
            mean.values = zip(mean.values, constants).map { Float(Double($0) - $1) }
            replace(name, mean)
            if let own = statistics[node] {
                statistics[node]?.mean = zip(own.mean, constants).map { Float(Double($0) - $1) }
            }
        case .none: return
        }
    }

    /// parameter + sign·shift. Several groups may feed one consumer: the shifts of different groups add up, but each
    /// group is refitted once, so nothing accumulates.
    private mutating func add(_ shift: [Double], sign: Double, to name: String) {
        guard var parameter = network.parameters[name], parameter.values.count == shift.count else { return }
        for i in shift.indices { parameter.values[i] = Float(Double(parameter.values[i]) + sign * shift[i]) }
        network.parameters[name] = parameter
        changed.insert(name)
    }
}
