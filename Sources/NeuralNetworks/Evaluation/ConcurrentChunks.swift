// Work on independent chunks spread over cores, one BLAS thread each.

import Dispatch
import LinearAlgebra

/// Chunks of work, handed out to cores as they become free.
enum ConcurrentChunks {
    /// Runs `body` for every chunk index, on at most `threads` cores; chunks are handed out as cores become free.
    ///
    /// Each worker that finds a chunk calls `makeWorkspace` once. The results must not depend on which worker takes which chunk.
    static func run<Workspace>(
        count: Int, threads: Int, makeWorkspace: () -> Workspace, release: (Workspace) -> Void, body: (Int, Workspace) -> Void
    ) {
        let lock = DispatchSemaphore(value: 1)
        var next = 0
        func takeChunk() -> Int? {
            lock.wait()
            defer { lock.signal() }
            guard next < count else { return nil }
            next += 1
            return next - 1
        }
        BLASConfiguration.withSingleThread {
            BLASConfiguration.team(threads).share(min(threads, count)) { _ in
                guard let first = takeChunk() else { return }
                let workspace = makeWorkspace()
                var chunk: Int? = first
                while let index = chunk {
                    body(index, workspace)
                    chunk = takeChunk()
                }
                release(workspace)
            }
        }
    }
}
