// Moments of the channels as their consumers read them: by formula, or streamed from a forward pass.

import Coresets
import LinearAlgebra
import NeuralNetworks
import RandomNumbers

/// Moments by the value that consumers read and by how its channels lie on it.
typealias MomentTable = [MomentKey: ActivationMoments]

/// A value of the network read through an index map.
struct MomentKey: Hashable {
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

extension Pruner {
    /// Images per forward pass while streaming: bounds memory, whatever the size of the set.
    static let streamingBatch = 64

    /// Moments of every group in the original network; empty when nothing is known about inputs.
    func originalMoments(
        _ source: InputSource, statistics: [Int: ChannelStatistics] = [:]
    ) throws(PruningError) -> MomentTable {
        var consumers: [MomentKey: (Consumer, Int)] = [:]
        for group in groups {
            for consumer in try GroupWeights(group, in: network).consumers {
                if !consumer.isGrouped { consumers[MomentKey(consumer)] = (consumer, group.count) }
            }
        }
        switch source {
        case .nothing: return [:]
        case .gaussian(let input):
            let known = try GaussianPropagation(of: network, input: input).moments
            return try table(known, consumers, model: .gaussian, needs: "dense layers")
        case .normalized(let input, let correlation):
            let known = try GaussianPropagation(
                of: network, input: input, correlation: correlation, trustsNormalizations: true
            ).moments
            return try table(known, consumers, model: .batchNorm, needs: "layers with a moment formula")
        case .samples(let inputs):
            let keys = consumers.keys.sorted { ($0.value, $0.offsets.count, $0.run) < ($1.value, $1.offsets.count, $1.run) }
            var accumulators = keys.map { MomentAccumulator(channels: consumers[$0]?.1 ?? 0) }
            let taps = Array(Set(keys.map(\.value))).sorted()
            var generator = SeededGenerator(seed: settings.seed).stream(.momentPlaces)
            try stream(network, inputs, observing: taps, statistics: statistics) { activations in
                for (index, key) in keys.enumerated() {
                    guard let (consumer, channels) = consumers[key], let tensor = activations[key.value] else { continue }
                    accumulators[index].add(
                        consumer.samples(tensor, channels: channels, limit: Pruner.placesPerInput, using: &generator))
                }
            }
            return Dictionary(uniqueKeysWithValues: zip(keys, accumulators.map(\.moments)))
        }
    }

    /// Moments of values of the network as the consumers read them.
    private func table(
        _ known: [Network.ValueID: ActivationMoments], _ consumers: [MomentKey: (Consumer, Int)], model: InputModel, needs: String
    ) throws(PruningError) -> MomentTable {
        var table: MomentTable = [:]
        for (key, (consumer, channels)) in consumers {
            guard let moments = known[key.value], let own = consumer.moments(moments, channels: channels) else {
                throw .unsupported(what: "--input-model \(model.rawValue)", needs: "\(needs) up to \(consumer.name)")
            }
            table[key] = own
        }
        return table
    }

    /// Feeds inputs through a network in batches.
    func stream(
        _ network: Network, _ inputs: ActivationTensor, observing taps: [Network.ValueID],
        statistics: [Int: ChannelStatistics] = [:], _ body: (Activations) -> Void
    ) throws(PruningError) {
        do {
            let evaluator = try Evaluator(network, observing: taps, statistics: statistics)
            let size = Swift.min(Pruner.streamingBatch, network.batchSize(observing: taps))
            for first in stride(from: 0, to: inputs.batchCount, by: size) {
                body(try evaluator.forward([inputs], samples: first..<Swift.min(first + size, inputs.batchCount)))
            }
        } catch {
            throw .evaluation("\(error)")
        }
    }

    /// The refit problem of one consumer, regressors from the network refitted so far and targets from the original.
    func sequentialProblem(
        _ consumer: Consumer, channels: Int, inputs: ActivationTensor, refitted: Network, ridge: Double
    ) throws(PruningError) -> Reconstruction {
        let (input, output) = (consumer.layer.input, consumer.layer.output)
        var accumulator = MomentAccumulator(channels: channels, targets: consumer.outputCount)
        var generator = SeededGenerator(seed: settings.seed).stream(.densePlaces)
        do {
            let pruned = try Evaluator(refitted, observing: [input])
            let whole = try Evaluator(network, observing: [output])
            for first in stride(from: 0, to: inputs.batchCount, by: Pruner.streamingBatch) {
                let samples = first..<Swift.min(first + Pruner.streamingBatch, inputs.batchCount)
                guard let h = try pruned.forward([inputs], samples: samples)[input],
                    let z = try whole.forward([inputs], samples: samples)[output]
                else { continue }
                accumulator.add(
                    consumer.samples(h, channels: channels, using: &generator), targets: consumer.outputSamples(z))
            }
        } catch {
            throw .evaluation("\(error)")
        }
        return accumulator.reconstruction(relativeRidge: ridge, hasIntercept: consumer.hasConstant)
    }
}
