// Reads of all points: κ in a metric, from the raw points or from their images in the frame.

import LinearAlgebra

extension EllipsoidSolver {
    /// The first read, κ in the metric of the frame; not done, and false, where the time will not do for it and the
    /// certificate.
    /// - Parameter gathered: points that are gathered right after it.
    mutating func survey(gathering gathered: Int) throws(GeometryError) -> Bool {
        let metric = DesignFactor.identity(frame.rank)
        if budget.isTimed { measurePace(metric) }
        let share = Double(gathered) / Double(source.pointCount)
        budget.reserve.reads += share
        defer { budget.reserve.reads -= share }
        guard budget.affords(Effort(reads: 1)) else { return false }
        if isOwnPool, !frame.isDelicate {
            try readImages()
        } else {
            try readLeverages(metric, metric.leverageMap(frame, base: base, team: team))
        }
        budget.settle()
        reframe()
        return true
    }

    /// One read of the data that keeps the images in the frame, whose norms are κ in its metric.
    private mutating func readImages() throws(GeometryError) {
        budget.dataPasses += 1
        let (n, r, base, team) = (source.pointCount, frame.rank, self.base, self.team)
        let images = frame.images(source, Array(0..<n), team)
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
        try findLargest()
    }

    /// κ of all points from their images in the frame.
    mutating func findLeverages(_ factor: DesignFactor, _ images: [Double]) throws(GeometryError) {
        let (base, team) = (self.base, self.team)
        kappa.withUnsafeMutableBufferPointer {
            factor.leverages(ofImages: images, count: $0.count, base: base, into: $0.baseAddress!, team: team)
        }
        try findLargest()
    }

    /// The largest κ; throws when one is not finite.
    private mutating func findLargest() throws(GeometryError) {
        let sum: Double
        (largest, sum) = LeverageKernels.largest(kappa, count: kappa.count)
        guard sum.isFinite else {
            throw source.firstNonFinite() ?? .notRepresentable(reason: "coordinates that overflow")
        }
    }

    /// Reads a 64th of the points, and computes with some of them in memory, to know what the rest will cost. At least a
    /// block of points, of few sets an eighth: fewer columns do not tell the pace of a product.
    private mutating func measurePace(_ metric: DesignFactor) {
        let (n, r, d) = (source.pointCount, frame.rank, frame.dimension)
        let count = Swift.max(n / 64, Swift.min(n / 8, 256))
        guard count > 0, budget.affords(Effort(reads: Double(count) / Double(n))) else { return }
        let (map, source, team) = (metric.leverageMap(frame, base: base, team: team), self.source, self.team)
        kappa.withUnsafeMutableBufferPointer { map.leverages(of: source, count: count, into: $0.baseAddress!, team: team) }
        budget.settle()
        let few = Swift.min(count, 4096)
        let points = source.gather(0..<few)
        guard budget.affords(Effort(flops: Double(2 * r * d * few))) else { return }
        kappa.withUnsafeMutableBufferPointer { map.leverages(of: points, count: few, into: $0.baseAddress!, team: team) }
        budget.settle()
    }

    /// One read of the data: κ of all points into `kappa`.
    mutating func readLeverages(_ factor: DesignFactor, _ map: LeverageMap) throws(GeometryError) {
        budget.dataPasses += 1
        let (source, team) = (self.source, self.team)
        kappa.withUnsafeMutableBufferPointer { map.leverages(of: source, count: source.pointCount, into: $0.baseAddress!, team: team) }
        try findLargest()
        guard frame.isDelicate else { return }
        let noise = Swift.min(1, 64 * frame.noise * Double(order))
        let threshold = noise < 0.1 ? Swift.min(largest, Double(order)) * (1 - noise) * 0.9 : 0
        refine(factor, kappa.indices.filter { kappa[$0] >= threshold })
    }

    /// Thin, slanted sets: κ of plain arithmetic is noisy, so whatever may matter is recomputed with compensated sums.
    mutating func refine(_ factor: DesignFactor, _ candidates: [Int]) {
        let step = Swift.max(1, 1 << 20 / frame.dimension)
        for start in stride(from: 0, to: candidates.count, by: step) {
            let run = Array(candidates[start..<Swift.min(start + step, candidates.count)])
            let images = frame.images(source, run, team)
            var values = [Double](repeating: 0, count: run.count)
            factor.leverages(ofImages: images, count: run.count, base: base, into: &values, team: team)
            for (value, index) in zip(values, run) { kappa[index] = value }
        }
        largest = kappa.max() ?? 0
    }
}
