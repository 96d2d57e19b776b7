// Fewer weighted rows with the same weighted sum, by row-pivoted LU and blocked basis exchange.
//
// Problem    m rows aᵢ ∈ ℝᴰ with weights x ≥ 0 → at most D of them with weights ≥ 0 and the same Σ xᵢaᵢ.
// Method     P·A = [L₁; L₂]·U gives T = L₂L₁⁻¹: every non-basic row is Σ tᵢ·(basic row i). U, which carries the
//            scaling and the ill-conditioning, is never inverted, and |L| ≤ 1. Then one row of T after the other:
//            its weight goes to zero, or trades places with a basic weight that gets there first.
// Blocking   32 exchanges are held back and applied to the later rows by one matrix product.
// Cost       D²(m − D/3) + (m − D)D² + (m − D)²D flops, nearly all in products of matrices. Storage m·D.
// Sources    Tchernychova & Lyons 2016 and Maalouf, Jubran & Feldman 2019 for the divide and conquer around it;
//            the exchange is the simplex method's, with Harris's ratio test (Math. Program. 5, 1973).

internal import CKernels

/// Workspace and method of the elimination; allocated once and used for many eliminations of the same width.
///
/// In single precision the weights that come out keep Σ xᵢaᵢ to about 10⁻⁷ of Σ |xᵢaᵢ| only: to choose rows, not to weigh
/// them for good. Who uses them makes up for the difference.
package struct NullSpaceElimination<Element: EliminationElement>: ~Copyable {
    /// D, and the row length in numbers.
    package let width: Int
    package let stride: Int
    /// Most rows that one elimination may have.
    package let capacity: Int
    /// Row-major input, `capacity` rows; destroyed. What lies beyond `width` in a row must be zero.
    package let rows: UnsafeMutablePointer<Element>
    /// Weights of the rows, ≥ 0.
    package let weights: UnsafeMutablePointer<Element>
    /// What a unit of weight on each row costs; decides between the two directions of every exchange.
    package let costs: UnsafeMutablePointer<Element>?
    /// After `run`: which rows are left, and their weights (some may be zero).
    package let survivors: UnsafeMutablePointer<Int64>
    package let survivorWeights: UnsafeMutablePointer<Element>

    private let storage: UnsafeMutablePointer<Element>
    private let order: UnsafeMutablePointer<Int64>
    private let permuted: UnsafeMutablePointer<Element>
    private let nonbasicCosts: UnsafeMutablePointer<Element>?
    private let coefficients: UnsafeMutablePointer<Element>
    private let basisCosts: UnsafeMutablePointer<Element>?
    private var basis: ck_basis
    private var pending: ck_exchanges

    private static var block: Int { BlockedElimination<Element>.block }

    // Called from this module only, where the element is known.
    private init(_ width: Int, _ capacity: Int, _ hasCosts: Bool) {
        precondition(width > 0 && capacity >= 0, "an elimination needs a positive width")
        self.width = width
        self.capacity = capacity
        let lanes = Element.lanes, padded = (width + lanes - 1) / lanes * lanes
        // Rows a multiple of 512 bytes apart would share few cache sets.
        let stride = padded % (8 * lanes) == 0 ? padded + lanes : padded
        self.stride = stride
        // One allocation for everything, in whole vectors; small reductions would spend their time on many.
        let isNarrow = width <= Element.narrowWidth, held = isNarrow ? 1 : Self.block
        let list = (capacity + lanes - 1) / lanes * lanes
        let names = MemoryLayout<Int64>.stride / MemoryLayout<Element>.stride
        let zeroed =
            (3 + names + held + (hasCosts ? 1 : 0)) * stride + (2 + names + (hasCosts ? 2 : 0)) * list + (held + names) * Self.block
        // `coefficients` serve wide rows, first as scratch of the factorization, or hold the columns of narrow ones.
        let columns = list * max(Self.block, isNarrow ? stride + lanes : 0)
        let total = zeroed + list * stride + columns
        storage = UnsafeMutableRawPointer.allocate(byteCount: MemoryLayout<Element>.stride * total, alignment: 64)
            .bindMemory(to: Element.self, capacity: total)
        storage.initialize(repeating: 0, count: zeroed)
        var free = storage
        func take(_ count: Int) -> UnsafeMutablePointer<Element> {
            defer { free += (count + lanes - 1) / lanes * lanes }
            return free
        }
        func takeNames(_ count: Int) -> UnsafeMutablePointer<Int64> {
            UnsafeMutableRawPointer(take(names * count)).bindMemory(to: Int64.self, capacity: count)
        }
        weights = take(list)
        permuted = take(list)
        costs = hasCosts ? take(list) : nil
        nonbasicCosts = hasCosts ? take(list) : nil
        order = takeNames(list)
        survivors = takeNames(stride)
        survivorWeights = take(stride)
        basisCosts = hasCosts ? take(stride) : nil
        basis = ck_basis(
            weight: survivorWeights, name: survivors, cost: basisCosts, scratch: take(2 * stride), width: width,
            stride: stride, slack: 0)
        pending = ck_exchanges(
            z: take(held * stride), w: take(held * Self.block), pivot: takeNames(Self.block), count: 0, capacity: Self.block)
        rows = take(list * stride)
        coefficients = take(columns)
    }

    deinit { storage.deallocate() }

    private var steps: BlockedElimination<Element> {
        BlockedElimination(rows: rows, order: order, width: width, stride: stride, scratch: coefficients)
    }

    private mutating func eliminate(_ m: Int) -> Int {
        precondition(m <= capacity, "more rows than the workspace holds")
        for i in width..<stride { survivorWeights[i] = 0 }
        guard m > width else {
            for i in 0..<m { survivors[i] = Int64(i); survivorWeights[i] = weights[i] }
            return m
        }
        var total: Element = 0
        for i in 0..<m { order[i] = Int64(i); total += weights[i] }
        basis.slack = slack(total)
        if width <= Element.narrowWidth {
            Element.eliminateNarrow(rows, m, weights, costs, coefficients, order, &basis)
        } else {
            steps.expressNonbasic(rowCount: m)
            exchange(rowCount: m)
        }
        return width
    }

    // 2⁻³ of the rounding of the weights.
    private func slack(_ total: Element) -> Double { Double(total) * Double(Element.ulpOfOne) / 16 }

    private mutating func exchange(rowCount m: Int) {
        let nonbasic = permuted
        for i in 0..<width {
            survivors[i] = order[i]
            survivorWeights[i] = weights[Int(order[i])]
            if let costs { basisCosts![i] = costs[Int(order[i])] }
        }
        for k in width..<m {
            nonbasic[k - width] = weights[Int(order[k])]
            if let costs { nonbasicCosts![k - width] = costs[Int(order[k])] }
        }
        steps.exchange(rowCount: m, nonbasic: nonbasic, costs: nonbasicCosts, coefficients: coefficients, &basis, &pending)
    }
}

