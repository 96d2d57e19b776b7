/// A tensor file format, for messages.
public enum TensorFormat: String, Sendable {
    case safetensors, npy, npz, zip, onnx, pytorch, text
}

/// Why a tensor file could not be read or written, or a tensor not be built or converted.
///
/// Every message is one line: what was expected, what was found, and where.
public enum TensorFileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A call of the operating system failed; `code` is its errno.
    case fileSystem(action: String, path: String, code: Int32)
    /// The path names something else than a regular file.
    case notRegularFile(path: String, found: String)
    /// The file is not what it was when reading began.
    case fileChanged(path: String, found: String)
    /// The output exists and `force` was not given.
    case outputExists(path: String)
    /// The output is a folder that exists, and folders are not replaced.
    case folderExists(path: String)
    /// The content or the extension is of no format this module knows.
    case unrecognizedFormat(expected: String, found: String)
    /// The bytes break the rules of the format.
    case malformed(format: TensorFormat, tensor: String? = nil, offset: Int? = nil, expected: String, found: String)
    /// The bytes may be valid, but use a feature that has no meaning here (pickled objects, encryption, …).
    case unsupported(format: TensorFormat, tensor: String? = nil, expected: String, found: String)
    /// Shape, dtype and bytes of a tensor do not fit together.
    case invalidTensor(expected: String, found: String)
    /// The archive has no tensor of that name.
    case missingTensor(name: String, available: [String])
    /// The element of the given row-major index has no value in the wanted type.
    case notRepresentable(index: Int, value: String, dtype: DType)
    /// The type has no numeric meaning here.
    case opaque(dtype: DType)
    /// More memory would be needed than the machine has.
    case tooLarge(bytes: Int, limit: Int)
    /// Any of the above, in the given file.
    indirect case inFile(path: String, TensorFileError)

    /// One sentence: what was expected, what was found, in which file.
    public var description: String {
        switch self {
        case .fileSystem(let action, let path, let code):
            return "cannot \(action) \(clip(path)): \(Platform.message(code))"
        case .notRegularFile(let path, let found):
            return "expected a regular file at \(clip(path)), found \(found)"
        case .fileChanged(let path, let found):
            return "\(clip(path)): expected the file to stay as it is while it is read, found it \(found)"
        case .outputExists(let path):
            return "expected no file at \(clip(path)), found one (overwriting needs force)"
        case .folderExists(let path):
            return "expected no file or folder at \(clip(path)), found one (folders are not overwritten)"
        case .unrecognizedFormat(let expected, let found):
            return "expected \(expected), found \(found)"
        case .malformed(let format, let tensor, let offset, let expected, let found):
            return "\(format.rawValue): expected \(expected), found \(found)" + place(tensor, offset)
        case .unsupported(let format, let tensor, let expected, let found):
            return "\(format.rawValue): expected \(expected), found \(found), which is not supported" + place(tensor, nil)
        case .invalidTensor(let expected, let found):
            return "expected \(expected), found \(found)"
        case .missingTensor(let name, let available):
            let shown = available.prefix(8).map(quoted).joined(separator: ", ")
            let rest = available.count > 8 ? ", … (\(available.count) in all)" : ""
            let hint = Spelling.suggestion(for: name, among: available).map { "; did you mean \(quoted($0))?" } ?? ""
            return "expected a tensor \(quoted(name)), found \(available.isEmpty ? "an empty archive" : shown + rest)\(hint)"
        case .notRepresentable(let index, let value, let dtype):
            return "expected values that \(dtype.rawValue) can hold, found \(value) at element \(index)"
        case .opaque(let dtype):
            return "expected a dtype with numeric values, found \(dtype.rawValue), which is only carried as bytes"
        case .tooLarge(let bytes, let limit):
            return "expected at most \(limit) bytes of tensors, the memory of this machine, found \(bytes)"
        case .inFile(let path, let error):
            return "\(clip(path)): \(error.description)"
        }
    }

    private func place(_ tensor: String?, _ offset: Int?) -> String {
        (tensor.map { ", in tensor \(quoted($0))" } ?? "") + (offset.map { ", at byte \($0)" } ?? "")
    }
}

/// The text without control characters and at most `limit` characters long, so that a hostile name cannot fill or forge a terminal.
func clip(_ text: String, limit: Int = 200) -> String {
    var result = ""
    for (index, scalar) in text.unicodeScalars.enumerated() {
        if index == limit { return result + "…" }
        if let byte = SystemPath.byte(of: scalar) { result += "\\x" + String(byte, radix: 16); continue }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned:
            result += "\\u{\(String(scalar.value, radix: 16))}"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}

/// `clip` in single quotes, for names.
func quoted(_ text: String) -> String { "'\(clip(text, limit: 80))'" }
