// The record of a run in reports that are no page: Markdown and JSON.

import Pruning
import TensorFiles

extension PruneRecord {
    /// What was run, when and by which version.
    var origin: [String] { ["\(SystemPath.shown(model)), \(date), loewner \(version)", "    \(command)"] }

    /// Rows of the table of sizes.
    var rows: [(name: String, before: String, after: String, kept: String)] {
        var rows = [
            (
                name: "file", before: Format.bytes(bytes.before), after: Format.bytes(bytes.after),
                kept: Format.percent(Double(bytes.after) / Double(max(1, bytes.before)))
            )
        ]
        if let latency {
            rows.append(
                (
                    name: "time of one input, \(latency.threads) thread\(latency.threads == 1 ? "" : "s")",
                    before: Format.seconds(latency.before), after: Format.seconds(latency.after),
                    kept:
                        "\(Format.fixed(latency.speedup, 2))× as fast (\(Format.fixed(latency.low, 2)) to \(Format.fixed(latency.high, 2)))"
                ))
        }
        return rows
    }

    /// The report as JSON, and beside its keys what the tool knows of the run. Times are of one input, absent where they were not measured.
    struct Account: Encodable {
        let report: PruningReport
        let record: PruneRecord

        private enum CodingKeys: CodingKey {
            case model, date, version, command, bytesBefore, bytesAfter, secondsBefore, secondsAfter, speedup, speedupLow, speedupHigh,
                threads
        }

        func encode(to encoder: any Encoder) throws {
            try report.encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(SystemPath.shown(record.model), forKey: .model)
            try container.encode(record.date, forKey: .date)
            try container.encode(record.version, forKey: .version)
            try container.encode(record.command, forKey: .command)
            try container.encode(record.bytes.before, forKey: .bytesBefore)
            try container.encode(record.bytes.after, forKey: .bytesAfter)
            guard let latency = record.latency else { return }
            try container.encode(latency.before, forKey: .secondsBefore)
            try container.encode(latency.after, forKey: .secondsAfter)
            try container.encode(latency.speedup, forKey: .speedup)
            try container.encode(latency.low, forKey: .speedupLow)
            try container.encode(latency.high, forKey: .speedupHigh)
            try container.encode(latency.threads, forKey: .threads)
        }
    }
}
