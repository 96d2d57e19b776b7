// One read of the points for their leverages, as something that can be handed to whoever holds a share of them.

import LinearAlgebra
import MessagePassing

/// How leverages are measured, and which of them are wanted.
struct LeverageRead {
    let factor: DesignFactor
    let map: LeverageMap
    /// The frame that the factor is for, of delicate sets; nil where plain arithmetic will do.
    let careful: CarefulFrame?
    let order: Int
    let capacity: Int
    let floor: Double

    /// What it takes to compute images of points as if in twice the precision.
    struct CarefulFrame {
        let transform: [Double]
        let origin: [Double]
        let noise: Double
    }

    /// The farthest points of a range; nil when a leverage is not finite.
    func farthest(_ source: some PointSource, _ range: Range<Int>, team: ThreadTeam) -> FarthestPoints? {
        let collector = FarthestPointsCollector(capacity: capacity, floor: floor)
        map.leverages(of: source, in: range, team: team) { first, kappa, count in
            refine(source, first, kappa, count)
            collector.take(kappa, first: first, count: count)
        }
        return collector.finish()
    }

    /// Thin, slanted sets: κ of plain arithmetic is noisy, so whatever may matter is recomputed with compensated sums.
    func refine(_ source: some PointSource, _ first: Int, _ kappa: UnsafeMutablePointer<Double>, _ count: Int) {
        guard let careful else { return }
        // The largest κ is D or more, since that is the mean over the weights, and the noise may hide it.
        let noise = Swift.min(1, 64 * careful.noise * Double(order))
        let threshold = noise < 0.1 ? Double(order) * (1 - noise) * (1 - noise) * 0.9 : -.infinity
        // What is not finite must be seen as it is.
        let candidates = (0..<count).filter { kappa[$0] >= threshold }
        guard !candidates.isEmpty else { return }
        let (r, d) = (factor.rank, map.dimension)
        var images = [Double](repeating: 0, count: r * candidates.count)
        CompensatedProduct.affineImage(
            careful.transform, r, d, careful.origin, source.gather(candidates.map { first + $0 }), candidates.count, into: &images)
        var values = [Double](repeating: 0, count: candidates.count)
        factor.leverages(ofImages: images, count: candidates.count, base: map.base, into: &values, team: .single)
        for (value, position) in zip(values, candidates) { kappa[position] = value }
    }
}

extension LeverageRead {
    /// As a message.
    var bytes: [UInt8] {
        var message = MessageBuffer()
        message.write([map.rank, map.dimension, order, capacity, careful == nil ? 0 : 1])
        message.write([map.base, floor])
        for values in [map.matrix, map.offset, map.origin, factor.mean, factor.inverse] { message.write(values) }
        if let careful {
            message.write(careful.transform)
            message.write(careful.origin)
            message.write([careful.noise])
        }
        return message.bytes
    }

    init(bytes: [UInt8]) {
        var message = MessageBuffer(bytes)
        let (sizes, numbers) = (message.readInts(), message.readDoubles())
        let values = (0..<5).map { _ in message.readDoubles() }
        map = LeverageMap(
            rank: sizes[0], dimension: sizes[1], matrix: values[0], offset: values[1], origin: values[2], base: numbers[0])
        factor = DesignFactor(rank: sizes[0], mean: values[3], inverse: values[4], logDeterminant: 0)
        (order, capacity, floor) = (sizes[2], sizes[3], numbers[1])
        careful =
            sizes[4] == 0
            ? nil : CarefulFrame(transform: message.readDoubles(), origin: message.readDoubles(), noise: message.readDoubles()[0])
    }

    /// The farthest points of all points, found by all ranks of a group, at rank 0: one broadcast of the map, one tree of candidates.
    /// - Throws: `nonFinite`, and `notRepresentable` where leverages overflow.
    func farthest(
        _ source: some PointSource, processes: any ProcessGroup, team: ThreadTeam
    ) throws(GeometryError) -> FarthestPoints {
        guard processes.count > 1 else { return try find(source, 0..<source.pointCount, team) }
        _ = processes.broadcast(bytes)
        guard let found = try join(source, processes, team) else { throw .breakdown("a read was asked for by a process of another rank") }
        return found
    }

    /// Finds what is farthest in a rank's share; what all have found at rank 0, nil elsewhere.
    @discardableResult
    func join(_ source: some PointSource, _ processes: any ProcessGroup, _ team: ThreadTeam) throws(GeometryError) -> FarthestPoints? {
        let share = processes.share(of: source.pointCount, inRunsOf: map.blockSize, rank: processes.rank)
        let own = Result { () throws(GeometryError) in try find(source, share, team) }
        let all = processes.combine(Self.message(own)) { Self.message(merged(Self.result($0), Self.result($1))) }
        guard let all else { return nil }
        return try Self.result(all).get()
    }

    private func find(_ source: some PointSource, _ range: Range<Int>, _ team: ThreadTeam) throws(GeometryError) -> FarthestPoints {
        guard let found = farthest(source, range, team: team) else {
            throw source.firstNonFinite(in: range) ?? .notRepresentable(reason: "coordinates that overflow")
        }
        return found
    }

    private typealias Finding = Result<FarthestPoints, GeometryError>

    /// What two neighbors found, the first of them earlier points. A number that is none comes before all else, as in a scan of all.
    private func merged(_ first: Finding, _ second: Finding) -> Finding {
        switch (first, second) {
        case (.success(let first), .success(let second)):
            let collector = FarthestPointsCollector(capacity: capacity, floor: floor)
            collector.take(first)
            collector.take(second)
            return collector.finish().map { .success($0) } ?? .failure(.notRepresentable(reason: "coordinates that overflow"))
        case (.failure(.nonFinite), _), (.failure, .success): return first
        case (_, .failure(.nonFinite)), (.success, .failure): return second
        case (.failure, .failure): return first
        }
    }

    private static func message(_ finding: Finding) -> [UInt8] {
        switch finding {
        case .success(let found): [0] + found.bytes
        case .failure(let error): [1] + error.bytes
        }
    }

    private static func result(_ bytes: [UInt8]) -> Finding {
        let rest = Array(bytes.dropFirst())
        return bytes.first == 0 ? .success(FarthestPoints(bytes: rest)) : .failure(GeometryError(bytes: rest))
    }
}

extension MinimumVolumeEllipsoid {
    /// Shares the reads of fits that rank 0 of a group makes with these `processes` in its settings, until it releases the group.
    ///
    /// Every process must be able to read all points (files on a common file system, say), and reads its share of them:
    ///
    /// ```swift
    /// if processes.rank > 0 { return MinimumVolumeEllipsoid.shareReads(of: points, with: processes) }
    /// defer { processes.release() }
    /// let fit = try MinimumVolumeEllipsoid(points: points, settings: settings)    // settings.processes = processes
    /// ```
    ///
    /// The answer has the same bytes for any number of processes.
    public static func shareReads(
        of points: some PointSource, with processes: any ProcessGroup, threads: Int = BLASConfiguration.configuredThreads
    ) {
        let team = BLASConfiguration.team(threads)
        BLASConfiguration.withSingleThread {
            // What is wrong is said by rank 0.
            processes.serve { _ = try? LeverageRead(bytes: $0).join(points, processes, team) }
        }
    }
}
