// The inputs of a run: chosen once, and one value from then on.
//
//   given     images of the user, mixed where a dense layer would see too few          RunInputs+Given
//   Gaussian  a declared distribution, by formula or as class-ascended samples         RunInputs+Gaussian
//   channels  Gaussian channels as batch normalizations remember them                  RunInputs+Normalized
//   vectors   Gaussian, as the network's own normalizer says                           VectorDrawing
//   tokens    indices into the tables of a network's embeddings                    TokenDrawing
//   images    drawn, then moved towards what the network remembers of its data         RunInputs+Images
// A new kind of inputs is one more file like these, a case of `InputProvenance`, and a line in `init`.

import LinearAlgebra
import NeuralNetworks
import RandomNumbers
import TensorFiles

/// What a run knows about inputs.
struct RunInputs: Sendable {
    enum Content: Sendable {
        /// Moments of the network's input; activations follow by formula.
        case gaussian(ActivationMoments)
        /// Moments of the input's channels and the correlation of neighboring pixels; marginals behind them from batch normalizations.
        case normalized(ActivationMoments, correlation: Double)
        /// Inputs, batch axis first.
        case samples(ActivationTensor)
        /// No statement about activations can be made.
        case nothing
    }

    let content: Content
    let provenance: InputProvenance
    let warnings: [PruningWarning]
    /// What the fit does not see.
    let unseen: Judge
    /// Draws inputs like those of the fit, which are never moved: what learning sees beside them.
    let others: (@Sendable () -> ActivationTensor?)?
    /// The network as a chain of affine maps, when it is one: what its inputs are drawn with.
    let chain: DenseChain?

    init(
        _ content: Content, _ provenance: InputProvenance, chain: DenseChain?,
        warnings: [PruningWarning] = [], unseen: Judge = .none, others: (@Sendable () -> ActivationTensor?)? = nil
    ) {
        (self.content, self.provenance, self.chain) = (content, provenance, chain)
        (self.warnings, self.unseen, self.others) = (warnings, unseen, others)
    }

    /// Chooses and draws the inputs.
    ///
    /// - Parameter calibration: the user's own, normalized, batch axis first.
    /// - Throws: `unsupported` when the model that is set does not fit the network; `invalidSetting` for more samples than memory holds; what
    ///   drawing throws.
    init(_ calibration: consuming ActivationTensor?, for run: PruningRun) throws(PruningError) {
        let chain = try DenseChain(run.network)
        try Self.checkSampleCount(for: run)
        switch run.settings.inputModel {
        case .auto: self = try RunInputs.strongest(calibration, chain: chain, for: run)
        case .calibration:
            guard let calibration = consume calibration else {
                throw .unsupported(.inputModel, value: InputModel.calibration.rawValue, needs: .calibrationImages)
            }
            self = try .given(calibration, chain: chain, for: run)
        case .gaussian: self = try .gaussian(chain: chain, for: run)
        case .ascended: self = try .ascended(chain: chain, for: run)
        case .batchNorm: self = try .normalized(chain: chain, for: run)
        case .synthetic:
            if let drawing = TokenDrawing(run.network) {
                self = .tokens(drawing, for: run)
            } else {
                self = try .images(chain: chain, for: run)
            }
        }
    }

    /// Refuses a number of samples that no memory holds: inputs, their mixtures, and for rows, which pass through a chain all at once, what
    /// the widest layer makes of them before and after the cut.
    private static func checkSampleCount(for run: PruningRun) throws(PruningError) {
        guard let count = run.settings.sampleCount else { return }
        let shapes = run.network.inputs.map { run.settings.inputShape ?? run.network.values[$0].shape ?? [] }
        var size = shapes.reduce(CheckedSize(0)) { $0 + CheckedSize.product($1) }
        if shapes.allSatisfy({ $0.count < 2 }) {
            let widest = run.network.values.compactMap { $0.shape.flatMap { CheckedSize.product($0).value } }.max() ?? 0
            size = size + CheckedSize(widest)
        }
        let most = size.value.map { Platform.physicalMemory / Swift.max(1, $0) / (4 * MemoryLayout<Float>.size) } ?? 0
        guard count <= most else {
            throw .invalidSetting(.sampleCount, expected: "at most \(most), which memory holds", found: "\(count)")
        }
    }

