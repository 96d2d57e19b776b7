// A stack machine for the instructions of Python's pickle that a dictionary of tensors needs, and what lies beside it in a checkpoint. It
// computes values, calls nothing: of the functions a pickle may name it knows four, by what they mean. What any other one makes is
// carried along and refused by name where it is asked for.
//
// All compound values live in one arena and refer to each other by index, so a hostile file may nest, share and loop as it likes:
// nothing here recurses. Time and memory O(bytes).
// Source: Python, Lib/pickletools.py (protocols 2 to 5); torch/serialization.py.

/// What an instruction may leave on the stack.
enum PickleValue: Hashable, Sendable {
    case none
    case bool(Bool)
    case integer(Int)
    /// Carried along, never used.
    case other
    case text(String)
    /// Items in `PickleMachine.tuples`.
    case tuple(Int)
    /// Entries in `PickleMachine.dictionaries`.
    case dictionary(Int)
    case global(PickleGlobal)
    /// In `PickleMachine.storages`, `.tensors`.
    case storage(Int)
    case tensor(Int)
}

/// The names that may be looked up.
enum PickleGlobal: Hashable, Sendable {
    case orderedDictionary
    case rebuildTensor
    case rebuildParameter
    case storageType(DType)
    /// Any other name: what it makes is `PickleValue.other`.
    case unknown

    init(module: String, name: String) {
        switch (module, name) {
        case ("collections", "OrderedDict"): self = .orderedDictionary
        case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
        case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
        case ("torch", _):
            let types: [String: DType] = [
                "FloatStorage": .f32, "DoubleStorage": .f64, "HalfStorage": .f16, "BFloat16Storage": .bf16, "LongStorage": .i64,
                "IntStorage": .i32, "ShortStorage": .i16, "CharStorage": .i8, "ByteStorage": .u8, "BoolStorage": .bool,
            ]
            self = types[name].map(PickleGlobal.storageType) ?? .unknown
        default: self = .unknown
        }
    }
}

/// A block of numbers in a member of the archive.
struct PickledStorage: Sendable {
    let type: DType
    let key: String
    let count: Int
}

/// A view of a storage.
struct PickledTensor: Sendable {
    let storage: PickledStorage
    let offset: Int
    let shape: [Int]
    let strides: [Int]
}

struct PickleMachine {
    private(set) var tuples: [[PickleValue]] = []
    private(set) var dictionaries: [[(key: PickleValue, value: PickleValue)]] = []
    private(set) var storages: [PickledStorage] = []
    private(set) var tensors: [PickledTensor] = []
    /// The first name that was looked up and means nothing here.
    private(set) var unknownName: String?
    private var stack: [PickleValue] = []
    private var marks: [Int] = []
    private var memo: [Int: PickleValue] = [:]
    private let bytes: [UInt8]
    private var position = 0

    /// Runs the whole pickle; `result` is what it leaves.
    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func run() throws(TensorFileError) -> PickleValue {
        while true {
            let at = position
            let code = try byte()
            if code == UInt8(ascii: ".") {
                guard stack.count == 1, marks.isEmpty else { throw damaged("one value at the end", "\(stack.count)", at: at) }
                return stack[0]
            }
            try step(code, at: at)
        }
    }

    // MARK: Instructions

