/// What sharing a fit takes: the model of Documentation/Scale.md.
package struct RankCosts: Sendable {
    /// Seconds of what rank 0 does alone: masters, sample, candidates.
    package let fixed: Double
    /// Seconds for every point, all reads together.
    package let perPoint: Double
    /// Seconds of a message, and for every byte of one: a network of 10 Gbit/s.
    package var latency = 50e-6
    package var perByte = 1 / 1.25e9

    package init(fixed: Double, perPoint: Double) { (self.fixed, self.perPoint) = (fixed, perPoint) }

    /// fixed + n/p·perPoint + messages·⌈log₂ p⌉·latency + bytes·perByte.
    package func seconds(points: Int, ranks: Int, messages: Int, bytes: Int) -> Double {
        let rounds = Double(ranks <= 1 ? 0 : Int.bitWidth - (ranks - 1).leadingZeroBitCount)
        return fixed + Double(points) / Double(ranks) * perPoint + Double(messages) * rounds * latency + Double(bytes) * perByte
    }
}
