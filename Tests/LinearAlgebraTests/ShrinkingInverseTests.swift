// An inverse that variables leave against inverses of what is left.

import LinearAlgebra
import TestSupport
import Testing

@Suite struct ShrinkingInverseTests {
    @Test(arguments: [(1, 1), (2, 0), (17, 3), (64, 80)])
    func whatIsLeftIsTheInverseOfWhatIsLeft(_ size: (n: Int, q: Int)) throws {
        var generator = TestGenerator(seed: UInt64(size.n))
        let (n, q) = size
        let factor = Matrix(rows: n, columns: 2 * n) { _, _ in generator.normal() }
        let normal = factor.gram()
        let right = Matrix(rows: n, columns: q) { _, _ in generator.normal() }
        for (precision, digits) in [(ShrinkingInverse.Precision.double, 1e-10), (.single, 1e-3)] {
            var inverse = try ShrinkingInverse(of: normal, ridge: 0.5, right: right, in: precision)
            var left = Array(0..<n)
            for round in 0..<3 {
                let gone = left.indices.filter { $0 % 3 == round && left.count > 1 }
                try inverse.remove(gone)
                left = left.indices.filter { !gone.contains($0) }.map { left[$0] }
                #expect(inverse.count == left.count)
                var own = normal.selectingRows(left).selectingColumns(left)
                for i in left.indices { own[i, i] += 0.5 }
                let expected = try Cholesky(own).inverse()
                let solution = expected.times(right.selectingRows(left))
                let corner = inverse.corner(Array(left.indices))
                for (i, cost) in inverse.costs.enumerated() {
                    let exact = (0..<q).reduce(0) { $0 + solution[i, $1] * solution[i, $1] } / expected[i, i]
                    #expect((cost - exact).magnitude <= digits * Swift.max(exact, 1e-3))
                    #expect((corner.gram[i, i] / corner.inverse[i, i] - exact).magnitude <= digits * Swift.max(exact, 1e-3))
                    for j in left.indices {
                        // In the units of the corner: whatever they are, correlations are the same.
                        let (a, b) = (corner.inverse[i, j], (corner.inverse[i, i] * corner.inverse[j, j]).squareRoot())
                        let exact = expected[i, j] / (expected[i, i] * expected[j, j]).squareRoot()
                        #expect((a / b - exact).magnitude <= digits)
                    }
                }
            }
        }
    }

    @Test func anIndefiniteMatrixIsRefused() {
        let normal = Matrix(rows: 2, columns: 2, elements: [1, 2, 2, 1])
        #expect(throws: FactorizationError.notPositiveDefinite(order: 2)) {
            try ShrinkingInverse(of: normal, ridge: 0, right: Matrix(rows: 2, columns: 1), in: .double)
        }
        #expect(throws: FactorizationError.self) {
            try ShrinkingInverse(of: Matrix(rows: 1, columns: 1), ridge: 0, right: Matrix(rows: 1, columns: 1), in: .single)
        }
    }

    @Test func orthonormalColumnsSpanTheColumns() {
        var generator = TestGenerator(seed: 3)
        let a = Matrix(rows: 20, columns: 6) { _, _ in generator.normal() }
        let q = a.orthonormalColumns()
        #expect((q.times(q, transposeSelf: true) - .identity(6)).maximumMagnitude <= 1e-13)
        #expect((q.times(q.times(a, transposeSelf: true)) - a).maximumMagnitude <= 1e-12)
    }
}
