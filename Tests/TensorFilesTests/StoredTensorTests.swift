import TensorFiles
import Testing

@Suite struct StoredTensorTests {
    /// Plain loops over all positions that stay.
    private static func reference(_ shape: [Int], _ values: [Float], _ cut: TensorCut) -> [Float] {
        var result: [Float] = []
        func visit(_ axis: Int, _ place: Int, _ factor: Float) {
            guard axis < shape.count else { return result.append(values[place] * factor) }
            for (index, position) in (cut.positions[axis] ?? Array(0..<shape[axis])).enumerated() {
                let own = cut.factorAxis == axis ? cut.factors?[index] ?? 1 : 1
                visit(axis + 1, place * shape[axis] + position, factor * own)
            }
        }
        visit(0, 0, 1)
        return result
    }

    @Test(arguments: [
        ([5, 7], [0: [1, 4], 1: [0, 2, 3, 6]]), ([5, 7], [0: [0, 1, 2, 3, 4]]), ([6, 4, 3, 3], [0: [5], 1: [1, 3]]),
        ([1, 9, 4], [1: [8], 2: [0, 3]]),
        ([2, 3, 40], [2: Array(3..<36)]), ([4, 64], [1: Array(0..<20) + Array(40..<64)]), ([3], [0: [0, 2]]),
        ([2, 3, 2], [0: [1], 1: [2], 2: [0]]),
        ([4, 3], [0: []]), ([4, 3], [1: []]),
    ])
    func whatACutLeaves(_ shape: [Int], _ positions: [Int: [Int]]) throws {
        let values = (0..<shape.reduce(1, *)).map { Float($0) * 0.5 - 7 }
        for dtype in [DType.f32, .f64, .f16, .bf16] {
            let whole = StoredTensor(name: "w", try Tensor.float32(values, shape: shape).converted(to: dtype))
            for axis in [nil] + shape.indices.map(Optional.some) {
                var tensor = whole
                for (axis, chosen) in positions.sorted(by: { $0.key < $1.key }) { tensor = tensor.selecting(chosen, along: axis) }
                if let axis { tensor = tensor.scaled(by: (0..<tensor.shape[axis]).map { Float(1 << ($0 % 3)) }, along: axis) }
                let expected = Self.reference(shape, values, tensor.cut)
                #expect(tensor.elementCount == expected.count)
                #expect(try tensor.floats() == expected, "\(dtype), \(shape), \(positions), factors on \(axis.map(String.init) ?? "none")")
            }
        }
    }

    @Test func cutsOfCuts() throws {
        let values = (0..<60).map(Float.init)
        let tensor = StoredTensor(name: "w", try .float32(values, shape: [5, 12]))
        let scaled = tensor.selecting([1, 3, 4], along: 0).scaled(by: [2, 4, 8], along: 0)
        let twice = scaled.selecting([0, 2], along: 0).scaled(by: [10, 100], along: 0).selecting([11], along: 1)
        #expect(try twice.floats() == [23 * 20, 59 * 800])
        #expect(twice == twice && twice != scaled && tensor != scaled)
        #expect(try tensor.floats(at: 10..<14) == [10, 11, 12, 13])
        #expect(try tensor.reshaped(to: [60]).selecting([59], along: 0).floats() == [59])
    }

    @Test func factorsBeyondWhatATypeHoldsAreNamed() throws {
        let half = StoredTensor(name: "w", try Tensor.float32([1, 60000], shape: [1, 2]).converted(to: .bf16))
        #expect(throws: TensorFileError.self) { try half.scaled(by: [1, 3e38], along: 1).floats() }
        let float = StoredTensor(name: "w", try .float32([1, 3e38], shape: [2, 1]))
        #expect {
            try float.scaled(by: [1, 10], along: 0).floats()
        } throws: {
            "\($0)".contains("'w'") && "\($0)".contains("times 10")
        }
        // What was not finite before is no fault of the factor.
        #expect(try StoredTensor(name: "w", .float32([.infinity], shape: [1, 1])).scaled(by: [2], along: 1).floats() == [.infinity])
    }

    @Test func hashesOfContentsDoNotDependOnPieces() {
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ $0 / 7) }
        func hash(_ bytes: [UInt8], _ step: Int) -> UInt64 {
            var hash = ContentHash()
            for start in stride(from: 0, to: bytes.count, by: step) {
                bytes[start..<min(start + step, bytes.count)].withUnsafeBytes { hash.fold($0) }
            }
            return hash.value
        }
        let whole = hash(bytes, 1000)
        for step in [1, 3, 7, 8, 9, 64, 999] { #expect(hash(bytes, step) == whole) }
        var others = Set([whole])
        for place in stride(from: 0, to: 1000, by: 31) {
            var changed = bytes
            changed[place] ^= 1
            #expect(others.insert(hash(changed, 16)).inserted)
        }
        #expect(others.insert(hash(bytes + [0], 16)).inserted && others.insert(hash(Array(bytes.dropLast()), 16)).inserted)
    }
}
