// Elimination in batches against elimination step by step.

import LinearAlgebra
import TestSupport
import Testing

import Pruning

@Suite struct BackwardEliminationTests {
    private static let small = EliminationBatches.Sizes(candidates: 24, batch: 12)

    private static func problem(channels n: Int, outputs q: Int, seed: UInt64, ridge: Double = 1e-2) -> Reconstruction {
        let layer = ToyLayer(channels: n, outputs: q, seed: seed, samples: 4 * n, factors: n / 8, noise: 0.4)
        return Reconstruction(moments: layer.moments, outgoing: layer.outgoing, relativeRidge: ridge, hasIntercept: true)
    }

    /// What is left unexplained with the channels that stay, relative.
    private static func residual(_ problem: Reconstruction, removing order: [Int]) throws -> Double {
        let gone = Set(order)
        return try problem.objective((0..<problem.count).filter { !gone.contains($0) }) / problem.targetEnergy
    }

    @Test func aBatchAmongAllChannelsIsStepByStep() throws {
        let problem = Self.problem(channels: 40, outputs: 7, seed: 1)
        let exact = try BackwardElimination(stepwise: problem, remaining: 5)
        let sizes = EliminationBatches.Sizes(candidates: 40, batch: 10)
        let batches = try BackwardElimination(batches: problem, remaining: 5, sizes: sizes, precisions: [.double])
        #expect(batches.order == exact.order)
        for (a, b) in zip(batches.costs, exact.costs) { #expect((a - b).magnitude <= 1e-9 * problem.targetEnergy) }
    }

    @Test(arguments: [(ShrinkingInverse.Precision.double, 9), (.double, 150), (.single, 9), (.single, 150)])
    func batchesLoseNoMoreThanSteps(_ precision: ShrinkingInverse.Precision, _ outputs: Int) throws {
        let problem = Self.problem(channels: 96, outputs: outputs, seed: 2)
        let exact = try BackwardElimination(stepwise: problem, remaining: 48)
        let batches = try BackwardElimination(batches: problem, remaining: 48, sizes: Self.small, precisions: [precision])
        #expect(Set(batches.order).count == 48)
        let (least, found) = (try Self.residual(problem, removing: exact.order), try Self.residual(problem, removing: batches.order))
        // Greedy steps in another order may even gain; a hundredth is far below what forward selection loses.
        #expect(found <= 1.01 * least)
        // The costs are rises of the objective: they add up.
        let whole = try problem.objective(Array(0..<96))
        let digits = precision == .double ? 1e-9 : 1e-4
        #expect((whole + batches.costs.reduce(0, +) - found * problem.targetEnergy).magnitude <= digits * problem.targetEnergy)
    }

    @Test func whatIsToGoFirstGoesFirst() throws {
        let problem = Self.problem(channels: 60, outputs: 5, seed: 3)
        let first = [3, 17, 41, 58]
        let batches = try BackwardElimination(batches: problem, remaining: 30, first: first, sizes: Self.small)
        #expect(Set(batches.order.prefix(4)) == Set(first))
        #expect(batches.order.count == 30)
        let few = try BackwardElimination(batches: problem, remaining: 58, first: first, sizes: Self.small)
        #expect(Set(few.order).isSubset(of: first) && few.order.count == 2)
    }

    @Test func duplicatesAndDeadChannelsGoFirst() throws {
        var layer = ToyLayer(channels: 64, outputs: 6, seed: 4, factors: 8)
        for s in 0..<layer.samples.columns {
            for k in 0..<10 { layer.samples[2 * k + 1, s] = layer.samples[2 * k, s] }
            layer.samples[63, s] = 2.5
        }
        var accumulator = MomentAccumulator(channels: 64)
        accumulator.add(layer.samples)
        let problem = Reconstruction(
            moments: accumulator.moments, outgoing: layer.outgoing, relativeRidge: 0, hasIntercept: true)
        let batches = try BackwardElimination(batches: problem, remaining: 53, sizes: Self.small)
        #expect(batches.order.allSatisfy { $0 < 20 || $0 == 63 })
        #expect(Set(batches.order.map { $0 / 2 }).count == 11)
    }

    @Test func singlePrecisionIsRefusedWhereItCannotTell() {
        // Two channels that differ by a hundred-thousandth: what is left of a pivot is rounding.
        let n = 8
        var normal = Matrix.identity(n)
        (normal[1, 0], normal[0, 1]) = (1 - 1e-8, 1 - 1e-8)
        let right = Matrix(rows: n, columns: 2) { i, k in Double(i + k) }
        #expect(throws: FactorizationError.self) { try ShrinkingInverse(of: normal, ridge: 0, right: right, in: .single) }
        #expect(throws: Never.self) { try ShrinkingInverse(of: normal, ridge: 0, right: right, in: .double) }
    }

    @Test func scalesFromTheEndsOfTheRangeDoNotMatter() throws {
        let problem = Self.problem(channels: 48, outputs: 5, seed: 5)
        let order = try BackwardElimination(batches: problem, remaining: 24, sizes: Self.small, precisions: [.single]).order
        var large = problem
        let (a, b) = (1e120, 1e-100)
        for k in large.channels.covariance.elements.indices { large.channels.covariance.elements[k] *= a }
        for k in large.cross.elements.indices { large.cross.elements[k] *= b }
        large.ridge *= a
        #expect(try BackwardElimination(batches: large, remaining: 24, sizes: Self.small, precisions: [.single]).order == order)
    }

    /// Blocks of several sizes in two problems, and regressors of no channel.
    private static func blocks(seed: UInt64) -> [BlockSelection.Problem] {
        (0..<2 as Range<UInt64>).map { k in
            var blocks: [Range<Int>] = []
            for c in 0..<40 {
                let first = blocks.last?.upperBound ?? 3
                blocks.append(first..<first + 1 + (c + Int(k)) % 3)
            }
            var given = BlockSelection.Problem(
                problem(channels: blocks[39].upperBound, outputs: k == 0 ? 4 : 130, seed: seed + k), blocks: blocks)
            given.weight = 1 + Double(k)
            return given
        }
    }

    @Test(arguments: [ShrinkingInverse.Precision.double, .single])
    func aBatchAmongAllBlocksIsBlockByBlock(_ precision: ShrinkingInverse.Precision) throws {
        var problems = Self.blocks(seed: 11)
        let exact = try BlockSelection.backward(problems, remaining: 22)
        for k in problems.indices { problems[k].weight /= problems[k].reconstruction.targetEnergy }
        // Candidates and batches are counted in regressors, three a channel at most.
        let sizes = EliminationBatches.Sizes(candidates: 120, batch: 18)
        let batches = try EliminationBatches(problems, remaining: 22, sizes: sizes, precisions: [precision])
        #expect(batches.order == exact.order)
        for (a, b) in zip(batches.changes, exact.changes) { #expect((a - b).magnitude <= (precision == .double ? 1e-9 : 1e-4)) }
    }

    @Test func batchesOfFewBlocksLoseNoMoreThanSteps() throws {
        var problems = Self.blocks(seed: 12)
        let exact = try BlockSelection.backward(problems, remaining: 20, first: [7, 30])
        for k in problems.indices { problems[k].weight /= problems[k].reconstruction.targetEnergy }
        let batches = try EliminationBatches(
            problems, remaining: 20, first: [7, 30], sizes: .init(candidates: 36, batch: 15), precisions: [.double])
        #expect(Set(batches.order.prefix(2)) == [7, 30] && Set(batches.order).count == 20)
        #expect(batches.changes.reduce(0, +) <= 1.02 * exact.changes.reduce(0, +))
    }

    @Test func manyRegressorsLeaveInBatches() throws {
        let problem = Self.problem(channels: 1032, outputs: 6, seed: 13, ridge: 0.3)
        let given = BlockSelection.Problem(problem, taps: 8)
        let path = try BlockSelection.backward([given], remaining: 120)
        let kept = Set(0..<129).subtracting(path.order).sorted().flatMap { $0 * 8..<($0 + 1) * 8 }
        let (whole, left) = (try problem.objective(Array(0..<1032)), try problem.objective(kept))
        #expect((path.changes.reduce(0, +) - (left - whole) / problem.targetEnergy).magnitude <= 1e-9)
    }
}
