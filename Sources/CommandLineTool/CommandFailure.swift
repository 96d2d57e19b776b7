/// Exit codes of every verb.
enum ExitStatus: Int32, Sendable {
    case success = 0
    case failure = 1
    case usage = 2
    /// The work ended with a result, but a limit stopped it before the tolerance was reached.
    case limited = 3
}

/// A verb that ends with something other than success; `message` is one line, absent when all has been said.
struct CommandFailure: Error {
    let status: ExitStatus
    let message: String?

    static func failure(_ message: String) -> CommandFailure { CommandFailure(status: .failure, message: message) }
    static func usage(_ message: String) -> CommandFailure { CommandFailure(status: .usage, message: message) }
    static func limited(_ message: String) -> CommandFailure { CommandFailure(status: .limited, message: message) }

    /// Puts the path of a file before the message of whatever error its content causes.
    static func naming<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
        do { return try body() } catch { throw failure("\(path): \(error)") }
    }
}
