// `prune --emit-python`: the smaller network as a PyTorch module, and the file its weights are read from.

import Foundation
import NeuralNetworks
import TensorFiles

/// Where the module goes, and where its weights are.
struct TorchEmission {
    /// A module ready to be written.
    struct Source {
        let text: String
        let path: String
        let weightsPath: String
        /// Tensors for a file of their own.
        let state: TensorArchive?

        func write(force: Bool) throws {
            if let state { try state.write(to: weightsPath, force: force) }
            try AtomicFile.write(Array(text.utf8), to: path, force: force)
        }
    }

    private let path: String
    /// The file of weights; the pruned one itself, where that is one.
    private let weights: String
    private let hasOwnWeights: Bool

    /// Nil without a path.
    init?(_ file: ModelFile, path: String?, output: String?) {
        guard let path, let output else { return nil }
        self.path = path
        hasOwnWeights = file.hasOwnTopology
        weights = hasOwnWeights ? String(path.dropLast(3)) + ".safetensors" : output
    }

    /// Files that will be written.
    var outputs: [String] { hasOwnWeights ? [path, weights] : [path] }

    /// The module of a network that is a smaller version of the file's.
    func source(of network: Network, in file: ModelFile) throws -> Source {
        do {
            let module = try file.torchSource(of: network, weights: relativeWeights)
            return Source(text: module.source.text, path: path, weightsPath: weights, state: module.state)
        } catch let error as NetworkError {
            guard case .unsupported(let node, let operation) = error else { throw error }
            throw CommandFailure.failure("expected operations that a module can be written for in \(path), found \(operation) (\(node))")
        }
    }

    /// The weights as seen from the folder of the Python file.
    private var relativeWeights: String {
        let (own, other) = (FileSystem.resolved(SystemPath.folder(of: path)), FileSystem.resolved(SystemPath.folder(of: weights)))
        let name = SystemPath.lastComponent(of: weights)
        return own == other ? name : (other ?? SystemPath.folder(of: weights)) + "/" + name
    }
}
