// NullSpaceElimination in single precision, at half the price: to choose rows, not to weigh them for good.
//
// The weights that come out keep Σ xᵢaᵢ to about 10⁻⁷ of Σ |xᵢaᵢ| only; who uses them makes up for the difference.

internal import CKernels

/// Workspace and method for wide rows, all weights 1, without costs.
package struct SingleNullSpaceElimination: ~Copyable {
    package let width: Int
    package let stride: Int
    package let capacity: Int
    /// Row-major input, `capacity` rows; destroyed. What lies beyond `width` in a row must be zero.
    package let rows: UnsafeMutablePointer<Float>
    /// After `run`: which rows are left, and their weights (some may be zero).
    package let survivors: UnsafeMutablePointer<Int64>
    package let survivorWeights: UnsafeMutablePointer<Float>
    /// Pivots of the last `run` that are rounding errors or little more, 2⁻²⁰ of the largest: directions it did not see.
    package private(set) var weakPivots = 0

    private let storage: UnsafeMutablePointer<Float>
    private let order: UnsafeMutablePointer<Int64>
    private let nonbasic: UnsafeMutablePointer<Float>
    private let coefficients: UnsafeMutablePointer<Float>
    private var basis: ck_basis
    private var pending: ck_exchanges

    package init(width: Int, capacity: Int) {
        precondition(width > 0 && capacity >= 0, "an elimination needs a positive width")
        self.width = width
        self.capacity = capacity
        let padded = (width + 15) & ~15, block = BlockedElimination<Float>.block
        // Rows a multiple of 512 bytes apart would share few cache sets.
        let stride = padded % 128 == 0 ? padded + 16 : padded
        self.stride = stride
        let list = (capacity + 15) & ~15
        let small = (4 + block) * stride + 2 * stride + 3 * list + block * block + 2 * block
        let total = small + list * (stride + block)
        let raw = UnsafeMutableRawPointer.allocate(byteCount: 4 * total, alignment: 64)
        storage = raw.bindMemory(to: Float.self, capacity: total)
        storage.initialize(repeating: 0, count: small)
        var free = storage
        func take(_ count: Int) -> UnsafeMutablePointer<Float> {
            defer { free += (count + 15) & ~15 }
            return free
        }
        func takeNames(_ count: Int) -> UnsafeMutablePointer<Int64> {
            UnsafeMutableRawPointer(take(2 * count)).bindMemory(to: Int64.self, capacity: count)
        }
        nonbasic = take(list)
        order = takeNames(list)
        survivors = takeNames(stride)
        survivorWeights = take(stride)
        basis = ck_basis(
            weight: survivorWeights, name: survivors, cost: nil, scratch: take(2 * stride), width: width, stride: stride, slack: 0)
        pending = ck_exchanges(z: take(block * stride), w: take(block * block), pivot: takeNames(block), count: 0, capacity: block)
        rows = take(list * stride)
        coefficients = take(list * block)
    }

    deinit { storage.deallocate() }

    /// Eliminates the first `count` rows, each with weight 1; afterwards `survivors` and `survivorWeights` hold the answer.
    /// - Returns: the number of survivors, min(count, D).
    package mutating func run(count m: Int) -> Int {
        precondition(m <= capacity, "more rows than the workspace holds")
        for i in 0..<stride { survivorWeights[i] = i < min(m, width) ? 1 : 0 }
        for i in 0..<m { order[i] = Int64(i) }
        if m > width {
            for k in width..<m { nonbasic[k - width] = 1 }
            // As for double precision, 2⁻³ of the rounding of the weights.
            basis.slack = Double(m) * 0x1p-27
            let steps = BlockedElimination(rows: rows, order: order, width: width, stride: stride)
            steps.expressNonbasic(rowCount: m)
            let largest = (0..<width).reduce(Float(0)) { max($0, rows[$1 * stride + $1].magnitude) }
            weakPivots = (0..<width).count { rows[$0 * stride + $0].magnitude < 0x1p-20 * largest }
            for i in 0..<width { survivors[i] = order[i] }
            steps.exchange(rowCount: m, nonbasic: nonbasic, costs: nil, coefficients: coefficients, &basis, &pending)
        } else {
            for i in 0..<m { survivors[i] = Int64(i) }
        }
        return min(m, width)
    }
}
