import BenchmarkSuite
import TestSupport
import Testing
import RandomNumbers

@Suite struct StatisticsTests {
    @Test func quartilesInterpolateBetweenOrderStatistics() {
        #expect(Quartiles([5]) == Quartiles([5, 5, 5]))
        let quartiles = Quartiles([4, 1, 3, 2])
        #expect(quartiles.lower == 1.75)
        #expect(quartiles.median == 2.5)
        #expect(quartiles.upper == 3.25)
        #expect(SampleStatistics.quantile(ofSorted: [1, 2, 10], 1) == 10)
        #expect(SampleStatistics.quantile(ofSorted: [1, 2, 10], 0) == 1)
    }

    @Test func aRatioOfPairsForgetsWhatBothSidesSuffered() {
        // Every third round the neighbor makes both sides five times slower.
        var generator = TestGenerator(seed: 3)
        let burdens = (0..<31).map { $0.isMultiple(of: 3) ? 5.0 : 1 }
        let own = burdens.map { $0 * (1 + 0.01 * generator.normal()) }
        let other = burdens.map { 2 * $0 * (1 + 0.01 * generator.normal()) }
        let ratio = SampleStatistics.pairedRatio(other, over: own)
        #expect(ratio.low <= 2 && 2 <= ratio.high)
        #expect(ratio.low <= ratio.estimate && ratio.estimate <= ratio.high)
        #expect(ratio.high - ratio.low < 0.1)
    }

    @Test(arguments: [1, 2, 3, 8]) func anIntervalHoldsItsEstimate(_ count: Int) {
        var generator = TestGenerator(seed: UInt64(count))
        for _ in 0..<50 {
            let a = (0..<count).map { _ in 1 + generator.uniform() }
            let b = (0..<count).map { _ in 1 + generator.uniform() }
            for interval in [SampleStatistics.pairedRatio(a, over: b), SampleStatistics.independentRatio(a, over: b)] {
                #expect(interval.low <= interval.estimate && interval.estimate <= interval.high)
                #expect(interval.low > 0 && interval.high.isFinite)
            }
        }
    }

    @Test func anIntervalCoversAboutAsOftenAsItSays() {
        // Two samples of one log-normal law: the ratio of medians is 1.
        var generator = TestGenerator(seed: 17)
        var covered = 0
        let trials = 200
        for trial in 0..<trials {
            let samples = (0..<2).map { _ in (0..<15).map { _ in 1 + 0.3 * generator.normal() * generator.normal() } }
            let ratio = SampleStatistics.independentRatio(samples[0], over: samples[1], seed: UInt64(trial))
            if ratio.low <= 1, 1 <= ratio.high { covered += 1 }
        }
        // 95 % nominal; a percentile bootstrap of 15 values may lose some, and 200 trials have a deviation of 1.5 %.
        #expect(covered >= trials * 88 / 100)
    }

    @Test func theSameSamplesGiveTheSameInterval() {
        let a = [1.0, 1.2, 0.9, 1.1, 1.05]
        let b = [2.0, 2.2, 1.9, 2.3, 2.1]
        #expect(SampleStatistics.pairedRatio(a, over: b) == SampleStatistics.pairedRatio(a, over: b))
    }

    @Test func theGeneratorIsFrozen() {
        var generator = WorkloadGenerator(seed: 0)
        // The published first outputs for seed 0.
        #expect(generator.next() == 0xE220_A839_7B1D_CDAF)
        #expect(generator.next() == 0x6E78_9E6A_A1B9_65F4)
        #expect(generator.next() == 0x06C4_5D18_8009_454F)
        let normals = { () -> [Double] in
            var generator = WorkloadGenerator(seed: 5)
            return generator.normals(20_000)
        }()
        let mean = normals.reduce(0, +) / 20_000
        let square = normals.reduce(0) { $0 + $1 * $1 } / 20_000
        // Four standard errors.
        #expect(abs(mean) < 4 / 20_000.0.squareRoot())
        #expect(abs(square - 1) < 4 * (2 / 20_000.0).squareRoot())
    }
}

@Suite struct ScalingFitTests {
    private func fit(_ values: [Int], _ seconds: [Double]) -> ScalingFit? {
        ScalingFit(suite: .kernels, name: "work", variable: "n", fixed: "", side: "product", values: values, seconds: seconds)
    }

    @Test func aPowerLawIsFound() throws {
        let values = [100, 200, 400, 800]
        let seconds = values.map { n -> Double in 3e-9 * Double(n * n) * Double(n).squareRoot() }
        let fit = try #require(self.fit(values, seconds))
        #expect(abs(fit.exponent - 2.5) < 1e-12)
        #expect(try #require(fit.exponentError) < 1e-12)
        #expect(fit.extrapolated.map(\.value) == [1600, 3200])
        for far in fit.extrapolated {
            let expected = 3e-9 * Double(far.value * far.value) * Double(far.value).squareRoot()
            #expect(abs(far.seconds / expected - 1) < 1e-10)
            #expect(far.low <= far.seconds && far.seconds <= far.high)
        }
        #expect(abs(fit.predicted(800) / fit.measuredSeconds[3] - 1) < 1e-10)
    }

    @Test func noiseWidensTheError() throws {
        let values = [1, 2, 4, 8, 16]
        let noisy = try #require(self.fit(values, [1.2, 1.8, 4.4, 7.2, 17]))
        #expect(try #require(noisy.exponentError) > 0.01)
        #expect(abs(noisy.exponent - 1) < 3 * (noisy.exponentError ?? 0))
        #expect(noisy.extrapolated[0].low < noisy.extrapolated[0].seconds)
    }

    @Test func tooLittleIsNoFit() throws {
        #expect(fit([100], [1]) == nil)
        #expect(fit([100, 100], [1, 2]) == nil)
        #expect(fit([100, 200], [0, 1]) == nil)
        #expect(try #require(self.fit([100, 200], [1, 2])).exponentError == nil)
    }
}
