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
    private var basis: ck_basis
    private var pending: ck_exchanges

    // Widths up to this run entirely in one C call; above it products of matrices pay.
    private static let smallWidth = 48
    private static let panelWidth = 16
    private static let solveWidth = 32
    private static let block = 32

    package init(width: Int, capacity: Int, hasCosts: Bool = false) {
        precondition(width > 0 && capacity >= 0, "an elimination needs a positive width")
        self.width = width
        self.capacity = capacity
        let stride = VectorKernels.stride(width)
        self.stride = stride
        // One allocation for everything; small reductions would spend their time on many.
        let held = width > Self.smallWidth ? Self.block : 1
        let list = (capacity + 7) & ~7, small = (4 + held + (hasCosts ? 1 : 0)) * stride + (hasCosts ? 5 : 3) * list
        let total = small + held * Self.block + Self.block + list * (stride + Self.block) + 64
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
        basis = ck_basis(
            weight: survivorWeights, name: survivors, cost: hasCosts ? take(stride) : nil, scratch: take(2 * stride), width: width,
            stride: stride, slack: 0)
        pending = ck_exchanges(
            z: take(held * stride), w: take(held * Self.block), pivot: takeNames(Self.block), count: 0, capacity: Self.block)
        rows = take(list * stride)
        coefficients = take(list * Self.block)
    }

    deinit { storage.deallocate() }

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
            ck_eliminate_small(rows, m, weights, costs, order, &basis)
        } else {
            factor(columns: 0..<width, rowCount: m)
            solveRight(rows + width * stride, rowCount: m - width, factor: rows, order: width)
            exchange(rowCount: m)
        }
        return width
    }

    // MARK: combinations

    /// Factors the first `width` rows, so that ``solveCombination(_:)`` can express vectors by them; destroys the rows.
    /// - Returns: whether they are independent (to rounding, an exact zero pivot is rare).
    package func factorCombination() -> Bool {
        precondition(capacity >= width, "more rows than the workspace holds")
        for i in 0..<width { order[i] = Int64(i) }
        factor(columns: 0..<width, rowCount: width)
        return (0..<width).allSatisfy { rows[$0 * stride + $0] != 0 }
    }

    /// The coefficients η with Σ ηᵢ·(row i) = `vector`, which is destroyed. Cost 2·D².
    package func solveCombination(_ vector: UnsafeMutablePointer<Double>) -> UnsafePointer<Double> {
        ck_solve_combination(rows, stride, width, vector)
        for i in 0..<width { permuted[Int(order[i])] = vector[i] }
        return UnsafePointer(permuted)
    }

    // MARK: P·A = L·U, recursively by columns

    private func factor(columns: Range<Int>, rowCount m: Int) {
        let width = columns.count
        if width <= Self.panelWidth {
            ck_lu_panel(rows, stride, m, columns.lowerBound, width, order)
            return
        }
        let half = (width / 2 + 7) & ~7
        let middle = columns.lowerBound + half
        factor(columns: columns.lowerBound..<middle, rowCount: m)
        let corner = rows + columns.lowerBound * stride + columns.lowerBound
        solveLeft(corner, order: half, corner + half, columnCount: columns.upperBound - middle)
        // Row-major C ← C − A·B is column-major Cᵀ ← Cᵀ − Bᵀ·Aᵀ.
        BLAS.gemm(
            .normal, .normal, columns.upperBound - middle, m - middle, half, -1, corner + half, stride,
            rows + middle * stride + columns.lowerBound, stride, 1, rows + middle * stride + middle, stride)
        factor(columns: middle..<columns.upperBound, rowCount: m)
    }

    // X ← L⁻¹·X with L unit lower, X order×columnCount.
    private func solveLeft(_ l: UnsafeMutablePointer<Double>, order: Int, _ x: UnsafeMutablePointer<Double>, columnCount: Int) {
        if order <= Self.solveWidth {
            ck_unit_lower_left_solve(l, stride, order, x, stride, (columnCount + 7) & ~7)
            return
        }
        let half = (order / 2 + 7) & ~7
        solveLeft(l, order: half, x, columnCount: columnCount)
        BLAS.gemm(.normal, .normal, columnCount, order - half, half, -1, x, stride, l + half * stride, stride, 1, x + half * stride, stride)
        solveLeft(l + half * stride + half, order: order - half, x + half * stride, columnCount: columnCount)
    }

    // T ← T·L⁻¹ with L unit lower, T rowCount×order.
    private func solveRight(_ t: UnsafeMutablePointer<Double>, rowCount: Int, factor l: UnsafeMutablePointer<Double>, order: Int) {
        if order <= Self.solveWidth {
            ck_unit_lower_right_solve(t, stride, rowCount, l, stride, order)
            return
        }
        let half = (order / 2 + 7) & ~7
        solveRight(t + half, rowCount: rowCount, factor: l + half * stride + half, order: order - half)
        BLAS.gemm(.normal, .normal, half, rowCount, order - half, -1, l + half * stride, stride, t + half, stride, 1, t, stride)
        solveRight(t, rowCount: rowCount, factor: l, order: half)
    }

    // MARK: exchange

    private mutating func exchange(rowCount m: Int) {
        let nonbasic = permuted
        for i in 0..<width {
            survivors[i] = order[i]
            survivorWeights[i] = weights[Int(order[i])]
            if let costs { basis.cost[i] = costs[Int(order[i])] }
        }
        for k in width..<m {
            nonbasic[k - width] = weights[Int(order[k])]
            if let costs { nonbasicCosts![k - width] = costs[Int(order[k])] }
        }
        let t = rows + width * stride
        var k = 0
        while k < m - width {
            let size = min(Self.block, m - width - k)
            pending.count = 0
            ck_exchange_rows(
                t + k * stride, size, nonbasic + k, order + width + k, nonbasicCosts.map { $0 + k }, &basis, &pending)
            k += size
            let rest = m - width - k
            guard pending.count > 0, rest > 0 else { continue }
            let later = t + k * stride
            ck_exchange_coefficients(later, stride, rest, &pending, coefficients)
            BLAS.gemm(.normal, .normal, width, rest, pending.count, 1, pending.z, stride, coefficients, Self.block, 1, later, stride)
        }
    }
}
