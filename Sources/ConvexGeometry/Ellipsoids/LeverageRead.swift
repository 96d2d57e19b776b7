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

    /// Where ranks begin: shares are cut where tasks are, so that every point is in the same place of the same block of the same loop
    /// whoever reads it.
    func share(of rank: Int, among count: Int, pointCount n: Int) -> Range<Int> {
        let task = map.taskSize
        let tasks = (n + task - 1) / task
        func bound(_ rank: Int) -> Int { Swift.min(n, tasks * rank / count * task) }
        return bound(rank)..<bound(rank + 1)
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
            message.write(careful.noise)
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
            ? nil : CarefulFrame(transform: message.readDoubles(), origin: message.readDoubles(), noise: message.readDouble())
    }

    /// The farthest points of all, at rank 0, by all ranks of a group: one broadcast of the map, one gather of candidates.
    func farthest(_ source: some PointSource, processes: any ProcessGroup, team: ThreadTeam) -> FarthestPoints? {
        guard processes.count > 1 else { return farthest(source, 0..<source.pointCount, team: team) }
        _ = processes.broadcast(bytes)
        let answers = processes.gather(answer(source, processes, team))
        let collector = FarthestPointsCollector(capacity: capacity, floor: floor)
        for answer in answers {
            guard let part = FarthestPoints(bytes: answer) else { return nil }
            collector.take(part)
        }
        return collector.finish()
    }

    /// What a rank finds in its share.
    fileprivate func answer(_ source: some PointSource, _ processes: any ProcessGroup, _ team: ThreadTeam) -> [UInt8] {
        let range = share(of: processes.rank, among: processes.count, pointCount: source.pointCount)
        return farthest(source, range, team: team)?.bytes ?? []
    }
}

extension MinimumVolumeEllipsoid {
    /// Shares the reads of a fit that rank 0 of a group makes with these `processes` in its settings, until that fit is done.
    ///
    /// Every process must be able to read all points (files on a common file system, say), and reads its share of them:
    ///
    /// ```swift
    /// if processes.rank > 0 { return MinimumVolumeEllipsoid.shareReads(of: points, with: processes) }
    /// let fit = try MinimumVolumeEllipsoid(points: points, settings: settings)    // settings.processes = processes
    /// ```
    ///
    /// The answer has the same bytes for any number of processes.
    public static func shareReads(
        of points: ConcatenatedPoints, with processes: any ProcessGroup, threads: Int = BLASConfiguration.configuredThreads
    ) {
        let team = ThreadTeam(threads)
        BLASConfiguration.withSingleThread {
            while true {
                let request = processes.broadcast([])
                guard !request.isEmpty else { return }
                _ = processes.gather(LeverageRead(bytes: request).answer(points, processes, team))
            }
        }
    }
}
