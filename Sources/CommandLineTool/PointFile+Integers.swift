// 64-bit integers, which Double holds up to 2⁵³.

import LinearAlgebra
import TensorFiles

extension PointFile {
    /// Integers of which Double cannot hold all as they are, each column relative to an origin of its own.
    ///
    /// Where a column is exact, its origin is zero. Otherwise it is the one of zero, the first value and the middle of the column that
    /// loses least: small values beside a large one are kept by none but zero, and times of day by a time near them.
    struct Integers {
        /// Row by row.
        let values: [Double]
        /// What is to be added; nil for nothing.
        let offset: [Double]?
        /// How far a value is at most from what the file has.
        let rounding: UInt64

        /// - Parameter width: columns.
        /// - Returns: nil for other types, and where Double holds every value.
        init?(_ tensor: Tensor, width: Int) throws(TensorFileError) {
            switch tensor.dtype {
            case .i64: self.init(try tensor.int64s(), width)
            case .u64: self.init(try tensor.uint64s(), width)
            default: return nil
            }
        }

        private init?<Value: FixedWidthInteger>(_ values: [Value], _ d: Int) where Value.Magnitude == UInt64 {
            guard d > 0, values.contains(where: { $0.magnitude > UInt64(PointFile.exactIntegers) }) else { return nil }
            var origins = [Value](repeating: 0, count: d)
            var worst: UInt64 = 0
            for k in 0..<d {
                let column = stride(from: k, to: values.count, by: d)
                func loss(_ origin: Value) -> UInt64 {
                    column.reduce(0) { max($0, Self.difference(values[$1], origin).rounding) }
                }
                var least = loss(0)
                if least > 0 {
                    let (low, high) = column.reduce((Value.max, Value.min)) { (min($0.0, values[$1]), max($0.1, values[$1])) }
                    // A multiple of 2¹¹ is a Double, whatever its size.
                    for origin in [values[k] & ~0x7ff, (low / 2 + high / 2) & ~0x7ff] {
                        let own = loss(origin)
                        if own < least { (least, origins[k]) = (own, origin) }
                    }
                }
                worst = max(worst, least)
            }
            let isLocal = origins.contains { $0 != 0 }
            guard isLocal || worst > 0 else { return nil }
            self.values = values.indices.map { Self.difference(values[$0], origins[$0 % d]).value }
            offset = isLocal ? origins.map { Double($0) } : nil
            rounding = worst
        }

        /// value − origin, and what rounding it costs. Distances of 64-bit integers fit 64 bits, where differences may not.
        private static func difference<Value: FixedWidthInteger>(_ value: Value, _ origin: Value) -> (value: Double, rounding: UInt64)
        where Value.Magnitude == UInt64 {
            let isAbove = value > origin
            let distance = UInt64(truncatingIfNeeded: isAbove ? value &- origin : origin &- value)
            let rounded = Double(distance)
            let back = UInt64(exactly: rounded)
            // Only 2⁶⁴ itself is no 64-bit integer.
            let rounding = back.map { max($0, distance) - min($0, distance) } ?? UInt64.max - distance + 1
            return (isAbove ? rounded : -rounded, rounding)
        }
    }

    /// 2⁵³: up to it every integer is a Double.
    static var exactIntegers: Double { 0x1p53 }

    /// Says what is lost of integers.
    static func noteRounding(_ rounding: Double, of file: String) {
        guard rounding > 0, Ranks.isFirst else { return }
        Console.warn("note: \(file): beside integers beyond 2^53 double precision rounds coordinates by up to \(Format.number(rounding))")
    }
}
