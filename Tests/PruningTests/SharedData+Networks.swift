// Networks and labelled images from the folder beside the repository.

import NeuralNetworks
import TensorFiles
import TestSupport

extension SharedData {
    static func network(_ name: String, _ architecture: KnownArchitecture? = nil) throws -> Network {
        try Network(archive: try archive(name), architecture: architecture)
    }

    static func images(_ name: String, scaling: InputScaling = InputScaling(), limit: Int? = nil) throws -> LabelledImages {
        try LabelledImages(archive: try archive(name), scaling: scaling, limit: limit)
    }
}
