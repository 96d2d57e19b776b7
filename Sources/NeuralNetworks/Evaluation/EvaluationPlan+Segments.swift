// How many samples pass through which steps at a time.
//
// A step reads its weights once for all samples that it is given, and leaves fewer lanes empty where planes are small; but the
// activations of many samples do not stay in the cache. Early layers of a network for images have large activations and few weights, late
// ones the reverse. So the steps are cut into segments with a number of samples each: a block of samples passes through a segment in
// chunks of so many, and what later segments read is kept for the whole block. The numbers n_i of the steps minimize
//
//   Σ_i [c_i(n_i) + 2·m·e_i·[n_i ≠ n_{i−1}]],   c_i(n) = work_i(n)/n + m·(r_i(n)·w_i/n + s(n·x_i)·a_i)                (1)
//
// in multiply–adds per sample, by dynamic programming over the steps (Viterbi, IEEE Trans. Inf. Theory 1967); w weights, r how often they
// are read from main memory, a values read and written, x values alive, e those of them that earlier steps left, m what a value from main
// memory costs, s(v) the share of that where the cache has to hold v values. Weights stay in the cache if all of them do (r = 0), or from
// a read to the next within a step (r = 1).

extension EvaluationPlan {
    /// Consecutive steps, and how many samples they are given at most.
    struct Segment: Sendable {
        var steps: Range<Int>
        var samples: Int
    }

    /// Floats of a buffer by how many samples at most those values are kept for that share it.
    struct Buffer: Sendable {
        /// Samples at most, and the largest value per sample.
        private var uses: [Int: Int] = [:]

        init() {}

        /// For one value of all samples.
        init(size: Int) { add(samples: .max, size: size) }

        mutating func add(samples: Int, size: Int) { uses[samples] = max(uses[samples] ?? 0, size) }

        /// Floats for a block of so many samples.
        func floats(_ block: Int) -> Int { uses.map { min($0.key, block) * $0.value }.max() ?? 0 }
    }

    /// The plan cut into segments, with buffers shared by values that are not alive together.
    func inSegments() -> EvaluationPlan {
        var plan = self
        let lives = Lives(of: self)
        var most = Self.mostSamples
        repeat {
            plan.segments = segments(lives, most: most)
            most /= 2
            // What is kept for a block must not fill the memory: fewer samples, then.
        } while most > 0 && lives.carried(plan.segments) * plan.block > Self.mostKept
        plan.assignBuffers(lives)
        return plan
    }

    /// Samples that pass through all segments before others do.
    var block: Int { segments.map(\.samples).max() ?? 1 }

    private static let mostSamples = 256
    /// Values of several samples that are kept at a time, 32 MB.
    private static let mostKept = 1 << 23
    /// Values that the second level of a cache holds, and a thread's part of the third.
    private static let (near, far) = (1 << 18, 1 << 20)
    /// m of (1): a core makes some 40 multiply–adds in a nanosecond, and reads some two values in it.
    private static let memoryCost = 16.0
    /// s of (1) in the third level.
    private static let farShare = 0.25
    /// What it costs to take up a step.
    private static let stepCost = Double(1 << 14)

    private static func share(_ floats: Int) -> Double { floats <= near ? 0 : floats <= far ? farShare : 1 }

    private func segments(_ lives: Lives, most: Int) -> [Segment] {
        let counts = sequence(first: 1) { $0 < most ? 2 * $0 : nil }.map(\.self)
        let sizes = storages.map(\.size)
        let weights = steps.map(\.weightCount)
        let areKept = weights.reduce(0, +) <= Self.far
        // Cheapest way to every number of samples, and where it came from.
        var cost = [Double](repeating: 0, count: counts.count)
        var origins: [[Int]] = []
        for (i, step) in steps.enumerated() {
            let alive = lives.alive[i]
            let best = cost.indices.min { cost[$0] < cost[$1] } ?? 0
            let changed = cost[best] + 2 * Self.memoryCost * Double(lives.entering[i])
            var origin = Array(counts.indices)
            for k in counts.indices {
                if i > 0, changed < cost[k] { (cost[k], origin[k]) = (changed, best) }
                let n = counts[k]
                guard n * alive <= Self.mostKept else {
                    // One at a time is all that is left, whatever it costs.
                    if n > 1 { cost[k] = .infinity }
                    continue
                }
                let reads = areKept ? 0 : weights[i] + n * alive <= Self.far ? 1 : step.passes(n)
                let moved = Double(reads * weights[i]) / Double(n) + Self.share(n * alive) * Double(lives.moved[i])
                cost[k] += (Double(step.time(n, sizes: sizes)) + Self.stepCost) / Double(n) + Self.memoryCost * moved
            }
            origins.append(origin)
        }
        guard var k = cost.indices.min(by: { cost[$0] < cost[$1] }) else { return [] }
        var segments: [Segment] = []
        for i in steps.indices.reversed() {
            if let last = segments.last, last.samples == counts[k] {
                segments[segments.count - 1].steps = i..<last.steps.upperBound
            } else {
                segments.append(.init(steps: i..<i + 1, samples: counts[k]))
            }
            k = origins[i][k]
        }
        return segments.reversed()
    }

