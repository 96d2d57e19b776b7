/// One line of a results file: one workload at one thread count against one baseline.
package struct BenchmarkLine: Codable, Sendable {
    package var suite: Suite
    package var name: String
    package var sizes: [String: Int]
    /// "n=1000 d=20", sizes in their own order.
    package var sizeText: String
    /// The size that varies in the scaling sweep this line belongs to.
    package var sweep: String?
    package var threads: Int
    /// BLAS kernels of the measured side.
    package var coreType: String

    /// The clock of all times of this line: CPU time with one thread, wall time with several.
    package var clock: Timepiece
    /// Median seconds of one run; absent when the work failed.
    package var seconds: Double?
    package var quartiles: Quartiles?
    /// Every measured time, in order.
    package var samples: [Double]
    /// Seconds of the fixed work done just before each sample: how busy the machine was at that moment.
    package var paces: [Double]

    package var gflops: Double?
    package var gigabytesPerSecond: Double?
    /// Share of the roof that the measured GFLOP/s or GB/s reach, whichever is nearer to its roof.
    package var shareOfPeak: Double?
    /// Flops per byte, where both counts are known.
    package var intensity: Double?
    /// Whether the roof of single precision applies.
    package var singlePrecision: Bool
    /// Growth of the resident set during the first run.
    package var memoryBytes: Int?
    package var iterations: Int?

    /// What `error` measures.
    package var errorMeasure: String
    package var error: Double?
    package var tolerance: Double
    /// Whether every check before and after the timing passed, that of the baseline too.
    package var verified: Bool
    /// Why it did not.
    package var failure: String?

    /// "plain", "1 thread", "Prescott kernels", a peer's name or "previous"; absent when nothing was compared.
    package var baseline: String?
    package var baselineSeconds: Double?
    /// Error of the baseline's own answer.
    package var baselineError: Double?
    /// Why the baseline's answer does not count.
    package var baselineFailure: String?
    /// baselineSeconds / seconds, of paired rounds.
    package var speedup: Double?
    package var speedupLow: Double?
    package var speedupHigh: Double?
    package var verdict: Verdict?

    /// The key by which lines of two runs are matched.
    package var identifier: String { "\(suite.rawValue)/\(name) \(sizeText) threads=\(threads)" }
}

/// What an interval of a time ratio says.
package enum Verdict: String, Codable, Sendable {
    case faster
    case slower
    case same = "same within noise"
}
