// The other end of a worker process: prepare and verify once, then run on request.

import LinearAlgebra

extension BenchmarkRun {
    /// One prepared workload.
    package struct Worker {
        private let candidate: Candidate
        /// What the parent must know before it starts.
        package let greeting: WorkerProcess.Greeting

        package init(_ workload: Workload, threads: Int) throws {
            BLASConfiguration.threads = threads
            let instance = try workload.prepare()
            let clock = Timepiece(threads: threads)
            let warmUp = try WarmUp(threads: threads, clock: clock, instance.run)
            candidate = Sampler.inProcess(threads: threads, clock: clock, estimate: warmUp.seconds, instance.run)
            greeting = WorkerProcess.Greeting(
                estimate: warmUp.seconds, error: warmUp.verification.error, tolerance: warmUp.verification.tolerance,
                coreType: BLASConfiguration.selection.coreType)
        }

        /// Seconds of one run.
        package func sample() throws -> Double { try candidate.sample() }
    }
}
