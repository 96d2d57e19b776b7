// How alike the places of one image are: what a sample is worth where many come from one image.
//
// With ρ the share of a regressor's variance that lies between images and ρ' that of what a fit does not explain, N images of p places
// tell as much about the coefficients of the fit as
//   N·p/(1 + (p − 1)·ρ·ρ')                                                                                 (1)
// independent samples. What is not explained comes from regressors that were given up, of the same layer: ρ' = ρ. ρ follows from the
// variance V_M of the images' means and that of all samples V, summed over regressors:
//   V_M·N/(N − 1) = B + W/p,   V = B + W,   ρ = B/V.                                                       (2)
// Sources: for means, Kish, Survey Sampling (1965), ch. 5; for coefficients, Moulton, Journal of Econometrics 32 (1986) 385–397.

import LinearAlgebra

/// Sums of (2) over a stream of samples.
package struct PlaceCorrelation: Sendable {
    /// Those of a part of it: Σ of samples by image, and Σ of squares of all.
    package struct Sums: Sendable {
        fileprivate var images: [(source: Int, samples: Int, sum: [Double])] = []
        fileprivate var squares = 0.0

        package init() {}

        /// All samples of one image under windows.
        init(_ image: WindowImage, on grid: WindowGrid, image source: Int) {
            let (sum, squares) = image.sums(on: grid)
            (images, self.squares) = ([(source, grid.count, sum)], squares)
        }

        /// - Parameters:
        ///   - block: samples as columns; those of one image lie side by side.
        ///   - sources: the image of every column.
        package init(_ block: Matrix, images sources: [Int]) {
            let n = block.rows
            block.elements.withUnsafeBufferPointer { values in
                var first = 0
                while first < sources.count {
                    let end = sources[first...].firstIndex { $0 != sources[first] } ?? sources.count
                    var sum = [Double](repeating: 0, count: n)
                    var energy = 0.0
                    for j in first..<end {
                        for i in 0..<n {
                            let value = values[j * n + i]
                            sum[i] += value
                            energy += value * value
                        }
                    }
                    squares += energy
                    images.append((sources[first], end - first, sum))
                    first = end
                }
            }
        }
    }

    private var sums: [Double]
    private var squares = 0.0
    private var squaredMeans = 0.0
    private var images = 0
    private var samples = 0

    package init(regressors: Int) { sums = [Double](repeating: 0, count: regressors) }

    /// Adds samples as columns; those of one image lie side by side.
    ///
    /// - Parameter sources: the image of every column.
    package mutating func add(_ block: Matrix, images sources: [Int]) { add([Sums(block, images: sources)]) }

    /// Adds sums of parts in their order; parts of one image follow each other.
    package mutating func add(_ parts: [Sums]) {
        var open: (source: Int, samples: Int, sum: [Double])?
        for part in parts {
            squares += part.squares
            for image in part.images {
                guard let last = open, last.source == image.source else {
                    if let open { close(open.samples, open.sum) }
                    open = image
                    continue
                }
                open?.samples += image.samples
                for i in image.sum.indices { open?.sum[i] += image.sum[i] }
            }
        }
        if let open { close(open.samples, open.sum) }
    }

    private mutating func close(_ count: Int, _ sum: [Double]) {
        for i in sums.indices {
            let mean = sum[i] / Double(count)
            sums[i] += mean
            squaredMeans += mean * mean
        }
        images += 1
        samples += count
    }

    /// Images that are worth `rows` independent samples by (1); at least two.
    package func images(worth rows: Int) -> Int {
        guard images > 1, samples > images else { return Swift.max(2, rows) }
        let (n, p) = (Double(images), Double(samples) / Double(images))
        let center = sums.reduce(0) { $0 + ($1 / n) * ($1 / n) }
        let variance = squares / Double(samples) - center
        let ofMeans = (squaredMeans / n - center) * n / (n - 1)
        guard variance > 0, ofMeans.isFinite else { return 2 }
        let between = Swift.min(1, Swift.max(0, (ofMeans / variance - 1 / p) / (1 - 1 / p)))
        return Swift.max(2, Int((Double(rows) * (1 + (p - 1) * between * between) / p).rounded(.up)))
    }
}
