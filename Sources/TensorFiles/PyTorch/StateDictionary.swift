/// A file that `torch.save(module.state_dict(), path)` wrote: a zip archive of a pickle and one member per block of numbers.
///
/// Only dictionaries from names to dense tensors are read, as they are or as the only such one of a checkpoint (``WrappedDictionary``).
/// Nothing of the file is executed: the pickle is interpreted by ``PickleMachine``, which knows what four functions mean. Writing is left
/// to safetensors.
enum StateDictionary {
    private static let pickleName = "/data.pkl"
    /// Bytes of names and shapes at most: a hundred for a tensor, of which no network has so many.
    private static let mostPickle = 1 << 24

    /// Whether the members of a zip archive are those of `torch.save`; the first folder has any name.
    static func isStateDictionary(_ members: [ZipMember]) -> Bool { members.contains { $0.name.hasSuffix(pickleName) } }

    /// Tensors in the order of the dictionary, row-major.
    /// - Throws: `unsupported` with the lines of Python that export what is no plain state dictionary; `malformed` with the place.
    static func decode(_ members: [ZipMember], _ source: ByteSource) throws(TensorFileError) -> TensorArchive {
        guard let pickle = members.first(where: { $0.name.hasSuffix(pickleName) }) else { throw refusal("an archive without data.pkl") }
        let folder = pickle.name.dropLast(pickleName.count) + "/"
        if members.contains(where: { $0.name.hasPrefix(folder + "code/") || $0.name == folder + "constants.pkl" }) {
            throw refusal("a TorchScript program")
        }
        if let order = members.first(where: { $0.name == folder + "byteorder" }),
            try bytes(of: order, source) != Array("little".utf8)
        {
            throw refusal("big-endian numbers")
        }
        var machine = PickleMachine(try bytes(of: pickle, source, atMost: mostPickle))
        guard case .dictionary(let index) = try machine.run() else {
            throw refusal(machine.unknownName ?? "a pickled object that is no dictionary")
        }
        let found = try WrappedDictionary(machine, from: index)
        var reader = StorageReader(
            members: Dictionary(members.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first }), folder: folder + "data/",
            source: source)
        var archive = TensorArchive()
        for (name, tensor) in found.tensors { archive[name] = try reader.tensor(tensor, named: name) }
        archive.enclosingKeys = found.keys
        return archive
    }

    /// What a reader of this message can do about it.
    static func refusal(_ found: String) -> TensorFileError {
        .unsupported(
            format: .pytorch,
            expected:
                "a plain state dictionary (in Python: `state = torch.load(path, map_location=\"cpu\")`, then `safetensors.torch.save_file(state, \"model.safetensors\")` for a dictionary of tensors, or `torch.onnx.export(state.eval(), example, \"model.onnx\")` for a module)",
            found: found)
    }

    static func bytes(of member: ZipMember, _ source: ByteSource, atMost most: Int = .max) throws(TensorFileError) -> [UInt8] {
        var reader = try ZipMemberReader(member, in: source)
        guard reader.remaining <= most else {
            throw refusal("a pickle of \(reader.remaining) bytes beside the numbers, more than \(most)")
        }
        let bytes = try reader.read(reader.remaining)
        try reader.finish()
        return bytes
    }
}

/// Storages as they are needed, each read once, and tensors cut out of them.
private struct StorageReader {
    let members: [String: ZipMember]
    let folder: String
    let source: ByteSource
    private var storages: [String: [UInt8]] = [:]
    private var total = CheckedSize(0)

    init(members: [String: ZipMember], folder: String, source: ByteSource) {
        self.members = members
        self.folder = folder
        self.source = source
    }

    /// Bytes that tensors may take together. Tied weights share a storage; a file that makes more than eight of each is after the memory.
    private var limit: Int { max(1 << 30, (CheckedSize(source.count) * 8).value ?? .max) }

    mutating func tensor(_ view: PickledTensor, named name: String) throws(TensorFileError) -> Tensor {
        func damaged(_ expected: String, _ found: String) -> TensorFileError {
            .malformed(format: .pytorch, tensor: name, expected: expected, found: found)
        }
        let (type, width) = (view.storage.type, view.storage.type.byteWidth)
        guard view.shape.count == view.strides.count, let count = CheckedSize.product(view.shape).value, view.offset >= 0 else {
            throw damaged("a size that fits 64 bits and as many strides", "\(describe(view.shape)) and \(describe(view.strides))")
        }
        guard let stored = CheckedSize(view.storage.count).value, count <= stored else {
            throw damaged("at most \(view.storage.count) elements, those of the storage", "\(count)")
        }
        // The last element in reach, with strides of at least 0.
        var last = CheckedSize(view.offset)
        if count > 0 {
            for (extent, stride) in zip(view.shape, view.strides) { last = last + CheckedSize(extent - 1) * stride }
            guard let last = last.value, last < stored else { throw damaged("elements inside a storage of \(stored)", "one outside") }
        }
        total = total + CheckedSize(count) * width
        guard let bytes = total.value, bytes <= limit else { throw damaged("tensors of at most \(limit) bytes together", "more") }
        try Platform.checkMemory(bytes)
        let data = try storage(view.storage, of: name)
        return try Tensor(dtype: type, shape: view.shape, bytes: rowMajor(view, count: count, width: width, data))
    }

    private mutating func storage(_ storage: PickledStorage, of name: String) throws(TensorFileError) -> [UInt8] {
        let bytes: [UInt8]
        if let known = storages[storage.key] {
            bytes = known
        } else {
            guard let member = members[folder + storage.key] else {
                throw .malformed(
                    format: .pytorch, tensor: name, expected: "a member \(quoted("data/" + storage.key)) with its numbers", found: "none")
            }
            bytes = try StateDictionary.bytes(of: member, source)
            storages[storage.key] = bytes
        }
        guard bytes.count == (CheckedSize(storage.count) * storage.type.byteWidth).value else {
            throw .malformed(
                format: .pytorch, tensor: name, expected: "\(storage.count) elements of \(storage.type.rawValue)",
                found: "\(bytes.count) bytes")
        }
        return bytes
    }

    private func rowMajor(_ view: PickledTensor, count: Int, width: Int, _ data: [UInt8]) -> [UInt8] {
        var expected = 1
        var isDense = true
        for (extent, stride) in zip(view.shape, view.strides).reversed() {
            if extent != 1 { isDense = isDense && stride == expected }
            expected *= max(extent, 1)
        }
        if isDense || count == 0 {
            let start = count == 0 ? 0 : view.offset * width
            return start == 0 && count * width == data.count ? data : Array(data[start..<start + count * width])
        }
        var result: [UInt8] = []
        result.reserveCapacity(count * width)
        var index = [Int](repeating: 0, count: view.shape.count)
        var element = view.offset
        for _ in 0..<count {
            result.append(contentsOf: data[element * width..<(element + 1) * width])
            var axis = index.count - 1
            while axis >= 0 {
                index[axis] += 1
                element += view.strides[axis]
                if index[axis] < view.shape[axis] { break }
                element -= view.strides[axis] * view.shape[axis]
                index[axis] = 0
                axis -= 1
            }
        }
        return result
    }
}
