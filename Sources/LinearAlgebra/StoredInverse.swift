// M and V of ShrinkingInverse in one precision.

/// The lower triangle of M, n×n, and V, q×n, column-major, of a matrix scaled to a diagonal of ones.
struct StoredInverse<Element: InverseElement>: Sendable {
    private var count = 0
    private let targets: Int
    private var inverse: [Element] = []
    private var solution: [Element] = []

    /// Of no variables.
    init() { targets = 0 }

    init(of normal: borrowing Matrix, right: borrowing Matrix, scales: [Double], unit: Double) throws(FactorizationError) {
        let (n, q) = (normal.rows, right.columns)
        (count, targets) = (n, q)
        inverse = .uninitialized(n * n)
        let reciprocals = scales.map { 1 / $0 }
        normal.elements.withUnsafeBufferPointer { source in
            inverse.withUnsafeMutableBufferPointer { target in
                for j in 0..<n {
                    for i in 0..<j { target[j * n + i] = 0 }
                    target[j * (n + 1)] = 1
                    for i in j + 1..<Swift.max(n, j + 1) {
                        target[j * n + i] = Element(source[j * n + i] * reciprocals[i] * reciprocals[j])
                    }
                }
            }
        }
        try inverse.withUnsafeMutableBufferPointer { (a) throws(FactorizationError) in
            guard let base = a.baseAddress else { return }
            try SharedCholesky.factor(.lower, n, base, n)
            if Element.self == Float.self {
                let least = 8 * Element(n).squareRoot() * Element.ulpOfOne
                for j in 0..<n where !(base[j * (n + 1)] * base[j * (n + 1)] > least) { throw .notPositiveDefinite(order: j + 1) }
            }
            try SharedCholesky.invert(n, base, n)
            for j in 0..<n where !(base[j * (n + 1)] > 0 && base[j * (n + 1)].isFinite) { throw .notPositiveDefinite(order: j + 1) }
        }
        solution = .uninitialized(q * n)
        guard q > 0, n > 0 else { return }
        var transposed: [Element] = .uninitialized(q * n)
        right.elements.withUnsafeBufferPointer { source in
            transposed.withUnsafeMutableBufferPointer { target in
                // In squares that stay in the cache: one side is read across its columns.
                let side = 64
                for top in stride(from: 0, to: n, by: side) {
                    for first in stride(from: 0, to: q, by: side) {
                        for i in top..<Swift.min(top + side, n) {
                            for k in first..<Swift.min(first + side, q) {
                                target[i * q + k] = Element(source[k * n + i] * reciprocals[i] / unit)
                            }
                        }
                    }
                }
            }
        }
        solution.withUnsafeMutableBufferPointer { Element.multiplySymmetric(q, n, inverse, n, transposed, q, $0.baseAddress!, q) }
    }

    var diagonal: [Double] { (0..<count).map { Double(inverse[$0 * (count + 1)]) } }

    /// ‖V_i‖².
    var energies: [Double] {
        solution.withUnsafeBufferPointer { v in
            (0..<count).map { j in
                // Four sums: one would wait for itself.
                var (s0, s1, s2, s3) = (0.0, 0.0, 0.0, 0.0)
                let (first, end) = (j * targets, (j + 1) * targets)
                var k = first
                while k + 4 <= end {
                    let (a, b, c, d) = (Double(v[k]), Double(v[k + 1]), Double(v[k + 2]), Double(v[k + 3]))
                    (s0, s1, s2, s3) = (s0 + a * a, s1 + b * b, s2 + c * c, s3 + d * d)
                    k += 4
                }
                while k < end {
                    s0 += Double(v[k]) * Double(v[k])
                    k += 1
                }
                return s0 + s1 + s2 + s3
            }
        }
    }

