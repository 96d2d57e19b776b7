import LinearAlgebra
import ReferenceImplementations
import TestSupport
import Testing

private let sizes = [0, 1, 2, 3, 8, 17, 64]

private func positiveDefinite(_ n: Int, seed: UInt64) -> Matrix {
    var generator = TestGenerator(seed: seed)
    return randomMatrix(n, 2 * n + 2, &generator).gram()
}

@Suite struct CholeskyTests {
    @Test(arguments: sizes) func agreesWithTheReference(n: Int) throws {
        let a = positiveDefinite(n, seed: 10)
        let factor = try Cholesky(a)
        let expected = try #require(ReferenceLinearAlgebra.cholesky(a.elements, order: n))
        #expect(
            distance(factor.factor, Matrix(rows: n, columns: n, elements: expected)) <= 256 * Double(n + 1) * Double.ulpOfOne
                * max(1, a.maximumMagnitude))
        let b = (0..<n).map { Double($0) - 1.5 }
        let residual = zip(a.times(factor.solve(b)), b).reduce(0) { max($0, ($1.0 - $1.1).magnitude) }
        #expect(residual <= 1e4 * Double(n + 1) * Double.ulpOfOne * max(1, a.maximumMagnitude))
    }

    @Test(arguments: sizes) func inversesMultiplyToTheIdentity(n: Int) throws {
        let a = positiveDefinite(n, seed: 11)
        let factor = try Cholesky(a)
        #expect(try Cholesky.inverse(of: a) == factor.inverse())
        #expect(distance(a.times(factor.inverse()), .identity(n)) <= 1e4 * Double(n + 1) * Double.ulpOfOne * max(1, a.maximumMagnitude))
        #expect(
            distance(factor.factor.times(factor.inverseFactor()), .identity(n)) <= 1e3 * Double(n + 1) * Double.ulpOfOne
                * max(1, a.maximumMagnitude))
    }

    @Test(arguments: sizes) func rankOneUpdateAndDowndateMatchRefactoring(n: Int) throws {
        var generator = TestGenerator(seed: 12)
        let a = positiveDefinite(n, seed: 12)
        let v = generator.normals(n)
        let outer = Matrix(rows: n, columns: n) { v[$0] * v[$1] }
        var factor = try Cholesky(a)
        try factor.update(by: v, weight: 0.7)
        let tolerance = 1e4 * Double(n + 1) * Double.ulpOfOne * max(1, a.maximumMagnitude)
        #expect(distance(factor.factor, try Cholesky(a + 0.7 * outer).factor) <= tolerance)
        try factor.update(by: v, weight: -0.7)
        #expect(distance(factor.factor, try Cholesky(a).factor) <= tolerance)
    }

    @Test func downdateToSingularThrowsAndKeepsTheFactor() throws {
        var factor = try Cholesky(.identity(3))
        let before = factor.factor
        #expect(throws: FactorizationError.self) { try factor.update(by: [0, 1, 0], weight: -1) }
        #expect(factor.factor == before)
    }

    @Test func logDeterminantOfADiagonal() throws {
        let determinant = try Cholesky(.diagonal([1e-200, 1e200, 4])).logDeterminant
        #expect((determinant - 1.3862943611198906).magnitude <= 1e3 * Double.ulpOfOne)
    }

    @Test func refusesIndefiniteSingularAndNaN() {
        #expect(throws: FactorizationError.notPositiveDefinite(order: 2)) { try Cholesky(.diagonal([1, -1, 1])) }
        #expect(throws: FactorizationError.notPositiveDefinite(order: 1)) { try Cholesky(Matrix(rows: 2, columns: 2)) }
        #expect(throws: FactorizationError.self) { try Cholesky(.diagonal([1, .nan])) }
        #expect(throws: FactorizationError.notSquare(rows: 2, columns: 3)) { try Cholesky(Matrix(rows: 2, columns: 3)) }
    }
}

@Suite struct LUTests {
    @Test(arguments: sizes) func factorsMultiplyBack(n: Int) throws {
        var generator = TestGenerator(seed: 20)
        let a = randomMatrix(n + 3, n, &generator)
        let lu = try LU(a)
        let l = Matrix(rows: n + 3, columns: n) { i, j in i == j ? 1 : i > j ? lu.factors[i, j] : 0 }
        let u = Matrix(rows: n, columns: n) { i, j in i <= j ? lu.factors[i, j] : 0 }
        #expect(distance(l.times(u), a.selectingRows(lu.permutation)) <= 64 * Double(n + 1) * Double.ulpOfOne * max(1, a.maximumMagnitude))
        #expect(l.maximumMagnitude <= 1)
    }

    @Test(arguments: sizes) func solves(n: Int) throws {
        var generator = TestGenerator(seed: 21)
        let a = randomMatrix(n, n, &generator) + 3 * Matrix.identity(n)
        let x = randomMatrix(n, 2, &generator)
        #expect(distance(try LU(a).solve(a.times(x)), x) <= 1e6 * Double(n + 1) * Double.ulpOfOne)
    }

    @Test func namesTheZeroPivot() throws {
        let lu = try LU(Matrix(columns: [[1, 2], [2, 4]]))
        #expect(lu.firstZeroPivot == 1)
        #expect(throws: FactorizationError.singular(pivot: 1)) { try lu.solve(.identity(2)) }
    }
}

