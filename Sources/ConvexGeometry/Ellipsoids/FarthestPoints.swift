// The points with the largest leverages of a read, and nothing about the others but that theirs are smaller.
//
// A read of 10⁹ points must not keep 10⁹ numbers. Threads hand in the leverages of a run of points at a time; what could be among
// the `capacity` largest is kept, and when more than twice that many have come together the others go, which raises the bar for
// what follows. Of points that arrive in random order capacity·(1 + log(n/capacity)) pass it. Order is that of leverage, then of
// index, so that what remains depends neither on threads nor on the order of arrival.

import LinearAlgebra
import MessagePassing
import Synchronization

/// The farthest points of a read: those beyond a bound, or as many as may be kept.
struct FarthestPoints: Sendable {
    /// Indices, ascending.
    let indices: [Int]
    /// Their leverages.
    let kappa: [Double]
    /// The largest of all.
    private(set) var largest: Double
    /// Points that are not here have leverages of at most this; −∞ when all are here.
    let floor: Double
    /// Whether points above the floor that was asked for had to go, because they were too many.
    fileprivate let isTrimmed: Bool

    /// Nothing is known yet.
    static let none = FarthestPoints(indices: [], kappa: [], largest: 0, floor: .infinity)

    fileprivate init(indices: [Int], kappa: [Double], largest: Double, floor: Double, isTrimmed: Bool = false) {
        (self.indices, self.kappa, self.largest, self.floor, self.isTrimmed) = (indices, kappa, largest, floor, isTrimmed)
    }

    /// All points, by their leverages; nil when one is not finite.
    init?(all kappa: [Double]) {
        let (largest, sum) = LeverageKernels.largest(kappa, count: kappa.count)
        guard sum.isFinite else { return nil }
        self.init(indices: Array(kappa.indices), kappa: kappa, largest: largest, floor: -.infinity)
    }

    /// Whether every point with a leverage of `bound` or more is here.
    func holdsAll(atLeast bound: Double) -> Bool { bound > floor }

    /// Indices of the points here with leverages of `bound` or more, ascending.
    func indices(atLeast bound: Double) -> [Int] { LargestValues.indices(kappa, atLeast: bound).map { indices[$0] } }

    /// Indices of the `count` farthest points, ascending: all of those here when they are fewer.
    func indices(count: Int) -> [Int] {
        count >= indices.count ? indices : LargestValues.indices(kappa, count).map { indices[$0] }
    }

    /// The leverages of some points, nil for those that are not here. Fast when they ascend.
    func kappa(of wanted: [Int]) -> [Double?] {
        var place = 0
        return wanted.map { index in
            if place > 0, indices[place - 1] >= index { place = 0 }
            while place < indices.count, indices[place] < index { place += 1 }
            return place < indices.count && indices[place] == index ? kappa[place] : nil
        }
    }

    /// Takes note of a leverage that was computed in another way.
    mutating func raise(to value: Double) { largest = Swift.max(largest, value) }
}

/// Where the threads of a read hand in what they find.
final class FarthestPointsCollector: Sendable {
    private struct State {
        /// Points in the order of arrival, in runs of ascending ones.
        var indices: [Int] = []
        var kappa: [Double] = []
        var runs: [(first: Int, count: Int)] = []
        var largest = -Double.infinity
        var isFinite = true
        var isTrimmed = false
        /// The least of `capacity` points that are here: others must be farther, or as far and come first.
        var bar: (kappa: Double, index: Int)
    }

    private let capacity: Int
    private let state: Mutex<State>

    /// - Parameters:
    ///   - capacity: how many points are kept, at least 1; up to twice as many where no more are beyond the floor.
    ///   - floor: leverages below this need not be kept, however few there are above it.
    init(capacity: Int, floor: Double = -.infinity) {
        self.capacity = Swift.max(1, capacity)
        state = Mutex(State(bar: (floor, .max)))
    }

