/// Named tensors in the order of their file, with the file's text metadata.
///
/// Names are Swift strings: two names that differ only in Unicode normalization are the same name.
public struct TensorArchive: Sendable {
    /// Names in the order of the file, or of insertion.
    public private(set) var names: [String] = []
    /// Free text; only safetensors files can hold it.
    public var metadata: [String: String] = [:] {
        didSet { if metadata != oldValue { safetensorsHeader = nil } }
    }
    /// Keys of a PyTorch checkpoint under which the tensors lie, outermost first; empty for plain files.
    public internal(set) var enclosingKeys: [String] = []
    private var tensors: [String: Tensor] = [:]
    /// Members of the file that are no tensors here.
    private(set) var carried: [CarriedMember] = []

    /// The JSON header of the safetensors file this came from, as long as it still describes the archive.
    ///
    /// The format leaves the order of keys, spaces and padding open; keeping the header makes decode → encode byte-exact.
    var safetensorsHeader: [UInt8]?

    /// An archive without tensors.
    public init() {}

    /// Tensors in the given order; a repeated name replaces the earlier tensor.
    public init(_ entries: some Sequence<(String, Tensor)>, metadata: [String: String] = [:]) {
        for (name, tensor) in entries { self[name] = tensor }
        self.metadata = metadata
    }

    /// Number of tensors.
    public var count: Int { names.count }
    /// Whether there are no tensors.
    public var isEmpty: Bool { names.isEmpty }

    /// The tensor of that name. Setting nil removes it; a new name goes to the end. O(1), removal O(count).
    public subscript(name: String) -> Tensor? {
        get { tensors[name] }
        set {
            let old = tensors[name]
            if old?.dtype != newValue?.dtype || old?.shape != newValue?.shape { safetensorsHeader = nil }
            tensors[name] = newValue
            switch (old, newValue) {
            case (nil, .some):
                names.append(name)
                carried.removeAll { $0.wouldCollide(with: name) }
            case (.some, nil): names.removeAll { $0 == name }
            default: break
            }
        }
    }

    /// Keeps a member that is no tensor here.
    mutating func carry(_ member: CarriedMember) {
        carried.append(member)
        safetensorsHeader = nil
    }

    /// Why there is no tensor of that name although the file has such a member; nil when it has none, or a tensor.
    public func refusal(of name: String) -> TensorFileError? { carried.first { $0.name == name }?.reason }

    /// The bytes of a safetensors member, tensor or not.
    func safetensorsBytes(of name: String) -> [UInt8] {
        if let tensor = tensors[name] { return tensor.bytes }
        if case .safetensors(_, _, let bytes) = carried.first(where: { $0.name == name })?.content { return bytes }
        return []
    }

    /// The tensor of that name, or, without a name, the only tensor; throws `missingTensor` with the names there are.
    public func tensor(named name: String? = nil) throws(TensorFileError) -> Tensor {
        if let name {
            guard let tensor = tensors[name] else {
                if let refusal = refusal(of: name) { throw refusal }
                throw .missingTensor(name: name, available: names)
            }
            return tensor
        }
        if names.isEmpty, carried.count == 1 { throw carried[0].reason }
        guard names.count == 1, let only = tensors[names[0]] else {
            let shown = names.prefix(8).map(quoted).joined(separator: ", ")
            throw .invalidTensor(
                expected: "one tensor, or a name to choose by",
                found: names.isEmpty ? "an empty archive" : "\(names.count) tensors: \(shown)\(names.count > 8 ? ", …" : "")")
        }
        return only
    }

    /// All (name, tensor) pairs in order.
    public var entries: [(name: String, tensor: Tensor)] {
        names.map { ($0, tensors[$0]!) }
    }
}

extension TensorArchive: Equatable {
    /// Same names in the same order, same tensors, same metadata, and the same members that are no tensors.
    public static func == (left: TensorArchive, right: TensorArchive) -> Bool {
        left.names == right.names && left.tensors == right.tensors && left.metadata == right.metadata
            && left.carried == right.carried
    }
}

extension TensorArchive: ExpressibleByDictionaryLiteral {
    /// Names with their tensors, in order; a repeated name replaces the earlier tensor.
    public init(dictionaryLiteral elements: (String, Tensor)...) { self.init(elements) }
}
