// How long a forward pass takes before and after pruning, both timed in turns.

import LinearAlgebra
import NeuralNetworks

package enum NetworkLatency {
    /// Median seconds of one batch, and the ratio before/after with its interval.
    package static func measure(
        _ before: Network, _ after: Network, inputs: [ActivationTensor], seconds: Double = 1
    ) throws -> (before: Double, after: Double, ratio: Interval) {
        let clock = Timepiece(threads: BLASConfiguration.threads)
        let threads = BLASConfiguration.threads
        let candidates = try [before, after].map { network in
            let evaluator = try Evaluator(network, observing: network.comparableOutputs)
            let run: () throws -> Answer = {
                _ = try evaluator.forward(inputs)
                return Answer { Verification("", error: 0, tolerance: 0) }
            }
            let warmUp = try BenchmarkRun.WarmUp(threads: threads, clock: clock, run)
            return Sampler.inProcess(threads: threads, clock: clock, estimate: warmUp.seconds, run)
        }
        let times = try Sampler.run(
            candidates, effort: Sampler.Effort(seconds: seconds, minimumRounds: 5, maximumRounds: 101), isCancelled: { false })
        let rounds = times[0].indices.filter { times[0][$0] != nil && times[1][$0] != nil }
        let ratio = SampleStatistics.pairedRatio(rounds.compactMap { times[0][$0] }, over: rounds.compactMap { times[1][$0] })
        return (SampleStatistics.median(times[0].compactMap { $0 }), SampleStatistics.median(times[1].compactMap { $0 }), ratio)
    }
}
