// Layers of published networks, as far as pruning sees them.

/// The size of one prunable layer: n channels, each with d incoming weights (bias included), read through q outgoing ones.
package struct LayerShape: Sendable, Equatable {
    /// Short name of the network the layer is from.
    package let network: String
    /// The layer's name there.
    package let layer: String
    package let channels: Int
    package let incoming: Int
    package let outgoing: Int
    /// Spectrum of its trained weights: singular values fall like k^(−decay).
    package let decay: Double

    /// Dense layers and convolutions of networks that people prune.
    package static let published: [LayerShape] = [
        LayerShape("LeNet-300", "fc1", 300, 28 * 28 + 1, 100, decay: denseDecay),
        LayerShape("LeNet-5", "fc1", 500, 50 * 4 * 4 + 1, 10, decay: denseDecay),
        LayerShape("ResNet-50", "layer3 conv2", 256, 256 * 9, 1024, decay: convolutionDecay),
        LayerShape("VGG16", "conv4_2", 512, 512 * 9 + 1, 512 * 9, decay: convolutionDecay),
        LayerShape("WRN-50-2", "layer3 conv2", 512, 512 * 9, 1024, decay: convolutionDecay),
        LayerShape("ViT-B", "mlp", 3072, 768 + 1, 768, decay: denseDecay),
        LayerShape("Llama-1B", "mlp", 8192, 2048, 2048, decay: denseDecay),
        LayerShape("Llama-7B", "mlp", 11008, 4096, 4096, decay: denseDecay),
    ]

    // Fitted to the upper half of the spectra of trained networks: dense layers of LeNets on MNIST and Fashion-MNIST
    // 0.45–0.73, 3×3 convolutions of the last stage of ResNet-20 and -56 on CIFAR-10 0.15–0.70 with median 0.22.
    static let denseDecay = 0.65
    static let convolutionDecay = 0.25

    package init(_ network: String, _ layer: String, _ channels: Int, _ incoming: Int, _ outgoing: Int, decay: Double) {
        self.network = network
        self.layer = layer
        self.channels = channels
        self.incoming = incoming
        self.outgoing = outgoing
        self.decay = decay
    }
}
