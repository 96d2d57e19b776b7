// What a report says of a run beside what the library knows: files, costs of single layers, latency, the command.

import BenchmarkSuite
import Foundation
import LinearAlgebra
import NeuralNetworks
import Pruning

/// A pruning run as the tool carried it out.
struct PruneRecord: Sendable {
    /// Name of a layer, and its costs before and after.
    struct LayerCost: Sendable {
        let name: String
        let operation: String
        let macs: (before: Int, after: Int)?
        let parameters: (before: Int, after: Int)
    }

    struct Latency: Sendable {
        /// Seconds of one input.
        let before: Double
        let after: Double
        let speedup: Double
        let low: Double
        let high: Double
        let threads: Int
    }

    let model: String
    let output: String?
    let plan: String?
    let calibration: String?
    let evaluation: String?
    /// Options that say how the model and its pictures are read, for other commands on them.
    let reading: [String]
    /// Those that say how the model is read.
    let network: [String]
    let command: String
    let version: String
    let date: String
    let bytes: (before: Int, after: Int)
    /// nil where one of the networks cannot be evaluated.
    let latency: Latency?
    let layers: [LayerCost]
    let drawing: NetworkDrawing

    /// - Parameters:
    ///   - subject: the model and its data.
    ///   - pruned: the smaller network.
    ///   - prepared: its file.
    ///   - options: the command's.
    init(_ subject: PruningSubject, pruned: Network, prepared: ModelFile.Prepared, _ options: Prune) throws {
        let file = subject.file
        (model, output, plan) = (options.model, options.files.output, options.files.plan)
        (calibration, evaluation) = (options.files.calibration, options.files.evaluate)
        network = options.network.words
        reading = network + options.images.words
        command = ShellText.line(["loewner"] + CommandArguments.words)
        version = Loewner.configuration.version
        date = Self.today
        bytes = (file.byteCount, try prepared.byteCount(like: options.model))
        let (before, after) = (try file.network.inferringShapes(), try pruned.inferringShapes())
        latency = try? Self.latency(before, after)
        let total = before.cost.parameters
        let rows = Dictionary(try after.summary().nodes.map { ($0.name, $0) }) { first, _ in first }
        layers = try before.summary().nodes.compactMap { row in
            // Normalizations and the like: no work, hardly a number.
            guard (row.multiplyAdds ?? 0) > 0 || row.parameters > total / 200 else { return nil }
            let now = rows[row.name]
            return LayerCost(
                name: row.name, operation: row.operation,
                macs: row.multiplyAdds.map { ($0, now?.multiplyAdds ?? 0) }, parameters: (row.parameters, now?.parameters ?? 0))
        }
        drawing = try NetworkDrawing(before, comparedWith: after)
    }

    /// Date and time, for people.
    static var today: String {
        Date().formatted(.iso8601.year().month().day().time(includingFractionalSeconds: false))
            .replacingOccurrences(of: "T", with: " ") + " UTC"
    }

    /// Both networks in turn on one input.
    private static func latency(_ before: Network, _ after: Network) throws -> Latency {
        let inputs = try before.drawnInputs(seed: 0).map { $0.samples(0..<1) }
        let times = try NetworkLatency.measure(before, after, inputs: inputs)
        return Latency(
            before: times.before, after: times.after, speedup: times.ratio.estimate, low: times.ratio.low, high: times.ratio.high,
            threads: BLASConfiguration.threads)
    }
}
