// Weights of a layer: drawn with the spectrum of a trained one, or a user's own.
//
// A matrix with m ≤ k sides is H·diag(s)·G or its transpose: G m×k standard normal, s_j = j^(−β), H the orthonormal
// cosine transform of order m with random signs. G is rotation invariant, so the singular values are those of
// diag(s)·G: a power law, blurred as in the Marchenko–Pastur law. Rows are then scaled by log-normal factors, because
// norms of trained neurons differ (deviation of the logarithm 0.2–0.3 in trained LeNets), and to a mean square norm of 2,
// where ReLU keeps the variance (He et al., ICCV 2015).

import LinearAlgebra
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What pruning reads of one layer.
package struct LayerWeights: Sendable {
    /// Incoming weights and bias, one channel per column, d×n.
    package let incoming: Matrix
    /// Outgoing weights, one channel per column, q×n.
    package let outgoing: Matrix

    package init(incoming: Matrix, outgoing: Matrix) {
        precondition(incoming.columns == outgoing.columns, "incoming and outgoing weights must have one column per channel")
        self.incoming = incoming
        self.outgoing = outgoing
    }

    /// Weights of a published shape.
    package init(_ shape: LayerShape, seed: UInt64) {
        var generator = WorkloadGenerator(seed: seed)
        incoming = Self.draw(shape.incoming, shape.channels, decay: shape.decay, &generator)
        outgoing = Self.draw(shape.outgoing, shape.channels, decay: shape.decay, &generator)
    }

    /// One column per channel, singular values as the header says.
    static func draw(_ rows: Int, _ columns: Int, decay: Double, _ generator: inout WorkloadGenerator) -> Matrix {
        let (short, long) = (min(rows, columns), max(rows, columns))
        var g = Matrix(rows: short, columns: long, elements: generator.normals(short * long))
        let scales = (1...max(short, 1)).map { pow(Double($0), -decay) }
        for j in 0..<long { for i in 0..<short { g.elements[i + j * short] *= scales[i] } }
        let signs = (0..<short).map { _ in generator.next() & 1 == 0 ? 1.0 : -1 }
        let mixed = cosines(short, signs).times(g)
        var weights = rows <= columns ? mixed : mixed.transposed()
        // ‖column‖² is on average Σs²·long/columns.
        let energy = scales.reduce(0) { $0 + $1 * $1 } * Double(long) / Double(columns)
        let root = (2 / energy).squareRoot()
        for j in 0..<columns {
            let scale = root * exp(rowSpread * generator.normal())
            for i in 0..<rows { weights.elements[i + j * rows] *= scale }
        }
        return weights
    }

    private static let rowSpread = 0.25

    /// The orthonormal cosine transform (DCT-II, transposed) with signed rows.
    private static func cosines(_ n: Int, _ signs: [Double]) -> Matrix {
        Matrix(rows: n, columns: n) { i, k in
            signs[i] * (k == 0 ? 1 / Double(n) : 2 / Double(n)).squareRoot() * cos(.pi * (Double(i) + 0.5) * Double(k) / Double(n))
        }
    }
}