extension NullSpaceElimination where Element == Float {
    package init(width: Int, capacity: Int) { self.init(width, capacity, false) }

    /// Eliminates the first `count` rows; afterwards `survivors` and `survivorWeights` hold the answer.
    /// - Returns: the number of survivors, min(count, D).
    package mutating func run(count m: Int) -> Int { eliminate(m) }

    /// Pivots of the last `run` that are rounding errors or little more, 2⁻²⁰ of the largest: directions it did not see.
    package var weakPivots: Int {
        let largest = (0..<width).reduce(Float(0)) { max($0, rows[$1 * stride + $1].magnitude) }
        return (0..<width).count { rows[$0 * stride + $0].magnitude < 0x1p-20 * largest }
    }
}

extension NullSpaceElimination where Element == Double {
    package init(width: Int, capacity: Int, hasCosts: Bool = false) { self.init(width, capacity, hasCosts) }

    /// Eliminates the first `count` rows; afterwards `survivors` and `survivorWeights` hold the answer.
    /// - Returns: the number of survivors, min(count, D).
    package mutating func run(count m: Int) -> Int { eliminate(m) }

    /// As ``run(count:)``, for rows of weight 1 whose sum is short of what it should be by `missing`: the basic weights
    /// take it up first. `negligible` as for ``solveCombination(_:negligible:)``.
    /// - Returns: `nil` when that would change a weight of 1 by more than a factor of 16, as no elimination can be trusted then.
    package mutating func run(count m: Int, missing: UnsafePointer<Double>, negligible: UnsafePointer<Double>) -> Int? {
        precondition(m <= capacity && width > Double.narrowWidth, "for wide rows only")
        guard m > width else { return nil }
        for i in width..<stride { survivorWeights[i] = 0 }
        for i in 0..<m { order[i] = Int64(i) }
        steps.factor(columns: 0..<width, rowCount: m)
        // Every pivot but zero is believed at first; one that is a rounding error gives itself away by what it asks for.
        let change = permuted, none = coefficients
        change.update(from: missing, count: width)
        none.initialize(repeating: 0, count: width)
        ck_solve_combination(rows, stride, width, none, change)
        if !isSmall(change) {
            change.update(from: missing, count: width)
            ck_solve_combination(rows, stride, width, negligible, change)
            guard isSmall(change) else { return nil }
        }
        var total = Double(m)
        for i in 0..<width {
            weights[Int(order[i])] += change[i]
            total += change[i]
        }
        basis.slack = slack(total)
        steps.solveRight(rows + width * stride, rowCount: m - width, factor: rows, order: width)
        exchange(rowCount: m)
        return width
    }

    // Whether weights of 1 stay positive by far, and of the same order.
    private func isSmall(_ change: UnsafePointer<Double>) -> Bool {
        (0..<width).allSatisfy { (0x1p-4...0x1p4).contains(1 + change[$0]) }
    }

    // MARK: combinations

    /// Factors the first `width` rows, so that ``solveCombination(_:negligible:)`` can express vectors by them; destroys
    /// the rows.
    /// - Returns: whether they are independent (to rounding, an exact zero pivot is rare).
    package func factorCombination() -> Bool {
        precondition(capacity >= width, "more rows than the workspace holds")
        for i in 0..<width { order[i] = Int64(i) }
        steps.factor(columns: 0..<width, rowCount: width)
        return (0..<width).allSatisfy { rows[$0 * stride + $0] != 0 }
    }

    /// The coefficients η with Σ ηᵢ·(row i) = `vector`, which is destroyed. Cost 2·D².
    ///
    /// - Parameter negligible: pivots that are rounding errors only, by column; columns that have no larger one are taken
    ///   to depend on those before them, and so is `vector`.
    package func solveCombination(_ vector: UnsafeMutablePointer<Double>, negligible: UnsafePointer<Double>) -> UnsafePointer<Double> {
        ck_solve_combination(rows, stride, width, negligible, vector)
        for i in 0..<width { permuted[Int(order[i])] = vector[i] }
        return UnsafePointer(permuted)
    }
}
