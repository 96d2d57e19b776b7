// Signals: what is half written is removed, what was not written is named. The handlers themselves are C, in CFileGuard.

internal import CFileGuard
import Foundation
import TensorFiles

enum Interruption {
    /// Whether Ctrl-C was pressed since `catch()`.
    static var requested: Bool { file_guard_interrupted() != 0 }

    /// From now on Ctrl-C, SIGTERM, SIGHUP and SIGQUIT leave no temporary file and exit with 128 + their number; reading a mapped file that
    /// somebody shortens ends in a message; a file size limit is an error of writing.
    static func install(program: String) {
        let kernels = Console.environment("OPENBLAS_CORETYPE").map { " named by OPENBLAS_CORETYPE=\(Console.escaped($0).prefix(40))" } ?? ""
        file_guard_install(program, "expected a processor with the instructions of the BLAS kernels\(kernels), found one without them")
    }

    /// From now on the first Ctrl-C only sets `requested`.
    static func `catch`() { file_guard_defer_interrupt() }

    /// From now on Ctrl-C ends the process again: what is left to do has no middle to stop in.
    static func release() { file_guard_obey_interrupt() }

    /// Ends without a word when a launcher ends all processes of a run: one of them has said why.
    static func endQuietly() { for number in [SIGINT, SIGTERM, SIGHUP] { signal(number, SIG_DFL) } }

    /// Leaves Ctrl-C to the parent process.
    static func ignore() { signal(SIGINT, SIG_IGN) }

    /// Notes a file that will be written, to be named if a signal comes first.
    static func promise(_ path: String) { file_guard_promise(SystemPath.shown(path)) }
}
