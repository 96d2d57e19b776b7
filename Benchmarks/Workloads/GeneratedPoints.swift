import ConvexGeometry
import Foundation
import TensorFiles

/// Points that are computed whenever they are read: sets of any size in no memory at all.
///
/// Each coordinate is a sum of three uniform numbers from a hash of its place (SplitMix64's finalizer), nearly normal, with a deviation of 1
/// and in single precision.
package struct GeneratedPoints: PointSource {
    package let pointCount: Int
    package let dimension: Int
    let seed: UInt64

    package init(_ count: Int, _ dimension: Int, seed: UInt64) { (pointCount, self.dimension, self.seed) = (count, dimension, seed) }

    package var relativePrecision: Double { Double(Float.ulpOfOne) }

    package func withBlock(_ range: Range<Int>, _ body: (PointBlock) -> Void) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: range.count * dimension) { numbers in
            guard let base = numbers.baseAddress else { return }
            fill(range, base)
            body(.float(UnsafePointer(base)))
        }
    }

    /// Writes the coordinates of some consecutive points.
    func fill(_ range: Range<Int>, _ out: UnsafeMutablePointer<Float>) {
        let first = UInt64(range.lowerBound * dimension)
        for k in 0..<range.count * dimension {
            var z = (first &+ UInt64(k) &+ seed) &* 0x9E37_79B9_7F4A_7C15
            z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
            z ^= z >> 31
            let sum =
                Int32(truncatingIfNeeded: z & 0x1F_FFFF) &+ Int32(truncatingIfNeeded: z >> 21 & 0x1F_FFFF)
                &+ Int32(truncatingIfNeeded: z >> 42 & 0x1F_FFFF)
            // Three uniforms on [0, 2²¹) have the deviation 2²⁰; sums below 2²⁴ are exact.
            out[k] = Float(sum &- 0x2F_FFFF) * 0x1p-20
        }
    }
}

extension GeneratedPoints {
    /// Calls `body` with the coordinates of some consecutive points, a run after the other.
    func forEachRun(of range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
        let step = 1 << 16
        var buffer = [Float](repeating: 0, count: step * dimension)
        for start in stride(from: range.lowerBound, to: range.upperBound, by: step) {
            let part = start..<min(start + step, range.upperBound)
            try buffer.withUnsafeMutableBufferPointer {
                guard let base = $0.baseAddress else { return }
                fill(part, base)
                try body(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: $0[..<(part.count * dimension)])))
            }
        }
    }

    /// Writes some consecutive points as a `.npy` file.
    func writeNPY(_ range: Range<Int>, to path: String) throws {
        try Data().write(to: URL(fileURLWithPath: path))
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        defer { try? file.close() }
        try file.write(contentsOf: Data(NPY.header(dtype: .f32, shape: [range.count, dimension])))
        try forEachRun(of: range) { try file.write(contentsOf: Data($0)) }
    }
}
