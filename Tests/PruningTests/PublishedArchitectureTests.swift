// The architectures of the literature: sizes as published, and cut networks that compute what masked ones do.

import NeuralNetworks
import Pruning
import TestSupport
import Testing

@Suite(.serialized) struct PublishedArchitectureTests {
    /// Parameters, and multiply–adds in units of 10⁹ to two digits, as torchvision lists them for images of 224 × 224; for
    /// CIFAR, the parameters of the reference implementation with parameter-free shortcuts.
    static let published: [(name: String, parameters: Int, billions: Double?)] = [
        ("vgg11", 132_863_336, 7.61), ("vgg11-bn", 132_868_840, 7.61), ("vgg13", 133_047_848, 11.31), ("vgg13-bn", 133_053_736, 11.31),
        ("vgg16", 138_357_544, 15.47), ("vgg16-bn", 138_365_992, 15.47), ("vgg19", 143_667_240, 19.63), ("vgg19-bn", 143_678_248, 19.63),
        ("resnet18", 11_689_512, 1.81),
        ("resnet34", 21_797_672, 3.66), ("resnet50", 25_557_032, 4.09), ("resnet101", 44_549_160, 7.80), ("resnet152", 60_192_808, 11.51),
        ("wide-resnet50-2", 68_883_240, 11.40), ("wide-resnet101-2", 126_886_696, 22.75), ("resnet20-cifar", 269_722, nil),
        ("resnet56-cifar", 853_018, nil),
        ("resnet110-cifar", 1_727_962, nil), ("mobilenet-v2", 3_504_872, 0.30),
    ]

    @Test(arguments: published) func sizesAreThePublishedOnes(_ entry: (name: String, parameters: Int, billions: Double?)) throws {
        let network = try Network(archive: PublishedWeights.archive(of: entry.name), architecture: KnownArchitecture(named: entry.name))
        #expect(network.cost.parameters == entry.parameters)
        if let billions = entry.billions {
            let found = Double(try #require(network.cost.multiplyAdds)) / 1e9
            #expect((found - billions).magnitude < 0.0101, "\(found)")
        }
    }

    /// Widths of a sixteenth (an eighth where 24 channels occur) and random weights.
    @Test(arguments: [
        "vgg13", "vgg13-bn", "vgg16", "vgg16-bn", "vgg19", "vgg19-bn", "resnet18", "resnet101", "resnet152", "wide-resnet50-2",
        "resnet110-cifar",
        "mobilenet-v2",
    ]) func halvedNetworksComputeWhatMaskedOnesDo(_ name: String) throws {
        let divisor = name == "mobilenet-v2" ? 8 : name.hasSuffix("-cifar") ? 2 : 16
        let archive = try PublishedWeights.archive(of: name, divisor: divisor, seed: 11)
        let architecture = try KnownArchitecture(named: name)
        let shape = name.hasPrefix("vgg") ? [3, 224, 224] : name.hasSuffix("-cifar") ? [3, 32, 32] : [3, 64, 64]
        let network = try Network(archive: archive, architecture: architecture, inputShape: shape)
        // Every second channel of every group that a budget cuts.
        let groups = try network.channelGroups().filter(\.isPrunable)
        #expect(!groups.isEmpty)
        let kept = Dictionary(uniqueKeysWithValues: groups.map { ($0.id, Array(stride(from: 0, to: $0.count, by: 2))) })
        let sliced = try network.keeping(kept)
        #expect(sliced.cost.parameters < network.cost.parameters)

        let inputs = ActivationTensor.random([2] + shape, seed: 5)
        let outputs = try sliced.forward(inputs).observed[0].values, masked = try network.masking(kept).forward(inputs).observed[0].values
        let scale = masked.map(\.magnitude).max() ?? 0
        #expect(scale > 0 && scale.isFinite)
        for (a, b) in zip(outputs, masked) { #expect((a - b).magnitude <= 1e-4 * scale) }

        // The smaller tensors alone, under the same name, are the smaller network.
        let again = try Network(archive: sliced.archive(replacing: archive), architecture: architecture, inputShape: shape)
        #expect(again.parameters == sliced.parameters)
    }
}
