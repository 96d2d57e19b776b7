// Unevaluated sums of two Doubles, about 32 digits: what a second opinion on ill-conditioned data computes in.
// Dekker, Numer. Math. 18 (1971); Knuth, TAOCP vol. 2, §4.2.2.

package struct DoubleDouble: Comparable, Sendable {
    package var high: Double
    package var low: Double

    package init(_ value: Double) { (high, low) = (value, 0) }

    private init(sum a: Double, _ b: Double) {
        let s = a + b
        let v = s - a
        (high, low) = (s, (a - (s - v)) + (b - v))
    }

    package var value: Double { high + low }

    package static func + (x: Self, y: Self) -> Self {
        let s = Self(sum: x.high, y.high)
        return Self(sum: s.high, s.low + (x.low + y.low))
    }

    package static prefix func - (x: Self) -> Self {
        var result = x
        (result.high, result.low) = (-x.high, -x.low)
        return result
    }

    package static func - (x: Self, y: Self) -> Self { x + (-y) }

    package static func * (x: Self, y: Self) -> Self {
        let p = x.high * y.high
        let error = (-p).addingProduct(x.high, y.high)
        return Self(sum: p, error + (x.high * y.low + x.low * y.high))
    }

    package static func / (x: Self, y: Self) -> Self {
        let q = x.high / y.high
        let r = x - y * Self(q)
        return Self(sum: q, r.high / y.high) + Self((r - y * Self(r.high / y.high)).high / y.high)
    }

    package var squareRoot: Self {
        guard high > 0 else { return Self(0) }
        let root = Self(high.squareRoot())
        return root + (self - root * root) / (Self(2) * root)
    }

    package static func < (x: Self, y: Self) -> Bool { (x - y).high < 0 }
}
