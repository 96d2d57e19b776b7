// Inputs as they were read, before a network's numbers are made of them.

import NeuralNetworks
import TensorFiles

/// An archive, and how inputs come of it. Bytes of pictures take a quarter of the memory that a network's numbers do.
struct StoredInputs {
    enum Form {
        /// The array `images`, scaled.
        case images(InputScaling)
        /// One array per input of the network, as stored.
        case named([String])
    }

    let archive: TensorArchive
    let form: Form
    let needsLabels: Bool
    /// The network that fixes how many samples it takes at a time, if one does.
    var groups: Network?

    /// Makes the inputs; the same every time.
    func labelled() throws(NetworkError) -> LabelledImages {
        let made =
            switch form {
            case .images(let scaling): try LabelledImages(archive: archive, scaling: scaling, needsLabels: needsLabels)
            case .named(let names): try LabelledImages(archive: archive, inputNames: names, needsLabels: needsLabels)
            }
        guard let groups else { return made }
        return try made.grouped(for: groups)
    }
}
