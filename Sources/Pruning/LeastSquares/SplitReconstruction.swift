// The least-squares problem of a group too wide for one covariance: one problem for each run of its channels.
//
// With channels in runs r, the targets V·h are the sum of what each run adds to them, V_r·h_r. Fitted to its own share, a run needs
// the moments of its own channels only:
//   E‖V·h − V'·h_S − e'‖² ≤ R·Σ_r E‖V_r·h_r − V'_r·h_Sr − e'_r‖²,   R runs                               (1)
// by Cauchy and Schwarz, and about the sum itself where what runs leave over does not vary together. Backward elimination and forward
// selection of the sum go, step by step, for the best of the runs' own next steps: their orders, merged.

import LinearAlgebra

/// Problems of runs of channels, whose objectives add up; one run is the problem itself.
package struct SplitReconstruction: Sendable {
    /// A run of channels and its problem.
    package struct Part: Sendable {
        package let channels: Range<Int>
        package let problem: Reconstruction
    }

    package let parts: [Part]

    /// One-shot: targets are V·h for the channels' own moments.
    ///
    /// - Parameters: as of `Reconstruction`.
    package init(_ moments: SplitMoments, outgoing: Matrix, relativeRidge: Double, hasIntercept: Bool) {
        parts = zip(moments.channels, moments.parts).map { channels, own in
            let columns = moments.parts.count == 1 ? outgoing : outgoing.selectingColumns(channels)
            return Part(
                channels: channels,
                problem: Reconstruction(moments: own, outgoing: columns, relativeRidge: relativeRidge, hasIntercept: hasIntercept))
        }
    }

    /// Energies of the runs' shares together, one entry per target.
    package var targetEnergies: [Double] { parts.map(\.problem.targetEnergies).summed }

    /// Channels in the order in which backward elimination removes them, until `remaining` are left.
    ///
    /// - Parameter first: channels that leave before all others.
    package func elimination(remaining: Int, first: [Int] = []) throws(FactorizationError) -> [Int] {
        if let only { return try BackwardElimination(only, remaining: remaining, first: first).order }
        let early = Set(first)
        var paths: [Path] = []
        for part in parts {
            let own = first.filter(part.channels.contains).map { $0 - part.channels.lowerBound }
            let path = try BackwardElimination(part.problem, remaining: 0, first: own)
            let order = path.order.map { $0 + part.channels.lowerBound }
            paths.append(zip(order, path.costs).map { Step(channel: $0, turn: early.contains($0) ? 0 : 1, cost: $1) })
        }
        return Array(SplitReconstruction.merged(paths).prefix(paths.reduce(0) { $0 + $1.count } - remaining))
    }

    /// All channels in the order in which forward selection takes them.
    package var selection: [Int] {
        SplitReconstruction.merged(
            parts.map { part in
                let path = ForwardSelection(part.problem, count: part.problem.count)
                return zip(path.order, path.gains).map { Step(channel: $0 + part.channels.lowerBound, turn: 0, cost: -$1) }
            })
    }

    /// Relative error with the first k channels of an order, k = 0 … n; never rising.
    package func relativeErrors(order: [Int]) -> [Double] {
        let energy = targetEnergies.reduce(0, +)
        guard energy > 0 else { return [Double](repeating: 0, count: order.count + 1) }
        var gains = [Double](repeating: 0, count: order.count)
        for part in parts {
            let own = order.filter(part.channels.contains)
            let path = ForwardSelection(
                part.problem, count: own.count, forcedOrder: own.map { $0 - part.channels.lowerBound })
            for (channel, gain) in zip(own, path.gains) { gains[channel] = gain }
        }
        var left = energy
        return [1]
            + order.map { channel in
                left = Swift.max(0, left - gains[channel])
                return left / energy
            }
    }

    /// The fit from the channels in `kept`, in that order.
    ///
    /// - Parameter prior: V₀, q×|S|.
    package func fit(_ kept: [Int], prior: Matrix) throws(FactorizationError) -> Reconstruction.Fit {
        if let only { return try only.fit(kept, prior: prior) }
        var result = Reconstruction.Fit(
            weights: prior, offset: [Double](repeating: 0, count: prior.rows), errors: [Double](repeating: 0, count: prior.rows),
            energies: targetEnergies)
        for part in parts {
            let own = places(of: kept, in: part)
            let fit = try part.problem.fit(
                own.map { kept[$0] - part.channels.lowerBound }, prior: prior.selectingColumns(own))
            for (k, place) in own.enumerated() { for o in 0..<prior.rows { result.weights[o, place] = fit.weights[o, k] } }
            for o in 0..<prior.rows {
                result.offset[o] += fit.offset[o]
                result.errors[o] += fit.errors[o]
            }
        }
        return result
    }

    /// E(z − V'·h_S)² per target when the constant is left as it was, for any weights V' (given transposed, |S|×q).
    package func errorsWithoutOffset(of weights: Matrix, kept: [Int]) -> [Double] {
        parts.map { part in
            let own = places(of: kept, in: part)
            return part.problem.errorsWithoutOffset(
                of: weights.selectingRows(own), kept: own.map { kept[$0] - part.channels.lowerBound })
        }.summed
    }

    private var only: Reconstruction? { parts.count == 1 ? parts[0].problem : nil }

    private func places(of kept: [Int], in part: Part) -> [Int] { kept.indices.filter { part.channels.contains(kept[$0]) } }

    /// The next channel of a run, and what it costs; those of an earlier turn go before all others.
    private struct Step {
        let channel: Int
        let turn: Int
        let cost: Double
    }

    private typealias Path = [Step]

    /// Orders into one, always the least of the next steps; ties to the first of them.
    private static func merged(_ paths: [Path]) -> [Int] {
        var next = [Int](repeating: 0, count: paths.count)
        var order: [Int] = []
        while let best = paths.indices.filter({ next[$0] < paths[$0].count }).min(by: { a, b in
            let (one, other) = (paths[a][next[a]], paths[b][next[b]])
            return (one.turn, one.cost) < (other.turn, other.cost)
        }) {
            order.append(paths[best][next[best]].channel)
            next[best] += 1
        }
        return order
    }
}
