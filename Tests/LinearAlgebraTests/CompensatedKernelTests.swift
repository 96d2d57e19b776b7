// Products as in twice the precision against plain loops of the same error-free transformations.

import LinearAlgebra
import TestSupport
import Testing

@Suite struct CompensatedKernelTests {
    private static func twoSum(_ a: Double, _ b: Double) -> (Double, Double) {
        let sum = a + b
        let virtual = sum - a
        return (sum, (a - (sum - virtual)) + (b - virtual))
    }

    private static func twoProduct(_ a: Double, _ b: Double) -> (Double, Double) { (a * b, (-(a * b)).addingProduct(a, b)) }

    /// The definition, entry by entry.
    private static func image(
        _ t: [Double], _ rank: Int, _ row: Int, _ origin: [Double], _ point: ArraySlice<Double>
    ) -> (rounded: Double, remainder: Double) {
        var (sum, correction) = (0.0, 0.0)
        for (k, p) in point.enumerated() {
            let (difference, tail) = twoSum(p, -origin[k])
            let (product, error) = twoProduct(t[row + k * rank], difference)
            let (next, lost) = twoSum(sum, product)
            sum = next
            correction += lost + error + t[row + k * rank] * tail
        }
        return twoSum(sum, correction)
    }

    @Test(arguments: [(1, 1, 1), (3, 5, 4), (8, 8, 2), (9, 7, 3), (50, 50, 20), (17, 40, 5)])
    func imagesAreThoseOfTheDefinitionToTheLastBit(_ rank: Int, _ dimension: Int, _ count: Int) {
        var generator = TestGenerator(seed: UInt64(rank * 100 + dimension))
        let t = generator.normals(rank * dimension).map { $0 * 1e8 }
        let origin = generator.normals(dimension).map { $0 * 1e6 }
        let points = (0..<count * dimension).map { origin[$0 % dimension] + generator.normals(1)[0] * 1e-5 }
        var images = [Double](repeating: .nan, count: rank * count)
        VectorKernels.compensatedImages(t, rank: rank, dimension: dimension, origin: origin, points: points, count: count, into: &images)
        var (same, remainders) = (images, images)
        VectorKernels.compensatedImages(
            t, rank: rank, dimension: dimension, origin: origin, points: points, count: count, into: &same, remainders: &remainders)
        #expect(same == images)
        for j in 0..<count {
            for i in 0..<rank {
                let wanted = Self.image(t, rank, i, origin, points[j * dimension..<(j + 1) * dimension])
                #expect(images[i + j * rank] == wanted.rounded, "entry \(i) of point \(j)")
                #expect(remainders[i + j * rank] == wanted.remainder, "remainder \(i) of point \(j)")
            }
        }
    }

    /// Terms of both signs, a billion times as large as their sum may be, against whole numbers of 128 bits.
    @Test(arguments: [1, 2, 7, 8, 9, 31]) func quadraticFormsKeepWhatCancels(_ order: Int) {
        var generator = TestGenerator(seed: UInt64(order))
        let (high, low) = (generator.normals(order), generator.normals(order).map { $0 * 1e-18 })
        var a = [Double](repeating: 0, count: order * order)
        for j in 0..<order { for i in j..<order { a[i + j * order] = generator.normals(1)[0] * (i == j ? 1 : 1e9) } }
        // Whole numbers of 2⁻⁴⁰: sums of products are exact in 128 bits.
        let unit = 0x1p-20
        func whole(_ value: Double) -> Double { (value / unit).rounded() }
        let (x, m) = (high.map { whole($0) * unit }, a.map { ($0).rounded() })
        var exact = Int128(0)
        for j in 0..<order {
            for i in j..<order {
                exact += Int128(i == j ? 1 : 2) * Int128(m[i + j * order]) * Int128(x[i] / unit) * Int128(x[j] / unit)
            }
        }
        let found = VectorKernels.compensatedQuadraticForm(m, order: order, high: x, low: [Double](repeating: 0, count: order))
        let wanted = Double(exact) * unit * unit
        #expect((found - wanted).magnitude <= 2 * wanted.ulp)
        // What is added to a coordinate below its last digit counts to first order: 2·Σ (Ax)ₖ·lₖ.
        let moved = VectorKernels.compensatedQuadraticForm(m, order: order, high: x, low: low)
        var first = 0.0, size = 0.0
        for j in 0..<order {
            for i in 0..<order {
                let term = 2 * m[max(i, j) + min(i, j) * order] * x[i] * low[j]
                first += term
                size += term.magnitude
            }
        }
        #expect((moved - found - first).magnitude <= 1e-12 * size + 2 * wanted.ulp)
    }
}
