// Images with labels, scaled as a network was trained to see them.

import TensorFiles

/// How stored pixels become network inputs.
public struct InputScaling: Sendable, Equatable {
    /// Per channel, or one value for all; applied after the division by `unit`.
    public var mean: [Float]
    /// Per channel, or one value for all; what the difference is divided by.
    public var standardDeviation: [Float]
    /// Pass stored values through unscaled.
    public var isRaw: Bool
    /// What integer images are divided by: 255 for means and deviations of pixels in 0–1, 1 for those of pixels in 0–255.
    public var unit: Float
    /// Whether the channel axis of (N, H, W, C) images is the last.
    public var channelsLast: Bool

    /// Integer images are divided by `unit`; then (x − mean)/standardDeviation per channel.
    public init(
        mean: [Float] = [0], standardDeviation: [Float] = [1], isRaw: Bool = false, unit: Float = 255, channelsLast: Bool = false
    ) {
        self.mean = mean
        self.standardDeviation = standardDeviation
        self.isRaw = isRaw
        self.unit = unit
        self.channelsLast = channelsLast
    }
}

/// Images, or samples of other kinds, with their labels when the file has any.
public struct LabelledImages: Sendable {
    /// One tensor per network input, batch axis first, ready for the network.
    public let inputs: [ActivationTensor]
    /// Class per sample; empty when the file holds none.
    public let labels: [Int]

    /// What the first, and mostly only, network input gets.
    public var images: ActivationTensor { inputs[0] }

    /// Images for a network of one input. Throws `invalidData` unless labels are absent or one per image.
    public init(images: ActivationTensor, labels: [Int] = []) throws(NetworkError) {
        try self.init(inputs: [images], labels: labels)
    }

    /// - Throws: `invalidData` unless there is an input, all inputs have as many samples, and labels are absent or as many.
    public init(inputs: [ActivationTensor], labels: [Int] = []) throws(NetworkError) {
        guard let count = inputs.first?.batchCount else { throw .invalidData(reason: "expected at least 1 input tensor, found none") }
        if let other = inputs.first(where: { $0.batchCount != count }) {
            throw .invalidData(reason: "expected \(count) samples in every input, found \(other.batchCount)")
        }
        guard labels.isEmpty || labels.count == count else {
            throw .invalidData(reason: "expected \(count) labels, one per image, found \(labels.count)")
        }
        self.inputs = inputs
        self.labels = labels
    }

    /// Reads `images` (N, …) and `labels` (N) from an archive.
    ///
    /// - Parameters:
    ///   - archive: `images` of any shape (N, …), integer or floating point; `labels` of shape (N) with integer values.
    ///   - scaling: integer images, which hold bytes, are divided by 255, floating-point ones taken as they are; both are then normalized.
    ///   - needsLabels: whether a missing `labels` is an error.
    ///   - limit: at most so many images, from the start.
    /// - Throws: `invalidData`.
    public init(
        archive: TensorArchive, scaling: InputScaling = InputScaling(), needsLabels: Bool = true, limit: Int? = nil
    ) throws(NetworkError) {
        guard let stored = archive["images"] else {
            throw .invalidData(reason: "expected an array named images, found \(archive.names.joined(separator: ", "))")
        }
        guard stored.shape.count >= 2, stored.shape.allSatisfy({ $0 > 0 }) else {
            throw .invalidData(reason: "expected images of shape (N, …), found \(NetworkError.text(stored.shape))")
        }
        let count = min(limit ?? stored.shape[0], stored.shape[0])
        guard count > 0 else { throw .invalidData(reason: "expected a limit of at least 1 image, found \(count)") }
        let shape = [count] + stored.shape.dropFirst()
        var values = try Self.read("images") { () throws(TensorFileError) in try stored.floats() }
        values.removeLast(values.count - shape.reduce(1, *))
        if let index = values.firstIndex(where: { !$0.isFinite }) {
            throw .invalidData(reason: "expected finite images, found a non-finite value at position \(index)")
        }
        try Self.scale(&values, shape: shape, isInteger: !stored.dtype.isFloatingPoint, by: scaling)
        var labels: [Int] = []
        if let stored = archive["labels"] {
            labels = try Self.labels(stored, expected: archive["images"]?.shape[0] ?? 0)
            labels.removeLast(labels.count - count)
        } else if needsLabels {
            throw .invalidData(reason: "expected an array named labels, found \(archive.names.joined(separator: ", "))")
        }
        try self.init(images: ActivationTensor(shape: shape, values: values), labels: labels)
    }

    /// Reads one array per network input, named like it, as stored; and `labels` (N).
    ///
    /// - Parameters:
    ///   - archive: an array (N, …) for every name; integers such as token identifiers up to 2²⁴, which Float holds exactly.
    ///   - inputNames: the network's inputs in their order.
    ///   - needsLabels: whether a missing `labels` is an error.
    /// - Throws: `invalidData`.
    public init(archive: TensorArchive, inputNames: [String], needsLabels: Bool = true) throws(NetworkError) {
        var inputs: [ActivationTensor] = []
        for name in inputNames {
            guard let stored = archive[name] else {
                throw .invalidData(
                    reason:
                        "expected an array for every input (\(inputNames.joined(separator: ", "))), found \(archive.names.joined(separator: ", "))"
                )
            }
            inputs.append(try Self.unscaled(stored, name: name))
        }
        var labels: [Int] = []
        if let stored = archive["labels"], !inputNames.contains("labels") {
            labels = try Self.labels(stored, expected: inputs.first?.batchCount ?? 0)
        } else if needsLabels {
            throw .invalidData(reason: "expected an array named labels, found \(archive.names.joined(separator: ", "))")
        }
        try self.init(inputs: inputs, labels: labels)
    }

