// Moments of more channels than memory holds a covariance of: of runs of them, each for itself.

import LinearAlgebra

/// Mean and covariance of the channels of a group, or of runs of its channels, as if runs did not vary together.
package struct SplitMoments: Sendable {
    /// Moments of each run, in the order of the channels.
    package let parts: [ActivationMoments]

    package init(parts: [ActivationMoments]) { self.parts = parts }

    /// The moments of all channels together; `nil` where there are several runs.
    package var whole: ActivationMoments? { parts.count == 1 ? parts[0] : nil }

    var isFinite: Bool { parts.allSatisfy(\.covariance.isFinite) }

    /// The channels of every run.
    package var channels: [Range<Int>] {
        var start = 0
        return parts.map { part in
            defer { start += part.count }
            return start..<start + part.count
        }
    }
}

extension PruningRun {
    /// Channels that a run of a split group has at least: fewer could not stand for one another.
    private static let leastOfPart = 256

    /// A group's channels, in runs whose covariances memory holds where a consumer is fitted in them: all groups' that are split together
    /// take a third of it, and as much as the weights.
    func runs(ofChannels count: Int) -> [Range<Int>] {
        // Points that stand for functions need one covariance.
        let isWhole = settings.selection.usesSensitivities && settings.points == .function
        guard count > mostRegressors, !isWhole else { return [0..<count] }
        let wide = groups.reduce(0.0) { $1.count > mostRegressors ? $0 + Double($1.count) : $0 }
        let weights = network.parameters.values.reduce(0.0) { $0 + Double($1.values.count) }
        let bytes = Double(settings.memory) / 3 + Double(MemoryLayout<Float>.size) * weights
        let affordable = Int(bytes / (Double(MemoryLayout<Double>.size) * wide))
        let parts = (count - 1) / Swift.max(PruningRun.leastOfPart, Swift.min(mostRegressors, affordable)) + 1
        return (0..<parts).map { $0 * count / parts..<($0 + 1) * count / parts }
    }
}
