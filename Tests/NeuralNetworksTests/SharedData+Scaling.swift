// How the networks beside the repository read their images.

import NeuralNetworks
import TestSupport

extension SharedData {
    static let cifarScaling = InputScaling(mean: [0.485, 0.456, 0.406], standardDeviation: [0.229, 0.224, 0.225])
}
