// Option groups that several verbs share.

import ArgumentParser
import Foundation
import LinearAlgebra

/// `--threads`.
struct ThreadOptions: ParsableArguments {
    @Option(help: "BLAS threads; 0 uses every processor. Default: what OpenBLAS chooses.")
    var threads: Int?

    func validate() throws {
        if let threads, threads < 0 || threads > 4096 {
            throw ValidationError("expected --threads from 1 to 4096 (0: every processor), found \(threads)")
        }
    }

    /// Sets the thread count of this process and returns the one in force.
    @discardableResult
    func apply() -> Int {
        if let threads { BLASConfiguration.threads = threads == 0 ? BLASConfiguration.processorCount : threads }
        return BLASConfiguration.threads
    }
}

/// `--json`.
struct FormatOptions: ParsableArguments {
    @Flag(help: "Print the result as one JSON object.")
    var json = false
}
