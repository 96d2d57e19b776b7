import LinearAlgebra
import ReferenceImplementations
import TestSupport
import Testing

private let sizes = [0, 1, 2, 3, 8, 17, 64]

func randomMatrix(_ rows: Int, _ columns: Int, _ generator: inout TestGenerator) -> Matrix {
    Matrix(rows: rows, columns: columns, elements: generator.normals(rows * columns))
}

/// Largest absolute difference of two equally shaped matrices.
func distance(_ a: Matrix, _ b: Matrix) -> Double {
    precondition(a.rows == b.rows && a.columns == b.columns)
    return zip(a.elements, b.elements).reduce(0) { max($0, ($1.0 - $1.1).magnitude) }
}

@Suite struct ProductTests {
    @Test(arguments: [0, 1, 2, 63, 64, 65, 130]) func symmetrizingCopiesTheLowerTriangle(n: Int) {
        var generator = TestGenerator(seed: 3)
        let a = randomMatrix(n, n, &generator)
        var b = a
        b.symmetrizeFromLower()
        for j in 0..<n { for i in 0..<n { #expect(b[i, j] == (i >= j ? a[i, j] : a[j, i])) } }
        let rows = stride(from: n - 1, through: 0, by: -3).map { $0 } + (n > 0 ? [0, 0] : [])
        let chosen = a.selectingRows(rows)
        #expect(chosen.rows == rows.count && chosen.columns == n)
        for j in 0..<n { for (k, i) in rows.enumerated() { #expect(chosen[k, j] == a[i, j]) } }
    }

    @Test(arguments: sizes, sizes) func productMatchesTripleLoop(m: Int, n: Int) {
        var generator = TestGenerator(seed: 1)
        for k in [0, 1, 5, 33] {
            let a = randomMatrix(m, k, &generator), b = randomMatrix(k, n, &generator)
            let expected = Matrix(rows: m, columns: n, elements: ReferenceLinearAlgebra.product(a.elements, b.elements, m: m, k: k, n: n))
            let tolerance = 4 * Double(k + 1) * a.maximumMagnitude * b.maximumMagnitude * Double.ulpOfOne
            #expect(distance(a.times(b), expected) <= tolerance)
            #expect(distance(a.transposed().times(b, transposeSelf: true), expected) <= tolerance)
            #expect(distance(a.times(b.transposed(), transposeOther: true), expected) <= tolerance)
        }
    }

    @Test(arguments: sizes) func weightedGramMatchesDefinition(n: Int) {
        var generator = TestGenerator(seed: 2)
        let points = randomMatrix(n, 2 * n + 1, &generator)
        let weights = (0..<2 * n + 1).map { _ in generator.uniform() }
        let expected = Matrix(rows: n, columns: n) { i, j in
            (0..<2 * n + 1).reduce(0) { $0 + weights[$1] * points[i, $1] * points[j, $1] }
        }
        #expect(
            distance(points.gram(weights: weights), expected) <= 64 * Double(n + 1) * Double.ulpOfOne * max(1, expected.maximumMagnitude))
    }

    @Test func matrixTimesVectorBothWays() {
        let a = Matrix(columns: [[1, 2], [3, 4], [5, 6]])
        #expect(a.times([1, 1, 1]) == [9, 12])
        #expect(a.times([1, 1], transposeSelf: true) == [3, 7, 11])
    }

    @Test func normSurvivesExtremeScales() {
        #expect(Matrix(columns: [[3e300, 4e300]]).frobeniusNorm == 5e300)
        #expect((Matrix(columns: [[3e-300, 4e-300]]).frobeniusNorm / 5e-300 - 1).magnitude <= 4 * Double.ulpOfOne)
    }

    @Test func transposeIsAnInvolution() {
        var generator = TestGenerator(seed: 3)
        let a = randomMatrix(37, 65, &generator)
        #expect(a.transposed().transposed() == a)
        #expect(a.transposed()[64, 36] == a[36, 64])
    }
}
