// Which points the masters look at: the pool between reads of the data, and the working set within it.

import LinearAlgebra

/// Candidates: a subset of the points with their images in the frame.
struct CandidatePool {
    var indices: [Int]
    /// r×count
    var images: [Double]
    /// κ of the candidates for the current weights.
    var kappa: [Double]

    /// Where a point of the pool is in it; `indices` ascends.
    func position(of index: Int) -> Int {
        var (low, high) = (0, indices.count)
        while low < high {
            let middle = (low + high) / 2
            if indices[middle] < index { low = middle + 1 } else { high = middle }
        }
        return low
    }

    func contains(_ index: Int) -> Bool {
        let position = position(of: index)
        return position < indices.count && indices[position] == index
    }
}

/// The points the master sees, as positions in the pool, with weights ≥ 0.
struct WorkingSet {
    var positions: [Int]
    var weights: [Double]
}

extension EllipsoidSolver {
    func gather(_ pool: CandidatePool, _ positions: [Int]) -> [Double] {
        let r = frame.rank
        return copyColumns(of: pool.images, r, positions, to: r, team)
    }

    /// qᵢ from yᵢ.
    func lift(_ images: [Double]) -> [Double] {
        guard !isCentered else { return images }
        return copyColumns(of: images, frame.rank, 0..<images.count / frame.rank, to: order, team)
    }

    /// Candidates to look at between reads.
    var poolSize: Int {
        let pool = tuning.pool
        return Swift.max(pool.base + pool.perOrder * order, Swift.min(source.pointCount / pool.share, pool.most))
    }

    /// Whether all points are candidates.
    var isOwnPool: Bool { 2 * source.pointCount <= 3 * poolSize }

    /// The farthest points by the last full read, and `required` ones: the support when that read was of its weights, and then
    /// only what a change of weights by several times the gap could lift to D.
    mutating func makePool(including required: [Int]) throws(GeometryError) -> CandidatePool {
        guard !isOwnPool else {
            let indices = Array(0..<source.pointCount)
            defer { surveyed = nil }
            return CandidatePool(indices: indices, images: surveyed ?? frame.images(source, indices, team), kappa: far.kappa)
        }
        var farthest: [Int] = []
        if !required.isEmpty {
            let margin = Swift.max(tuning.margin.least, tuning.margin.gaps * (largest / Double(order) - 1))
            let bound = Double(order) * (1 - margin)
            // Where the read of the certificate looked for too little, one more looks for all that may be candidates.
            if !far.holdsAll(atLeast: bound), far.indices.count < poolSize / 4, let metric, budget.affords(Effort(reads: 1)) {
                try readLeverages(metric)
                budget.settle()
            }
            if far.holdsAll(atLeast: bound) { farthest = far.indices(atLeast: bound) }
        }
        if farthest.isEmpty || farthest.count > poolSize { farthest = far.indices(count: poolSize) }
        let indices = union(farthest, Set(required.isEmpty ? spanningPoints() : required).sorted())
        return CandidatePool(indices: indices, images: frame.images(source, indices, team), kappa: leverages(indices))
    }

    /// D points of the sample whose lifted images are linearly independent.
    func spanningPoints() -> [Int] {
        guard frame.spanning.isEmpty else { return frame.spanning }
        let sample = frame.sample.count > tuning.spanning * order ? strided(frame.sample, tuning.spanning * order) : frame.sample
        func pivots(_ sample: [Int]) -> [Int]? {
            let lifted = Matrix(rows: order, columns: sample.count, elements: lift(frame.images(source, sample, team)))
            guard let qr = try? PivotedQR(lifted), qr.rank(relativeTolerance: 1e-9) == order else { return nil }
            return qr.permutation.prefix(order).map { sample[$0] }
        }
        return pivots(sample) ?? pivots(frame.sample) ?? frame.sample
    }

    func strided(_ values: [Int], _ count: Int) -> [Int] { (0..<count).map { values[$0 * values.count / count] } }

    /// The farthest candidates without duplicates, and points that span.
    func firstWorkingSet(_ pool: CandidatePool) -> WorkingSet {
        let size = Swift.max(tuning.working.least, tuning.working.perOrder * order)
        var positions: [Int]
        if pool.indices.count <= size + order {
            positions = Array(pool.indices.indices)
        } else {
            positions = distinct(LargestValues.indices(pool.kappa, size), pool)
            positions = Set(positions).union(spanningPoints().filter(pool.contains).map(pool.position)).sorted()
        }
        positions = distinct(positions, pool).sorted()
        return WorkingSet(positions: positions, weights: [Double](repeating: 1 / Double(positions.count), count: positions.count))
    }

    /// Adds the worst violators, without duplicates; returns their number.
    func grow(_ work: inout WorkingSet, _ pool: CandidatePool) -> Int {
        let bound = Double(order) * (1 + tuning.violation * settings.gap)
        let present = Set(work.positions)
        let violators = pool.kappa.indices.filter { pool.kappa[$0] > bound && !present.contains($0) }
        let limit = Swift.max(tuning.joining.least, tuning.joining.perOrder * order)
        let values = violators.map { pool.kappa[$0] }
        let chosen = violators.count > limit ? LargestValues.indices(values, limit).map { violators[$0] } : violators
        let added = distinct(chosen, pool)
        work.positions += added
        work.weights += [Double](repeating: 0, count: added.count)
        return added.count
    }

    /// One of each group of points with equal coordinates: those have equal κ, so few coordinates are looked at.
    private func distinct(_ positions: [Int], _ pool: CandidatePool) -> [Int] {
        let r = frame.rank
        func coordinates(_ position: Int) -> ArraySlice<Double> { pool.images[position * r..<(position + 1) * r] }
        var first: [UInt64: Int] = [:]
        var seen = Set<ArraySlice<Double>>()
        return positions.filter { position in
            let key = pool.kappa[position].bitPattern
            guard let other = first[key] else {
                first[key] = position
                return true
            }
            seen.insert(coordinates(other))
            return seen.insert(coordinates(position)).inserted
        }
    }
}

/// Columns of r numbers, each followed by ones up to the new length.
func copyColumns(
    of matrix: [Double], _ r: Int, _ columns: some RandomAccessCollection<Int>, to length: Int, _ team: ThreadTeam
) -> [Double] {
    [Double](unsafeUninitializedCapacity: length * columns.count) { out, initialized in
        LargePages.advise(UnsafeMutableRawBufferPointer(out))
        matrix.withUnsafeBufferPointer { matrix in
            guard let matrix = matrix.baseAddress, let base = out.baseAddress else { return }
            let target = SharedPointer(base)
            team.share(columns.count, inRunsOf: Swift.max(64, 65536 / length)) { run in
                for (j, column) in zip(run, columns.dropFirst(run.lowerBound)) {
                    let to = target.pointer + j * length
                    to.update(from: matrix + column * r, count: r)
                    for k in r..<length { to[k] = 1 }
                }
            }
        }
        initialized = length * columns.count
    }
}
