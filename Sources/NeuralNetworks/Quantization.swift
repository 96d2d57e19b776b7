/// The grid that the values of a parameter lie on in its file: integers q with value (q − zero)·scale.
public struct Quantization: Sendable, Equatable {
    /// Axis of the parameter along which the scales lie; `nil` for one scale in all.
    public var axis: Int?
    /// Steps of the grid, one per position of `axis` or one in all.
    public var scales: [Float]
    /// The integers that stand for 0, as many as scales.
    public var zeros: [Float]
    /// Smallest and largest integer of the file's type.
    public var range: ClosedRange<Float>

    /// A grid; as many zeros as scales.
    public init(axis: Int?, scales: [Float], zeros: [Float], range: ClosedRange<Float>) {
        self.axis = axis
        self.scales = scales
        self.zeros = zeros
        self.range = range
    }

    /// The grid of some positions along an axis of the parameter.
    package func selecting(_ positions: [Int], along cut: Int) -> Quantization {
        guard cut == axis else { return self }
        var result = self
        result.scales = positions.map { scales[$0] }
        result.zeros = positions.map { zeros[$0] }
        return result
    }

    /// Index of the scale of a row-major position in a tensor of the given shape.
    func index(of position: Int, in shape: [Int]) -> Int {
        guard let axis else { return 0 }
        return position / shape[(axis + 1)...].reduce(1, *) % shape[axis]
    }

    /// The integers nearest to the values, and the grid they lie on: the same one, with scales widened where values have left it.
    package func quantized(_ parameter: Parameter) -> (integers: [Float], grid: Quantization) {
        var grid = self
        for (position, value) in parameter.values.enumerated() {
            let own = index(of: position, in: parameter.shape)
            let room = value < 0 ? zeros[own] - range.lowerBound : range.upperBound - zeros[own]
            guard room > 0, value.isFinite else { continue }
            grid.scales[own] = max(grid.scales[own], abs(value) / (room + 0.5))
        }
        let integers = parameter.values.enumerated().map { position, value in
            let own = index(of: position, in: parameter.shape)
            return min(max((value / grid.scales[own]).rounded(.toNearestOrEven) + zeros[own], range.lowerBound), range.upperBound)
        }
        return (integers, grid)
    }
}
