// `inspect` of models whose weights stay in their files: what their headers say.

import Foundation
import Pruning
import TensorFiles

extension Inspect {
    private struct StreamedReport: Encodable {
        struct Group: Encodable {
            let name: String
            let kind: String
            let channels: Int
            let producers: [String]
            let consumers: [String]
            let parameters: Int
        }

        struct Whole: Encodable {
            let name: String
            let reason: String
        }

        let parameters: Int
        let parametersTotal: Int
        /// Share of them in rows and columns that can be cut.
        let prunableShare: Double
        let bytes: Int
        let shards: Int
        let tensors: Int
        let types: [String]
        let groups: [Group]
        let whole: [Whole]
    }

    /// Tells what can be cut of a folder of shards, without reading a weight.
    func show(_ store: TensorStore, _ topology: StreamedTopology) throws {
        for (flag, path) in [("--graph", graph), ("--describe", describe)] where path != nil {
            throw CommandFailure.usage("expected \(flag) for a model whose topology is known, found weights alone: \(self.model)")
        }
        var prunable: Set<String> = []
        let groups = topology.groups.map { group in
            let tensors = (group.producers + group.biases + group.consumers).map(\.tensor)
            prunable.formUnion(tensors)
            return StreamedReport.Group(
                name: group.name, kind: Self.kind(group), channels: group.count, producers: Self.unique(group.producers.map(\.tensor)),
                consumers: group.consumers.map(\.tensor), parameters: Set(tensors).reduce(0) { $0 + (store[$1]?.elementCount ?? 0) })
        }
        let total = store.entries.reduce(0) { $0 + $1.elementCount }
        let inGroups = prunable.reduce(0) { $0 + (store[$1]?.elementCount ?? 0) }
        let report = StreamedReport(
            parameters: total, parametersTotal: total, prunableShare: Double(inGroups) / Double(max(1, total)), bytes: store.byteCount,
            shards: store.shards.count, tensors: store.entries.count, types: Set(store.entries.map(\.dtypeName)).sorted(), groups: groups,
            whole: topology.whole.map { .init(name: $0.name, reason: $0.reason) })
        if format.json { return try JSONOutput.show(report) }
        Console.say(
            "\(Format.count(total)) parameters (\(report.types.joined(separator: ", "))) in \(report.tensors) tensors, \(report.shards) \(report.shards == 1 ? "file" : "shards") of \(Format.bytes(report.bytes))"
        )
        Console.say()
        var table = ConsoleTable([
            ("channel group", .left), ("kind", .left), ("channels", .right), ("parameters", .right), ("read by", .left),
        ])
        for group in groups {
            table.append([
                group.name, group.kind, Format.count(group.channels), Format.count(group.parameters),
                group.consumers.joined(separator: ", "),
            ])
        }
        table.show()
        Console.say()
        for group in report.whole { Console.say(Ink.yellow("whole: ") + "\(group.name), \(group.reason)") }
        Console.say(
            "\(groups.count) groups can be pruned, \(Format.count(groups.reduce(0) { $0 + $1.channels })) channels; \(Int((100 * report.prunableShare).rounded())) % of the parameters are in them"
        )
    }

    private static func unique(_ names: [String]) -> [String] { names.enumerated().filter { !names[..<$0].contains($1) }.map(\.element) }

    private static func kind(_ group: StreamedGroup) -> String {
        switch group.kind {
        case .neurons: "neurons"
        case .heads(let queries, _): queries == 1 ? "heads" : "heads, \(queries) queries each"
        }
    }
}
