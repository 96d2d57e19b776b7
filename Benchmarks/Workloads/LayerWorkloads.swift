// Suite `layers`: what pruning does to one layer, on layers of published sizes or of the user's own network.
//
//   points   channels as points: leading principal directions of the paper's `product` representation
//   coreset  sensitivities of those points by peeling ℓ∞-coresets
//   select   greedy choice of half of the channels by the variance they explain
//   refit    least-squares weights of the kept half
// Activations are those of ReLU under standard normal inputs.

import Coresets
import LinearAlgebra
import NeuralNetworks
import Pruning
import ReferenceImplementations

package enum LayerWorkloads {
    package static var published: [Workload] {
        LayerShape.published.enumerated().flatMap { index, shape in
            workloads(
                shape.network, channels: shape.channels, incoming: shape.incoming, outgoing: shape.outgoing
            ) { LayerWeights(shape, seed: UInt64(61 + index)) }
        }
    }

    /// The four steps of one layer.
    ///
    /// Work that would take minutes in either implementation belongs to the large tier or goes without its plain version.
    package static func workloads(
        _ name: String, channels n: Int, incoming d: Int, outgoing q: Int, weights: @escaping @Sendable () throws -> LayerWeights
    ) -> [Workload] {
        let layer = LayerCost(channels: n, incoming: d, outgoing: q)
        return [
            points(name, layer, weights), coreset(name, layer, weights), select(name, layer, weights), refit(name, layer, weights),
        ]
    }

    /// Principal directions that the geometry uses (recipe `paper`).
    static let rank = 10
    /// λ over the mean variance, as pruning without data has it.
    private static let relativeRidge = 1e-3

    private static func points(_ name: String, _ cost: LayerCost, _ weights: @escaping @Sendable () throws -> LayerWeights) -> Workload {
        let (n, d) = (cost.channels, cost.incoming)
        return Workload(
            .layers, "points \(name)", [Size("n", n), Size("d", d)], tier: cost.tier(cost.points),
            comparisons: cost.comparisons(cost.points)
        ) {
            let layer = try weights()
            let scaled = LayerCheck.product(layer)
            @Sendable func answer(_ points: [Double]) -> Answer {
                Answer { LayerCheck.principal(points, of: scaled) }
            }
            return Instance(
                flops: cost.points, bytes: 8 * Double(n) * Double(d),
                run: {
                    let points = try NeuronPoints(
                        .product, incoming: layer.incoming, outgoing: layer.outgoing, covariance: nil, rank: .fixed(rank))
                    return answer(points.points.elements)
                },
                plain: {
                    let scaled = LayerCheck.product(layer)
                    return answer(
                        ReferenceLayer.principalPoints(
                            scaled.elements, rows: d, columns: n, rank: min(rank, NeuronPoints.largestInformativeRank(count: n))))
                })
        }
    }

    private static func coreset(_ name: String, _ cost: LayerCost, _ weights: @escaping @Sendable () throws -> LayerWeights) -> Workload {
        let n = cost.channels
        return Workload(
            .layers, "coreset \(name)", [Size("n", n), Size("r", rank)], tier: cost.tier(cost.points), comparisons: [.kernels]
        ) {
            let layer = try weights()
            let points = try NeuronPoints(
                .product, incoming: layer.incoming, outgoing: layer.outgoing, covariance: nil, rank: .fixed(rank)
            ).points
            return Instance(bytes: 8 * Double(points.elements.count)) {
                let bounds = try SensitivityBounds(points: points)
                return Answer(iterations: bounds.peels) {
                    Verification(
                        "|pᵀx| / (s·Σ|qᵀx|), largest seen", error: CoresetCheck.largestShare(points, bounds.sensitivities), tolerance: 1)
                }
            }
        }
    }

    private static func select(_ name: String, _ cost: LayerCost, _ weights: @escaping @Sendable () throws -> LayerWeights) -> Workload {
        let (n, m) = (cost.channels, cost.kept)
        return Workload(
            .layers, "select \(name)", [Size("n", n), Size("m", m)], tier: cost.tier(cost.selection),
            comparisons: cost.comparisons(cost.selection)
        ) {
            let problem = problem(try weights())
            let curve: @Sendable ([Double]) -> ErrorCurve = { gains in
                let errors = gains.reduce(into: [problem.targetEnergy]) { $0.append(max(0, $0[$0.count - 1] - $1)) }
                return ErrorCurve(
                    name: name, measure: "predicted error / variance",
                    points: errors.enumerated().filter { $0.offset % max(1, m / 64) == 0 }.map {
                        ErrorCurve.Point(kept: Double($0.offset) / Double(n), error: $0.element / problem.targetEnergy)
                    })
            }
            @Sendable func answer(_ order: [Int], _ gains: [Double]) -> Answer {
                Answer(curve: { curve(gains) }) { LayerCheck.selection(order, gains, problem) }
            }
            return Instance(
                flops: cost.selection, bytes: 8 * Double(n) * Double(n + cost.outgoing),
                run: {
                    let selection = ForwardSelection(problem, count: m)
                    return answer(selection.order, selection.gains)
                },
                plain: {
                    let (order, gains) = ReferenceLayer.greedySelection(
                        covariance: problem.channels.covariance.elements, cross: problem.cross.elements, channels: n, ridge: problem.ridge,
                        count: m)
                    return answer(order, gains)
                })
        }
    }

    private static func refit(_ name: String, _ cost: LayerCost, _ weights: @escaping @Sendable () throws -> LayerWeights) -> Workload {
        let (m, q) = (cost.kept, cost.outgoing)
        return Workload(
            .layers, "refit \(name)", [Size("m", m), Size("q", q)], tier: cost.tier(cost.refit + cost.moments),
            comparisons: cost.comparisons(cost.refit)
        ) {
            let problem = problem(try weights())
            // Any half will do for timing: every second channel.
            let kept = (0..<m).map { 2 * $0 }
            @Sendable func answer(_ solution: Matrix) -> Answer { Answer { LayerCheck.refit(solution, problem, kept) } }
            return Instance(
                flops: cost.refit, bytes: 8 * Double(m) * Double(m + q),
                run: { answer(try problem.fit(kept).weights.transposed()) },
                plain: {
                    guard
                        let solution = ReferenceLayer.ridgeFit(
                            covariance: problem.channels.covariance.elements, cross: problem.cross.elements, channels: problem.count,
                            energies: problem.targetEnergies, ridge: problem.ridge, kept: kept)
                    else { throw FactorizationError.notPositiveDefinite(order: m) }
                    return answer(Matrix(rows: m, columns: q, elements: solution.weights))
                })
        }
    }

    private static func problem(_ layer: LayerWeights) -> Reconstruction {
        let n = layer.incoming.columns
        let preactivation = ActivationMoments(mean: [Double](repeating: 0, count: n), covariance: layer.incoming.transposed().gram())
        let moments = GaussianMoments.image(of: preactivation, under: .relu)
        return Reconstruction(moments: moments, outgoing: layer.outgoing, relativeRidge: relativeRidge, hasIntercept: true)
    }
}

