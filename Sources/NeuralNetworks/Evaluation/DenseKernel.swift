// y = φ(W·x + b) for many vectors at once: packed vectors times panels of weights.

import LinearAlgebra

struct DenseKernel: Sendable {
    let inputs: Int
    let outputs: Int
    /// Vectors per sample: the product of the axes before the last.
    let positions: Int
    /// (out, in), or (in, out) when transposed.
    let weight: [Float]
    let isTransposed: Bool
    let epilogue: Epilogue
    /// Wᵀ by panels of a tile's columns: entry (k, j) of a panel at k·tileColumns + j.
    private let panels: [Float]
    private let offsets: [Int]

    /// Vectors that are packed together: the weights are read once for all of them.
    private static let vectorsPerUnit = 64
    /// Panels of one unit, 384 outputs: what is shared where vectors are few.
    private static let panelsPerUnit = 384 / TiledProduct.tileColumns

    init(inputs: Int, outputs: Int, positions: Int, weight: [Float], isTransposed: Bool, epilogue: Epilogue) {
        self.inputs = inputs
        self.outputs = outputs
        self.positions = positions
        self.weight = weight
        self.isTransposed = isTransposed
        self.epilogue = epilogue
        let width = TiledProduct.tileColumns
        offsets = (0..<inputs).map { $0 * width }
        let count = TiledProduct.panelCount(columns: outputs, depth: inputs)
        panels = [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            weight.withUnsafeBufferPointer { weight in
                guard let source = weight.baseAddress, let target = buffer.baseAddress else { return }
                TiledProduct.packPanels(
                    source, columnStride: isTransposed ? 1 : inputs, depthStride: isTransposed ? outputs : 1, columns: outputs,
                    depth: inputs, into: target)
            }
            initialized = count
        }
    }

    var workspaceSize: Int { TiledProduct.packedCount(rows: Self.vectorsPerUnit, depth: inputs) }

    /// Multiply–adds for `count` samples, with the empty rows of tiles.
    func time(_ count: Int) -> Int {
        let rows = TiledProduct.tileRows
        return (count * positions + rows - 1) / rows * rows * inputs * outputs
    }

    private var panelGroups: Int {
        let length = TiledProduct.tileColumns * Self.panelsPerUnit
        return (outputs + length - 1) / length
    }

    /// How often the weights are read for `count` samples.
    func passes(_ count: Int) -> Int { (count * positions + Self.vectorsPerUnit - 1) / Self.vectorsPerUnit }

    /// How many independent parts the work for `count` samples has.
    func unitCount(_ count: Int) -> Int { passes(count) * panelGroups }

    func run(
        count: Int, input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>, residual: UnsafePointer<Float>?,
        workspace: UnsafeMutablePointer<Float>
    ) {
        for unit in 0..<unitCount(count) {
            run(unit: unit, of: count, input: input, output: output, residual: residual, workspace: workspace)
        }
    }

    /// One of the units of `count` samples.
    func run(
        unit: Int, of count: Int, input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>, residual: UnsafePointer<Float>?,
        workspace: UnsafeMutablePointer<Float>
    ) {
        let (block, group) = unit.quotientAndRemainder(dividingBy: panelGroups)
        let first = block * Self.vectorsPerUnit
        let vectors = min(Self.vectorsPerUnit, count * positions - first)
        let start = group * Self.panelsPerUnit * TiledProduct.tileColumns
        let columns = min(Self.panelsPerUnit * TiledProduct.tileColumns, outputs - start)
        TiledProduct.packLeft(input + first * inputs, rowStride: inputs, rows: vectors, depth: inputs, into: workspace)
        let y = output + first * outputs + start
        panels.withUnsafeBufferPointer { panels in
            offsets.withUnsafeBufferPointer { offsets in
                epilogue.bias.withUnsafeBufferPointer { bias in
                    guard let base = panels.baseAddress, let offsets = offsets.baseAddress else { return }
                    var product = TiledProduct(
                        left: workspace, leftDepth: inputs, right: base + start * inputs,
                        rightStride: inputs * TiledProduct.tileColumns, offsets: offsets, depth: inputs, rows: vectors,
                        columns: columns, result: y, resultStride: outputs)
                    product.finish(
                        columnBias: epilogue.bias.isEmpty ? nil : bias.baseAddress.map { $0 + start },
                        residual: residual.map { $0 + first * outputs + start }, activation: epilogue.stored)
                    product.multiply()
                }
            }
        }
        guard epilogue.rest != .identity else { return }
        for vector in 0..<vectors { epilogue.rest.apply(y + vector * outputs, count: columns) }
    }
}
