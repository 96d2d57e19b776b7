// The nodes of one level of a reduction's tree.

/// Runs of leaves, or of points below the leaves, and the factor on the weights of each run's points.
struct NodeList: ~Copyable {
    let starts: UnsafeMutablePointer<Int>
    let ends: UnsafeMutablePointer<Int>
    let factors: UnsafeMutablePointer<Double>
    var count = 0
    var isOfLeaves = true

    init(capacity: Int) {
        starts = .allocate(capacity: 3 * max(1, capacity))
        ends = starts + capacity
        factors = UnsafeMutableRawPointer(ends + capacity).bindMemory(to: Double.self, capacity: capacity)
    }

    deinit { starts.deallocate() }

    @inline(__always)
    mutating func append(_ start: Int, _ end: Int, _ factor: Double) {
        starts[count] = start
        ends[count] = end
        factors[count] = factor
        count += 1
    }
}
