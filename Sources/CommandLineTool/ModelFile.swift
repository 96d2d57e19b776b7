// The one place where models are opened and written, whatever their format.

import Foundation
import NeuralNetworks
import TensorFiles

/// A model as it was read: the network, and what its file holds beside it for writing a changed network back.
struct ModelFile {
    /// What makes a network of a file of weights.
    enum Topology {
        case known(KnownArchitecture)
        /// With the path of its file.
        case described(NetworkDescription, path: String)
    }

    private enum Content {
        case weights(TensorArchive, Topology?)
        case onnx(ONNXNetwork)
    }

    let path: String
    let network: Network
    private let content: Content
    /// The architecture that a file of weights was taken for without being told.
    private let recognized: String?
    /// Shapes that inputs of open size were asked to have, without the batch axis, by name.
    private let inputShapes: [String: [Int]]
    /// Whether large tensors of an ONNX model stay in their files.
    private let leavesWeights: Bool

    /// Reads `.onnx` files as models, all others as tensors that `topology` makes a network of; chains of linear layers need none.
    /// - Parameters:
    ///   - inputShape: of one sample of the only input, where the model leaves sizes open and fits together at none of the usual ones.
    ///   - leavesWeights: whether large tensors of an ONNX model stay in their files, for networks that are not computed.
    init(path: String, topology: Topology?, inputShape: [Int]? = nil, leavesWeights: Bool = false) throws {
        self.path = path
        self.leavesWeights = leavesWeights
        if SystemPath.ending(of: path) == "onnx" {
            let model = try ONNX.read(path: path)
            let limit = leavesWeights ? ONNXNetwork.smallTensor : nil
            let source: ONNXNetwork
            do {
                source = try ONNXNetwork(model, leavingFrom: limit)
                inputShapes = [:]
            } catch {
                let open = ONNXNetwork.openInputs(of: model)
                guard let inputShape else {
                    let hint = open.count == 1 ? "; --input-shape gives the extents that input \(open[0]) leaves open" : ""
                    throw CommandFailure.failure("\(path): \(error)\(hint)")
                }
                guard let input = open.count == 1 ? open[0] : ONNXNetwork.onlyInput(of: model) else {
                    throw CommandFailure.failure(
                        "\(path): \(error); --input-shape is for models with one input of open size, found \(open.count)")
                }
                inputShapes = [input: inputShape]
                source = try CommandFailure.naming(path) { [inputShapes] in
                    try ONNXNetwork(model, inputShapes: inputShapes, leavingFrom: limit)
                }
            }
            content = .onnx(source)
            network = source.network
            recognized = nil
        } else {
            inputShapes = [:]
            let archive = try TensorArchive.read(path: path)
            do {
                network = try Self.network(archive, topology)
                content = .weights(archive, topology)
                recognized = nil
            } catch {
                guard topology == nil, let name = KnownArchitecture.recognized(in: archive) else {
                    // What the description asks for and what the file has may both be at fault.
                    let place = if case .described(_, let description)? = topology { "\(path), \(description)" } else { path }
                    throw CommandFailure.failure("\(place): \(error)")
                }
                let topology = Topology.known(try KnownArchitecture(named: name))
                network = try CommandFailure.naming(path) { try Self.network(archive, topology) }
                content = .weights(archive, topology)
                recognized = name
            }
        }
    }

    private init(path: String, source: ONNXNetwork, inputShapes: [String: [Int]], leavesWeights: Bool) {
        self.path = path
        self.leavesWeights = leavesWeights
        network = source.network
        content = .onnx(source)
        recognized = nil
        self.inputShapes = inputShapes
    }

    private init(_ file: ModelFile, network: Network) {
        (path, content, recognized, inputShapes, leavesWeights) = (
            file.path, file.content, file.recognized, file.inputShapes, file.leavesWeights
        )
        self.network = network
    }

