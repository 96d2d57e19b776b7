// Whether two paths lead to one file.

import Foundation

/// Which file a path leads to, by what the system calls it: names and links do not count.
struct FileIdentity: Equatable {
    /// Device and inode of the file, or of the folder that an absent file would be put into.
    private let device: UInt64
    private let inode: UInt64
    /// The name of an absent file.
    private let name: String?
    private let path: String

    static func == (a: FileIdentity, b: FileIdentity) -> Bool { a.device == b.device && a.inode == b.inode && a.name == b.name }

    /// Size in bytes of the file that a path leads to, links followed; nil when there is none.
    static func byteCount(of path: String) -> Int? {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : nil
    }

    /// nil when neither the file nor its folder is there.
    init?(of path: String) {
        let url = URL(fileURLWithPath: path).resolvingSymlinksInPath()
        self.path = url.path
        var status = stat()
        if stat(path, &status) == 0 {
            name = nil
        } else if stat(url.deletingLastPathComponent().path, &status) == 0 {
            name = url.lastPathComponent
        } else {
            return nil
        }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }

    /// Whether this is an existing file in a folder, or in one below it.
    func lies(inFolder folder: String) -> Bool {
        var isFolder: ObjCBool = false
        guard name == nil, FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue,
            let top = FileIdentity(of: folder)
        else { return false }
        var parent = URL(fileURLWithPath: path).deletingLastPathComponent()
        while true {
            if FileIdentity(of: parent.path) == top { return true }
            let next = parent.deletingLastPathComponent()
            if next.path == parent.path { return false }
            parent = next
        }
    }
}
