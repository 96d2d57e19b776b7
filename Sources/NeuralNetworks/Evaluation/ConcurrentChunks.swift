// Work on independent chunks spread over cores, one BLAS thread each.

import LinearAlgebra

/// Chunks of work, handed out to cores as they become free.
enum ConcurrentChunks {
    /// Runs `body` for every chunk index, on at most `threads` cores; chunks are handed out as cores become free.
    ///
    /// Each thread that finds a chunk calls `makeWorkspace` once. The results must not depend on which thread takes which chunk.
    static func run<Workspace>(
        count: Int, threads: Int, makeWorkspace: () -> Workspace, release: (Workspace) -> Void, body: (Int, Workspace) -> Void
    ) {
        let team = BLASConfiguration.team(threads)
        var workspaces = [Workspace?](repeating: nil, count: team.count)
        workspaces.withUnsafeMutableBufferPointer { workspaces in
            guard let base = workspaces.baseAddress else { return }
            // Every thread has a place of its own.
            let own = SharedPointer(base)
            BLASConfiguration.withSingleThread {
                team.share(count) { chunk, thread in
                    let workspace = own.pointer[thread] ?? makeWorkspace()
                    own.pointer[thread] = workspace
                    body(chunk, workspace)
                }
            }
        }
        for workspace in workspaces { if let workspace { release(workspace) } }
    }
}