    private mutating func step(_ code: UInt8, at place: Int) throws(TensorFileError) {
        switch code {
        case 0x80:
            let version = try byte()
            guard (2...5).contains(version) else { throw unsupported("pickle protocol \(version)") }
        case 0x95: _ = try take(8)  // FRAME: lengths for readers of streams
        case UInt8(ascii: "("): marks.append(stack.count)
        case UInt8(ascii: "N"): stack.append(.none)
        case 0x88: stack.append(.bool(true))
        case 0x89: stack.append(.bool(false))
        case UInt8(ascii: "K"): stack.append(.integer(Int(try byte())))
        case UInt8(ascii: "M"): stack.append(.integer(Int(littleEndian(try take(2)))))
        case UInt8(ascii: "J"): stack.append(.integer(Int(Int32(truncatingIfNeeded: littleEndian(try take(4))))))
        case 0x8a: stack.append(try longInteger(at: place))
        case 0x8b: try skip(Int(littleEndian(try take(4))))  // LONG4
        case UInt8(ascii: "G"): _ = try take(8); stack.append(.other)
        case UInt8(ascii: "X"): stack.append(.text(try text(Int(littleEndian(try take(4))))))
        case 0x8c: stack.append(.text(try text(Int(try byte()))))
        case 0x8d: stack.append(.text(try text(try count())))
        // Bytes and byte arrays are no part of a tensor's description.
        case UInt8(ascii: "C"), UInt8(ascii: "U"): try skip(Int(try byte()))
        case UInt8(ascii: "B"), UInt8(ascii: "T"): try skip(Int(littleEndian(try take(4))))
        case 0x8e, 0x96: try skip(try count())
        case UInt8(ascii: ")"): push(tuple: [])
        case 0x85: push(tuple: try pop(1, at: place))
        case 0x86: push(tuple: try pop(2, at: place))
        case 0x87: push(tuple: try pop(3, at: place))
        case UInt8(ascii: "t"): push(tuple: try popToMark(at: place))
        // Lists occur beside tensors only (options of an optimizer, say); that is no plain state dictionary, but harmless until it is used.
        case UInt8(ascii: "]"), 0x8f: push(tuple: [])
        case UInt8(ascii: "l"), 0x91: push(tuple: try popToMark(at: place))
        case UInt8(ascii: "a"): _ = try pop(1, at: place)
        case UInt8(ascii: "e"), 0x90: _ = try popToMark(at: place)
        case UInt8(ascii: "}"): pushDictionary()
        case UInt8(ascii: "s"): try set(try pop(2, at: place), at: place)
        case UInt8(ascii: "u"): try set(try popToMark(at: place), at: place)
        case UInt8(ascii: "q"): try remember(Int(try byte()), at: place)
        case UInt8(ascii: "r"): try remember(Int(littleEndian(try take(4))), at: place)
        case 0x94: try remember(memo.count, at: place)
        case UInt8(ascii: "h"): try recall(Int(try byte()), at: place)
        case UInt8(ascii: "j"): try recall(Int(littleEndian(try take(4))), at: place)
        case UInt8(ascii: "c"):
            let module = try line(), name = try line()
            stack.append(global(module, name))
        case 0x93:
            let names = try pop(2, at: place)
            guard case .text(let module) = names[0], case .text(let name) = names[1] else {
                throw damaged("two names", "other values", at: place)
            }
            stack.append(global(module, name))
        case UInt8(ascii: "Q"): try persistent(try pop(1, at: place)[0], at: place)
        case UInt8(ascii: "R"): try reduce(try pop(2, at: place), at: place)
        // New objects of classes: a class and arguments, and named ones.
        case 0x81: try instance(try pop(2, at: place), at: place)
        case 0x92: try instance(try pop(3, at: place), at: place)
        // Attributes of the dictionary or of a parameter, such as the versions of modules: nothing that tensors depend on.
        case UInt8(ascii: "b"): _ = try pop(1, at: place)
        case UInt8(ascii: "0"): _ = try pop(1, at: place)
        default: throw unsupported("pickle instruction 0x\(String(code, radix: 16))")
        }
    }

    /// `torch.save` names a storage as ("storage", type, key, device, count).
    private mutating func persistent(_ value: PickleValue, at place: Int) throws(TensorFileError) {
        guard case .tuple(let index) = value, tuples[index].count == 5, case .text("storage") = tuples[index][0],
            case .text(let key) = tuples[index][2], case .integer(let count) = tuples[index][4], count >= 0
        else { throw damaged("a storage", "another reference", at: place) }
        guard case .global(let named) = tuples[index][1] else { throw unsupported("a storage without a type") }
        // Numbers of a type that is not read: of no use, and no harm beside others.
        guard case .storageType(let type) = named else {
            stack.append(.other)
            return
        }
        stack.append(.storage(storages.count))
        storages.append(PickledStorage(type: type, key: key, count: count))
    }

    private mutating func reduce(_ call: [PickleValue], at place: Int) throws(TensorFileError) {
        // What a call of something unknown returned may be called again.
        if case .other = call[0] {
            stack.append(.other)
            return
        }
        guard case .global(let function) = call[0], case .tuple(let index) = call[1] else {
            throw damaged("a function and its arguments", "other values", at: place)
        }
        let arguments = tuples[index]
        let isOfUnknown = if case .other = arguments.first { true } else { false }
        switch function {
        case .unknown,
            .rebuildTensor where isOfUnknown, .rebuildParameter where isOfUnknown:
            stack.append(.other)
        case .orderedDictionary:
            guard arguments.isEmpty else { throw unsupported("an OrderedDict made of something") }
            pushDictionary()
        case .rebuildTensor:
            // storage, offset, size, stride, requires_grad, hooks[, metadata]
            guard arguments.count >= 4, case .storage(let storage) = arguments[0], case .integer(let offset) = arguments[1],
                let shape = integers(arguments[2]), let strides = integers(arguments[3])
            else { throw damaged("storage, offset, size and stride of a tensor", "other arguments", at: place) }
            // Views of which the sign or the conjugate is still to be taken say so there.
            if arguments.count > 6, case .dictionary(let metadata) = arguments[6], !dictionaries[metadata].isEmpty {
                throw unsupported("a tensor with a pending negation or conjugation")
            }
            stack.append(.tensor(tensors.count))
            tensors.append(PickledTensor(storage: storages[storage], offset: offset, shape: shape, strides: strides))
        case .rebuildParameter:
            guard let tensor = arguments.first, case .tensor = tensor else { throw damaged("the tensor of a parameter", "none", at: place) }
            stack.append(tensor)
        case .storageType: throw damaged("a function", "a type", at: place)
        }
    }