@Suite struct QRTests {
    @Test(arguments: sizes) func pivotedFactorsMultiplyBack(n: Int) throws {
        var generator = TestGenerator(seed: 30)
        for (m, k) in [(n, n + 4), (n + 4, n)] {
            let a = randomMatrix(m, k, &generator)
            let qr = try PivotedQR(a)
            let q = qr.q()
            let tolerance = 1e3 * Double(n + 4) * Double.ulpOfOne
            #expect(distance(q.times(qr.r), a.selectingColumns(qr.permutation)) <= tolerance * max(1, a.maximumMagnitude))
            #expect(distance(q.times(q, transposeSelf: true), .identity(q.columns)) <= tolerance)
            #expect(qr.rank() == min(m, k))
        }
    }

    @Test func revealsRank() throws {
        var generator = TestGenerator(seed: 31)
        let a = randomMatrix(20, 3, &generator).times(randomMatrix(3, 15, &generator))
        #expect(try PivotedQR(a).rank() == 3)
        #expect(try PivotedQR(Matrix(rows: 4, columns: 4)).rank() == 0)
    }

    @Test(arguments: [1, 2, 3]) func triangularFactorsOfBlocksAreThatOfAll(threads: Int) {
        var generator = TestGenerator(seed: 21)
        let (m, n) = (1003, 7)
        var a = Matrix(rows: m, columns: n, elements: generator.normals(m * n))
        // Columns that nearly depend on each other: a Gram matrix would lose them.
        for i in 0..<m { a[i, 6] = a[i, 5] + 1e-9 * a[i, 6] }
        let team = ThreadTeam(threads)
        let factor = Matrix.triangularFactor(rows: m, columns: n, team: team) { rows, target in
            for j in 0..<n { for (i, row) in rows.enumerated() { target[j * rows.count + i] = a[row, j] } }
        }
        let whole = a.triangularFactor()
        for j in 0..<n {
            for i in 0..<n {
                let error = (factor[i, j] - whole[i, j]).magnitude
                #expect(error <= 1e-13 * whole.maximumMagnitude)
            }
        }
        #expect((factor[6, 6] / whole[6, 6] - 1).magnitude <= 1e-5)
    }

    @Test(arguments: sizes) func triangularFactorIsTheCholeskyFactorOfTheGram(n: Int) throws {
        var generator = TestGenerator(seed: 32)
        let a = randomMatrix(2 * n + 3, n, &generator)
        let expected = try Cholesky(a.transposed().gram()).factor.transposed()
        #expect(distance(a.triangularFactor(), expected) <= 1e4 * Double(n + 1) * Double.ulpOfOne * max(1, a.maximumMagnitude))
    }
}

@Suite struct SpectralTests {
    @Test(arguments: sizes) func eigenpairsAgreeWithTheReference(n: Int) throws {
        var generator = TestGenerator(seed: 40)
        let g = randomMatrix(n, n, &generator)
        let a = g + g.transposed()
        let eigen = try SymmetricEigendecomposition(a)
        let reference = ReferenceLinearAlgebra.symmetricEigendecomposition(a.elements, order: n)
        let tolerance = 256 * Double(n + 1) * Double.ulpOfOne * max(1, a.maximumMagnitude * Double(n))
        #expect(zip(eigen.values, reference.values).allSatisfy { ($0 - $1).magnitude <= tolerance })
        for vectors in [eigen.vectors, Matrix(rows: n, columns: n, elements: reference.vectors)] {
            #expect(distance(a.times(vectors), vectors.times(.diagonal(eigen.values))) <= tolerance)
            #expect(distance(vectors.times(vectors, transposeSelf: true), .identity(n)) <= tolerance)
        }
    }

    @Test func repeatedAndZeroEigenvalues() {
        let n = 12
        let projection = Matrix(rows: n, columns: n) { i, j in (i == j ? 1 : 0) - 1 / Double(n) }
        let values = ReferenceLinearAlgebra.symmetricEigendecomposition(projection.elements, order: n).values
        #expect(values[0].magnitude <= 64 * Double.ulpOfOne)
        #expect(values[1...].allSatisfy { ($0 - 1).magnitude <= 64 * Double.ulpOfOne })
    }

    @Test(arguments: sizes) func singularValuesReconstruct(n: Int) throws {
        var generator = TestGenerator(seed: 41)
        let a = randomMatrix(n + 2, n, &generator)
        let svd = try SingularValueDecomposition(a)
        let back = svd.u.times(.diagonal(svd.values)).times(svd.vt)
        #expect(distance(back, a) <= 256 * Double(n + 1) * Double.ulpOfOne * max(1, a.maximumMagnitude))
        #expect(zip(svd.values, svd.values.dropFirst()).allSatisfy { $0 >= $1 })
    }

    @Test func nonFiniteInputThrowsInsteadOfLooping() {
        #expect(throws: FactorizationError.self) { try SymmetricEigendecomposition(.diagonal([1, .nan])) }
        #expect(throws: FactorizationError.self) { try SingularValueDecomposition(.diagonal([1, .infinity])) }
    }
}

@Suite struct NullSpaceReferenceTests {
    @Test func basisIsAnnihilatedAndHasTheRightDimension() {
        var generator = TestGenerator(seed: 50)
        let a = randomMatrix(6, 3, &generator).times(randomMatrix(3, 11, &generator))
        let (basis, dimension) = ReferenceLinearAlgebra.nullSpace(a.elements, rows: 6, columns: 11, relativeTolerance: 1e-10)
        #expect(dimension == 8)
        let image = a.times(Matrix(rows: 11, columns: dimension, elements: basis))
        #expect(image.maximumMagnitude <= 1e4 * Double.ulpOfOne * a.maximumMagnitude)
    }
}
