// `--network`, and the model files of every verb that reads one.

import ArgumentParser
import Foundation
import NeuralNetworks
import TensorFiles

struct NetworkOptions: ParsableArguments {
    @Option(help: ArgumentHelp(
        "Topology of a weights-only file: \(KnownArchitecture.names.joined(separator: ", ")). Chains of linear layers need none.",
        valueName: "name"))
    var network: String?

    /// Reads a model: `.safetensors` or `.npz` with the topology named here.
    func read(_ path: String) throws -> ModelFile {
        let architecture = try network.map(KnownArchitecture.init(named:))
        let archive = try TensorArchive.read(path: path)
        do {
            return ModelFile(path: path, network: try Network(archive: archive, architecture: architecture), archive: archive)
        } catch {
            throw CommandFailure.failure("\(path): \(error)")
        }
    }
}

/// A model as it was read: the network, and the file's own tensors for writing it back.
struct ModelFile {
    let path: String
    let network: Network
    let archive: TensorArchive

    /// Fails when `output` names another format than the input's.
    func checkFormat(of output: String) throws {
        let (from, to) = (fileExtension(path), fileExtension(output))
        guard from == to else { throw CommandFailure.usage("expected an output ending in .\(from) like the input, found \(output)") }
    }

    /// Writes `network`, a smaller version of this one, with the original's names, order and element types.
    func write(_ network: Network, to output: String, force: Bool) throws {
        try network.archive(replacing: archive).write(to: output, force: force)
    }

    private func fileExtension(_ path: String) -> String { URL(fileURLWithPath: path).pathExtension.lowercased() }
}
