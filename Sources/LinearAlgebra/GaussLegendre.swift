// Expectations under a Gaussian by Gauss–Legendre panels.
//
// E[f(g)], g ~ N(0, 1), is integrated over [−9, 9] (the mass outside is 2e-19) in panels that end at every integer and
// at every point where the integrand changes character. Within a panel the integrand is smooth, so that ten nodes
// give full accuracy; Gauss–Hermite nodes would lose it at kinks and at the steep flank of a wide saturating unit.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

package enum GaussLegendre {
    /// Nodes and weights of the ten-point rule on [−1, 1] (Abramowitz & Stegun, table 25.4).
    package static let positiveNodes = [
        0.148874338981631211, 0.433395394129247191, 0.679409568299024406, 0.865063366688984511, 0.973906528517171720,
    ]
    package static let weights = [
        0.295524224714752870, 0.269266719309996355, 0.219086362515982044, 0.149451349150580593, 0.066671344308688138,
    ]

    /// Points g with their weights (the Gaussian density included) for integrands that are smooth between `breaks`.
    package static func gaussianRule(breaks: [Double]) -> [(point: Double, weight: Double)] {
        let limit = 9.0
        let edges = (stride(from: -limit, through: limit, by: 1) + breaks.filter { $0.magnitude < limit }).sorted()
        var rule: [(point: Double, weight: Double)] = []
        rule.reserveCapacity(10 * edges.count)
        for (left, right) in zip(edges, edges.dropFirst()) where right > left {
            let (center, half) = ((left + right) / 2, (right - left) / 2)
            for (node, weight) in zip(positiveNodes, weights) {
                for point in [center - half * node, center + half * node] {
                    rule.append((point, half * weight * NormalDistribution.density(point)))
                }
            }
        }
        return rule
    }
}
