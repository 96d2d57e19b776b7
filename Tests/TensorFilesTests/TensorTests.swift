import Testing
import TensorFiles
import TestSupport

@Suite struct TensorTests {
    @Test func shapesAndBytesMustAgree() throws {
        #expect(try Tensor(dtype: .f32, shape: [2, 3], bytes: .init(repeating: 0, count: 24)).elementCount == 6)
        #expect(try Tensor(dtype: .f64, shape: [], bytes: .init(repeating: 0, count: 8)).elementCount == 1)
        #expect(try Tensor(dtype: .f64, shape: [0, 5], bytes: []).elementCount == 0)
        for shape in [[5], [2, 4], [-2, -3], [.max, 2], [1 << 62, 1 << 62, 0], [0, 1 << 62, 1 << 62], [.min]] {
            #expect(throws: TensorFileError.self) { try Tensor(dtype: .f32, shape: shape, bytes: .init(repeating: 0, count: 24)) }
        }
        #expect(throws: TensorFileError.self) { try Tensor.float32([1, 2, 3], shape: [2]) }
        #expect(try Tensor.float32([1, 2, 3, 4]).reshaped(to: [2, 2]).floats() == [1, 2, 3, 4])
        #expect(throws: TensorFileError.self) { try Tensor.float32([1, 2, 3, 4]).reshaped(to: [3]) }
    }

    @Test(arguments: [0, 1, 2, 3, 8, 17, 64])
    func valuesComeBack(_ count: Int) throws {
        let numbers = (0..<count).map { Double($0 * 7 - 20) / 8 }
        #expect(try Tensor.float64(numbers).doubles() == numbers)
        #expect(try Tensor.float32(numbers.map(Float.init)).floats() == numbers.map(Float.init))
        #expect(try Tensor.float32(numbers.map(Float.init)).doubles() == numbers)
        #expect(try Tensor.float64(numbers).floats() == numbers.map(Float.init))
        let integers = (0..<count).map { $0 * 3 - 10 }
        #expect(try Tensor.int64(integers).int64s() == integers.map(Int64.init))
        #expect(try Tensor.int64(integers.map(Int64.init)).doubles() == integers.map(Double.init))
        #expect(try Tensor.uint8((0..<count).map(UInt8.init)).floats() == (0..<count).map(Float.init))
        #expect(try Tensor.bool((0..<count).map { $0 % 3 == 0 }, shape: [count]).doubles() == (0..<count).map { $0 % 3 == 0 ? 1 : 0 })
    }

    /// Small integers exist in every numeric type, so any chain of conversions gives them back.
    @Test(arguments: DType.allCases.filter { !$0.isOpaque && $0 != .bool })
    func everyPairOfTypesConverts(_ source: DType) throws {
        let numbers = (0..<100).map(Double.init)
        let tensor = try Tensor.float64(numbers, shape: [4, 25]).converted(to: source)
        #expect(tensor.dtype == source && tensor.bytes.count == 100 * source.byteWidth)
        for target in DType.allCases where !target.isOpaque && target != .bool {
            let converted = try tensor.converted(to: target)
            #expect(converted.shape == [4, 25] && converted.dtype == target)
            #expect(try converted.doubles() == numbers)
            #expect(try converted.floats() == numbers.map(Float.init))
            #expect(try converted.int64s() == (0..<100).map(Int64.init))
        }
        #expect(try tensor.converted(to: .bool).doubles() == numbers.map { $0 == 0 ? 0 : 1 })
    }

    @Test func conversionToIntegersIsExactOrThrows() throws {
        let bad: [(Double, DType)] = [
            (0.5, .i64), (256, .u8), (-1, .u8), (128, .i8), (-129, .i8), (.nan, .i32), (.infinity, .i64), (0x1p63, .i64), (-1, .u64),
            (0x1p64, .u64), (65536, .u16), (-32769, .i16), (0x1p31, .i32), (0x1p32, .u32),
        ]
        for (value, dtype) in bad {
            #expect(throws: TensorFileError.notRepresentable(index: 1, value: "\(value)", dtype: dtype)) {
                try Tensor.float64([1, value, value]).converted(to: dtype)
            }
        }
        #expect(try Tensor.float64([-0x1p63]).int64s() == [.min])
        #expect(throws: TensorFileError.notRepresentable(index: 0, value: "\(UInt64.max)", dtype: .i64)) {
            try Tensor(dtype: .u64, shape: [1], bytes: .init(repeating: 255, count: 8)).int64s()
        }
        #expect(try Tensor.float64([0, -0.0, .nan, 1e-300]).converted(to: .bool).bytes == [0, 0, 1, 1])
        #expect(try Tensor(dtype: .bool, shape: [3], bytes: [0, 1, 7]).int64s() == [0, 1, 1])
    }

    @Test func opaqueTypesPassThrough() throws {
        for dtype in DType.allCases.filter(\.isOpaque) {
            let tensor = try Tensor(dtype: dtype, shape: [3], bytes: [1, 2, 3])
            #expect(try tensor.converted(to: dtype) == tensor)
            for attempt in [{ _ = try tensor.floats() }, { _ = try tensor.doubles() }, { _ = try tensor.int64s() }] as [() throws -> Void] {
                #expect(throws: TensorFileError.opaque(dtype: dtype)) { try attempt() }
            }
            for target in DType.allCases where target != dtype {
                #expect(throws: TensorFileError.self) { try tensor.converted(to: target) }
                #expect(throws: TensorFileError.self) { try Tensor.uint8([1]).converted(to: dtype) }
            }
        }
    }

    @Test func archivesKeepTheirOrder() throws {
        var archive: TensorArchive = ["b": .float32([1]), "a": .float32([2])]
        archive["c"] = .uint8([3])
        archive["b"] = .uint8([4])
        #expect(archive.names == ["b", "a", "c"] && archive.count == 3)
        archive["a"] = nil
        archive["missing"] = nil
        #expect(archive.names == ["b", "c"] && archive["a"] == nil)
        #expect(archive.entries.map(\.name) == ["b", "c"])
        #expect(try archive.tensor(named: "c").bytes == [3])
        #expect(message { _ = try archive.tensor(named: "a") } == "expected a tensor 'a', found 'b', 'c'")
        #expect(message { _ = try archive.tensor() } == "expected one tensor, or a name to choose by, found 2 tensors: 'b', 'c'")
        archive["b"] = nil
        #expect(try archive.tensor().bytes == [3])
    }
}
