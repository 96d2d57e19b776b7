// Which channel owns which position of an activation.
//
// A symbol stands for one output row of a producer. The positions of an activation along its channel axes carry the
// symbols of the rows that made them; shape operations move symbols, additions unite them.

/// Symbols over some axes of an activation; the other axes (space, tokens) carry the same symbols at every position.
struct ChannelOwnership: Sendable, Equatable {
    /// Number of axes of a sample.
    var rank: Int
    /// The axes that carry symbols, ascending, without the batch axis.
    var axes: [Int]
    /// Their extents.
    var extents: [Int]
    /// Row-major over `axes`.
    var symbols: [Int]

    init(rank: Int, axes: [Int], extents: [Int], symbols: [Int]) {
        self.rank = rank
        self.axes = axes
        self.extents = extents
        self.symbols = symbols
    }

    /// Symbols along one axis.
    init(rank: Int, axis: Int, symbols: [Int]) {
        self.init(rank: rank, axes: [axis], extents: [symbols.count], symbols: symbols)
    }

    /// The symbols, if `axis` is the only axis that carries any.
    func symbols(along axis: Int) -> [Int]? { axes == [axis] ? symbols : nil }

    /// Largest number of positions that is worth tracking; anything larger is no channel axis in practice.
    private static let limit = 1 << 22

    /// After reshaping samples of shape `old` to `new`; `nil` when the symbols cannot be followed.
    func reshaped(from old: [Int], to new: [Int]) -> ChannelOwnership? {
        guard old.count == rank, let blocks = Self.blocks(old, new) else { return nil }
        let tracked = blocks.filter { block in axes.contains { block.old.contains($0) } }
        let newAxes = tracked.flatMap { Array($0.new) }
        let newExtents = newAxes.map { new[$0] }
        let count = newExtents.reduce(1) { $0 > Self.limit ? $0 : $0 * $1 }
        guard count <= Self.limit else { return nil }
        var result: [Int] = []
        result.reserveCapacity(count)
        for position in 0..<count {
            let target = Self.coordinates(of: position, in: newExtents)
            var source = [Int](repeating: 0, count: rank)
            var first = 0
            for block in tracked {
                // Position within the block, which both shapes lay out in the same order.
                var flat = 0
                for axis in block.new {
                    flat = flat * new[axis] + target[first]
                    first += 1
                }
                for axis in block.old.reversed() {
                    source[axis] = flat % old[axis]
                    flat /= old[axis]
                }
            }
            result.append(symbols[index(of: axes.map { source[$0] })])
        }
        // Axes of extent 1 carry nothing, unless there is but one channel.
        let places = newAxes.indices.filter { newExtents[$0] != 1 }
        let kept = places.isEmpty ? Array(newAxes.indices.prefix(1)) : places
        return ChannelOwnership(rank: new.count, axes: kept.map { newAxes[$0] }, extents: kept.map { newExtents[$0] }, symbols: result)
    }

    /// Whether a new axis joins tracked old axes with others, or repeats channels along what is no channel.
    func mergesWithSpace(from old: [Int], to new: [Int], at axis: Int) -> Bool {
        guard let block = Self.blocks(old, new)?.first(where: { $0.new.contains(axis) }) else { return false }
        let tracked = block.old.filter { axes.contains($0) }
        return block.old.contains { old[$0] != 1 && !axes.contains($0) } && axes.count > tracked.count
    }

    /// After permuting the axes of a sample: new axis i is old axis `permutation[i]`.
    func transposed(_ permutation: [Int]) -> ChannelOwnership {
        let newAxes = permutation.indices.filter { axes.contains(permutation[$0]) }
        // Place of each new tracked axis among the old ones.
        let places = newAxes.map { axis in axes.firstIndex(of: permutation[axis]) ?? 0 }
        let newExtents = places.map { extents[$0] }
        let result = symbols.indices.map { position in
            let target = Self.coordinates(of: position, in: newExtents)
            var source = target
            for (new, old) in places.enumerated() { source[old] = target[new] }
            return symbols[index(of: source)]
        }
        return ChannelOwnership(rank: rank, axes: newAxes, extents: newExtents, symbols: result)
    }

    /// The positions `chosen` of a tracked axis.
    func selecting(_ chosen: [Int], along axis: Int) -> ChannelOwnership {
        guard let place = axes.firstIndex(of: axis) else { return self }
        var newExtents = extents
        newExtents[place] = chosen.count
        let inner = extents[(place + 1)...].reduce(1, *)
        let outer = extents[..<place].reduce(1, *)
        var result: [Int] = []
        result.reserveCapacity(outer * chosen.count * inner)
        for block in 0..<outer {
            for position in chosen {
                let start = (block * extents[place] + position) * inner
                result.append(contentsOf: symbols[start..<start + inner])
            }
        }
        return ChannelOwnership(rank: rank, axes: axes, extents: newExtents, symbols: result)
    }

    /// Joined along a tracked axis; all parts track the same axes and agree elsewhere.
    static func concatenating(_ parts: [ChannelOwnership], along axis: Int) -> ChannelOwnership? {
        guard let first = parts.first, let place = first.axes.firstIndex(of: axis),
            parts.allSatisfy({ part in
                part.axes == first.axes && part.extents.indices.allSatisfy { $0 == place || part.extents[$0] == first.extents[$0] }
            })
        else { return nil }
        let inner = first.extents[(place + 1)...].reduce(1, *)
        let outer = first.extents[..<place].reduce(1, *)
        var result: [Int] = []
        for block in 0..<outer {
            for part in parts {
                let length = part.extents[place] * inner
                result.append(contentsOf: part.symbols[block * length..<(block + 1) * length])
            }
        }
        var extents = first.extents
        extents[place] = parts.reduce(0) { $0 + $1.extents[place] }
        return ChannelOwnership(rank: first.rank, axes: first.axes, extents: extents, symbols: result)
    }

    private func index(of coordinates: [Int]) -> Int {
        zip(coordinates, extents).reduce(0) { $0 * $1.1 + $1.0 }
    }

    private static func coordinates(of position: Int, in extents: [Int]) -> [Int] {
        var rest = position
        var result = [Int](repeating: 0, count: extents.count)
        for axis in extents.indices.reversed() {
            result[axis] = rest % extents[axis]
            rest /= extents[axis]
        }
        return result
    }

    /// Pairs of axis ranges with equal products: the finest common cut of two shapes. `nil` for empty shapes or extents of 0.
    private static func blocks(_ old: [Int], _ new: [Int]) -> [(old: Range<Int>, new: Range<Int>)]? {
        guard old.allSatisfy({ $0 > 0 }), new.allSatisfy({ $0 > 0 }), old.reduce(1, *) == new.reduce(1, *) else { return nil }
        var result: [(Range<Int>, Range<Int>)] = []
        var (i, j) = (0, 0)
        while i < old.count, j < new.count {
            let (firstOld, firstNew) = (i, j)
            var (left, right) = (old[i], new[j])
            i += 1
            j += 1
            while left != right {
                if left < right {
                    left *= old[i]
                    i += 1
                } else {
                    right *= new[j]
                    j += 1
                }
            }
            result.append((firstOld..<i, firstNew..<j))
        }
        // Left-over axes have extent 1 and carry nothing, unless a channel axis of one channel ends here.
        if i < old.count, let last = result.popLast() { result.append((last.0.lowerBound..<old.count, last.1)) }
        if j < new.count, let last = result.popLast() { result.append((last.0, last.1.lowerBound..<new.count)) }
        return result
    }
}
