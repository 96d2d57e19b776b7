// What `prune` did with a model whose weights stayed in their files, and its report.

import Foundation
import Pruning

struct StreamedOutcome: Encodable {
    let model: String
    let parametersBefore: Int
    let parametersAfter: Int
    let bytesBefore: Int
    let bytesAfter: Int
    let layers: [StreamedPruning.Layer]
    /// Integers of config.json that are others now.
    let configuration: [String: Int]
    let recipe: String
    let seed: UInt64
    let chooseSeconds: Double
    /// nil before anything is written.
    var writeSeconds: Double?
    var peakMemory: Int?

    /// What else a report file says.
    private struct Account: Encodable {
        let outcome: StreamedOutcome
        let command: String
        let date: String
        let version: String

        private enum CodingKeys: CodingKey { case command, date, version }

        func encode(to encoder: any Encoder) throws {
            try outcome.encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(command, forKey: .command)
            try container.encode(date, forKey: .date)
            try container.encode(version, forKey: .version)
        }
    }

    /// What was done, in one phrase.
    var phrase: String {
        "\(Format.count(parametersBefore)) → \(Format.count(parametersAfter)) parameters, \(Self.share(parametersAfter, parametersBefore)); chosen by weights alone in \(Format.seconds(chooseSeconds)), recipe \(recipe), seed \(seed)"
    }

    static let columns = ["layer", "before", "after", "proven factor", "energy", "time"]

    /// A row for every layer.
    var rows: [[String]] {
        layers.map { layer in
            [
                layer.name, Format.count(layer.before), Format.count(layer.after), layer.provenFactor.map { Format.fixed($0, 1) } ?? "none",
                layer.retainedEnergy.map(Format.percent) ?? "–", Format.seconds(layer.seconds),
            ]
        }
    }

    /// A line for every number of the configuration that is another one now.
    var changes: [String] { configuration.sorted { $0.key < $1.key }.map { "config.json: \($0.key) is \($0.value) now" } }

    private static func share(_ after: Int, _ before: Int) -> String { Format.percent(Double(after) / Double(max(1, before))) }

    private static let meaning =
        "The factor is proven: in the directions of the points, which hold the energy given of all weights, no cut channel answers a vector more than so many times as strongly as the strongest kept one. Nothing is known of inputs, so nothing was refitted or measured."

    /// The report as the ending of its file asks for it.
    func report(_ format: ReportFormat) throws -> String {
        let command = ShellText.line(["loewner"] + CommandArguments.words)
        let (date, version) = (PruneRecord.today, Loewner.configuration.version)
        switch format {
        case .json: return try JSONOutput.text(Account(outcome: self, command: command, date: date, version: version))
        case .md:
            var text = "# Pruning report\n\n\(model), \(date), loewner \(version)\n\n    \(command)\n\n\(phrase).\n\n"
            text += "| | before | after | kept |\n|---|---:|---:|---:|\n"
            for (name, before, after) in [("parameters", parametersBefore, parametersAfter), ("bytes", bytesBefore, bytesAfter)] {
                text += "| \(name) | \(Format.count(before)) | \(Format.count(after)) | \(Self.share(after, before)) |\n"
            }
            text += "\n" + changes.map { "* \($0)\n" }.joined() + (changes.isEmpty ? "" : "\n")
            text += "| \(Self.columns.joined(separator: " | ")) |\n|---|---:|---:|---:|---:|---:|\n"
            for row in rows { text += "| \(row.map(\.markdownCell).joined(separator: " | ")) |\n" }
            return text + "\n\(Self.meaning)\n"
        case .html:
            var page = HTMLPage(title: "Pruning report: \(PathText.name(model))")
            page.byline("\(date) · loewner \(version)")
            page.command(command)
            page.tiles([
                (Format.bytes(bytesAfter), "files, \(Format.bytes(bytesBefore)) before"),
                (Self.share(parametersAfter, parametersBefore), "of \(Format.count(parametersBefore)) parameters"),
            ])
            page.paragraph(phrase.prefix(1).uppercased() + phrase.dropFirst() + ".")
            for change in changes { page.paragraph(change) }
            page.section("Layers")
            page.paragraph(Self.meaning)
            page.table(Self.columns, rows)
            return page.text()
        }
    }
}
