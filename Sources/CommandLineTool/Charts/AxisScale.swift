// From numbers to positions, with ticks at round numbers.

import Foundation

/// One axis of a chart.
struct AxisScale {
    enum Kind { case linear, logarithmic }

    let kind: Kind
    let low: Double
    let high: Double
    let ticks: [Double]

    /// A scale that covers `values`, its ends and ticks at round numbers. On a logarithmic axis only positive values count.
    init(_ kind: Kind, covering values: [Double], includingZero: Bool = false, tickCount: Int = 5) {
        self.kind = kind
        let usable = values.filter { $0.isFinite && (kind == .linear || $0 > 0) }
        switch kind {
        case .linear:
            var (least, most) = (usable.min() ?? 0, usable.max() ?? 1)
            if includingZero { (least, most) = (min(least, 0), max(most, 0)) }
            if most <= least { (least, most) = (least - max(1, least.magnitude) / 2, least + max(1, least.magnitude) / 2) }
            let step = Self.roundStep((most - least) / Double(max(1, tickCount)))
            low = (least / step + 1e-9).rounded(.down) * step
            high = (most / step - 1e-9).rounded(.up) * step
            ticks = (0...Int(((high - low) / step).rounded())).map { [low] in low + Double($0) * step }
        case .logarithmic:
            let least = floor(log10(usable.min() ?? 1) + 1e-9)
            var most = ceil(log10(usable.max() ?? 10) - 1e-9)
            if most <= least { most = least + 1 }
            low = pow(10, least)
            high = pow(10, most)
            let stride = max(1, Int((most - least) / Double(max(1, tickCount)) + 0.999))
            ticks = Swift.stride(from: Int(least), through: Int(most), by: stride).map { pow(10, Double($0)) }
        }
    }

    /// A linear scale with given ends.
    init(from low: Double, to high: Double, step: Double) {
        kind = .linear
        self.low = low
        self.high = high
        let first = (low / step).rounded(.up) * step
        ticks = stride(from: first, through: high + 1e-9 * step, by: step).map { $0.magnitude < 1e-9 * step ? 0 : $0 }
    }

    /// A logarithmic scale with given ends and ticks.
    init(logarithmicFrom low: Double, to high: Double, ticks: [Double]) {
        kind = .logarithmic
        self.low = low
        self.high = high
        self.ticks = ticks
    }

    /// A logarithmic scale that ends at 1, 2 or 5 times powers of ten around `values`, where whole decades would waste room.
    init(spanning values: [Double], maximumTicks: Int = 7) {
        let usable = values.filter { $0 > 0 && $0.isFinite }
        let steps = (-12...15).flatMap { power in [1.0, 2, 5].map { $0 * pow(10, Double(power)) } }
        let low = steps.last { $0 <= (usable.min() ?? 1) * 1.0001 } ?? steps[0]
        let high = max(steps.first { $0 >= (usable.max() ?? 10) * 0.9999 } ?? 1e15, low * 2)
        let inside = steps.filter { $0 >= low * 0.999 && $0 <= high * 1.001 }
        let decades = inside.filter { abs(log10($0) - log10($0).rounded()) < 1e-9 }
        self.init(logarithmicFrom: low, to: high, ticks: inside.count <= maximumTicks ? inside : decades)
    }

    /// Where a value lies, 0 at the low end and 1 at the high end; `nil` for what a logarithm cannot show.
    func position(_ value: Double) -> Double? {
        switch kind {
        case .linear: value.isFinite ? (value - low) / (high - low) : nil
        case .logarithmic: value > 0 && value.isFinite ? log(value / low) / log(high / low) : nil
        }
    }

    /// The text of a tick.
    func label(_ value: Double) -> String {
        switch kind {
        case .linear:
            let step = ticks.count > 1 ? ticks[1] - ticks[0] : 1
            let digits = max(0, min(6, Int(ceil(-log10(max(step.magnitude, 1e-300)) - 1e-9))))
            return value.magnitude >= 1e6 || (step < 1e-6 && value != 0) ? String(format: "%.1e", value) : Format.fixed(value, digits)
        case .logarithmic:
            let exponent = Int(log10(value).rounded())
            switch exponent {
            case -2...5:
                return value >= 1 ? Format.count(Int(value.rounded())) : Format.fixed(value, max(1, -Int(floor(log10(value) + 1e-9))))
            default:
                let power = Int(floor(log10(value) + 1e-9))
                let factor = (value / pow(10, Double(power))).rounded()
                return (factor == 1 ? "" : "\(Int(factor))·") + "10" + Self.superscript(power)
            }
        }
    }

    /// 1, 2 or 5 times a power of ten, at least `value`.
    static func roundStep(_ value: Double) -> Double {
        let power = pow(10, floor(log10(max(value, 1e-300))))
        for factor in [1.0, 2, 5] where factor * power >= value * (1 - 1e-9) { return factor * power }
        return 10 * power
    }

    private static func superscript(_ exponent: Int) -> String {
        let digits = Array("⁰¹²³⁴⁵⁶⁷⁸⁹")
        return (exponent < 0 ? "⁻" : "") + String(String(exponent.magnitude).compactMap { $0.wholeNumberValue }.map { digits[$0] })
    }
}
