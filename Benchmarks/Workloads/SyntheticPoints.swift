// Point sets of the benchmarks: seeded, frozen, and of the kinds on which methods differ.

import Foundation
import LinearAlgebra
import RandomNumbers

/// How points are distributed.
package enum SyntheticPoints: String, Sendable, CaseIterable {
    /// Isotropic normal, off the origin.
    case gauss
    /// Uniform in the unit cube: many nearly optimal supports.
    case cube
    /// Normal through a random square matrix: axes of very different length.
    case correlated
    /// Multivariate t with two degrees of freedom: a few points far out.
    case heavy

    /// n points in ℝᵈ, one after the other.
    package func points(_ n: Int, _ d: Int, seed: UInt64) -> [Double] {
        var generator = WorkloadGenerator(seed: seed)
        switch self {
        case .cube: return (0..<n * d).map { _ in generator.uniform() }
        case .gauss:
            let offset = generator.normals(d)
            return (0..<n * d).map { offset[$0 % d] + generator.normal() }
        case .correlated, .heavy:
            let mixing = Matrix(rows: d, columns: d, elements: generator.normals(d * d))
            var points = mixing.times(Matrix(rows: d, columns: n, elements: generator.normals(n * d))).elements
            if self == .heavy {
                for j in 0..<n {
                    // χ² with two degrees of freedom, divided by two, is exponential.
                    let scale = 1 / (-log(1 - generator.uniform())).squareRoot()
                    for k in j * d..<(j + 1) * d { points[k] *= scale }
                }
            }
            return points
        }
    }
}