    /// The model with inputs of other shapes, where the file leaves sizes open, or holds weights of a network that takes any; itself where it
    /// has them already, or takes no others.
    ///
    /// - Parameter shapes: of one sample of each input in order, as asked for or as data have them; `nil` for those there.
    func resized(to shapes: [[Int]]?) throws -> ModelFile {
        guard let shapes else { return self }
        guard case .onnx(let source) = content else {
            let own = network.inputs.map { network.values[$0].shape }
            guard own.map({ $0?.count }) == shapes.map(\.count), own != shapes,
                let resized = try? network.inferringShapes(inputShapes: shapes)
            else { return self }
            return ModelFile(self, network: resized)
        }
        var wanted: [String: [Int]] = [:]
        for (input, shape) in zip(network.inputs.map { network.values[$0] }, shapes) where input.shape != shape {
            if source.inputSizes.contains(where: { $0.input == input.name }) { wanted[input.name] = shape }
        }
        guard !wanted.isEmpty else { return self }
        let resized = try CommandFailure.naming(path) {
            try ONNXNetwork(source.model, inputShapes: wanted, leavingFrom: leavesWeights ? ONNXNetwork.smallTensor : nil)
        }
        return ModelFile(path: path, source: resized, inputShapes: wanted, leavesWeights: leavesWeights)
    }

    /// Refuses a shape that the model's only input does not have.
    func check(inputShape shape: [Int]?) throws {
        guard let shape, network.inputs.count == 1, case .onnx = content, let own = network.values[network.inputs[0]].shape, own != shape
        else { return }
        // One axis takes any shape of as many values.
        guard own.count == 1, own[0] == shape.reduce(1, *) else {
            throw CommandFailure.failure(
                "\(path): expected --input-shape \(own.map(String.init).joined(separator: ",")), which the model fixes (samples are not counted), found \(shape.map(String.init).joined(separator: ","))"
            )
        }
    }

    /// Sizes that nobody stated and what they were taken to be, one line for each input.
    var assumedSizes: [String] {
        guard case .onnx(let source) = content else { return [] }
        let assumed = source.inputSizes.filter { $0.source == .usual }
        return network.inputs.map { network.values[$0].name }.compactMap { name in
            let own = assumed.filter { $0.input == name }
            guard !own.isEmpty else { return nil }
            let sizes = own.map { "axis \($0.axis)\($0.symbol.isEmpty ? "" : " (\($0.symbol))") as \($0.extent)" }
            return "input \(name) has open sizes, taken: \(sizes.joined(separator: ", "))"
        }
    }

    /// Whether the file fixes a batch of several samples.
    var fixesBatch: Bool { if case .onnx(let source) = content { network.inputs.contains(where: source.wholes.contains) } else { false } }

    /// Whether the only input is of integers: what the network does with pixels it does itself.
    var readsIntegers: Bool {
        guard case .onnx(let source) = content, network.inputs.count == 1 else { return false }
        return source.integerInputs.contains(network.inputs[0])
    }

    /// Whether the file says how its tensors are connected.
    var hasOwnTopology: Bool { if case .onnx = content { true } else { false } }

    /// Numbers in all tensors of the file, those that no layer reads included.
    var parametersTotal: Int {
        switch content {
        case .weights(let archive, _): archive.entries.reduce(0) { $0 + $1.tensor.shape.reduce(1, *) }
        case .onnx(let source): source.parametersTotal
        }
    }

    /// Every file that was read for this model.
    var inputPaths: [String] { if case .onnx(let source) = content { [path] + source.model.externalPaths } else { [path] } }

    /// Bytes of all of them.
    var byteCount: Int { inputPaths.reduce(0) { $0 + (FileSystem.byteCount(of: $1) ?? 0) } }

    /// Numbers in tensors of nodes that are not understood, by the node's name.
    var enclosedParameters: [String: Int] { if case .onnx(let source) = content { source.enclosedParameters } else { [:] } }

    /// Says which nodes multiply–adds are not counted of although they have weights; nil when all are counted.
    var uncountedNote: String? {
        let nodes = enclosedParameters.filter { $0.value > 0 }
        guard !nodes.isEmpty else { return nil }
        let names = network.nodes.map(\.name).filter { nodes[$0] != nil }
        let shown = names.prefix(3).joined(separator: ", ") + (names.count > 3 ? ", …" : "")
        let parameters = Format.count(nodes.values.reduce(0, +))
        return
            "multiply–adds are counted without \(names.count) node\(names.count == 1 ? "" : "s") that \(names.count == 1 ? "is" : "are") not understood (\(shown)), which read\(names.count == 1 ? "s" : "") \(parameters) parameters"
    }

