// Points of channels whose weights stay in their files.
//
// Of up to 1024 channels, or of channels with up to 1024 weights, the Gram matrix is taken and the points are those of weights in
// memory. Beyond that the leading directions are found by subspace iteration, which needs products with the weights alone
// (LeadingEigenpairs): r + 10 directions, three reads in all. What is proven is about the points as they come out, whichever
// directions those are in.

import LinearAlgebra
import RandomNumbers

extension NeuronPoints {
    /// Channels or weights up to which a Gram matrix is taken: its eigenvalues take a second.
    private static let exactLimit = 1024

    /// - Parameters:
    ///   - scales: what each column is multiplied by.
    ///   - rank: how many directions to keep; never more than `largestInformativeRank`.
    ///   - generator: draws the first directions.
    init(
        _ representation: PointRepresentation, _ weights: StreamedWeights, scales: [Double], rank: Int,
        generator: inout SeededGenerator, layer: String
    ) throws(PruningError) {
        let (n, d) = (weights.count, weights.dimension)
        if d > n, n <= NeuronPoints.exactLimit {
            var gram = Matrix(rows: n, columns: n)
            try weights.forEachSlice { (slice) throws(PruningError) in gram = gram + slice.times(slice, transposeSelf: true) }
            for j in 0..<n { for i in 0..<n { gram[i, j] *= scales[i] * scales[j] } }
            let total = gram
            self = try NeuronPoints.factoring(layer) { () throws(FactorizationError) in
                try NeuronPoints(representation, gram: total, rank: .fixed(rank))
            }
            return
        }
        let isExact = d <= NeuronPoints.exactLimit
        var directions = Matrix.identity(isExact ? d : 1)
        if !isExact {
            directions = try LeadingEigenpairs.span(
                dimension: d, count: Swift.min(rank + LeadingEigenpairs.oversampling, n, d), using: &generator
            ) { (directions) throws(PruningError) in
                var next = Matrix(rows: d, columns: directions.columns)
                try weights.forEachRun(scales: scales) { (_, scaled) throws(PruningError) in
                    next = next + scaled.times(scaled.times(directions, transposeSelf: true))
                }
                return next
            }
        }
        // Coordinates in these directions, of which the principal ones are taken.
        var energy = 0.0
        var coordinates = Matrix(rows: directions.columns, columns: n)
        try weights.forEachRun(scales: scales) { (first, scaled) throws(PruningError) in
            energy += BLAS.dot(scaled.elements.count, scaled.elements, 1, scaled.elements, 1)
            let part = isExact ? scaled : directions.times(scaled, transposeSelf: true)
            for (k, value) in part.elements.enumerated() { coordinates.elements[first * coordinates.rows + k] = value }
        }
        let (all, total) = (coordinates, energy)
        self = try NeuronPoints.factoring(layer) { () throws(FactorizationError) in
            try NeuronPoints(representation, coordinates: all, rank: .fixed(rank), energy: total)
        }
    }

    private static func factoring<Value>(
        _ layer: String, _ body: () throws(FactorizationError) -> Value
    ) throws(PruningError) -> Value {
        do throws(FactorizationError) { return try body() } catch { throw .factorization(error, layer: layer) }
    }
}
