/// Every output position along an axis as a weighted sum of input positions: what resizing does, one axis at a time.
public struct Interpolation: Sendable, Equatable {
    /// The batch axis is 0.
    public var axis: Int
    /// Input positions, `tapCount` for each output position.
    public var positions: [Int]
    /// Their weights.
    public var weights: [Float]
    /// Input positions that are summed for one output position.
    public var tapCount: Int

    /// Precondition: as many weights as positions, a multiple of `tapCount`.
    public init(axis: Int, positions: [Int], weights: [Float], tapCount: Int) {
        precondition(tapCount > 0 && positions.count == weights.count && positions.count % tapCount == 0, "one weight for every tap")
        self.axis = axis
        self.positions = positions
        self.weights = weights
        self.tapCount = tapCount
    }

    /// Extent of the axis of the output.
    public var count: Int { positions.count / tapCount }
}
