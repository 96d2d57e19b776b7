/// Mean and variance per channel, as a batch normalization uses them.
public struct ChannelStatistics: Sendable, Equatable {
    public var mean: [Float]
    /// Population variance (divided by the count), as batch normalization takes it while training.
    public var variance: [Float]

    public init(mean: [Float], variance: [Float]) {
        self.mean = mean
        self.variance = variance
    }

    /// The statistics of some of the channels.
    public func selecting(_ channels: [Int]) -> ChannelStatistics {
        ChannelStatistics(mean: channels.map { mean[$0] }, variance: channels.map { variance[$0] })
    }
}
