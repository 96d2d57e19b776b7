import NeuralNetworks
import TensorFiles
import TestSupport
import Testing

/// Files of weights are recognized by all of their tensors, or not at all.
@Suite struct RecognitionTests {
    @Test(arguments: [
        ("resnet20-cifar", "resnet20-cifar"), ("resnet56-cifar", "resnet56-cifar"), ("resnet18", "resnet18"), ("resnet50", "resnet50"),
        ("vgg11", "vgg11"), ("vgg16-bn", "vgg16"), ("mobilenet-v2", "mobilenet-v2"), ("vit-torchvision", "vit"), ("vit-timm", "vit"),
        ("vit-huggingface", "vit"),
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

    /// What `inspect` describes is read back as the same network, of any architecture that is known by name.
    @Test(arguments: [
        "resnet20-cifar", "resnet18", "resnet50", "vgg11", "vgg16-bn", "mobilenet-v2", "vit-torchvision", "vit-timm", "vit-huggingface",
    ])
    func descriptionsGiveTheSameNetwork(_ name: String) throws {
        let archive = try PublishedWeights.archive(of: name, divisor: name == "mobilenet-v2" ? 8 : 4)
        let architecture = try KnownArchitecture(named: name.hasPrefix("vit") ? "vit" : name)
        let network = try Network(archive: archive, architecture: architecture)
        let text = try NetworkDescription.text(of: network)
        let described = try Network(archive: archive, description: NetworkDescription(json: Array(text.utf8)))
        #expect(described.nodes.map(\.layer) == network.nodes.map(\.layer), "\(text)")
        #expect(described.values.map(\.shape) == network.values.map(\.shape))
        #expect(described.nodes.map(\.inputs) == network.nodes.map(\.inputs) && described.outputs == network.outputs)
        #expect(described.parameters == network.parameters)
        // And again: descriptions of described networks are the same text.
        #expect(try NetworkDescription.text(of: described) == text)
    }

    @Test func nothingInParticular() throws {
        #expect(KnownArchitecture.recognized(in: TensorArchive()) == nil)
        #expect(KnownArchitecture.recognized(in: ["points": try .float32([1, 2], shape: [1, 2])]) == nil)
    }
}
