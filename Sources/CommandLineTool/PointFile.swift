// Points from files: one point per row, read in place where the file allows it.

import ArgumentParser
import Foundation
import LinearAlgebra
import TensorFiles

/// `POINTS` and `--tensor`.
struct PointOptions: ParsableArguments {
    @Argument(help: "Points, one per row: .npy of shape (n, d), or .npz/.safetensors with --tensor.")
    var points: String

    @Option(
        help: ArgumentHelp(
            "The tensor to read from an .npz or .safetensors file; convolution weights are flattened to (out, in·kh·kw).", valueName: "name"
        ))
    var tensor: String?

    func read(isLocal: Bool = false) throws -> PointFile { try PointFile(path: points, tensor: tensor, isLocal: isLocal) }
}

/// n points of d coordinates, in single or double precision as the file has them.
struct PointFile {
    private enum Storage {
        case mappedDoubles(MappedArray)
        case mappedFloats(MappedArray)
        case doubles([Double])
        case floats([Float])
    }

    let count: Int
    let dimension: Int
    /// Time spent reading.
    let readSeconds: Double
    /// What is to be added to the coordinates that are lent: integers beyond 2⁵³ are lent relative to their first one.
    let offset: [Double]?
    private let storage: Storage

    /// Reads or maps a file.
    /// - Parameter isLocal: whether coordinates may be lent relative to `offset`.
    /// - Throws: `TensorFileError`, or a failure naming the shape that was found.
    init(path: String, tensor name: String?, isLocal: Bool = false) throws {
        let start = ContinuousClock.now
        let shape: [Int]
        if try Self.isNPY(path) {
            guard name == nil else { throw CommandFailure.usage("expected --tensor only with .npz or .safetensors files, found \(path)") }
            let array = try MappedArray(path: path)
            shape = array.shape
            try Self.check(shape, path)
            if isLocal, array.dtype == .i64,
                let local = Self.localIntegers(try TensorArchive.read(path: path).tensor().int64s(), array.columnCount)
            {
                (storage, offset) = (.doubles(local.values), local.offset)
            } else {
                (storage, offset) = (Self.storage(of: array), nil)
            }
        } else {
            let archive = try TensorArchive.read(path: path)
            do {
                let tensor = try archive.tensor(named: name)
                shape = tensor.shape
                try Self.check(shape, path)
                if isLocal, tensor.dtype == .i64, let local = Self.localIntegers(try tensor.int64s(), shape.dropFirst().reduce(1, *)) {
                    (storage, offset) = (.doubles(local.values), local.offset)
                } else {
                    storage =
                        tensor.dtype == .f32 || tensor.dtype == .f16 || tensor.dtype == .bf16
                        ? .floats(try tensor.floats()) : .doubles(try tensor.doubles())
                    offset = nil
                }
            } catch let error as TensorFileError {
                throw CommandFailure.failure("\(path): \(error)" + (name == nil ? "; choose one with --tensor" : ""))
            }
        }
        count = shape[0]
        dimension = shape.dropFirst().reduce(1, *)
        readSeconds = start.duration(to: .now).seconds
    }

    /// "float32" or "float64".
    var precision: String {
        switch storage {
        case .mappedDoubles, .doubles: "float64"
        case .mappedFloats, .floats: "float32"
        }
    }

    /// Lends the points, one after the other, in the precision of the file.
    func withPoints<Result>(
        double: (UnsafeBufferPointer<Double>) throws -> Result, float: (UnsafeBufferPointer<Float>) throws -> Result
    ) throws -> Result {
        let mapped: Result?
        switch storage {
        case .doubles(let values): return try values.withUnsafeBufferPointer(double)
        case .floats(let values): return try values.withUnsafeBufferPointer(float)
        case .mappedDoubles(let array): mapped = try array.withUnsafeElements(Double.self, double)
        case .mappedFloats(let array): mapped = try array.withUnsafeElements(Float.self, float)
        }
        guard let mapped else { throw CommandFailure.failure("expected aligned points in row-major order, found another layout") }
        return mapped
    }

    private static func isNPY(_ path: String) throws -> Bool {
        let file = try MappedFile(path: path)
        return file.withUnsafeBytes { $0.prefix(6).elementsEqual([0x93] + Array("NUMPY".utf8)) }
    }

    private static func check(_ shape: [Int], _ path: String) throws {
        guard shape.count >= 2, shape.dropFirst().allSatisfy({ $0 > 0 }) else {
            throw CommandFailure.failure(
                "\(path): expected points of shape (n, d) with d of 1 or more, found shape (\(shape.map(String.init).joined(separator: ", ")))"
            )
        }
    }

    private static func storage(of array: MappedArray) -> Storage {
        if array.withUnsafeElements(Double.self, { touch(UnsafeRawBufferPointer($0)) }) != nil { return .mappedDoubles(array) }
        if array.withUnsafeElements(Float.self, { touch(UnsafeRawBufferPointer($0)) }) != nil { return .mappedFloats(array) }
        let total = array.rowCount * array.columnCount
        switch array.dtype {
        case .f32, .f16:
            return .floats(
                [Float](unsafeUninitializedCapacity: total) { buffer, count in
                    array.copyRows(0..<array.rowCount, into: UnsafeMutableBufferPointer(rebasing: buffer[..<total]))
                    count = total
                })
        default:
            return .doubles(
                [Double](unsafeUninitializedCapacity: total) { buffer, count in
                    array.copyRows(0..<array.rowCount, into: UnsafeMutableBufferPointer(rebasing: buffer[..<total]))
                    count = total
                })
        }
    }

    /// Integers of which some are beyond 2⁵³, each column relative to its first value; nil when Double holds all of them, or not
    /// even the differences.
    private static func localIntegers(_ values: [Int64], _ d: Int) -> (values: [Double], offset: [Double])? {
        let exact = 1 << 53
        guard d > 0, !values.isEmpty, values.contains(where: { $0.magnitude > UInt64(exact) }) else { return nil }
        // A multiple of 2¹¹ is a Double, whatever its size.
        let origins = values.prefix(d).map { $0.magnitude > UInt64(exact) ? $0 & ~0x7ff : 0 }
        var local = [Double](repeating: 0, count: values.count)
        for (i, value) in values.enumerated() {
            let (difference, overflow) = value.subtractingReportingOverflow(origins[i % d])
            guard !overflow, difference.magnitude <= UInt64(exact) else { return nil }
            local[i] = Double(difference)
        }
        return (local, origins.map { Double($0) })
    }

    /// Brings the pages of a mapping into memory, so that reading is not timed as solving; files that would fill most
    /// of the memory are left to be read as they are needed.
    private static func touch(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard UInt64(bytes.count) < ProcessInfo.processInfo.physicalMemory / 2 else { return false }
        var sum: UInt8 = 0
        for offset in stride(from: 0, to: bytes.count, by: 4096) { sum &+= bytes[offset] }
        return sum == 0
    }
}

/// The numbers of a `.npy` vector, as Double.
enum VectorFile {
    /// Reads a vector of `count` numbers (any shape with so many elements).
    static func read(_ path: String, count: Int, of what: String) throws -> [Double] {
        let tensor = try TensorArchive.read(path: path).tensor()
        guard tensor.elementCount == count else {
            throw CommandFailure.failure("\(path): expected \(count) \(what), found \(tensor.elementCount)")
        }
        return try tensor.doubles()
    }
}
