// `loewner apply`: replay a plan on the network it was made for; the bytes are those `prune` wrote.

import ArgumentParser
import Foundation
import Pruning
import TensorFiles

struct Apply: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Replay a pruning plan on the network it was made for.",
        discussion: """
            EXAMPLE:
              loewner apply plan.json lenet.safetensors -o small.safetensors
            """)

    @Argument(help: "The plan that `prune --plan` wrote.", completion: .file())
    var plan: String

    @Argument(help: "The original network.", completion: .file())
    var model: String

    @Option(name: .shortAndLong, help: "Where the smaller network goes, in the format of the input.", completion: .file())
    var output: String

    @OptionGroup var network: NetworkOptions
    @OptionGroup var overwrite: OverwriteOptions
    @OptionGroup var threading: ThreadOptions
    @OptionGroup var format: FormatOptions

    private struct Report: Encodable {
        let output: String
        let parametersBefore: Int
        let parametersAfter: Int
    }

    func run() throws {
        try overwrite.check(output, inputs: [plan, model] + network.inputPaths)
        threading.apply()
        let original = try network.read(model, leavesWeights: true)
        try overwrite.check(inputs: original.inputPaths)
        try original.checkFormat(of: output)
        let pruned = try PlanFile.read(plan).apply(to: original.network)
        try original.prepared(pruned).write(to: output, force: overwrite.force)
        let report = Report(
            output: SystemPath.shown(output), parametersBefore: original.network.cost.parameters, parametersAfter: pruned.cost.parameters)
        if format.json {
            try JSONOutput.show(report)
        } else {
            Console.say("wrote \(output): \(Format.count(report.parametersAfter)) of \(Format.count(report.parametersBefore)) parameters")
        }
    }
}

/// A plan on disk.
enum PlanFile {
    /// Reads and decodes a plan; a damaged one is named with the key at fault.
    static func read(_ path: String) throws -> PruningPlan {
        let data = Data(try FileSystem.contents(of: path))
        do {
            return try JSONDecoder().decode(PruningPlan.self, from: data)
        } catch let error as DecodingError {
            if let found = try? JSONDecoder().decode(Layout.self, from: data).version, found != PruningPlan.currentVersion {
                throw CommandFailure.failure(
                    "\(path): expected a plan of layout version \(PruningPlan.currentVersion), found version \(found); plan again")
            }
            throw CommandFailure.failure("\(path): expected a pruning plan, found \(reason(error))")
        }
    }

    /// What plans of every version begin with.
    private struct Layout: Decodable {
        let version: Int
    }

    private static func reason(_ error: DecodingError) -> String {
        func place(_ path: [any CodingKey]) -> String { path.isEmpty ? "the top level" : path.map(\.stringValue).joined(separator: ".") }
        switch error {
        case .keyNotFound(let key, let context): return "no key \"\(key.stringValue)\" at \(place(context.codingPath))"
        case .typeMismatch(_, let context), .valueNotFound(_, let context): return "another type at \(place(context.codingPath))"
        case .dataCorrupted(let context) where context.codingPath.isEmpty: return "something that is not JSON"
        case .dataCorrupted(let context): return "a damaged value at \(place(context.codingPath))"
        @unknown default: return "something else"
        }
    }
}
