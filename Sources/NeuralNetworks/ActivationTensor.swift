// Activations in memory: a batch of inputs, or what the network makes of it.

/// A batch of activations, row-major, batch axis first: (batch, channels, height, width), (batch, features), ….
public struct ActivationTensor: Sendable, Equatable {
    /// Shape including the batch axis.
    public var shape: [Int]
    /// Row-major values.
    public var values: [Float]

    /// Precondition: `values.count` is the product of `shape`, and there is a batch axis.
    public init(shape: [Int], values: [Float]) {
        precondition(!shape.isEmpty && shape.reduce(1, *) == values.count, "value count must be the product of the shape")
        self.shape = shape
        self.values = values
    }

    /// Number of images or samples.
    public var batchCount: Int { shape[0] }
    /// Shape of one sample.
    public var sampleShape: [Int] { Array(shape.dropFirst()) }
    /// Number of values of one sample.
    public var sampleSize: Int { shape.dropFirst().reduce(1, *) }

    /// The samples in `range`, copied.
    public func samples(_ range: Range<Int>) -> ActivationTensor {
        let size = sampleSize
        return ActivationTensor(
            shape: [range.count] + sampleShape, values: Array(values[range.lowerBound * size..<range.upperBound * size]))
    }
}

/// The values that a forward pass was asked to observe.
public struct Activations: Sendable {
    /// By value of the network.
    public let tensors: [Network.ValueID: ActivationTensor]
    /// The observed values in the order in which they were asked for.
    public let order: [Network.ValueID]

    /// The activations of an observed value; `nil` when the value was not observed.
    public subscript(value: Network.ValueID) -> ActivationTensor? { tensors[value] }

    /// All observed activations in the order in which they were asked for (by default the network's outputs).
    public var observed: [ActivationTensor] { order.compactMap { tensors[$0] } }
}
