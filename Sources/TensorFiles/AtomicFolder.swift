internal import CFileGuard

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A folder that appears whole or not at all: filled beside the target under another name, synced, renamed into place.
///
/// A folder that exists is never replaced. On any error, and where a program has installed the handlers of `CFileGuard` on a signal too,
/// what was written is removed.
public enum AtomicFolder {
    /// Makes a folder of the files that `body` writes; throws `folderExists`, `fileSystem`, and what `body` throws.
    public static func write(
        to path: String, _ body: (inout Writer) throws(TensorFileError) -> Void
    ) throws(TensorFileError) {
        var writer = Writer(target: path)
        do throws(TensorFileError) {
            try writer.make()
            try body(&writer)
            try writer.move()
        } catch {
            writer.remove()
            throw error
        }
        file_guard_keep(SystemPath.shown(path))
    }

    /// The folder being filled.
    public struct Writer: ~Copyable {
        private let path: String
        private let target: String
        /// The folder it is put into.
        private let parent: String
        private var files: [String] = []
        private var slots: [Int32]

        fileprivate init(target: String) {
            var target = target
            while target.utf8.count > 1, target.hasSuffix("/") { target.removeLast() }
            let slash = target.utf8.lastIndex(of: UInt8(ascii: "/"))
            let parent = slash.map { String(target[...$0]) } ?? "./"
            let name = slash.map { String(target[target.utf8.index(after: $0)...]) } ?? target
            let path =
                parent + "." + String(decoding: name.utf8.prefix(64), as: UTF8.self) + "."
                + String(UInt64.random(in: 0...(.max)), radix: 36) + ".tmp"
            // Before the folder is there: a signal in between removes a name that nobody has.
            let slot = SystemPath.withCString(path) { file_guard_add_unfinished($0) }
            self.path = path
            self.target = target
            self.parent = parent
            slots = [slot]
        }

        fileprivate func make() throws(TensorFileError) {
            try Self.checkAbsent(target)
            if SystemPath.withCString(path, { mkdir($0, 0o777) }) != 0 { throw .fileSystem(action: "make", path: target, code: errno) }
        }

        /// Writes one file of the folder; `name` is no path.
        public mutating func write(
            _ name: String, _ body: (inout AtomicFile.Writer) throws(TensorFileError) -> Void
        ) throws(TensorFileError) {
            precondition(!name.isEmpty && !name.contains("/"), "the name of a file in the folder")
            let place = path + "/" + name
            slots.append(SystemPath.withCString(place) { file_guard_add_unfinished($0) })
            files.append(place)
            do throws(TensorFileError) {
                try AtomicFile.write(to: place, force: false, body)
            } catch {
                // Messages name the folder that was asked for.
                guard case .fileSystem(let action, _, let code) = error else { throw error }
                throw .fileSystem(action: action, path: target + "/" + name, code: code)
            }
        }

        fileprivate mutating func move() throws(TensorFileError) {
            try Self.checkAbsent(target)
            if SystemPath.withCString(path, { old in SystemPath.withCString(target) { rename(old, $0) } }) != 0 {
                throw .fileSystem(action: "write", path: target, code: errno)
            }
            AtomicFile.syncFolder(parent)
            release()
        }

        fileprivate mutating func remove() {
            for file in files { _ = SystemPath.withCString(file) { unlink($0) } }
            _ = SystemPath.withCString(path) { rmdir($0) }
            release()
        }

        private mutating func release() {
            for slot in slots { file_guard_remove_unfinished(slot) }
            slots = []
        }

        private static func checkAbsent(_ path: String) throws(TensorFileError) {
            if path.isEmpty || path.utf8.contains(0) { throw .fileSystem(action: "write", path: path, code: EINVAL) }
            if FileSystem.status(of: path, followsLinks: false) != nil { throw .folderExists(path: path) }
            if errno != ENOENT { throw .fileSystem(action: "write", path: path, code: errno) }
        }
    }
}
