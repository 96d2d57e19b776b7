// A results file: what was measured, on what, with what.

/// Everything one run of `loewner benchmark` found out. Valid JSON at every moment of the run.
package struct BenchmarkResults: Codable, Sendable {
    package var machine: Machine
    package var coreType: String
    /// Thread counts in the order asked for; the first is that of lines compared with plain Swift.
    package var threads: [Int]
    /// Double-precision roof at the first thread count.
    package var peakGflops: Double
    package var peaks: [PeakProbe]
    package var version: String
    /// Commit of the working copy the tool was built in, "+" appended when it had changes; absent elsewhere.
    package var commit: String?
    /// Start of the run, ISO 8601, UTC.
    package var date: String
    package var quick: Bool
    package var lines: [BenchmarkLine]
    package var scaling: [ScalingFit]
    package var traces: [ConvergenceTrace]
    package var curves: [ErrorCurve]
    /// False while the run goes on, and for ever when it was interrupted.
    package var complete: Bool
    package var seconds: Double
    /// Tasks waiting for a processor over the minute before the run; absent where the system does not say.
    package var loadBefore: Double? = nil

    /// What the reader must know of other programs that ran meanwhile; nil where there was none to speak of.
    package var busyNote: String? {
        // Half a processor taken away moves a time by more than most comparisons are about.
        guard let loadBefore, loadBefore >= 0.5 else { return nil }
        let load = (loadBefore * 10).rounded() / 10
        return
            "The machine was busy: a load of \(load) on \(machine.processors) processors before the run began. Absolute times are those of a busy machine; ratios are of rounds in turns and suffer less."
    }

    /// Whether every line that was measured is verified.
    package var verified: Bool { lines.allSatisfy(\.verified) }
}

/// The gap of an iterative solve over iterations and time.
package struct ConvergenceTrace: Codable, Sendable {
    package struct Point: Codable, Sendable {
        package var iteration: Int
        package var seconds: Double
        package var gap: Double

        package init(iteration: Int, seconds: Double, gap: Double) {
            self.iteration = iteration
            self.seconds = seconds
            self.gap = gap
        }
    }

    package var name: String
    package var points: [Point]

    package init(name: String, points: [Point]) {
        self.name = name
        self.points = points
    }
}

/// An error as a function of the fraction that was kept.
package struct ErrorCurve: Codable, Sendable {
    package struct Point: Codable, Sendable {
        package var kept: Double
        package var error: Double

        package init(kept: Double, error: Double) {
            self.kept = kept
            self.error = error
        }
    }

    package var name: String
    /// What the error is, with its unit.
    package var measure: String
    package var points: [Point]

    package init(name: String, measure: String, points: [Point]) {
        self.name = name
        self.measure = measure
        self.points = points
    }
}
