// Sums of vectors that stand in arrays.

extension Array where Element == [Double] {
    /// The sum of vectors of one length, in order; empty without any.
    package var summed: [Double] { dropFirst().reduce(first ?? []) { zip($0, $1).map { $0 + $1 } } }
}
