import Foundation
import TensorFiles

/// The files of the folder Fixtures, made by its generate.py with numpy, safetensors and torch.
enum Fixtures {
    static let folder = Bundle.module.bundleURL.appendingPathComponent("Fixtures").path

    static func path(_ name: String) -> String { folder + "/" + name }

    static func bytes(_ name: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path(name)))) }

    /// Every fixture in one of the three formats, by name.
    static let all: [String] =
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { !$0.hasSuffix(".py") }.sorted()

    static func named(_ suffix: String) -> [String] { all.filter { $0.hasSuffix(suffix) } }

    /// What generate.py puts into element `index` of a tensor of that type.
    static func value(_ dtype: DType, _ index: Int) -> Double {
        switch dtype {
        case .bool: Double(index % 2)
        case .i8, .i16, .i32, .i64: Double(index - 2)
        case .u8, .u16, .u32, .u64: Double(index)
        default: Double(index - 2) / 4
        }
    }

    static func values(_ tensor: Tensor) -> [Double] { (0..<tensor.elementCount).map { value(tensor.dtype, $0) } }
}

/// A folder that is removed after the test.
func withTemporaryFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tensorfiles-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try body(folder)
}

func filesIn(_ folder: String) -> [String]? { try? FileManager.default.contentsOfDirectory(atPath: folder).sorted() }

/// The message of the error that the body throws, or nil. Anything but a one-line `TensorFileError` is a failure of the caller's expectation.
func message(_ body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch let error as TensorFileError {
        let text = error.description
        return text.contains { $0.isNewline } || text.isEmpty ? "not one line: \(text)" : text
    } catch {
        return "not a TensorFileError: \(error)"
    }
}

/// Little-endian bytes of an integer.
func le<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
