// Ctrl-C: the first asks long work to stop at a good place, the second ends the process.

import Foundation
import Synchronization

enum Interruption {
    private static let flag = Atomic<Bool>(false)

    /// Whether Ctrl-C was pressed since `catch()`.
    static var requested: Bool { flag.load(ordering: .relaxed) }

    /// From now on the first Ctrl-C only sets `requested`.
    static func `catch`() {
        // Whoever started us may have blocked the signal, as test runners do; a blocked one would never arrive.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        signal(SIGINT) { _ in
            Interruption.flag.store(true, ordering: .relaxed)
            signal(SIGINT, SIG_DFL)
        }
    }

    /// Leaves Ctrl-C to the parent process.
    static func ignore() { signal(SIGINT, SIG_IGN) }
}
