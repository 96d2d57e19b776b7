import Foundation
import Testing

/// What scripts/install puts beside the tool.
@Suite struct InstallationTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    @Test func everyVerbHasAPageAndEveryShellCompletions() throws {
        let folder = try ScratchFolder()
        let outcome = try BuiltTool.shell("LOEWNER_TOOL=$L \(Self.root)/scripts/install \"$PWD/usr\"", in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let help = try BuiltTool.run(["--help"], in: folder).output
        let listed = try #require(help.components(separatedBy: "SUBCOMMANDS:\n").last).split(separator: "\n")
            .filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") && !$0.contains("See '") }.compactMap { $0.split(separator: " ").first }
        #expect(listed.contains("prune") && listed.contains("curve") && !listed.contains("manual"))
        let pages = try FileManager.default.contentsOfDirectory(atPath: folder.path("usr/share/man/man1"))
        #expect(Set(pages) == Set(["loewner.1"] + listed.map { "loewner-\($0).1" }))
        func page(_ verb: String) throws -> String {
            try String(contentsOfFile: folder.path("usr/share/man/man1/loewner-\(verb).1"), encoding: .utf8)
        }
        // Letters that generators lose.
        #expect(try page("coreset").contains("|pᵀx|") && page("prune").contains("multiply–adds"))
        // A hyphen of an option is one that can be copied, and sections are those of the help.
        let prune = try page("prune")
        #expect(prune.contains(".SH \"MOST USED\"") && prune.contains("\\fB\\-\\-keep\\fR \\fIkeep\\fR") && prune.contains("EXAMPLES:"))
        for file in [
            "bin/loewner", "share/bash-completion/completions/loewner", "share/zsh/site-functions/_loewner",
            "share/fish/vendor_completions.d/loewner.fish",
        ] { #expect(FileManager.default.fileExists(atPath: folder.path("usr/\(file)")), "\(file)") }
        #expect(try BuiltTool.shell("bash -n usr/share/bash-completion/completions/loewner", in: folder).status == 0)
        // Again over what is there.
        #expect(try BuiltTool.shell("LOEWNER_TOOL=$L \(Self.root)/scripts/install \"$PWD/usr\"", in: folder).status == 0)
    }

    /// Whatever is a path completes as one: the options and arguments of every verb that read or write files.
    @Test func pathsComplete() throws {
        let script = try BuiltTool.run(["--generate-completion-script", "fish"], in: ScratchFolder()).output.split(separator: "\n")
        for (verb, name) in [
            ("prune", "output"), ("prune", "calibration"), ("prune", "evaluate"), ("prune", "plan"), ("prune", "report"),
            ("prune", "network"),
            ("prune", "emit-python"), ("prune", "config"), ("fit", "output"), ("reduce", "weights"), ("learn", "teacher"), ("curve", "csv"),
            ("evaluate", "data"), ("verify", "plan"), ("inspect", "graph"), ("inspect", "describe"),
        ] {
            let line = script.first { $0.contains("\"loewner \(verb)\"") && $0.contains("-l '\(name)'") }
            #expect(line?.hasSuffix("-rF") == true, "\(verb) --\(name): \(line ?? "none")")
        }
        for verb in ["prune", "fit", "evaluate", "inspect", "apply"] {
            // `-eq 1`, or `-ge 1` where there may be several.
            #expect(script.contains { $0.contains("positional \"loewner \(verb)\" -") && $0.hasSuffix("-F") }, "\(verb)")
        }
    }
}
