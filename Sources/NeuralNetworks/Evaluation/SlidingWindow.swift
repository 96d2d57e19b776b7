// Where a window that slides over planes stands: two axes, with one axis lying down as a row.

/// Planes, windows and their steps, in rows and columns.
///
/// One axis is a row. So is a column, planes of width 1 as networks for sound have them: it lies in memory alike, and kernels run along
/// rows.
struct SlidingWindow: Sendable {
    let height, width: Int
    let outHeight, outWidth: Int
    let windowY, windowX: Int
    let strideY, strideX: Int
    let dilationY, dilationX: Int
    let top, left, bottom, right: Int

    /// - Parameters:
    ///   - input, output: (channels, columns) or (channels, rows, columns).
    ///   - window, strides: one number per axis.
    ///   - dilations: likewise; empty for 1.
    ///   - padding: before every axis, then behind every axis.
    init(input: [Int], output: [Int], window: [Int], strides: [Int], dilations: [Int], padding: [Int]) {
        let axes = window.count
        let isColumn = axes == 2 && input[2] == 1 && output[2] == 1 && window[1] == 1 && padding[1] == 0 && padding[3] == 0
        let isRow = axes == 1 || isColumn
        // Axis of the columns; that of the rows is 0.
        let x = isRow ? 0 : 1
        (height, width) = (isRow ? 1 : input[1], input[x + 1])
        (outHeight, outWidth) = (isRow ? 1 : output[1], output[x + 1])
        (windowY, windowX) = (isRow ? 1 : window[0], window[x])
        (strideY, strideX) = (isRow ? 1 : strides[0], strides[x])
        (dilationY, dilationX) = (isRow || dilations.isEmpty ? 1 : dilations[0], dilations.isEmpty ? 1 : dilations[x])
        (top, left) = (isRow ? 0 : padding[0], padding[x])
        (bottom, right) = (isRow ? 0 : padding[axes], padding[axes + x])
    }
}
