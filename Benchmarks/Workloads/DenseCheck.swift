// The checker's own arithmetic: plain loops, so that a defect of the kernels cannot hide itself.

package enum DenseCheck {
    /// A·x, A column-major.
    package static func multiply(_ a: [Double], rows: Int, columns: Int, _ x: [Double]) -> [Double] {
        var y = [Double](repeating: 0, count: rows)
        for j in 0..<columns {
            let scale = x[j]
            for i in 0..<rows { y[i] += scale * a[i + j * rows] }
        }
        return y
    }

    /// Aᵀ·x, A column-major.
    package static func multiplyTransposed(_ a: [Double], rows: Int, columns: Int, _ x: [Double]) -> [Double] {
        (0..<columns).map { j in
            var sum = 0.0
            for i in 0..<rows { sum += a[i + j * rows] * x[i] }
            return sum
        }
    }

    /// Euclidean norm.
    package static func norm(_ x: [Double]) -> Double { x.reduce(0) { $0 + $1 * $1 }.squareRoot() }

    /// Euclidean distance.
    package static func distance(_ x: [Double], _ y: [Double]) -> Double {
        zip(x, y).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
    }
}
