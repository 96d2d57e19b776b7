// What an evaluator keeps between passes: fresh pages cost more than a small pass does.

import Dispatch
import LinearAlgebra

/// Constants and buffers of one evaluator, shared by its copies and by passes that overlap.
final class EvaluationResources: @unchecked Sendable {
    // Unchecked: constants do not change, the rest is guarded by `lock`.

    let constants: BufferSet
    private var free: [BufferSet] = []
    private var freeFloats = 0
    private let lock = DispatchSemaphore(value: 1)

    /// Floats that are kept at most, 64 MB: what passes over photographs use, not what passes over large images do.
    private static let mostKept = 1 << 24

    init(constants: [[Float]]) { self.constants = BufferSet(copying: constants) }

    deinit {
        constants.deallocate()
        for buffers in free { buffers.deallocate() }
    }

    /// Buffers of these sizes, whatever they hold; ``giveBack(_:)`` them.
    func take(_ sizes: [Int]) -> BufferSet {
        lock.wait()
        let index = free.lastIndex { $0.sizes == sizes }
        let kept = index.map { free.remove(at: $0) }
        if let kept { freeFloats -= kept.count }
        lock.signal()
        return kept ?? BufferSet(sizes: sizes)
    }

    func giveBack(_ buffers: BufferSet) {
        lock.wait()
        let isKept = freeFloats + buffers.count <= Self.mostKept
        if isKept {
            free.append(buffers)
            freeFloats += buffers.count
        }
        lock.signal()
        if !isKept { buffers.deallocate() }
    }
}
