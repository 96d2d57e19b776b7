// One group: rank its channels, choose, refit its consumers.

import Coresets
import LinearAlgebra
import NeuralNetworks
import RandomNumbers

/// What is known of a group before counts are allocated.
struct RankedGroup: Sendable {
    var index: Int
    var weights: GroupWeights
    /// Moments as the first consumer reads the group; `nil` without an input model.
    var moments: ActivationMoments?
    /// Moments per consumer.
    var consumerMoments: [ActivationMoments?]
    /// One-shot refit problem of all consumers together.
    var problem: Reconstruction?
    /// Predicted relative error with k channels kept, k = 0 … n.
    var errors: [Double]?
    /// A selection order, best first, when the rule has one.
    var order: [Int]?
    var points: NeuronPoints
    var sensitivities: SensitivityBounds?
    var seconds: Double

    var name: String { weights.group.id }
    var count: Int { weights.group.count }
}

/// What came of one group.
struct GroupOutcome: Sendable {
    var kept: [Int]
    var layer: LayerOutcome
    var errors: [ConsumerErrors]
}

/// Predicted squared errors of what one consumer computes, per row of its V or per output.
struct ConsumerErrors: Sendable {
    var consumer: Consumer
    var errors: [Double]
    var energies: [Double]

    /// The errors after the layer was refitted once more, when this is the layer.
    func replaced(by final: FinalErrors) -> ConsumerErrors {
        guard consumer.layer.weight == final.parameter, final.errors.count == consumer.outputCount else { return self }
        return ConsumerErrors(consumer: consumer, errors: final.errors, energies: final.energies)
    }

    /// Relative error over the outputs that survive; removed outputs owe nothing to anybody.
    func relative(keptOutputs: [Int]?) -> (error: Double, energy: Double) {
        let kept = keptOutputs.map(Set.init)
        var (error, energy) = (0.0, 0.0)
        for row in errors.indices {
            // Sequential targets are the outputs themselves; one-shot targets are rows of V.
            let output = errors.count == consumer.outputCount ? row : consumer.output(ofRow: row)
            guard kept?.contains(output) ?? true else { continue }
            error += errors[row]
            energy += energies[row]
        }
        return (error, energy)
    }
}

extension Pruner {
    func rank(
        _ index: Int, moments: MomentTable, ridge: Double, started: ContinuousClock.Instant
    ) throws(PruningError) -> RankedGroup {
        let group = groups[index]
        let weights = try GroupWeights(group, in: network)
        let perConsumer = weights.consumers.map { $0.isGrouped ? nil : moments[MomentKey($0)] }
        let own = perConsumer.first ?? nil
        let problem = own.map {
            Reconstruction(moments: $0, outgoing: weights.outgoing, relativeRidge: ridge, hasIntercept: weights.hasConstant)
        }
        // Convolutions in groups read shares of the channels: there is no one covariance to embed functions with.
        let isEmbeddable = settings.points != .function || own != nil || weights.consumers.first?.isGrouped != true
        let points = try NeuronPoints(
            isEmbeddable ? settings.points : .product, incoming: weights.incoming, outgoing: weights.outgoing, covariance: own?.covariance,
            rank: settings.rank, layer: group.id)
        var ranked = RankedGroup(
            index: index, weights: weights, moments: own, consumerMoments: perConsumer, problem: problem, errors: nil, order: nil,
            points: points, sensitivities: nil, seconds: 0)
        if settings.selection.usesSensitivities {
            do {
                ranked.sensitivities = try SensitivityBounds(
                    points: points.points, settings: .init(construction: settings.construction, centering: .origin), threshold: .fine)
            } catch {
                throw .malformedNetwork("\(error) (sensitivities of \(group.id))")
            }
        }
        ranked.order = try order(ranked)
        if let problem, needsErrorCurve {
            let path = ForwardSelection(problem, count: ranked.count, forcedOrder: ranked.order ?? Array(0..<ranked.count))
            ranked.errors = path.relativeErrors(energy: problem.targetEnergy)
        }
        ranked.seconds = (ContinuousClock.now - started).seconds
        // `plan` extracts the matrices again when the group's turn to be cut comes.
        ranked.weights = weights.structure
        return ranked
    }

    var needsErrorCurve: Bool { if case .keep = settings.budget { false } else { true } }

    /// The rule for a group of n channels.
    private func selection(of n: Int) -> Selection {
        settings.selection == .backward && n > Pruner.backwardLimit ? .greedy : settings.selection
    }

