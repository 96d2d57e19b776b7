// Points from files: one point per row, read in place where the file allows it.

import ConvexGeometry
import Foundation
import LinearAlgebra
import TensorFiles

/// n points of d coordinates, in single or double precision as the file has them. What is lent of a file that changes meanwhile is refused
/// when it is given back.
struct PointFile {
    private enum Storage {
        case mappedDoubles(MappedArray)
        case mappedFloats(MappedArray)
        case doubles([Double])
        case floats([Float])
        case spooled(MappedFile)
        /// A member of an archive that begins anywhere, in single or double precision.
        case unaligned(MappedArray)
    }

    /// What to call it in messages.
    let name: String
    /// Whether it is an archive of several tensors.
    let isArchive: Bool
    let count: Int
    let dimension: Int
    /// Time spent reading.
    let readSeconds: Double
    /// What is to be added to the coordinates that are lent: integers beyond 2⁵³ are lent relative to their first one.
    let offset: [Double]?
    private let storage: Storage

    /// Reads or maps a file.
    /// - Parameters:
    ///   - path: a file, or `-` for standard input, which is kept in a temporary file.
    ///   - tensor: the tensor of an archive.
    ///   - isOneOfSeveral: whether the tensor may be that of another file.
    ///   - isLocal: whether coordinates may be lent relative to `offset`.
    /// - Throws: `TensorFileError`, or a failure naming the shape that was found.
    init(path: String, tensor: String?, isOneOfSeveral: Bool = false, isLocal: Bool = false) throws {
        let tensor = isOneOfSeveral && (path == "-" || Self.isText(path)) ? nil : tensor
        guard path == "-" else {
            let needsNone = isOneOfSeveral && tensor != nil ? try Self.isNPY(path) : false
            try self.init(path: path, name: path, tensor: needsNone ? nil : tensor, isLocal: isLocal)
            return
        }
        let name = "standard input"
        let spool = try SpoolFile()
        try spool.append(contentsOf: FileHandle.standardInput.fileDescriptor)
        let place = try spool.flush()
        guard try Self.isNPY(place) else { throw CommandFailure.failure("\(name): expected a .npy file, found something else") }
        do {
            try self.init(path: place, name: name, tensor: tensor, isLocal: isLocal)
        } catch TensorFileError.inFile(_, let error) {
            throw TensorFileError.inFile(path: name, error)
        }
    }

    private init(path: String, name file: String, tensor name: String?, isLocal: Bool) throws {
        let start = ContinuousClock.now
        self.name = file
        let shape: [Int]
        let isNPY = try Self.isNPY(path)
        isArchive = !isNPY && !Self.isText(path)
        if isNPY {
            guard name == nil else { throw Self.needlessTensor(file) }
            let array = try MappedArray(path: path)
            shape = array.shape
            try Self.check(shape, file)
            if isLocal, let local = try Self.integers(of: array, path) {
                (storage, offset) = (.doubles(local.values), local.offset)
                Self.noteRounding(Double(local.rounding), of: file)
            } else {
                (storage, offset) = (try Self.storage(of: array), nil)
                if !isLocal, array.dtype == .i64 || array.dtype == .u64 { try Self.noteLargeIntegers(storage, file) }
            }
        } else if Self.isText(path) {
            guard name == nil else { throw Self.needlessTensor(file) }
            let table = try Self.table(path)
            (storage, shape, offset) = (.spooled(table.numbers), [table.rows, table.columns], nil)
        } else if let array = try MappedArray.inArchive(path: path, tensor: name, verifies: !Ranks.areSeveral),
            array.isInPlace || array.isLentInParts
        {
            shape = array.shape
            try Self.check(shape, file)
            (storage, offset) = (array.isInPlace ? try Self.storage(of: array) : .unaligned(array), nil)
        } else {
            if Ranks.areSeveral, Ranks.isFirst {
                Console.warn("note: \(file): every rank reads all of it, as its numbers are deflated or of a type that is converted")
            }
            let archive = try TensorArchive.read(path: path)
            do {
                let tensor = try archive.tensor(named: name)
                shape = tensor.shape
                try Self.check(shape, file)
                if isLocal, let local = try Integers(tensor, width: shape.dropFirst().reduce(1, *)) {
                    (storage, offset) = (.doubles(local.values), local.offset)
                    Self.noteRounding(Double(local.rounding), of: file)
                } else {
                    storage =
                        tensor.dtype == .f32 || tensor.dtype == .f16 || tensor.dtype == .bf16
                        ? .floats(try tensor.floats()) : .doubles(try tensor.doubles())
                    offset = nil
                    if !isLocal, tensor.dtype == .i64 || tensor.dtype == .u64 { try Self.noteLargeIntegers(storage, file) }
                }
            } catch let error as TensorFileError {
                throw CommandFailure.failure("\(file): \(error)" + (name == nil ? "; choose one with --tensor" : ""))
            }
        }
        count = shape[0]
        dimension = shape.dropFirst().reduce(1, *)
        readSeconds = start.duration(to: .now).seconds
    }

