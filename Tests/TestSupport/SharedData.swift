// Real networks and images beside the repository. Tests that need them are reported as skipped where they are not there.

import Foundation
import TensorFiles
import Testing

/// The optional folder `../shared/data`, seen from the package.
package enum SharedData {
    /// Its path, with a slash at the end.
    package static let folder: String = {
        // Tests/TestSupport/SharedData.swift is three levels below the package.
        let package = (0..<3).reduce(URL(fileURLWithPath: #filePath)) { url, _ in url.deletingLastPathComponent() }
        return package.deletingLastPathComponent().appendingPathComponent("shared/data").path + "/"
    }()

    package static let isPresent = FileManager.default.fileExists(atPath: folder + "README.md")

    package static func path(_ name: String) -> String { folder + name }

    package static func archive(_ name: String) throws -> TensorArchive { try TensorArchive.read(path: folder + name) }

    /// Names of the files with an extension, sorted; none where the folder is missing.
    package static func files(ofType type: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { $0.hasSuffix("." + type) }.sorted()
    }
}

extension Trait where Self == ConditionTrait {
    /// Runs only beside ../shared/data.
    package static var besideSharedData: Self { .enabled(if: SharedData.isPresent, "../shared/data is not there") }
}
