// The Swift examples of the documentation, word for word: what is printed there is compiled here, and run.

import ConvexGeometry
import Foundation
import LinearAlgebra
import Testing

@Suite struct SnippetTests {
    @Test func readme() throws {
        let square = Matrix(columns: [[-1, -1], [-1, 1], [1, -1], [1, 1]])
        let fit = try MinimumVolumeEllipsoid(points: square)
        print(fit.ellipsoid.semiaxes)  // [1.414…, 1.414…]
        print(fit.certificate.gap)  // how far from the smallest, proven on all points
        #expect(fit.ellipsoid.semiaxes.allSatisfy { ($0 - 2.0.squareRoot()).magnitude < 1e-6 })
    }

    /// Every ```swift block of README, Documentation and the DocC catalogs, but for lines of a package manifest, occurs in this folder.
    @Test func everyExampleIsHere() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let root = folder.deletingLastPathComponent().deletingLastPathComponent()
        let sources = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "swift" }.map { Self.dense(try String(contentsOf: $0, encoding: .utf8)) }
        var documents = [root.appendingPathComponent("README.md")]
        for place in ["Documentation", "Sources"] {
            let files = FileManager.default.enumerator(at: root.appendingPathComponent(place), includingPropertiesForKeys: nil)
            while let url = files?.nextObject() as? URL { if url.pathExtension == "md" { documents.append(url) } }
        }
        var count = 0
        for document in documents {
            for block in Self.blocks(try String(contentsOf: document, encoding: .utf8)) {
                let lines = block.split(separator: "\n").filter { !$0.hasPrefix("import ") && !$0.hasPrefix(".package(") }
                let text = Self.dense(lines.joined(separator: "\n"))
                count += 1
                #expect(sources.contains { $0.contains(text) }, "\(document.lastPathComponent): \(block)")
            }
        }
        #expect(count >= 1)
    }

    /// What stands between ```swift and ```.
    private static func blocks(_ text: String) -> [String] {
        text.components(separatedBy: "```swift\n").dropFirst().compactMap { $0.components(separatedBy: "\n```").first }
    }

    /// Without white space, which formatting and indentation change.
    private static func dense(_ text: String) -> String { String(text.filter { !$0.isWhitespace }) }
}
