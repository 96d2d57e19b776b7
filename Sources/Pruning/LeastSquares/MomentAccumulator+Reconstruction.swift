// From samples to a least-squares problem.

import LinearAlgebra

extension MomentAccumulator {
    /// The refit of these samples (Reconstruction, sequential form), in the memory of their sums where nobody else holds them.
    package consuming func reconstruction(relativeRidge: Double, hasIntercept: Bool) -> Reconstruction {
        var crossMoments = crossCovariance
        var channelMoments = takeMoments()
        var mean = targetMean
        var energies = targetEnergies
        if !hasIntercept {
            for j in 0..<targets { for i in 0..<channels { crossMoments[i, j] += channelMoments.mean[i] * mean[j] } }
            for j in 0..<targets { energies[j] += mean[j] * mean[j] }
            channelMoments = ActivationMoments(
                mean: [Double](repeating: 0, count: channels), covariance: channelMoments.secondMoment)
            mean = [Double](repeating: 0, count: targets)
        }
        return Reconstruction(
            channels: channelMoments, cross: crossMoments, targetMean: mean, targetEnergies: energies,
            ridge: relativeRidge * channelMoments.meanVariance)
    }
}
