// Real networks against the logits and accuracies that PyTorch and onnxruntime give.

import NeuralNetworks
import TensorFiles
import TestSupport
import Testing

struct ReferenceNetwork: Sendable, CustomTestStringConvertible {
    var name: String
    var architecture: String?
    var images: String
    var scaling: InputScaling
    var correct: Int

    var testDescription: String { "\(name) as \(architecture ?? "recognized chain")" }

    static let all: [ReferenceNetwork] = [
        .init(name: "lenet300_mnist", architecture: nil, images: "mnist_test2000.npz", scaling: .init(), correct: 1957),
        .init(name: "lenet300_mnist", architecture: "lenet-300-100", images: "mnist_test2000.npz", scaling: .init(), correct: 1957),
        .init(name: "lenet300_fashion", architecture: "mlp", images: "fashion_test2000.npz", scaling: .init(), correct: 1809),
        .init(name: "lenet5_mnist", architecture: "lenet-5", images: "mnist_test2000.npz", scaling: .init(), correct: 1975),
        .init(
            name: "resnet20_cifar10", architecture: "resnet20-cifar", images: "cifar10_test500.npz", scaling: SharedData.cifarScaling,
            correct: 455),
        .init(
            name: "resnet56_cifar10", architecture: "resnet56-cifar", images: "cifar10_test500.npz", scaling: SharedData.cifarScaling,
            correct: 470),
    ]

    func network() throws -> Network {
        try Network(
            archive: SharedData.archive(name + ".safetensors"), architecture: try architecture.map { try KnownArchitecture(named: $0) })
    }
}

@Suite(.besideSharedData) struct ReferenceNetworksTests {
    @Test(arguments: ReferenceNetwork.all) func logitsAndAccuracyAreThoseOfPyTorch(reference: ReferenceNetwork) throws {
        let network = try reference.network()
        let data = try LabelledImages(archive: SharedData.archive(reference.images), scaling: reference.scaling)
        let logits = try Evaluator(network).logits(of: data.images)
        #expect(try Evaluator.accuracy(logits: logits, labels: data.labels).correct == reference.correct)

        let expected = try #require(try SharedData.archive("reference_logits.npz")[reference.name])
        for (found, value) in zip(logits.values, try expected.floats()) { #expect((found - value).magnitude <= 1e-4) }
        #expect(expected.shape == [16, 10])
    }

    @Test(arguments: ReferenceNetwork.all) func writingBackAnUnchangedNetworkGivesTheSameArchive(reference: ReferenceNetwork) throws {
        let original = try SharedData.archive(reference.name + ".safetensors")
        #expect(try reference.network().archive(replacing: original) == original)
    }
}
