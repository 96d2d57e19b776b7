/// A number of elements or bytes that a file asks for: products and sums of it know when nothing could hold them.
///
/// Shapes, counts and offsets come from files, so their products may be anything. Arithmetic in `Int` would end the process; here it
/// ends in a size without a `value`, to be refused with the words of the place that knows what was asked for.
///
/// ```swift
/// guard let count = CheckedSize.product(shape).value else { throw … }
/// ```
package struct CheckedSize: Sendable, Hashable {
    /// The size, or nil when a part was negative or the whole beyond ``limit``.
    package let value: Int?

    /// 2⁴⁸: more than any memory, and small enough that sixteen bytes for each element, twice, still fit in 64 bits.
    package static let limit = 1 << 48

    package init(_ value: Int) { self.value = (0...Self.limit).contains(value) ? value : nil }

    private init(checked value: Int?) { self.value = value }

    /// No size: what negative and excessive parts lead to.
    package static let none = CheckedSize(checked: nil)

    package static func * (a: CheckedSize, b: CheckedSize) -> CheckedSize {
        guard let x = a.value, let y = b.value else { return .none }
        let (product, overflow) = x.multipliedReportingOverflow(by: y)
        return overflow ? .none : CheckedSize(product)
    }

    package static func * (a: CheckedSize, b: Int) -> CheckedSize { a * CheckedSize(b) }

    package static func + (a: CheckedSize, b: CheckedSize) -> CheckedSize {
        // Both are at most the limit, so the sum cannot overflow.
        guard let x = a.value, let y = b.value else { return .none }
        return CheckedSize(x + y)
    }

    package static func + (a: CheckedSize, b: Int) -> CheckedSize { a + CheckedSize(b) }

    /// The product of all dimensions, 1 for none.
    ///
    /// The dimensions other than zero must have a product of their own, so that (2⁶², 2⁶², 0) has no size in any order.
    package static func product(_ dimensions: some Sequence<Int>) -> CheckedSize {
        var (product, isEmpty) = (CheckedSize(1), false)
        for dimension in dimensions {
            if dimension == 0 { isEmpty = true } else { product = product * dimension }
        }
        return isEmpty && product.value != nil ? CheckedSize(0) : product
    }

    /// The sum of all parts.
    package static func sum(_ parts: some Sequence<Int>) -> CheckedSize { parts.reduce(CheckedSize(0)) { $0 + $1 } }
}
