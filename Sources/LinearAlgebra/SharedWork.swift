// Large products in parts, which the project's own threads take with one BLAS thread each.
//
// OpenBLAS cuts a product by the number of its threads, so that results differ in the last bits between counts, and its threads
// wait in loops that keep a busy processor from the work. Here a product is cut by its size alone, on one thread too: the same
// calls give the same bits on any number of threads. Parts are several times what sharing a loop costs, and wide enough that
// packing the other factor once per part is a few percent of the product.

enum SharedWork {
    /// Multiply–adds of a part, about 0.3 ms in double precision.
    private static let part = 1 << 24
    /// Parts at most: enough for the threads of a workstation.
    private static let mostParts = 16
    /// Rows or columns of a part of a product at least, and of right-hand sides of triangular systems.
    private static let narrowest = 192
    static let narrowestSystem = 64

    /// Into how many parts an extent is cut that takes m·n·k multiply–adds.
    @inline(__always)
    static func parts(of extent: Int, _ m: Int, _ n: Int, _ k: Int, narrowest: Int = narrowest) -> Int {
        let work = Double(m) * Double(n) * Double(k)
        guard work >= Double(2 * part) else { return 1 }
        let parts = min(Int(min(work / Double(part), Double(mostParts))), extent / narrowest)
        // In pairs: two threads are the usual number.
        return parts > 1 ? parts / 2 * 2 : 1
    }

    /// Part `index` of `parts` of an extent, in whole eights.
    static func range(_ index: Int, of parts: Int, extent: Int) -> Range<Int> {
        func bound(_ i: Int) -> Int { i == parts ? extent : extent * i / parts / 8 * 8 }
        return bound(index)..<bound(index + 1)
    }

    /// The same where the work of a row or column falls (`descending`) or rises linearly to zero, as in a triangle.
    static func triangleRange(_ index: Int, of parts: Int, extent: Int, descending: Bool) -> Range<Int> {
        func bound(_ i: Int) -> Int {
            if i == 0 || i == parts { return i == 0 ? 0 : extent }
            let share = Double(i) / Double(parts)
            let place = descending ? 1 - (1 - share).squareRoot() : share.squareRoot()
            return Int(Double(extent) * place) / 8 * 8
        }
        return bound(index)..<bound(index + 1)
    }

    /// Runs every part of an extent.
    @inline(__always)
    static func cut(_ extent: Int, _ parts: Int, _ body: (Range<Int>) -> Void) {
        guard parts > 1 else { return body(0..<extent) }
        run(parts) { body(range($0, of: parts, extent: extent)) }
    }

    /// Calls `body` once for each of 0..<parts, on as many threads as BLAS calls may use now.
    static func run(_ parts: Int, _ body: (Int) -> Void) {
        BLASConfiguration.currentTeam.share(parts, body)
    }
}
