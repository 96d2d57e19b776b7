#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A temporary file without a name: bytes that arrive once and are wanted often, or are too many for memory.
///
/// The file is removed from its folder before the first byte is written, so that nothing is left behind however the process ends; the
/// system frees it with the last mapping. The folder is that of the environment variable `TMPDIR`, otherwise the system's.
///
///     let spool = try SpoolFile()
///     try spool.append(bytes)
///     let file = try MappedFile(path: try spool.flush())      // stays mapped when the spool is gone
public final class SpoolFile {
    private let descriptor: Int32
    private var pending: [UInt8] = []

    /// Bytes that are written at a time.
    private static let chunk = 1 << 20

    /// - Throws: `fileSystem` when no file can be made in the folder for temporary files.
    public init() throws(TensorFileError) {
        let folder = SystemPath.environment("TMPDIR") ?? ""
        let path = (folder.isEmpty ? P_tmpdir : folder) + "/loewner-spool-XXXXXX"
        var template = SystemPath.bytes(of: path).map { CChar(bitPattern: $0) } + [0]
        descriptor = template.withUnsafeMutableBufferPointer { mkstemp($0.baseAddress!) }
        guard descriptor >= 0 else { throw .fileSystem(action: "create", path: path, code: errno) }
        unlink(template)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    deinit { close(descriptor) }

    /// Adds bytes at the end.
    public func append(_ bytes: UnsafeRawBufferPointer) throws(TensorFileError) {
        pending.append(contentsOf: bytes)
        if pending.count >= Self.chunk { try write() }
    }

    /// Adds all that a descriptor, such as standard input, still gives.
    /// - Returns: how many bytes that was.
    @discardableResult
    public func append(contentsOf source: Int32) throws(TensorFileError) -> Int {
        var total = 0
        var buffer = [UInt8](repeating: 0, count: Self.chunk)
        while true {
            let count = read(source, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .fileSystem(action: "read", path: "descriptor \(source)", code: errno) }
            if count == 0 { return total }
            total += count
            pending.append(contentsOf: buffer[..<count])
            try write()
        }
    }

    /// Writes what is pending.
    /// - Returns: a path that leads to the file as long as this value lives.
    public func flush() throws(TensorFileError) -> String {
        try write()
        return "/dev/fd/\(descriptor)"
    }

    private func write() throws(TensorFileError) {
        var start = 0
        while start < pending.count {
            let count = pending.withUnsafeBytes { platformWrite(descriptor, $0.baseAddress! + start, $0.count - start) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .fileSystem(action: "write", path: "a temporary file", code: errno) }
            start += count
        }
        pending.removeAll(keepingCapacity: true)
    }
}

/// `write` of the system, which the method of that name hides.
private func platformWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int { write(descriptor, bytes, count) }
