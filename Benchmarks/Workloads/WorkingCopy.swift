// Files of the source tree that the benchmark uses when the tool runs inside of one.

import Foundation

/// The working copy that holds the running executable.
package enum WorkingCopy {
    /// A file or folder of the working copy by its path from the root; `nil` for an installed tool.
    package static func existing(_ path: String) -> URL? {
        guard var folder = Bundle.main.executableURL?.resolvingSymlinksInPath().deletingLastPathComponent() else { return nil }
        while folder.path != "/" {
            let candidate = folder.appendingPathComponent(path)
            if FileManager.default.fileExists(atPath: candidate.path) { return candidate }
            folder.deleteLastPathComponent()
        }
        return nil
    }
}
