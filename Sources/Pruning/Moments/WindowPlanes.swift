// What 3×3 windows read of a batch: planes in a tensor of images.

import LinearAlgebra

/// Where the planes of images lie that windows read at all places.
struct WindowPlanes: Sendable {
    let grid: WindowGrid
    /// Values of an image, all of its planes.
    let imageSize: Int
    /// Where each plane that is read begins in its image; its places lie in their order.
    let planes: [Int]

    /// An image of a tensor with what a consumer makes at its places.
    func image(_ index: Int, of values: [Float], targets: Matrix) -> WindowImage {
        var read = [Float].uninitialized(planes.count * grid.count)
        read.withUnsafeMutableBufferPointer { target in
            values.withUnsafeBufferPointer { source in
                for (k, first) in planes.enumerated() {
                    (target.baseAddress! + k * grid.count).update(from: source.baseAddress! + index * imageSize + first, count: grid.count)
                }
            }
        }
        return WindowImage(planes: read, targets: targets)
    }
}

/// One image: planes that windows read, and a column of targets for every place.
package struct WindowImage: Sendable {
    let planes: [Float]
    let targets: Matrix

    /// - Parameters:
    ///   - planes: one after the other, places in their order.
    ///   - targets: a column for every place.
    package init(planes: [Float], targets: Matrix) { (self.planes, self.targets) = (planes, targets) }

    /// Mean of every plane.
    func means(on grid: WindowGrid) -> [Double] {
        stride(from: 0, to: planes.count, by: grid.count).map { first in
            planes[first..<first + grid.count].reduce(0) { $0 + Double($1) } / Double(grid.count)
        }
    }

    /// Σ of what every tap of every plane reads, and Σ of its squares over all of them.
    func sums(on grid: WindowGrid) -> (taps: [Double], squares: Double) {
        let area = grid.count
        let reads = WindowGrid.taps.map { tap in grid.moved(by: tap).compactMap { $0.map { grid.places[$0] } } }
        // How many windows read a place.
        var windows = [Double](repeating: 0, count: area)
        for read in reads { for place in read { windows[place] += 1 } }
        var (taps, squares) = ([Double](repeating: 0, count: planes.count / area * reads.count), 0.0)
        planes.withUnsafeBufferPointer { values in
            for plane in 0..<values.count / area {
                let own = UnsafeBufferPointer(rebasing: values[plane * area..<(plane + 1) * area])
                for place in 0..<area { squares += windows[place] * Double(own[place]) * Double(own[place]) }
                for (t, read) in reads.enumerated() { taps[plane * reads.count + t] = read.reduce(0) { $0 + Double(own[$1]) } }
            }
        }
        return (taps, squares)
    }
}
