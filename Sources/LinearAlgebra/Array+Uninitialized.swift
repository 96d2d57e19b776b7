// Memory whose first use is a write, on large pages where the system gives them on request.
//
// Fresh memory costs a page fault every 4 kB, under a lock that threads share: about a tenth of the time of a solver
// whose working arrays have tens of megabytes, and what kept a second thread from helping.

internal import CKernels

#if canImport(Glibc)
    import Glibc
#endif

extension Array where Element: BinaryFloatingPoint {
    /// An array of numbers that have no meaning before they are written: clearing it first would touch all of it twice.
    package static func uninitialized(_ count: Int) -> [Element] {
        [Element](unsafeUninitializedCapacity: count) { buffer, initialized in
            LargePages.advise(UnsafeMutableRawBufferPointer(buffer))
            initialized = count
        }
    }
}

/// What the allocator keeps of memory that was given up: blocks that are smaller than those that are asked for next.
package enum FreeMemory {
    /// Gives it back to the system, where that can be done.
    ///
    /// - Complexity: some ten milliseconds for a gigabyte, and a page fault for every page that is wanted again.
    package static func giveBack() { ck_return_free_memory() }
}

/// Requests for large pages.
package enum LargePages {
    /// Bytes of a large page.
    private static let size = 1 << 21

    /// Asks for large pages for what of a buffer fills whole ones; nothing happens where there are none.
    package static func advise(_ buffer: UnsafeMutableRawBufferPointer) {
        #if canImport(Glibc)
            guard let start = buffer.baseAddress, buffer.count >= 2 * size else { return }
            let first = start.alignedUp(toMultipleOf: size)
            let last = (start + buffer.count).alignedDown(toMultipleOf: size)
            if first < last { madvise(first, last - first, MADV_HUGEPAGE) }
        #endif
    }

    /// Room for `count` floats that begins on a line of the cache, and on a large page of its own where it fills several:
    /// planes of images lie further apart than small pages are long, so that every row of a product would need one more.
    /// ``UnsafeMutablePointer/deallocate()`` releases it.
    package static func allocate(_ count: Int) -> UnsafeMutablePointer<Float> {
        let bytes = count * MemoryLayout<Float>.stride
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes, alignment: bytes >= 2 * size ? size : 64)
        advise(buffer)
        return buffer.bindMemory(to: Float.self).baseAddress!
    }
}
