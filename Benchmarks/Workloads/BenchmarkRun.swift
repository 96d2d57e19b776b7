// The benchmark loop: for every workload prepare → run and verify → time all candidates in turns → verify again → report.

import ConvexGeometry
import Foundation
import LinearAlgebra

/// A run of the benchmark, from configuration to results.
package struct BenchmarkRun {
    package struct Configuration: Sendable {
        package var workloads: [Workload]
        /// Thread counts; the first is that of every ordinary line.
        package var threads: [Int]
        package var comparisons: Set<Comparison>
        package var quick: Bool
        /// The tool itself, for workers with other kernels; `nil` leaves that comparison out.
        package var executable: URL?
        package var version: String
        /// A previous run to compare with.
        package var previous: BenchmarkResults?
        /// The user's own network in place of the published ones.
        package var model: SubjectNetwork?
        /// Other programs to run beside ours.
        package var peers: [Peer]

        package init(
            workloads: [Workload], threads: [Int], comparisons: Set<Comparison>, quick: Bool, executable: URL?, version: String,
            previous: BenchmarkResults? = nil, model: SubjectNetwork? = nil, peers: [Peer] = []
        ) {
            self.workloads = workloads
            self.threads = threads
            self.comparisons = comparisons
            self.quick = quick
            self.executable = executable
            self.version = version
            self.previous = previous
            self.model = model
            self.peers = peers
        }
    }

    /// What an observer is told while the run goes on.
    package enum Event {
        /// A workload is being prepared, verified and timed.
        case started(Workload, index: Int, count: Int)
        /// A line is finished; the results hold it and everything before.
        case measured(BenchmarkLine, BenchmarkResults)
    }

    let configuration: Configuration
    let observer: (Event) throws -> Void
    let isCancelled: () -> Bool
    let pacemaker = Pacemaker()
    var results: BenchmarkResults

    /// Runs everything and returns the results; an interrupted run returns what there is, `complete` false.
    ///
    /// `isCancelled` is asked between samples. An error of a workload becomes a line that is not verified; an error of
    /// the observer ends the run.
    package static func perform(
        _ configuration: Configuration, isCancelled: @escaping () -> Bool, observer: @escaping (Event) throws -> Void
    ) throws -> BenchmarkResults {
        var run = BenchmarkRun(configuration, isCancelled: isCancelled, observer: observer)
        let start = ContinuousClock.now
        let threadsBefore = BLASConfiguration.threads
        defer { BLASConfiguration.threads = threadsBefore }
        for (index, workload) in configuration.workloads.enumerated() where !isCancelled() {
            try observer(.started(workload, index: index, count: configuration.workloads.count))
            try run.measure(workload)
            run.results.seconds = start.duration(to: .now).seconds
        }
        if !isCancelled() { run.collectTraces() }
        if !isCancelled() { run.collectErrorCurves() }
        run.results.complete = !isCancelled()
        run.results.seconds = start.duration(to: .now).seconds
        return run.results
    }

    private init(_ configuration: Configuration, isCancelled: @escaping () -> Bool, observer: @escaping (Event) throws -> Void) {
        precondition(!configuration.threads.isEmpty, "a thread count is expected")
        self.configuration = configuration
        self.isCancelled = isCancelled
        self.observer = observer
        let machine = Machine.current()
        let load = Machine.loadAverage()
        let before = BLASConfiguration.threads
        let peaks = configuration.threads.map { threads in
            BLASConfiguration.threads = threads
            return PeakProbe.measure(seconds: configuration.quick ? 0.1 : 0.4)
        }
        BLASConfiguration.threads = before
        results = BenchmarkResults(
            machine: machine, coreType: machine.coreType, threads: configuration.threads, peakGflops: peaks[0].gflops,
            peaks: peaks, version: configuration.version, commit: Revision.current(), date: Date().ISO8601Format(),
            quick: configuration.quick, lines: [], scaling: [], traces: [], curves: [], complete: false, seconds: 0, loadBefore: load)
    }

    /// How the gap falls, method by method; a report without it is still a report, so that failures leave it out.
    private mutating func collectTraces() {
        guard configuration.workloads.contains(where: { $0.suite == .ellipsoid }) else { return }
        BLASConfiguration.threads = configuration.threads[0]
        for method in [MinimumVolumeEllipsoid.Method.columnGeneration, .awaySteps, .khachiyan] where !isCancelled() {
            if let trace = try? EllipsoidWorkloads.trace(.correlated, 10_000, 20, method: method) { results.traces.append(trace) }
        }
    }

    /// What pruning costs in accuracy, where labelled images are at hand; left out by failures like the traces.
    private mutating func collectErrorCurves() {
        guard configuration.workloads.contains(where: { $0.suite == .network }) else { return }
        BLASConfiguration.threads = configuration.threads[0]
        for subject in configuration.model.map({ [$0] }) ?? NetworkWorkloads.published where !isCancelled() {
            results.curves += (try? NetworkWorkloads.errorCurves(subject, isCancelled: isCancelled)) ?? []
        }
    }

    private mutating func measure(_ workload: Workload) throws {
        do {
            let threads = configuration.threads[0]
            BLASConfiguration.threads = threads
            let instance = try workload.prepare()
            let residentBefore = Machine.resetPeakResidentBytes()
            let clock = Timepiece(threads: threads)
            let first = try WarmUp(threads: threads, clock: clock, instance.run)
            var subject = Subject(workload: workload, instance: instance, threads: threads, clock: clock, first: first)
            if let curve = first.curve?() { results.curves.append(curve) }
            if let residentBefore, let peak = Machine.peakResidentBytes() { subject.memoryBytes = max(0, peak - residentBefore) }
            try measure(subject, against: opponents(of: subject))
            if workload.comparisons.contains(.threads), configuration.comparisons.contains(.threads) {
                for count in configuration.threads.dropFirst() where count != threads && !isCancelled() {
                    subject.threads = count
                    subject.clock = .wall
                    subject.first = try WarmUp(threads: count, clock: .wall, instance.run)
                    let alone = try WarmUp(threads: 1, clock: .wall, instance.run)
                    try measure(
                        subject, against: [Opponent(name: "1 thread", warmUp: alone, threads: 1, clock: .wall, instance.run)])
                }
            }
        } catch {
            results.lines.append(failed(workload, "\(error)"))
            try observer(.measured(results.lines[results.lines.count - 1], results))
        }
    }

    /// Times the subject and its opponents in turns and reports one line for each opponent.
    private mutating func measure(_ subject: Subject, against opponents: [Opponent]) throws {
        defer { for opponent in opponents { opponent.finish() } }
        let own = Sampler.inProcess(threads: subject.threads, clock: subject.clock, estimate: subject.first.seconds, subject.instance.run)
        pacemaker.restart()
        let present = opponents.indices.filter { opponents[$0].candidate != nil }
        let times = try Sampler.run(
            [pacemaker.pacing(own)] + present.compactMap { opponents[$0].candidate }, effort: effort, isCancelled: isCancelled)
        BLASConfiguration.threads = subject.threads
        let last = try subject.instance.run().check()
        let line = line(subject, samples: times[0].compactMap { $0 }, paces: pacemaker.beats, last: last)
        var finished = opponents.indices.map { index in
            let other = present.firstIndex(of: index).map { times[$0 + 1] } ?? []
            return compare(line, with: opponents[index], own: times[0], other: other)
        }
        if let previous = configuration.previous {
            finished.append(compare(line, with: previous))
        } else if finished.isEmpty {
            finished = [line]
        }
        for line in finished {
            results.lines.append(line)
            results.scaling = ScalingFit.fits(of: results.lines)
            try observer(.measured(line, results))
        }
    }

    private func opponents(of subject: Subject) throws -> [Opponent] {
        var list: [Opponent] = []
        let wanted = subject.workload.comparisons.intersection(configuration.comparisons)
        if wanted.contains(.plain), let plain = subject.instance.plain {
            let first = try WarmUp(threads: subject.threads, clock: subject.clock, plain)
            list.append(
                Opponent(
                    name: Comparison.plain.rawValue, warmUp: first, threads: subject.threads, clock: subject.clock, plain))
        }
        if wanted.contains(.kernels), let executable = configuration.executable, BLASConfiguration.selection.recommended != nil,
            BLASConfiguration.selection.coreType != Self.slowKernels
        {
            let worker = try WorkerProcess(
                executable: executable,
                arguments: ["benchmark", "worker", subject.workload.identifier, "--threads", "\(subject.threads)"],
                environment: ["OPENBLAS_CORETYPE": Self.slowKernels])
            list.append(Opponent(worker: worker))
        }
        // Peers report CPU time of one thread.
        if let input = subject.instance.peer, subject.threads == 1 {
            let files = try PeerFiles(input)
            for peer in configuration.peers where peer.task == input.task && !isCancelled() {
                list.append(Opponent(peer: peer, files: files, input: input, seconds: peerPatience, isCancelled: isCancelled))
            }
        }
        return list
    }

    /// Seconds that a peer gets for one answer, its start included.
    private var peerPatience: Double { configuration.quick ? 20 : 120 }

    /// What an OpenBLAS that does not know the processor falls back to.
    private static let slowKernels = "Prescott"

    private var effort: Sampler.Effort {
        configuration.quick
            ? Sampler.Effort(seconds: 0.25, minimumRounds: 3, maximumRounds: 15)
            : Sampler.Effort(seconds: 2, minimumRounds: 5, maximumRounds: 41)
    }
}