    /// Refuses numbers that name no row of a table that they are looked up in: inference engines do, too.
    /// - Throws: `invalidData`.
    public func checkIndices(of network: Network) throws(NetworkError) {
        for (input, tensor) in zip(network.inputs, inputs) {
            for node in network.nodes where node.inputs.first == input {
                guard case .embedding(let weight) = node.layer, let rows = network.parameters[weight]?.shape.first else { continue }
                guard let index = tensor.values.firstIndex(where: { $0 < Float(-rows) || $0 >= Float(rows) || $0 != $0.rounded() })
                else { continue }
                let name = network.values[input].name
                throw .invalidData(
                    reason:
                        "expected whole numbers below \(rows), the rows of \(weight), in \(name), found \(tensor.values[index]) at position \(index)"
                )
            }
        }
    }

    /// Numbers of an array, whose file may not have such.
    private static func read<Value>(_ name: String, _ values: () throws(TensorFileError) -> Value) throws(NetworkError) -> Value {
        do throws(TensorFileError) { return try values() } catch { throw .data(name: name, cause: error) }
    }

    private static func unscaled(_ stored: Tensor, name: String) throws(NetworkError) -> ActivationTensor {
        guard !stored.shape.isEmpty, stored.shape.allSatisfy({ $0 > 0 }) else {
            throw .invalidData(reason: "expected \(name) of shape (N, …), found \(NetworkError.text(stored.shape))")
        }
        let values = try read(name) { () throws(TensorFileError) in try stored.floats() }
        if let index = values.firstIndex(where: { !$0.isFinite }) {
            throw .invalidData(reason: "expected finite values in \(name), found a non-finite one at position \(index)")
        }
        if !stored.dtype.isFloatingPoint, let index = values.firstIndex(where: { $0.magnitude > 0x1p24 }) {
            throw .invalidData(
                reason:
                    "expected integers of at most 2²⁴ in \(name), which single precision holds, found about \(values[index]) at position \(index)"
            )
        }
        return ActivationTensor(shape: stored.shape, values: values)
    }

    private static func scale(
        _ values: inout [Float], shape: [Int], isInteger: Bool, by scaling: InputScaling
    ) throws(NetworkError) {
        guard !scaling.isRaw else { return }
        let (mean, deviation) = (scaling.mean, scaling.standardDeviation)
        guard !mean.isEmpty, !deviation.isEmpty, (mean + deviation).allSatisfy(\.isFinite), deviation.allSatisfy({ $0 > 0 }) else {
            throw .invalidData(reason: "expected finite means and positive standard deviations, found \(mean) and \(deviation)")
        }
        // (N, H, W) and (N, features) have one channel; (N, C, H, W) has C.
        let axis = scaling.channelsLast ? shape.count - 1 : 1
        let channels = shape.count >= 4 ? shape[axis] : 1
        guard [1, channels].contains(mean.count), [1, channels].contains(deviation.count) else {
            throw .invalidData(
                reason:
                    "expected 1 or \(channels) means and standard deviations for images of shape \(NetworkError.text(shape)), found \(mean.count) and \(deviation.count)"
            )
        }
        let run = shape.dropFirst(shape.count >= 4 ? axis + 1 : 1).reduce(1, *)
        let unit: Float = isInteger ? scaling.unit : 1
        guard unit > 0, unit.isFinite else { throw .invalidData(reason: "expected a positive pixel unit, found \(unit)") }
        if isInteger, let index = values.firstIndex(where: { !(0...255).contains($0) }) {
            let found = Int(exactly: values[index]).map(String.init) ?? "\(values[index])"
            throw .invalidData(
                reason: "expected integer images to hold bytes, 0 to 255, or to be taken raw, found \(found) at position \(index)")
        }
        values.withUnsafeMutableBufferPointer { values in
            for row in 0..<values.count / run {
                let channel = row % channels
                let m = mean[mean.count == 1 ? 0 : channel]
                let s = deviation[deviation.count == 1 ? 0 : channel]
                for i in row * run..<(row + 1) * run { values[i] = (values[i] / unit - m) / s }
            }
        }
    }

    private static func labels(_ stored: Tensor, expected: Int) throws(NetworkError) -> [Int] {
        guard stored.shape.first == expected, stored.elementCount == expected else {
            throw .invalidData(reason: "expected \(expected) labels, one per image, found shape \(NetworkError.text(stored.shape))")
        }
        let labels = try read("labels") { () throws(TensorFileError) in try stored.int64s() }
        guard let bad = labels.first(where: { $0 < 0 }) else { return labels.map { Int($0) } }
        throw .invalidData(reason: "expected labels of at least 0, found \(bad)")
    }
}
