// The roof of the roofline, measured in the run: what this process reaches with these kernels and threads on
// work that is as easy as it gets. A line's GFLOP/s and GB/s are read against it.
//
// Compute: a square matrix product, n = 1024 (2n³ flops on 24 MB, far above the balance point of any CPU here).
// Memory: a dot product of two vectors that together exceed every cache, 16 bytes read for 2 flops.
// The best of the repetitions is kept, because a peak is an upper bound and noise only lowers it.

import LinearAlgebra

/// Measured upper bounds of one process at one thread count.
package struct PeakProbe: Codable, Sendable, Equatable {
    /// BLAS threads during the measurement.
    package let threads: Int
    /// Double-precision matrix product, 10⁹ flops per second.
    package let gflops: Double
    /// Single-precision matrix product, 10⁹ flops per second.
    package let gflopsSinglePrecision: Double
    /// Reading of large vectors, 10⁹ bytes per second.
    package let gigabytesPerSecond: Double

    /// Measures at the current thread count; takes about four times `seconds`.
    package static func measure(seconds: Double = 0.25) -> PeakProbe {
        PeakProbe(
            threads: BLASConfiguration.threads, gflops: doubleProduct(seconds), gflopsSinglePrecision: floatProduct(seconds),
            gigabytesPerSecond: reading(seconds))
    }

    private static let order = 1024
    /// Two vectors of 128 MB: larger than the last-level caches of today's servers.
    private static let vectorCount = 1 << 24

    private static func doubleProduct(_ seconds: Double) -> Double {
        let n = order
        let a = [Double](repeating: 0.5, count: n * n)
        var c = [Double](repeating: 0, count: n * n)
        let best = bestTime(seconds) { BLAS.gemm(.normal, .normal, n, n, n, 1, a, n, a, n, 0, &c, n) }
        return 2e-9 * Double(n * n * n) / best
    }

    private static func floatProduct(_ seconds: Double) -> Double {
        let n = order
        let a = [Float](repeating: 0.5, count: n * n)
        var c = [Float](repeating: 0, count: n * n)
        let best = bestTime(seconds) { BLAS.gemm(.normal, .normal, n, n, n, 1, a, n, a, n, 0, &c, n) }
        return 2e-9 * Double(n * n * n) / best
    }

    private static func reading(_ seconds: Double) -> Double {
        let x = [Double](repeating: 0.5, count: vectorCount)
        let y = [Double](repeating: 0.25, count: vectorCount)
        var sum = 0.0
        let best = bestTime(seconds) { sum += BLAS.dot(vectorCount, x, 1, y, 1) }
        precondition(sum > 0, "the probe must not be optimized away")
        return 16e-9 * Double(vectorCount) / best
    }

    // One call to warm up, then calls until the time is spent, at least two.
    private static func bestTime(_ seconds: Double, _ body: () -> Void) -> Double {
        let clock = Timepiece(threads: BLASConfiguration.threads)
        body()
        var best = Double.infinity
        let start = clock.now
        var calls = 0
        repeat {
            best = min(best, clock.measure(body))
            calls += 1
        } while calls < 2 || clock.now - start < seconds
        return best
    }
}