    /// Every value gets the best of the buffers that are free while it is alive.
    private mutating func assignBuffers(_ lives: Lives) {
        let block = self.block
        let segmentOf = segments.indices.flatMap { segment in segments[segment].steps.map { _ in segment } }
        var free: [Bool: [Int]] = [:]
        // The next chunk of a segment reads what earlier ones were given.
        var readInSegment: [Int] = []
        for (index, step) in steps.enumerated() {
            if index > 0, segmentOf[index] != segmentOf[index - 1] {
                free[true, default: []] += readInSegment
                readInSegment = []
            }
            for storage in step.outputs {
                guard case .scratch = storages[storage].location else { continue }
                let size = storages[storage].size
                let isCarried = segmentOf[index] != segmentOf[lives.last[storage]]
                let samples = isCarried ? block : segments[segmentOf[index]].samples
                let buffers = scratch
                let candidates = free[isCarried] ?? []
                func floats(_ slot: Int) -> Int { buffers[slot].floats(block) }
                let slot: Int
                if let best = candidates.filter({ floats($0) >= samples * size }).min(by: { floats($0) < floats($1) })
                    ?? candidates.max(by: { floats($0) < floats($1) })
                {
                    slot = best
                    free[isCarried]?.removeAll { $0 == best }
                } else {
                    slot = scratch.count
                    scratch.append(Buffer())
                }
                scratch[slot].add(samples: samples, size: size)
                storages[storage].location = isCarried ? .carried(slot) : .scratch(slot)
            }
            for storage in Set(step.inputs + step.outputs) where lives.last[storage] == index {
                switch storages[storage].location {
                case .scratch(let slot): free[false, default: []].append(slot)
                case .carried(let slot): readInSegment.append(slot)
                default: break
                }
            }
        }
    }

    /// When values of the buffers are alive.
    private struct Lives {
        /// Last step that makes or reads a storage.
        var last: [Int]
        /// Values per sample that a step reads and writes, that are alive meanwhile, and that earlier steps leave to it and to later ones.
        var moved: [Int]
        var alive: [Int]
        var entering: [Int]

        init(of plan: EvaluationPlan) {
            var first = [Int](repeating: -1, count: plan.storages.count)
            last = first
            moved = []
            for (index, step) in plan.steps.enumerated() {
                for storage in step.outputs where first[storage] < 0 { first[storage] = index }
                for storage in step.inputs + step.outputs { last[storage] = index }
                moved.append(Set(step.inputs + step.outputs).reduce(0) { $0 + plan.storages[$1].size })
            }
            // Differences first, so that long lives cost no more than short ones.
            var changes = [Int](repeating: 0, count: plan.steps.count + 2)
            for (storage, entry) in plan.storages.enumerated() where first[storage] >= 0 {
                guard case .scratch = entry.location else { continue }
                changes[first[storage] + 1] += entry.size
                changes[last[storage] + 1] -= entry.size
            }
            (entering, alive) = ([], [])
            var total = 0
            for (index, step) in plan.steps.enumerated() {
                total += changes[index]
                entering.append(total)
                let read = Set(step.inputs).reduce(0) { sum, storage in
                    if case .scratch = plan.storages[storage].location { sum + plan.storages[storage].size } else { sum }
                }
                alive.append(total + moved[index] - read)
            }
        }

        /// Values per sample that are alive between segments, at most.
        func carried(_ segments: [Segment]) -> Int { segments.dropFirst().map { entering[$0.steps.lowerBound] }.max() ?? 0 }
    }
}

extension EvaluationPlan.Step {
    /// Values of the weights that it reads.
    fileprivate var weightCount: Int {
        switch kernel {
        case .convolution(let kernel): kernel.weightCount
        case .dense(let kernel): kernel.weight.count
        default: 0
        }
    }

    /// How often it reads them for `count` samples.
    fileprivate func passes(_ count: Int) -> Int {
        switch kernel {
        case .convolution(let kernel): kernel.wholeFilters(count).blocks
        case .dense(let kernel): kernel.passes(count)
        default: 1
        }
    }

    /// As ``work(_:sizes:)``, with lanes that stay empty.
    fileprivate func time(_ count: Int, sizes: [Int]) -> Int {
        switch kernel {
        case .convolution(let kernel): kernel.time(count)
        case .dense(let kernel): kernel.time(count)
        default: work(count, sizes: sizes)
        }
    }
}
