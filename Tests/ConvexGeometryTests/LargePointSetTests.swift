import ConvexGeometry
import LinearAlgebra
import TestSupport
import Testing

/// Points that nobody holds: computed at every read.
struct ComputedPoints: PointSource {
    let pointCount: Int
    let dimension: Int
    let coordinate: @Sendable (_ point: Int, _ k: Int) -> Double

    var relativePrecision: Double { Double.ulpOfOne }

    func withBlock(_ range: Range<Int>, _ body: (PointBlock) -> Void) {
        let numbers = range.flatMap { point in (0..<dimension).map { coordinate(point, $0) } }
        numbers.withUnsafeBufferPointer { if let base = $0.baseAddress { body(.double(base)) } }
    }

    var matrix: Matrix { Matrix(rows: dimension, columns: pointCount) { coordinate($1, $0) } }

    /// A number between −1 and 1 that depends on nothing else.
    static func noise(_ point: Int, _ k: Int) -> Double {
        var z = UInt64(truncatingIfNeeded: point &* 64 &+ k) &* 0x9E37_79B9_7F4A_7C15
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return Double(Int64(bitPattern: z ^ z >> 31)) * 0x1p-63
    }

    /// Sets of more points than may be candidates, named for what they ask of the selection.
    static func set(_ kind: String) -> ComputedPoints {
        switch kind {
        case "a ball":
            ComputedPoints(pointCount: 90_000, dimension: 3) { 5 + noise($0, $1) + noise($0, $1 + 8) + noise($0, $1 + 16) }
        case "a sphere":
            // All are as far as each other, up to rounding.
            ComputedPoints(pointCount: 80_000, dimension: 3) { i, k in
                let x = (0..<3).map { noise(i, $0) + 0.1 * noise(i, $0 + 8) }
                return x[k] / x.reduce(0) { $0 + $1 * $1 }.squareRoot()
            }
        case "few places":
            // Seventy thousand points at 64 places, all of them vertices.
            ComputedPoints(pointCount: 70_000, dimension: 6) { i, k in i >> k & 1 == 0 ? 1 : -1 }
        case "outliers at the end":
            ComputedPoints(pointCount: 75_000, dimension: 4) { i, k in
                i < 74_990 ? noise(i, k) : i % 4 == k ? 1e7 * Double(i - 74_980) : noise(i, k)
            }
        case "a period of the sample":
            // What an evenly spaced sample would see is near the center.
            ComputedPoints(pointCount: 131_072, dimension: 3) { i, k in i % 32 == 0 ? 1e-3 * noise(i, k) : noise(i, k) }
        default:
            // Thin and slanted: leverages of plain arithmetic are noise.
            ComputedPoints(pointCount: 66_000, dimension: 2) { i, k in
                let (long, thin) = (noise(i, 0) + 0.3 * noise(i, 1), 1e-11 * (noise(i, 2) + 0.5 * noise(i, 3)))
                return k == 0 ? 0.6 * long - 0.8 * thin : 0.8 * long + 0.6 * thin
            }
        }
    }

    static let kinds = ["a ball", "a sphere", "few places", "outliers at the end", "a period of the sample", "a slanted needle"]
}

@Suite struct LargePointSetTests {
    @Test(arguments: ComputedPoints.kinds)
    func selectionsFindWhatMatters(_ kind: String) throws {
        let points = ComputedPoints.set(kind)
        let fits = try [1, 2, 3].map { threads in
            var settings = MinimumVolumeEllipsoid.Settings(gap: 1e-6)
            settings.threads = threads
            return try MinimumVolumeEllipsoid(source: points, settings: settings)
        }
        let fit = fits[0]
        #expect(fit.status == .solved && fit.certificate.gap <= 1e-6, "\(fit.status), \(fit.certificate)")
        for other in fits.dropFirst() {
            #expect(other.ellipsoid == fit.ellipsoid && other.weights == fit.weights && other.support == fit.support)
        }
        // Every point is inside, by loops of their own.
        let matrix = points.matrix
        // In plain arithmetic a needle of 10⁻¹¹ is five digits wide.
        #expect(fit.ellipsoid.gauges(of: matrix).allSatisfy { $0 <= 1 + (kind == "a slanted needle" ? 1e-4 : 1e-9) })
        #expect(Set(fit.support).count == fit.support.count && fit.weights.allSatisfy { $0 > 0 })
        // The same points in memory have the same answer.
        let stored = try MinimumVolumeEllipsoid(points: matrix, settings: .init(gap: 1e-6))
        #expect(stored.ellipsoid == fit.ellipsoid && stored.weights == fit.weights)
    }

