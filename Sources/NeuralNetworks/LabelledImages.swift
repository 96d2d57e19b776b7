// Images with labels, scaled as a network was trained to see them.

import TensorFiles

/// How stored pixels become network inputs.
public struct InputScaling: Sendable, Equatable {
    /// Per channel, or one value for all; applied after the division by 255.
    public var mean: [Float]
    public var standardDeviation: [Float]
    /// Pass stored values through unscaled.
    public var isRaw: Bool

    /// Integer images are divided by 255; then (x − mean)/standardDeviation per channel.
    public init(mean: [Float] = [0], standardDeviation: [Float] = [1], isRaw: Bool = false) {
        self.mean = mean
        self.standardDeviation = standardDeviation
        self.isRaw = isRaw
    }
}

/// Images, with their labels when the file has any.
public struct LabelledImages: Sendable {
    /// Scaled images, batch axis first.
    public let images: ActivationTensor
    /// Class per image; empty when the file holds none.
    public let labels: [Int]

    public init(images: ActivationTensor, labels: [Int] = []) throws(NetworkError) {
        guard labels.isEmpty || labels.count == images.batchCount else {
            throw .invalidData(reason: "expected \(images.batchCount) labels, one per image, found \(labels.count)")
        }
        self.images = images
        self.labels = labels
    }

    /// Reads `images` (N, …) and `labels` (N) from an archive.
    ///
    /// - Parameters:
    ///   - archive: `images` of any shape (N, …), integer or floating point; `labels` of shape (N) with integer values.
    ///   - scaling: integer images are divided by 255, floating-point ones taken as they are; both are then normalized.
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
        var values: [Float]
        do {
            values = try stored.floats()
        } catch {
            throw .invalidData(reason: "images: \(error)")
        }
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

    private static func scale(
        _ values: inout [Float], shape: [Int], isInteger: Bool, by scaling: InputScaling
    ) throws(NetworkError) {
        guard !scaling.isRaw else { return }
        let (mean, deviation) = (scaling.mean, scaling.standardDeviation)
        guard !mean.isEmpty, !deviation.isEmpty, (mean + deviation).allSatisfy(\.isFinite), deviation.allSatisfy({ $0 > 0 }) else {
            throw .invalidData(reason: "expected finite means and positive standard deviations, found \(mean) and \(deviation)")
        }
        // (N, H, W) and (N, features) have one channel; (N, C, H, W) has C.
        let channels = shape.count >= 4 ? shape[1] : 1
        guard [1, channels].contains(mean.count), [1, channels].contains(deviation.count) else {
            throw .invalidData(
                reason:
                    "expected 1 or \(channels) means and standard deviations for images of shape \(NetworkError.text(shape)), found \(mean.count) and \(deviation.count)"
            )
        }
        let run = shape.dropFirst(shape.count >= 4 ? 2 : 1).reduce(1, *)
        let unit: Float = isInteger ? 255 : 1
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
        do {
            let labels = try stored.int64s()
            guard let bad = labels.first(where: { $0 < 0 }) else { return labels.map { Int($0) } }
            throw NetworkError.invalidData(reason: "expected labels of at least 0, found \(bad)")
        } catch let error as NetworkError {
            throw error
        } catch {
            throw .invalidData(reason: "labels: \(error)")
        }
    }
}