    /// "float32" or "float64".
    var precision: String {
        switch storage {
        case .mappedDoubles, .doubles, .spooled: "float64"
        case .mappedFloats, .floats: "float32"
        case .unaligned(let array): array.dtype == .f64 ? "float64" : "float32"
        }
    }

    /// Whether all points can be lent at once without a copy.
    var isLent: Bool { if case .unaligned = storage { false } else { true } }

    /// Lends the points as a source.
    /// - Parameter offset: what is to be added to coordinates in double precision.
    func withSource<Result>(offset: [Double]?, _ body: (BorrowedPoints) throws -> Result) throws -> Result {
        if case .unaligned(let array) = storage {
            let result = try array.withUnsafeBytes {
                try body(BorrowedPoints(bytes: $0, isDouble: array.dtype == .f64, count: count, dimension: dimension))
            }
            try array.checkUnchanged()
            return result
        }
        return try withPoints(
            double: { try body(BorrowedPoints($0, count: count, dimension: dimension, offset: offset)) },
            float: { try body(BorrowedPoints($0, count: count, dimension: dimension)) })
    }

    /// Lends the points, one after the other, in the precision of the file; a copy where they are not aligned there.
    func withPoints<Result>(
        double: (UnsafeBufferPointer<Double>) throws -> Result, float: (UnsafeBufferPointer<Float>) throws -> Result
    ) throws -> Result {
        let mapped: Result?
        switch storage {
        case .doubles(let values): return try values.withUnsafeBufferPointer(double)
        case .floats(let values): return try values.withUnsafeBufferPointer(float)
        case .mappedDoubles(let array):
            mapped = try array.withUnsafeElements(Double.self, double)
            try array.checkUnchanged()
        case .mappedFloats(let array):
            mapped = try array.withUnsafeElements(Float.self, float)
            try array.checkUnchanged()
        case .spooled(let file): return try file.withUnsafeBytes { try double($0.bindMemory(to: Double.self)) }
        case .unaligned(let array):
            mapped =
                array.dtype == .f32
                ? try Self.floats(of: array).withUnsafeBufferPointer(float) : try Self.doubles(of: array).withUnsafeBufferPointer(double)
            try array.checkUnchanged()
        }
        guard let mapped else { throw CommandFailure.failure("expected aligned points in row-major order, found another layout") }
        return mapped
    }

    static func needlessTensor(_ file: String) -> CommandFailure {
        .usage("expected --tensor only with .npz or .safetensors files, found \(file)")
    }

    private static func isNPY(_ path: String) throws -> Bool {
        let file = try MappedFile(path: path)
        return file.withUnsafeBytes { $0.prefix(6).elementsEqual([0x93] + Array("NUMPY".utf8)) }
    }

    /// Whether a file is one of numbers as text, by its name.
    private static func isText(_ path: String) -> Bool {
        ["csv", "tsv", "txt", "dat"].contains(SystemPath.ending(of: path))
    }

