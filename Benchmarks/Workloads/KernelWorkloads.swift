// Suite `kernels`: what one call of the façade costs, against the same mathematics in plain Swift.
// Answers are checked with a random vector and plain loops, O(n²), so that checking never outweighs the work.

import LinearAlgebra
import ReferenceImplementations

package enum KernelWorkloads {
    package static var all: [Workload] {
        var list: [Workload] = []
        for n in [128, 256, 512, 1024] {
            list.append(product(n, tier: n <= 512 ? .quick : .standard))
        }
        list.append(floatProduct(1024))
        for n in [125, 250, 500, 1000, 2000] { list.append(cholesky(n, tier: n <= 1000 ? .quick : .standard)) }
        for n in [125, 250, 500, 1000] { list.append(eigen(n, tier: n <= 250 ? .quick : .standard)) }
        for d in [125, 250, 500] { list.append(nullSpace(d, tier: .quick)) }
        list.append(pivotedQR(500))
        list.append(singularValues(300))
        return list
    }

    private static func product(_ n: Int, tier: Tier) -> Workload {
        Workload(.kernels, "product", [Size("n", n)], tier: tier, comparisons: [.plain, .threads, .kernels], sweep: "n") {
            var generator = WorkloadGenerator(seed: 11)
            let a = Matrix(rows: n, columns: n, elements: generator.normals(n * n))
            let b = Matrix(rows: n, columns: n, elements: generator.normals(n * n))
            let x = generator.normals(n)
            @Sendable func answer(_ c: [Double]) -> Answer {
                Answer { .productResidual(c, a.elements, b.elements, n, x, unitRoundoff: .ulpOfOne) }
            }
            return Instance(
                flops: 2 * cube(n), bytes: 24 * square(n),
                run: { answer(a.times(b).elements) },
                plain: { answer(ReferenceLinearAlgebra.product(a.elements, b.elements, m: n, k: n, n: n)) })
        }
    }

    private static func floatProduct(_ n: Int) -> Workload {
        Workload(.kernels, "product, single precision", [Size("n", n)], comparisons: [.threads, .kernels]) {
            var generator = WorkloadGenerator(seed: 12)
            let a = generator.normals(n * n).map { Float($0) }
            let b = generator.normals(n * n).map { Float($0) }
            let x = generator.normals(n)
            return Instance(
                flops: 2 * cube(n), bytes: 12 * square(n), singlePrecision: true,
                run: {
                    var c = [Float](repeating: 0, count: n * n)
                    BLAS.gemm(.normal, .normal, n, n, n, 1, a, n, b, n, 0, &c, n)
                    let result = c
                    return Answer {
                        .productResidual(
                            result.map(Double.init), a.map(Double.init), b.map(Double.init), n, x, unitRoundoff: Double(Float.ulpOfOne))
                    }
                })
        }
    }

    private static func cholesky(_ n: Int, tier: Tier) -> Workload {
        let comparisons: Set<Comparison> = n <= 1000 ? [.plain, .threads, .kernels] : [.threads]
        return Workload(.kernels, "Cholesky", [Size("n", n)], tier: tier, comparisons: comparisons, sweep: "n") {
            let a = positiveDefinite(n, seed: 13)
            let x = WorkloadGenerator.vector(n, seed: 14)
            @Sendable func answer(_ l: [Double]) -> Answer {
                Answer {
                    let product = DenseCheck.multiply(l, rows: n, columns: n, DenseCheck.multiplyTransposed(l, rows: n, columns: n, x))
                    let expected = DenseCheck.multiply(a.elements, rows: n, columns: n, x)
                    return Verification(
                        "‖(LLᵀ−A)x‖ / ‖A‖‖x‖", error: DenseCheck.distance(product, expected) / (a.frobeniusNorm * DenseCheck.norm(x)),
                        tolerance: 4 * Double(n) * .ulpOfOne)
                }
            }
            return Instance(
                flops: cube(n) / 3, bytes: 8 * square(n),
                run: { answer(try Cholesky(a).factor.elements) },
                plain: {
                    guard let factor = ReferenceLinearAlgebra.cholesky(a.elements, order: n) else {
                        throw FactorizationError.notPositiveDefinite(order: n)
                    }
                    return answer(factor)
                })
        }
    }

    private static func eigen(_ n: Int, tier: Tier) -> Workload {
        Workload(.kernels, "symmetric eigen", [Size("n", n)], tier: tier, comparisons: [.plain, .threads, .kernels], sweep: "n") {
            let a = positiveDefinite(n, seed: 15)
            let y = WorkloadGenerator.vector(n, seed: 16)
            @Sendable func answer(_ values: [Double], _ vectors: [Double]) -> Answer {
                Answer {
                    let combined = DenseCheck.multiply(vectors, rows: n, columns: n, y)
                    let left = DenseCheck.multiply(a.elements, rows: n, columns: n, combined)
                    let right = DenseCheck.multiply(vectors, rows: n, columns: n, (0..<n).map { values[$0] * y[$0] })
                    let back = DenseCheck.multiplyTransposed(vectors, rows: n, columns: n, combined)
                    let residual = DenseCheck.distance(left, right) / (a.frobeniusNorm * DenseCheck.norm(y))
                    let orthogonality = DenseCheck.distance(back, y) / DenseCheck.norm(y)
                    return Verification(
                        "max(‖(AV−VΛ)y‖/‖A‖‖y‖, ‖(VᵀV−I)y‖/‖y‖)", error: max(residual, orthogonality), tolerance: 16 * Double(n) * .ulpOfOne
                    )
                }
            }
            return Instance(
                // Tridiagonalization 4n³/3, back-transformation 2n³; divide and conquer in between depends on the data.
                flops: 10 * cube(n) / 3, bytes: 16 * square(n),
                run: {
                    let decomposition = try SymmetricEigendecomposition(a)
                    return answer(decomposition.values, decomposition.vectors.elements)
                },
                plain: {
                    let (values, vectors) = ReferenceLinearAlgebra.symmetricEigendecomposition(a.elements, order: n)
                    return answer(values, vectors)
                })
        }
    }

    // 2D nodes as rows in D dimensions: T with a_j = Σ tᵢaᵢ for the D rows outside the basis.
    private static func nullSpace(_ d: Int, tier: Tier) -> Workload {
        Workload(.kernels, "null space", [Size("D", d)], tier: tier, comparisons: [.plain, .threads, .kernels], sweep: "D") {
            let m = 2 * d
            let nodes = WorkloadGenerator.vector(m * d, seed: 17)
            let y = WorkloadGenerator.vector(d, seed: 18)
            @Sendable func answer(_ order: [Int], _ t: [Double]) -> Answer {
                Answer {
                    // yᵀ-combination of the expressed rows, through T and directly.
                    let weights = DenseCheck.multiplyTransposed(t, rows: m - d, columns: d, y)
                    var difference = [Double](repeating: 0, count: d)
                    var scale = 0.0
                    for k in 0..<d {
                        for j in 0..<m - d { difference[k] += y[j] * nodes[order[d + j] + k * m] }
                        for i in 0..<d {
                            let term = weights[i] * nodes[order[i] + k * m]
                            difference[k] -= term
                            scale += term * term
                        }
                    }
                    return Verification(
                        "‖yᵀ(A₂−TA₁)‖ / ‖yᵀTA₁‖ terms", error: DenseCheck.norm(difference) / scale.squareRoot(),
                        tolerance: 16 * Double(d) * .ulpOfOne)
                }
            }
            return Instance(
                flops: 2 * cube(d) - cube(d) / 3 + cube(d), bytes: 8 * Double(m * d),
                run: {
                    var lu = nodes
                    var pivots = [Int32](repeating: 0, count: d)
                    if let zero = LAPACK.getrf(m, d, &lu, m, &pivots) { throw FactorizationError.singular(pivot: zero) }
                    var order = Array(0..<m)
                    for (k, pivot) in pivots.enumerated() { order.swapAt(k, Int(pivot) - 1) }
                    var t = [Double](repeating: 0, count: (m - d) * d)
                    for k in 0..<d { for j in 0..<m - d { t[j + k * (m - d)] = lu[d + j + k * m] } }
                    BLAS.trsm(.right, .lower, .normal, .unit, m - d, d, 1, lu, m, &t, m - d)
                    return answer(order, t)
                },
                plain: {
                    guard let (order, t) = ReferenceLinearAlgebra.rowBasis(nodes, rows: m, columns: d) else {
                        throw FactorizationError.singular(pivot: 0)
                    }
                    return answer(order, t)
                })
        }
    }

    private static func pivotedQR(_ n: Int) -> Workload {
        Workload(.kernels, "pivoted QR", [Size("n", n)], comparisons: [.threads, .kernels]) {
            let a = Matrix(rows: n, columns: n, elements: WorkloadGenerator.vector(n * n, seed: 19))
            let x = WorkloadGenerator.vector(n, seed: 20)
            return Instance(flops: 4 * cube(n) / 3, bytes: 8 * square(n)) {
                let qr = try PivotedQR(a)
                return Answer {
                    // AᵀA permuted equals RᵀR.
                    let r = qr.r.elements
                    let permuted = a.selectingColumns(qr.permutation).elements
                    let left = DenseCheck.multiplyTransposed(r, rows: n, columns: n, DenseCheck.multiply(r, rows: n, columns: n, x))
                    let right = DenseCheck.multiplyTransposed(
                        permuted, rows: n, columns: n, DenseCheck.multiply(permuted, rows: n, columns: n, x))
                    let scale = a.frobeniusNorm * a.frobeniusNorm * DenseCheck.norm(x)
                    return Verification(
                        "‖(RᵀR−PᵀAᵀAP)x‖ / ‖A‖²‖x‖", error: DenseCheck.distance(left, right) / scale, tolerance: 16 * Double(n) * .ulpOfOne)
                }
            }
        }
    }

    private static func singularValues(_ n: Int) -> Workload {
        Workload(.kernels, "singular values", [Size("n", n)], comparisons: [.threads, .kernels]) {
            let a = Matrix(rows: n, columns: n, elements: WorkloadGenerator.vector(n * n, seed: 21))
            let x = WorkloadGenerator.vector(n, seed: 22)
            return Instance(flops: 21 * cube(n), bytes: 8 * square(n)) {
                let svd = try SingularValueDecomposition(a)
                return Answer {
                    let right = DenseCheck.multiply(svd.vt.elements, rows: n, columns: n, x)
                    let scaled = (0..<n).map { svd.values[$0] * right[$0] }
                    let product = DenseCheck.multiply(svd.u.elements, rows: n, columns: n, scaled)
                    let expected = DenseCheck.multiply(a.elements, rows: n, columns: n, x)
                    return Verification(
                        "‖(USVᵀ−A)x‖ / ‖A‖‖x‖", error: DenseCheck.distance(product, expected) / (a.frobeniusNorm * DenseCheck.norm(x)),
                        tolerance: 16 * Double(n) * .ulpOfOne)
                }
            }
        }
    }

    // GGᵀ/n + I with G square: condition number about 5, no luck with pivots needed.
    private static func positiveDefinite(_ n: Int, seed: UInt64) -> Matrix {
        let g = Matrix(rows: n, columns: n, elements: WorkloadGenerator.vector(n * n, seed: seed))
        var a = g.times(g, transposeOther: true)
        for k in a.elements.indices { a.elements[k] /= Double(n) }
        for i in 0..<n { a[i, i] += 1 }
        a.symmetrizeFromLower()
        return a
    }

    private static func square(_ n: Int) -> Double { Double(n) * Double(n) }
    private static func cube(_ n: Int) -> Double { square(n) * Double(n) }
}

extension WorkloadGenerator {
    static func vector(_ count: Int, seed: UInt64) -> [Double] {
        var generator = WorkloadGenerator(seed: seed)
        return generator.normals(count)
    }
}

extension Verification {
    // ‖(C − AB)x‖ / ‖A‖‖B‖‖x‖ in Frobenius norms, all square of order n.
    fileprivate static func productResidual(
        _ c: [Double], _ a: [Double], _ b: [Double], _ n: Int, _ x: [Double], unitRoundoff: Double
    ) -> Verification {
        let expected = DenseCheck.multiply(a, rows: n, columns: n, DenseCheck.multiply(b, rows: n, columns: n, x))
        let found = DenseCheck.multiply(c, rows: n, columns: n, x)
        let scale = DenseCheck.norm(a) * DenseCheck.norm(b) * DenseCheck.norm(x)
        return Verification(
            "‖(C−AB)x‖ / ‖A‖‖B‖‖x‖", error: DenseCheck.distance(found, expected) / scale, tolerance: Double(n) * unitRoundoff)
    }
}
