// Leading eigenpairs against all of them.

import LinearAlgebra
import TestSupport
import Testing

import Pruning

@Suite struct LeadingEigenpairsTests {
    @Test func thoseFoundByIterationAreTheLargest() throws {
        var generator = TestGenerator(seed: 1)
        let n = 90
        let factor = Matrix(rows: n, columns: n) { _, j in generator.normal() * falling(j) }
        let gram = factor.gram()
        let all = try LeadingEigenpairs(of: gram)
        let some = try LeadingEigenpairs(of: gram, completeLimit: 20, most: 8)
        #expect(all.values.count == n && some.values.count == 8)
        #expect((all.trace - some.trace).magnitude <= 1e-9 * all.trace)
        for (a, b) in zip(all.values, some.values) { #expect((a - b).magnitude <= 1e-3 * all.values[0]) }
        let own = some.vectors.times(some.vectors, transposeSelf: true)
        #expect((own - .identity(8)).maximumMagnitude <= 1e-12)
    }

    @Test func aMatrixOfLowRankIsFoundWhole() throws {
        var generator = TestGenerator(seed: 2)
        let factor = Matrix(rows: 60, columns: 5) { _, _ in generator.normal() }
        let some = try LeadingEigenpairs(of: factor.gram(), completeLimit: 20, most: 12)
        let scaled = Matrix(rows: 60, columns: 12) { i, j in some.vectors[i, j] * some.values[j] }
        let restored = scaled.times(some.vectors, transposeOther: true)
        #expect((restored - factor.gram()).maximumMagnitude <= 1e-9 * some.values[0])
        #expect(some.values[5...].allSatisfy { $0.magnitude <= 1e-9 * some.values[0] })
    }

    @Test func whatIsNotFiniteIsRefused() {
        #expect(throws: FactorizationError.self) {
            try LeadingEigenpairs(of: Matrix(rows: 30, columns: 30) { _, _ in .nan }, completeLimit: 20, most: 4)
        }
    }

    private func falling(_ j: Int) -> Double { 1 / Double(1 + j * j) }
}
