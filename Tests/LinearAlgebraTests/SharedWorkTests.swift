// Products that are cut into parts: right, and the same to the last bit on any number of threads.

import LinearAlgebra
import Testing

@Suite struct SharedWorkTests {
    private func numbers(_ count: Int, seed: UInt64) -> [Double] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Double(Int64(bitPattern: state) >> 11) / 0x1p52
        }
    }

    /// op(A)·x, A column-major with `rows` rows.
    private func times(_ a: [Double], rows: Int, _ x: [Double], transposed: Bool = false) -> [Double] {
        let columns = a.count / rows
        var y = [Double](repeating: 0, count: transposed ? columns : rows)
        for j in 0..<columns {
            for i in 0..<rows { if transposed { y[j] += a[i + j * rows] * x[i] } else { y[i] += a[i + j * rows] * x[j] } }
        }
        return y
    }

    /// What `body` makes on one thread and on as many as are configured; the bits must be the same.
    private func sameBits(_ body: () throws -> [Double]) throws -> [Double] {
        let alone = try BLASConfiguration.withSingleThread { () throws -> [Double] in try body() }
        #expect(try body() == alone)
        return alone
    }

    private func distance(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { max($0, ($1.0 - $1.1).magnitude) } }

    @Test(arguments: [(500, 390, 410), (390, 500, 410)]) func products(m: Int, n: Int, k: Int) throws {
        let (a, b, c, x) = (numbers(m * k, seed: 1), numbers(k * n, seed: 2), numbers(m * n, seed: 3), numbers(n, seed: 4))
        for transA in [false, true] {
            for transB in [false, true] {
                let found = try sameBits {
                    var result = c
                    BLAS.gemm(
                        transA ? .transposed : .normal, transB ? .transposed : .normal, m, n, k, 2, a, transA ? k : m, b,
                        transB ? n : k, -1, &result, m)
                    return result
                }
                let inner = times(b, rows: transB ? n : k, x, transposed: transB)
                let product = times(a, rows: transA ? k : m, inner, transposed: transA)
                let expected = zip(product, times(c, rows: m, x)).map { 2 * $0 - $1 }
                #expect(distance(times(found, rows: m, x), expected) <= 1e-11 * Double(n))
            }
        }
    }

    @Test func symmetricProductsAndTriangles() throws {
        let (n, k) = (470, 420)
        let (a, c) = (numbers(n * k, seed: 5), numbers(n * n, seed: 6))
        for triangle in [BLAS.Triangle.lower, .upper] {
            for transposed in [false, true] {
                let found = try sameBits {
                    var result = c
                    BLAS.syrk(triangle, transposed ? .transposed : .normal, n, k, 1, a, transposed ? k : n, 0.5, &result, n)
                    return result
                }
                var worst = 0.0
                for j in stride(from: 0, to: n, by: 7) {
                    for i in stride(from: 0, to: n, by: 5) {
                        var sum = c[i + j * n]
                        if triangle == .lower ? i >= j : i <= j {
                            sum *= 0.5
                            for l in 0..<k { sum += transposed ? a[l + i * k] * a[l + j * k] : a[i + l * n] * a[j + l * n] }
                        }
                        worst = max(worst, (found[i + j * n] - sum).magnitude)
                    }
                }
                #expect(worst <= 1e-11)
            }
        }
    }

    /// T·X = B and X·T = B by trsm, checked by trmm; symmetric factors by symm.
    @Test func trianglesAndSymmetricFactors() throws {
        let (n, m) = (400, 430)
        var t = numbers(n * n, seed: 7)
        for i in 0..<n { t[i + i * n] = 40 }
        let b = numbers(n * m, seed: 8)
        for (side, rows, columns) in [(BLAS.Side.left, n, m), (.right, m, n)] {
            for triangle in [BLAS.Triangle.lower, .upper] {
                for trans in [BLAS.Transpose.normal, .transposed] {
                    let x = try sameBits {
                        var x = b
                        BLAS.trsm(side, triangle, trans, .nonUnit, rows, columns, 1, t, n, &x, rows)
                        return x
                    }
                    let back = try sameBits {
                        var back = x
                        BLAS.trmm(side, triangle, trans, .nonUnit, rows, columns, 1, t, n, &back, rows)
                        return back
                    }
                    #expect(distance(back, b) <= 1e-10)
                }
            }
            let product = try sameBits {
                var product = [Double](repeating: 0, count: n * m)
                BLAS.symm(side, .lower, rows, columns, 1, t, n, b, rows, 0, &product, rows)
                return product
            }
            var whole = t
            for j in 0..<n { for i in 0..<j { whole[i + j * n] = t[j + i * n] } }
            var expected = [Double](repeating: 0, count: n * m)
            if side == .left {
                BLAS.gemm(.normal, .normal, n, m, n, 1, whole, n, b, n, 0, &expected, n)
            } else {
                BLAS.gemm(.normal, .normal, m, n, n, 1, b, m, whole, n, 0, &expected, m)
            }
            #expect(distance(product, expected) <= 1e-10)
        }
    }

    @Test func factorsInBlocks() throws {
        let n = 1100
        let g = numbers(n * 40, seed: 9)
        var a = [Double](repeating: 0, count: n * n)
        BLAS.syrk(.lower, .normal, n, 40, 1, g, n, 0, &a, n)
        for j in 0..<n {
            a[j + j * n] += 1
            for i in 0..<j { a[i + j * n] = a[j + i * n] }
        }
        let x = numbers(n, seed: 10)
        for triangle in [BLAS.Triangle.lower, .upper] {
            let factor = try sameBits {
                var factor = a
                try LAPACK.potrf(triangle, n, &factor, n)
                for j in 0..<n { for i in 0..<n where triangle == .lower ? i < j : i > j { factor[i + j * n] = 0 } }
                return factor
            }
            let isLower = triangle == .lower
            let product = times(factor, rows: n, times(factor, rows: n, x, transposed: isLower), transposed: !isLower)
            #expect(distance(product, times(a, rows: n, x)) <= 1e-9)
        }
        var bad = a
        bad[1000 + 1000 * n] = -1
        #expect(throws: FactorizationError.notPositiveDefinite(order: 1001)) { try LAPACK.potrf(.lower, n, &bad, n) }
    }

    /// A = R·Rᵀ + n·I, lower triangle; the upper one holds what nobody may read.
    private func definite(_ n: Int) -> [Double] {
        let r = numbers(n * n, seed: 31)
        var a = [Double](repeating: 0, count: n * n)
        for i in 0..<n { a[i * (n + 1)] = Double(n) }
        BLAS.syrk(.lower, .normal, n, n, 1, r, n, 1, &a, n)
        for j in 0..<n { for i in 0..<j { a[j * n + i] = .nan } }
        return a
    }

    @Test(arguments: [1, 300, 1290]) func inversesOfDefiniteMatrices(_ n: Int) throws {
        let a = definite(n)
        let (x, single) = (numbers(n, seed: 32), a.map { Float($0) })
        func timesSymmetric(_ a: [Double], _ x: [Double]) -> [Double] {
            var y = [Double](repeating: 0, count: n)
            for j in 0..<n {
                for i in j..<n {
                    y[i] += a[j * n + i] * x[j]
                    if i > j { y[j] += a[j * n + i] * x[i] }
                }
            }
            return y
        }
        let inverse = try sameBits {
            var result = a
            try LAPACK.potrf(.lower, n, &result, n)
            try LAPACK.potri(n, &result, n)
            return (0..<n).flatMap { j in (0..<n).map { $0 < j ? 0 : result[j * n + $0] } }
        }
        #expect(distance(timesSymmetric(a, timesSymmetric(inverse, x)), x) <= 1e-11)
        let rounded = try sameBits {
            var result = single
            try LAPACK.potrf(.lower, n, &result, n)
            try LAPACK.potri(n, &result, n)
            return (0..<n).flatMap { j in (0..<n).map { $0 < j ? 0 : Double(result[j * n + $0]) } }
        }
        #expect(distance(timesSymmetric(a, timesSymmetric(rounded, x)), x) <= 1e-3)
    }

    @Test func theMinorThatIsNotDefiniteIsTold() {
        let n = 1290
        var a = definite(n).map { Float($0) }
        a[700 * (n + 1)] = -1
        #expect(throws: FactorizationError.notPositiveDefinite(order: 701)) { try LAPACK.potrf(.lower, n, &a, n) }
    }
}
