import Testing
import TensorFiles
import TestSupport

/// The value of an IEEE-like bit pattern from its definition, in Double, where all of these are exact.
private func definition(_ bits: UInt16, exponentBits: Int, fractionBits: Int) -> Double {
    let sign: Double = bits >> 15 == 0 ? 1 : -1
    let bias = 1 << (exponentBits - 1) - 1
    let exponent = Int(bits >> UInt16(fractionBits)) & (1 << exponentBits - 1)
    let fraction = Double(Int(bits) & (1 << fractionBits - 1))
    if exponent == 1 << exponentBits - 1 { return fraction == 0 ? sign * .infinity : .nan }
    if exponent == 0 { return sign * fraction * Double(sign: .plus, exponent: 1 - bias - fractionBits, significand: 1) }
    return sign * Double(sign: .plus, exponent: exponent - bias - fractionBits, significand: fraction + Double(1 << fractionBits))
}

private let formats: [(dtype: DType, exponentBits: Int, fractionBits: Int)] = [(.f16, 5, 10), (.bf16, 8, 7)]

@Suite struct HalfPrecisionTests {
    @Test(arguments: formats.indices)
    func all65536PatternsHaveTheirValueAndComeBack(_ index: Int) throws {
        let (dtype, exponentBits, fractionBits) = formats[index]
        let patterns = (0...UInt16.max).map { $0 }
        let tensor = try Tensor(dtype: dtype, shape: [65536], bytes: patterns.flatMap { le($0) })
        let expected = patterns.map { definition($0, exponentBits: exponentBits, fractionBits: fractionBits) }
        let floats = try tensor.floats(), doubles = try tensor.doubles()
        for pattern in 0..<65536 {
            let value = expected[pattern]
            #expect(value.isNaN ? floats[pattern].isNaN : Double(floats[pattern]) == value && floats[pattern].sign == value.sign)
            #expect(value.isNaN ? doubles[pattern].isNaN : doubles[pattern] == value)
        }
        // NaN payloads included.
        #expect(try Tensor.float32(floats).converted(to: dtype) == tensor)
        let finite = patterns.filter { !expected[Int($0)].isNaN }
        let wide = try Tensor.float64(finite.map { expected[Int($0)] }).converted(to: dtype)
        #expect(wide.bytes == finite.flatMap { le($0) })
    }

    #if !(os(macOS) && arch(x86_64))
        @Test func agreesWithFloat16() throws {
            let halves = (0...UInt16.max).map { Float16(bitPattern: $0) }
            let tensor = try Tensor(dtype: .f16, shape: [65536], bytes: halves.flatMap { le($0.bitPattern) })
            for (half, float) in zip(halves, try tensor.floats()) where !half.isNaN { #expect(Float(half).bitPattern == float.bitPattern) }
            var generator = TestGenerator(seed: 5)
            let floats = (0..<200_000).map { _ in Float(bitPattern: UInt32(truncatingIfNeeded: generator.next())) }.filter { !$0.isNaN }
            #expect(try Tensor.float32(floats).converted(to: .f16).bytes == floats.flatMap { le(Float16($0).bitPattern) })
            let doubles = floats.map { Double($0) * (1 + 0x1p-40) }
            #expect(try Tensor.float64(doubles).converted(to: .f16).bytes == doubles.flatMap { le(Float16($0).bitPattern) })
        }
    #endif

    /// Around every midpoint of neighbors: below goes down, above goes up, the midpoint goes to the even one. One ulp of Double above the
    /// midpoint is where rounding by way of Float would go wrong.
    @Test(arguments: formats.indices)
    func roundsToNearestEven(_ index: Int) throws {
        let (dtype, exponentBits, fractionBits) = formats[index]
        let largest = UInt16((1 << exponentBits - 1) << fractionBits) - 1
        var inputs: [Double] = [], expected: [UInt16] = []
        for low in 0..<largest {
            let a = definition(low, exponentBits: exponentBits, fractionBits: fractionBits)
            let b = definition(low + 1, exponentBits: exponentBits, fractionBits: fractionBits)
            let middle = a + (b - a) / 2
            inputs += [middle.nextDown, middle, middle.nextUp, -middle.nextDown, -middle, -middle.nextUp]
            let even = low % 2 == 0 ? low : low + 1
            expected += [low, even, low + 1, low | 0x8000, even | 0x8000, (low + 1) | 0x8000]
        }
        // Halfway to the next power of two, and beyond, is infinity.
        let a = definition(largest, exponentBits: exponentBits, fractionBits: fractionBits)
        let overflow = a + (a - definition(largest - 1, exponentBits: exponentBits, fractionBits: fractionBits)) / 2
        inputs += [overflow.nextDown, overflow, .greatestFiniteMagnitude, .infinity]
        expected += [largest, largest + 1, largest + 1, largest + 1]
        let bytes = try Tensor.float64(inputs).converted(to: dtype).bytes
        #expect(bytes == expected.flatMap { le($0) })
        // Where Float can hold the input, it must give the same.
        let narrow = zip(inputs, expected).filter { Double(Float($0.0)) == $0.0 }
        #expect(narrow.count > Int(largest))
        #expect(try Tensor.float32(narrow.map { Float($0.0) }).converted(to: dtype).bytes == narrow.flatMap { le($0.1) })
    }

    @Test func integersAreRoundedOnce() throws {
        // 2⁶⁰ + 2⁵² is a tie for bfloat16; one more must go up, one less down, though Double cannot tell them apart.
        let tie: Int64 = 1 << 60 + 1 << 52
        let tensor = Tensor.int64([tie - 1, tie, tie + 1, -tie - 1])
        #expect(try tensor.converted(to: .bf16).doubles() == [0x1p60, 0x1p60, 0x1p60 + 0x1p53, -0x1p60 - 0x1p53])
        let unsigned = try Tensor(dtype: .u64, shape: [2], bytes: le(UInt64(1) << 63 + 1 << 55) + le(UInt64(1) << 63 + 1 << 55 + 1))
        #expect(try unsigned.converted(to: .bf16).doubles() == [0x1p63, 0x1p63 + 0x1p56])
        #expect(
            try Tensor.int64([2049, 2051, 65519, 65520, -65520]).converted(to: .f16).doubles() == [
                2048, 2052, 65504, .infinity, -.infinity,
            ])
        let words = try Tensor(dtype: .u32, shape: [3], bytes: le(UInt32(0x8080_0000)) + le(UInt32(0x8080_0001)) + le(UInt32.max))
        #expect(try words.converted(to: .bf16).doubles() == [0x1p31, 0x1p31 + 0x1p24, 0x1p32])
        #expect(try Tensor.int64([1 << 24 + 1, 1 << 24 + 3]).floats() == [0x1p24, 0x1p24 + 4])
    }
}
