#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// What the system knows of paths, each a text of `SystemPath`.
package enum FileSystem {
    /// What lies at a path; nil, and errno, where nothing does.
    package static func status(of path: String, followsLinks: Bool = true) -> stat? {
        var status = stat()
        let code = SystemPath.withCString(path) { followsLinks ? stat($0, &status) : lstat($0, &status) }
        return code == 0 ? status : nil
    }

    /// Whether something is at a path, links followed.
    package static func exists(_ path: String) -> Bool { status(of: path) != nil }

    /// Whether a path leads to a folder.
    package static func isFolder(_ path: String) -> Bool { status(of: path).map { $0.st_mode & S_IFMT == S_IFDIR } ?? false }

    /// Whether a path leads to a pipe, a socket or a device.
    package static func isSpecial(_ path: String) -> Bool {
        status(of: path).map { ![S_IFREG, S_IFDIR].contains($0.st_mode & S_IFMT) } ?? false
    }

    /// Bytes of the regular file that a path leads to; nil for anything else.
    package static func byteCount(of path: String) -> Int? {
        status(of: path).flatMap { $0.st_mode & S_IFMT == S_IFREG ? Int($0.st_size) : nil }
    }

    /// All bytes of a file, or of a pipe.
    /// - Throws: `fileSystem`, `notRegularFile`, `tooLarge`.
    package static func contents(of path: String) throws(TensorFileError) -> [UInt8] {
        let source = try ByteSource(path: path)
        return try source.bytes(at: 0, count: source.count)
    }

    /// All bytes of a file that somebody else has named, such as a folder; pipes are refused.
    /// - Throws: `fileSystem`, `notRegularFile`, `tooLarge`.
    package static func contents(ofRegularFile path: String) throws(TensorFileError) -> [UInt8] {
        let source = try ByteSource(regularFile: path)
        return try source.bytes(at: 0, count: source.count)
    }

    /// What a folder holds, in the order of the system.
    /// - Throws: `fileSystem`.
    package static func names(inFolder path: String) throws(TensorFileError) -> [String] {
        guard let listing = SystemPath.withCString(path, { opendir($0) }) else {
            throw .fileSystem(action: "list", path: path, code: errno)
        }
        defer { closedir(listing) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(listing) else {
                if errno != 0 { throw .fileSystem(action: "list", path: path, code: errno) }
                return names
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: $0.pointee)) { SystemPath.text(ofCString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
    }

    /// The path without links and detours; nil, and errno, where nothing is.
    package static func resolved(_ path: String) -> String? {
        guard let pointer = SystemPath.withCString(path, { realpath($0, nil) }) else { return nil }
        defer { free(pointer) }
        return SystemPath.text(ofCString: pointer)
    }

    /// Where writing to a path would put a file: the end of a chain of links, which may lead to nothing yet.
    package static func target(of path: String) -> String {
        var path = path
        // As many as Linux follows.
        for _ in 0..<40 {
            guard let link = linkText(path) else { return path }
            path = link.utf8.first == UInt8(ascii: "/") ? link : SystemPath.folder(of: path) + "/" + link
        }
        return path
    }

    private static func linkText(_ path: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = SystemPath.withCString(path) { name in
            buffer.withUnsafeMutableBytes { readlink(name, $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count) }
        }
        return count > 0 ? SystemPath.text(of: buffer[..<count]) : nil
    }

    /// Removes a file; nothing happens where there is none.
    /// - Throws: `fileSystem`.
    package static func remove(_ path: String) throws(TensorFileError) {
        if SystemPath.withCString(path, { unlink($0) }) != 0, errno != ENOENT {
            throw .fileSystem(action: "remove", path: path, code: errno)
        }
    }

    /// Makes a folder, and those around it that are missing.
    /// - Throws: `fileSystem`.
    package static func makeFolder(_ path: String) throws(TensorFileError) {
        if isFolder(path) { return }
        let parent = SystemPath.folder(of: path)
        if parent != path { try makeFolder(parent) }
        if SystemPath.withCString(path, { mkdir($0, 0o777) }) != 0, errno != EEXIST {
            throw .fileSystem(action: "make", path: path, code: errno)
        }
    }
}
