// Writing down a topology over the tensors of an archive.

import TensorFiles

/// A network builder that looks tensors up by the names of an implementation.
struct ArchiveTopology {
    let archive: TensorArchive
    /// What the names of the network's tensors start with (`module.` after parallel training).
    let prefix: String
    private(set) var builder = NetworkBuilder()

    /// - Parameter anchor: a tensor that every file of the architecture holds; what stands before it is the prefix.
    /// - Throws: `missingTensor` for the anchor.
    init(_ archive: TensorArchive, anchor: String, architecture: String) throws(NetworkError) {
        self.archive = archive
        if archive[anchor] != nil {
            prefix = ""
            return
        }
        let candidates = archive.names.filter { $0.hasSuffix("." + anchor) }.map { String($0.dropLast(anchor.count)) }
        // Parts of the network have anchors of their own; a few tensors of other names (a loss with weights of its own) are none of the network's.
        let common = candidates.first { candidate in
            candidates.allSatisfy { $0.hasPrefix(candidate) } && 2 * archive.names.count { $0.hasPrefix(candidate) } > archive.names.count
        }
        guard let common else {
            throw .missingTensor(name: anchor, node: architecture)
        }
        prefix = common
    }

    func has(_ name: String) -> Bool { archive[prefix + name] != nil }

    /// Shape of a tensor.
    func shape(_ name: String, rank: Int, node: String) throws(NetworkError) -> [Int] {
        guard let tensor = archive[prefix + name] else { throw .missingTensor(name: prefix + name, node: node) }
        guard tensor.shape.count == rank, tensor.shape.allSatisfy({ $0 > 0 }) else {
            throw .wrongTensorShape(name: prefix + name, node: node, expected: "\(rank) axes without an empty one", found: tensor.shape)
        }
        return tensor.shape
    }

    mutating func input(shape: [Int]) -> Network.ValueID { builder.input("input", shape: shape) }

    mutating func append(_ name: String, _ layer: Layer, _ inputs: Network.ValueID...) -> Network.ValueID {
        builder.append(name, layer, from: inputs)
    }

    /// A 2-D convolution over the tensors `name.weight` and, when present, `name.bias`; groups follow from the channels.
    mutating func convolution(
        _ name: String, _ input: Network.ValueID, channels: Int, stride: Int = 1, padding: Int = 0
    ) throws(NetworkError) -> (value: Network.ValueID, channels: Int) {
        let shape = try shape(name + ".weight", rank: 4, node: name)
        guard channels % shape[1] == 0 else {
            throw .wrongTensorShape(
                name: prefix + name + ".weight", node: name, expected: "input channels that divide \(channels)", found: shape)
        }
        let layer = Convolution(
            weight: prefix + name + ".weight", bias: has(name + ".bias") ? prefix + name + ".bias" : nil,
            strides: [stride, stride], padding: [padding, padding, padding, padding], dilations: [1, 1], groups: channels / shape[1])
        return (builder.append(name, .convolution(layer), input), shape[0])
    }

    /// Batch normalization over `name.{weight,bias,running_mean,running_var}`; the first two may be missing together.
    mutating func batchNormalization(_ name: String, _ input: Network.ValueID, epsilon: Float = 1e-5) throws(NetworkError)
        -> Network.ValueID
    {
        let layer = BatchNormalization(
            scale: has(name + ".weight") ? prefix + name + ".weight" : nil,
            shift: has(name + ".bias") ? prefix + name + ".bias" : nil, mean: prefix + name + ".running_mean",
            variance: prefix + name + ".running_var", epsilon: epsilon)
        return builder.append(name, .batchNormalization(layer), input)
    }

    mutating func linear(_ name: String, _ input: Network.ValueID) -> Network.ValueID {
        let layer = Linear(weight: prefix + name + ".weight", bias: has(name + ".bias") ? prefix + name + ".bias" : nil)
        return builder.append(name, .linear(layer), input)
    }

    mutating func relu(_ name: String, _ input: Network.ValueID) -> Network.ValueID {
        builder.append(name, .activation(.relu), input)
    }

    mutating func maximumPooling(
        _ name: String, _ input: Network.ValueID, window: Int, stride: Int, padding: Int = 0
    ) -> Network.ValueID {
        builder.append(
            name,
            .pooling(
                Pooling(
                    kind: .maximum, window: [window, window], strides: [stride, stride],
                    padding: [padding, padding, padding, padding])), input)
    }

    /// Reads the tensors that the nodes name, infers shapes and checks everything.
    func network(output: Network.ValueID) throws(NetworkError) -> Network {
        try builder.network(output: output, reading: archive)
    }
}

extension Parameter {
    /// A trained tensor as Float32.
    /// - Throws: `unreadableTensor` when it holds no floating-point numbers.
    init(_ tensor: Tensor, name: String) throws(NetworkError) {
        guard tensor.dtype.isFloatingPoint else {
            throw .unreadableTensor(name: name, reason: "expected floating-point values, found \(tensor.dtype.rawValue)")
        }
        do throws(TensorFileError) {
            self.init(shape: tensor.shape, values: try tensor.floats())
        } catch {
            throw .tensor(name: name, cause: error)
        }
    }
}
