// What must be cut together when a channel is removed.

/// A set of tensor slices that one channel index owns across the network: producer rows, normalization vectors, consumer
/// columns, and everything that an addition ties to them.
public struct ChannelGroup: Sendable, Equatable, Identifiable {
    /// Stable name: that of the first producer in topological order.
    public var id: String
    /// Number of channels.
    public var count: Int
    /// Every parameter axis the channels index, with the map from channel to positions on that axis.
    public var slices: [Slice]
    /// Nodes (indices into `Network.nodes`) whose output rows are this group's channels.
    public var producers: [Int]
    /// Nodes whose input columns are this group's channels.
    public var consumers: [Int]
    /// Why the group must stay whole; `nil` when it may be cut.
    public var barrier: String?
    /// One producer, no addition or concatenation in between: the group may be cut without touching a residual stream.
    public var isInner: Bool

    /// One axis of one parameter.
    public struct Slice: Sendable, Equatable {
        public enum Role: Sendable, Equatable { case producer, normalization, consumer, coupled }
        public var parameter: String
        public var axis: Int
        /// Node that owns the parameter.
        public var node: Int
        public var role: Role
        public var map: IndexMap
    }

    public init(
        id: String, count: Int, slices: [Slice], producers: [Int], consumers: [Int], barrier: String?, isInner: Bool
    ) {
        self.id = id
        self.count = count
        self.slices = slices
        self.producers = producers
        self.consumers = consumers
        self.barrier = barrier
        self.isInner = isInner
    }
}

/// Where channel c of a group lies on an axis: positions offset + c·run ..< offset + (c + 1)·run, for each offset.
///
/// `run` > 1 after a flatten (one channel, a run of columns); several offsets where an axis repeats the channels.
public struct IndexMap: Sendable, Equatable {
    public var offsets: [Int]
    public var run: Int

    public init(offsets: [Int] = [0], run: Int = 1) {
        self.offsets = offsets
        self.run = run
    }

    /// Positions of one channel, ascending within each offset.
    public func positions(of channel: Int) -> [Int] {
        offsets.flatMap { offset in (offset + channel * run)..<(offset + (channel + 1) * run) }
    }
}
