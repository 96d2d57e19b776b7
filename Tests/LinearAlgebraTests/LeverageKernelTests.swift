import LinearAlgebra
import TestSupport
import Testing

@Suite struct LeverageKernelTests {
    /// κ by plain loops; lengths about the groups of four, counts about the groups of eight.
    @Test(arguments: [4, 5, 6, 7, 8, 11, 17, 50, 64], [0, 1, 7, 8, 9, 40])
    func triangularLeveragesAgreeWithPlainLoops(_ d: Int, _ count: Int) {
        var generator = TestGenerator(seed: UInt64(100 * d + count))
        let points = (0..<d * count).map { _ in Float(generator.normal()) }
        let (origin, offset) = (generator.normals(d), generator.normals(d))
        var matrix = [Double](repeating: 0, count: d * d)
        for k in 0..<d { for i in k..<d { matrix[i + k * d] = generator.normal() } }
        let packed = LeverageKernels.packTriangle(matrix, order: d)
        let padded = offset + [0, 0, 0]
        // One guard beyond the last: nothing else is written.
        var (double, single) = ([Double](repeating: -1, count: count + 1), [Double](repeating: -1, count: count + 1))
        LeverageKernels.triangularLeverages(
            points.map { Double($0) }, dimension: d, count: count, origin: origin, matrix: packed, offset: padded, constant: 1,
            into: &double)
        LeverageKernels.triangularLeverages(
            points, dimension: d, count: count, origin: origin, matrix: packed, offset: padded, constant: 1, into: &single)
        #expect(double == single)
        #expect(double[count] == -1)
        for j in 0..<count {
            var (expected, size) = (1.0, 1.0)
            for i in 0..<d {
                var (sum, terms) = (-offset[i], offset[i].magnitude)
                for k in 0...i {
                    let term = matrix[i + k * d] * (Double(points[k + j * d]) - origin[k])
                    sum += term
                    terms += term.magnitude
                }
                expected += sum * sum
                size += terms * terms
            }
            #expect((double[j] - expected).magnitude <= 4 * Double(d + 4) * .ulpOfOne * size)
        }
    }
}
