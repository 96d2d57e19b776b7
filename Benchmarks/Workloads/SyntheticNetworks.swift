// Networks of published topologies with drawn weights, for timing whole prunes without any file.

import LinearAlgebra
import NeuralNetworks
import TensorFiles

/// A network whose weights have the spectra of trained ones and whose batch-normalization statistics fit them.
package enum SyntheticNetworks: String, CaseIterable, Sendable {
    case lenet300 = "LeNet-300"
    case lenet5 = "LeNet-5"
    case resnet20 = "ResNet-20"

    /// The network; the same on every call.
    package func network() throws -> Network {
        var draw = Drawing()
        switch self {
        case .lenet300:
            for (index, (inputs, outputs)) in [(784, 300), (300, 100), (100, 10)].enumerated() {
                draw.dense("fc\(index + 1)", outputs, inputs)
            }
            return try Network(archive: try draw.archive(), architecture: .multilayerPerceptron(.relu))
        case .lenet5:
            draw.convolution("conv1", 20, 1, 5)
            draw.convolution("conv2", 50, 20, 5)
            draw.dense("fc1", 500, 800)
            draw.dense("fc2", 10, 500)
            return try Network(archive: try draw.archive(), architecture: .lenet5)
        case .resnet20:
            draw.convolution("conv1", 16, 3, 3, isNormalized: "bn1")
            var channels = 16
            for (stage, width) in [16, 32, 64].enumerated() {
                for block in 0..<3 {
                    let name = "layer\(stage + 1).\(block)"
                    draw.convolution(name + ".conv1", width, channels, 3, isNormalized: name + ".bn1")
                    draw.convolution(name + ".conv2", width, width, 3, isNormalized: name + ".bn2")
                    channels = width
                }
            }
            draw.dense("linear", 10, 64)
            return try Network(archive: try draw.archive(), architecture: .cifarResNet(depth: 20))
        }
    }

    private struct Drawing {
        private var generator = WorkloadGenerator(seed: 81)
        private var tensors: [(name: String, values: [Float], shape: [Int])] = []

        init() {}

        func archive() throws -> TensorArchive {
            TensorArchive(try tensors.map { ($0.name, try Tensor.float32($0.values, shape: $0.shape)) })
        }

        mutating func dense(_ name: String, _ outputs: Int, _ inputs: Int) {
            let weights = LayerWeights.draw(inputs, outputs, decay: LayerShape.denseDecay, &generator)
            append(name + ".weight", weights.elements, [outputs, inputs])
            append(name + ".bias", generator.normals(outputs).map { 0.1 * $0 }, [outputs])
        }

        /// With a bias, or followed by the batch normalization of the given name.
        mutating func convolution(_ name: String, _ outputs: Int, _ inputs: Int, _ kernel: Int, isNormalized normalization: String? = nil) {
            let weights = LayerWeights.draw(inputs * kernel * kernel, outputs, decay: LayerShape.convolutionDecay, &generator)
            append(name + ".weight", weights.elements, [outputs, inputs, kernel, kernel])
            guard let normalization else {
                append(name + ".bias", generator.normals(outputs).map { 0.1 * $0 }, [outputs])
                return
            }
            // Inputs of mean square ½ (ReLU of a standard normal) and weights of mean square norm 2 make the variance 1.
            append(normalization + ".weight", generator.normals(outputs).map { 1 + 0.2 * $0 }, [outputs])
            append(normalization + ".bias", generator.normals(outputs).map { 0.2 * $0 }, [outputs])
            append(normalization + ".running_mean", [Double](repeating: 0, count: outputs), [outputs])
            append(normalization + ".running_var", [Double](repeating: 1, count: outputs), [outputs])
        }

        private mutating func append(_ name: String, _ values: [Double], _ shape: [Int]) {
            tensors.append((name, values.map { Float($0) }, shape))
        }
    }
}