    /// M and VᵀV of some variables.
    func corner(_ variables: [Int]) -> (inverse: Matrix, gram: Matrix) {
        let k = variables.count
        guard targets > 0, k > 0 else { return (part(variables), Matrix(rows: k, columns: k)) }
        let columns = columns(variables)
        var gram: [Element] = .uninitialized(k * k)
        gram.withUnsafeMutableBufferPointer {
            Element.multiply(.transposed, .normal, k, k, targets, 1, columns, targets, columns, targets, 0, $0.baseAddress!, k)
        }
        return (part(variables), Matrix(rows: k, columns: k, elements: gram.map(Double.init)))
    }

    /// M and Vᵀ of some variables.
    func rows(_ variables: [Int]) -> (inverse: Matrix, solution: Matrix) {
        let columns = Matrix(rows: targets, columns: variables.count, elements: columns(variables).map(Double.init))
        return (part(variables), columns.transposed())
    }

    private func part(_ variables: [Int]) -> Matrix {
        let k = variables.count
        var part = Matrix(rows: k, columns: k)
        inverse.withUnsafeBufferPointer { m in
            part.elements.withUnsafeMutableBufferPointer { target in
                for b in 0..<k {
                    for a in 0..<k {
                        let (i, j) = (Swift.max(variables[a], variables[b]), Swift.min(variables[a], variables[b]))
                        target[b * k + a] = Double(m[j * count + i])
                    }
                }
            }
        }
        return part
    }

    /// V of some variables, q×k.
    private func columns(_ variables: [Int]) -> [Element] {
        var result: [Element] = []
        result.reserveCapacity(variables.count * targets)
        for i in variables { result.append(contentsOf: solution[i * targets..<(i + 1) * targets]) }
        return result
    }

    mutating func remove(_ gone: [Int], leaving left: [Int]) throws(FactorizationError) {
        let (n, q, b, s) = (count, targets, gone.count, left.count)
        let own = Matrix(rows: b, columns: b) { x, y in
            Double(inverse[Swift.min(gone[x], gone[y]) * n + Swift.max(gone[x], gone[y])])
        }
        let whitening = try Cholesky(own).inverseFactor().elements.map { Element($0) }
        var crossing: [Element] = .uninitialized(s * b)
        inverse.withUnsafeBufferPointer { m in
            crossing.withUnsafeMutableBufferPointer { target in
                for (k, j) in left.enumerated() {
                    // Row j left of the diagonal is read across columns, column j below it along itself.
                    for (x, i) in gone.enumerated() { target[x * s + k] = i > j ? m[j * n + i] : m[i * n + j] }
                }
            }
        }
        var t: [Element] = .uninitialized(s * b)
        var z: [Element] = .uninitialized(q * b)
        if s > 0 {
            t.withUnsafeMutableBufferPointer {
                Element.multiply(.normal, .transposed, s, b, b, 1, crossing, s, whitening, b, 0, $0.baseAddress!, s)
            }
        }
        if q > 0 {
            let columns = columns(gone)
            z.withUnsafeMutableBufferPointer {
                Element.multiply(.normal, .transposed, q, b, b, 1, columns, q, whitening, b, 0, $0.baseAddress!, q)
            }
        }
        compact(left)
        guard s > 0 else { return }
        inverse.withUnsafeMutableBufferPointer { Element.syrk(.lower, .normal, s, b, -1, t, s, $0.baseAddress!, s) }
        guard q > 0 else { return }
        solution.withUnsafeMutableBufferPointer {
            Element.multiply(.normal, .transposed, q, s, b, -1, z, q, t, s, 1, $0.baseAddress!, q)
        }
    }

    /// Leaves only some variables, in their order, in place: everything moves towards the beginning.
    private mutating func compact(_ left: [Int]) {
        let (n, q, s) = (count, targets, left.count)
        inverse.withUnsafeMutableBufferPointer { m in
            for (k, j) in left.enumerated() { for l in k..<s { m[k * s + l] = m[j * n + left[l]] } }
        }
        solution.withUnsafeMutableBufferPointer { v in
            for (k, j) in left.enumerated() where k != j { for l in 0..<q { v[k * q + l] = v[j * q + l] } }
        }
        inverse.removeLast(n * n - s * s)
        solution.removeLast((n - s) * q)
        count = s
    }
}
