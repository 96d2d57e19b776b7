// One group before counts are allocated: its channels in an order or with drawing probabilities, and what the geometry proves.

import Coresets
import LinearAlgebra
import NeuralNetworks
import RandomNumbers

/// What is known of a group before counts are allocated.
struct RankedGroup: Sendable {
    /// Channels up to which functions stand for them though no ellipsoid is asked for: the products of so many cost as much as the choice.
    private static let mostAccounted = 4096

    /// Position among the groups of the run.
    let index: Int
    let group: ChannelGroup
    let consumers: [Consumer]
    /// Moments as each consumer reads the group; `nil` without an input model.
    let moments: [SplitMoments?]
    /// One-shot refit problem of all consumers together, where it is asked for more than once; what makes it anew elsewhere.
    private let known: SplitReconstruction?
    private let network: Network
    private let relativeRidge: Double
    /// The rule that chooses.
    let rule: Selection
    /// Of `order`, where it is asked for more than once.
    private let ranked: [Int]?
    /// Of every channel, the norm of what comes in that a rule by norms goes by.
    private let norms: [Double]
    let points: NeuronPoints
    let sensitivities: SensitivityBounds?
    /// Channels that may go without loss.
    let redundant: [Int]
    private let generator: SeededGenerator

    var name: String { group.id }
    var count: Int { group.count }

    /// Ranks the channels of one group by the rule that is set.
    ///
    /// - Parameter waits: whether rules that read moments choose later, in the moments of the consumer.
    /// - Throws: `factorization`, `coreset`, `network`; `unsupported` for points that need a covariance that there is none of.
    init(_ index: Int, _ table: MomentTable, relativeRidge: Double, waits: Bool, _ run: PruningRun) throws(PruningError) {
        let (group, settings) = (run.groups[index], run.settings)
        let weights = try GroupWeights(group, in: run.network)
        self.index = index
        self.group = group
        consumers = weights.consumers
        var measured = weights.consumers.map { table[$0] }
        if measured.contains(where: { $0.map { !$0.isFinite } ?? false }) {
            // Activations that single precision cannot hold: a choice by norms does not depend on them, everything else does.
            guard !settings.readsMoments else { throw run.isGivenInputs ? .nonFiniteActivations : .nonFiniteDraws }
            measured = measured.map { _ in nil }
        }
        moments = measured
        let own = moments.first ?? nil
        rule = settings.selection
        let choosesLater = waits && rule.usesMoments && weights.consumers.count == 1
        (network, self.relativeRidge) = (run.network, relativeRidge)
        known = choosesLater ? nil : own.map { SplitReconstruction($0, weights, relativeRidge: relativeRidge) }
        // Convolutions in groups read shares of the channels, and what cannot be measured has no covariance to embed functions with.
        let isEmbeddable =
            settings.points != .function || own?.whole != nil
            || own == nil && settings.readsMoments && (weights.consumers.first.map { !$0.isGrouped } ?? false)
        // Where the choice does not look at them they only serve the account of what is proven.
        let isAffordable = group.count <= RankedGroup.mostAccounted || settings.selection.usesSensitivities
        points = try NeuronPoints(
            isEmbeddable && isAffordable || settings.points != .function ? settings.points : .product, incoming: weights.incoming,
            outgoing: weights.outgoing, covariance: own?.whole?.covariance,
            rank: settings.rank, layer: group.id)
        if settings.selection.usesSensitivities {
            do {
                sensitivities = try SensitivityBounds(
                    points: points.points, settings: .init(construction: settings.construction, centering: .origin), threshold: .fine)
            } catch {
                throw .coreset(error, layer: group.id)
            }
        } else {
            sensitivities = nil
        }
        // One stream of random numbers per group, so that the draws of one do not depend on the others.
        generator = SeededGenerator(seed: settings.seed).stream(.group(index))
        let free = run.merges.redundant[index]
        redundant = free
        let (incoming, isSum) = (weights.incoming, rule == .l1)
        norms = (0..<group.count).map { c in
            isSum ? incoming.column(c).reduce(0) { $0 + $1.magnitude } : incoming.columnNorm(c)
        }
        ranked =
            choosesLater
            ? nil
            : try RankedGroup.order(rule, norms, known, points, sensitivities, redundant: free, generator: generator, layer: group.id)
    }

    /// Whether there is a problem to be had.
    var hasProblem: Bool { moments.first.map { $0 != nil } ?? false }

    /// One-shot refit problem of all consumers together; `nil` without moments.
    ///
    /// - Complexity: n²·q multiply–adds for a group that is chosen in the moments of its consumer, which hardly ever asks.
    func problem() throws(PruningError) -> SplitReconstruction? {
        if let known { return known }
        guard let own = moments.first ?? nil else { return nil }
        return SplitReconstruction(own, try GroupWeights(group, in: network), relativeRidge: relativeRidge)
    }

    /// All channels, best first, when the rule ranks them; what is redundant goes first. `nil` for the rules that draw.
    ///
    /// - Complexity: an elimination of all channels for a group that is chosen in the moments of its consumer, which never asks.
    func order() throws(PruningError) -> [Int]? {
        if let ranked { return ranked }
        return try RankedGroup.order(
            rule, norms, try problem(), points, sensitivities, redundant: redundant, generator: generator, layer: group.id)
    }

