// Mean and variance of what batch normalizations read, gathered chunk of samples by chunk.
//
// Sums are taken about each channel's stored mean o, which is where values lie when a network sees what it was trained on:
//     Σ(x − o) and Σ(x − o)²
// in eight Float lanes along the positions of one sample, and in Double over samples. Chunks are added in their order, so that
// the result does not depend on which thread took which.

import LinearAlgebra

/// Where batch normalizations read, and how their statistics are summed.
struct NormalizationSums: Sendable {
    struct Site: Sendable {
        let node: Int
        let storage: Int
        let channels: Int
        let positions: Int
        /// One per channel.
        let origin: [Float]
    }

    let sites: [Site]
    private let channelCount: Int

    init(_ sites: [Site]) {
        self.sites = sites
        channelCount = sites.reduce(0) { $0 + $1.channels }
    }

    /// Both sums of every channel over `count` samples.
    func sums(_ values: [UnsafeMutablePointer<Float>], count: Int) -> [Double] {
        var own = [Double](repeating: 0, count: 2 * channelCount)
        var at = 0
        for site in sites {
            for channel in 0..<site.channels {
                for image in 0..<count {
                    let x = values[site.storage] + (image * site.channels + channel) * site.positions
                    let (first, second) = Self.sums(x, count: site.positions, origin: site.origin[channel])
                    own[at] += Double(first)
                    own[at + 1] += Double(second)
                }
                at += 2
            }
        }
        return own
    }

    private static func sums(_ x: UnsafePointer<Float>, count: Int, origin: Float) -> (Float, Float) {
        var (firsts, seconds) = (SIMD8<Float>.zero, SIMD8<Float>.zero)
        let bulk = count & ~7
        for i in stride(from: 0, to: bulk, by: 8) {
            let value = UnsafeRawPointer(x + i).loadUnaligned(as: SIMD8<Float>.self) - origin
            firsts += value
            seconds += value * value
        }
        var (first, second) = (firsts.sum(), seconds.sum())
        for i in bulk..<count {
            let value = x[i] - origin
            first += value
            second += value * value
        }
        return (first, second)
    }

    /// Mean and population variance by node, from the sums of all chunks.
    func statistics(_ chunks: [[Double]], samples: Int) -> [Int: ChannelStatistics] {
        var result: [Int: ChannelStatistics] = [:]
        var at = 0
        for site in sites {
            let count = Double(max(1, samples * site.positions))
            var statistics = ChannelStatistics(mean: [], variance: [])
            for origin in site.origin {
                let mean = chunks.reduce(0) { $0 + $1[at] } / count
                let square = chunks.reduce(0) { $0 + $1[at + 1] } / count
                statistics.mean.append(Float(Double(origin) + mean))
                statistics.variance.append(Float(max(0, square - mean * mean)))
                at += 2
            }
            result[site.node] = statistics
        }
        return result
    }
}
