// The inverse of a positive definite matrix, and a solution with it, while variables leave.
//
//   M = N⁻¹,   V = BᵀM                                                                                     (1)
// When the variables g leave N, with M_gg = L·Lᵀ, T = M_sg·L⁻ᵀ and Z = V_g·L⁻ᵀ, the others s have
//   M ← M_ss − T·Tᵀ,   V ← V_s − Z·Tᵀ                                                                       (2)
// (the Schur complement). All work is in products of matrices: n³ + n²·q multiply–adds less a half to begin with, b·n·(n/2 + q) for
// b variables. One triangle of M and V are kept, n² + n·q numbers, made smaller in place.
// In single precision that is half of the time and of the memory. It is refused where pivots come near its rounding: N is scaled to
// a diagonal of ones, the entries of its factor carry errors that grow like √n·ulp, and eight times that must be left of every pivot's
// square.
// Source: inverse of a partitioned matrix, Golub & Van Loan, Matrix Computations, 4th ed., §2.1.4 and 6.5.

/// M and V of (1) for the variables that are left.
package struct ShrinkingInverse: Sendable {
    /// What numbers are kept in.
    package enum Precision: Sendable, CaseIterable {
        case single, double
    }

    private enum Storage: Sendable {
        case single(StoredInverse<Float>)
        case double(StoredInverse<Double>)
    }

    private var storage: Storage
    /// Of every variable: the root of its diagonal entry of N, in which M and V are kept in units.
    private var scales: [Double]
    /// In which V is kept.
    private let unit: Double

    /// Variables that are left.
    package var count: Int { scales.count }

    /// - Parameters:
    ///   - normal: N less `ridge` on its diagonal, n×n, the lower triangle.
    ///   - right: B, n×q.
    /// - Throws: `notPositiveDefinite`, in single precision also for what it cannot tell from that; `dimensionTooLarge`.
    package init(
        of normal: borrowing Matrix, ridge: Double, right: borrowing Matrix, in precision: Precision
    ) throws(FactorizationError) {
        precondition(normal.rows == normal.columns && right.rows == normal.rows, "a square matrix and as many rows are needed")
        guard normal.rows <= Int(Int32.max) else { throw .dimensionTooLarge(normal.rows) }
        let scales = normal.diagonal.map { ($0 + ridge).squareRoot() }
        if let bad = scales.firstIndex(where: { !($0 > 0 && $0.isFinite) }) { throw .notPositiveDefinite(order: bad + 1) }
        var largest = 0.0
        for k in 0..<right.columns { for i in 0..<right.rows { largest = max(largest, right[i, k].magnitude / scales[i]) } }
        unit = largest > 0 && largest.isFinite ? largest : 1
        self.scales = scales
        storage =
            switch precision {
            case .single: .single(try StoredInverse(of: normal, right: right, scales: scales, unit: unit))
            case .double: .double(try StoredInverse(of: normal, right: right, scales: scales, unit: unit))
            }
    }

    /// Of every variable: ‖V_i‖² and M_ii, V in units of `unit` and both as N were scaled to a diagonal of ones.
    private var norms: (energies: [Double], pivots: [Double]) {
        switch storage {
        case .single(let stored): (stored.energies, stored.diagonal)
        case .double(let stored): (stored.energies, stored.diagonal)
        }
    }

    /// ‖V_i‖²/M_ii of every variable; infinite for one whose M_ii is no positive number.
    ///
    /// - Complexity: n·q.
    package var costs: [Double] {
        let (energies, pivots) = norms
        return zip(energies, pivots).map { $0 / $1 >= 0 ? $0 / $1 * unit * unit : .infinity }
    }

    /// M and VᵀV of some variables, both such that the quotient of their diagonals is `costs`.
    ///
    /// - Complexity: k²·q for k of them.
    package func corner(_ variables: [Int]) -> (inverse: Matrix, gram: Matrix) {
        let (inverse, gram) =
            switch storage {
            case .single(let stored): stored.corner(variables)
            case .double(let stored): stored.corner(variables)
            }
        return (inverse, (unit * unit) * gram)
    }

    /// M and Vᵀ (k×q) of some variables, in the scales of `corner`.
    package func rows(_ variables: [Int]) -> (inverse: Matrix, solution: Matrix) {
        let (inverse, solution) =
            switch storage {
            case .single(let stored): stored.rows(variables)
            case .double(let stored): stored.rows(variables)
            }
        return (inverse, unit * solution)
    }

    /// Takes variables away (2); those that are left keep their order.
    ///
    /// - Throws: `notPositiveDefinite` where rounding has spoilt M; nothing has changed then.
    package mutating func remove(_ variables: [Int]) throws(FactorizationError) {
        guard !variables.isEmpty else { return }
        var isGone = [Bool](repeating: false, count: count)
        for i in variables { isGone[i] = true }
        let left = isGone.indices.filter { !isGone[$0] }
        switch storage {
        case .single(var stored):
            storage = .double(.init())
            defer { storage = .single(stored) }
            try stored.remove(variables, leaving: left)
        case .double(var stored):
            storage = .double(.init())
            defer { storage = .double(stored) }
            try stored.remove(variables, leaving: left)
        }
        scales = left.map { scales[$0] }
    }
}