/// Textbook operation counts of the steps, and what follows for the length of a run.
struct LayerCost: Sendable {
    let channels: Int
    let incoming: Int
    let outgoing: Int

    /// Half of the channels.
    var kept: Int { max(1, channels / 2) }

    /// Gram matrix of the shorter side, its eigenvectors, and the coordinates.
    var points: Double {
        let (short, long) = (Double(min(channels, incoming)), Double(max(channels, incoming)))
        return short * short * long + 10 * short * short * short / 3 + 2 * Double(LayerWorkloads.rank) * short * long
    }
    /// Gram matrix of the cross moments, and three products with all chosen columns per step.
    var selection: Double {
        let (n, m, q) = (Double(channels), Double(kept), Double(outgoing))
        return n * n * q + 3 * n * m * m
    }
    /// Cholesky factor, two triangular solves, and the errors of the result.
    var refit: Double {
        let (m, q) = (Double(kept), Double(outgoing))
        return m * m * m / 3 + 4 * m * m * q
    }
    /// Covariances before and behind the activation, and with the targets.
    var moments: Double {
        let (n, d, q) = (Double(channels), Double(incoming), Double(outgoing))
        return n * n * (d + 2 * q + 33)
    }

    func tier(_ flops: Double) -> Tier { flops < 8e8 ? .quick : flops < 2e11 ? .standard : .large }

    /// Plain Swift does about 1 GFLOP/s: half a minute at most.
    func comparisons(_ flops: Double) -> Set<Comparison> { flops < 2e10 ? [.plain, .kernels] : [.threads] }
}
