// Numbers for people: as many digits as help, units next to them.

import Foundation

enum Format {
    /// `digits` decimals.
    static func fixed(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }

    /// A lower bound with so many digits behind the point, rounded down: what is printed holds, too.
    static func atLeast(_ value: Double, _ digits: Int) -> String {
        var text = fixed(value, digits)
        // Its last digit is one too high, or not: as a decimal number it says so itself.
        if let printed = Double(text), printed > value { text = fixed(value - 0.5 * pow(10, -Double(digits)), digits) }
        return text
    }

    /// Three significant digits, scientific when very small or large.
    static func number(_ value: Double) -> String {
        if value == 0 { return "0" }
        return value.magnitude >= 1e-3 && value.magnitude < 1e5 ? String(format: "%.4g", value) : String(format: "%.2e", value)
    }

    /// A duration with the unit that keeps one to three digits before the point.
    static func seconds(_ value: Double) -> String {
        switch value {
        case ..<1e-6: String(format: "%.3g ns", value * 1e9)
        case ..<1e-3: String(format: "%.3g µs", value * 1e6)
        case ..<1: String(format: "%.3g ms", value * 1e3)
        case ..<120: String(format: "%.3g s", value)
        default: String(format: "%.1f min", value / 60)
        }
    }

    /// A share as a percentage with one decimal.
    static func percent(_ share: Double) -> String { String(format: "%.1f %%", share * 100) }

    /// A count with thousands separated.
    static func count(_ value: Int) -> String {
        let digits = String(value.magnitude)
        var groups: [Substring] = []
        var end = digits.endIndex
        while end > digits.startIndex {
            let start = digits.index(end, offsetBy: -3, limitedBy: digits.startIndex) ?? digits.startIndex
            groups.append(digits[start..<end])
            end = start
        }
        return (value < 0 ? "-" : "") + groups.reversed().joined(separator: " ")
    }

    /// A size in bytes with a decimal unit.
    static func bytes(_ value: Int) -> String {
        let units = ["B", "kB", "MB", "GB", "TB"]
        var size = Double(value)
        var unit = 0
        while size >= 1000, unit < units.count - 1 {
            size /= 1000
            unit += 1
        }
        return unit == 0 ? "\(value) B" : String(format: "%.3g %@", size, units[unit] as NSString)
    }
}
