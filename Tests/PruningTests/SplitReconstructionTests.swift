// Groups too wide for one covariance: problems of runs against the one problem whose runs do not vary together.

import LinearAlgebra
import NeuralNetworks
import Pruning
import TestSupport
import Testing

@Suite struct SplitReconstructionTests {
    private static let runs = [0..<5, 5..<7, 7..<14]
    private let outgoing: Matrix
    private let split: SplitReconstruction
    private let whole: Reconstruction

    init() {
        let layer = ToyLayer(channels: 14, outputs: 3, seed: 21)
        outgoing = layer.outgoing
        let variances = layer.moments.meanVariance
        // Runs of the same mean variance, so that a ridge relative to it is the same one.
        let parts = Self.runs.map { run in
            var own = ActivationMoments(
                mean: run.map { layer.moments.mean[$0] },
                covariance: layer.moments.covariance.selectingRows(Array(run)).selectingColumns(run))
            let scale = variances / own.meanVariance
            for k in own.covariance.elements.indices { own.covariance.elements[k] *= scale }
            return own
        }
        var covariance = Matrix(rows: 14, columns: 14)
        for (run, own) in zip(Self.runs, parts) {
            for i in run { for j in run { covariance[i, j] = own.covariance[i - run.lowerBound, j - run.lowerBound] } }
        }
        split = SplitReconstruction(SplitMoments(parts: parts), outgoing: outgoing, relativeRidge: 0.01, hasIntercept: true)
        whole = Reconstruction(
            moments: ActivationMoments(mean: layer.moments.mean, covariance: covariance), outgoing: outgoing, relativeRidge: 0.01,
            hasIntercept: true)
    }

    @Test func ordersAreThoseOfTheWholeProblem() throws {
        #expect(split.parts.map(\.channels) == Self.runs)
        #expect(try split.elimination(remaining: 0) == BackwardElimination(whole, remaining: 0).order)
        #expect(try split.elimination(remaining: 5) == BackwardElimination(whole, remaining: 5).order)
        let first = [13, 2]
        let order = try split.elimination(remaining: 3, first: first)
        #expect(order == (try BackwardElimination(whole, remaining: 3, first: first).order) && Set(order.prefix(2)) == Set(first))
        let selection = ForwardSelection(whole, count: 14)
        #expect(split.selection == selection.order)
        let errors = zip(split.relativeErrors(order: selection.order), selection.relativeErrors(energy: whole.targetEnergy))
        #expect(errors.allSatisfy { ($0 - $1).magnitude <= 1e-12 })
    }

    @Test(arguments: [[0, 3, 5, 9, 12], [12, 1, 6, 0], [0, 2, 13], []])
    func fitsAreThoseOfTheWholeProblem(_ kept: [Int]) throws {
        let prior = outgoing.selectingColumns(kept)
        let (own, exact) = (try split.fit(kept, prior: prior), try whole.fit(kept, prior: prior))
        #expect((own.weights - exact.weights).frobeniusNorm <= 1e-12 * outgoing.frobeniusNorm)
        #expect(zip(own.offset, exact.offset).allSatisfy { ($0 - $1).magnitude <= 1e-12 * (1 + $1.magnitude) })
        #expect(zip(own.errors, exact.errors).allSatisfy { ($0 - $1).magnitude <= 1e-10 * whole.targetEnergy })
        #expect(zip(own.energies, exact.energies).allSatisfy { ($0 - $1).magnitude <= 1e-12 * $1 })
        let without = zip(
            split.errorsWithoutOffset(of: prior.transposed(), kept: kept), whole.errors(of: prior.transposed(), kept: kept))
        // Shifts of the runs count each for itself, at most three times their sum.
        #expect(without.allSatisfy { $0 >= $1 - 1e-10 * whole.targetEnergy })
    }

    /// Three thousand neurons, whose moments the least memory does not hold together: chosen and fitted in runs, they lose less than with the
    /// weights as they are.
    @Test func groupsWithoutAPlaceInMemoryAreCutInRuns() throws {
        let network = try Network.perceptron([6, 3000, 3]).inferringShapes()
        let inputs = ActivationTensor.random([2000, 6], seed: 23)
        func cut(_ change: (inout PruningSettings) -> Void) throws -> (error: Double, warnings: [PruningWarning]) {
            var settings = PruningSettings(budget: .keep(0.5))
            settings.memory = PruningSettings.leastMemory
            settings.learning = nil
            change(&settings)
            let plan = try Pruner(network: network, settings: settings).plan(calibration: inputs)
            let (before, after) = (
                try network.forward(inputs).observed[0].values, try plan.apply(to: network).forward(inputs).observed[0].values
            )
            let mean = before.reduce(0, +) / Float(before.count)
            let error = zip(before, after).reduce(0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
            return (error / before.reduce(0) { $0 + Double(($1 - mean) * ($1 - mean)) }, plan.warnings)
        }
        let (error, warnings) = try cut { _ in }
        #expect(warnings.contains(.fittedInRuns(consumer: "fc2", channels: 3000, runs: 4)))
        let (untouched, _) = try cut { $0.reweighting = .none }
        #expect(error < untouched / 30, "\(error) \(untouched)")
        let (together, others) = try cut { $0.memory = 1_000_000_000 }
        #expect(!others.contains { if case .fittedInRuns = $0 { true } else { false } })
        #expect(together < untouched / 100, "\(together)")
    }
}
