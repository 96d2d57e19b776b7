// Activations that wait for a reader, in half of their memory where it is short.
//
// Blocks of 64 values share a unit, their largest magnitude over 32767, of which every value becomes a whole number:
//   v ≈ u·q,   |v − u·q| ≤ u/2                                                                              (1)
// at most 1.5e-5 of the largest of a block, a thousandth of what a cut leaves out. Zeros stay zeros, and the same numbers become the
// same ones in both networks of a fit.

import LinearAlgebra
import NeuralNetworks

/// A tensor of activations as it is held.
package struct HeldActivations: Sendable {
    private enum Storage: Sendable {
        case whole(ActivationTensor)
        /// Blocks of every sample, and their units.
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

    /// (1); tensors with a value that is no number stay as they are.
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
    private var numbers: [Int16]
    private var units: [Float]

    var bytes: Int { MemoryLayout<Int16>.size * numbers.count + MemoryLayout<Float>.size * units.count }

    static func bytes(ofValues count: Int) -> Int {
        MemoryLayout<Int16>.size * count + MemoryLayout<Float>.size * ((count + block - 1) / block)
    }

    /// `nil` where a value is no finite number.
    init?(_ tensor: ActivationTensor) {
        shape = tensor.shape
        let (size, count) = (tensor.sampleSize, tensor.batchCount)
        let perSample = (size + CompactBlocks.block - 1) / CompactBlocks.block
        numbers = [Int16](unsafeUninitializedCapacity: size * count) { $1 = size * count }
        units = .uninitialized(perSample * count)
        var isFinite = [Bool](repeating: true, count: count)
        tensor.values.withUnsafeBufferPointer { values in
            numbers.withUnsafeMutableBufferPointer { numbers in
                units.withUnsafeMutableBufferPointer { units in
                    isFinite.withUnsafeMutableBufferPointer { isFinite in
                        // Every sample is one thread's.
                        nonisolated(unsafe) let (numbers, units, isFinite) = (numbers, units, isFinite)
                        guard let source = values.baseAddress, let target = numbers.baseAddress, let scale = units.baseAddress else {
                            return
                        }
                        BLASConfiguration.share(count) { s in
                            isFinite[s] = VectorKernels.compact(
                                source + s * size, count: size, into: target + s * size, units: scale + s * perSample)
                        }
                    }
                }
            }
        }
        guard isFinite.allSatisfy({ $0 }) else { return nil }
    }

    func samples(_ range: Range<Int>) -> ActivationTensor {
        let size = shape.dropFirst().reduce(1, *)
        let perSample = (size + CompactBlocks.block - 1) / CompactBlocks.block
        var values: [Float] = .uninitialized(size * range.count)
        values.withUnsafeMutableBufferPointer { values in
            numbers.withUnsafeBufferPointer { numbers in
                units.withUnsafeBufferPointer { units in
                    nonisolated(unsafe) let values = values
                    guard let target = values.baseAddress, let source = numbers.baseAddress, let scale = units.baseAddress else { return }
                    BLASConfiguration.share(range.count) { k in
                        let s = range.lowerBound + k
                        VectorKernels.expand(source + s * size, units: scale + s * perSample, count: size, into: target + k * size)
                    }
                }
            }
        }
        return ActivationTensor(shape: [range.count] + shape.dropFirst(), values: values)
    }
}
