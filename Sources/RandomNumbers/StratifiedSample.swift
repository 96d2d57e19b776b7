// Random indices that are spread evenly.

/// A sample of positions, one from each of equally long runs.
public enum StratifiedSample {
    /// `count` of the indices 0..<n, one drawn from each of `count` equal runs, ascending.
    ///
    /// - Parameters:
    ///   - n: how many indices there are, at least `count`.
    ///   - seed: the same seed gives the same indices everywhere.
    /// - Complexity: O(count).
    public static func indices(of n: Int, count: Int, seed: UInt64) -> [Int] {
        precondition(count <= n, "a stratified sample needs as many indices as it draws")
        var generator = SplitMix64(seed: seed)
        return (0..<count).map { k in
            let (low, high) = (k * n / count, (k + 1) * n / count)
            return low + Int(generator.next() % UInt64(high - low))
        }
    }
}
