// Uniform and normal deviates from any generator.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension RandomNumberGenerator {
    /// Uniform on [0, 1), a multiple of 2⁻⁵³.
    public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Two independent standard normal deviates, by the polar method (Marsaglia & Bray, SIAM Review 6, 1964).
    public mutating func normalPair() -> (Double, Double) {
        while true {
            let x = 2 * uniform() - 1, y = 2 * uniform() - 1
            let square = x * x + y * y
            guard square < 1, square > 0 else { continue }
            let factor = (-2 * log(square) / square).squareRoot()
            return (x * factor, y * factor)
        }
    }

    /// A standard normal deviate, one of a pair; the other is lost.
    public mutating func normal() -> Double { normalPair().0 }
}
