import BenchmarkSuite
import LinearAlgebra
import Pruning
import ReferenceImplementations
import TestSupport
import Testing

@Suite(.serialized) struct WorkloadTests {
    private static var quick: [Workload] { get throws { try WorkloadList.workloads(of: Suite.allCases).filter { $0.tier == .quick } } }

    @Test func everySuiteHasWorkloadsAndIdentifiersAreUnique() throws {
        let all = try WorkloadList.workloads(of: Suite.allCases)
        #expect(Set(all.map(\.suite)) == Set(Suite.allCases))
        #expect(Set(all.map(\.identifier)).count == all.count)
        #expect(Set(try Self.quick.map(\.suite)) == Set(Suite.allCases))
    }

    @Test(arguments: Suite.allCases) func quickWorkloadsAreVerifiedAndSoAreTheirPlainVersions(_ suite: Suite) throws {
        for workload in try Self.quick where workload.suite == suite {
            let instance = try workload.prepare()
            for (side, run) in [("product", instance.run), ("plain", instance.plain)] {
                guard let verification = try run.map({ try $0().check() }) else { continue }
                #expect(verification.passed, "\(workload.identifier), \(side): \(verification.failure ?? "")")
                #expect(verification.tolerance < 2, "a check that cannot fail is none")
            }
            // Whoever offers a comparison with plain Swift must have it.
            #expect(!workload.comparisons.contains(.plain) || instance.plain != nil, "\(workload.identifier)")
        }
    }

    @Test func drawnWeightsHaveTheSpectrumOfTrainedOnes() throws {
        let shape = LayerShape("test", "fc", 300, 785, 100, decay: 0.65)
        let weights = LayerWeights(shape, seed: 1)
        #expect(weights.incoming.rows == 785 && weights.incoming.columns == 300)
        #expect(weights.outgoing.rows == 100 && weights.outgoing.columns == 300)
        let values = try SingularValueDecomposition(weights.incoming).values
        let total = values.reduce(0) { $0 + $1 * $1 }
        // Trained dense layers hold half of their energy in 2–5 % of the directions and 90 % in 20–45 %.
        func directions(_ share: Double) -> Double {
            var sum = 0.0
            var count = 0
            while sum < share * total {
                sum += values[count] * values[count]
                count += 1
            }
            return Double(count) / Double(values.count)
        }
        #expect((0.01...0.08).contains(directions(0.5)), "\(directions(0.5))")
        #expect((0.15...0.5).contains(directions(0.9)), "\(directions(0.9))")
        // Mean square norm 2, spread by log-normal factors.
        #expect(abs(total / 300 - 2) < 0.5, "\(total / 300)")
        #expect(LayerWeights(shape, seed: 1).incoming == weights.incoming)
    }

    @Test func plainPruningStepsAgreeWithTheEngine() throws {
        let weights = LayerWeights(LayerShape("test", "fc", 40, 30, 12, decay: 0.5), seed: 2)
        let n = 40
        let moments = GaussianMoments.image(
            of: ActivationMoments(mean: [Double](repeating: 0.1, count: n), covariance: weights.incoming.transposed().gram()), under: .relu)
        let problem = Reconstruction(moments: moments, outgoing: weights.outgoing, relativeRidge: 1e-3, hasIntercept: true)
        let (covariance, cross) = (problem.channels.covariance.elements, problem.cross.elements)
        let engine = ForwardSelection(problem, count: 20)
        let plain = ReferenceLayer.greedySelection(covariance: covariance, cross: cross, channels: n, ridge: problem.ridge, count: 20)
        #expect(engine.order == plain.order)
        for (a, b) in zip(engine.gains, plain.gains) { #expect(abs(a - b) <= 1e-9 * engine.gains[0]) }
        let kept = engine.order.sorted()
        let fit = try problem.fit(kept)
        let reference = try #require(
            ReferenceLayer.ridgeFit(
                covariance: covariance, cross: cross, channels: n, energies: problem.targetEnergies, ridge: problem.ridge, kept: kept))
        let difference = zip(fit.weights.transposed().elements, reference.weights).reduce(0) { max($0, abs($1.0 - $1.1)) }
        #expect(difference <= 1e-9 * weights.outgoing.frobeniusNorm)
        for (a, b) in zip(fit.errors, reference.errors) { #expect(abs(a - max(0, b)) <= 1e-9 * problem.targetEnergy) }
    }

    @Test func plainPrincipalPointsAreThoseOfTheEngine() throws {
        // Taller and wider than the number of channels.
        for (n, d) in [(40, 25), (25, 60)] {
            let weights = LayerWeights(LayerShape("test", "fc", n, d, 8, decay: 0.7), seed: 3)
            let points = try NeuronPoints(
                .incoming, incoming: weights.incoming, outgoing: weights.outgoing, covariance: nil, rank: .fixed(5))
            let plain = ReferenceLayer.principalPoints(weights.incoming.elements, rows: d, columns: n, rank: 5)
            #expect(plain.count == points.points.elements.count)
            for k in 0..<5 {
                let row = (0..<n).map { points.points[k, $0] }
                let other = (0..<n).map { plain[k + $0 * 5] }
                let dot = zip(row, other).reduce(0) { $0 + $1.0 * $1.1 }
                let lengths = [row, other].map { $0.reduce(0) { $0 + $1 * $1 }.squareRoot() }
                // The sign of a direction is arbitrary.
                #expect(abs(abs(dot) - lengths[0] * lengths[1]) <= 1e-9 * lengths[0] * lengths[1])
                #expect(abs(lengths[0] - lengths[1]) <= 1e-9 * lengths[0])
            }
        }
    }
}
