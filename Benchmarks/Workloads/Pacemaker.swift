// How fast is the machine at this moment? On a shared machine the same binary takes 1.0 to 2 times as long from one
// minute to the next. A small fixed amount of plain-Swift work, timed beside every sample, tells the two apart:
// comparing runs by time over pace cancels what the neighbors took.

/// Fixed work whose time measures the machine, not the build.
final class Pacemaker {
    private var vector: [Double]
    /// Seconds of every beat since the last `restart`.
    private(set) var beats: [Double] = []

    init() {
        var generator = WorkloadGenerator(seed: 99)
        vector = generator.normals(2048)
    }

    /// Forgets the beats.
    func restart() { beats = [] }

    /// Does and times one beat: about 0.2 ms of floating-point work in the first-level cache.
    func beat() {
        let start = Timepiece.thread.now
        for _ in 0..<64 {
            var sum = 0.0
            for i in vector.indices { sum += vector[i] * vector[i] }
            let scale = 1 / sum.squareRoot()
            for i in vector.indices { vector[i] = vector[i] * scale + 1e-3 }
        }
        beats.append(Timepiece.thread.now - start)
    }

    /// `candidate` with a beat before every sample.
    func pacing(_ candidate: Candidate) -> Candidate {
        Candidate(
            sample: {
                self.beat()
                return try candidate.sample()
            }, estimate: candidate.estimate)
    }
}
