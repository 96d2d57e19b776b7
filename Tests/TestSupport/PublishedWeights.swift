// Weights of published architectures by the names and shapes that their PyTorch implementations give them.

import TensorFiles

/// Fills the tensors of an architecture, all widths divided by a number so that tests stay small.
package struct PublishedWeights {
    private var entries: [(String, Tensor)] = []
    private var generator: TestGenerator?
    private let divisor: Int

    /// Random values from `seed`; zeros without one.
    private init(divisor: Int, seed: UInt64?) {
        self.divisor = divisor
        generator = seed.map(TestGenerator.init)
    }

    /// `vgg13`, `vgg16-bn`, `resnet18`, `wide-resnet50-2`, `resnet110-cifar`, `mobilenet-v2` and their kin; `vit-torchvision`, `vit-timm`,
    /// `vit-huggingface`: two blocks of width 128 on images of 32×32 in 8×8 patches, whatever the divisor.
    package static func archive(of name: String, divisor: Int = 1, seed: UInt64? = nil) throws -> TensorArchive {
        var weights = PublishedWeights(divisor: divisor, seed: seed)
        let depth = Int(name.drop { !$0.isNumber }.prefix { $0.isNumber }) ?? 0
        if name.hasPrefix("vgg") {
            try weights.vgg(depth: depth, isNormalized: name.hasSuffix("-bn"))
        } else if name.hasSuffix("-cifar") {
            try weights.cifarResNet(depth: depth)
        } else if name.hasPrefix("vit-") {
            try weights.visionTransformer(style: String(name.dropFirst(4)))
        } else if name.hasPrefix("mobilenet") {
            try weights.mobileNetV2()
        } else {
            try weights.resNet(depth: depth, isWide: name.hasPrefix("wide"))
        }
        return TensorArchive(weights.entries)
    }

    private mutating func add(_ name: String, _ shape: [Int], around center: Float = 0) throws {
        let fan = Double(max(shape.dropFirst().reduce(1, *), 1)).squareRoot()
        var values = [Float](repeating: center, count: shape.reduce(1, *))
        if var generator {
            for index in values.indices { values[index] += Float(generator.normal() / fan * (shape.count > 1 ? 1 : 0.25)) }
            self.generator = generator
        }
        entries.append((name, try Tensor.float32(values, shape: shape)))
    }

    private mutating func convolution(_ name: String, _ outputs: Int, _ inputs: Int, _ side: Int) throws {
        try add(name + ".weight", [outputs, inputs, side, side])
    }

    private mutating func normalization(_ name: String, _ channels: Int) throws {
        try add(name + ".weight", [channels], around: 1)
        try add(name + ".bias", [channels])
        try add(name + ".running_mean", [channels])
        entries.append((name + ".running_var", try .float32([Float](repeating: 1, count: channels), shape: [channels])))
        entries.append((name + ".num_batches_tracked", try .int64([7], shape: [])))
    }

    private mutating func linear(_ name: String, _ outputs: Int, _ inputs: Int) throws {
        try add(name + ".weight", [outputs, inputs])
        try add(name + ".bias", [outputs])
    }

    private mutating func vgg(depth: Int, isNormalized: Bool) throws {
        let counts = [11: [1, 1, 2, 2, 2], 13: [2, 2, 2, 2, 2], 16: [2, 2, 3, 3, 3], 19: [2, 2, 4, 4, 4]][depth] ?? []
        var (index, channels) = (0, 3)
        for (count, width) in zip(counts, [64, 128, 256, 512, 512]) {
            for _ in 0..<count {
                try convolution("features.\(index)", width / divisor, channels, 3)
                try add("features.\(index).bias", [width / divisor])
                if isNormalized { try normalization("features.\(index + 1)", width / divisor) }
                (index, channels) = (index + (isNormalized ? 3 : 2), width / divisor)
            }
            index += 1
        }
        for (number, outputs, inputs) in [
            (0, 4096 / divisor, channels * 49), (3, 4096 / divisor, 4096 / divisor), (6, 1000, 4096 / divisor),
        ] {
            try linear("classifier.\(number)", outputs, inputs)
        }
    }

    private mutating func visionTransformer(style: String) throws {
        let (width, hidden) = (128, 256)
        func pick(_ names: [String]) -> String { names[["torchvision": 0, "timm": 1][style] ?? 2] }
        func norm(_ name: String) throws {
            try add(name + ".weight", [width], around: 1)
            try add(name + ".bias", [width])
        }
        let patches = pick(["conv_proj", "patch_embed.proj", "vit.embeddings.patch_embeddings.projection"])
        try convolution(patches, width, 3, 8)
        try add(patches + ".bias", [width])
        try add(pick(["class_token", "cls_token", "vit.embeddings.cls_token"]), [1, 1, width])
        try add(pick(["encoder.pos_embedding", "pos_embed", "vit.embeddings.position_embeddings"]), [1, 17, width])
        for index in 0..<2 {
            let block = pick(["encoder.layers.encoder_layer_", "blocks.", "vit.encoder.layer."]) + "\(index)."
            try norm(block + pick(["ln_1", "norm1", "layernorm_before"]))
            switch style {
            case "torchvision":
                try add(block + "self_attention.in_proj_weight", [3 * width, width])
                try add(block + "self_attention.in_proj_bias", [3 * width])
            case "timm": try linear(block + "attn.qkv", 3 * width, width)
            default: for part in ["query", "key", "value"] { try linear(block + "attention.attention." + part, width, width) }
            }
            try linear(block + pick(["self_attention.out_proj", "attn.proj", "attention.output.dense"]), width, width)
            try norm(block + pick(["ln_2", "norm2", "layernorm_after"]))
            try linear(block + pick(["mlp.0", "mlp.fc1", "intermediate.dense"]), hidden, width)
            try linear(block + pick(["mlp.3", "mlp.fc2", "output.dense"]), width, hidden)
        }
        try norm(pick(["encoder.ln", "norm", "vit.layernorm"]))
        try linear(pick(["heads.head", "head", "classifier"]), 10, width)
    }

    private mutating func resNet(depth: Int, isWide: Bool) throws {
        let counts = [18: [2, 2, 2, 2], 34: [3, 4, 6, 3], 50: [3, 4, 6, 3], 101: [3, 4, 23, 3], 152: [3, 8, 36, 3]][depth] ?? []
        let stem = 64 / divisor
        try convolution("conv1", stem, 3, 7)
        try normalization("bn1", stem)
        var channels = stem
        for (stage, count) in counts.enumerated() {
            for block in 0..<count {
                let name = "layer\(stage + 1).\(block)", width = stem << stage
                let outputs = depth < 50 ? width : 4 * width
                let inner = isWide ? 2 * width : width
                let shapes =
                    depth < 50
                    ? [(width, channels, 3), (width, width, 3)] : [(inner, channels, 1), (inner, inner, 3), (outputs, inner, 1)]
                for (index, shape) in shapes.enumerated() {
                    try convolution("\(name).conv\(index + 1)", shape.0, shape.1, shape.2)
                    try normalization("\(name).bn\(index + 1)", shape.0)
                }
                if channels != outputs {
                    try convolution(name + ".downsample.0", outputs, channels, 1)
                    try normalization(name + ".downsample.1", outputs)
                }
                channels = outputs
            }
        }
        try linear("fc", 1000, channels)
    }

    /// With parameter-free shortcuts.
    private mutating func cifarResNet(depth: Int) throws {
        let stem = 16 / divisor
        try convolution("conv1", stem, 3, 3)
        try normalization("bn1", stem)
        var channels = stem
        for stage in 0..<3 {
            for block in 0..<(depth - 2) / 6 {
                for index in 1...2 {
                    try convolution("layer\(stage + 1).\(block).conv\(index)", stem << stage, channels, 3)
                    try normalization("layer\(stage + 1).\(block).bn\(index)", stem << stage)
                    channels = stem << stage
                }
            }
        }
        try linear("linear", 10, channels)
    }

    private mutating func mobileNetV2() throws {
        func width(_ full: Int) -> Int { full / divisor }
        try convolution("features.0.0", width(32), 3, 3)
        try normalization("features.0.1", width(32))
        var (channels, index) = (width(32), 1)
        for (expansion, outputs, count) in [(1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1)] {
            for _ in 0..<count {
                let name = "features.\(index).conv", hidden = channels * expansion
                var part = 0
                if expansion > 1 {
                    try convolution("\(name).0.0", hidden, channels, 1)
                    try normalization("\(name).0.1", hidden)
                    part = 1
                }
                try convolution("\(name).\(part).0", hidden, 1, 3)
                try normalization("\(name).\(part).1", hidden)
                try convolution("\(name).\(part + 1)", width(outputs), hidden, 1)
                try normalization("\(name).\(part + 2)", width(outputs))
                (channels, index) = (width(outputs), index + 1)
            }
        }
        try convolution("features.18.0", width(1280), channels, 1)
        try normalization("features.18.1", width(1280))
        try linear("classifier.1", 1000, width(1280))
    }
}
