// `--network`: the topology of a file that holds weights only. For every verb that reads a model.

import ArgumentParser
import NeuralNetworks
import TensorFiles

struct NetworkOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Topology of a weights-only file: a description file NET.json, or one of \(KnownArchitecture.names.joined(separator: ", ")). Chains of linear layers need none, ONNX models hold their own.",
            valueName: "name|net.json"), completion: .file())
    var network: String?

    /// Reads a model: `.onnx`, or `.safetensors` or `.npz` with the topology named here.
    /// - Parameters:
    ///   - inputShape: of one input, as asked for.
    ///   - leavesWeights: whether large tensors of an ONNX model stay in their files, for networks that are not computed.
    func read(_ path: String, inputShape: [Int]? = nil, leavesWeights: Bool = false) throws -> ModelFile {
        let file = try ModelFile(path: path, topology: network.map(topology), inputShape: inputShape, leavesWeights: leavesWeights)
        if network != nil, file.hasOwnTopology { Console.warn("note: \(path) holds its own topology; --network is for weights-only files") }
        for warning in file.warnings { Console.warn("note: \(path): \(warning)") }
        return file
    }

    /// The options as words, for other commands on the same file.
    var words: [String] { network.map { ["--network", $0] } ?? [] }

    /// The description file, where one is named.
    var inputPaths: [String] { network.map { $0.lowercased().hasSuffix(".json") ? [$0] : [] } ?? [] }

    private func topology(_ name: String) throws -> ModelFile.Topology {
        guard name.lowercased().hasSuffix(".json") else { return .known(try KnownArchitecture(named: name)) }
        let bytes = try FileSystem.contents(of: name)
        do { return .described(try NetworkDescription(json: bytes), path: name) } catch {
            throw CommandFailure.failure("\(name): \(error)")
        }
    }
}
