// Sampling by sensitivities.
//
//     t = Σs;  draw m times with probability s/t;  u(p) = count(p)·t/(m·s(p))   ⇒   E Σ u(p)f(p) = Σ f(p)    (1)
//
// Source: Langberg & Schulman, SODA 2010; Feldman & Langberg, STOC 2011.

import RandomNumbers

/// Points drawn by their sensitivities, with the weights that make sums over them unbiased.
///
/// ```swift
/// var generator = SeededGenerator(seed: 1)
/// let sample = try SensitivitySampling.draw(count: 200, sensitivities: bounds.sensitivities, generator: &generator)
/// sample.indices; sample.weights
/// ```
public struct SensitivitySampling: Sendable, Equatable {
    /// How the points were chosen.
    public enum Mode: String, Sendable, Codable {
        /// A fixed number of independent draws.
        case independent
        /// Draws until a number of different points are in; the weights are slightly biased.
        case distinct
        /// The points of largest sensitivity; no weights follow from that.
        case top
    }

    /// The chosen points, ascending, each once.
    public let indices: [Int]
    /// How often each was drawn.
    public let counts: [Int]
    /// u of (1); all 1 for `top`.
    public let weights: [Double]
    /// Draws made: m of (1); 0 for `top`.
    public let drawCount: Int
    /// How the points were drawn.
    public let mode: Mode

    /// `count` independent draws; fewer different points come out.
    /// - Throws: `invalidCount`, `invalidValue` (a sensitivity that is negative or not finite, or all zero).
    /// - Complexity: O(n + count·log n).
    public static func draw(
        count: Int, sensitivities: [Double], generator: inout some RandomNumberGenerator
    ) throws(CoresetError) -> SensitivitySampling {
        guard count >= 0 else { throw .invalidCount(name: "number of draws", expected: "0 or more", found: count) }
        let cumulative = try accumulate(sensitivities)
        guard count == 0 || (cumulative.last ?? 0) > 0 else {
            throw .invalidValue(name: "total sensitivity", expected: "positive", found: cumulative.last ?? 0)
        }
        var counts = [Int](repeating: 0, count: sensitivities.count)
        for _ in 0..<count { counts[pick(cumulative, &generator)] += 1 }
        return assemble(counts, sensitivities, cumulative.last ?? 0, draws: count, .independent)
    }

    /// Draws until `count` different points are in.
    ///
    /// m of (1) is the number of draws made. Points without sensitivity are never drawn; when fewer than `count` have
    /// any, the rest is filled up in the order of ``top(count:sensitivities:norms:)`` with weight 1.
    ///
    /// - Complexity: O(n) and log n a draw.
    public static func drawDistinct(
        count: Int, sensitivities: [Double], norms: [Double]? = nil, generator: inout some RandomNumberGenerator
    ) throws(CoresetError) -> SensitivitySampling {
        let n = sensitivities.count
        guard count >= 0, count <= n else { throw .invalidCount(name: "number of different points", expected: "0 … \(n)", found: count) }
        var cumulative = try accumulate(sensitivities)
        let total = cumulative.last ?? 0
        var counts = [Int](repeating: 0, count: n)
        var draws = 0, distinct = 0
        let reachable = min(count, sensitivities.filter { $0 > 0 }.count)
        // Plain draws, as long as they find new points at all often; beyond that only draws that do are simulated.
        let patience = 64 * (n + 64)
        while distinct < reachable {
            if draws == patience {
                cumulative = try accumulate(sensitivities.indices.map { counts[$0] > 0 ? 0 : sensitivities[$0] })
            }
            let i = pick(cumulative, &generator)
            if counts[i] == 0 {
                distinct += 1
                if draws >= patience {
                    cumulative = try accumulate(sensitivities.indices.map { counts[$0] > 0 || $0 == i ? 0 : sensitivities[$0] })
                }
            }
            counts[i] += 1
            draws += 1
        }
        let sample = assemble(counts, sensitivities, total, draws: draws, .distinct)
        guard distinct < count else { return sample }
        var weights = [Double](repeating: 0, count: n)
        for (i, weight) in zip(sample.indices, sample.weights) { weights[i] = weight }
        for i in order(sensitivities, norms) where counts[i] == 0 && distinct < count {
            counts[i] = 1
            weights[i] = 1
            distinct += 1
        }
        let indices = counts.indices.filter { counts[$0] > 0 }
        return SensitivitySampling(
            indices: indices, counts: indices.map { counts[$0] }, weights: indices.map { weights[$0] }, drawCount: draws, mode: .distinct)
    }

    /// The `count` points of largest sensitivity; ties go to the larger norm, then to the lower index.
    ///
    /// - Complexity: O(n·log n).
    public static func top(count: Int, sensitivities: [Double], norms: [Double]? = nil) throws(CoresetError) -> SensitivitySampling {
        let n = sensitivities.count
        guard count >= 0, count <= n else { throw .invalidCount(name: "number of points", expected: "0 … \(n)", found: count) }
        if let norms, norms.count != n { throw .countMismatch(name: "norms", expected: n, found: norms.count) }
        _ = try accumulate(sensitivities)
        let indices = order(sensitivities, norms).prefix(count).sorted()
        return SensitivitySampling(
            indices: indices, counts: indices.map { _ in 1 }, weights: indices.map { _ in 1 }, drawCount: 0, mode: .top)
    }

    private static func order(_ sensitivities: [Double], _ norms: [Double]?) -> [Int] {
        sensitivities.indices.sorted {
            (-sensitivities[$0], -(norms?[$0] ?? 0), $0) < (-sensitivities[$1], -(norms?[$1] ?? 0), $1)
        }
    }

    private static func accumulate(_ sensitivities: [Double]) throws(CoresetError) -> [Double] {
        var running = 0.0
        var cumulative: [Double] = []
        cumulative.reserveCapacity(sensitivities.count)
        for s in sensitivities {
            guard s >= 0, s.isFinite else { throw .invalidValue(name: "sensitivity", expected: "finite and 0 or more", found: s) }
            running += s
            cumulative.append(running)
        }
        return cumulative
    }

    // The first index whose cumulative sum exceeds a uniform number below the total: never one of sensitivity 0.
    private static func pick(_ cumulative: [Double], _ generator: inout some RandomNumberGenerator) -> Int {
        let level = generator.uniform() * cumulative[cumulative.count - 1]
        var low = 0, high = cumulative.count - 1
        while low < high {
            let middle = (low + high) / 2
            if cumulative[middle] > level { high = middle } else { low = middle + 1 }
        }
        // The product above may round up to the total, past the last point that has any sensitivity.
        while low > 0, cumulative[low] == cumulative[low - 1] { low -= 1 }
        return low
    }

    private static func assemble(_ counts: [Int], _ s: [Double], _ total: Double, draws: Int, _ mode: Mode) -> SensitivitySampling {
        let indices = counts.indices.filter { counts[$0] > 0 }
        return SensitivitySampling(
            indices: indices, counts: indices.map { counts[$0] },
            weights: indices.map { Double(counts[$0]) * total / (Double(draws) * s[$0]) }, drawCount: draws, mode: mode)
    }
}
