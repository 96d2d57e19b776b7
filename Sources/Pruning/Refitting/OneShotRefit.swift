// One refit per group in moments of the original network: no consumer knows what was cut before it.
//
//   V' = V_S + (A_S − C_SS·V_Sᵀ)ᵀ·(C_SS + λI)⁻¹,   e' = e + V·m − V'·m_S           (Reconstruction, one problem per consumer)
// or the kept columns as they are, or times what the draw weighs them with. Where several groups feed one consumer their constants
// add up in one sum, which replaces the original constant.

import LinearAlgebra
import NeuralNetworks

/// A network masked group by group, in moments of the original.
struct OneShotRefit: Sendable {
    private(set) var masked: MaskedNetwork
    private let original: Network
    let reweighting: Reweighting
    private let relativeRidge: Double
    /// What the groups so far add to the constant of a consumer's outputs, by node.
    private var shifts: [Int: [Double]] = [:]

    /// Nothing is cut yet.
    init(_ inputs: RunInputs, _ run: PruningRun) {
        masked = MaskedNetwork(run.network)
        original = run.network
        // Sequential refits need inputs to pass through the network: without them, moments by formula serve each group alone.
        reweighting = run.settings.reweighting == .sequential ? .leastSquares : run.settings.reweighting
        relativeRidge = inputs.relativeRidge(run.settings)
    }

    /// Keeps some channels of a group.
    ///
    /// - Parameter factors: weights of the draw, one per kept channel.
    /// - Returns: predicted errors of the consumers; none where there are no moments.
    mutating func cut(_ ranked: RankedGroup, kept: [Int], factors: [Double]?) throws(PruningError) -> [ConsumerErrors] {
        let weights = try GroupWeights(ranked.group, in: original)
        return reweighting == .leastSquares
            ? try refit(ranked, kept, weights) : try scale(ranked, kept, factors: reweighting == .coreset ? factors : nil, weights)
    }

    /// The kept columns, as they are or times `factors`.
    private mutating func scale(_ ranked: RankedGroup, _ kept: [Int], factors: [Double]?, _ weights: GroupWeights) throws(PruningError)
        -> [ConsumerErrors]
    {
        var columns = weights.outgoing.selectingColumns(kept)
        for (k, factor) in (factors ?? []).enumerated() { for r in 0..<columns.rows { columns[r, k] *= factor } }
        let problem = try ranked.problem()
        let spread = problem.map { $0.errorsWithoutOffset(of: columns.transposed(), kept: kept) }
        var errors: [ConsumerErrors] = []
        for (consumer, rowOffset) in zip(weights.consumers, weights.rowOffsets) {
            if let spread, let problem {
                let rows = rowOffset..<rowOffset + consumer.rowCount
                errors.append(
                    ConsumerErrors(consumer: consumer, errors: Array(spread[rows]), energies: Array(problem.targetEnergies[rows])))
            }
            masked.scatter(
                columns, rowOffset: rowOffset, to: consumer, kept: kept, channels: ranked.count, isCutOnly: reweighting == .none)
        }
        return errors
    }

    /// Least squares for each consumer.
    private mutating func refit(_ ranked: RankedGroup, _ kept: [Int], _ weights: GroupWeights) throws(PruningError) -> [ConsumerErrors] {
        var errors: [ConsumerErrors] = []
        for (index, (consumer, rowOffset)) in zip(weights.consumers, weights.rowOffsets).enumerated() {
            guard let moments = ranked.moments[index] else { continue }
            let own = weights.outgoing.selectingRows(Array(rowOffset..<rowOffset + consumer.rowCount))
            // A group that one consumer reads has been ranked in the same problem.
            let known = weights.consumers.count == 1 ? try ranked.problem() : nil
            let problem =
                known
                ?? SplitReconstruction(moments, outgoing: own, relativeRidge: relativeRidge, hasIntercept: consumer.hasConstant)
            let fit: Reconstruction.Fit
            do { fit = try problem.fit(kept, prior: own.selectingColumns(kept)) } catch { throw .factorization(error, layer: ranked.name) }
            masked.scatter(fit.weights, rowOffset: 0, to: consumer, kept: kept, channels: ranked.count)
            if consumer.hasConstant { try shift(consumer, by: fit.offset) }
            errors.append(ConsumerErrors(consumer: consumer, errors: fit.errors, energies: fit.energies))
        }
        return errors
    }

    /// Adds the offsets of a group's rows to what replaces the constant of a consumer.
    private mutating func shift(_ consumer: Consumer, by offset: [Double]) throws(PruningError) {
        var shift = [Double](repeating: 0, count: consumer.outputCount)
        for row in 0..<consumer.rowCount { shift[consumer.output(ofRow: row)] += offset[row] }
        if let before = shifts[consumer.layer.node] { for o in shift.indices { shift[o] += before[o] } }
        shifts[consumer.layer.node] = shift
        var constants = shift
        if let bias = consumer.projection?.bias { for o in constants.indices { constants[o] += bias[o] } }
        if case .bias(let name) = consumer.layer.shift {
            let bias = try original.values(of: name)
            for o in constants.indices { constants[o] += Double(bias[o]) }
        }
        masked.setConstants(constants, of: consumer)
    }
}
