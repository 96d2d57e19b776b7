// Vision transformers (Dosovitskiy et al. 2021) with the tensor names of torchvision, timm (and DeiT), and Hugging Face.

import TensorFiles

/// What an implementation calls the tensors of a vision transformer.
private struct VisionTransformerNames {
    let patches: String
    let classToken: String
    let positions: String
    let block: String
    let firstNorm: String
    /// The packed queries, keys and values as weight and bias; nil where they are three layers.
    let packed: (weight: String, bias: String)?
    let separate: [String]
    let outward: String
    let secondNorm: String
    let expansion: String
    let contraction: String
    let lastNorm: String
    let head: String
    /// Of all its normalizations.
    let epsilon: Float

    static let all = [
        VisionTransformerNames(
            patches: "conv_proj", classToken: "class_token", positions: "encoder.pos_embedding", block: "encoder.layers.encoder_layer_",
            firstNorm: "ln_1", packed: ("self_attention.in_proj_weight", "self_attention.in_proj_bias"), separate: [],
            outward: "self_attention.out_proj", secondNorm: "ln_2", expansion: "mlp.0", contraction: "mlp.3", lastNorm: "encoder.ln",
            head: "heads.head", epsilon: 1e-6),
        VisionTransformerNames(
            patches: "patch_embed.proj", classToken: "cls_token", positions: "pos_embed", block: "blocks.",
            firstNorm: "norm1", packed: ("attn.qkv.weight", "attn.qkv.bias"), separate: [], outward: "attn.proj", secondNorm: "norm2",
            expansion: "mlp.fc1", contraction: "mlp.fc2", lastNorm: "norm", head: "head", epsilon: 1e-6),
        VisionTransformerNames(
            patches: "vit.embeddings.patch_embeddings.projection", classToken: "vit.embeddings.cls_token",
            positions: "vit.embeddings.position_embeddings", block: "vit.encoder.layer.", firstNorm: "layernorm_before", packed: nil,
            separate: ["attention.attention.query", "attention.attention.key", "attention.attention.value"],
            outward: "attention.output.dense", secondNorm: "layernorm_after", expansion: "intermediate.dense",
            contraction: "output.dense", lastNorm: "vit.layernorm", head: "classifier", epsilon: 1e-12),
    ]
}

extension Network {
    /// ViT-Tiny to ViT-Huge: patches, a class token, learned positions, blocks that normalize first, the class token's head.
    ///
    /// The number of heads is in no tensor: all published sizes have heads of 64 channels, but ViT-Huge (width 1280), which has 16 of 80.
    static func visionTransformer(_ archive: TensorArchive, inputShape: [Int]?) throws(NetworkError) -> Network {
        let found = VisionTransformerNames.all.first { names in
            archive.names.contains { $0 == names.patches + ".weight" || $0.hasSuffix("." + names.patches + ".weight") }
        }
        guard let names = found else { throw .missingTensor(name: VisionTransformerNames.all[0].patches + ".weight", node: "vit") }
        var topology = try ArchiveTopology(archive, anchor: names.patches + ".weight", architecture: "vit")
        let stem = try topology.shape(names.patches + ".weight", rank: 4, node: names.patches)
        let tokens = try topology.shape(names.positions, rank: 3, node: names.positions)[1]
        let side = Int(Double(max(tokens - 1, 0)).squareRoot().rounded())
        guard stem[2] == stem[3], side > 0, side * side + 1 == tokens else {
            throw .unrecognizedNetwork(reason: "expected square patches in a square, and a class token, found \(tokens) positions")
        }

        var value = topology.input(shape: inputShape ?? [stem[1], side * stem[2], side * stem[2]])
        (value, _) = try topology.convolution(names.patches, value, channels: stem[1], stride: stem[2])
        value = topology.append("patches.flatten", .flatten(axis: 2), value)
        value = topology.append("patches.tokens", .transpose(permutation: [0, 2, 1]), value)
        let token = topology.constant(names.classToken)
        value = topology.append("tokens", .concatenation(axis: 1), token, value)
        let positions = topology.constant(names.positions)
        value = topology.append("tokens.positions", .add, value, positions)
        var index = 0
        while topology.has("\(names.block)\(index).\(names.expansion).weight") {
            value = try topology.transformerBlock("\(names.block)\(index)", names, value)
            index += 1
        }
        guard index > 0 else { throw .missingTensor(name: "\(names.block)0.\(names.expansion).weight", node: "vit") }
        value = topology.layerNormalization(names.lastNorm, value, epsilon: names.epsilon)
        value = topology.append("class.slice", .slice([SliceRange(), SliceRange(start: 0, end: 1)]), value)
        value = topology.append("class.flatten", .flatten(axis: 1), value)
        value = topology.linear(names.head, value)
        return try topology.network(output: value)
    }
}

extension ArchiveTopology {
    /// A tensor as a value.
    fileprivate mutating func constant(_ name: String) -> Network.ValueID { append(name, .constant(parameter: prefix + name)) }

    fileprivate mutating func layerNormalization(_ name: String, _ input: Network.ValueID, epsilon: Float) -> Network.ValueID {
        let layer = Normalization(
            kind: .layer, axis: -1, scale: prefix + name + ".weight", shift: prefix + name + ".bias", epsilon: epsilon)
        return append(name, .normalization(layer), input)
    }

    /// Attention over normalized tokens, and two linear layers with a GELU in between, each added to what went in.
    fileprivate mutating func transformerBlock(
        _ name: String, _ names: VisionTransformerNames, _ input: Network.ValueID
    ) throws(NetworkError) -> Network.ValueID {
        // The width inside is that of the queries, whatever is left of the tokens' width.
        let queries = "\(name)." + (names.packed?.weight ?? names.separate[0] + ".weight")
        let width = try shape(queries, rank: 2, node: name)[0] / (names.packed == nil ? 1 : 3)
        let headWidth = width == 1280 ? 80 : 64
        guard width > 0, width % headWidth == 0 else {
            throw .unrecognizedNetwork(
                reason: "expected heads of 64 channels in vit, found \(width) in all; a description can say how many heads there are")
        }
        var value = layerNormalization("\(name).\(names.firstNorm)", input, epsilon: names.epsilon)
        var parts: [Network.ValueID] = []
        if let packed = names.packed {
            let (weight, bias) = ("\(name).\(packed.weight)", "\(name).\(packed.bias)")
            let all = append(
                "\(name).qkv", .linear(Linear(weight: prefix + weight, bias: has(bias) ? prefix + bias : nil)), value)
            for part in 0..<3 {
                let range = SliceRange(start: part * width, end: (part + 1) * width)
                parts.append(append("\(name).\(["queries", "keys", "values"][part])", .slice([SliceRange(), SliceRange(), range]), all))
            }
        } else {
            for layer in names.separate { parts.append(linear("\(name).\(layer)", value)) }
        }
        let scale = 1 / Float(headWidth).squareRoot()
        value = append("\(name).attention", .attention(heads: width / headWidth, scale: scale), parts[0], parts[1], parts[2])
        value = linear("\(name).\(names.outward)", value)
        let attended = append("\(name).add1", .add, value, input)
        value = layerNormalization("\(name).\(names.secondNorm)", attended, epsilon: names.epsilon)
        value = linear("\(name).\(names.expansion)", value)
        value = append("\(name).gelu", .activation(.gelu(approximateTanh: false)), value)
        value = linear("\(name).\(names.contraction)", value)
        return append("\(name).add2", .add, value, attended)
    }
}
