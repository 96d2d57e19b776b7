// `prune --config FILE` and `--print-config`: every option of a verb from a file, and back.
//
// A file is an object of option names without dashes, as JSON or as the flat part of TOML:
//     keep = 0.5
//     layer = ["conv1=0.7", "conv2=0.6"]
//     mean = [0.485, 0.456, 0.406]
//     raw = true
// It stands for the options before those of the command line, which therefore win.

import ArgumentParser
import Foundation
import TensorFiles

enum ConfigurationFile {
    private enum Value: Equatable {
        case flag(Bool)
        case text(String)
        case list([String], isNumeric: Bool)
    }

    /// The words of a command line with the options of its configuration file ahead of its own.
    static func expanding(_ words: [String]) throws -> [String] {
        guard words.first == "prune", let at = words.firstIndex(where: { $0 == "--config" || $0.hasPrefix("--config=") }) else {
            return words
        }
        let isJoined = words[at] != "--config"
        // A missing name is the parser's to complain about.
        guard isJoined || at + 1 < words.count else { return words }
        let path = isJoined ? String(words[at].dropFirst(9)) : words[at + 1]
        return [words[0]] + (try options(path)) + words.dropFirst()
    }

    /// The options among the words of a command line as a configuration file, `--config` and `--print-config` themselves left out.
    static func text(of words: [String]) throws -> String {
        let kinds = try optionKinds(verb: words[0])
        var values: [String: Any] = [:]
        var at = 1
        while at < words.count {
            let word = words[at]
            at += 1
            guard word.hasPrefix("-"), word != "--" else { continue }
            let split = word.firstIndex(of: "=")
            guard let (name, isFlag) = kinds[String(word[..<(split ?? word.endIndex)])] else { continue }
            var text: String?
            if let split { text = String(word[word.index(after: split)...]) }
            if !isFlag, text == nil, at < words.count {
                text = words[at]
                at += 1
            }
            if ["config", "print-config"].contains(name) { continue }
            guard let text else {
                values[name] = true
                continue
            }
            // These may be given more than once; of the others the last counts.
            if ["layer", "exclude"].contains(name) {
                values[name] = (values[name] as? [String] ?? []) + [text]
            } else if let number = Int(text), "\(number)" == text {
                // A number only where it is written as numbers are: 007 may be a file.
                values[name] = number
            } else if let number = UInt64(text), "\(number)" == text {
                values[name] = number
            } else if let number = Double(text), number.isFinite, "\(number)" == text {
                values[name] = number
            } else {
                values[name] = text
            }
        }
        let data = try JSONSerialization.data(withJSONObject: values, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
        return String(decoding: data, as: UTF8.self)
    }

    // MARK: Reading

    private static func options(_ path: String) throws -> [String] {
        let data = Data(try FileSystem.contents(of: path))
        let values = path.lowercased().hasSuffix(".toml") ? try toml(data, path) : try json(data, path)
        return values.flatMap { key, value -> [String] in
            let option = "--" + key.replacingOccurrences(of: "_", with: "-")
            switch value {
            case .flag(let isOn): return isOn ? [option] : []
            case .text(let text): return ["\(option)=\(text)"]
            case .list(let items, true): return ["\(option)=\(items.joined(separator: ","))"]
            case .list(let items, false): return items.map { "\(option)=\($0)" }
            }
        }
    }

    private static func json(_ data: Data, _ path: String) throws -> [(String, Value)] {
        guard let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else {
            throw CommandFailure.failure("\(path): expected an object of options, found something else")
        }
        return try object.sorted { $0.key < $1.key }.map { key, value in
            guard let value = Self.value(value) else {
                throw CommandFailure.failure(
                    "\(path): expected a number, text, truth value or list of them for \(key), found something else")
            }
            return (key, value)
        }
    }

    private static func value(_ value: Any) -> Value? {
        switch value {
        case let number as NSNumber where isTruthValue(number): .flag(number.boolValue)
        case let number as NSNumber: .text("\(number)")
        case let text as String: .text(text)
        case let list as [NSNumber]: .list(list.map { "\($0)" }, isNumeric: true)
        case let list as [String]: .list(list, isNumeric: false)
        default: nil
        }
    }

    /// Numbers and truth values are one class in Foundation; the type that is encoded tells them apart.
    private static func isTruthValue(_ number: NSNumber) -> Bool { String(cString: number.objCType) == "c" }

    /// `key = value` lines: numbers, "text", true, false, and lists of them on one line. Tables and the rest of TOML are refused.
    private static func toml(_ data: Data, _ path: String) throws -> [(String, Value)] {
        var values: [(String, Value)] = []
        for (number, line) in String(decoding: data, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let text = withoutComment(line).trimmingCharacters(in: .whitespaces)
            if text.isEmpty { continue }
            guard let split = text.firstIndex(of: "="),
                case let key = text[..<split].trimmingCharacters(in: .whitespaces), !key.isEmpty,
                key.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" }),
                // What TOML and JSON write alike is all that options need.
                let parsed = try? JSONSerialization.jsonObject(
                    with: Data(text[text.index(after: split)...].utf8), options: .fragmentsAllowed),
                let value = Self.value(parsed)
            else {
                throw CommandFailure.failure("\(path): expected `name = value` in line \(number + 1), found \(text.prefix(80))")
            }
            values.append((key, value))
        }
        return values
    }

    /// A line up to a # outside of quotes.
    private static func withoutComment(_ line: Substring) -> Substring {
        var (isQuoted, isEscaped) = (false, false)
        for index in line.indices {
            if line[index] == "\"", !isEscaped { isQuoted.toggle() }
            if line[index] == "#", !isQuoted { return line[..<index] }
            isEscaped = isQuoted && line[index] == "\\" && !isEscaped
        }
        return line
    }

    // MARK: What the parser knows

    /// A sentence about the first option that the verb does not have, with the one that may be meant; nil where there is none.
    static func unknownOption(in words: [String]) throws -> String? {
        guard let verb = words.first, VerbNames.all.contains(verb) else { return nil }
        let kinds = try optionKinds(verb: verb)
        // Verbs with verbs of their own have options elsewhere.
        guard kinds.keys.contains(where: { $0.hasPrefix("--") && !["--help", "--version"].contains($0) }) else { return nil }
        for word in words.dropFirst().prefix(while: { $0 != "--" }) where word.hasPrefix("--") {
            let name = String(word.prefix { $0 != "=" })
            if kinds[name] != nil { continue }
            let suggestion = Spelling.suggestion(for: name, among: kinds.keys.sorted())
            return "unknown option '\(name.prefix(60))'" + (suggestion.map { ". Did you mean '\($0)'?" } ?? "")
        }
        return nil
    }

    private struct Tool: Decodable {
        struct Command: Decodable {
            let commandName: String
            let subcommands: [Command]?
            let arguments: [Argument]?
        }
        struct Argument: Decodable {
            let kind: String
            let names: [Name]?
        }
        struct Name: Decodable {
            let kind: String
            let name: String
        }
        let command: Command
    }

    /// Every spelling of the options of a verb, with its long name and whether it is a flag.
    private static func optionKinds(verb: String) throws -> [String: (name: String, isFlag: Bool)] {
        let tool = try JSONDecoder().decode(Tool.self, from: Data(Loewner._dumpHelp().utf8))
        var kinds: [String: (name: String, isFlag: Bool)] = [:]
        for argument in tool.command.subcommands?.first(where: { $0.commandName == verb })?.arguments ?? []
        where argument.kind != "positional" {
            let names = argument.names ?? []
            guard let long = names.first(where: { $0.kind == "long" }) else { continue }
            for name in names { kinds[(name.kind == "long" ? "--" : "-") + name.name] = (long.name, argument.kind == "flag") }
        }
        return kinds
    }
}
