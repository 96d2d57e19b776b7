// `--threads`, for every verb that computes.

import ArgumentParser
internal import CStartup
import Foundation
import LinearAlgebra

/// `--threads`.
struct ThreadOptions: ParsableArguments {
    @Option(help: "BLAS threads; 0 uses every processor. Default: what OpenBLAS chooses, by rank its part of the host.")
    var threads: Int?

    func validate() throws {
        if let threads, threads < 0 || threads > 4096 {
            throw ValidationError("expected --threads from 1 to 4096 (0: every processor), found \(threads)")
        }
    }

    /// Sets the thread count of this process and returns the one in force.
    @discardableResult
    func apply() -> Int {
        guard let threads else {
            // Of processors that several ranks share, each takes its part.
            let part = max(1, BLASConfiguration.processorCount / max(1, Ranks.countOnHost))
            if part < BLASConfiguration.threads { BLASConfiguration.threads = part }
            return BLASConfiguration.threads
        }
        let wanted = threads == 0 ? BLASConfiguration.processorCount : threads
        let running = BLASConfiguration.threads
        // Every thread maps 128 MB once or twice, and tries without end where the system refuses.
        let affordable = max(1, Int(startup_affordable_threads(Int32(clamping: running))))
        if wanted > affordable { Console.warn("note: \(affordable) of \(wanted) threads, as many as ulimit leaves room for") }
        BLASConfiguration.threads = min(wanted, affordable)
        return BLASConfiguration.threads
    }
}
