import NeuralNetworks
import TensorFiles
import TestSupport
import Testing

/// Files of weights are recognized by all of their tensors, or not at all.
@Suite struct RecognitionTests {
    @Test(arguments: [
        ("resnet20-cifar", "resnet20-cifar"), ("resnet56-cifar", "resnet56-cifar"), ("resnet18", "resnet18"), ("resnet50", "resnet50"),
        ("vgg11", "vgg11"), ("vgg16-bn", "vgg16"), ("mobilenet-v2", "mobilenet-v2"),
    ])
    func publishedWeights(_ name: String, _ expected: String) throws {
        var archive = try PublishedWeights.archive(of: name, divisor: name == "mobilenet-v2" ? 8 : 4)
        #expect(KnownArchitecture.recognized(in: archive) == expected)
        // Counters are no weights; anything else that the topology has no use for speaks against it, as a missing tensor does.
        archive["bn1.num_batches_tracked"] = .int64([3])
        #expect(KnownArchitecture.recognized(in: archive) == expected)
        var more = archive
        more["head.extra.weight"] = .float32([1])
        #expect(KnownArchitecture.recognized(in: more) == nil)
        var fewer = archive
        fewer[archive.names[0]] = nil
        #expect(KnownArchitecture.recognized(in: fewer) == nil)
    }

    @Test func nothingInParticular() throws {
        #expect(KnownArchitecture.recognized(in: TensorArchive()) == nil)
        #expect(KnownArchitecture.recognized(in: ["points": try .float32([1, 2], shape: [1, 2])]) == nil)
    }
}
