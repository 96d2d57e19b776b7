// Models whose weights stay in their files: folders of shards, files that are larger than the memory asked for, and files of
// transformers of which the tensors' names are all that is known.

import NeuralNetworks
import Pruning
import TensorFiles

struct StreamedModel {
    let path: String
    let store: TensorStore
    let topology: StreamedTopology
    /// `config.json` of the folder.
    private let configuration: JSONIntegers?

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
        store = try TensorStore(path: path)
        let file = path + "/config.json"
        if isFolder, FileSystem.exists(file) {
            let bytes = try FileSystem.contents(ofRegularFile: file)
            do { configuration = try JSONIntegers(bytes) } catch { throw CommandFailure.failure("\(file): \(error)") }
        } else {
            configuration = nil
        }
        topology = StreamedTopology(store, configuration: configuration)
    }

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
            try StreamedPruning(topology, in: store, settings: settings, configuration: configuration, observer: observer)
        }
    }

    /// Writes the smaller model: a folder of as many shards, with the other files of the original, or a file.
    func write(_ pruning: StreamedPruning, to output: String, force: Bool, _ willWrite: (_ share: Double) -> Void) throws -> Int {
        let total = max(1, store.byteCount)
        var done = 0
        return try store.write(cutting: pruning.cuts, others: try otherFiles(pruning), to: output, force: force) {
            willWrite(Double(done) / Double(total))
            done += $0.byteCount
        }
    }

    /// Largest file that is copied along: tokenizers have some ten megabytes.
    private static let largestCopied = 64 << 20

    /// Descriptions, vocabularies and licenses of the folder; the configuration with the widths that are left. No weights of another format,
    /// which would not be those of the smaller model.
    private func otherFiles(_ pruning: StreamedPruning) throws -> [String: [UInt8]] {
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