    @Test func aNumberThatIsNoneIsFoundAmongMany() {
        let points = ComputedPoints(pointCount: 100_000, dimension: 3) { $0 == 77_777 && $1 == 2 ? .nan : ComputedPoints.noise($0, $1) }
        #expect {
            try MinimumVolumeEllipsoid(source: points)
        } throws: { error in
            guard case GeometryError.nonFinite(let point, let coordinate, let value) = error else { return false }
            return point == 77_777 && coordinate == 2 && value.isNaN
        }
    }

    @Test func piecesAreOneSet() throws {
        let all = Matrix(columns: PointMuseum.gaussian(20_000, 5, seed: 71))
        let whole = try MinimumVolumeEllipsoid(points: all)
        for cuts in [[0, 20_000], [0, 1, 20_000], [0, 7000, 7001, 13_000, 20_000]] {
            try all.elements.withUnsafeBufferPointer { elements in
                let pieces = try zip(cuts, cuts.dropFirst()).map {
                    try BorrowedPoints(UnsafeBufferPointer(rebasing: elements[$0 * 5..<$1 * 5]), count: $1 - $0, dimension: 5)
                }
                let points = try ConcatenatedPoints(pieces)
                #expect(
                    points.pointCount == 20_000
                        && points.columns([6999, 7000, 7001, 19_999]) == all.selectingColumns([6999, 7000, 7001, 19_999]))
                for (piece, range) in zip(cuts, cuts.dropFirst()).enumerated() {
                    #expect(points.place(of: range.0) == (piece, 0) && points.place(of: range.1 - 1) == (piece, range.1 - range.0 - 1))
                }
                let fit = try MinimumVolumeEllipsoid(points: points)
                #expect(fit.ellipsoid == whole.ellipsoid && fit.weights == whole.weights && fit.support == whole.support)
            }
        }
    }

    @Test func piecesOfOtherPrecisionAndDimension() throws {
        let double = PointMuseum.gaussian(3000, 4, seed: 72).flatMap { $0 }
        let single = PointMuseum.gaussian(3000, 4, seed: 73).flatMap { $0.map { Float($0) } }
        try double.withUnsafeBufferPointer { double in
            try single.withUnsafeBufferPointer { single in
                let first = try BorrowedPoints(double, count: 3000, dimension: 4)
                let second = try BorrowedPoints(single, count: 3000, dimension: 4)
                let fit = try MinimumVolumeEllipsoid(points: ConcatenatedPoints([first, second]))
                let together = Matrix(rows: 4, columns: 6000, elements: Array(double) + single.map { Double($0) })
                #expect(fit.status == .solved)
                #expect(fit.ellipsoid.gauges(of: together).allSatisfy { $0 <= 1 + 1e-9 })
                let other = try BorrowedPoints(double, count: 4000, dimension: 3)
                #expect(throws: GeometryError.dimensionMismatch(expected: 4, found: 3)) { try ConcatenatedPoints([first, other]) }
                #expect(throws: GeometryError.noPoints) { try ConcatenatedPoints([]) }
            }
        }
    }

    @Test func pointsThatBeginAtAnyByte() throws {
        let points = PointMuseum.gaussian(20_000, 5, seed: 74).flatMap { $0 }
        let single = points.map { Float($0) }
        let whole = try [
            points.withUnsafeBufferPointer { try MinimumVolumeEllipsoid(points: $0, count: 20_000, dimension: 5) },
            single.withUnsafeBufferPointer { try MinimumVolumeEllipsoid(points: $0, count: 20_000, dimension: 5) },
        ]
        let bytes = [points.withUnsafeBytes { Array($0) }, single.withUnsafeBytes { Array($0) }]
        for (k, isDouble) in [true, false].enumerated() {
            for shift in [1, 3, 8] {
                try ([UInt8](repeating: 0xff, count: shift) + bytes[k]).withUnsafeBytes { memory in
                    let source = try BorrowedPoints(
                        bytes: UnsafeRawBufferPointer(rebasing: memory[shift...]), isDouble: isDouble, count: 20_000, dimension: 5)
                    let fit = try MinimumVolumeEllipsoid(points: ConcatenatedPoints([source]))
                    #expect(fit.ellipsoid == whole[k].ellipsoid && fit.weights == whole[k].weights && fit.support == whole[k].support)
                    #expect(throws: GeometryError.self) {
                        try BorrowedPoints(
                            bytes: UnsafeRawBufferPointer(rebasing: memory[shift...]), isDouble: isDouble, count: 20_001, dimension: 5)
                    }
                }
            }
        }
    }

    /// Enough points for several blocks: 2²¹ numbers are one.
    @Test(arguments: [false, true]) func reductionsOfPiecesKeepTheSums(_ keepsSecondMoments: Bool) throws {
        let (n, d) = (30_000, 150)
        let numbers = (0..<n * d).map { Float(3 + ComputedPoints.noise($0 / d, $0 % d)) }
        let dimension = keepsSecondMoments ? 6 : d
        let count = keepsSecondMoments ? n * d / 6 : n
        let weights = (0..<count).map { 0.5 + 0.5 * ComputedPoints.noise($0, 40) }
        try numbers.withUnsafeBufferPointer { numbers in
            func pieces(_ cuts: [Int]) throws -> ConcatenatedPoints {
                try ConcatenatedPoints(
                    zip(cuts, cuts.dropFirst()).map {
                        try BorrowedPoints(
                            UnsafeBufferPointer(rebasing: numbers[$0 * dimension..<$1 * dimension]), count: $1 - $0, dimension: dimension)
                    })
            }
            try weights.withUnsafeBufferPointer { weights in
                let reduction = try CaratheodoryReduction(
                    points: pieces([0, count]), weights: weights, keepsSecondMoments: keepsSecondMoments)
                let again = try CaratheodoryReduction(
                    points: pieces([0, 1, 12_345, 20_000, count]), weights: weights, keepsSecondMoments: keepsSecondMoments)
                #expect(reduction == again)
                #expect(reduction.indices.count <= reduction.featureCount + 1 && reduction.weights.allSatisfy { $0 > 0 })
                // Plain sums of what must be kept, in units of the largest.
                func features(_ i: Int) -> [Double] {
                    let p = (0..<dimension).map { Double(numbers[i * dimension + $0]) - 3 }
                    return [1] + p + (keepsSecondMoments ? p.flatMap { a in p.map { a * $0 } } : [])
                }
                var sums = [Double](repeating: 0, count: features(0).count)
                for i in 0..<count { for (k, f) in features(i).enumerated() { sums[k] += weights[i] * f } }
                for (index, weight) in zip(reduction.indices, reduction.weights) {
                    for (k, f) in features(index).enumerated() { sums[k] -= weight * f }
                }
                #expect(sums.allSatisfy { $0.magnitude < 1e-9 * Double(count) })
                #expect(reduction.error < 1e-12 && reduction.massError < 1e-12)
            }
            var bad = weights
            bad[count - 5] = -1
            #expect(throws: GeometryError.invalidWeight(index: count - 5, value: -1)) {
                try bad.withUnsafeBufferPointer { try CaratheodoryReduction(points: pieces([0, count]), weights: $0) }
            }
            let nothing = [Double](repeating: 0, count: count)
            #expect(throws: GeometryError.invalidWeight(index: 0, value: 0)) {
                try nothing.withUnsafeBufferPointer { try CaratheodoryReduction(points: pieces([0, count]), weights: $0) }
            }
        }
    }
}
