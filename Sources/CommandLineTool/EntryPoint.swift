// The only place where an error becomes an exit code.

import ArgumentParser
import Foundation

@main
enum EntryPoint {
    static func main() {
        // A usage error is found before the verb is known to us; its name is then what the user typed.
        let typed = CommandLine.arguments.dropFirst().first
        let verbs = Loewner.configuration.subcommands.map { $0._commandName }
        var name = "loewner"
        if let typed, verbs.contains(typed) { name += " \(typed)" }
        do {
            var command = try Loewner.parseAsRoot(CommandArguments.joiningNegativeValues(Array(CommandLine.arguments.dropFirst())))
            try command.run()
        } catch let error as CommandFailure {
            finish(error.status, error.message.map { "\(name): \($0)" })
        } catch {
            let code = Loewner.exitCode(for: error)
            switch code {
            case .success:
                Loewner.exit(withError: error)  // help, version, completions: printed by the parser
            case .validationFailure:
                finish(.usage, "\(name): \(lowerCased(Loewner.message(for: error))); see \(name) --help")
            default:
                finish(.failure, "\(name): \(describe(error))")
            }
        }
    }

    private static func finish(_ status: ExitStatus, _ message: String?) -> Never {
        if let message { Console.warn(singleLine(message)) }
        exit(status.rawValue)
    }

    /// The parser's messages start like sentences; ours do not.
    private static func lowerCased(_ message: String) -> String {
        var text = message.prefix(1).lowercased() + message.dropFirst()
        while text.last == "." { text.removeLast() }
        return text
    }

    /// One line, whatever the source of the message.
    private static func singleLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
            .joined(separator: "; ")
    }

    private static func describe(_ error: any Error) -> String {
        // Errors of this project describe themselves; those of Foundation have a readable form of their own.
        type(of: error) is NSError.Type ? error.localizedDescription : String(describing: error)
    }
}
