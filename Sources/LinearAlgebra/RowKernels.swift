// Functions of rows of Float32 values, in Swift types; the C behind them is compiled once per CPU generation.

internal import CKernels

package enum RowKernels {
    /// Functions of one number.
    package enum Function: Sendable {
        case relu, sigmoid, silu, tanh, gelu, geluTanh, hardSigmoid, hardSwish
        case clippedReLU(maximum: Float)
        case leakyReLU(slope: Float)

        var parameters: (function: Int32, parameter: Float) {
            switch self {
            case .relu: (Int32(CK_RELU), 0)
            case .sigmoid: (Int32(CK_SIGMOID), 0)
            case .silu: (Int32(CK_SILU), 0)
            case .tanh: (Int32(CK_TANH), 0)
            case .gelu: (Int32(CK_GELU), 0)
            case .geluTanh: (Int32(CK_GELU_TANH), 0)
            case .hardSigmoid: (Int32(CK_HARD_SIGMOID), 0)
            case .hardSwish: (Int32(CK_HARD_SWISH), 0)
            case .clippedReLU(let maximum): (Int32(CK_CLIPPED_RELU), maximum)
            case .leakyReLU(let slope): (Int32(CK_LEAKY_RELU), slope)
            }
        }
    }

    /// yᵢ ← φ(yᵢ).
    @inline(__always)
    package static func apply(_ function: Function, _ y: UnsafeMutablePointer<Float>, count: Int) {
        let (function, parameter) = function.parameters
        ck_activate(function, parameter, y, count)
    }

    /// yᵢ ← factor·xᵢ + offset.
    @inline(__always)
    package static func affine(
        _ x: UnsafePointer<Float>, count: Int, factor: Float, offset: Float, into y: UnsafeMutablePointer<Float>
    ) {
        ck_affine(x, count, factor, offset, y)
    }

    /// yᵢ += xᵢ.
    @inline(__always)
    package static func add(_ x: UnsafePointer<Float>, count: Int, to y: UnsafeMutablePointer<Float>) { ck_accumulate(x, count, y) }

    /// yᵢ *= xᵢ.
    @inline(__always)
    package static func multiply(_ y: UnsafeMutablePointer<Float>, by x: UnsafePointer<Float>, count: Int) {
        ck_multiply_by(x, count, y)
    }

    /// yᵢ ← yᵢ where xᵢ > 0, zero elsewhere: the way back through a ReLU.
    @inline(__always)
    package static func gate(_ y: UnsafeMutablePointer<Float>, by x: UnsafePointer<Float>, count: Int) { ck_gate(x, count, y) }

    /// yᵢ ← e^(xᵢ − max)/Σ; y may be x.
    @inline(__always)
    package static func softmax(_ x: UnsafePointer<Float>, count: Int, into y: UnsafeMutablePointer<Float>) { ck_softmax(x, count, y) }

    /// yᵢ ← (xᵢ − mean)/√(variance + ε), sums in Double; without the mean by the root of the mean square. y may be x.
    @inline(__always)
    package static func normalize(
        _ x: UnsafePointer<Float>, count: Int, subtractsMean: Bool, epsilon: Double, into y: UnsafeMutablePointer<Float>
    ) {
        ck_normalize(x, count, subtractsMean ? 1 : 0, epsilon, y)
    }

    /// Rows of `width` values: x[i·stride] where i is valid, zero elsewhere. `x` may point outside of its array as long as what is
    /// valid lies within.
    @inline(__always)
    package static func shift(
        _ x: UnsafePointer<Float>, rowStride: Int, stride: Int, rows: Int, valid: Range<Int>, width: Int,
        into out: UnsafeMutablePointer<Float>
    ) {
        ck_shift_rows(x, rowStride, stride, rows, valid.lowerBound, valid.upperBound, width, out)
    }

    /// How values of a window become one.
    package enum Reduction: Sendable { case maximum, sum }

    /// Maximum (NaN ignored, −∞ when there is none) or sum of `rows` rows, entry by entry.
    @inline(__always)
    package static func reduceRows(
        _ reduction: Reduction, _ x: UnsafePointer<Float>, rowStride: Int, rows: Int, count: Int, into out: UnsafeMutablePointer<Float>
    ) {
        switch reduction {
        case .maximum: ck_row_maximum(x, rowStride, rows, count, out)
        case .sum: ck_row_sum(x, rowStride, rows, count, out)
        }
    }

    /// outᵢ ← maximum or sum of the `window` values from x[i·stride] on. Maxima are of values that are not NaN.
    @inline(__always)
    package static func reduceWindows(
        _ reduction: Reduction, _ x: UnsafePointer<Float>, window: Int, stride: Int, count: Int, into out: UnsafeMutablePointer<Float>
    ) {
        switch reduction {
        case .maximum: ck_window_maximum(x, window, stride, count, out)
        case .sum: ck_window_sum(x, window, stride, count, out)
        }
    }
}
