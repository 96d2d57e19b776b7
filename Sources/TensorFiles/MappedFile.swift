internal import CFileGuard

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A regular file mapped read-only into memory, unmapped with the last reference.
///
/// Nothing is read before it is touched, and touched pages can be dropped by the system, so files larger than memory are fine.
/// A file that another process shortens while it is mapped ends this process when the lost part is touched (SIGBUS; a program that has
/// installed the handlers of `CFileGuard` says so first). Use `TensorArchive.read` for files that may change.
public final class MappedFile: Sendable {
    /// The path it was opened by.
    public let path: String
    /// Size in bytes when the file was opened.
    public let count: Int
    // Written once in the initializer, and the mapping is read-only.
    private nonisolated(unsafe) let base: UnsafeMutableRawPointer?
    private let guardSlot: Int32

    /// Throws `fileSystem` when the file cannot be opened or mapped, `notRegularFile` for anything but a regular file.
    public init(path: String) throws(TensorFileError) {
        let file = try OpenFile(path: path)
        guard case .regular(let size) = file.kind else {
            let found = if case .other(let kind) = file.kind { kind } else { "a pipe" }
            throw .notRegularFile(path: path, found: found)
        }
        self.path = path
        count = size
        // An empty mapping is an error for mmap.
        guard size > 0 else {
            base = nil
            guardSlot = -1
            return
        }
        let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, file.descriptor, 0)
        guard let address, address != UnsafeMutableRawPointer(bitPattern: -1) else {
            throw .fileSystem(action: "map", path: path, code: errno)
        }
        base = address
        guardSlot = file_guard_add_mapping(address, size, path)
    }

    deinit {
        file_guard_remove_mapping(guardSlot)
        if let base { munmap(base, count) }
    }

    /// The file's bytes, valid during the call.
    public func withUnsafeBytes<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(start: base, count: count))
    }

    /// Tells the system that the given bytes will be read soon, in order.
    func willRead(_ range: Range<Int>) {
        guard let base, !range.isEmpty else { return }
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let start = range.lowerBound / page * page
        madvise(base + start, range.upperBound - start, MADV_WILLNEED)
    }
}