    /// All channels, best first, for the rules that rank; `nil` for those that draw.
    private func order(_ ranked: RankedGroup) throws(PruningError) -> [Int]? {
        let n = ranked.count
        switch selection(of: n) {
        case .greedy, .backward:
            // Convolutions in groups share no moments: one shot, their channels go by norm.
            guard let problem = ranked.problem else {
                return Pruner.descending((0..<n).map { NeuronPoints.norm(ranked.weights.incoming, $0) })
            }
            if selection(of: n) == .greedy { return ForwardSelection(problem, count: n).order }
            do {
                return try BackwardElimination(problem, remaining: 0).order.reversed()
            } catch {
                throw .factorization(layer: ranked.name, error)
            }
        case .l1: return Pruner.descending((0..<n).map { c in ranked.weights.incoming.column(c).reduce(0) { $0 + $1.magnitude } })
        case .l2: return Pruner.descending((0..<n).map { NeuronPoints.norm(ranked.weights.incoming, $0) })
        case .top:
            guard let bounds = ranked.sensitivities else { return nil }
            let norms = (0..<n).map { NeuronPoints.norm(ranked.points.points, $0) }
            let sensitivities = bounds.sensitivities
            return (0..<n).sorted { a, b in
                if sensitivities[a] != sensitivities[b] { return sensitivities[a] > sensitivities[b] }
                return norms[a] != norms[b] ? norms[a] > norms[b] : a < b
            }
        case .uniform:
            var generator = SeededGenerator(seed: seed(of: ranked.index))
            var order = Array(0..<n)
            order.shuffle(using: &generator)
            return order
        case .sensitivity: return nil
        }
    }

    /// Indices by falling value, lowest index first among equals.
    private static func descending(_ values: [Double]) -> [Int] {
        values.indices.sorted { (-values[$0], $0) < (-values[$1], $1) }
    }

    /// One stream of random numbers per group, so that the draws of one do not depend on the others.
    private func seed(of group: Int) -> UInt64 {
        settings.seed &+ UInt64(group + 1) &* 0x9e37_79b9_7f4a_7c15
    }

    /// Chooses the kept set of one group and refits its consumers in `refit`.
    func prune(
        _ ranked: RankedGroup, keeping m: Int, source: InputSource, description: InputSource.Description, ridge: Double,
        refit: inout Refit, warnings: inout [String]
    ) throws(PruningError) -> GroupOutcome {
        let n = ranked.count
        var layer = LayerOutcome(name: ranked.name, before: n, after: m, method: "", seconds: 0)
        var errors: [ConsumerErrors] = []
        // Sequential refits of linear consumers choose on what the pruned network computes.
        var sequential: Reconstruction?
        var choice: Reconstruction?
        var reweighting = settings.reweighting
        if reweighting == .sequential, m < n {
            if case .samples(let inputs) = source, let consumer = ranked.weights.consumers.first, ranked.weights.consumers.count == 1,
                consumer.isLinear, consumer.positionsPerChannel == 1
            {
                let problem = try sequentialProblem(consumer, channels: n, inputs: inputs, refitted: refit.network, ridge: ridge)
                sequential = problem
                if settings.selection.usesMoments { choice = try weightedForSelection(problem, consumer: consumer, inputs: inputs) }
            } else {
                reweighting = .leastSquares
            }
        }
        var factors: [Double]?
        var kept: [Int]
        if m == n {
            kept = Array(0..<n)
        } else if selection(of: n) == .greedy, let choice {
            kept = ForwardSelection(choice, count: m).order.sorted()
        } else if selection(of: n) == .backward, let choice {
            do {
                let removed = Set(try BackwardElimination(choice, remaining: m).order)
                kept = (0..<n).filter { !removed.contains($0) }
            } catch {
                throw .factorization(layer: ranked.name, error)
            }
        } else if let order = ranked.order {
            kept = order.prefix(m).sorted()
        } else if ranked.sensitivities != nil {
            let sample = try draw(ranked, keeping: m)
            kept = sample.indices
            factors = sample.weights
        } else {
            kept = Array(0..<m)
        }
        record(guaranteeOf: kept, ranked, in: &layer)
        layer.method = Pruner.method(selection(of: n), m == n ? .none : reweighting, description, m == n)
        if m < n {
            try apply(
                reweighting, kept: kept, factors: factors, ranked: ranked, sequential: sequential, ridge: ridge, errors: &errors,
                refit: &refit)
        } else if ranked.problem != nil {
            layer.relativeErrorModel = 0
        }
        return GroupOutcome(kept: kept, layer: layer, errors: errors)
    }

    /// The kept channels by the ranking or the draw, without a look at the network pruned so far.
    func channels(_ ranked: RankedGroup, keeping m: Int) throws(PruningError) -> [Int] {
        if let order = ranked.order { return order.prefix(m).sorted() }
        return ranked.sensitivities == nil ? Array(0..<m) : try draw(ranked, keeping: m).indices
    }

    /// Draws m distinct channels by their sensitivities; the same draw every time.
    private func draw(_ ranked: RankedGroup, keeping m: Int) throws(PruningError) -> SensitivitySampling {
        var generator = SeededGenerator(seed: seed(of: ranked.index))
        let norms = (0..<ranked.count).map { NeuronPoints.norm(ranked.points.points, $0) }
        do {
            return try SensitivitySampling.drawDistinct(
                count: m, sensitivities: ranked.sensitivities?.sensitivities ?? [], norms: norms, generator: &generator)
        } catch {
            throw .malformedNetwork("\(error) (sampling of \(ranked.name))")
        }
    }

