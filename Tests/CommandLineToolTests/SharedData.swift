// Real networks and images beside the repository. Tests that need them are reported as skipped when they are not there.

import Foundation

enum SharedData {
    /// ../shared/data, seen from the package.
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("shared/data")

    static let isPresent = FileManager.default.fileExists(atPath: folder.appendingPathComponent("README.md").path)

    static func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
}
