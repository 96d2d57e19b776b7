// Convolution of single planes by one filter each, in Swift types.

internal import CKernels

/// y ← φ(bias + filter ∗ x + residual) for one plane, the taps summed in their order.
package struct PlaneConvolution: Sendable {
    /// C's numbers and nothing else.
    private let geometry: ck_plane_convolution

    package init(
        height: Int, width: Int, outHeight: Int, outWidth: Int, kernelHeight: Int, kernelWidth: Int, strideY: Int, strideX: Int,
        dilationY: Int, dilationX: Int, top: Int, left: Int, activation: StoredActivation
    ) {
        let (kind, low, high) = activation.parameters
        geometry = ck_plane_convolution(
            height: height, width: width, out_height: outHeight, out_width: outWidth, kernel_height: kernelHeight,
            kernel_width: kernelWidth, stride_y: strideY, stride_x: strideX, dilation_y: dilationY, dilation_x: dilationX, top: top,
            left: left, activation: kind, low: low, high: high)
    }

    /// Floats of scratch memory for one plane.
    package var workspaceSize: Int { withUnsafePointer(to: geometry) { ck_plane_convolution_workspace($0) } }

    /// The residual must not be the result.
    package func run(
        _ x: UnsafePointer<Float>, filter: UnsafePointer<Float>, bias: Float, residual: UnsafePointer<Float>?,
        into y: UnsafeMutablePointer<Float>, workspace: UnsafeMutablePointer<Float>
    ) {
        withUnsafePointer(to: geometry) { ck_convolve_plane($0, x, filter, bias, residual, y, workspace) }
    }

    /// Adds the derivative of Σ dy·(filter ∗ x) with respect to the filter, which the activation takes no part in.
    package func addFilterSlopes(
        _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>, to slopes: UnsafeMutablePointer<Float>,
        workspace: UnsafeMutablePointer<Float>
    ) {
        withUnsafePointer(to: geometry) { ck_plane_filter_slopes($0, x, dy, slopes, workspace) }
    }
}
