// What a reduction must keep, and the yardsticks of its errors.

/// Sums of the whole input: what the reduction must keep, and what its errors are measured by.
struct InputMoments {
    /// Σw(z, 1) in two terms, `stride` entries.
    var high: [Double]
    var low: [Double]
    /// Σw|z| about the center, and a lower bound of Σw|z| about the mean.
    var centeredMagnitude: [Double]
    var spread: [Double]
    /// Σw|feature|.
    var magnitude: [Double]
    /// The center that z is taken about, and mean − center.
    var center: [Double]
    var shift: [Double]

    let width: Int
    var mass: Double { high[width] }

    var isFinite: Bool { high.allSatisfy(\.isFinite) && centeredMagnitude.allSatisfy(\.isFinite) && magnitude.allSatisfy(\.isFinite) }

    /// Sizes below which a pivot of weighted rows (z, 1) is a rounding error: 2⁶ ulp of Σw|z|, by column.
    var negligiblePivots: [Double] {
        (0...width).map { 0x1p-46 * ($0 < width ? centeredMagnitude[$0] : mass) }
    }
}
