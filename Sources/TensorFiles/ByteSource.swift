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
    init(path: String) throws(TensorFileError) {
        let file = try OpenFile(path: path)
        switch file.kind {
        case .regular(let size):
            storage = .file(file)
            count = size
        case .pipe:
            let bytes = try file.readToEnd()
            storage = .array(bytes[...])
            count = bytes.count
        case .other(let found):
            throw .notRegularFile(path: path, found: found)
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

    init(path: String) throws(TensorFileError) {
        // A path with a NUL would be cut short by C.
        if path.utf8.contains(0) { throw .fileSystem(action: "open", path: path, code: EINVAL) }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 { throw .fileSystem(action: "open", path: path, code: errno) }
        var status = stat()
        if fstat(descriptor, &status) != 0 {
            let code = errno
            close(descriptor)
            throw .fileSystem(action: "inspect", path: path, code: code)
        }
        self.path = path
        self.descriptor = descriptor
        kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .regular(size: Int(status.st_size))
            case S_IFIFO, S_IFSOCK: .pipe
            default: .other(fileKind(status.st_mode))
            }
    }

    deinit { close(descriptor) }

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
