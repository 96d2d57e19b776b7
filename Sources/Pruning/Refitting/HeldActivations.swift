// Activations that wait for a reader, in half of their memory where it is short.
//
// Every value is rounded to eleven bits:
//   |v − v̂| ≤ 2⁻¹¹·|v|,   0 for |v| ≤ 2⁻³⁰·(largest of its block of 64)                                       (1)
// a relative error of 2e-4 in the mean, a hundredth of what a cut leaves out. The form is half precision's, with exponents counted from
// the block's largest one, so that no size overflows. The same numbers become the same ones in both networks of a fit.

import LinearAlgebra
import NeuralNetworks

/// A tensor of activations as it is held.
package struct HeldActivations: Sendable {
    private enum Storage: Sendable {
        case whole(ActivationTensor)
        /// Blocks of every sample.
        case compact(CompactBlocks)
    }

    private var storage: Storage

    package init(_ tensor: ActivationTensor) { storage = .whole(tensor) }

    /// The tensor, where it has not been made compact.
    package var whole: ActivationTensor? { if case .whole(let tensor) = storage { tensor } else { nil } }

    /// Bytes of what is held.
    package var bytes: Int {
        switch storage {
        case .whole(let tensor): HeldActivations.bytes(ofValues: tensor.values.count, isCompact: false)
        case .compact(let blocks): blocks.bytes
        }
    }

    /// Bytes that so many values take.
    package static func bytes(ofValues count: Int, isCompact: Bool) -> Int {
        isCompact ? CompactBlocks.bytes(ofValues: count) : MemoryLayout<Float>.size * count
    }

    /// (1); tensors with a value that is no number, or 2¹⁰⁰ or more as masks are, stay as they are.
    package mutating func compact() {
        guard let tensor = whole, let blocks = CompactBlocks(tensor) else { return }
        storage = .compact(blocks)
    }

    /// Some of the samples, as they were or by (1).
    package func samples(_ range: Range<Int>) -> ActivationTensor {
        switch storage {
        case .whole(let tensor): tensor.samples(range)
        case .compact(let blocks): blocks.samples(range)
        }
    }
}

/// (1) for all samples of a tensor, blocks counted from the first value of each.
private struct CompactBlocks: Sendable {
    private static let block = VectorKernels.compactBlock

    private let shape: [Int]
    private var codes: [UInt16]
    /// What exponents are counted from, block by block.
    private var bases: [Int32]

    var bytes: Int { MemoryLayout<UInt16>.size * codes.count + MemoryLayout<Int32>.size * bases.count }

    static func bytes(ofValues count: Int) -> Int { MemoryLayout<UInt16>.size * count + MemoryLayout<Int32>.size * blocks(ofValues: count) }

    private static func blocks(ofValues count: Int) -> Int { (count + block - 1) / block }

    /// `nil` where a value is too large, or none.
    init?(_ tensor: ActivationTensor) {
        shape = tensor.shape
        let (size, count) = (tensor.sampleSize, tensor.batchCount)
        let perSample = CompactBlocks.blocks(ofValues: size)
        codes = [UInt16](unsafeUninitializedCapacity: size * count) { $1 = size * count }
        bases = [Int32](repeating: 0, count: perSample * count)
        let areUsable = tensor.values.withUnsafeBufferPointer { values in
            codes.withUnsafeMutableBufferPointer { codes in
                bases.withUnsafeMutableBufferPointer { bases in
                    guard let source = values.baseAddress, let target = codes.baseAddress, let base = bases.baseAddress else {
                        return [true]
                    }
                    return BLASConfiguration.map(count) { s in
                        VectorKernels.compact(source + s * size, count: size, into: target + s * size, bases: base + s * perSample)
                    }
                }
            }
        }
        guard areUsable.allSatisfy({ $0 }) else { return nil }
    }

    func samples(_ range: Range<Int>) -> ActivationTensor {
        let size = shape.dropFirst().reduce(1, *)
        let perSample = CompactBlocks.blocks(ofValues: size)
        var values: [Float] = .uninitialized(size * range.count)
        values.withUnsafeMutableBufferPointer { values in
            codes.withUnsafeBufferPointer { codes in
                bases.withUnsafeBufferPointer { bases in
                    guard let target = values.baseAddress, let source = codes.baseAddress, let base = bases.baseAddress else { return }
                    BLASConfiguration.share(range.count) { k in
                        let s = range.lowerBound + k
                        VectorKernels.expand(source + s * size, bases: base + s * perSample, count: size, into: target + k * size)
                    }
                }
            }
        }
        return ActivationTensor(shape: [range.count] + shape.dropFirst(), values: values)
    }
}
