// Products by tiles, convolutions of planes and functions of rows, against plain loops.

import Foundation
import LinearAlgebra
import Testing

@Suite struct TiledProductTests {
    private func values(_ count: Int, seed: Int) -> [Float] {
        (0..<count).map { (index: Int) -> Float in
            let (x, phase) = (Double(index), Double(seed))
            let wave: Double = sin((x * 7 + phase) * 0.731)
            return Float(wave * cos(x * 0.117 + phase))
        }
    }

    /// φ(L·R + row bias + column bias + residual) for a right factor with rows `stride` apart, result rows in runs of `run`.
    private func product(
        _ left: [Float], _ right: [Float], rows: Int, depth: Int, columns: Int, run: Int, bias: [Float], residual: [Float],
        activation: StoredActivation
    ) -> [Float] {
        let packed = TiledProduct.packedLeft(left, rows: rows, depth: depth)
        let offsets = (0..<depth).map { $0 * columns }
        let runs = (columns + run - 1) / run
        // Runs of one row are `rows` runs apart, as images are.
        var result = [Float](repeating: .nan, count: rows * run * runs)
        residual.withUnsafeBufferPointer { residual in
            result.withUnsafeMutableBufferPointer { result in
                var product = TiledProduct(
                    left: packed, leftDepth: depth, right: right, rightStride: TiledProduct.tileColumns, offsets: offsets,
                    depth: depth, rows: rows, columns: columns, result: result.baseAddress!, resultStride: run, run: run,
                    runStride: rows * run)
                bias.withUnsafeBufferPointer { bias in
                    product.finish(rowBias: bias.baseAddress, residual: residual.baseAddress, activation: activation)
                    product.multiply()
                }
            }
        }
        return result
    }

    @Test(arguments: [1, 2, 3, 5, 8, 9, 17, 64], [1, 2, 7, 16, 47, 48, 49, 100, 145])
    func productsAgreeWithLoops(rows: Int, columns: Int) {
        for (depth, run) in [(1, columns), (9, 49), (31, 7), (4 * TiledProduct.depthOfPart / 3, 30)] {
            let (left, right) = (values(rows * depth, seed: 1), values(depth * columns, seed: 2))
            let runs = (columns + run - 1) / run
            let (bias, residual) = (values(rows, seed: 3), values(rows * run * runs, seed: 4))
            for activation in [StoredActivation.none, .clamp(low: 0, high: 0.5), .leak(slope: 0.25)] {
                let found = product(
                    left, right, rows: rows, depth: depth, columns: columns, run: run, bias: bias, residual: residual,
                    activation: activation)
                var worst = 0.0
                for row in 0..<rows {
                    for column in 0..<columns {
                        let at = column / run * rows * run + row * run + column % run
                        var sum = Double(bias[row]) + Double(residual[at])
                        var size = 1 + abs(sum)
                        for k in 0..<depth {
                            let term = Double(left[row * depth + k]) * Double(right[k * columns + column])
                            (sum, size) = (sum + term, size + abs(term))
                        }
                        switch activation {
                        case StoredActivation.none: break
                        case .clamp(let low, let high): sum = min(max(sum, Double(low)), Double(high))
                        case .leak(let slope): sum = sum < 0 ? sum * Double(slope) : sum
                        }
                        worst = max(worst, abs(sum - Double(found[at])) / size)
                    }
                }
                #expect(worst <= Double(depth + 4) * Double(Float.ulpOfOne))
            }
        }
    }

