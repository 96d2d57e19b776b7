// One read of the points: κ̃ᵢ = ‖W·(pᵢ − o) − w‖² for every point.
//
// Blocks of a few hundred points stay in the second-level cache: shift, one dgemm with the inverted factor, norms of
// columns. Shifting by o first keeps an offset of 1e8 from eating the digits of the product.

import Dispatch
import LinearAlgebra

/// The affine map p ↦ W·(p − o) − w to ℝʳ whose squared norm is a leverage.
struct LeverageMap: Sendable {
    let rank: Int
    let dimension: Int
    /// W, r×d by columns.
    let matrix: [Double]
    /// w, r numbers.
    let offset: [Double]
    /// o, d numbers.
    let origin: [Double]

    /// Points per block: the shifted block and its image take about 512 KiB.
    var blockSize: Int { Swift.max(16, 32768 / Swift.max(dimension, rank) / 4 * 4) }

    /// κ̃ of all points of `source` into `out`, on `threads` tasks; bytes do not depend on their number.
    func leverages(of source: some PointSource, into out: UnsafeMutablePointer<Double>, threads: Int) {
        let n = source.pointCount
        let blocks = (n + blockSize - 1) / blockSize
        guard threads > 1, blocks >= 8 * threads else { return run(source, 0..<n, out) }
        // Runs of whole blocks, so that each point is in the same block whatever the number of threads.
        let perTask = (blocks + threads - 1) / threads * blockSize
        let target = SendablePointer(out)
        Kernels.withSingleThread {
            DispatchQueue.concurrentPerform(iterations: threads) { task in
                run(source, Swift.min(n, task * perTask)..<Swift.min(n, (task + 1) * perTask), target.pointer)
            }
        }
    }

    private func run(_ source: some PointSource, _ range: Range<Int>, _ out: UnsafeMutablePointer<Double>) {
        let (d, r) = (dimension, rank)
        let isShifted = origin.contains { $0 != 0 }
        withUnsafeTemporaryAllocation(of: Double.self, capacity: (d + r) * blockSize) { workspace in
            let shifted = workspace.baseAddress!
            let image = shifted + d * blockSize
            for start in stride(from: range.lowerBound, to: range.upperBound, by: blockSize) {
                let count = Swift.min(blockSize, range.upperBound - start)
                source.withBlock(start..<start + count) { block in
                    var input = UnsafePointer(shifted)
                    switch block {
                    case .double(let p) where !isShifted: input = p
                    case .double(let p):
                        origin.withUnsafeBufferPointer { o in
                            for j in 0..<count { for k in 0..<d { shifted[k + j * d] = p[k + j * d] - o[k] } }
                        }
                    case .float(let p):
                        origin.withUnsafeBufferPointer { o in
                            for j in 0..<count { for k in 0..<d { shifted[k + j * d] = Double(p[k + j * d]) - o[k] } }
                        }
                    }
                    BLAS.gemm(.normal, .normal, r, count, d, 1, matrix, r, input, d, 0, image, r)
                }
                offset.withUnsafeBufferPointer { squaredNorms(image, r, count, minus: $0.baseAddress!, into: out + start) }
            }
        }
    }
}

/// outⱼ = ‖zⱼ − w‖² for the columns of an r×count block.
@inline(__always)
func squaredNorms(_ z: UnsafePointer<Double>, _ r: Int, _ count: Int, minus w: UnsafePointer<Double>, into out: UnsafeMutablePointer<Double>) {
    for j in 0..<count {
        let column = z + j * r
        var (a, b) = (SIMD4<Double>(), SIMD4<Double>())
        var k = 0
        while k + 8 <= r {
            let x = UnsafeRawPointer(column + k).loadUnaligned(as: SIMD4<Double>.self) - UnsafeRawPointer(w + k).loadUnaligned(as: SIMD4<Double>.self)
            let y = UnsafeRawPointer(column + k + 4).loadUnaligned(as: SIMD4<Double>.self) - UnsafeRawPointer(w + k + 4).loadUnaligned(as: SIMD4<Double>.self)
            a += x * x
            b += y * y
            k += 8
        }
        var sum = (a + b).sum()
        while k < r {
            let x = column[k] - w[k]
            sum += x * x
            k += 1
        }
        out[j] = sum
    }
}

/// outⱼ = ‖zⱼ‖² for the columns of an r×count block.
func squaredNorms(_ z: UnsafePointer<Double>, _ r: Int, _ count: Int, into out: UnsafeMutablePointer<Double>) {
    for j in 0..<count {
        let column = z + j * r
        var (a, b) = (SIMD4<Double>(), SIMD4<Double>())
        var k = 0
        while k + 8 <= r {
            let x = UnsafeRawPointer(column + k).loadUnaligned(as: SIMD4<Double>.self)
            let y = UnsafeRawPointer(column + k + 4).loadUnaligned(as: SIMD4<Double>.self)
            a += x * x
            b += y * y
            k += 8
        }
        var sum = (a + b).sum()
        while k < r {
            sum += column[k] * column[k]
            k += 1
        }
        out[j] = sum
    }
}

/// A pointer that tasks may share because each writes its own part.
struct SendablePointer<T>: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<T>
    init(_ pointer: UnsafeMutablePointer<T>) { self.pointer = pointer }
}
