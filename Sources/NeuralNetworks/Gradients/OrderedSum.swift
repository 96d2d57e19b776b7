// What lanes make, added up in their order as they come.

import Dispatch
import LinearAlgebra

/// A sum of numbers and vectors whose bits do not depend on who is ready first: what is ahead of its turn waits.
final class OrderedSum: @unchecked Sendable {
    // Unchecked: guarded by `lock`.
    private var number = 0.0
    private var vector: [Float] = []
    private var next = 0
    private var waiting: [Int: (Double, [Float])] = [:]
    private let lock = DispatchSemaphore(value: 1)

    /// Adds what comes `index`-th, counted from 0, each once; vectors have one length.
    func add(_ index: Int, _ value: Double, _ values: consuming [Float]) {
        lock.wait()
        defer { lock.signal() }
        // Handed over: the first becomes the sum, which would be copied if it had another owner.
        waiting[index] = (value, values)
        while let (value, values) = waiting.removeValue(forKey: next) {
            number += value
            if next == 0 {
                vector = values
            } else {
                // Through the array itself every entry would be checked for being the only owner's.
                vector.withUnsafeMutableBufferPointer { sum in
                    guard let sum = sum.baseAddress else { return }
                    RowKernels.add(values, count: values.count, to: sum)
                }
            }
            next += 1
        }
    }

    /// The sums, which are handed over.
    func take() -> (Double, [Float]) {
        lock.wait()
        defer {
            vector = []
            lock.signal()
        }
        return (number, vector)
    }
}
