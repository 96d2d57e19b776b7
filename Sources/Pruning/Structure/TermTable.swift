// Terms by what they are made of.
//
// A term is an operation on other terms with real coefficients. Operations with few coefficients (an activation at an offset, a
// pooling) are found by key and compared one by one. Rows of weights are found by a projection of the normalized row on fixed
// signs, which equal rows share up to rounding, and compared in full when the projections fall into the same or neighboring cells.
// Cost: one read of the weights, and one more row for every pair that a cell brings together. Rows are not stored: they are read
// again from their weights.

/// Numbers terms, equal ones alike, and knows the bounds of each.
struct TermTable {
    /// Operation and arguments, without the coefficients.
    struct Key: Hashable {
        var operation: [Int]
        var terms: [Int]
    }

    private(set) var bounds: [TermBounds] = []
    private var scalars: [Key: [(coefficients: [Double], term: Int)]] = [:]
    private var rows: [Key: [Int: [(source: Int, row: Int, term: Int)]]] = [:]
    private var sources: [WeightRows] = []

    /// A term that equals no other one.
    mutating func fresh(_ range: TermBounds = .unbounded) -> Int {
        bounds.append(range)
        return bounds.count - 1
    }

    /// The term of an operation with the given coefficients.
    mutating func term(_ key: Key, _ coefficients: [Double] = [], bounds range: TermBounds) -> Int {
        for known in scalars[key] ?? [] where TermTable.areEqual(known.coefficients, coefficients) { return known.term }
        let term = fresh(range)
        scalars[key, default: []].append((coefficients, term))
        return term
    }

    /// Forms of the outputs that rows of weights make, without their biases.
    mutating func forms(_ source: WeightRows, operation: [Int]) -> [ChannelForm] {
        let key = Key(operation: operation, terms: source.terms)
        let inputs = source.terms.map { source.isPadded ? bounds[$0].withZero : bounds[$0] }
        sources.append(source)
        var cells = rows[key] ?? [:]
        var result: [ChannelForm] = []
        for row in 0..<source.outputs {
            let entries = source.row(row)
            guard let factor = entries.factor else {
                result.append(.constant(entries.constant))
                continue
            }
            // Beyond the range of Double nothing is recognized.
            guard factor.isFinite, entries.constant.isFinite else {
                result.append(ChannelForm(term: fresh(), scale: 1, offset: 0))
                continue
            }
            let cell = entries.cell(factor)
            var found: Int?
            for candidate in [cell, cell - 1, cell + 1].lazy.flatMap({ cells[$0] ?? [] }) {
                let other = sources[candidate.source].row(candidate.row)
                if let otherFactor = other.factor, entries.equals(other, factor, otherFactor) {
                    found = candidate.term
                    break
                }
            }
            if found == nil {
                let term = fresh(entries.bounds(inputs, factor, taps: source.taps))
                cells[cell, default: []].append((sources.count - 1, row, term))
                found = term
            }
            result.append(ChannelForm(term: found ?? 0, scale: factor, offset: entries.constant))
        }
        rows[key] = cells
        return result
    }

    private static func areEqual(_ a: [Double], _ b: [Double]) -> Bool {
        a.count == b.count
            && zip(a, b).allSatisfy { ($0 - $1).magnitude <= WeightRows.tolerance * Swift.max($0.magnitude, $1.magnitude) }
    }
}