    /// The numbers of a text, in a temporary file: they may be too many for memory.
    private static func table(_ path: String) throws -> (numbers: MappedFile, rows: Int, columns: Int) {
        let text = try MappedFile(path: path)
        let spool = try SpoolFile()
        var total = 0
        do {
            let columns = try text.withUnsafeBytes { bytes throws(TensorFileError) in
                try TextTable.read(bytes) { numbers throws(TensorFileError) in
                    total += numbers.count
                    try spool.append(UnsafeRawBufferPointer(numbers))
                }
            }
            try text.checkUnchanged()
            return (try MappedFile(path: try spool.flush()), total / columns, columns)
        } catch {
            throw error.inFile(path)
        }
    }

    private static func check(_ shape: [Int], _ path: String) throws {
        guard shape.count >= 2, shape.dropFirst().allSatisfy({ $0 > 0 }) else {
            throw CommandFailure.failure(
                "\(path): expected points of shape (n, d) with d of 1 or more, found shape (\(shape.map(String.init).joined(separator: ", ")))"
            )
        }
    }

    /// Numbers that are converted in memory; more go to a temporary file, 128 MB of them.
    fileprivate static let mostInMemory = 1 << 24

    private static func storage(of array: MappedArray) throws -> Storage {
        if array.withUnsafeElements(Double.self, { touch(UnsafeRawBufferPointer($0)) }) != nil { return .mappedDoubles(array) }
        if array.withUnsafeElements(Float.self, { touch(UnsafeRawBufferPointer($0)) }) != nil { return .mappedFloats(array) }
        let total = array.rowCount * array.columnCount
        let isSingle = array.dtype == .f32 || array.dtype == .f16
        let storage: Storage
        if isSingle, total <= mostInMemory {
            storage = .floats(floats(of: array))
        } else {
            storage = try converted(count: array.rowCount, dimension: array.columnCount) { array.copyRows($0, into: $1) }
        }
        try array.checkUnchanged()
        return storage
    }

    /// The numbers in memory.
    private static func floats(of array: MappedArray) -> [Float] {
        let total = array.rowCount * array.columnCount
        return [Float](unsafeUninitializedCapacity: total) { buffer, count in
            array.copyRows(0..<array.rowCount, into: UnsafeMutableBufferPointer(rebasing: buffer[..<total]))
            count = total
        }
    }

    /// The same in double precision.
    private static func doubles(of array: MappedArray) -> [Double] {
        let total = array.rowCount * array.columnCount
        return [Double](unsafeUninitializedCapacity: total) { buffer, count in
            array.copyRows(0..<array.rowCount, into: UnsafeMutableBufferPointer(rebasing: buffer[..<total]))
            count = total
        }
    }

    /// Points in double precision that `copy` gives by runs, in memory or in a temporary file.
    private static func converted(
        count: Int, dimension: Int, _ copy: (Range<Int>, UnsafeMutableBufferPointer<Double>) -> Void
    ) throws -> Storage {
        let total = count * dimension
        guard total > mostInMemory else {
            return .doubles(
                [Double](unsafeUninitializedCapacity: total) { buffer, initialized in
                    copy(0..<count, UnsafeMutableBufferPointer(rebasing: buffer[..<total]))
                    initialized = total
                })
        }
        let spool = try SpoolFile()
        let step = max(1, (1 << 20) / dimension)
        var buffer = [Double](repeating: 0, count: step * dimension)
        for first in stride(from: 0, to: count, by: step) {
            let rows = first..<min(first + step, count)
            try buffer.withUnsafeMutableBufferPointer {
                let part = UnsafeMutableBufferPointer(rebasing: $0[..<(rows.count * dimension)])
                copy(rows, part)
                try spool.append(UnsafeRawBufferPointer(part))
            }
        }
        return .spooled(try MappedFile(path: try spool.flush()))
    }

    // MARK: Integers beyond 2⁵³

    /// The same points, lent relative to `origin`: of several files all are.
    ///
    /// Differences are exact up to 2⁵³ and round like any Double beyond, whatever the size of the coordinates.
    func relative(to origin: [Double]) throws -> PointFile {
        guard (offset ?? [Double](repeating: 0, count: dimension)) != origin else { return self }
        let (d, shift) = (dimension, shift(to: origin))
        func moved<Element: BinaryFloatingPoint>(_ points: UnsafeBufferPointer<Element>) throws -> Storage {
            try Self.converted(count: count, dimension: d) { rows, out in
                for i in 0..<rows.count * d { out[i] = Double(points[rows.lowerBound * d + i]) + shift[i % d] }
            }
        }
        return PointFile(self, storage: try withPoints(double: moved, float: moved), offset: origin)
    }