    /// An object of a class; of those that are known only the dictionary is made so.
    private mutating func instance(_ call: [PickleValue], at place: Int) throws(TensorFileError) {
        switch call[0] {
        case .global(.orderedDictionary): pushDictionary()
        case .global, .other: stack.append(.other)
        default: throw damaged("a class and its arguments", "other values", at: place)
        }
    }

    private func integers(_ value: PickleValue) -> [Int]? {
        guard case .tuple(let index) = value else { return nil }
        var result: [Int] = []
        for item in tuples[index] {
            guard case .integer(let number) = item else { return nil }
            result.append(number)
        }
        return result
    }

    // MARK: Stack, arena and memo

    private mutating func push(tuple items: [PickleValue]) {
        stack.append(.tuple(tuples.count))
        tuples.append(items)
    }

    private mutating func pushDictionary() {
        stack.append(.dictionary(dictionaries.count))
        dictionaries.append([])
    }

    private mutating func set(_ items: [PickleValue], at place: Int) throws(TensorFileError) {
        if case .other = stack.last { return }
        guard case .dictionary(let index) = stack.last, items.count % 2 == 0 else {
            throw damaged("a dictionary and pairs for it", "other values", at: place)
        }
        for k in stride(from: 0, to: items.count, by: 2) { dictionaries[index].append((items[k], items[k + 1])) }
    }

    private mutating func pop(_ count: Int, at place: Int) throws(TensorFileError) -> [PickleValue] {
        guard stack.count - count >= marks.last ?? 0 else { throw damaged("\(count) values", "\(stack.count)", at: place) }
        defer { stack.removeLast(count) }
        return Array(stack.suffix(count))
    }

    private mutating func popToMark(at place: Int) throws(TensorFileError) -> [PickleValue] {
        guard let mark = marks.popLast() else { throw damaged("a mark", "none", at: place) }
        defer { stack.removeLast(stack.count - mark) }
        return Array(stack[mark...])
    }

    private mutating func remember(_ key: Int, at place: Int) throws(TensorFileError) {
        guard let top = stack.last else { throw damaged("a value", "none", at: place) }
        memo[key] = top
    }

    private mutating func recall(_ key: Int, at place: Int) throws(TensorFileError) {
        guard let value = memo[key] else { throw damaged("a value remembered as \(key)", "none", at: place) }
        stack.append(value)
    }

    // MARK: Bytes

    private mutating func byte() throws(TensorFileError) -> UInt8 { try take(1).first! }

    private mutating func take(_ count: Int) throws(TensorFileError) -> ArraySlice<UInt8> {
        guard count <= bytes.count - position else { throw damaged("\(count) more bytes", "\(bytes.count - position)", at: position) }
        defer { position += count }
        return bytes[position..<position + count]
    }

    private mutating func text(_ count: Int) throws(TensorFileError) -> String {
        let at = position
        let slice = try take(count)
        let text = String(decoding: slice, as: UTF8.self)
        guard text.utf8.elementsEqual(slice) else { throw damaged("text in UTF-8", "other bytes", at: at) }
        return text
    }

    private mutating func line() throws(TensorFileError) -> String {
        guard let end = bytes[position...].firstIndex(of: 0x0a) else {
            throw damaged("the end of a name", "the end of the pickle", at: position)
        }
        let text = try text(end - position)
        position += 1
        return text
    }

    /// Two's complement of up to eight bytes; longer ones are nothing that a tensor has.
    private mutating func longInteger(at place: Int) throws(TensorFileError) -> PickleValue {
        let slice = try take(Int(try byte()))
        guard slice.count <= 8 else { return .other }
        guard let last = slice.last else { return .integer(0) }
        let value = littleEndian(slice) | (last & 0x80 != 0 && slice.count < 8 ? UInt64.max << UInt64(8 * slice.count) : 0)
        return .integer(Int(truncatingIfNeeded: value))
    }

    private mutating func global(_ module: String, _ name: String) -> PickleValue {
        let global = PickleGlobal(module: module, name: name)
        if global == .unknown { unknownName = unknownName ?? "\(clip(module, limit: 60)).\(clip(name, limit: 60))" }
        return .global(global)
    }

    /// A length of eight bytes; one that no file has ends at the next read.
    private mutating func count() throws(TensorFileError) -> Int { Int(clamping: littleEndian(try take(8))) }

    /// Passes over bytes that are a value nobody uses.
    private mutating func skip(_ count: Int) throws(TensorFileError) {
        _ = try take(count)
        stack.append(.other)
    }

    private func damaged(_ expected: String, _ found: String, at place: Int) -> TensorFileError {
        .malformed(format: .pytorch, offset: place, expected: expected, found: found)
    }

    private func unsupported(_ found: String) -> TensorFileError { StateDictionary.refusal(found) }
}
