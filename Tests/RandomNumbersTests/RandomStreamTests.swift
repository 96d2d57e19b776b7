// Streams of random numbers: the same for the same seed, and none is another one shifted.

import RandomNumbers
import Testing

@Suite struct RandomStreamTests {
    private static let consumers: [RandomStream] =
        [.agreement, .momentPlaces, .images, .mixtures, .directions]
        + (0..<200).map { .site($0) } + (0..<200).map { .group($0) }

    /// SplitMix64 fills a state with consecutive outputs: seeds that differ by its increment would share three words of four.
    @Test(arguments: [0, 1, 2, 0x9E37_79B9_7F4A_7C15, .max] as [UInt64])
    func noTwoStreamsShareAStateWord(_ seed: UInt64) {
        let run = SeededGenerator(seed: seed)
        var seen = Set(run.state)
        for consumer in Self.consumers {
            for word in run.stream(consumer).state { #expect(seen.insert(word).inserted, "\(consumer)") }
        }
        #expect(seen.count == 4 * (Self.consumers.count + 1))
    }

    @Test func theSameSeedGivesTheSameNumbers() {
        var (one, two) = (SeededGenerator(seed: 77).stream(.images), SeededGenerator(seed: 77).stream(.images))
        for _ in 0..<100 { #expect(one.normal() == two.normal()) }
        #expect(one == two)
    }

    @Test func normalDeviatesHaveTheMomentsOfANormal() {
        var generator = SeededGenerator(seed: 5)
        let count = 100_000
        var (sum, square, fourth) = (0.0, 0.0, 0.0)
        for _ in 0..<count {
            let x = generator.normal()
            (sum, square, fourth) = (sum + x, square + x * x, fourth + x * x * x * x)
        }
        let n = Double(count)
        // Five standard errors: of the mean 1/√n, of x² √2/√n, of x⁴ √96/√n.
        #expect((sum / n).magnitude < 5 / n.squareRoot())
        #expect((square / n - 1).magnitude < 5 * (2 / n).squareRoot())
        #expect((fourth / n - 3).magnitude < 5 * (96 / n).squareRoot())
    }

    @Test func aStratifiedSampleTakesOneOfEachRun() {
        for (n, count) in [(0, 0), (1, 1), (7, 7), (100, 7), (1_000_003, 64)] {
            let sample = StratifiedSample.indices(of: n, count: count, seed: 3)
            #expect(sample.count == count)
            for (k, index) in sample.enumerated() { #expect((k * n / count..<(k + 1) * n / count).contains(index)) }
        }
    }
}
