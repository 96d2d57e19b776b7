// The numbers of a network value in another order, as PyTorch's attention has them: tokens before the batch, channels split into
// heads, heads joined with the batch.
//
// A value's sample axes are products of factors. An axis of the model's tensor is a product of factors too, the batch among
// them:   (tokens, batch, 3·width)  →  (tokens, batch, 3, heads·w)  →  (tokens, batch·heads, w)  → …
// Transposing permutes axes, reshaping regroups or splits factors, picking fixes one. Nothing is moved: a view is followed
// until a layer reads it, or until its axes are again those of the value.

struct ONNXView: Sendable {
    /// A factor of a sample axis.
    struct Factor: Sendable {
        let id: Int
        /// Sample axis of the value.
        let axis: Int
        var extent: Int
    }

    /// Stands for the batch in `axes`.
    static let batch = 0

    var value: Network.ValueID
    /// In the order of memory: by sample axis, outermost first.
    private(set) var factors: [Factor]
    /// Axes of the model's tensor: identifiers of factors, outermost first; empty for an extent of 1.
    private(set) var axes: [[Int]]
    /// Positions at which factors are fixed.
    private(set) var picked: [Int: Int] = [:]
    /// What the numbers are multiplied by.
    var scale: Float = 1

    /// The value itself.
    init(_ value: Network.ValueID, shape: [Int]) {
        self.value = value
        factors = shape.enumerated().map { Factor(id: $0 + 1, axis: $0, extent: $1) }
        axes = [[Self.batch]] + factors.map { [$0.id] }
    }

    /// A value whose axes are the given products of factors.
    init(_ value: Network.ValueID, factors: [Factor], axes: [[Int]]) {
        (self.value, self.factors, self.axes) = (value, factors, axes)
    }

    var isIdentity: Bool {
        let count = (factors.last?.axis ?? -1) + 1
        return picked.isEmpty && scale == 1
            && axes == [[Self.batch]] + (0..<count).map { axis in factors.filter { $0.axis == axis }.map(\.id) }
    }

    func extent(_ id: Int) -> Int? { factors.first { $0.id == id }?.extent }

    /// Shape of the model's tensor.
    func extents(fixedBatch: Int?) -> [ONNXExtent] {
        axes.map { axis in
            if axis == [Self.batch] { return .batch }
            let product = axis.reduce(Int?.some(1)) { product, id in
                guard let product, let extent = id == Self.batch ? fixedBatch : extent(id) else { return nil }
                let (result, overflow) = product.multipliedReportingOverflow(by: extent)
                return overflow ? nil : result
            }
            return product.map(ONNXExtent.known) ?? .unknown
        }
    }

    /// Whether the last axis is the whole last axis of the value, as a linear layer reads it.
    var endsInChannels: Bool {
        guard let last = factors.last?.axis, let axis = axes.last, !axis.isEmpty else { return false }
        return axis == factors.filter { $0.axis == last }.map(\.id)
    }

    // MARK: Rearrangement

    func transposed(_ permutation: [Int]) -> ONNXView? {
        guard permutation.sorted() == Array(axes.indices) else { return nil }
        var result = self
        result.axes = permutation.map { axes[$0] }
        return result
    }

    /// With axes of extent 1 at the given places of the result.
    func unsqueezed(_ places: [Int]) -> ONNXView? {
        let rank = axes.count + places.count
        let positions = places.compactMap { ONNXFolding.position($0, rank: rank) }
        guard places.count <= 8, positions.count == places.count, Set(positions).count == places.count else { return nil }
        var rest = axes[...]
        var result = self
        result.axes = (0..<rank).map { positions.contains($0) ? [] : rest.removeFirst() }
        return result
    }

    /// Without the given axes, which have extent 1.
    func squeezed(_ places: [Int]) -> ONNXView? {
        let positions = places.compactMap { ONNXFolding.position($0, rank: axes.count) }
        guard positions.count == places.count, positions.allSatisfy({ axes[$0].isEmpty }) else { return nil }
        var result = self
        result.axes = axes.indices.filter { !positions.contains($0) }.map { axes[$0] }
        return result
    }

    /// Position `index` of an axis that is one factor.
    func picking(_ index: Int, along place: Int) -> ONNXView? {
        guard let place = ONNXFolding.position(place, rank: axes.count), axes[place].count == 1, let extent = extent(axes[place][0]),
            let index = ONNXFolding.position(index, rank: extent)
        else { return nil }
        var result = self
        result.picked[axes[place][0]] = index
        result.axes.remove(at: place)
        return result
    }

