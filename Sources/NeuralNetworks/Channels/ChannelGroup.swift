// What must be cut together when a channel is removed.

/// A set of tensor slices that one channel index owns across the network: producer rows, normalization vectors, consumer
/// columns, and everything that an addition ties to them.
public struct ChannelGroup: Sendable, Equatable, Identifiable {
    /// Names identify groups of one network.
    public typealias ID = String

    /// Stable name: that of the first producer in topological order, with the range of its rows when the group has only
    /// some of them (`conv2[8..<24]`).
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
    /// The node (index into `Network.nodes`) that makes it so; `nil` for what leaves the network, and where no node is to blame.
    public var barrierNode: Int?
    /// No addition ties the channels to another producer's: the group may be cut without touching a residual stream.
    /// Gates (products), attention heads and concatenations may still give it several producers or consumers.
    public var isInner: Bool

    /// Normalizations whose statistics are taken over these channels, among others perhaps: what stays is normalized without what goes,
    /// so that a cut changes more than the terms of what goes.
    public var statistics: [Int] = []

    /// Rows of a producer that one channel of the group stands for: more than one where whole heads, or whole groups of common
    /// statistics, stay or go.
    public var width: Int { max(1, slices.map { $0.map.offsets.count * $0.map.run }.min() ?? 1) }

    /// Whether pruning may cut the group, all members at once: free of barriers, and read by a layer whose weights can make
    /// up for what goes. `Network.keeping` cuts every group without a barrier.
    public var isCuttable: Bool { barrier == nil && count > 0 && slices.contains { $0.role == .consumer } }

    /// Whether pruning cuts the group unasked: cuttable and outside residual streams.
    public var isPrunable: Bool { isCuttable && isInner }

    /// One axis of one parameter.
    public struct Slice: Sendable, Equatable {
        /// `recurrent`: columns by which a recurrent layer reads its own state.
        public enum Role: Sendable, Equatable { case producer, normalization, consumer, coupled, recurrent }
        /// Name of the parameter.
        public var parameter: String
        /// Axis of the parameter that the channels index.
        public var axis: Int
        /// Node that owns the parameter.
        public var node: Int
        /// What the parameter does with the channels.
        public var role: Role
        /// Where on the axis each channel is.
        public var map: IndexMap
    }

    /// A group with what is given; see the properties.
    public init(
        id: String, count: Int, slices: [Slice], producers: [Int], consumers: [Int], barrier: String?, isInner: Bool,
        barrierNode: Int? = nil, statistics: [Int] = []
    ) {
        self.id = id
        self.count = count
        self.slices = slices
        self.producers = producers
        self.consumers = consumers
        self.barrier = barrier
        self.barrierNode = barrierNode
        self.statistics = statistics
        self.isInner = isInner
    }
}

/// Where channel c of a group lies on an axis: positions offset + c·stride ..< offset + c·stride + run, for each offset.
///
/// `run` > 1 after a flatten (one channel, a run of columns); several offsets where an axis repeats the channels; a stride
/// other than the run where channels are interleaved with others.
public struct IndexMap: Sendable, Equatable {
    /// Position of channel 0, for each repetition of the channels on the axis.
    public var offsets: [Int]
    /// Neighboring positions of one channel.
    public var run: Int
    /// Positions from one channel to the next.
    public var stride: Int

    /// `stride` is `run` unless given.
    public init(offsets: [Int] = [0], run: Int = 1, stride: Int? = nil) {
        self.offsets = offsets
        self.run = run
        self.stride = stride ?? run
    }

    /// The map whose channel 0 has the given ascending positions.
    init(positions: [Int], stride: Int) {
        var starts: [Int] = []
        for (index, position) in positions.enumerated() where index == 0 || positions[index - 1] + 1 != position {
            starts.append(position)
        }
        let run = starts.isEmpty ? 1 : positions.count / starts.count
        let isEven = starts.flatMap { Array($0..<$0 + run) } == positions
        // Neighbouring repetitions may touch; then every position is an offset of its own.
        self.init(
            offsets: isEven && run <= max(stride, 1) ? starts : positions, run: isEven && run <= max(stride, 1) ? run : 1, stride: stride)
    }

    /// Positions of one channel, ascending within each offset.
    public func positions(of channel: Int) -> [Int] {
        offsets.flatMap { offset in (offset + channel * stride)..<(offset + channel * stride + run) }
    }
}
