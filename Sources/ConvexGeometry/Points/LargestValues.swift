// The largest of many values, in linear time.

enum LargestValues {
    /// Indices of the `count` largest values, ascending; ties go to the lowest index. O(n).
    static func indices(_ values: [Double], _ count: Int) -> [Int] {
        let n = values.count
        guard count < n else { return Array(0..<n) }
        guard count > 0 else { return [] }
        // The count-th largest by quickselect among those above a bound that leaves a little more than `count`; then a scan.
        var candidates = indices(values, atLeast: lowerBound(values, count))
        if candidates.count < count { candidates = Array(0..<n) }
        var copy = candidates.map { values[$0] }
        let threshold = copy.withUnsafeMutableBufferPointer { select($0, $0.count - count) }
        var ties = count
        for i in candidates where values[i] > threshold { ties -= 1 }
        return candidates.filter { i in
            guard values[i] == threshold else { return values[i] > threshold }
            ties -= 1
            return ties >= 0
        }
    }

    /// A value that about 1.5·count + 3σ of the values exceed, from an evenly spaced sample; −∞ when a sample cannot tell.
    private static func lowerBound(_ values: [Double], _ count: Int) -> Double {
        let (n, size) = (values.count, 4096)
        guard n > 16 * size else { return -.infinity }
        let expected = 1.5 * Double(count) * Double(size) / Double(n)
        let rank = Int(expected + 3 * expected.squareRoot()) + 8
        guard rank < size else { return -.infinity }
        var sample = (0..<size).map { values[$0 * n / size] }
        return sample.withUnsafeMutableBufferPointer { select($0, size - rank) }
    }

    /// The count-th largest of at least `count` values. O(n).
    static func value(ranked count: Int, of values: [Double]) -> Double {
        var copy = values
        return copy.withUnsafeMutableBufferPointer { select($0, $0.count - count) }
    }

    /// Indices of the values that are not below a bound, ascending.
    static func indices(_ values: [Double], atLeast bound: Double) -> [Int] {
        values.withUnsafeBufferPointer { values in
            var result: [Int] = []
            for i in 0..<values.count where values[i] >= bound { result.append(i) }
            return result
        }
    }

    /// The k-th smallest (0-based), reordering the buffer; Hoare's quickselect with a median of three.
    private static func select(_ a: UnsafeMutableBufferPointer<Double>, _ k: Int) -> Double {
        var (low, high) = (0, a.count - 1)
        while low < high {
            let middle = low + (high - low) / 2
            let (x, y, z) = (a[low], a[middle], a[high])
            let pivot = Swift.max(Swift.min(x, y), Swift.min(Swift.max(x, y), z))
            var (i, j) = (low, high)
            while i <= j {
                while a[i] < pivot { i += 1 }
                while a[j] > pivot { j -= 1 }
                if i <= j {
                    a.swapAt(i, j)
                    i += 1
                    j -= 1
                }
            }
            if k <= j { high = j } else if k >= i { low = i } else { return a[k] }
        }
        return a[k]
    }
}