    /// Notes what the geometry proves about the kept channels.
    func record(guaranteeOf kept: [Int], _ ranked: RankedGroup, in layer: inout LayerOutcome) {
        if let bounds = ranked.sensitivities {
            layer.peels = bounds.peels
            layer.totalSensitivity = bounds.total
            layer.cappedSensitivity = bounds.cappedTotal
            if settings.selection == .sensitivity, kept.count < ranked.count, let sample = try? draw(ranked, keeping: kept.count) {
                let guarantee = Guarantee(
                    sample, bounds: bounds,
                    representation: "\(ranked.points.representation.rawValue) points of rank \(ranked.points.rank)")
                layer.draws = sample.drawCount
                if case .sample(let claim) = guarantee { layer.samplingEpsilon = claim.epsilon }
                layer.samplingStatement = guarantee.statement
            }
        }
        // m points cannot witness more than m directions, and m directions only badly: rules that do not peel get the
        // guarantee in the leading m/2 directions.
        let points = settings.selection.usesSensitivities ? ranked.points : ranked.points.leading(Swift.max(1, kept.count / 2))
        let factor = ProvenFactor(points: points.points, kept: kept)
        layer.provenFactor = factor.value
        layer.provenFactorAbsence = factor.reason
        layer.representation = points.representation.rawValue
        layer.rank = points.rank
        layer.retainedEnergy = points.retainedEnergy
    }

    func apply(
        _ reweighting: Reweighting, kept: [Int], factors: [Double]?, ranked: RankedGroup, sequential: Reconstruction?, ridge: Double,
        errors: inout [ConsumerErrors], refit: inout Refit
    ) throws(PruningError) {
        let channels = ranked.count
        switch reweighting {
        case .none, .coreset:
            var weights = ranked.weights.outgoing.selectingColumns(kept)
            if reweighting == .coreset, let factors {
                for (k, factor) in factors.enumerated() { for r in 0..<weights.rows { weights[r, k] *= factor } }
            }
            let spread = ranked.problem.map { $0.errorsWithoutOffset(of: weights.transposed(), kept: kept) }
            for (consumer, rowOffset) in zip(ranked.weights.consumers, ranked.weights.rowOffsets) {
                if let spread, let problem = ranked.problem {
                    let rows = rowOffset..<rowOffset + consumer.rowCount
                    errors.append(
                        ConsumerErrors(
                            consumer: consumer, errors: Array(spread[rows]), energies: Array(problem.targetEnergies[rows])))
                }
                refit.set(
                    weights, offset: nil, rowOffset: rowOffset, consumer: consumer, kept: kept, channels: channels,
                    isCutOnly: reweighting == .none)
            }
        case .leastSquares, .sequential:
            do {
                if let sequential, let consumer = ranked.weights.consumers.first {
                    let fit = try sequential.fit(kept)
                    // The consumer's own bias is part of the targets: only what the fit adds to it is a shift.
                    let bias = try originalConstant(consumer)
                    let offset = zip(fit.offset, bias).map { $0 - $1 }
                    refit.set(
                        fit.weights, offset: !consumer.hasConstant ? nil : offset, rowOffset: 0, consumer: consumer, kept: kept,
                        channels: channels, isCutOnly: false)
                    errors.append(ConsumerErrors(consumer: consumer, errors: fit.errors, energies: fit.energies))
                    return
                }
                for (index, (consumer, rowOffset)) in zip(ranked.weights.consumers, ranked.weights.rowOffsets).enumerated() {
                    guard let moments = ranked.consumerMoments[index] else { continue }
                    let own = ranked.weights.outgoing.selectingRows(Array(rowOffset..<rowOffset + consumer.rowCount))
                    let problem = Reconstruction(
                        moments: moments, outgoing: own, relativeRidge: ridge, hasIntercept: consumer.hasConstant)
                    let fit = try problem.fit(kept)
                    refit.set(
                        fit.weights, offset: !consumer.hasConstant ? nil : fit.offset, rowOffset: 0, consumer: consumer, kept: kept,
                        channels: channels, isCutOnly: false)
                    errors.append(ConsumerErrors(consumer: consumer, errors: fit.errors, energies: fit.energies))
                }
            } catch let error as FactorizationError {
                throw .factorization(layer: ranked.name, error)
            } catch let error as PruningError {
                throw error
            } catch {
                throw .malformedNetwork("\(error)")
            }
        }
    }

    /// The constant part of a consumer's output, one value per output: its bias, or zero where a running mean takes shifts.
    private func originalConstant(_ consumer: Consumer) throws(PruningError) -> [Double] {
        if case .bias(let name) = consumer.layer.shift { return try network.values(of: name).map(Double.init) }
        return [Double](repeating: 0, count: consumer.outputCount)
    }

    static func method(
        _ selection: Selection, _ reweighting: Reweighting, _ description: InputSource.Description, _ isWhole: Bool
    ) -> String {
        isWhole ? "kept whole" : "\(selection.rawValue), \(reweighting.rawValue), \(description.model.rawValue)"
    }
}
