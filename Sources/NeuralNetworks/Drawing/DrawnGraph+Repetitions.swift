// Stretches of boxes that repeat, found in the order of the boxes and drawn once.
//
// Boxes a, a+1, …, a+L−1 repeat at b = a+jL when each pair is of the same kind, operations and shapes, and reads the same boxes: those
// inside of the stretch or just before it at the same distance, or one that all of them read, such as a mask. Only the last repetition may
// be read from outside, since only one is left. Among the stretches that begin at a box the one that saves most boxes is taken.
// Time O(n·L·times) for n boxes, with L up to `longest`.

extension DrawnGraph {
    /// Layers of transformers that are written out as small operations have some forty boxes.
    private static let longest = 80
    /// Fewer boxes saved are not worth a frame.
    private static let leastSaved = 3

    mutating func collapseRepetitions() {
        var sources = [[Int]](repeating: [], count: boxes.count)
        var lastReader = [Int](repeating: 0, count: boxes.count)
        for arrow in arrows {
            sources[arrow.to].append(arrow.from)
            lastReader[arrow.from] = max(lastReader[arrow.from], arrow.to)
        }
        func matches(_ a: Int, _ b: Int, start: Int) -> Bool {
            let (x, y) = (boxes[a], boxes[b])
            guard x.kind == y.kind, x.lines == y.lines, sources[a].count == sources[b].count else { return false }
            return zip(sources[a], sources[b]).allSatisfy { s, t in t - s == b - a || s == t && s < start }
        }
        /// How often the `length` boxes from `start` on follow each other.
        func times(_ start: Int, _ length: Int) -> Int {
            var count = 1
            while start + (count + 1) * length <= boxes.count,
                (0..<length).allSatisfy({ matches(start + $0, start + count * length + $0, start: start) })
            { count += 1 }
            // What is read from beyond the next repetition would lose its source.
            for repetition in 0..<max(0, count - 1) {
                let end = start + (repetition + 2) * length
                let own = (start + repetition * length)..<(start + (repetition + 1) * length)
                if own.contains(where: { lastReader[$0] >= end }) { return repetition + 1 }
            }
            return count
        }

        // Position of every box in the drawing; repetitions share those of the first.
        var place = [Int](repeating: 0, count: boxes.count)
        var isDrawn = [Bool](repeating: true, count: boxes.count)
        var drawn: [Box] = []
        var found: [Repetition] = []
        var start = 0
        while start < boxes.count {
            var best = (length: 1, times: 1)
            for length in 1...Self.longest where start + 2 * length <= boxes.count {
                let count = times(start, length)
                if (count - 1) * length > (best.times - 1) * best.length { best = (length, count) }
            }
            if (best.times - 1) * best.length < Self.leastSaved { best = (1, 1) }
            if best.times > 1 { found.append(Repetition(boxes: drawn.count..<(drawn.count + best.length), times: best.times)) }
            for offset in 0..<best.length {
                var box = boxes[start + offset]
                for repetition in 0..<best.times {
                    let index = start + repetition * best.length + offset
                    place[index] = drawn.count
                    isDrawn[index] = repetition == 0
                    if repetition > 0 {
                        if let a = box.channelsAfter, let b = boxes[index].channelsAfter {
                            box.channelsAfter = min(a.lowerBound, b.lowerBound)...max(a.upperBound, b.upperBound)
                        }
                        if repetition < 12 { box.details += "\n" + boxes[index].details }
                    }
                }
                drawn.append(box)
            }
            start += best.length * best.times
        }
        guard !found.isEmpty else { return }
        var kept: [(from: Int, to: Int)] = []
        for arrow in arrows where isDrawn[arrow.to] {
            let (from, to) = (place[arrow.from], place[arrow.to])
            if from < to, !kept.contains(where: { $0 == (from, to) }) { kept.append((from, to)) }
        }
        (boxes, arrows, repetitions) = (drawn, kept, found)
    }
}
