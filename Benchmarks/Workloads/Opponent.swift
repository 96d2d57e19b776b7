// What a line is compared with: other code, other threads, other kernels, other programs.

import LinearAlgebra

extension BenchmarkRun {
    /// The other side of a comparison.
    struct Opponent {
        let name: String
        /// `nil` when there is nothing to time.
        let candidate: Candidate?
        /// Error of its answer; not finite when there is none.
        let error: Double
        /// Why its answer does not count.
        let failure: String?
        /// Not this project's code.
        let isForeign: Bool
        let finish: () -> Void

        /// Other code, or other threads, in this process.
        init(name: String, warmUp: WarmUp, threads: Int, clock: Timepiece, _ run: @escaping () throws -> Answer) {
            self.name = name
            candidate = Sampler.inProcess(threads: threads, clock: clock, estimate: warmUp.seconds, run)
            error = warmUp.verification.error
            failure = warmUp.verification.failure
            isForeign = false
            finish = {}
        }

        /// The same code in another process.
        init(worker: WorkerProcess) {
            let greeting = worker.greeting
            name = "\(greeting.coreType) kernels"
            candidate = Candidate(sample: worker.sample, estimate: greeting.estimate)
            error = greeting.error
            failure = Verification("error", error: greeting.error, tolerance: greeting.tolerance).failure
            isForeign = false
            finish = worker.stop
        }

        /// Another program. One that fails is named in the results; it never ends the run.
        init(peer: Peer, files: PeerFiles, input: PeerInput, seconds: Double, isCancelled: @escaping () -> Bool) {
            name = peer.name
            isForeign = true
            finish = {}
            do {
                let start = Timepiece.wall.now
                let answer = try files.ask(peer, seconds: seconds, isCancelled: isCancelled)
                // Starting a program costs more than a small solve: that is what a round takes.
                let estimate = Timepiece.wall.now - start
                let verification = try input.check(answer)
                error = verification.error
                failure = verification.failure
                var first = answer.seconds
                candidate = Candidate(
                    sample: {
                        defer { first = nil }
                        return first ?? (try? files.ask(peer, seconds: seconds, isCancelled: isCancelled).seconds) ?? .nan
                    }, estimate: estimate)
            } catch {
                self.error = .nan
                failure = "\(error)"
                candidate = nil
            }
        }
    }
}
