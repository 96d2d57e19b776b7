// Blocks of samples that pass through segments of a network, so many at a time: the same bits as one by one.

import NeuralNetworks
import TestSupport
import Testing

@Suite struct SegmentTests {
    /// Large planes, many channels, many weights: more samples at a time each. What later segments read is larger than what they are
    /// left themselves; the mean of an early value waits for the end.
    private func network() throws -> (network: Network, batch: ActivationTensor) {
        var net = RandomNetwork(seed: 7)
        let shape = [3, 64, 60]
        let input = net.input(shape)
        let early = try net.relu("early", try net.convolution("stem", input, 24))
        let gate = try net.apply("mean", .globalAveragePooling(keepsSpatialAxes: false), early)
        let small = try net.relu("small", try net.convolution("down", early, 16, stride: 4))
        var value = try net.relu("wide", try net.convolution("expand", small, 192, kernel: [1, 1]))
        for k in 0..<3 { value = try net.relu("relu\(k)", try net.convolution("grouped\(k)", value, 192, groups: 4)) }
        value = try net.relu("deep", try net.convolution("down2", value, 512, stride: 4))
        value = try net.relu("hidden", try net.linear("dense", try net.apply("flat", .flatten(axis: 1), value), 900))
        value = try net.apply("both", .add, try net.linear("out", value, 24), gate)
        return (try net.network(outputs: value, early), net.batch(37, shape))
    }

    @Test func batchesChangeNoBit() throws {
        let (network, batch) = try network()
        for taps in [network.outputs, [network.outputs[0]]] {
            let evaluator = try Evaluator(network, observing: taps)
            #expect(evaluator.samplesPerSegment.count >= 3)
            let expected = try (0..<batch.batchCount).map { try evaluator.forward([batch], samples: $0..<$0 + 1, threads: 1).observed }
            for threads in [1, 2, 3] {
                for samples in [0..<37, 3..<20, 5..<8] {
                    let found = try evaluator.forward([batch], samples: samples, threads: threads).observed
                    for output in found.indices {
                        let single = samples.flatMap { expected[$0][output].values }
                        #expect(found[output].values == single, "output \(output), \(threads) threads, samples \(samples)")
                    }
                }
            }
        }
    }
}
