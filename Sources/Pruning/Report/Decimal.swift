// Numbers as text, without Foundation.

/// Decimal notation of numbers.
enum Decimal {
    /// A number with so many decimals, rounded half away from zero; scientific beyond 10¹².
    static func fixed(_ value: Double, _ decimals: Int) -> String {
        guard value.isFinite, value.magnitude < 1e12 else { return "\(value)" }
        var unit = 1
        for _ in 0..<decimals { unit *= 10 }
        let scaled = Int((value.magnitude * Double(unit)).rounded())
        let fraction = String(scaled % unit)
        let sign = value < 0 && scaled > 0 ? "-" : ""
        if decimals == 0 { return sign + String(scaled) }
        return sign + "\(scaled / unit)." + String(repeating: "0", count: decimals - fraction.count) + fraction
    }

    /// 1234567 → 1.2·10⁶; a whole number below a thousand.
    static func scientific(_ value: Double) -> String {
        guard value.isFinite, value.magnitude >= 1000 else { return fixed(value, 0) }
        var (digits, exponent) = (value, 0)
        while digits.magnitude >= 9.95 { (digits, exponent) = (digits / 10, exponent + 1) }
        let raised = String(exponent).map { "⁰¹²³⁴⁵⁶⁷⁸⁹"["⁰¹²³⁴⁵⁶⁷⁸⁹".index("⁰¹²³⁴⁵⁶⁷⁸⁹".startIndex, offsetBy: $0.wholeNumberValue ?? 0)] }
        return "\(fixed(digits, 1))·10" + String(raised)
    }

    /// A share as a percentage with two decimals (three significant digits below 0.1 %).
    static func percent(_ value: Double?) -> String {
        guard let value else { return "–" }
        return fixed(100 * value, 100 * value.magnitude < 0.1 && value != 0 ? 4 : 2) + " %"
    }

    /// 1234567 → 1 234 567.
    static func grouped(_ value: Int) -> String {
        var digits = ""
        for (k, digit) in String(value.magnitude).reversed().enumerated() {
            if k > 0, k % 3 == 0 { digits.append("\u{2009}") }
            digits.append(digit)
        }
        return (value < 0 ? "-" : "") + String(digits.reversed())
    }

    /// Numbers with at most four decimals.
    static func short(_ values: [Double]) -> String {
        values.map { value in
            let rounded = (value * 1e4).rounded() / 1e4
            return "\(value.magnitude < 1e9 && (rounded != 0 || value == 0) ? rounded : value)"
        }.joined(separator: ", ")
    }
}
