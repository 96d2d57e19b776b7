// Density and distribution function of the standard normal distribution.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The standard normal distribution.
package enum NormalDistribution {
    /// ϕ(t) = exp(−t²/2)/√(2π).
    @inline(__always)
    package static func density(_ t: Double) -> Double { exp(-t * t / 2) * 0.398942280401432678 }

    /// Φ(t), accurate in both tails.
    @inline(__always)
    package static func cumulative(_ t: Double) -> Double { 0.5 * erfc(-t * 0.707106781186547524) }
}
