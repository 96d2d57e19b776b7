// Models whose weights stay in their files: folders of shards, files that are larger than the memory asked for, and files of
// transformers of which the tensors' names are all that is known.

import NeuralNetworks
import Pruning
import TensorFiles

struct StreamedModel {
    enum Content {
        /// Tensors by name, which say what belongs together.
        case tensors(TensorStore, StreamedTopology, JSONIntegers?)
        /// An ONNX model, whose graph says it.
        case network(ModelFile)
    }

    let path: String
    let content: Content
    /// Bytes of its files.
    let byteCount: Int

    /// nil for a model that is read into memory as ever.
    /// - Parameters:
    ///   - limit: bytes of a file from which on its weights stay there; nil for whatever size.
    ///   - isNamed: the topology is given, and no names need to be judged.
    init?(path: String, from limit: Int? = nil, isNamed: Bool) throws {
        let (exists, isFolder) = (FileSystem.exists(path), FileSystem.isFolder(path))
        let isLarge = limit.map { Self.isLarge(path, $0) } ?? false
        guard exists, isFolder || isLarge || !isNamed && Self.isTransformer(path) else { return nil }
        if !isFolder, !isLarge {
            Console.warn(
                "note: \(path): read as a transformer, judged by the names of its tensors; its blocks are cut by their weights alone, with --recipe paper. --network with a description, or an ONNX export, makes a network of it"
            )
        }
        self.path = path
        let store = try TensorStore(path: path)
        byteCount = store.byteCount
        let file = path + "/config.json"
        var configuration: JSONIntegers?
        if isFolder, FileSystem.exists(file) {
            let bytes = try FileSystem.contents(ofRegularFile: file)
            do { configuration = try JSONIntegers(bytes) } catch { throw CommandFailure.failure("\(file): \(error)") }
        }
        content = .tensors(store, StreamedTopology(store, configuration: configuration), configuration)
    }

    /// An ONNX model whose large tensors stay in their files; nil for one that is read into memory as ever.
    ///
    /// In memory a network takes some seven times its weights to be pruned: itself, masked and cut, and the points of its layers in double
    /// precision (3.6 GB for 537 MB). Exporters put aside what is large, so that for external data this is what counts.
    /// - Parameters:
    ///   - limit: bytes that may be taken.
    ///   - isPlain: nothing is asked for that takes a network in memory.
    init?(onnx path: String, from limit: Int, isPlain: Bool, reading read: () throws -> ModelFile) throws {
        guard SystemPath.ending(of: path) == "onnx", FileSystem.exists(path) else { return nil }
        let size = FileSystem.byteCount(of: path) ?? 0
        let external = size > limit ? 0 : try ONNX.read(path: path).externalByteCount
        guard size > limit || external > (isPlain ? limit / 7 : limit) else { return nil }
        let file = try read()
        self.path = path
        byteCount = file.byteCount
        content = .network(file)
    }

    /// Whether names of tensors are all that is known.
    var isOfNames: Bool { if case .tensors = content { true } else { false } }

    /// Whether it is a folder of shards.
    var isFolder: Bool { if case .tensors(let store, _, _) = content { store.isFolder } else { false } }

    /// Whether a file holds blocks of a transformer, one like the other, and is no network that is known.
    private static func isTransformer(_ path: String) -> Bool {
        guard path.lowercased().hasSuffix(".safetensors"), let store = try? TensorStore(path: path),
            // Blocks of a multilayer perceptron may go by the same names.
            store.entries.contains(where: { $0.name.contains("attention") || $0.name.contains("attn") })
        else { return false }
        let blocks = StreamedTopology(store).groups.map { $0.name.filter { !$0.isNumber } }
        guard blocks.count >= 2, Set(blocks).count < blocks.count, let archive = try? TensorArchive.read(path: path) else { return false }
        return (try? Network(archive: archive)) == nil && KnownArchitecture.recognized(in: archive) == nil
    }

    private static func isLarge(_ path: String, _ limit: Int) -> Bool {
        guard path.lowercased().hasSuffix(".safetensors") else { return false }
        return FileSystem.byteCount(of: path).map { $0 > limit } ?? false
    }

    /// Chooses by weights alone.
    func pruning(_ settings: PruningSettings, _ observer: PruningObserver?) throws -> StreamedPruning {
        try SettingFlags.naming { () throws(PruningError) in
            switch content {
            case .tensors(let store, let topology, let configuration):
                try StreamedPruning(topology, in: store, settings: settings, configuration: configuration, observer: observer)
            case .network(let file): try StreamedPruning(file.network, settings: settings, observer: observer)
            }
        }
    }

    /// A smaller model that is ready to be written.
    enum Prepared {
        case tensors(TensorStore, cuts: [String: TensorCut], others: [String: [UInt8]])
        case network(ModelFile.Prepared)

        /// Bytes that its tensors, or its file, will have.
        func byteCount(like path: String) throws -> Int {
            switch self {
            case .tensors(let store, let cuts, _): store.byteCount(cutting: cuts)
            case .network(let prepared): try prepared.byteCount(like: path)
            }
        }

        /// Writes a folder of as many shards, with the other files of the original, or a file.
        func write(to output: String, force: Bool, _ willWrite: (_ share: Double) -> Void) throws {
            willWrite(0)
            switch self {
            case .tensors(let store, let cuts, let others):
                let total = max(1, store.byteCount)
                var done = 0
                try store.write(cutting: cuts, others: others, to: output, force: force) {
                    willWrite(Double(done) / Double(total))
                    done += $0.byteCount
                }
            case .network(let prepared): try prepared.write(to: output, force: force)
            }
        }
    }

    /// The smaller model. What no file can hold is found out here, before anything is written.
    func prepared(_ pruning: StreamedPruning) throws -> Prepared {
        switch content {
        case .tensors(let store, _, let configuration):
            .tensors(store, cuts: pruning.cuts, others: try otherFiles(pruning, store, configuration))
        case .network(let file): .network(try file.prepared(pruning.network ?? file.network))
        }
    }

    /// Largest file that is copied along: tokenizers have some ten megabytes.
    private static let largestCopied = 64 << 20

    /// Descriptions, vocabularies and licenses of the folder; the configuration with the widths that are left. No weights of another format,
    /// which would not be those of the smaller model.
    private func otherFiles(
        _ pruning: StreamedPruning, _ store: TensorStore, _ configuration: JSONIntegers?
    ) throws -> [String: [UInt8]] {
        guard store.isFolder else { return [:] }
        var others: [String: [UInt8]] = [:]
        for name in try FileSystem.names(inFolder: path) {
            let place = path + "/" + name
            guard let size = FileSystem.byteCount(of: place), size <= Self.largestCopied, name != TensorStore.indexName,
                !Self.weightEndings.contains(SystemPath.ending(of: name))
            else { continue }
            others[name] = try FileSystem.contents(ofRegularFile: place)
        }
        if let configuration, !pruning.configuration.isEmpty { others["config.json"] = configuration.replacing(pruning.configuration) }
        return others
    }

    private static let weightEndings: Set = ["safetensors", "bin", "pt", "pth", "ckpt", "h5", "msgpack", "gguf", "onnx", "ot"]
}
