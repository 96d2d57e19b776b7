// `loewner inspect`: what is in a model, what could be cut, and what could not.

import ArgumentParser
import Foundation
import NeuralNetworks
import TensorFiles

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List layers, shapes, parameters, multiply–adds, channel groups and barriers of a model.",
        discussion: """
            EXAMPLES:
              loewner inspect resnet20.safetensors --network resnet20-cifar
              loewner inspect resnet20.onnx --graph resnet20.svg
              loewner inspect resnet20.safetensors --describe net.json

            A folder of .safetensors shards, as large language models come in, is told by its headers; no weight is read.
            """)

    @Argument(help: "The network: a file, or a folder of .safetensors shards.", completion: .file())
    var model: String

    @Option(
        help: ArgumentHelp("Draw the graph, what may be cut in color: .html or .svg for a browser, .dot for Graphviz.", valueName: "file"),
        completion: .file())
    var graph: String?

    @Option(
        help: ArgumentHelp(
            "Write the topology as a description file, for --network (see `loewner help network`).", valueName: "net.json"),
        completion: .file())
    var describe: String?

    @OptionGroup var network: NetworkOptions
    @OptionGroup var overwrite: OverwriteOptions
    @OptionGroup var threading: ThreadOptions
    @OptionGroup var format: FormatOptions

    private struct Report: Encodable {
        let parameters: Int
        /// Numbers in all tensors of the file.
        let parametersTotal: Int
        /// Share of them that a budget may cut unasked.
        let prunableShare: Double
        let barriers: [NetworkSummary.Barrier]
        let macs: Int?
        let inputs: [Port]
        let outputs: [Port]
        let layers: [LayerRow]
        let groups: [GroupRow]
        let unknownOperations: [String]
        /// The same with a line for each operation.
        let unknownOperationKinds: [String]
        /// Says which nodes with weights `macs` are counted without; absent when none.
        let macsNote: String?
    }

    private struct Port: Encodable {
        let name: String
        let shape: [Int]?
    }

    private struct LayerRow: Encodable {
        let name: String
        let kind: String
        let inputShape: [Int]?
        let outputShape: [Int]?
        let parameters: Int
        let macs: Int?
        /// Channel group of its outputs; absent for nodes that pass channels on.
        let group: String?
        let prunable: Bool?
        /// Why not, or what is cut with it.
        let remark: String?
    }

    private struct GroupRow: Encodable {
        let name: String
        let channels: Int
        let producers: [String]
        let consumers: [String]
        /// Whether a budget cuts it: free of barriers, outside residual streams, and read by a layer with weights.
        let prunable: Bool
        /// Whether `--residual-streams` cuts it too: free of barriers, and read by a layer with weights.
        let cuttable: Bool
        let inner: Bool
        let barrier: String?
    }

    func validate() throws {
        if let graph, !["html", "svg", "dot"].contains(SystemPath.ending(of: graph)) {
            throw ValidationError("expected --graph to end in .html, .svg or .dot, found \(graph)")
        }
        if let describe, SystemPath.ending(of: describe) != "json" {
            throw ValidationError("expected --describe to end in .json, by which --network knows a description, found \(describe)")
        }
    }

    func run() throws {
        for output in [graph, describe] { try overwrite.check(output, inputs: [model] + network.inputPaths) }
        threading.apply()
        if let streamed = try StreamedModel(path: model, isNamed: network.network != nil),
            case .tensors(let store, let topology, _) = streamed.content
        {
            return try show(store, topology)
        }
        let file = try network.read(model, leavesWeights: true)
        try overwrite.check(inputs: file.inputPaths)
        let network = try file.network.inferringShapes()
        let report = try report(network, file)
        if let graph {
            let drawing =
                switch SystemPath.ending(of: graph) {
                case "svg": try network.svg()
                case "dot": try network.dot()
                default: try page(NetworkDrawing(network), report)
                }
            try AtomicFile.write(Array(drawing.utf8), to: graph, force: overwrite.force)
        }
        if let describe {
            let text: String
            do { text = try NetworkDescription.text(of: network) } catch { throw CommandFailure.failure("\(model): \(error)") }
            try AtomicFile.write(Array(text.utf8), to: describe, force: overwrite.force)
        }
        for size in file.assumedSizes { Console.warn("note: \(model): \(size)") }
        if format.json { try JSONOutput.show(report) } else { show(report) }
    }

    private func page(_ drawing: NetworkDrawing, _ report: Report) -> String {
        var page = HTMLPage(title: PathText.name(model))
        let macs = report.macs.map { ", \(Format.count($0)) multiply–adds for one input" } ?? ""
        page.byline(
            "\(Format.count(report.parametersTotal)) parameters\(macs); \(Int((100 * report.prunableShare).rounded())) % of the parameters are in rows and columns that can be pruned"
        )
        page.graph(drawing)
        return page.text()
    }

    private func report(_ network: Network, _ file: ModelFile) throws -> Report {
        let cost = network.cost
        func port(_ value: Network.ValueID) -> Port { Port(name: network.values[value].name, shape: network.values[value].shape) }
        let found = try network.channelGroups()
        let summary = try network.summary(parametersTotal: file.parametersTotal, enclosed: file.enclosedParameters, groups: found)
        let layers = network.nodes.indices.map { index in
            let node = network.nodes[index], row = summary.nodes[index]
            return LayerRow(
                name: node.name, kind: node.layer.operationName, inputShape: node.inputs.first.flatMap { network.values[$0].shape },
                outputShape: node.outputs.first.flatMap { network.values[$0].shape }, parameters: row.parameters, macs: row.multiplyAdds,
                group: row.group, prunable: row.isPrunable, remark: row.remark)
        }
        let groups = found.map { group in
            GroupRow(
                name: group.id, channels: group.count, producers: group.producers.map { network.nodes[$0].name },
                consumers: group.consumers.map { network.nodes[$0].name },
                prunable: group.isPrunable, cuttable: group.isCuttable, inner: group.isInner, barrier: group.barrier)
        }
        return Report(
            parameters: cost.parameters, parametersTotal: summary.parametersTotal, prunableShare: summary.prunableShare,
            barriers: summary.barriers, macs: cost.multiplyAdds, inputs: network.inputs.map(port), outputs: network.outputs.map(port),
            layers: layers, groups: groups, unknownOperations: network.unknownOperations,
            unknownOperationKinds: network.unknownOperationKinds,
            macsNote: cost.multiplyAdds == nil ? nil : file.uncountedNote)
    }

    private func show(_ report: Report) {
        var layers = ConsoleTable([
            ("node", .left), ("operation", .left), ("shape", .right), ("parameters", .right), ("multiply–adds", .right),
            ("group", .left), ("prunable", .left),
        ])
        for row in report.layers {
            layers.append([
                row.name, row.kind, row.outputShape.map(Self.text) ?? "?", row.parameters > 0 ? Format.count(row.parameters) : "",
                row.macs.map { $0 > 0 ? Format.count($0) : "" } ?? "?", row.group ?? "", Self.verdict(row),
            ])
        }
        layers.append(["total", "", "", Format.count(report.parameters), report.macs.map(Format.count) ?? "?", "", ""])
        layers.show()
        Console.say()
        var groups = ConsoleTable([("channel group", .left), ("channels", .right), ("read by", .left), ("", .left)])
        for row in report.groups {
            let readers = row.consumers.prefix(3).joined(separator: ", ") + (row.consumers.count > 3 ? ", … (\(row.consumers.count))" : "")
            let remark =
                row.barrier.map { "whole: \($0)" }
                ?? (row.prunable
                    ? "" : row.cuttable ? "a residual stream: whole without --residual-streams" : "whole: not read by a layer with weights")
            groups.append([row.name, Format.count(row.channels), readers, remark])
        }
        groups.show()
        let prunable = report.groups.filter(\.prunable)
        Console.say()
        Console.say(
            "\(prunable.count) of \(report.groups.count) groups can be pruned, \(Format.count(prunable.reduce(0) { $0 + $1.channels })) channels"
        )
        let streams = report.groups.filter { $0.cuttable && !$0.prunable }
        if !streams.isEmpty {
            Console.say("\(streams.count) more with --residual-streams, \(Format.count(streams.reduce(0) { $0 + $1.channels })) channels")
        }
        Console.say(
            "\(Format.count(report.parametersTotal)) parameters in the file, \(Int((100 * report.prunableShare).rounded())) % in rows and columns that can be pruned"
        )
        for barrier in report.barriers.filter({ $0.parameters > 0 }).prefix(5) {
            Console.say("\(barrier.node) (\(barrier.operator)) keeps \(Format.count(barrier.parameters)) parameters whole")
        }
        if let note = report.macsNote { Console.say(Ink.yellow(note)) }
        for operation in report.unknownOperationKinds {
            Console.say(Ink.yellow("unknown operation: ") + operation + "; what touches it is kept whole")
        }
    }

    /// Whether a node's channels may go, and what else must be known about that.
    private static func verdict(_ row: LayerRow) -> String {
        guard let prunable = row.prunable else { return row.remark ?? "" }
        guard prunable else { return row.remark ?? "no" }
        return row.remark.map { "yes, \($0)" } ?? "yes"
    }

    private static func text(_ shape: [Int]) -> String { shape.map(String.init).joined(separator: "×") }
}
