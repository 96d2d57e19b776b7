// softmax(scale · Q·Kᵀ)·V per head.

import LinearAlgebra

/// Queries, keys and values lie position after position, each with its heads side by side.
struct AttentionKernel: Sendable {
    let heads: Int
    let scale: Float
    let queries: Int
    let keys: Int
    /// Width of a head in queries and keys, and in values.
    let width: Int
    let valueWidth: Int

    /// Packed queries, panels of keys, scores, packed probabilities.
    private var sizes: (queries: Int, keys: Int, scores: Int, probabilities: Int) {
        (
            TiledProduct.packedCount(rows: queries, depth: width), TiledProduct.panelCount(columns: keys, depth: width), queries * keys,
            TiledProduct.packedCount(rows: queries, depth: keys)
        )
    }

    var workspaceSize: Int {
        let sizes = sizes
        return sizes.queries + sizes.keys + sizes.scores + sizes.probabilities
    }

    func run(
        count: Int, q: UnsafePointer<Float>, k: UnsafePointer<Float>, v: UnsafePointer<Float>,
        output: UnsafeMutablePointer<Float>, workspace: UnsafeMutablePointer<Float>
    ) {
        for unit in 0..<count * heads { run(unit: unit, q: q, k: k, v: v, output: output, workspace: workspace) }
    }

    /// One head of one sample.
    func run(
        unit: Int, q: UnsafePointer<Float>, k: UnsafePointer<Float>, v: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>,
        workspace: UnsafeMutablePointer<Float>
    ) {
        let (image, head) = unit.quotientAndRemainder(dividingBy: heads)
        let (row, valueRow) = (heads * width, heads * valueWidth)
        let packedQueries = workspace
        let panels = packedQueries + sizes.queries
        let scores = panels + sizes.keys
        let probabilities = scores + sizes.scores
        TiledProduct.packLeft(
            q + image * queries * row + head * width, rowStride: row, rows: queries, depth: width, into: packedQueries)
        TiledProduct.packPanels(k + image * keys * row + head * width, columnStride: row, columns: keys, depth: width, into: panels)
        withUnsafeTemporaryAllocation(of: Int.self, capacity: max(width, keys)) { offsets in
            guard let table = offsets.baseAddress else { return }
            for i in 0..<width { table[i] = i * TiledProduct.tileColumns }
            TiledProduct(
                left: packedQueries, leftDepth: width, right: panels, rightStride: width * TiledProduct.tileColumns, offsets: table,
                depth: width, rows: queries, columns: keys, result: scores, resultStride: keys
            ).multiply()
            for query in 0..<queries {
                let line = scores + query * keys
                if scale != 1 { RowKernels.affine(line, count: keys, factor: scale, offset: 0, into: line) }
                RowKernels.softmax(line, count: keys, into: line)
            }
            TiledProduct.packLeft(scores, rowStride: keys, rows: queries, depth: keys, into: probabilities)
            for i in 0..<keys { table[i] = i * valueRow }
            TiledProduct(
                left: probabilities, leftDepth: keys, right: v + image * keys * valueRow + head * valueWidth,
                rightStride: TiledProduct.tileColumns, offsets: table, depth: keys, rows: queries, columns: valueWidth,
                result: output + image * queries * valueRow + head * valueWidth, resultStride: valueRow
            ).multiply()
        }
    }
}
