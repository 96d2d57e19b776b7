// Gaussian random numbers from any generator.

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

extension RandomNumberGenerator {
    /// A uniform number in (0, 1], from the upper 53 bits of one draw.
    mutating func nextUnit() -> Double { Double((next() >> 11) + 1) * 0x1p-53 }

    /// Two independent standard normal numbers (Box & Muller, Ann. Math. Stat. 29, 1958).
    mutating func nextNormalPair() -> (Double, Double) {
        let radius = (-2 * log(nextUnit())).squareRoot()
        let angle = 2 * Double.pi * nextUnit()
        return (radius * cos(angle), radius * sin(angle))
    }
}
