// Whether two paths lead to one file.

import Foundation
import TensorFiles

/// Which file a path leads to, by what the system calls it: names and links do not count.
struct FileIdentity: Equatable {
    /// Device and inode of the file, or of the folder that an absent file would be put into.
    private let device: UInt64
    private let inode: UInt64
    /// The name of an absent file, in bytes: what is one character to text may be spelled in two ways.
    private let name: [UInt8]?
    private let path: String

    static func == (a: FileIdentity, b: FileIdentity) -> Bool { a.device == b.device && a.inode == b.inode && a.name == b.name }

    /// nil when neither the file nor its folder is there.
    init?(of path: String) {
        let status: stat
        if let own = FileSystem.status(of: path) {
            (status, name) = (own, nil)
            self.path = FileSystem.resolved(path) ?? path
        } else {
            self.path = FileSystem.target(of: path)
            guard let folder = FileSystem.status(of: SystemPath.folder(of: self.path)) else { return nil }
            (status, name) = (folder, SystemPath.bytes(of: SystemPath.lastComponent(of: self.path)))
        }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }

    /// Whether this is an existing file in a folder, or in one below it.
    func lies(inFolder folder: String) -> Bool {
        guard name == nil, FileSystem.isFolder(folder), let top = FileIdentity(of: folder) else { return false }
        var parent = SystemPath.folder(of: path)
        while true {
            if FileIdentity(of: parent) == top { return true }
            let next = SystemPath.folder(of: parent)
            if next == parent || next == "." { return false }
            parent = next
        }
    }
}