    /// Takes in the leverages of `count` points that follow each other, the first of them with the index `first`.
    func take(_ kappa: UnsafePointer<Double>, first: Int, count: Int) {
        let bar = state.withLock { $0.bar }
        withUnsafeTemporaryAllocation(of: Int.self, capacity: count) { positions in
            guard let positions = positions.baseAddress else { return }
            var (found, largest, sum) = (0, -Double.infinity, 0.0)
            // Few runs hold a point that matters, and a maximum is quickly taken.
            for start in stride(from: 0, to: count, by: Self.run) {
                let end = Swift.min(start + Self.run, count)
                let part = LeverageKernels.largest(kappa + start, count: end - start)
                largest = Swift.max(largest, part.largest)
                sum += part.sum
                guard part.largest >= bar.kappa else { continue }
                for i in start..<end where kappa[i] >= bar.kappa {
                    positions[found] = i
                    found += 1
                }
            }
            if largest == bar.kappa {
                let kept = (0..<found).filter { first + positions[$0] < bar.index }
                for (to, from) in kept.enumerated() { positions[to] = positions[from] }
                found = kept.count
            }
            state.withLock { state in
                state.largest = Swift.max(state.largest, largest)
                state.isFinite = state.isFinite && sum.isFinite
                guard found > 0 else { return }
                for i in 0..<found {
                    state.indices.append(first + positions[i])
                    state.kappa.append(kappa[positions[i]])
                }
                state.runs.append((first, found))
                if state.kappa.count > 2 * capacity + Self.slack { trim(&state) }
            }
        }
    }

    /// Takes in what a read of other points came to, all of which come later.
    func take(_ other: FarthestPoints) {
        state.withLock { state in
            state.largest = Swift.max(state.largest, other.largest)
            state.isTrimmed = state.isTrimmed || other.isTrimmed
            guard let first = other.indices.first else { return }
            state.indices += other.indices
            state.kappa += other.kappa
            state.runs.append((first, other.indices.count))
            if state.kappa.count > 2 * capacity + Self.slack || state.isTrimmed && state.kappa.count >= capacity { trim(&state) }
        }
    }

    /// What came together; nil when a leverage was not finite.
    func finish() -> FarthestPoints? {
        state.withLock { state in
            guard state.isFinite else { return nil }
            sort(&state)
            if state.isTrimmed, state.kappa.count > capacity { trim(&state) }
            // Of those that were never kept, none reached the floor; of those that had to go, some were as far as the last that stayed.
            return FarthestPoints(
                indices: state.indices, kappa: state.kappa, largest: state.largest,
                floor: state.isTrimmed ? state.bar.kappa : state.bar.kappa.nextDown, isTrimmed: state.isTrimmed)
        }
    }

    /// Leverages of which the largest is looked for first.
    private static var run: Int { 256 }
    /// Points beyond twice the capacity that are not worth a look at all of them.
    private static var slack: Int { 4096 }

    /// Runs in the order of their points.
    private func sort(_ state: inout State) {
        guard zip(state.runs, state.runs.dropFirst()).contains(where: { $0.first > $1.first }) else { return }
        var start = 0
        let runs = state.runs.map { run in
            defer { start += run.count }
            return (first: run.first, range: start..<start + run.count)
        }.sorted { $0.first < $1.first }
        state.indices = runs.flatMap { state.indices[$0.range] }
        state.kappa = runs.flatMap { state.kappa[$0.range] }
        state.runs = runs.map { ($0.first, $0.range.count) }
    }

    private func trim(_ state: inout State) {
        sort(&state)
        let kept = LargestValues.indices(state.kappa, capacity)
        var (start, next) = (0, 0)
        state.runs = state.runs.compactMap { run in
            start += run.count
            let before = next
            while next < kept.count, kept[next] < start { next += 1 }
            return next > before ? (run.first, next - before) : nil
        }
        state.indices = kept.map { state.indices[$0] }
        state.kappa = kept.map { state.kappa[$0] }
        let least = state.kappa.min() ?? state.bar.kappa
        state.bar = (least, state.kappa.lastIndex(of: least).map { state.indices[$0] } ?? .max)
        state.isTrimmed = true
    }
}

extension FarthestPoints {
    /// As a message.
    var bytes: [UInt8] {
        var message = MessageBuffer()
        message.write(indices)
        message.write(kappa)
        message.write([largest, floor, isTrimmed ? 1 : 0])
        return message.bytes
    }

    init(bytes: [UInt8]) {
        var message = MessageBuffer(bytes)
        let (indices, kappa, numbers) = (message.readInts(), message.readDoubles(), message.readDoubles())
        self.init(indices: indices, kappa: kappa, largest: numbers[0], floor: numbers[1], isTrimmed: numbers[2] != 0)
    }
}

/// The union of two ascending sequences without repetitions.
func union(_ a: [Int], _ b: [Int]) -> [Int] {
    var result: [Int] = []
    result.reserveCapacity(a.count + b.count)
    var (i, j) = (0, 0)
    while i < a.count || j < b.count {
        if j == b.count || i < a.count && a[i] < b[j] {
            result.append(a[i])
            i += 1
        } else {
            if i < a.count, a[i] == b[j] { i += 1 }
            result.append(b[j])
            j += 1
        }
    }
    return result
}
