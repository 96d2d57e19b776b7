// Products in Float32 whose right factor is read through a table of row addresses, in Swift types.

internal import CKernels

/// What a value goes through as it leaves the registers; NaN stays NaN.
package enum StoredActivation: Sendable, Equatable {
    case none
    /// min(max(low, v), high).
    case clamp(low: Float, high: Float)
    /// slope·v where v < 0.
    case leak(slope: Float)

    var parameters: (kind: Int32, low: Float, high: Float) {
        switch self {
        case .none: (Int32(CK_NONE), 0, 0)
        case .clamp(let low, let high): (Int32(CK_CLAMP), low, high)
        case .leak(let slope): (Int32(CK_LEAK), slope, 0)
        }
    }
}

/// Y ← φ(L·R + bias + residual), L rows×depth packed by ``packLeft(_:rowStride:depthStride:rows:depth:into:)``, R depth×columns.
///
/// Row k of R begins at `right + offsets[k]`; after every ``tileColumns`` columns `right` moves on by `rightStride`. Row r of
/// the result begins at r·resultStride and is interrupted after every `run` columns: the next run begins `runStride` later.
/// Every entry is one sum in the order of the offsets, by parts of the same length for the same depth: results do not depend
/// on how rows and columns are cut.
package struct TiledProduct {
    private var product: ck_product
    private let depthOfPart: Int

    /// Rows and columns of the tile that stays in registers on this processor.
    package static let tileRows = Int(ck_tile_rows())
    package static let tileColumns = Int(ck_tile_columns())

    /// Depth of one part of a sum: a tile's columns of R then take at most 256 kB, which the second level of a cache holds; 64 kB where
    /// runs of L are to stay there, too.
    package static let depthOfPart = packsRight ? 1024 : (1 << 16) / tileColumns

    /// Depth of one part where `rows` of L are multiplied with many tiles: the packed rows then take at most 512 kB, so that all
    /// tiles but the first find them in the second level; but long enough that results are not loaded and stored all the time.
    package static func depthOfPart(rows: Int) -> Int {
        min(depthOfPart, max(packsRight ? 512 : 192, (1 << 17) / max(rows, 1)))
    }

    /// Whether rows of R are worth being copied into panels, and L being cut into runs of rows that the second level holds: a tile of
    /// narrow vectors reads one line of the cache of every row, from a page of its own where rows are planes.
    package static let packsRight = tileColumns < 48
    private static let valuesOfRun = 1 << 16

    /// - Parameter depthOfPart: sums are made in parts of at most this depth; results depend on it in the last bits.
    package init(
        left: UnsafePointer<Float>, leftDepth: Int, right: UnsafePointer<Float>, rightStride: Int, offsets: UnsafePointer<Int>,
        depth: Int, rows: Int, columns: Int, result: UnsafeMutablePointer<Float>, resultStride: Int, run: Int? = nil,
        runStride: Int = 0, depthOfPart: Int = Self.depthOfPart
    ) {
        self.depthOfPart = depthOfPart
        product = ck_product(
            left: left, left_depth: leftDepth, right: right, right_stride: rightStride, offsets: offsets, depth: depth, rows: rows,
            columns: columns, result: result, result_stride: resultStride, run: run ?? Swift.max(columns, 1), run_stride: runStride,
            adds: 0, activation: Int32(CK_NONE), low: 0, high: 0, row_bias: nil, column_bias: nil, residual: nil)
    }

    /// Adds to what the result holds.
    package mutating func accumulate() { product.adds = 1 }

    /// What is added to the sums, and what they then go through.
    package mutating func finish(
        rowBias: UnsafePointer<Float>? = nil, columnBias: UnsafePointer<Float>? = nil, residual: UnsafePointer<Float>? = nil,
        activation: StoredActivation = .none
    ) {
        (product.row_bias, product.column_bias, product.residual) = (rowBias, columnBias, residual)
        (product.activation, product.low, product.high) = activation.parameters
    }

    package func multiply() {
        let parts = Swift.max(1, (product.depth + depthOfPart - 1) / depthOfPart)
        for part in 0..<parts {
            let (start, end) = (product.depth * part / parts, product.depth * (part + 1) / parts)
            var piece = product
            piece.left = product.left + start * Self.tileRows
            piece.offsets = product.offsets + start
            piece.depth = end - start
            if part > 0 { piece.adds = 1 }
            if part < parts - 1 {
                (piece.row_bias, piece.column_bias, piece.residual) = (nil, nil, nil)
                piece.activation = Int32(CK_NONE)
            }
            guard Self.packsRight else {
                ck_multiply(&piece)
                continue
            }
            let runs = max(1, (product.rows * piece.depth + Self.valuesOfRun - 1) / Self.valuesOfRun)
            let tiles = (product.rows + Self.tileRows - 1) / Self.tileRows
            let length = max(1, (tiles + runs - 1) / runs) * Self.tileRows
            for first in stride(from: 0, to: product.rows, by: length) {
                var run = piece
                run.rows = min(length, product.rows - first)
                run.left = piece.left + first * product.left_depth
                run.result = piece.result + first * product.result_stride
                run.row_bias = piece.row_bias.map { $0 + first }
                run.residual = piece.residual.map { $0 + first * product.result_stride }
                ck_multiply(&run)
            }
        }
    }

    /// Floats of a packed left factor.
    package static func packedCount(rows: Int, depth: Int) -> Int { (rows + tileRows - 1) / tileRows * tileRows * depth }

    /// Packs entries (r, k) at r·rowStride + k·depthStride.
    package static func packLeft(
        _ x: UnsafePointer<Float>, rowStride: Int, depthStride: Int = 1, rows: Int, depth: Int, into out: UnsafeMutablePointer<Float>
    ) {
        ck_pack(x, rowStride, depthStride, rows, depth, tileRows, out)
    }

    /// Transposes rows: entry (r, k) at r·rowStride + k goes to k·rows + r.
    package static func packRows(_ x: UnsafePointer<Float>, rowStride: Int, rows: Int, depth: Int, into out: UnsafeMutablePointer<Float>) {
        ck_pack(x, rowStride, 1, rows, depth, rows, out)
    }

    /// Floats of a right factor in panels of a tile's columns.
    package static func panelCount(columns: Int, depth: Int) -> Int { (columns + tileColumns - 1) / tileColumns * tileColumns * depth }

    /// Packs entries (k, j) at j·columnStride + k·depthStride into panels: entry (k, j) of a panel at k·tileColumns + j, zeros
    /// beyond the last column. The next panel is depth·tileColumns away.
    package static func packPanels(
        _ x: UnsafePointer<Float>, columnStride: Int, depthStride: Int = 1, columns: Int, depth: Int,
        into out: UnsafeMutablePointer<Float>
    ) {
        ck_pack(x, columnStride, depthStride, columns, depth, tileColumns, out)
    }

    /// A packed left factor of a row-major matrix.
    package static func packedLeft(_ values: UnsafePointer<Float>, rows: Int, depth: Int) -> [Float] {
        let count = packedCount(rows: rows, depth: depth)
        return [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            if let base = buffer.baseAddress { packLeft(values, rowStride: depth, rows: rows, depth: depth, into: base) }
            initialized = count
        }
    }

    /// Where entry (row, k) of a packed left factor is.
    package static func packedIndex(row: Int, k: Int, depth: Int) -> Int {
        (row / tileRows * depth + k) * tileRows + row % tileRows
    }
}
