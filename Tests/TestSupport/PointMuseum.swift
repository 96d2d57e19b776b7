// A museum of nasty point sets, each named for its vice. Every algorithm on points visits all of it.

/// One exhibit.
package struct PointExhibit: Sendable, CustomStringConvertible {
    /// What is nasty about it.
    package let name: String
    /// Points, d numbers each.
    package let columns: [[Double]]
    /// Dimension of the affine hull; `nil` when the set is not valid input.
    package let rank: Int?
    /// Whether Double can hold the matrix of an ellipsoid around the points.
    package let isRepresentable: Bool

    package init(_ name: String, rank: Int?, isRepresentable: Bool = true, _ columns: [[Double]]) {
        self.name = name
        self.columns = columns
        self.rank = rank
        self.isRepresentable = isRepresentable
    }

    package var dimension: Int { columns.first?.count ?? 0 }
    package var description: String { name }
}

package enum PointMuseum {
    /// The exhibits that are valid input.
    package static let valid: [PointExhibit] = flat + thin + scaled + degenerate + ordinary
    /// NaN and infinity.
    package static let invalid: [PointExhibit] = [.nan, .infinity, -.infinity].map { bad in
        var columns = gaussian(50, 4, seed: 40)
        columns[17][2] = bad
        return PointExhibit("\(bad) in one coordinate", rank: nil, columns)
    }

    package static let flat: [PointExhibit] = [
        PointExhibit("one point", rank: 0, [[3, -1, 2]]),
        PointExhibit("all points equal", rank: 0, Array(repeating: [0.1, 0.2, 0.3], count: 20)),
        PointExhibit("two points", rank: 1, [[1, 2, 3], [4, 5, 6]]),
        PointExhibit("a line in R5", rank: 1, line(30, seed: 1)),
        PointExhibit("a rotated 5-plane in R6", rank: 5, rotated(gaussian(300, 5, seed: 2).map { $0 + [0] }, seed: 3)),
        PointExhibit(
            "a rotated 2-plane in R7, offset 1e6", rank: 2,
            offset(rotated(gaussian(300, 2, seed: 4).map { $0 + [0, 0, 0, 0, 0] }, seed: 5), by: 1e6)),
        PointExhibit("fewer points than coordinates", rank: 5, gaussian(6, 10, seed: 6)),
        PointExhibit("one-hot rows", rank: 7, crossPolytope(8).enumerated().filter { $0.offset % 2 == 0 }.map(\.element)),
        PointExhibit("a constant coordinate", rank: 3, gaussian(100, 3, seed: 7).map { [$0[0], 7.5, $0[1], $0[2]] }),
        PointExhibit("a repeated coordinate", rank: 3, gaussian(100, 3, seed: 8).map { [$0[0], $0[1], $0[2], $0[1]] }),
    ]

    package static let thin: [PointExhibit] = [
        PointExhibit("a slab 1e-10 thick", rank: 6, slab(1e-10, seed: 10)),
        PointExhibit("a slanted slab 1e-5 thick", rank: 6, isRepresentable: false, rotated(slab(1e-5, seed: 11), seed: 12)),
        PointExhibit(
            "a slanted slab 1e-10 thick", rank: 6, isRepresentable: false,
            rotated(slab(1e-10, seed: 11), seed: 12)),
        PointExhibit("axis ratio 1e16", rank: 3, stretched(gaussian(200, 3, seed: 13), by: [1, 1e-8, 1e-16])),
        PointExhibit("scales 1e-8 to 1e8", rank: 5, stretched(gaussian(300, 5, seed: 14), by: [1e-8, 1e-4, 1, 1e4, 1e8])),
        PointExhibit("a sheared pair of coordinates", rank: 2, gaussian(200, 2, seed: 15).map { [$0[0], $0[0] + 1e-4 * $0[1]] }),
        PointExhibit("one outlier at 1e6", rank: 4, isRepresentable: false, gaussian(300, 4, seed: 16) + [[1e6, -2e6, 0.5e6, 1e6]]),
        PointExhibit(
            "two clusters 1e6 apart", rank: 3, isRepresentable: false,
            gaussian(100, 3, seed: 17) + offset(gaussian(100, 3, seed: 18), by: 1e6)),
    ]

    package static let scaled: [PointExhibit] = [
        PointExhibit("offset 1e8", rank: 4, offset(gaussian(300, 4, seed: 20), by: 1e8)),
        PointExhibit("scale 1e150", rank: 3, stretched(gaussian(100, 3, seed: 21), by: [1e150, 1e150, 1e150])),
        PointExhibit("scale 1e-150", rank: 3, stretched(gaussian(100, 3, seed: 22), by: [1e-150, 1e-150, 1e-150])),
        PointExhibit("scale 1e300", rank: 3, isRepresentable: false, stretched(gaussian(100, 3, seed: 23), by: [1e300, 1e300, 1e300])),
        PointExhibit("scale 1e-300", rank: 3, isRepresentable: false, stretched(gaussian(100, 3, seed: 24), by: [1e-300, 1e-300, 1e-300])),
    ]

    package static let degenerate: [PointExhibit] = [
        PointExhibit("a simplex", rank: 10, gaussian(11, 10, seed: 30)),
        PointExhibit("cube vertices", rank: 8, cubeVertices(8)),
        PointExhibit("a sphere", rank: 4, gaussian(600, 4, seed: 31).map(unit)),
        PointExhibit("cross-polytope and center", rank: 5, crossPolytope(5) + Array(repeating: [0, 0, 0, 0, 0], count: 40)),
        PointExhibit("every point 200 times", rank: 5, gaussian(12, 5, seed: 32).flatMap { Array(repeating: $0, count: 200) }),
        PointExhibit("an integer grid", rank: 3, grid(7)),
        PointExhibit("one coordinate", rank: 1, gaussian(50, 1, seed: 33)),
    ]

    package static let ordinary: [PointExhibit] = [
        PointExhibit("gaussian 400×6", rank: 6, gaussian(400, 6, seed: 34)),
        PointExhibit("heavy tails", rank: 4, heavyTailed(500, seed: 35)),
        PointExhibit("12000 points", rank: 3, gaussian(12000, 3, seed: 36)),
    ]

    // Ingredients.

    package static func cubeVertices(_ d: Int) -> [[Double]] {
        (0..<(1 << d)).map { i in (0..<d).map { k -> Double in i >> k & 1 == 1 ? 1 : 0 } }
    }

    /// ±eₖ: the rows 2k and 2k + 1.
    package static func crossPolytope(_ d: Int) -> [[Double]] {
        (0..<2 * d).map { i in
            var p = [Double](repeating: 0, count: d)
            p[i / 2] = i % 2 == 0 ? 1 : -1
            return p
        }
    }

    package static func unit(_ p: [Double]) -> [Double] {
        let norm = p.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return p.map { $0 / norm }
    }

    package static func offset(_ columns: [[Double]], by shift: Double) -> [[Double]] { columns.map { $0.map { $0 + shift } } }

    package static func stretched(_ columns: [[Double]], by scales: [Double]) -> [[Double]] {
        columns.map { p in p.indices.map { p[$0] * scales[$0] } }
    }

    private static func slab(_ thickness: Double, seed: UInt64) -> [[Double]] {
        stretched(gaussian(300, 6, seed: seed), by: [1, 1, 1, 1, 1, thickness])
    }

    private static func line(_ n: Int, seed: UInt64) -> [[Double]] {
        gaussian(n, 1, seed: seed).map { t in (1...5).map { k -> Double in Double(k) * (1 + 0.3 * t[0]) } }
    }

    private static func grid(_ k: Int) -> [[Double]] {
        (0..<k * k * k).map { i in [Double(i % k), Double(i / k % k), Double(i / (k * k))] }
    }

    private static func heavyTailed(_ n: Int, seed: UInt64) -> [[Double]] {
        gaussian(n, 5, seed: seed).map { p in
            let scale = 1 / (p[4] * p[4] + 1e-3)
            return (0..<4).map { p[$0] * scale }
        }
    }

    package static func gaussian(_ n: Int, _ d: Int, seed: UInt64) -> [[Double]] {
        var generator = TestGenerator(seed: seed)
        return (0..<n).map { _ in generator.normals(d) }
    }

    /// The points through a random orthogonal matrix (a product of Householder reflections).
    package static func rotated(_ columns: [[Double]], seed: UInt64) -> [[Double]] {
        var generator = TestGenerator(seed: seed)
        let d = columns[0].count
        let mirrors = (0..<d).map { _ in generator.normals(d) }
        return columns.map { column in
            var p = column
            for v in mirrors {
                let scale = 2 * zip(v, p).reduce(0) { $0 + $1.0 * $1.1 } / v.reduce(0) { $0 + $1 * $1 }
                for k in 0..<d { p[k] -= scale * v[k] }
            }
            return p
        }
    }
}
