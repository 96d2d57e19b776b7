// T·(p − o) as if computed in twice the working precision and rounded once.
//
// For thin, slanted sets the terms of T·(p − o) are larger than the sum by the axis ratio; plain Double would lose that
// many digits. Error-free transformations keep them: TwoSum (Knuth), TwoProduct by fused multiply–add, and the
// accumulation Dot2 of Ogita, Rump & Oishi, SIAM J. Sci. Comput. 26 (2005).

enum CompensatedProduct {
    /// result ← T·(pⱼ − o), T r×d and points d×m by columns.
    static func affineImage(
        _ transform: [Double], _ r: Int, _ d: Int, _ origin: [Double], _ points: [Double], _ m: Int, into result: inout [Double]
    ) {
        for j in 0..<m {
            for i in 0..<r {
                var (sum, correction) = (0.0, 0.0)
                for k in 0..<d {
                    // p − o = difference + tail exactly; t·difference = product + error exactly.
                    let (difference, tail) = twoSum(points[k + j * d], -origin[k])
                    let t = transform[i + k * r]
                    let product = t * difference
                    let error = (-product).addingProduct(t, difference)
                    let (next, lost) = twoSum(sum, product)
                    sum = next
                    correction += lost + error + t * tail
                }
                result[i + j * r] = sum + correction
            }
        }
    }

    /// a + b = sum + error exactly.
    @inline(__always)
    static func twoSum(_ a: Double, _ b: Double) -> (Double, Double) {
        let sum = a + b
        let virtual = sum - a
        return (sum, (a - (sum - virtual)) + (b - virtual))
    }
}
