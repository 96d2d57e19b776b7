// Logarithm and exponential without Foundation.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@inline(__always)
func _log(_ x: Double) -> Double { log(x) }

/// The few elementary functions that engines need, without Foundation.
package enum Elementary {
    /// Natural logarithm.
    @inline(__always)
    package static func log(_ x: Double) -> Double { _log(x) }
    /// log(1 + x), accurate near 0.
    @inline(__always)
    package static func log1p(_ x: Double) -> Double { _log1p(x) }
    /// eˣ.
    @inline(__always)
    package static func exp(_ x: Double) -> Double { _exp(x) }
}

@inline(__always)
private func _log1p(_ x: Double) -> Double { log1p(x) }
@inline(__always)
private func _exp(_ x: Double) -> Double { exp(x) }
