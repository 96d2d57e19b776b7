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
package struct NullSpaceElimination: ~Copyable {
    /// D, and the row length in doubles.
    package let width: Int
    package let stride: Int
    /// Most rows that one elimination may have.
    package let capacity: Int
    /// Row-major input, `capacity` rows; destroyed. What lies beyond `width` in a row must be zero.
    package let rows: UnsafeMutablePointer<Double>
    /// Weights of the rows, ≥ 0.
    package let weights: UnsafeMutablePointer<Double>
    /// What a unit of weight on each row costs; decides between the two directions of every exchange.
    package let costs: UnsafeMutablePointer<Double>?
    /// After `run`: which rows are left, and their weights (some may be zero).
    package let survivors: UnsafeMutablePointer<Int64>
    package let survivorWeights: UnsafeMutablePointer<Double>

    private let storage: UnsafeMutablePointer<Double>
    private let order: UnsafeMutablePointer<Int64>
    private let permuted: UnsafeMutablePointer<Double>
    private let nonbasicCosts: UnsafeMutablePointer<Double>?
    private let coefficients: UnsafeMutablePointer<Double>
    private let basisCosts: UnsafeMutablePointer<Double>?
    private var basis: ck_basis
    private var pending: ck_exchanges

    // Widths up to this run entirely in one C call; above it products of matrices pay.
    package static let smallWidth = 48
    private static let block = BlockedElimination<Double>.block

    package init(width: Int, capacity: Int, hasCosts: Bool = false) {
        precondition(width > 0 && capacity >= 0, "an elimination needs a positive width")
        self.width = width
        self.capacity = capacity
        let stride = VectorKernels.stride(width)
        self.stride = stride
        // One allocation for everything; small reductions would spend their time on many.
        let held = width > Self.smallWidth ? Self.block : 1
        let list = (capacity + 7) & ~7, small = (4 + held + (hasCosts ? 1 : 0)) * stride + (hasCosts ? 5 : 3) * list
        // `coefficients` serve wide rows, or hold the columns of narrow ones.
        let columns = list * max(Self.block, width > Self.smallWidth ? 0 : stride + 8)
        let total = small + held * Self.block + Self.block + list * stride + columns + 64
        let raw = UnsafeMutableRawPointer.allocate(byteCount: 8 * total, alignment: 64)
        storage = raw.bindMemory(to: Double.self, capacity: total)
        storage.initialize(repeating: 0, count: small + held * Self.block + Self.block)
        var free = storage
        func take(_ count: Int) -> UnsafeMutablePointer<Double> {
            defer { free += (count + 7) & ~7 }
            return free
        }
        func takeNames(_ count: Int) -> UnsafeMutablePointer<Int64> {
            UnsafeMutableRawPointer(take(count)).bindMemory(to: Int64.self, capacity: count)
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

    private var steps: BlockedElimination<Double> { BlockedElimination(rows: rows, order: order, width: width, stride: stride) }

    /// Eliminates the first `count` rows; afterwards `survivors` and `survivorWeights` hold the answer.
    /// - Returns: the number of survivors, min(count, D).
    package mutating func run(count m: Int) -> Int {
        precondition(m <= capacity, "more rows than the workspace holds")
        for i in width..<stride { survivorWeights[i] = 0 }
        guard m > width else {
            for i in 0..<m { survivors[i] = Int64(i); survivorWeights[i] = weights[i] }
            return m
        }
        var total = 0.0
        for i in 0..<m { order[i] = Int64(i); total += weights[i] }
        basis.slack = total * 0x1p-56
        if width <= Self.smallWidth {
            ck_eliminate_small(rows, m, weights, costs, coefficients, order, &basis)
        } else {
            steps.expressNonbasic(rowCount: m)
            exchange(rowCount: m)
        }
        return width
    }

    /// As ``run(count:)``, for rows of weight 1 whose sum is short of what it should be by `missing`: the basic weights
    /// take it up first. `negligible` as for ``solveCombination(_:negligible:)``.
    /// - Returns: `nil` when that would change a weight of 1 by more than half, as no elimination can be trusted then.
    package mutating func run(count m: Int, missing: UnsafePointer<Double>, negligible: UnsafePointer<Double>) -> Int? {
        precondition(m <= capacity && width > Self.smallWidth, "for wide rows only")
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
        basis.slack = total * 0x1p-56
        steps.solveRight(rows + width * stride, rowCount: m - width, factor: rows, order: width)
        exchange(rowCount: m)
        return width
    }

    // Whether weights of 1 stay well away from zero.
    private func isSmall(_ change: UnsafePointer<Double>) -> Bool { (0..<width).allSatisfy { change[$0].magnitude <= 0.5 } }

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

    // MARK: exchange

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
