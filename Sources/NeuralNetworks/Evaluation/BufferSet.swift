// Plain memory of the evaluator: allocated once per worker, released at the end.

import LinearAlgebra

/// Several float buffers. The owner must call `deallocate` once.
final class BufferSet {
    private var pointers: [UnsafeMutablePointer<Float>]
    let sizes: [Int]

    /// Floats of all buffers together.
    var count: Int { sizes.reduce(0, +) }

    init(sizes: [Int]) {
        self.sizes = sizes
        pointers = sizes.map { LargePages.allocate(max($0, 1)) }
    }

    convenience init(copying arrays: [[Float]]) {
        self.init(sizes: arrays.map(\.count))
        for (index, array) in arrays.enumerated() {
            array.withUnsafeBufferPointer { source in
                if let base = source.baseAddress { self[index].update(from: base, count: source.count) }
            }
        }
    }

    /// Precondition: not deallocated.
    subscript(index: Int) -> UnsafeMutablePointer<Float> { pointers[index] }

    func deallocate() {
        for pointer in pointers { pointer.deallocate() }
        pointers = []
    }
}

extension EvaluationPlan {
    /// First value of every storage for the samples from `first` on, which lie `offset` samples behind the first of their block.
    func pointers(
        first: Int, offset: Int = 0, sources: [UnsafePointer<Float>], constants: BufferSet,
        results: [UnsafeMutablePointer<Float>] = [], scratch: BufferSet
    ) -> [UnsafeMutablePointer<Float>] {
        storages.map { storage in
            switch storage.location {
            // Sources are only ever inputs of steps.
            case .source(let index): UnsafeMutablePointer(mutating: sources[index]) + first * storage.size
            case .constant(let index): constants[index]
            case .result(let index): results[index] + first * storage.size
            case .scratch(let index): scratch[index]
            case .carried(let index): scratch[index] + offset * storage.size
            }
        }
    }
}
