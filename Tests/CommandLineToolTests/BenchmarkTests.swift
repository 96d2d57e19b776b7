import Foundation
import TensorFiles
import TestSupport
import Testing
#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite struct BenchmarkTests {
    /// Options that keep a run short and its traces out of the user's history.
    private static let short = ["--quick", "--threads", "1", "--no-history"]

    private static func results(_ folder: ScratchFolder, _ name: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(try folder.read(name))) as? [String: Any])
    }

    @Test func jsonHasTheDocumentedKeys() throws {
        let folder = try ScratchFolder()
        let outcome = try BuiltTool.run(["benchmark", "kernels", "--only", "Cholesky n=125", "--json"] + Self.short, in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let report = try outcome.json()
        for key in ["machine", "coreType", "threads", "peakGflops", "lines"] { #expect(report[key] != nil, "\(key)") }
        let lines = try #require(report["lines"] as? [[String: Any]])
        #expect(lines.contains { $0["baseline"] as? String == "plain" })
        for line in lines {
            for key in ["suite", "name", "sizes", "seconds", "baseline", "baselineSeconds", "speedup", "error", "verified"] {
                #expect(line[key] != nil, "\(key)")
            }
            #expect(line["verified"] as? Bool == true)
        }
        #expect(try folder.files().isEmpty)
    }

    @Test func theTableFitsEightyColumnsAndShowsErrors() throws {
        let folder = try ScratchFolder()
        let outcome = try BuiltTool.run(["benchmark", "coreset", "--only", "n=1000 ", "--baseline", "none"] + Self.short, in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let lines = outcome.output.split(separator: "\n")
        #expect(lines.count >= 3)
        for line in lines { #expect(line.count <= 80, "\(line)") }
        #expect(lines[1].contains("sensitivities") && lines[1].contains("e-"))
    }

    @Test func reportsAreSelfContainedAndWellFormed() throws {
        let folder = try ScratchFolder()
        let outcome = try BuiltTool.run(
            [
                "benchmark", "kernels", "coreset", "layers", "--baseline", "plain", "-o", "r.json", "--report", "r.html",
                "--report", "r.md",
            ]
                + ["--only", "0"] + Self.short, in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let page = String(decoding: try folder.read("r.html"), as: UTF8.self)
        for word in ["http:", "https:", "<script ", "<link", "<img", "src=", "href=", "url(", "@import"] {
            #expect(!page.contains(word), "\(word)")
        }
        #expect(page.hasPrefix("<!DOCTYPE html>\n"))
        let reader = PageReader(page)
        #expect(reader.error == nil)
        #expect(reader.charts >= 4)
        // Every chart says what it shows, and none has a number that is not one.
        #expect(reader.unlabelled == 0)
        #expect(!page.contains("\"nan") && !page.contains("\"inf") && !page.contains(" nan") && !page.contains("-nan"))
        for section in ["Speedups", "Scaling", "Against the machine", "Accuracy", "All measurements", "How this was measured"] {
            #expect(page.contains(section), "\(section)")
        }
        let markdown = String(decoding: try folder.read("r.md"), as: UTF8.self)
        #expect(markdown.contains("| plain Swift |") && markdown.contains("## layers"))
        // Without --force nothing is replaced, and nothing is measured in vain.
        let again = try BuiltTool.run(["benchmark", "kernels", "-o", "r.json"] + Self.short, in: folder)
        #expect(again.status == 1 && again.output.isEmpty)
        #expect(again.errors.contains("r.json"))
    }

    @Test func anInterruptedRunLeavesValidResults() throws {
        let folder = try ScratchFolder()
        let process = Process()
        process.executableURL = BuiltTool.executable
        process.arguments = [
            "benchmark", "kernels", "-o", "r.json", "--report", "r.html", "--threads", "1", "--baseline", "plain", "--no-history",
        ]
        process.currentDirectoryURL = folder.url
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        while process.isRunning, !FileManager.default.fileExists(atPath: folder.path("r.json")) { usleep(10_000) }
        kill(process.processIdentifier, SIGINT)
        process.waitUntilExit()
        #expect(process.terminationReason == .exit)
        #expect(process.terminationStatus == 3)
        let report = try Self.results(folder, "r.json")
        #expect(report["complete"] as? Bool == false)
        #expect(try #require(report["lines"] as? [Any]).count >= 1)
        #expect(PageReader(String(decoding: try folder.read("r.html"), as: UTF8.self)).error == nil)
        // It serves as a baseline like any other.
        let next = try BuiltTool.run(
            ["benchmark", "kernels", "--only", "product n=128", "--baseline", "r.json", "--json"] + Self.short, in: folder)
        #expect(next.status == 0, "\(next.errors)")
        #expect(try #require(try next.json()["lines"] as? [[String: Any]]).contains { $0["baseline"] as? String == "previous" })
    }

    @Test func workThatFailsIsMarkedAndTheRunFails() throws {
        let folder = try ScratchFolder()
        // A single layer: nothing may be cut, and no other step fails before the work itself.
        try TensorArchive([("fc1.weight", try .float32([1, 2, 3, 4], shape: [2, 2]))]).write(
            to: folder.path("one.safetensors"), force: false)
        let outcome = try BuiltTool.run(["benchmark", "network", "--model", "one.safetensors", "-o", "r.json"] + Self.short, in: folder)
        #expect(outcome.status == 1)
        #expect(outcome.output.contains("✗") && outcome.output.contains("failed"))
        #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
        let lines = try #require(try Self.results(folder, "r.json")["lines"] as? [[String: Any]])
        // A forward pass is possible; pruning is what fails.
        #expect(lines.contains { $0["verified"] as? Bool == false })
    }

    @Test func layersOfTheUsersModel() throws {
        let folder = try ScratchFolder()
        try SmallNetwork.write(to: folder)
        let outcome = try BuiltTool.run(["benchmark", "layers", "--model", "net.safetensors", "--json"] + Self.short, in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let names = try #require(try outcome.json()["lines"] as? [[String: Any]]).compactMap { $0["name"] as? String }
        for step in ["points", "coreset", "select", "refit"] { #expect(names.contains("\(step) fc1"), "\(names)") }
    }

    @Test func historyGrowsAndShowsTrends() throws {
        let folder = try ScratchFolder()
        let run = [
            "benchmark", "kernels", "--only", "Cholesky n=125", "--quick", "--threads", "1", "--baseline", "none", "--history", "h.jsonl",
        ]
        for _ in 0..<2 { #expect(try BuiltTool.run(run, in: folder).status == 0) }
        #expect(try folder.read("h.jsonl").split(separator: 10).count == 2)
        let shown = try BuiltTool.run(["benchmark", "history", "--history", "h.jsonl"], in: folder)
        #expect(shown.status == 0 && shown.output.contains("kernels/Cholesky n=125") && shown.output.contains("%"))
        try folder.write(try folder.read("h.jsonl") + Array("{\"cut".utf8), to: "h.jsonl")
        let damaged = try BuiltTool.run(["benchmark", "history", "--history", "h.jsonl"], in: folder)
        #expect(damaged.status == 1 && damaged.errors.contains("line 3"))
    }

    @Test func badRequestsAreOneLine() throws {
        let folder = try ScratchFolder()
        try folder.write("{}".utf8, to: "not-results.json")
        let cases: [([String], Int32, String)] = [
            (["magic"], 2, "magic"), (["--threads", "0"], 2, "threads"), (["--report", "r.txt"], 2, "r.txt"),
            (["--quick", "--large"], 2, "large"),
            (["--baseline", "absent.json"], 1, "absent.json"), (["--baseline", "not-results.json"], 1, "not-results.json"),
            (["--only", "no such work"], 2, "match"), (["--data", "d.npz"], 2, "--model"),
            (["kernels", "--model", "net.safetensors"], 1, "net.safetensors"),
            (["--peers", "absent"], 1, "absent"), (["--peers", "."], 1, "peers"),
        ]
        for (arguments, status, mention) in cases {
            let outcome = try BuiltTool.run(["benchmark"] + arguments + ["--no-history"], in: folder)
            #expect(outcome.status == status, "\(arguments): \(outcome.errors)")
            #expect(outcome.errors.contains(mention), "\(arguments): \(outcome.errors)")
            #expect(outcome.errors.split(separator: "\n").count == 1, "\(arguments): \(outcome.errors)")
        }
        #expect(try folder.files() == ["not-results.json"])
    }
}

/// Reads a page as XML, which it must also be.
private final class PageReader: NSObject, XMLParserDelegate {
    private(set) var charts = 0
    private(set) var unlabelled = 0
    private(set) var error: String?

    init(_ page: String) {
        super.init()
        let parser = XMLParser(data: Data(page.replacingOccurrences(of: "<!DOCTYPE html>", with: "").utf8))
        parser.delegate = self
        if !parser.parse() { error = parser.parserError.map { "\($0) in line \(parser.lineNumber)" } ?? "unknown" }
    }

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?, attributes: [String: String] = [:]
    ) {
        guard name == "svg" else { return }
        charts += 1
        if (attributes["aria-label"] ?? "").isEmpty { unlabelled += 1 }
    }
}