    /// What `auto` stands for.
    private static func strongest(
        _ calibration: consuming ActivationTensor?, chain: DenseChain?, for run: PruningRun
    ) throws(PruningError) -> RunInputs {
        if let calibration = consume calibration { return try given(calibration, chain: chain, for: run) }
        if let chain {
            // Refits in forward order are of samples; formulas do not follow the constants of a normalizer.
            guard run.settings.reweighting == .sequential || chain.normalizer != nil else { return try gaussian(chain: chain, for: run) }
            let climbs = run.settings.reweighting == .sequential && chain.classCount > 1 && !chain.boundsOutputs && chain.affordsAscent
            return climbs ? try ascended(chain: chain, for: run) : try gaussianSamples(chain: chain, for: run)
        }
        // Images for a prediction alone would cost minutes on networks for large ones: they are drawn when asked for. Operations
        // that cannot be evaluated leave only the weights to judge by.
        let isEvaluable = run.canMeasure
        let isNeeded = !run.settings.budget.isUniform || run.settings.withoutMoments != nil
        if isNeeded, isEvaluable, let tokens = TokenDrawing(run.network) { return self.tokens(tokens, for: run) }
        let areImages = run.network.inputs.count == 1 && (run.inputShape?.count ?? 0) >= 2
        if isNeeded, isEvaluable, areImages { return try images(chain: nil, for: run) }
        if isNeeded, isEvaluable, let vectors = VectorDrawing(run) { return self.vectors(vectors, for: run) }
        let reason: PruningWarning.NoInputs = isEvaluable ? (isNeeded || !areImages ? .noModelFits : .notNeeded) : .notEvaluable
        return RunInputs(.nothing, .none(reason), chain: nil, warnings: [.noInputs(reason)])
    }

    /// Whether every input is one row of numbers, of which a chain of affine maps reads thousands at next to no cost; else inputs
    /// have places, and a pass over them is what costs.
    var areSingleRows: Bool { chain != nil }

    /// The inputs, when there are any to feed through the network.
    var samples: ActivationTensor? { if case .samples(let samples) = content { samples } else { nil } }

    /// Whether the settings can be followed on what is known.
    func areEnough(for settings: PruningSettings) -> Bool {
        if case .nothing = content { settings.withoutMoments == nil } else { true }
    }

    /// λ as a fraction of the mean variance: set, or by method and by where the moments come from.
    ///
    /// Sequential refits of a chain meet inputs that the pruned layers before have already changed, from few images or from
    /// drawn ones: on networks held out of development 1e-2 is best or even with smaller ones, and steadier.
    func relativeRidge(_ settings: PruningSettings) -> Double {
        if let ridge = settings.ridge { return ridge }
        if settings.reweighting == .sequential, areSingleRows { return 1e-2 }
        return provenance.isMeasured ? 1e-4 : 1e-3
    }
}

extension RunInputs {
    /// Sequences of drawn tokens.
    private static func tokens(_ drawing: TokenDrawing, for run: PruningRun) -> RunInputs {
        var generator = SeededGenerator(seed: run.settings.seed).stream(.images)
        let count = run.settings.sampleCount ?? TokenDrawing.sequenceCount
        return RunInputs(
            .samples(drawing.sequences(count: count, using: &generator)), .tokens(sequences: count), chain: nil,
            unseen: sameKind(run) { drawing.sequences(count: $0, using: &$1) })
    }
}

extension PruningRun {
    /// Shape of one input: as set, or as the network says when it is an image.
    var inputShape: [Int]? {
        if let shape = settings.inputShape { return shape }
        guard let input = network.inputs.first else { return nil }
        return network.values[input].shape
    }

    /// Whether the network divides what it reads by the size of a byte.
    var readsBytes: Bool {
        guard network.inputs.count == 1, (inputShape?.count ?? 0) > 1 else { return false }
        return InputNormalizer(of: network.inputs[0], in: network)?.isOfBytes ?? false
    }

    /// The declared statistics of the inputs, or what stands in for them, with a warning where it is a guess.
    var prior: (prior: InputPrior, warnings: [PruningWarning]) {
        guard var declared = settings.inputPrior else { return impliedPrior }
        let (implied, warnings) = impliedPrior
        let isWhole = !declared.mean.isEmpty && !declared.deviation.isEmpty
        if declared.mean.isEmpty { declared.mean = implied.mean }
        if declared.deviation.isEmpty { declared.deviation = implied.deviation }
        return (declared, isWhole ? [] : warnings)
    }

    private var impliedPrior: (prior: InputPrior, warnings: [PruningWarning]) {
        if !settings.inputShift.isEmpty || !settings.inputScale.isEmpty {
            // After the network's own normalization a data set has mean 0 and deviation 1 by construction.
            let prior = InputPrior(
                mean: settings.inputShift.isEmpty ? [0] : settings.inputShift,
                deviation: settings.inputScale.isEmpty ? [1] : settings.inputScale)
            return (prior, [])
        }
        // Bytes that the network scales itself: uniform on [0, 255].
        if readsBytes { return (InputPrior(mean: [127.5], deviation: [255 / 12.0.squareRoot()]), [.assumedBytes]) }
        // Uniform on [0, 1]: what unnormalized pixels without any declaration look like from outside.
        return (InputPrior(mean: [0.5], deviation: [(1.0 / 12).squareRoot()]), [.assumedPrior])
    }
}
