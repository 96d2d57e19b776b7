// Work on independent chunks spread over cores, one BLAS thread each.

import Dispatch
import LinearAlgebra

/// Chunks of work, handed out to cores as they become free.
enum ConcurrentChunks {
    /// Runs `body` for every chunk index, on at most `threads` cores; chunks are handed out as cores become free.
    ///
    /// Each worker calls `makeWorkspace` once. The results must not depend on which worker takes which chunk.
    static func run<Workspace>(
        count: Int, threads: Int, makeWorkspace: () -> Workspace, release: (Workspace) -> Void, body: (Int, Workspace) -> Void
    ) {
        guard count > 0 else { return }
        let workers = max(1, min(threads, count))
        let lock = DispatchSemaphore(value: 1)
        var next = 0
        func work() {
            let workspace = makeWorkspace()
            while true {
                lock.wait()
                let chunk = next
                next += 1
                lock.signal()
                guard chunk < count else { break }
                body(chunk, workspace)
            }
            release(workspace)
        }
        BLASConfiguration.withSingleThread {
            guard workers > 1 else { return work() }
            withoutActuallyEscaping(work) { work in
                // Chunks are disjoint and the counter is guarded by the lock.
                nonisolated(unsafe) let shared = work
                DispatchQueue.concurrentPerform(iterations: workers) { _ in shared() }
            }
        }
    }
}