    /// What `relative(to:)` loses of any value of each column.
    func rounding(relativeTo origin: [Double]) throws -> [Double] {
        let (d, shift) = (dimension, shift(to: origin))
        func worst<Element: BinaryFloatingPoint>(_ points: UnsafeBufferPointer<Element>) -> [Double] {
            var worst = [Double](repeating: 0, count: d)
            for (i, point) in points.enumerated() {
                // The error of a sum by Knuth's TwoSum.
                let (a, b) = (Double(point), shift[i % d])
                let sum = a + b, virtual = sum - a
                worst[i % d] = max(worst[i % d], ((a - (sum - virtual)) + (b - virtual)).magnitude)
            }
            return worst
        }
        return try withPoints(double: worst, float: worst)
    }

    private func shift(to origin: [Double]) -> [Double] {
        zip(offset ?? [Double](repeating: 0, count: dimension), origin).map { $0 - $1 }
    }

    private init(_ other: PointFile, storage: Storage, offset: [Double]) {
        (name, isArchive, count, dimension) = (other.name, other.isArchive, other.count, other.dimension)
        (self.storage, self.offset, readSeconds) = (storage, offset, other.readSeconds)
    }

    private static func integers(of array: MappedArray, _ path: String) throws -> Integers? {
        guard array.dtype == .i64 || array.dtype == .u64 else { return nil }
        let tensor = try TensorArchive.readOnlyTensor(path: path)
        guard tensor.shape == array.shape else { throw TensorFileError.fileChanged(path: path, found: "replaced") }
        return try Integers(tensor, width: array.columnCount)
    }

    /// Where integers are not lent relative to an origin: those beyond 2⁵³ may not be what the file has.
    private static func noteLargeIntegers(_ storage: Storage, _ file: String) throws {
        let numbers: Bool
        switch storage {
        case .doubles(let values): numbers = values.contains { $0.magnitude > exactIntegers }
        case .spooled(let spool):
            numbers = spool.withUnsafeBytes { $0.bindMemory(to: Double.self).contains { $0.magnitude > exactIntegers } }
        default: numbers = false
        }
        if numbers, Ranks.isFirst {
            Console.warn("note: \(file): integers beyond 2^53 are read as the nearest numbers of double precision")
        }
    }

    /// Brings the pages of a mapping into memory, so that reading is not timed as solving; files that would fill most
    /// of the memory are left to be read as they are needed, and so are those of which this process needs its share only.
    private static func touch(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard !Ranks.areSeveral, UInt64(bytes.count) < ProcessInfo.processInfo.physicalMemory / 2 else { return false }
        var sum: UInt8 = 0
        for offset in stride(from: 0, to: bytes.count, by: 4096) { sum &+= bytes[offset] }
        return sum == 0
    }
}

/// The numbers of a `.npy` vector, as Double.
enum VectorFile {
    /// Reads a vector of `count` numbers (any shape with so many elements).
    static func read(_ path: String, count: Int, of what: String) throws -> [Double] {
        let tensor = try TensorArchive.readOnlyTensor(path: path)
        guard tensor.elementCount == count else {
            throw CommandFailure.failure("\(path): expected \(count) \(what), found \(tensor.elementCount)")
        }
        do { return try tensor.doubles() } catch { throw error.inFile(path) }
    }
}

extension MappedArray {
    /// Whether its numbers are better lent some at a time than read into memory: where they are many, or each process needs a share.
    fileprivate var isLentInParts: Bool {
        isPlain && (dtype == .f32 || dtype == .f64) && (Ranks.areSeveral || rowCount * columnCount > PointFile.mostInMemory)
    }

    /// Whether its numbers can be lent without a copy.
    fileprivate var isInPlace: Bool { withUnsafeElements(Double.self) { _ in } != nil || withUnsafeElements(Float.self) { _ in } != nil }
}