    private static func order(
        _ rule: Selection, _ norms: [Double], _ problem: SplitReconstruction?, _ points: NeuronPoints, _ bounds: SensitivityBounds?,
        redundant: [Int], generator: SeededGenerator, layer: String
    ) throws(PruningError) -> [Int]? {
        let all = try everyChannel(rule, norms, problem, points, bounds, generator: generator, layer: layer)
        let last = Set(redundant)
        return all.map { $0.filter { !last.contains($0) } + redundant }
    }

    private static func everyChannel(
        _ rule: Selection, _ norms: [Double], _ problem: SplitReconstruction?, _ points: NeuronPoints, _ bounds: SensitivityBounds?,
        generator: SeededGenerator, layer: String
    ) throws(PruningError) -> [Int]? {
        let n = norms.count
        switch rule {
        case .greedy, .backward:
            // Convolutions in groups share no moments: one shot, their channels go by norm.
            guard let problem else { return descending(norms) }
            if rule == .greedy { return problem.selection }
            do {
                return try problem.elimination(remaining: 0).reversed()
            } catch {
                throw .factorization(error, layer: layer)
            }
        case .l1, .l2: return descending(norms)
        case .top:
            guard let sensitivities = bounds?.sensitivities else { return nil }
            let norms = (0..<n).map { points.points.columnNorm($0) }
            return (0..<n).sorted { a, b in
                if sensitivities[a] != sensitivities[b] { return sensitivities[a] > sensitivities[b] }
                return norms[a] != norms[b] ? norms[a] > norms[b] : a < b
            }
        case .uniform:
            var generator = generator
            return (0..<n).shuffled(using: &generator)
        case .sensitivity: return nil
        }
    }

    /// Indices by falling value, lowest index first among equals.
    private static func descending(_ values: [Double]) -> [Int] {
        values.indices.sorted { (-values[$0], $0) < (-values[$1], $1) }
    }

    /// The kept channels by the ranking or the draw, and the draw's weights where there is one.
    ///
    /// - Parameter m: how many stay; all of them need no choice.
    func choice(keeping m: Int) throws(PruningError) -> (kept: [Int], factors: [Double]?) {
        if m == count { return (Array(0..<count), nil) }
        if ranked == nil, rule == .backward, let problem = try problem() {
            // What stays needs no order.
            do {
                let gone = Set(try problem.elimination(remaining: m, first: redundant))
                return ((0..<count).filter { !gone.contains($0) }, nil)
            } catch {
                throw .factorization(error, layer: name)
            }
        }
        if let order = try order() { return (order.prefix(m).sorted(), nil) }
        guard sensitivities != nil else { return (Array(0..<m), nil) }
        let sample = try draw(m)
        return (sample.indices, sample.weights)
    }

    /// Draws m distinct channels by their sensitivities; the same draw every time.
    private func draw(_ m: Int) throws(PruningError) -> SensitivitySampling {
        var generator = generator
        do {
            return try SensitivitySampling.drawDistinct(
                count: m, sensitivities: sensitivities?.sensitivities ?? [], norms: (0..<count).map { points.points.columnNorm($0) },
                generator: &generator)
        } catch {
            throw .coreset(error, layer: name)
        }
    }

    /// What the geometry proves about the kept channels.
    func guarantee(of kept: [Int]) throws(PruningError) -> ChannelGuarantee {
        // m points cannot witness more than m directions, and m directions only badly: rules that do not peel get the
        // guarantee in the leading m/2 directions.
        let own = sensitivities == nil ? points.leading(Swift.max(1, kept.count / 2)) : points
        var sampling: ChannelGuarantee.Sampling?
        if let sensitivities, rule == .sensitivity, kept.count < count {
            let sample = try draw(kept.count)
            let statement = Guarantee(
                sample, bounds: sensitivities, representation: "\(points.representation.rawValue) points of rank \(points.rank)")
            if case .sample(let claim) = statement {
                sampling = .init(draws: claim.drawCount, epsilon: claim.epsilon, statement: statement.statement)
            }
        }
        // Others would not stay as they are.
        let factor: ProvenFactor =
            group.statistics.isEmpty || kept.count == count
            ? ProvenFactor(points: own.points, kept: kept)
            : .none(reason: "a normalization takes its statistics over the channels, which change with every one that goes")
        return ChannelGuarantee(
            factor: factor, representation: own.representation, rank: own.rank,
            retainedEnergy: own.retainedEnergy,
            peeling: sensitivities.map { .init(peels: $0.peels, total: $0.total, capped: $0.cappedTotal) }, sampling: sampling)
    }
}

extension SplitReconstruction {
    /// The one-shot problem of a group's consumers, stacked.
    fileprivate init(_ moments: SplitMoments, _ weights: GroupWeights, relativeRidge: Double) {
        self.init(moments, outgoing: weights.outgoing, relativeRidge: relativeRidge, hasIntercept: weights.hasConstant)
    }
}
