import Foundation
import TensorFiles
import Testing

/// What README and Documentation tell people to type.
@Suite struct DocumentationTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Lines of ```sh blocks that call the tool, without comments.
    private static func commands(_ document: String) throws -> [String] {
        let text = try String(contentsOf: root.appendingPathComponent(document), encoding: .utf8)
        return text.components(separatedBy: "```sh\n").dropFirst().flatMap { block in
            (block.components(separatedBy: "\n```").first ?? "").split(separator: "\n").filter { $0.hasPrefix("loewner ") }.map {
                String($0.components(separatedBy: " # ")[0].dropFirst(8))
            }
        }
    }

    /// Every example works, in the order in which it stands there. Networks drawn at random may not survive the cut (status 3).
    @Test(arguments: ["README.md", "Documentation/Commands.md"])
    func everyExampleWorks(_ document: String) throws {
        let folder = try ScratchFolder()
        try ExampleInputs.write(to: folder)
        let commands = try Self.commands(document)
        #expect(commands.count >= 5)
        for command in commands {
            let outcome = try BuiltTool.shell("$L " + command, in: folder)
            let isRuined = outcome.status == 3 && outcome.errors.contains("does not answer as the original does")
            #expect(outcome.status == 0 || isRuined, "\(command): \(outcome.errors)")
            if let at = command.range(of: "-o ") {
                let file = command[at.upperBound...].prefix { $0 != " " }
                #expect(FileManager.default.fileExists(atPath: folder.path(String(file))), "\(command)")
            }
        }
        if document.hasSuffix("Commands.md") {
            #expect(try folder.read("again.safetensors") == folder.read("published.safetensors"))
        }
    }

    /// The ten options that most people need come first, the rest in sections.
    @Test func helpOfPruneStartsWithWhatIsUsedMost() throws {
        let help = try BuiltTool.run(["prune", "--help"], in: ScratchFolder()).output
        let sections = help.split(separator: "\n").filter { !$0.hasPrefix(" ") && $0.hasSuffix(":") && $0 == $0.uppercased() }
        #expect(sections.first == "EXAMPLES:" && sections.dropFirst().first == "ARGUMENTS:" && sections.dropFirst(2).first == "MOST USED:")
        #expect(sections.count >= 7, "\(sections)")
        let first = try #require(help.components(separatedBy: "MOST USED:\n").last?.components(separatedBy: "\n\n").first)
        let options = first.split(separator: "\n").filter { $0.hasPrefix("  -") }
        #expect(options.count == 10, "\(options)")
    }
}
