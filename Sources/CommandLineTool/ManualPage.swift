// Manual pages, from what the parser knows of each verb. Letters beyond ASCII (ᵀ, −, ×) stay as they are: groff reads UTF-8.

import ArgumentParser
import Foundation

/// One page for the tool, and one for each verb.
struct ManualPage {
    /// `loewner.1`, `loewner-prune.1`, …
    let fileName: String
    let text: String

    private struct Tool: Decodable { let command: Command }
    private struct Command: Decodable {
        let commandName: String
        let abstract: String?
        let discussion: String?
        let subcommands: [Command]?
        let arguments: [Argument]?
        let shouldDisplay: Bool?
        let defaultSubcommand: String?

        /// Verbs of its own that people are shown.
        var shownVerbs: [Command] { (subcommands ?? []).filter { $0.shouldDisplay != false && $0.commandName != "help" } }

        /// With the arguments of what it does when no verb of its own is named.
        var withDefault: Command {
            guard let verb = subcommands?.first(where: { $0.commandName == defaultSubcommand }) else { return self }
            return Command(
                commandName: commandName, abstract: abstract, discussion: discussion, subcommands: subcommands, arguments: verb.arguments,
                shouldDisplay: shouldDisplay, defaultSubcommand: defaultSubcommand)
        }
    }
    private struct Argument: Decodable {
        let kind: String
        let sectionTitle: String?
        let names: [Name]?
        let valueName: String?
        let abstract: String?
        let defaultValue: String?
        let allValues: [String]?
        let isOptional: Bool?
        let isRepeating: Bool?
        let shouldDisplay: Bool?
    }
    private struct Name: Decodable {
        let kind: String
        let name: String
    }

    /// All pages.
    static func all() throws -> [ManualPage] {
        let tool = try JSONDecoder().decode(Tool.self, from: Data(Loewner._dumpHelp().utf8)).command
        let verbs = (tool.subcommands ?? []).filter { $0.shouldDisplay != false && $0.commandName != "help" }
        let others = verbs.map { "loewner-\($0.commandName)(1)" }
        return [page(tool, name: "loewner", verbs: verbs, seeAlso: others)]
            + verbs.map { page($0.withDefault, name: "loewner-\($0.commandName)", verbs: $0.shownVerbs, seeAlso: ["loewner(1)"]) }
    }

    private static func page(_ command: Command, name: String, verbs: [Command], seeAlso: [String]) -> ManualPage {
        let typed = name.replacingOccurrences(of: "-", with: " ")
        var lines = [
            ".TH \(quoted(name.uppercased())) 1 \"\" \(quoted("loewner \(Loewner.configuration.version)")) \(quoted("loewner manual"))",
            ".SH NAME", "\(escaped(name)) \\- \(escaped(command.abstract ?? ""))", ".SH SYNOPSIS",
        ]
        let shown = (command.arguments ?? []).filter { $0.shouldDisplay != false }
        let positional = shown.filter { $0.kind == "positional" }
        let places = positional.map { argument in
            let value = "\\fI\(escaped(argument.valueName ?? "value"))\\fR" + (argument.isRepeating == true ? " ..." : "")
            return argument.isOptional == true ? "[\(value)]" : value
        }
        lines.append(
            "\\fB\(escaped(typed))\\fR " + ((verbs.isEmpty ? [] : ["\\fIverb\\fR"]) + places + ["[\\fIoptions\\fR]"]).joined(separator: " ")
        )
        if let discussion = command.discussion, !discussion.isEmpty {
            lines += [".SH DESCRIPTION"] + paragraphs(discussion)
        }
        if !verbs.isEmpty {
            lines.append(".SH VERBS")
            for verb in verbs { lines += [".TP", "\\fB\(escaped(verb.commandName))\\fR", escaped(verb.abstract ?? "")] }
        }
        var titles: [String] = []
        for argument in shown where !titles.contains(title(argument)) { titles.append(title(argument)) }
        for section in titles {
            lines.append(".SH \(quoted(section.uppercased()))")
            for argument in shown where title(argument) == section { lines += entry(argument) }
        }
        lines += [
            ".SH EXIT STATUS", "0 done; 1 failed; 2 wrong usage; 3 finished, but a limit stopped it.", ".SH SEE ALSO",
            seeAlso.map(escaped).joined(separator: ", "),
        ]
        return ManualPage(fileName: name + ".1", text: lines.joined(separator: "\n") + "\n")
    }

    private static func title(_ argument: Argument) -> String {
        argument.sectionTitle ?? (argument.kind == "positional" ? "Arguments" : "Options")
    }

    private static func entry(_ argument: Argument) -> [String] {
        let value = argument.kind == "flag" ? "" : " \\fI\(escaped(argument.valueName ?? "value"))\\fR"
        let names = (argument.names ?? []).map { "\\fB" + escaped(($0.kind == "long" ? "--" : "-") + $0.name) + "\\fR" }
        var text = argument.abstract ?? ""
        if let values = argument.allValues, !values.isEmpty { text += " One of \(values.joined(separator: ", "))." }
        if let value = argument.defaultValue, !value.isEmpty, argument.kind != "flag" { text += " Default: \(value)." }
        let head =
            argument.kind == "positional" ? "\\fI\(escaped(argument.valueName ?? "value"))\\fR" : names.joined(separator: ", ") + value
        return [".TP", head, escaped(text)]
    }

    /// Indented lines and lines of capitals stand as they are; others run together.
    private static func paragraphs(_ text: String) -> [String] {
        var (lines, isExample) = ([String](), false)
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let isIndented = line.hasPrefix("  ")
            if isIndented != isExample { lines.append(isIndented ? ".nf" : ".fi") }
            isExample = isIndented
            if line.isEmpty { lines.append(".PP") } else { lines.append(escaped(String(line))) }
        }
        return lines + (isExample ? [".fi"] : [])
    }

    /// Text that roff prints as it is: a backslash is no escape, a hyphen can be copied, a dot or quote begins no request.
    private static func escaped(_ text: String) -> String {
        let plain = text.replacingOccurrences(of: "\\", with: "\\e").replacingOccurrences(of: "-", with: "\\-")
            .replacingOccurrences(of: "\n", with: " ")
        return plain.hasPrefix(".") || plain.hasPrefix("'") ? "\\&" + plain : plain
    }

    private static func quoted(_ text: String) -> String { "\"" + escaped(text).replacingOccurrences(of: "\"", with: "\\(dq") + "\"" }
}
