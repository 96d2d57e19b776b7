// The only place where an error becomes an exit code.

import ArgumentParser
import Foundation
import TensorFiles

@main
enum EntryPoint {
    static func main() {
        Console.occupyClosedDescriptors()
        var words = CommandArguments.joiningNegativeValues(CommandArguments.words)
        // A usage error is found before the verb is known to us; its name is then what the user typed.
        var name = "loewner"
        if let typed = words.first, VerbNames.all.contains(typed) { name += " \(typed)" }
        Interruption.install(program: name)
        let isHelper = Ranks.isHelper(for: words.first)
        if isHelper { Interruption.endQuietly() }
        do {
            try answer(&words)
            words = try ConfigurationFile.expanding(words)
            var command = try Loewner.parseAsRoot(words)
            if command is Prune, words.contains("--print-config") {
                Console.say(json: try ConfigurationFile.text(of: words))
            } else {
                try command.run()
            }
        } catch let error as CommandFailure {
            finish(error.status, error.message.map { "\(name): \(Ranks.prefix)\($0)" })
        } catch {
            let code = Loewner.exitCode(for: error)
            switch code {
            case .success:
                // Help, version, completions: printed by us, so that a closed output is noticed.
                Console.say(text: trimmed(Loewner.fullMessage(for: error)))
                exit(ExitStatus.success.rawValue)
            case .validationFailure:
                // What is missing may be what was misspelt.
                let message =
                    (try? ConfigurationFile.unknownOption(in: words))
                    ?? UsageMessage.rewritten(lowerCased(Loewner.message(for: error)))
                // All ranks find the same; one that failed would have the first one ended before it can speak.
                finish(isHelper ? .success : .usage, isHelper ? nil : "\(name): \(message); see \(name) --help")
            default:
                finish(.failure, "\(name): \(Ranks.prefix)\(describe(error))")
            }
        }
    }

    /// What is settled before the parser: words that are no verb, topics of help that are none, and `--help-all`.
    private static func answer(_ words: inout [String]) throws {
        guard let first = words.first, !first.hasPrefix("-") else { return }
        if first == "help", words.count > 1, !words[1].hasPrefix("-"), !VerbNames.all.contains(words[1]) {
            guard let topic = HelpTopic(rawValue: words[1]) else {
                let topics = HelpTopic.allCases.map(\.rawValue).joined(separator: ", ")
                throw CommandFailure(
                    status: .usage, message: VerbNames.message(about: words[1], expected: "a verb or a topic (\(topics))"))
            }
            Console.say(text: topic.text)
            exit(ExitStatus.success.rawValue)
        }
        guard first == "help" || VerbNames.all.contains(first) else {
            throw CommandFailure(status: .usage, message: VerbNames.message(about: first) + "; see loewner --help")
        }
        // `--help` hides nothing: all options stand in sections.
        if let at = words.firstIndex(of: "--help-all") { words[at] = "--help" }
    }

    private static func finish(_ status: ExitStatus, _ message: String?) -> Never {
        Console.endRedrawing()
        if let message { Console.warn(clipped(singleLine(message))) }
        exit(status.rawValue)
    }

    /// The parser's messages are sentences; ours are not, and may end in what somebody has typed.
    private static func lowerCased(_ message: String) -> String {
        guard message.first?.isUppercase == true else { return message }
        var text = message.prefix(1).lowercased() + message.dropFirst()
        while text.last == "." { text.removeLast() }
        return text
    }

    private static func trimmed(_ text: String) -> String {
        var text = text
        while text.last == "\n" { text.removeLast() }
        return text
    }

    /// One line, whatever the source of the message.
    private static func singleLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
            .joined(separator: "; ")
    }

    /// At most 200 characters of a word, which may come from a file, and 1000 of all.
    private static func clipped(_ text: String) -> String {
        let words = text.prefix(1001).split(separator: " ", omittingEmptySubsequences: false).map { word in
            word.count > 200 ? word.prefix(200) + "…" : String(word)
        }
        let line = words.joined(separator: " ")
        return line.count > 1000 ? line.prefix(1000) + "…" : line
    }

    private static func describe(_ error: any Error) -> String {
        // Errors of this project describe themselves; those of Foundation have a readable form of their own.
        type(of: error) is NSError.Type ? error.localizedDescription : String(describing: error)
    }
}