    /// The same numbers with other axes; at most one extent of the target may be unknown or inferred.
    func reshaped(_ target: [ONNXExtent], fixedBatch: Int?) -> ONNXView? {
        let own = extents(fixedBatch: fixedBatch)
        let wanted = target.enumerated().map { axis, extent in extent == .known(0) && axis < own.count ? own[axis] : extent }
        let free = wanted.indices.filter { wanted[$0] == .unknown || wanted[$0] == .known(-1) }
        guard free.count <= 1, wanted.count <= 16 else { return nil }
        var result = self
        var rest = axes.flatMap { $0 }
        let split = free.first ?? wanted.count
        var front: [[Int]] = [], back: [[Int]] = []
        for extent in wanted[..<split] {
            guard let taken = result.take(extent, from: &rest, atEnd: false, fixedBatch: fixedBatch) else { return nil }
            front.append(taken)
        }
        for extent in wanted[min(split + 1, wanted.count)...].reversed() {
            guard let taken = result.take(extent, from: &rest, atEnd: true, fixedBatch: fixedBatch) else { return nil }
            back.insert(taken, at: 0)
        }
        guard !free.isEmpty || rest.isEmpty else { return nil }
        result.axes = front + (free.isEmpty ? [] : [rest]) + back
        return result
    }

    /// Takes factors of the wanted product from one end, splitting the last one if need be.
    private mutating func take(_ extent: ONNXExtent, from rest: inout [Int], atEnd: Bool, fixedBatch: Int?) -> [Int]? {
        if extent == .batch {
            guard (atEnd ? rest.last : rest.first) == Self.batch else { return nil }
            if atEnd { rest.removeLast() } else { rest.removeFirst() }
            return [Self.batch]
        }
        guard let wanted = extent.known, wanted > 0 else { return nil }
        var (taken, missing) = ([Int](), wanted)
        while missing > 1 {
            guard let id = atEnd ? rest.last : rest.first, let own = id == Self.batch ? fixedBatch : self.extent(id), own > 0 else {
                return nil
            }
            if atEnd { rest.removeLast() } else { rest.removeFirst() }
            if missing % own == 0 {
                taken = atEnd ? [id] + taken : taken + [id]
                missing /= own
                continue
            }
            guard id != Self.batch, own % missing == 0, let place = factors.firstIndex(where: { $0.id == id }) else { return nil }
            let (outer, inner) = atEnd ? (own / missing, missing) : (missing, own / missing)
            let fresh = (factors.map(\.id).max() ?? 0) + 1
            let axis = factors[place].axis
            factors.replaceSubrange(
                place...place, with: [Factor(id: fresh, axis: axis, extent: outer), Factor(id: fresh + 1, axis: axis, extent: inner)])
            taken = atEnd ? [fresh + 1] + taken : taken + [fresh]
            if atEnd { rest.append(fresh) } else { rest.insert(fresh + 1, at: 0) }
            missing = 1
        }
        return taken
    }

    // MARK: After a cut

    /// The target of a Reshape that makes this view of a value whose sample axes have changed; -1 for the axis with the batch.
    ///
    /// Of the factors of an axis the first one changes, behind the one that counts queries, keys and values: whole heads go, and
    /// their width stays.
    /// - Parameter parts: equal parts that the channels consist of.
    /// - Returns: nil when the change is none of whole factors.
    func reshapeTarget(from before: [Int], to after: [Int], parts: Int) -> [Int]? {
        guard before.count == after.count else { return nil }
        var extents = [Int: Int](uniqueKeysWithValues: factors.map { ($0.id, $0.extent) })
        for axis in before.indices where before[axis] != after[axis] {
            let own = factors.filter { $0.axis == axis }
            let isDivided = parts > 1 && own.count > 1 && own[0].extent == parts
            guard let changing = own.dropFirst(isDivided ? 1 : 0).first else { return nil }
            let others = own.filter { $0.id != changing.id }.reduce(1) { $0 * $1.extent }
            guard others > 0, after[axis] % others == 0 else { return nil }
            extents[changing.id] = after[axis] / others
        }
        return axes.map { axis in axis.contains(Self.batch) ? -1 : axis.reduce(1) { $0 * (extents[$1] ?? 1) } }
    }
}

/// Scores of queries against keys, before or after their softmax.
struct ONNXScores: Sendable {
    var queries: ONNXView
    var keys: ONNXView
    var scale: Float
    var isNormalized = false
}

/// A Reshape of the model that splits or joins heads.
struct ONNXViewReshape: Sendable {
    var node: Int
    /// What it makes.
    var view: ONNXView
    /// Equal parts that the channels of the value consist of: queries, keys and values.
    var parts = 1
}
