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
/// A file that another process shortens while it is mapped ends this process when a lost page is touched (SIGBUS; a program that has
/// installed the handlers of `CFileGuard` says so first), and gives zeros where the end of a page is lost: `checkUnchanged` tells. Use
/// `TensorArchive.read` for files that may change. The file stays open as long as it is mapped.
public final class MappedFile: Sendable {
    /// The path it was opened by.
    public let path: String
    /// Size in bytes when the file was opened.
    public let count: Int
    // Written once in the initializer, and the mapping is read-only.
    private nonisolated(unsafe) let base: UnsafeMutableRawPointer?
    private let guardSlot: Int32
    private let file: OpenFile

    /// Throws `fileSystem` when the file cannot be opened or mapped, `notRegularFile` for anything but a regular file.
    public convenience init(path: String) throws(TensorFileError) { try self.init(OpenFile(path: path, waits: false)) }

    init(_ file: OpenFile) throws(TensorFileError) {
        guard case .regular(let size) = file.kind else {
            let found = if case .other(let kind) = file.kind { kind } else { "a pipe" }
            throw .notRegularFile(path: file.path, found: found)
        }
        self.file = file
        path = file.path
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
        guardSlot = file_guard_add_mapping(address, size, SystemPath.shown(path))
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

    /// Fails when the file has become shorter since it was mapped, or has been written to in its place. What was read before a check that
    /// passes is what the file held. A file that grew or was replaced by another of its name passes.
    /// - Throws: `fileChanged`.
    public func checkUnchanged() throws(TensorFileError) { try file.checkUnchanged() }

    /// Tells the system that the given bytes will be read soon, in order.
    func willRead(_ range: Range<Int>) {
        guard let base, !range.isEmpty else { return }
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let start = range.lowerBound / page * page
        madvise(base + start, range.upperBound - start, MADV_WILLNEED)
    }
}
