// From samples to lines.

import LinearAlgebra

extension BenchmarkRun {
    /// The first run of something: how long it took and how wrong it was.
    struct WarmUp {
        let seconds: Double
        let iterations: Int?
        let verification: Verification
        let curve: (() -> ErrorCurve)?

        /// Runs once for page faults and caches, times a second run, and checks its answer.
        init(threads: Int, clock: Timepiece, _ run: () throws -> Answer) throws {
            BLASConfiguration.threads = threads
            var answer: Answer?
            var seconds = try clock.measure { answer = try run() }
            // A slow run is its own warm-up.
            if seconds < 0.2 { seconds = try clock.measure { answer = try run() } }
            guard let answer else { throw BenchmarkError.workerFailed }
            self.seconds = seconds
            iterations = answer.iterations
            curve = answer.curve
            verification = try answer.check()
        }
    }

    /// What a line is about.
    struct Subject {
        let workload: Workload
        let instance: Instance
        var threads: Int
        var clock: Timepiece
        var first: WarmUp
        var memoryBytes: Int?
    }

    func line(_ subject: Subject, samples: [Double], paces: [Double], last: Verification) -> BenchmarkLine {
        let workload = subject.workload
        let instance = subject.instance
        let quartiles = Quartiles(samples)
        let first = subject.first.verification
        let worst = first.error >= last.error ? first : last
        let gflops = instance.flops.map { $0 / quartiles.median * 1e-9 }
        let gigabytes = instance.bytes.map { $0 / quartiles.median * 1e-9 }
        var share: Double?
        if let peak = results.peaks.first(where: { $0.threads == subject.threads }) {
            let shares = [
                gflops.map { $0 / (instance.singlePrecision ? peak.gflopsSinglePrecision : peak.gflops) },
                gigabytes.map { $0 / peak.gigabytesPerSecond },
            ].compactMap { $0 }
            share = shares.max()
        }
        return BenchmarkLine(
            suite: workload.suite, name: workload.name,
            sizes: Dictionary(workload.sizes.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 }),
            sizeText: workload.sizeText, sweep: subject.threads == configuration.threads[0] ? workload.sweep : nil,
            threads: subject.threads, coreType: results.coreType, clock: subject.clock, seconds: quartiles.median, quartiles: quartiles,
            samples: samples,
            paces: paces, gflops: gflops, gigabytesPerSecond: gigabytes, shareOfPeak: share,
            intensity: zipped(instance.flops, instance.bytes) { $0 / $1 }, singlePrecision: instance.singlePrecision,
            memoryBytes: subject.memoryBytes, iterations: subject.first.iterations, errorMeasure: worst.measure,
            error: worst.error.isFinite ? worst.error : nil, tolerance: worst.tolerance, verified: first.passed && last.passed,
            failure: first.failure ?? last.failure)
    }

    func compare(_ line: BenchmarkLine, with opponent: Opponent, own: Rounds, other: Rounds) -> BenchmarkLine {
        var line = line
        line.baseline = opponent.name
        line.baselineError = opponent.error.isFinite ? opponent.error : nil
        line.baselineFailure = opponent.failure
        // Our own code must be right on both sides; a stranger's wrong answer is reported, and its time means nothing.
        if let failure = opponent.failure, !opponent.isForeign {
            line.verified = false
            line.failure = "the baseline failed: \(failure)"
        }
        // A program that answered once may still fail later: such rounds do not count.
        let other = other.map { $0.flatMap { $0.isFinite ? $0 : nil } }
        let rounds = own.indices.filter { $0 < other.count && own[$0] != nil && other[$0] != nil }
        guard !rounds.isEmpty else { return line }
        line.baselineSeconds = SampleStatistics.median(other.compactMap { $0 })
        if opponent.failure == nil || !opponent.isForeign {
            line.setSpeedup(SampleStatistics.pairedRatio(rounds.compactMap { other[$0] }, over: rounds.compactMap { own[$0] }), noise: 0)
        }
        return line
    }

    /// Against the line of the same identifier in an earlier run: times in units of the pace measured beside them.
    func compare(_ line: BenchmarkLine, with previous: BenchmarkResults) -> BenchmarkLine {
        var line = line
        guard let before = previous.lines.first(where: { $0.identifier == line.identifier && !$0.samples.isEmpty }) else { return line }
        let ratio = SampleStatistics.independentRatio(before.pacedSamples, over: line.pacedSamples)
        line.baseline = "previous"
        line.baselineSeconds = before.seconds
        line.baselineError = before.error
        line.setSpeedup(ratio, noise: Self.noiseBetweenRuns(before.pacedSamples, line.pacedSamples))
        return line
    }

    /// Two runs of one build differ by this much without meaning anything: 5 % for alignment, page placement and frequency,
    /// and the mean relative interquartile range of both, because samples of one moment share what its neighbors do and
    /// the bootstrap, which takes them as independent, cannot see that.
    static func noiseBetweenRuns(_ before: [Double], _ now: [Double]) -> Double {
        let spreads = [before, now].map { samples in
            let quartiles = Quartiles(samples)
            return (quartiles.upper - quartiles.lower) / quartiles.median
        }
        return 0.05 + (spreads[0] + spreads[1]) / 2
    }

    func failed(_ workload: Workload, _ reason: String) -> BenchmarkLine {
        BenchmarkLine(
            suite: workload.suite, name: workload.name,
            sizes: Dictionary(workload.sizes.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 }),
            sizeText: workload.sizeText, threads: configuration.threads[0], coreType: results.coreType,
            clock: Timepiece(threads: configuration.threads[0]), samples: [], paces: [],
            singlePrecision: false, errorMeasure: "", tolerance: 0, verified: false, failure: reason)
    }

    private func zipped(_ a: Double?, _ b: Double?, _ combine: (Double, Double) -> Double) -> Double? {
        guard let a, let b else { return nil }
        return combine(a, b)
    }
}

extension BenchmarkLine {
    /// Median time in units of the pace measured beside it; absent when no pace was measured.
    package var pacedSeconds: Double? {
        paces.count == samples.count && !samples.isEmpty ? SampleStatistics.median(pacedSamples) : nil
    }

    /// Samples divided by how slow the machine was at that moment.
    var pacedSamples: [Double] {
        guard paces.count == samples.count else { return samples }
        return zip(samples, paces).map { $0 / $1 }
    }

    mutating func setSpeedup(_ ratio: Interval, noise: Double) {
        speedup = ratio.estimate
        speedupLow = ratio.low
        speedupHigh = ratio.high
        verdict = ratio.low > 1 + noise ? .faster : ratio.high < 1 / (1 + noise) ? .slower : .same
    }
}
