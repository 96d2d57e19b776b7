internal import CFileGuard

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Files that appear whole or not at all: written beside the target, synced, renamed into place, folder synced.
///
/// On any error the temporary file is removed and an existing target is untouched. Without `force` an existing target is an error, also when
/// it appears during the writing. A symbolic link is followed, so that the link stays and its target is replaced. A file that is replaced
/// hands its mode on, and its owner where the system lets it. A program that has installed the handlers of `CFileGuard` leaves no
/// temporary file either when a signal ends it.
public enum AtomicFile {
    /// Writes the bytes; throws `outputExists`, `notRegularFile` or `fileSystem`.
    ///
    /// - Complexity: one write of the bytes.
    public static func write(_ bytes: [UInt8], to path: String, force: Bool) throws(TensorFileError) {
        try write(to: path, force: force) { writer throws(TensorFileError) in try writer.append(bytes) }
    }

    /// Writes what `body` appends, without holding it all in memory; throws what `body` throws besides.
    public static func write(
        to path: String, force: Bool, _ body: (inout Writer) throws(TensorFileError) -> Void
    ) throws(TensorFileError) {
        let (target, replaced) = try resolvedTarget(path, force: force)
        let folder = SystemPath.folder(of: target)
        var writer = try Writer(folder: folder, name: SystemPath.lastComponent(of: target), target: path)
        do throws(TensorFileError) {
            try body(&writer)
            if let replaced { try writer.adopt(replaced) }
            try writer.sync()
            try move(writer.path, to: target, shown: path, force: force)
        } catch {
            _ = SystemPath.withCString(writer.path) { unlink($0) }
            throw error
        }
        file_guard_keep(SystemPath.shown(path))
        syncFolder(folder)
    }

    /// Writes what `body` appends to a file in a folder, under the name that `body` returns when all is written; a file of that name is
    /// replaced. Throws what `body` throws besides.
    /// - Parameter stem: what the file goes by until then.
    /// - Returns: the name.
    static func write(
        inFolder folder: String, stem: String, _ body: (inout Writer) throws(TensorFileError) -> String
    ) throws(TensorFileError) -> String {
        var writer = try Writer(folder: folder, name: stem, target: folder + "/" + stem)
        do throws(TensorFileError) {
            let name = try body(&writer)
            try writer.sync()
            let target = folder + "/" + name
            try move(writer.path, to: target, shown: target, force: true)
            file_guard_keep(SystemPath.shown(target))
            syncFolder(folder)
            return name
        } catch {
            _ = SystemPath.withCString(writer.path) { unlink($0) }
            throw error
        }
    }

    /// The file being written; append in order.
    public struct Writer: ~Copyable {
        fileprivate let path: String
        private let target: String
        private let descriptor: Int32
        private let guardSlot: Int32
        /// Bytes appended so far.
        public private(set) var count = 0

        fileprivate init(folder: String, name: String, target: String) throws(TensorFileError) {
            self.target = target
            // Names have at most 255 bytes; part of the target's name helps to recognize a file left behind by a power cut.
            let stem = String(decoding: name.utf8.prefix(64), as: UTF8.self)
            for _ in 0..<64 {
                let candidate = folder + "/." + stem + "." + String(UInt64.random(in: 0...(.max)), radix: 36) + ".tmp"
                // Before the file is there: a signal in between removes a name that nobody has.
                let slot = SystemPath.withCString(candidate) { file_guard_add_unfinished($0) }
                let descriptor = SystemPath.withCString(candidate) { open($0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666) }
                if descriptor >= 0 {
                    self.descriptor = descriptor
                    path = candidate
                    guardSlot = slot
                    return
                }
                let code = errno
                file_guard_remove_unfinished(slot)
                errno = code
                if errno != EEXIST { throw .fileSystem(action: "write", path: target, code: errno) }
            }
            throw .fileSystem(action: "write", path: target, code: EEXIST)
        }

        deinit {
            close(descriptor)
            file_guard_remove_unfinished(guardSlot)
        }

        /// Writes bytes behind those written so far. Throws `fileSystem`, on a full disk for instance.
        public mutating func append(_ bytes: [UInt8]) throws(TensorFileError) {
            var code: Int32?
            bytes.withUnsafeBytes { code = write($0) }
            if let code { throw .fileSystem(action: "write", path: target, code: code) }
            count += bytes.count
        }

