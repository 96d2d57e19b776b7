// Reads of all points: κ in a metric, from the raw points or from their images in the frame.

import LinearAlgebra
import RandomNumbers

extension EllipsoidSolver {
    /// The first read, κ in the metric of the frame; not done, and false, where the time will not do for it and the
    /// certificate.
    /// - Parameter gathered: points that are gathered right after it.
    mutating func survey(gathering gathered: Int) throws(GeometryError) -> Bool {
        let factor = DesignFactor.identity(frame.rank)
        let metric = Metric(factor: factor, map: factor.leverageMap(frame, base: base, team: team))
        if budget.isTimed { measurePace(metric) }
        let share = Double(gathered) / Double(source.pointCount)
        budget.reserve.reads += share
        defer { budget.reserve.reads -= share }
        guard budget.affords(Effort(reads: 1)) else { return false }
        if isOwnPool, !frame.isDelicate {
            try readImages(metric)
        } else {
            try readLeverages(metric)
        }
        budget.settle()
        reframe()
        return true
    }

    /// One read of the data that keeps the images in the frame, whose norms are κ in its metric.
    private mutating func readImages(_ metric: Metric) throws(GeometryError) {
        budget.dataPasses += 1
        let (n, r, base, team) = (source.pointCount, frame.rank, self.base, self.team)
        let images = frame.images(source, Array(0..<n), team)
        var kappa: [Double] = .uninitialized(n)
        kappa.withUnsafeMutableBufferPointer { kappa in
            images.withUnsafeBufferPointer { images in
                let (images, target) = (images.baseAddress!, SharedPointer(kappa.baseAddress!))
                team.share(n, inRunsOf: runOfImages(r)) {
                    let first = $0.lowerBound
                    LeverageKernels.columnNorms(images + first * r, rows: r, count: $0.count, base: base, into: target.pointer + first)
                }
            }
        }
        surveyed = images
        try keepAll(kappa, metric)
    }

    /// κ of all points from their images in the frame.
    mutating func findLeverages(_ metric: Metric, _ images: [Double]) throws(GeometryError) {
        let (base, team) = (self.base, self.team)
        var kappa: [Double] = .uninitialized(source.pointCount)
        kappa.withUnsafeMutableBufferPointer {
            metric.factor.leverages(ofImages: images, count: $0.count, base: base, into: $0.baseAddress!, team: team)
        }
        try keepAll(kappa, metric)
    }

    /// Remembers κ of all points; throws when one is not finite.
    private mutating func keepAll(_ kappa: [Double], _ metric: Metric) throws(GeometryError) {
        guard let found = FarthestPoints(all: kappa) else {
            throw source.firstNonFinite() ?? .notRepresentable(reason: "coordinates that overflow")
        }
        (far, self.metric) = (found, metric)
    }

    /// Reads a 64th of the points, and computes with some of them in memory, to know what the rest will cost. At least a
    /// block of points, of few sets an eighth: fewer columns do not tell the pace of a product. A million tell it of any set.
    private mutating func measurePace(_ metric: Metric) {
        let (n, r, d) = (source.pointCount, frame.rank, frame.dimension)
        let count = Swift.min(Swift.max(n / 64, Swift.min(n / 8, 256)), 1 << 20)
        guard count > 0, budget.affords(Effort(reads: Double(count) / Double(n))) else { return }
        let (map, source, team) = (metric.map, self.source, self.team)
        var kappa: [Double] = .uninitialized(count)
        kappa.withUnsafeMutableBufferPointer { map.leverages(of: source, count: count, into: $0.baseAddress!, team: team) }
        budget.settle()
        let few = Swift.min(count, 4096)
        let points = source.gather(0..<few)
        guard budget.affords(Effort(flops: Double(2 * r * d * few))) else { return }
        kappa.withUnsafeMutableBufferPointer { map.leverages(of: points, count: few, into: $0.baseAddress!, team: team) }
        budget.settle()
    }

    /// One read of the data: the points with the largest κ, as many as may be candidates, or those above a floor.
    mutating func readLeverages(_ metric: Metric, floor: Double? = nil) throws(GeometryError) {
        budget.dataPasses += 1
        let capacity = isOwnPool ? source.pointCount : poolSize
        let bar = isOwnPool ? -.infinity : floor ?? promisingFloor(metric, capacity)
        let found = try read(metric, capacity: capacity, floor: bar).farthest(source, processes: settings.processes, team: team)
        (far, self.metric) = (found, metric)
    }

