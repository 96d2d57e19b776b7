// The Swift examples of the documentation, word for word: what is printed there is compiled here, and run.

import ConvexGeometry
import Coresets
import EllipsoidFiles
import Foundation
import LinearAlgebra
import NeuralNetworks
import Pruning
import TensorFiles
import Testing

@Suite struct SnippetTests {
    @Test func readme() throws {
        let square = Matrix(columns: [[-1, -1], [-1, 1], [1, -1], [1, 1]])
        let fit = try MinimumVolumeEllipsoid(points: square)
        print(fit.ellipsoid.semiaxes)  // [1.414…, 1.414…]
        print(fit.certificate.gap)  // how far from the smallest, proven on all points
        #expect(fit.ellipsoid.semiaxes.allSatisfy { ($0 - 2.0.squareRoot()).magnitude < 1e-6 })
    }

    @Test func ellipsoids() throws {
        let corners = Matrix(columns: [[-2, -1], [-2, 1], [2, -1], [2, 1]])
        let around = try MinimumVolumeEllipsoid(points: corners)
        let (semiaxes, gap) = (around.ellipsoid.semiaxes, around.certificate.gap)
        let root = 2.0.squareRoot()
        #expect(zip(semiaxes.sorted(), [root, 2 * root]).allSatisfy { ($0 - $1).magnitude < 1e-6 })
        #expect(gap <= 1e-7 && around.support.count >= 3)
    }

    @Test func scores() throws {
        let normal = Matrix(columns: [[-2, -1], [-2, 1], [2, -1], [2, 1]])
        let body = try MinimumVolumeEllipsoid(points: normal).ellipsoid
        let unseen = Matrix(columns: [[0, 1], [3, 0]])
        let distances = body.gauges(of: unseen)
        let isInside = body.contains(unseen)
        #expect(isInside == [true, false])
        #expect((distances[0] - 1 / 2.0.squareRoot()).magnitude < 1e-6 && (distances[1] - 3 / 8.0.squareRoot()).magnitude < 1e-6)
    }

    @Test func ellipsoidFiles() throws {
        let original = try Ellipsoid(center: [1, 2], axes: .identity(2), semiaxes: [3, 0.5])
        let stored = try NPZ.encode(original.archive())
        let restored = try Ellipsoid(archive: TensorArchive.decode(stored))
        #expect(restored == original)
        // As JSON, too.
        #expect(try JSONDecoder().decode(Ellipsoid.self, from: JSONEncoder().encode(original)) == original)
        // Without axes the shape is enough; what does not fit is told.
        var plain = try original.archive()
        plain["axes"] = nil
        #expect((try Ellipsoid(archive: plain).gauge(of: [4, 2]) - 1).magnitude < 1e-12)
        plain["shape"] = .float64([1, 2])
        let error = #expect(throws: EllipsoidFileError.self) { try Ellipsoid(archive: plain) }
        #expect(error?.description.contains("an array shape of shape (2, 2)") == true, "\(String(describing: error))")
        plain["center"] = nil
        #expect(throws: EllipsoidFileError.self) { try Ellipsoid(archive: plain) }
    }

    @Test func reductions() throws {
        let many = Matrix(rows: 3, columns: 1000) { i, j in Double((7 * i + 3) * j % 101) }
        let few = try CaratheodoryReduction(points: many)
        let (kept, weights) = (few.indices, few.weights)
        #expect(kept.count <= 4 && weights.count == kept.count)
        for row in 0..<3 {
            // Without weights every point has 1/n.
            let mean = (0..<1000).reduce(0) { $0 + many[row, $1] } / 1000
            let total = weights.reduce(0, +)
            let own = zip(kept, weights).reduce(0) { $0 + many[row, $1.0] * $1.1 } / total
            #expect((own - mean).magnitude < 1e-9 * 101)
        }
    }

    @Test func coresets() throws {
        let cloud = Matrix(rows: 2, columns: 200) { i, j in Double((31 * j + 17 * i * j) % 97) - 48 }
        let coreset = try LInfinityCoreset(points: cloud)
        let promise = Guarantee(coreset, representation: "the points as given")
        #expect(coreset.indices.count < 200 && promise.statement.contains("for every x"))
    }

    @Test func files() throws {
        let archive: TensorArchive = ["weight": try .float32([1, 2, 3, 4, 5, 6], shape: [2, 3])]
        let bytes = try Safetensors.encode(archive)
        let again = try TensorArchive.decode(bytes)
        #expect(again == archive)
    }

    @Test func networks() throws {
        let weights: TensorArchive = [
            "fc1.weight": try .float32([1, -1, -1, 1], shape: [2, 2]), "fc1.bias": .float32([0, 0]),
            "fc2.weight": try .float32([1, 0, 0, 1], shape: [2, 2]), "fc2.bias": .float32([0, 0]),
        ]
        let classifier = try Network(archive: weights)
        let answers = try Evaluator(classifier).logits(of: ActivationTensor(shape: [1, 2], values: [3, 1]))
        let groups = try classifier.channelGroups()
        #expect(answers.values == [2, 0] && groups.contains { $0.id == "fc1" && $0.count == 2 })
    }

    @Test func pruning() throws {
        let weights = try (0..<3).map { layer -> (String, Tensor) in
            let values = (0..<64).map { Float(($0 * 37 + layer * 11) % 23) / 23 - 0.5 }
            return ("fc\(layer + 1).weight", try .float32(values, shape: [8, 8]))
        }
        let network = try Network(archive: TensorArchive(weights))
        var settings = PruningSettings(budget: .keep(0.5))
        settings.inputPrior = InputPrior(mean: [0], deviation: [1])
        let plan = try Pruner(network: network, settings: settings).plan()
        let smaller = try plan.apply(to: network)
        #expect(smaller.parameters["fc2.weight"]?.shape == [4, 4])
        let prepared = try Pruner(network: network, settings: settings).prepare()
        let sizes = try [0.25, 0.5, 0.75].map { try prepared.plan(budget: .keep($0)).apply(to: network).cost.parameters }
        #expect(sizes == sizes.sorted() && Set(sizes).count == 3)
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
        #expect(count >= 7)
    }

    /// What stands between ```swift and ```.
    private static func blocks(_ text: String) -> [String] {
        text.components(separatedBy: "```swift\n").dropFirst().compactMap { $0.components(separatedBy: "\n```").first }
    }

    /// Without white space, which formatting and indentation change.
    private static func dense(_ text: String) -> String { String(text.filter { !$0.isWhitespace }) }
}
