// Work that the project itself spreads over threads.
//
// BLAS starts its threads for every product and joins them after it, which costs more than it brings where a product
// takes a millisecond or is made of small panels. Here a loop over independent parts is shared instead, each part
// calling BLAS on one thread (the caller is inside `BLASConfiguration.withSingleThread`). How a loop is cut never depends on the
// number of threads, so results do not either.
//
// The helpers of a team stay awake for a moment after a loop: loops of 50 µs follow each other in conjugate gradients,
// and to wake a sleeping thread takes as long.

/// Threads that share loops.
package struct ThreadTeam: Sendable {
    /// At least 1.
    package let count: Int

    private let crew: ThreadCrew?

    package init(_ count: Int) {
        self.count = Swift.max(1, count)
        crew = count > 1 ? ThreadCrew(helpers: count - 1) : nil
    }

    /// One thread.
    package static let single = ThreadTeam(1)

    /// Calls `body` once for each of 0..<parts, in an order that is open; parts must not write to the same place.
    ///
    /// Threads take the next part when they are done with one: parts may differ in length, and threads in speed.
    package func share(_ parts: Int, _ body: (Int) -> Void) { share(parts) { part, _ in body(part) } }

    /// The same; `thread`, one of 0..<``count``, is that of no other part at the same time.
    package func share(_ parts: Int, byThread body: (_ part: Int, _ thread: Int) -> Void) {
        if parts > 1, let crew, crew.share(parts, body) { return }
        for part in 0..<parts { body(part, 0) }
    }

    /// The same for runs of at most `length` of the numbers 0..<total.
    package func share(_ total: Int, inRunsOf length: Int, _ body: (Range<Int>) -> Void) {
        share((total + length - 1) / length) { body($0 * length..<Swift.min(total, ($0 + 1) * length)) }
    }

    /// What `body` makes of each of 0..<parts, in order.
    /// - Throws: the first error, in that order, when all parts are done.
    package func map<T, E: Error>(_ parts: Int, _ body: (Int) throws(E) -> T) throws(E) -> [T] {
        var results = [Result<T, E>?](repeating: nil, count: parts)
        results.withUnsafeMutableBufferPointer { results in
            guard let base = results.baseAddress else { return }
            // Every part writes to its own place.
            let shared = SharedPointer(base)
            share(parts) { part in
                do throws(E) { shared.pointer[part] = .success(try body(part)) } catch { shared.pointer[part] = .failure(error) }
            }
        }
        var values: [T] = []
        values.reserveCapacity(parts)
        for result in results { if let result { values.append(try result.get()) } }
        return values
    }
}

/// A pointer that threads may share because each writes its own part.
package struct SharedPointer<T>: @unchecked Sendable {
    package let pointer: UnsafeMutablePointer<T>
    package init(_ pointer: UnsafeMutablePointer<T>) { self.pointer = pointer }
}