    /// What a user should know about the file: operations that are not understood, for instance.
    var warnings: [String] {
        switch content {
        case .onnx(let source): return source.warnings
        case .weights(let archive, _):
            let keys = archive.enclosingKeys.map { "[\"\($0)\"]" }.joined()
            return (keys.isEmpty ? [] : ["a checkpoint: its tensors are those under \(keys), all else is left out"])
                + (recognized.map { ["read as \($0), judged by the names and shapes of its tensors; --network overrides"] } ?? [])
        }
    }

    /// Fails when `output` names another format than the input's.
    func checkFormat(of output: String) throws {
        let (from, to) = (SystemPath.ending(of: path), SystemPath.ending(of: output))
        if ["pt", "pth", "bin"].contains(from) {
            guard to == "safetensors" else {
                throw CommandFailure.usage("expected an output ending in .safetensors for a PyTorch state dictionary, found \(output)")
            }
            return
        }
        guard from == to else { throw CommandFailure.usage("expected an output ending in .\(from) like the input, found \(output)") }
    }

    /// The content of the file that `network`, a smaller version of this one, will be: the original's with other tensors, everything else
    /// as it was. What no file of this kind can hold is found out here, before anything is written.
    func prepared(_ network: Network) throws -> Prepared {
        switch content {
        case .weights(let archive, _): .weights(try network.archive(replacing: archive))
        case .onnx(let source): .onnx(try source.model(for: network))
        }
    }

    /// A model that is ready to be written.
    enum Prepared {
        case weights(TensorArchive)
        case onnx(ONNXModel)

        /// Bytes that the file will have.
        /// - Parameter path: of the original; its ending says which format.
        func byteCount(like path: String) throws -> Int {
            switch self {
            case .weights(let archive):
                try SystemPath.ending(of: path) == "npz" ? NPZ.encode(archive).count : Safetensors.encode(archive).count
            case .onnx(let model): try ONNX.byteCount(of: model)
            }
        }

        func write(to output: String, force: Bool) throws {
            switch self {
            case .weights(let archive): try archive.write(to: output, force: force)
            case .onnx(let model): try ONNX.write(model, to: output, force: force)
            }
        }
    }

    /// The network that reading the file of `write` gives: `network` in the file's element types and names.
    func reread(_ network: Network) throws -> Network {
        switch content {
        case .weights(let archive, let topology):
            try Self.network(network.archive(replacing: archive), topology).inferringShapes(
                inputShapes: network.inputs.allSatisfy { network.values[$0].shape != nil }
                    ? network.inputs.compactMap { network.values[$0].shape } : nil)
        case .onnx(let source): try ONNXNetwork(source.model(for: network), inputShapes: openShapes(of: source)).network
        }
    }

    /// Shapes of the inputs that the model leaves open, as they were taken: a smaller model may contradict itself at other sizes.
    private func openShapes(of source: ONNXNetwork) -> [String: [Int]] {
        let open = Set(source.inputSizes.map(\.input))
        let known = source.network.inputs.compactMap { input in
            source.network.values[input].shape.map { (source.network.values[input].name, $0) }
        }
        return Dictionary(known.filter { open.contains($0.0) }) { first, _ in first }
    }

    /// `network` as a PyTorch module, and the tensors of a file for it where the model's own file is none that PyTorch would read by names.
    func torchSource(of network: Network, weights: String) throws -> (source: TorchSource, state: TensorArchive?) {
        switch content {
        case .weights: return (try TorchSource(try reread(network), weights: weights, keepsNames: true), nil)
        case .onnx(let source):
            let stored = try ONNXNetwork(source.model(for: network), inputShapes: inputShapes)
            let module = try TorchSource(stored, weights: weights)
            var state = TensorArchive()
            for entry in module.state(of: stored.network) {
                state[entry.name] = try Tensor.float32(entry.parameter.values, shape: entry.parameter.shape)
            }
            return (module, state)
        }
    }

    private static func network(_ archive: TensorArchive, _ topology: Topology?) throws -> Network {
        switch topology {
        case nil: try Network(archive: archive)
        case .known(let architecture): try Network(archive: archive, architecture: architecture)
        case .described(let description, _): try Network(archive: archive, description: description)
        }
    }
}
