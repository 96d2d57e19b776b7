/// Mean and variance per channel, as a batch normalization uses them.
public struct ChannelStatistics: Sendable, Equatable {
    /// Mean per channel.
    public var mean: [Float]
    /// Population variance (divided by the count), as batch normalization takes it while training.
    public var variance: [Float]

    /// Statistics of channels. Both lists have one number per channel.
    public init(mean: [Float], variance: [Float]) {
        self.mean = mean
        self.variance = variance
    }

    /// The statistics of some of the channels.
    public func selecting(_ channels: [Int]) -> ChannelStatistics {
        ChannelStatistics(mean: channels.map { mean[$0] }, variance: channels.map { variance[$0] })
    }
}