    /// A κ that about 1.25·count + 2σ of the points exceed, from a sample; −∞ when a sample cannot tell. It spares a read the points
    /// that it would keep for a while only.
    private func promisingFloor(_ metric: Metric, _ count: Int) -> Double {
        let (n, size) = (source.pointCount, 2048)
        guard n > 32 * size, count < n else { return -.infinity }
        let expected = 1.25 * Double(count) * Double(size) / Double(n)
        let rank = Int(expected + 2 * expected.squareRoot()) + 1
        guard rank < size else { return -.infinity }
        let sample = leverages(of: StratifiedSample.indices(of: n, count: size, seed: settings.seed), metric)
        // What is not finite, the read will find.
        guard sample.allSatisfy(\.isFinite) else { return -.infinity }
        return LargestValues.value(ranked: rank, of: sample)
    }

    /// κ of some points by the last read, or by its metric where it did not keep them.
    func leverages(_ indices: [Int]) -> [Double] {
        if frame.isDelicate, let metric { return leverages(of: indices, metric, isCareful: true) }
        var result = far.kappa(of: indices).map { $0 ?? .nan }
        guard let metric else { return result }
        let missing = result.indices.filter { result[$0].isNaN }
        for (position, value) in zip(missing, leverages(of: missing.map { indices[$0] }, metric)) { result[position] = value }
        return result
    }

    /// κ of some points in a metric, by the code of a read; all of them as if in twice the precision, when that is asked for.
    private func leverages(of indices: [Int], _ metric: Metric, isCareful: Bool = false) -> [Double] {
        var result: [Double] = .uninitialized(indices.count)
        let step = Swift.max(1, (1 << 20) / frame.dimension)
        result.withUnsafeMutableBufferPointer { result in
            guard let out = result.baseAddress else { return }
            for first in stride(from: 0, to: indices.count, by: step) {
                let run = Array(indices[first..<Swift.min(first + step, indices.count)])
                if isCareful {
                    metric.factor.leverages(
                        ofImages: frame.images(source, run, team), count: run.count, base: base, into: out + first, team: team)
                } else {
                    metric.map.leverages(of: source.gather(run, team), count: run.count, into: out + first, team: team)
                }
            }
        }
        return result
    }

    /// Gives `body` all points whose κ by the last read is at least `bound`, in runs of bounded length, in order of their indices; one
    /// more read of the data where that read could not keep so many.
    mutating func forEachRun(atLeast bound: Double, _ body: (_ indices: [Int], _ kappa: [Double]) -> Void) {
        if far.holdsAll(atLeast: bound) {
            let positions = LargestValues.indices(far.kappa, atLeast: bound)
            let run = Swift.max(1, (1 << 20) / frame.dimension)
            for first in stride(from: 0, to: positions.count, by: run) {
                let part = positions[first..<Swift.min(first + run, positions.count)]
                body(part.map { far.indices[$0] }, part.map { far.kappa[$0] })
            }
            return
        }
        guard let metric else { return }
        budget.dataPasses += 1
        let (n, task, read) = (source.pointCount, metric.map.taskSize, read(metric))
        let chunk = Swift.max(1, (1 << 20) / (task * frame.dimension)) * team.count
        for start in stride(from: 0, to: n, by: task * chunk) {
            let end = Swift.min(n, start + task * chunk)
            var found = [(indices: [Int], kappa: [Double])](repeating: ([], []), count: (end - start + task - 1) / task)
            found.withUnsafeMutableBufferPointer { found in
                guard let base = found.baseAddress else { return }
                let target = SharedPointer(base)
                team.share(end - start, inRunsOf: task) { range in
                    metric.map.leverages(of: source, in: start + range.lowerBound..<start + range.upperBound) { first, kappa, count in
                        read.refine(source, first, kappa, count)
                        let near = (0..<count).filter { kappa[$0] >= bound }
                        target.pointer[range.lowerBound / task] = (near.map { first + $0 }, near.map { kappa[$0] })
                    }
                }
            }
            for part in found where !part.indices.isEmpty { body(part.indices, part.kappa) }
        }
    }
}
