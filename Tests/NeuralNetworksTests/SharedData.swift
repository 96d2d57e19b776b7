// The optional folder of trained networks and test images beside the repository.

import NeuralNetworks
import TensorFiles
import Testing

enum SharedData {
    /// `../shared/data` seen from the package.
    static let folder: String = {
        let package = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        return "/" + package.split(separator: "/").dropLast().joined(separator: "/") + "/shared/data/"
    }()

    static func archive(_ name: String) throws -> TensorArchive { try TensorArchive.read(path: folder + name) }

    static let isAvailable: Bool = (try? archive("reference_logits.npz")) != nil

    static let cifarScaling = InputScaling(mean: [0.485, 0.456, 0.406], standardDeviation: [0.229, 0.224, 0.225])
}

extension Trait where Self == ConditionTrait {
    /// Runs only beside ../shared/data; reported as skipped elsewhere.
    static var needsSharedData: Self { .enabled("the folder ../shared/data is not there") { SharedData.isAvailable } }
}
