#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Random access to the bytes of an array or of a file, so that every decoder copies each tensor once and nothing else.
struct ByteSource {
    private enum Storage {
        case array(ArraySlice<UInt8>)
        case file(OpenFile)
    }

    private let storage: Storage
    /// Total number of bytes.
    let count: Int

    init(_ bytes: [UInt8]) {
        storage = .array(bytes[...])
        count = bytes.count
    }

    /// Opens a regular file, or reads a pipe to its end.
    init(path: String) throws(TensorFileError) { try self.init(OpenFile(path: path)) }

    /// Opens a file that somebody else has named, a folder or a model: of a pipe nobody may ever write anything into.
    init(regularFile path: String) throws(TensorFileError) {
        let file = try OpenFile(path: path, waits: false)
        if case .pipe = file.kind { throw .notRegularFile(path: path, found: "a pipe") }
        try self.init(file)
    }

    /// The bytes of a file that is open already.
    init(_ file: OpenFile) throws(TensorFileError) {
        switch file.kind {
        case .regular(let size):
            storage = .file(file)
            count = size
        case .pipe:
            let bytes = try file.readToEnd()
            storage = .array(bytes[...])
            count = bytes.count
        case .other(let found):
            throw .notRegularFile(path: file.path, found: found)
        }
    }

    /// The bytes `offset ..< offset + count`. The caller has checked the range against `count`.
    func bytes(at offset: Int, count: Int) throws(TensorFileError) -> [UInt8] {
        precondition(offset >= 0 && count >= 0 && offset <= self.count - count, "byte range outside the source")
        switch storage {
        case .array(let bytes):
            return Array(bytes[bytes.startIndex + offset..<bytes.startIndex + offset + count])
        case .file(let file):
            try Platform.checkMemory(count)
            var code: Int32?
            let result = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
                let target = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count])
                Platform.preferLargePages(target)
                code = file.read(at: offset, into: target)
                initialized = code == nil ? count : 0
            }
            if let code { throw .fileSystem(action: "read", path: file.path, code: code) }
            return result
        }
    }

    /// Fills the buffer from `offset`. The caller has checked the range against `count`.
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(TensorFileError) {
        precondition(offset >= 0 && offset <= count - buffer.count, "byte range outside the source")
        switch storage {
        case .array(let bytes):
            let start = bytes.startIndex + offset
            buffer.copyBytes(from: bytes[start..<start + buffer.count])
        case .file(let file):
            if let code = file.read(at: offset, into: buffer) {
                throw .fileSystem(action: "read", path: file.path, code: code)
            }
        }
    }

    /// Bytes that are read at a time.
    private static let chunk = 4 << 20

    /// Gives `body` whole units of a range of bytes, some megabytes at a time, and where in the range they begin. The caller has checked the
    /// range against `count`.
    func forEachChunk(
        of range: Range<Int>, unit: Int, _ body: (_ place: Int, UnsafeRawBufferPointer) throws(TensorFileError) -> Void
    ) throws(TensorFileError) {
        guard !range.isEmpty else { return }
        let step = max(1, Self.chunk / unit) * unit
        try Platform.checkMemory(min(step, range.count))
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: min(step, range.count), alignment: 64)
        defer { buffer.deallocate() }
        for place in stride(from: 0, to: range.count, by: step) {
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(step, range.count - place)])
            try read(at: range.lowerBound + place, into: part)
            try body(place, UnsafeRawBufferPointer(part))
        }
    }

    /// Whether both are one open file, or arrays of the same bytes.
    func isSame(as other: ByteSource) -> Bool {
        switch (storage, other.storage) {
        case (.file(let a), .file(let b)): a === b
        case (.array(let a), .array(let b)): a == b
        default: false
        }
    }
}

/// A descriptor opened for reading, closed with its last reference.
final class OpenFile: Sendable {
    enum Kind: Sendable {
        case regular(size: Int)
        case pipe
        case other(String)
    }

    let path: String
    let descriptor: Int32
    let kind: Kind
    /// When it was last written to.
    private let written: timespec

    /// - Parameter waits: whether to wait for somebody who writes into a pipe.
    init(path: String, waits: Bool = true) throws(TensorFileError) {
        // A path with a NUL would be cut short by C.
        if path.utf8.contains(0) { throw .fileSystem(action: "open", path: path, code: EINVAL) }
        let descriptor = SystemPath.withCString(path) { open($0, O_RDONLY | O_CLOEXEC | (waits ? 0 : O_NONBLOCK)) }
        if descriptor < 0 { throw .fileSystem(action: "open", path: path, code: errno) }
        var status = stat()
        if fstat(descriptor, &status) != 0 {
            let code = errno
            close(descriptor)
            throw .fileSystem(action: "inspect", path: path, code: code)
        }
        self.path = path
        self.descriptor = descriptor
        written = Self.modification(status)
        kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .regular(size: Int(status.st_size))
            case S_IFIFO, S_IFSOCK: .pipe
            default: .other(fileKind(status.st_mode))
            }
    }

    deinit { close(descriptor) }

    /// Fails when a regular file has become shorter since it was opened, or has been written to in its place.
    ///
    /// What is read of the lost end of a mapping is zeros up to the end of the page, without a signal, and what somebody writes over is
    /// neither the old file nor the new one. A file that only grew, as a log does, still begins with what was read of it; and one that was replaced
    /// by another of its name stays as it was for us.
    func checkUnchanged() throws(TensorFileError) {
        guard case .regular(let size) = kind else { return }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .fileSystem(action: "inspect", path: path, code: errno) }
        if status.st_size < size { throw .fileChanged(path: path, found: "shorter") }
        let now = Self.modification(status)
        if status.st_size == size, now.tv_sec != written.tv_sec || now.tv_nsec != written.tv_nsec {
            throw .fileChanged(path: path, found: "written to")
        }
    }

    private static func modification(_ status: stat) -> timespec {
        #if canImport(Darwin)
            status.st_mtimespec
        #else
            status.st_mtim
        #endif
    }

    /// Fills the buffer from the given offset; returns errno on failure, EIO when the file has become shorter.
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) -> Int32? {
        var done = 0
        while done < buffer.count {
            // Linux moves at most 2^31 - 4096 bytes in one call.
            let step = min(buffer.count - done, 1 << 30)
            let got = pread(descriptor, buffer.baseAddress! + done, step, off_t(offset + done))
            if got < 0 {
                if errno == EINTR { continue }
                return errno
            }
            if got == 0 { return EIO }
            done += got
        }
        return nil
    }

    func readToEnd() throws(TensorFileError) -> [UInt8] {
        var result: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let got = chunk.withUnsafeMutableBytes { buffer in
                #if canImport(Darwin)
                    Darwin.read(descriptor, buffer.baseAddress, buffer.count)
                #elseif canImport(Musl)
                    Musl.read(descriptor, buffer.baseAddress, buffer.count)
                #else
                    Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                #endif
            }
            if got < 0 {
                if errno == EINTR { continue }
                throw .fileSystem(action: "read", path: path, code: errno)
            }
            if got == 0 { return result }
            try Platform.checkMemory(result.count + got)
            result += chunk[..<got]
        }
    }
}

/// What a mode of `stat` names, for messages.
func fileKind(_ mode: mode_t) -> String {
    switch mode & S_IFMT {
    case S_IFDIR: "a directory"
    case S_IFCHR, S_IFBLK: "a device"
    case S_IFIFO: "a pipe"
    case S_IFSOCK: "a socket"
    case S_IFLNK: "a symbolic link"
    default: "something else"
    }
}
