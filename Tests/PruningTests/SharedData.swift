// The optional folder of real networks and images beside the package.

import Foundation
import NeuralNetworks
import TensorFiles
import Testing

enum SharedFiles {
    /// `../shared/data` seen from the package.
    static let folder: String = {
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return package.deletingLastPathComponent().appendingPathComponent("shared/data").path + "/"
    }()
    static var isAvailable: Bool { FileManager.default.fileExists(atPath: folder + "lenet300_mnist.safetensors") }

    static func network(_ name: String, _ architecture: KnownArchitecture? = nil) throws -> Network {
        try Network(archive: try TensorArchive.read(path: folder + name), architecture: architecture)
    }

    static func images(_ name: String, scaling: InputScaling = InputScaling(), limit: Int? = nil) throws -> LabelledImages {
        try LabelledImages(archive: try TensorArchive.read(path: folder + name), scaling: scaling, limit: limit)
    }
}

extension Trait where Self == ConditionTrait {
    /// Runs only beside ../shared/data; reported as skipped elsewhere.
    static var besideSharedData: Self { .enabled("the folder ../shared/data is not there") { SharedFiles.isAvailable } }
}
