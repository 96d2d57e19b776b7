// How cost grows: seconds ≈ a·xᵇ by least squares on logarithms.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A fitted power law of one sweep, with extrapolations that are labelled as such by living apart from the lines.
package struct ScalingFit: Codable, Sendable, Equatable {
    package struct Extrapolation: Codable, Sendable, Equatable {
        package let value: Int
        package let seconds: Double
        /// 68 % prediction interval (one standard error either way).
        package let low: Double
        package let high: Double
    }

    package let suite: Suite
    package let name: String
    /// The size that varies.
    package let variable: String
    /// The sizes that do not, for titles.
    package let fixed: String
    /// "product", "plain" …: which side of the comparison was fitted.
    package let side: String
    package let exponent: Double
    /// Standard error of the exponent; absent with two points, where the fit has no residual.
    package let exponentError: Double?
    /// Seconds at x = 1 by the fit.
    package let coefficient: Double
    package let measured: [Int]
    package let measuredSeconds: [Double]
    package let extrapolated: [Extrapolation]

    /// Fits `seconds` over `values` and extrapolates to two and four times the largest. `nil` with fewer than two distinct values.
    package init?(suite: Suite, name: String, variable: String, fixed: String, side: String, values: [Int], seconds: [Double]) {
        guard values.count == seconds.count, Set(values).count >= 2, seconds.allSatisfy({ $0 > 0 }) else { return nil }
        let x = values.map { log(Double($0)) }
        let y = seconds.map { log($0) }
        let count = Double(x.count)
        let meanX = x.reduce(0, +) / count
        let meanY = y.reduce(0, +) / count
        let spread = x.reduce(0) { $0 + ($1 - meanX) * ($1 - meanX) }
        let slope = zip(x, y).reduce(0) { $0 + ($1.0 - meanX) * ($1.1 - meanY) } / spread
        let intercept = meanY - slope * meanX
        let residual = zip(x, y).reduce(0) { $0 + ($1.1 - intercept - slope * $1.0) * ($1.1 - intercept - slope * $1.0) }
        let variance = x.count > 2 ? residual / (count - 2) : nil

        self.suite = suite
        self.name = name
        self.variable = variable
        self.fixed = fixed
        self.side = side
        exponent = slope
        exponentError = variance.map { ($0 / spread).squareRoot() }
        coefficient = exp(intercept)
        measured = values
        measuredSeconds = seconds
        let largest = values.max() ?? 1
        extrapolated = [2, 4].map { factor in
            let position = log(Double(largest * factor))
            let predicted = intercept + slope * position
            let deviation = variance.map { ($0 * (1 + 1 / count + (position - meanX) * (position - meanX) / spread)).squareRoot() } ?? 0
            return Extrapolation(
                value: largest * factor, seconds: exp(predicted), low: exp(predicted - deviation), high: exp(predicted + deviation))
        }
    }

    /// Seconds at `value` by the fit.
    package func predicted(_ value: Double) -> Double { coefficient * pow(value, exponent) }

    /// All sweeps among `lines`, the product's side and the plain one.
    package static func fits(of lines: [BenchmarkLine]) -> [ScalingFit] {
        struct Key: Hashable {
            let suite: Suite
            let name: String
            let variable: String
            let fixed: String
            let threads: Int
        }
        var order: [Key] = []
        var groups: [Key: [BenchmarkLine]] = [:]
        for line in lines {
            guard let variable = line.sweep, line.verified, line.seconds != nil else { continue }
            let fixed = line.sizeText.split(separator: " ").filter { !$0.hasPrefix(variable + "=") }.joined(separator: " ")
            let key = Key(suite: line.suite, name: line.name, variable: variable, fixed: fixed, threads: line.threads)
            if groups[key] == nil { order.append(key) }
            // One point per size; a line with a plain baseline tells more than one without.
            if let seen = groups[key, default: []].firstIndex(where: { $0.sizes == line.sizes }) {
                if line.baseline == Comparison.plain.rawValue { groups[key]?[seen] = line }
            } else {
                groups[key, default: []].append(line)
            }
        }
        return order.flatMap { key -> [ScalingFit] in
            let members = (groups[key] ?? []).sorted { ($0.sizes[key.variable] ?? 0) < ($1.sizes[key.variable] ?? 0) }
            let values = members.compactMap { $0.sizes[key.variable] }
            let fixed = [key.fixed, key.threads == 1 ? "" : "threads=\(key.threads)"].filter { !$0.isEmpty }.joined(separator: " ")
            func fit(_ side: String, _ pairs: [(Int, Double)]) -> ScalingFit? {
                // Two points make a line, not a law.
                guard pairs.count >= 3 else { return nil }
                return ScalingFit(
                    suite: key.suite, name: key.name, variable: key.variable, fixed: fixed, side: side,
                    values: pairs.map(\.0), seconds: pairs.map(\.1))
            }
            let own = zip(values, members).compactMap { value, line in line.seconds.map { (value, $0) } }
            let plain = zip(values, members).compactMap { value, line in
                line.baseline == Comparison.plain.rawValue ? line.baselineSeconds.map { (value, $0) } : nil
            }
            return [fit("product", own), fit("plain", plain)].compactMap { $0 }
        }
    }
}