    /// What a column holds does not depend on the columns beside it, nor a row on the rows.
    @Test func entriesDoNotDependOnTheirNeighbors() {
        let (rows, depth, columns) = (11, 600, 131)
        let (left, right) = (values(rows * depth, seed: 5), values(depth * columns, seed: 6))
        let zeros = [Float](repeating: 0, count: rows * columns)
        let whole = product(
            left, right, rows: rows, depth: depth, columns: columns, run: columns, bias: [Float](repeating: 0, count: rows),
            residual: zeros, activation: .none)
        for column in [0, 1, 47, 48, 96, 130] {
            let single = product(
                left, (0..<depth).map { right[$0 * columns + column] }, rows: rows, depth: depth, columns: 1, run: 1,
                bias: [Float](repeating: 0, count: rows), residual: zeros, activation: .none)
            for row in 0..<rows { #expect(single[row] == whole[row * columns + column]) }
        }
    }

    @Test func panelsHoldColumns() {
        for (columns, depth, strides) in [(1, 3, (3, 1)), (50, 17, (17, 1)), (9, 20, (1, 9)), (97, 8, (8, 1))] {
            let x = values(columns * depth, seed: 9)
            var panels = [Float](repeating: .nan, count: TiledProduct.panelCount(columns: columns, depth: depth))
            TiledProduct.packPanels(
                x, columnStride: strides.0, depthStride: strides.1, columns: columns, depth: depth, into: &panels)
            let width = TiledProduct.tileColumns
            for panel in 0..<panels.count / (width * depth) {
                for k in 0..<depth {
                    for j in 0..<width {
                        let column = panel * width + j
                        let expected = column < columns ? x[column * strides.0 + k * strides.1] : 0
                        #expect(panels[(panel * depth + k) * width + j] == expected)
                    }
                }
            }
        }
    }

    private func exact(_ function: RowKernels.Function, _ x: Double) -> Double {
        let clipped: Double = min(max(x / 6 + 0.5, 0), 1)
        switch function {
        case .relu: return max(0, x)
        case .clippedReLU(let maximum): return min(max(0, x), Double(maximum))
        case .leakyReLU(let slope): return x < 0 ? Double(slope) * x : x
        case .sigmoid: return 1 / (1 + exp(-x))
        case .silu: return x / (1 + exp(-x))
        case .tanh: return Foundation.tanh(x)
        case .gelu: return 0.5 * x * (1 + erf(x * 0.5.squareRoot()))
        case .geluTanh:
            let inner: Double = 0.7978845608 * (x + 0.044715 * x * x * x)
            return 0.5 * x * (1 + Foundation.tanh(inner))
        case .hardSigmoid: return clipped
        case .hardSwish: return x * clipped
        }
    }

    @Test func functionsAgreeWithDoublePrecision() {
        let functions: [RowKernels.Function] = [
            .relu, .clippedReLU(maximum: 6), .leakyReLU(slope: 0.1), .sigmoid, .silu, .tanh, .gelu, .geluTanh, .hardSigmoid, .hardSwish,
        ]
        var points: [Float] = [1e-6, -1e-6, 88, -88, 3e4, -3e4, 0]
        for i in -400...400 { points.append(Float(i) * 0.053) }
        for function in functions {
            for count in [1, 7, 16, points.count] {
                var y = Array(points.prefix(count))
                RowKernels.apply(function, &y, count: count)
                for (x, value) in zip(points, y) {
                    let expected = exact(function, Double(x))
                    let tolerance = 4 * Double(Float.ulpOfOne) * max(1, abs(Double(x)), abs(expected))
                    #expect(abs(Double(value) - expected) <= tolerance)
                }
            }
            var nan = [Float.nan, 1]
            RowKernels.apply(function, &nan, count: 2)
            #expect(nan[0].isNaN && !nan[1].isNaN)
        }
    }

    @Test func softmaxAndNormalizationOfRows() {
        let ulp = Double(Float.ulpOfOne)
        for count in [1, 2, 15, 16, 17, 40] {
            let x = values(count, seed: 8).map { 20 * $0 + 1000 }
            let doubles = x.map { Double($0) }
            var y = x
            RowKernels.softmax(x, count: count, into: &y)
            let exponentials = doubles.map { exp($0 - doubles.max()!) }
            let total: Double = exponentials.reduce(0, +)
            for (a, b) in zip(exponentials, y) { #expect(abs(a / total - Double(b)) <= 16 * ulp) }
            for subtracts in [true, false] {
                RowKernels.normalize(x, count: count, subtractsMean: subtracts, epsilon: 1e-3, into: &y)
                let mean: Double = subtracts ? doubles.reduce(0, +) / Double(count) : 0
                let squares = doubles.map { ($0 - mean) * ($0 - mean) }
                let deviation: Double = (squares.reduce(0, +) / Double(count) + 1e-3).squareRoot()
                // The mean is rounded to Float before it is subtracted.
                let tolerance = 1100 * ulp / deviation + 8 * ulp
                for (a, b) in zip(doubles, y) { #expect(abs((a - mean) / deviation - Double(b)) <= tolerance) }
            }
        }
    }
}
