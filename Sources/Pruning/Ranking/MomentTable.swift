// Moments of the channels as their consumers read them in the original network: by formula, or streamed from a forward pass.

import LinearAlgebra
import NeuralNetworks
import RandomNumbers

/// Mean and covariance of every group's channels; none where nothing is known about inputs, and none of groups so wide that
/// they would be larger than the network when nothing of the plan depends on them.
struct MomentTable: Sendable {
    /// Places per input that moments are taken at.
    private static let placesPerInput = 64
    /// Inputs, and samples per channel, where channels are chosen later, in the moments of their consumer: these only serve the
    /// account of what is proven.
    private static let accountInputs = 32
    private static let accountRows = 4
    /// Samples per channel where a consumer is too wide for memory and is fitted in these moments.
    private static let fittedRows = 8

    /// A value of the network read through an index map.
    private struct Key: Hashable, Sendable {
        var value: Network.ValueID
        var offsets: [Int]
        var run: Int
        var stride: Int
        var isLinear: Bool

        init(_ consumer: Consumer) {
            value = consumer.layer.input
            offsets = consumer.layer.map.offsets
            run = consumer.layer.map.run
            stride = consumer.layer.map.stride
            isLinear = consumer.isLinear
        }
    }

    private var moments: [Key: SplitMoments] = [:]

    /// Moments of what a consumer reads; `nil` without inputs, and for a convolution in groups, whose channels have no one covariance.
    subscript(_ consumer: Consumer) -> SplitMoments? { consumer.isGrouped ? nil : moments[Key(consumer)] }

    /// Measures or computes the moments of every group of a run.
    ///
    /// - Throws: `unsupported` where a formula is asked for that a layer does not have; `evaluation`.
    /// - Complexity: for samples, one forward pass and 2·n² operations per group, input and place; memory of the covariances. Groups that
    ///   memory holds no covariance of are split (`PruningRun.runs(ofChannels:)`).
    init(_ inputs: RunInputs, _ run: PruningRun) throws(PruningError) {
        var consumers: [Key: (Consumer, Int)] = [:]
        for group in run.groups where run.measuresMoments(of: group) {
            for layer in run.network.measurableConsumers(of: group, run.evaluability) {
                let consumer = try Consumer(layer, in: run.network)
                if !consumer.isGrouped { consumers[Key(consumer)] = (consumer, group.count) }
            }
        }
        // Formulas carry covariances through every layer, the wide ones included.
        let isEveryGroupMeasured = run.groups.allSatisfy(run.measuresMoments)
        switch inputs.content {
        case .nothing: return
        case .gaussian where !isEveryGroupMeasured, .normalized where !isEveryGroupMeasured: return
        case .gaussian(let input):
            let known = try GaussianPropagation(of: run.network, input: input)
            moments = try MomentTable.moments(known.moments, consumers, model: .gaussian)
        case .normalized(let input, let correlation):
            let known = try GaussianPropagation(
                of: run.network, input: input, correlation: correlation, trustsNormalizations: true)
            moments = try MomentTable.moments(known.moments, consumers, model: .batchNorm)
        case .samples(let samples): moments = try MomentTable.measured(samples, consumers, inputs, run)
        }
    }

    private static func measured(
        _ samples: ActivationTensor, _ consumers: [Key: (Consumer, Int)], _ inputs: RunInputs, _ run: PruningRun
    ) throws(PruningError) -> [Key: SplitMoments] {
        let keys = consumers.keys.sorted { ($0.value, $0.offsets.count, $0.run) < ($1.value, $1.offsets.count, $1.run) }
        let runs = keys.map { run.runs(ofChannels: consumers[$0]?.1 ?? 0) }
        var accumulators = runs.map { $0.map { MomentAccumulator(channels: $0.count) } }
        var generator = SeededGenerator(seed: run.settings.seed).stream(.momentPlaces)
        let stream = try ActivationStream(
            run.network, observing: Array(Set(keys.map(\.value))).sorted(), meter: run.meter)
        let count = MomentTable.inputCount(keys, consumers, inputs, run)
        for batch in stream.batches(of: samples) where batch.lowerBound < count {
            let activations = try stream(samples, samples: batch)
            for (index, key) in keys.enumerated() {
                guard let (consumer, channels) = consumers[key], let tensor = activations[key.value] else { continue }
                let drawn = consumer.samples(tensor, channels: channels, limit: placesPerInput, using: &generator)
                for (part, own) in runs[index].enumerated() {
                    accumulators[index][part].add(runs[index].count == 1 ? drawn : drawn.selectingRows(Array(own)))
                }
            }
        }
        var table: [Key: SplitMoments] = [:]
        for (index, key) in keys.enumerated() {
            table[key] = SplitMoments(parts: accumulators[index].indices.map { accumulators[index][$0].takeMoments() })
        }
        return table
    }

    /// Inputs that moments are taken of.
    private static func inputCount(_ keys: [Key], _ consumers: [Key: (Consumer, Int)], _ inputs: RunInputs, _ run: PruningRun) -> Int {
        guard run.settings.reweighting == .sequential, run.settings.selection.usesMoments, !inputs.areSingleRows
        else { return .max }
        return keys.reduce(accountInputs) { count, key in
            guard let (consumer, channels) = consumers[key] else { return count }
            let shape = run.network.values[key.value].shape ?? []
            // Where a flattened map is read, a channel's positions are its places.
            let places = key.isLinear ? shape.dropLast().reduce(1, *) * consumer.positionsPerChannel : shape.dropFirst().reduce(1, *)
            let isFitted = consumer.regressorCount > run.mostRegressors
            // Behind pooling every input is one sample: a rank that is cut short, where few inputs stand for many.
            guard places > 1 || isFitted else { return count }
            let regressors = run.runs(ofChannels: channels).map(\.count).max() ?? channels
            return Swift.max(count, (isFitted ? fittedRows : accountRows) * regressors / Swift.min(placesPerInput, places))
        }
    }

    /// Moments of values of the network as the consumers read them.
    private static func moments(
        _ known: [Network.ValueID: ActivationMoments], _ consumers: [Key: (Consumer, Int)], model: InputModel
    ) throws(PruningError) -> [Key: SplitMoments] {
        var table: [Key: SplitMoments] = [:]
        for (key, (consumer, channels)) in consumers.sorted(by: { $0.value.0.layer.node < $1.value.0.layer.node }) {
            guard let moments = known[key.value], let own = consumer.moments(moments, channels: channels) else {
                throw .unsupported(.inputModel, value: model.rawValue, needs: .momentFormulas(upTo: consumer.name))
            }
            table[key] = SplitMoments(parts: [own])
        }
        return table
    }
}
