// Topologies known by name, for files that hold weights only.
//
// A name gives the topology; all widths come from the tensors, so that a pruned file loads under the same name.

import TensorFiles

/// A published architecture with the tensor names of its usual PyTorch implementation.
public enum KnownArchitecture: Sendable, Equatable {
    /// Any chain of linear layers `<prefix><N>.weight`, with one activation in between.
    case multilayerPerceptron(Activation)
    /// conv1, conv2, each with ReLU and 2×2 maximum pooling, then linear layers fc1, fc2, ….
    case lenet5
    /// He et al. (2016) for CIFAR, depth 6n+2: conv1, bn1, layer1…3.i.{conv1,bn1,conv2,bn2}, linear. Parameter-free
    /// (option A) shortcuts, or projections where the file holds `shortcut` or `downsample` tensors.
    case cifarResNet(depth: Int)
    /// Simonyan & Zisserman (2015): features.i, classifier.j; with batch normalization when the file holds it.
    case vgg(depth: Int)
    /// He et al. (2016) as torchvision has it; wide and grouped variants differ in widths only.
    case resNet(depth: Int)
    /// Sandler et al. (2018) as torchvision has it.
    case mobileNetV2
    /// Dosovitskiy et al. (2021) as torchvision, timm or Hugging Face have it, of any size.
    case visionTransformer

    /// All names, in the order in which help texts show them.
    public static let names: [String] =
        ["mlp", "lenet-300-100", "lenet-5"] + [20, 32, 44, 56, 110].map { "resnet\($0)-cifar" }
        + [11, 13, 16, 19].flatMap { ["vgg\($0)", "vgg\($0)-bn"] } + [18, 34, 50, 101, 152].map { "resnet\($0)" }
        + ["wide-resnet50-2", "wide-resnet101-2", "mobilenet-v2", "vit"]

    /// - Throws: `unknownArchitecture` with the list of names.
    public init(named name: String) throws(NetworkError) {
        let name = name.lowercased()
        guard Self.names.contains(name) else { throw .unknownArchitecture(name: name) }
        let digits = Int(name.drop { !$0.isNumber }.prefix { $0.isNumber }) ?? 0
        switch name {
        case "mlp", "lenet-300-100": self = .multilayerPerceptron(.relu)
        case "lenet-5": self = .lenet5
        case "mobilenet-v2": self = .mobileNetV2
        case "vit": self = .visionTransformer
        case _ where name.hasSuffix("-cifar"): self = .cifarResNet(depth: digits)
        case _ where name.hasPrefix("vgg"): self = .vgg(depth: digits)
        default: self = .resNet(depth: digits)
        }
    }
}

extension Network {
    /// A network from the tensors of a file.
    ///
    /// - Parameters:
    ///   - archive: tensors by the names of the usual PyTorch implementation, possibly all behind one common prefix.
    ///   - architecture: the topology; `nil` recognizes a chain of linear layers with ReLU.
    ///   - inputShape: shape of one input, where the architecture admits several; its customary one by default.
    /// - Throws: ``NetworkError`` naming the tensor that is missing, misshapen or not finite.
    public init(
        archive: TensorArchive, architecture: KnownArchitecture? = nil, inputShape: [Int]? = nil
    ) throws(NetworkError) {
        switch architecture {
        case nil:
            self = try Self.multilayerPerceptron(archive, activation: .relu, inputShape: inputShape)
        case .multilayerPerceptron(let activation):
            self = try Self.multilayerPerceptron(archive, activation: activation, inputShape: inputShape)
        case .lenet5:
            self = try Self.lenet5(archive, inputShape: inputShape)
        case .cifarResNet(let depth):
            self = try Self.cifarResNet(archive, depth: depth, inputShape: inputShape)
        case .vgg(let depth):
            self = try Self.vgg(archive, depth: depth, inputShape: inputShape)
        case .resNet(let depth):
            self = try Self.resNet(archive, depth: depth, inputShape: inputShape)
        case .mobileNetV2:
            self = try Self.mobileNetV2(archive, inputShape: inputShape)
        case .visionTransformer:
            self = try Self.visionTransformer(archive, inputShape: inputShape)
        }
    }
}