        /// Writes bytes behind those written so far. Throws `fileSystem`, on a full disk for instance.
        public mutating func append(_ bytes: UnsafeRawBufferPointer) throws(TensorFileError) {
            if let code = write(bytes) { throw .fileSystem(action: "write", path: target, code: code) }
            count += bytes.count
        }

        private func write(_ bytes: UnsafeRawBufferPointer) -> Int32? {
            var done = 0
            while done < bytes.count {
                let step = min(bytes.count - done, 1 << 30)
                let put = systemWrite(descriptor, bytes.baseAddress! + done, step)
                if put < 0 {
                    if errno == EINTR { continue }
                    return errno
                }
                done += put
            }
            return nil
        }

        /// Owner, group and mode of the file that this one replaces.
        fileprivate func adopt(_ replaced: stat) throws(TensorFileError) {
            var own = stat()
            guard fstat(descriptor, &own) == 0 else { throw .fileSystem(action: "inspect", path: target, code: errno) }
            var mode = replaced.st_mode & 0o7777
            if own.st_uid != replaced.st_uid || own.st_gid != replaced.st_gid, fchown(descriptor, replaced.st_uid, replaced.st_gid) != 0 {
                // Not allowed to: then the set-id bits would speak of another owner, and the group's rights of another group.
                mode &= 0o777
                if own.st_gid != replaced.st_gid, fchown(descriptor, uid_t.max, replaced.st_gid) != 0 { mode &= 0o707 }
            }
            if fchmod(descriptor, mode) != 0 { throw .fileSystem(action: "set the mode of", path: target, code: errno) }
        }

        fileprivate func sync() throws(TensorFileError) {
            // EINVAL: the file system has nothing to sync.
            if fsync(descriptor) != 0, errno != EINVAL { throw .fileSystem(action: "write", path: target, code: errno) }
        }
    }

    /// Follows a symbolic link, and refuses what must not or cannot be replaced; with the status of the file that will be replaced.
    private static func resolvedTarget(_ path: String, force: Bool) throws(TensorFileError) -> (target: String, replaced: stat?) {
        if path.isEmpty { throw .fileSystem(action: "write", path: path, code: ENOENT) }
        if path.utf8.contains(0) { throw .fileSystem(action: "write", path: path, code: EINVAL) }
        guard var status = FileSystem.status(of: path, followsLinks: false) else {
            if errno == ENOENT { return (path, nil) }
            throw .fileSystem(action: "write", path: path, code: errno)
        }
        var target = path
        if status.st_mode & S_IFMT == S_IFLNK {
            guard let resolved = FileSystem.resolved(path), let found = FileSystem.status(of: resolved) else {
                // Where the link leads there is nothing yet.
                if errno == ENOENT { return (FileSystem.target(of: path), nil) }
                throw .fileSystem(action: "write", path: path, code: errno)
            }
            (target, status) = (resolved, found)
        }
        if status.st_mode & S_IFMT != S_IFREG { throw .notRegularFile(path: path, found: fileKind(status.st_mode)) }
        if !force { throw .outputExists(path: path) }
        return (target, status)
    }

    /// `rename` replaces silently; `link` fails when the target exists, and so closes the race between check and rename.
    private static func move(_ temporary: String, to target: String, shown path: String, force: Bool) throws(TensorFileError) {
        if !force {
            let isLinked = SystemPath.withCString(temporary) { old in SystemPath.withCString(target) { link(old, $0) } } == 0
            if isLinked {
                _ = SystemPath.withCString(temporary) { unlink($0) }
                return
            }
            if errno == EEXIST { throw .outputExists(path: path) }
            // Some file systems have no hard links: check once more, then rename.
            if FileSystem.status(of: target, followsLinks: false) != nil { throw .outputExists(path: path) }
        }
        if SystemPath.withCString(temporary, { old in SystemPath.withCString(target) { rename(old, $0) } }) != 0 {
            throw .fileSystem(action: "write", path: path, code: errno)
        }
    }

    /// Makes the rename durable. The file is complete either way, so a folder that cannot be synced is no error.
    static func syncFolder(_ folder: String) {
        let descriptor = SystemPath.withCString(folder) { open($0, O_RDONLY | O_CLOEXEC) }
        if descriptor >= 0 {
            fsync(descriptor)
            close(descriptor)
        }
    }
}

/// `write(2)`, whose name the members above shadow.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}
