// Planes of some images of one fold and what a consumer makes at all their places, about their centers.

import LinearAlgebra

/// Samples that 3×3 windows at all places of some images are.
struct WindowTile: Sendable {
    let grid: WindowGrid
    let images: Int
    /// Deviations of planes and of targets: plane by plane, its places by rank, and the images next to each other.
    let planes, targets: [Float]
    let planeCenter, targetCenter: [Double]
    /// Their sums over the images, plane by plane and place by rank.
    let planeSums: [Double]
    let targetSums: [Double]
    /// Σ of squared deviations, by target.
    let targetSquares: [Double]

    /// Values of one plane.
    var stride: Int { grid.count * images }

    init(_ grid: WindowGrid, _ images: [WindowImage], centers: MomentAccumulator) {
        let (places, count, q) = (grid.places, images.count, centers.targets)
        let planeCenter = Swift.stride(from: 0, to: centers.channels, by: WindowGrid.taps.count).map { centers.channelCenter[$0] }
        (self.grid, self.images, self.planeCenter, targetCenter) = (grid, count, planeCenter, centers.targetCenter)
        /// Deviations by rank and image, their sums by rank, and squares.
        func centered(
            _ rows: Int, _ center: [Double], _ value: (_ row: Int, _ image: Int, _ place: Int) -> Double
        ) -> (values: [Float], sums: [Double], squares: [Double]) {
            var values = [Float].uninitialized(rows * places.count * count)
            var sums = [Double](repeating: 0, count: rows * places.count)
            var energies = [Double](repeating: 0, count: rows)
            values.withUnsafeMutableBufferPointer { values in
                sums.withUnsafeMutableBufferPointer { sums in
                    energies.withUnsafeMutableBufferPointer { energies in
                        // Every row is one thread's.
                        nonisolated(unsafe) let (values, sums, energies) = (values, sums, energies)
                        BLASConfiguration.share(rows, inRunsOf: WindowTile.rowsOfPart) { part in
                            for (rank, place) in places.enumerated() {
                                for image in 0..<count {
                                    for row in part {
                                        let deviation = value(row, image, place) - center[row]
                                        values[(row * places.count + rank) * count + image] = Float(deviation)
                                        sums[row * places.count + rank] += deviation
                                        energies[row] += deviation * deviation
                                    }
                                }
                            }
                        }
                    }
                }
            }
            return (values, sums, energies)
        }
        let rows = planeCenter.count
        (planes, planeSums, _) = images.flatMap(\.planes).withUnsafeBufferPointer { x in
            centered(rows, planeCenter) { Double(x[($1 * rows + $0) * places.count + $2]) }
        }
        (targets, targetSums, targetSquares) = images.flatMap(\.targets.elements).withUnsafeBufferPointer { z in
            centered(q, centers.targetCenter) { z[($1 * places.count + $2) * q + $0] }
        }
    }

    /// Rows that a thread centers at a time: targets of one place lie side by side, a line of the cache.
    private static let rowsOfPart = 8
}
