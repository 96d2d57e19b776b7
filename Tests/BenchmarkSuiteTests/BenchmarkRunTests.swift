import BenchmarkSuite
import Foundation
import LinearAlgebra
import Testing

/// Serialized: runs set the thread count of the process.
@Suite(.serialized) struct BenchmarkRunTests {
    private struct Refusal: Error, CustomStringConvertible { let description = "expected work, found a refusal" }

    /// Work that takes no time, with an answer that is wrong by `error`.
    private static func workload(
        _ name: String, size: Int = 1, error: Double = 0, plainError: Double? = nil, sweep: String? = nil,
        onPrepare: @escaping @Sendable () throws -> Void = {}
    ) -> Workload {
        Workload(.kernels, name, [Size("n", size)], comparisons: plainError == nil ? [] : [.plain], sweep: sweep) {
            try onPrepare()
            @Sendable func answer(_ error: Double) -> Answer {
                Answer(iterations: 7) { Verification("distance", error: error, tolerance: 0.5) }
            }
            return Instance(flops: 1e3, bytes: 1e3, run: { answer(error) }, plain: plainError.map { wrong in { answer(wrong) } })
        }
    }

    private static func perform(
        _ workloads: [Workload], previous: BenchmarkResults? = nil, isCancelled: @escaping () -> Bool = { false },
        observer: @escaping (BenchmarkRun.Event) throws -> Void = { _ in }
    ) throws -> BenchmarkResults {
        try BenchmarkRun.perform(
            BenchmarkRun.Configuration(
                workloads: workloads, threads: [1], comparisons: Set(Comparison.allCases), quick: true, executable: nil, version: "test",
                previous: previous),
            isCancelled: isCancelled, observer: observer)
    }

    @Test func everyLineHasATimeAndAnError() throws {
        let results = try Self.perform([Self.workload("right"), Self.workload("compared", error: 0.25, plainError: 0.125)])
        #expect(results.complete && results.verified)
        #expect(results.lines.map(\.name) == ["right", "compared"])
        for line in results.lines {
            #expect(try #require(line.seconds) > 0)
            #expect(line.error != nil && line.failure == nil)
            #expect(line.iterations == 7)
            #expect(line.samples.count == line.paces.count && line.samples.count >= 3)
            let quartiles = try #require(line.quartiles)
            #expect(quartiles.lower <= quartiles.median && quartiles.median <= quartiles.upper)
        }
        let compared = results.lines[1]
        #expect(compared.baseline == "plain" && compared.baselineError == 0.125)
        #expect(try #require(compared.speedupLow) <= (compared.speedup ?? 0))
        #expect(results.peakGflops > 0 && results.peaks.count == 1)
    }

    @Test func aBusyMachineIsSaid() throws {
        var results = try Self.perform([Self.workload("right")])
        for (load, isBusy) in [(nil, false), (0.1, false), (0.5, true), (3.14, true)] as [(Double?, Bool)] {
            results.loadBefore = load
            #expect((results.busyNote != nil) == isBusy)
        }
        #expect(results.busyNote?.contains("3.1 on \(results.machine.processors) processors") == true)
    }

    @Test(arguments: [0.75, .infinity, .nan]) func aWrongAnswerMarksItsLine(_ error: Double) throws {
        let results = try Self.perform([Self.workload("wrong", error: error), Self.workload("right")])
        #expect(results.complete && !results.verified)
        #expect(results.lines.map(\.verified) == [false, true])
        #expect(try #require(results.lines[0].failure).contains("distance"))
        // What is not finite has no place in JSON.
        _ = try JSONEncoder().encode(results)
    }

    @Test func aWrongBaselineMarksTheLine() throws {
        let results = try Self.perform([Self.workload("compared", plainError: 0.75)])
        #expect(!results.verified)
        #expect(try #require(results.lines[0].failure).contains("baseline"))
    }

    @Test func workThatThrowsIsALineAndTheRunGoesOn() throws {
        let results = try Self.perform([Self.workload("refused", onPrepare: { throw Refusal() }), Self.workload("right")])
        #expect(results.lines.map(\.verified) == [false, true])
        #expect(results.lines[0].seconds == nil)
        #expect(try #require(results.lines[0].failure).contains("refusal"))
        #expect(!results.verified)
    }

    @Test func anInterruptedRunKeepsWhatItHas() throws {
        nonisolated(unsafe) var isCancelled = false
        nonisolated(unsafe) var latest: BenchmarkResults?
        let results = try Self.perform(
            (1...5).map { Self.workload("work", size: $0) }, isCancelled: { isCancelled }
        ) { event in
            if case .measured(_, let soFar) = event {
                latest = soFar
                isCancelled = soFar.lines.count == 2
            }
        }
        #expect(results.lines.count == 2)
        #expect(!results.complete)
        // What was written on the way is valid by itself.
        let decoded = try JSONDecoder().decode(BenchmarkResults.self, from: try JSONEncoder().encode(try #require(latest)))
        #expect(decoded.lines.count == 2 && !decoded.complete)
    }

    @Test func resultsHaveTheDocumentedKeys() throws {
        let results = try Self.perform([Self.workload("compared", plainError: 0)])
        let object = try #require(try JSONSerialization.jsonObject(with: try JSONEncoder().encode(results)) as? [String: Any])
        for key in ["machine", "coreType", "threads", "peakGflops", "lines", "version", "date", "complete"] {
            #expect(object[key] != nil, "\(key)")
        }
        let line = try #require((object["lines"] as? [[String: Any]])?.first)
        for key in ["suite", "name", "sizes", "seconds", "baseline", "baselineSeconds", "speedup", "error", "verified"] {
            #expect(line[key] != nil, "\(key)")
        }
        #expect(line["suite"] as? String == "kernels")
        #expect(line["sizes"] as? [String: Int] == ["n": 1])
    }

    @Test func aRunIsTheSameAsItself() throws {
        let workloads = (1...4).map { Self.workload("work", size: $0) }
        var before = try Self.perform(workloads)
        let after = try Self.perform(workloads, previous: before)
        #expect(after.lines.allSatisfy { $0.baseline == "previous" && $0.baselineSeconds != nil && $0.verdict != nil })
        // Four times the time in the record is not noise.
        for k in before.lines.indices { before.lines[k].samples = before.lines[k].samples.map { 4 * $0 } }
        let faster = try Self.perform(workloads, previous: before)
        #expect(faster.lines.allSatisfy { ($0.speedup ?? 0) > 2 })
        // A line that the record lacks is not compared.
        before.lines.removeLast()
        #expect(try Self.perform(workloads, previous: before).lines.map { $0.baseline == nil } == [false, false, false, true])
    }

    @Test func sweepsAreFitted() throws {
        let results = try Self.perform([1, 2, 4].map { Self.workload("work", size: $0, sweep: "n") })
        #expect(results.scaling.map(\.side) == ["product"])
        #expect(results.scaling[0].measured == [1, 2, 4])
        #expect(results.scaling[0].extrapolated.map(\.value) == [8, 16])
    }
}
