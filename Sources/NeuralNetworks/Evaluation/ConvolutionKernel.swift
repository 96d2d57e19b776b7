// Convolution of images as products of packed filters with rows that are read where they lie.
//
// 1×1 convolutions read the image itself; the small planes of several images are first put side by side, so that tiles
// are full. Others read a buffer of shifted copies (PatchRows) that stays in the second level of the cache. Depthwise ones
// convolve plane by plane. Bias, residual and activation are applied to tiles before they leave the registers.
//
// Work is cut into units, whose number is known beforehand and whose results do not depend on which other units run:
// every output is one sum in the order of its filter.

import LinearAlgebra

struct ConvolutionKernel: Sendable {
    enum Strategy: Sendable { case pointwise, depthwise, rows }

    let extents: Extents
    let strategy: Strategy
    let epilogue: Epilogue
    /// Whether results are added to what the output holds.
    let accumulates: Bool
    /// Depthwise: as stored. Otherwise packed for products, group after group.
    private let filters: [Float]
    private let patches: PatchRows?
    private let plane: PlaneConvolution?
    /// Pointwise: offsets of the rows of an image, and of images that lie side by side.
    private let offsets: [Int]
    private let gatheredOffsets: [Int]
    /// Images that lie side by side.
    private let gathered: Int
    /// Floats of scratch memory.
    let workspaceSize: Int

    /// Tiles of a pointwise unit: long enough to be worth sharing, short enough that large images have many.
    private static let tilesPerUnit = 8
    /// Planes of a depthwise unit.
    private static let planesPerUnit = 16
    /// Floats of images side by side: as the buffer of patches.
    private static let gatheredFloats = 3 << 15

    /// - Parameter accumulates: results are to be added to what the output holds; depthwise convolutions replace it nevertheless.
    init(extents e: Extents, weight: [Float], epilogue: Epilogue, accumulates: Bool = false) {
        extents = e
        self.epilogue = epilogue
        if e.isPointwise {
            strategy = .pointwise
        } else if e.inputsPerGroup == 1 && e.outputsPerGroup <= 4 {
            strategy = .depthwise
        } else {
            strategy = .rows
        }
        self.accumulates = accumulates && strategy != .depthwise
        let patches = strategy == .rows ? PatchRows(e) : nil
        self.patches = patches
        let plane =
            strategy == .depthwise
            ? PlaneConvolution(
                height: e.height, width: e.width, outHeight: e.outHeight, outWidth: e.outWidth, kernelHeight: e.kernelHeight,
                kernelWidth: e.kernelWidth, strideY: e.strideY, strideX: e.strideX, dilationY: e.dilationY, dilationX: e.dilationX,
                top: e.top, left: e.left, activation: epilogue.stored) : nil
        self.plane = plane
        // Where planes are a few tiles, empty lanes of the last one weigh.
        let mergesPlanes = strategy == .pointwise && e.plane < 4 * TiledProduct.tileColumns && e.plane % TiledProduct.tileColumns != 0
        let gathered = mergesPlanes ? max(1, min(16, Self.gatheredFloats / max(1, e.inputsPerGroup * e.plane))) : 1
        self.gathered = gathered
        offsets = strategy == .pointwise ? (0..<e.inputsPerGroup).map { $0 * e.plane } : []
        gatheredOffsets = gathered > 1 ? (0..<e.inputsPerGroup).map { $0 * gathered * e.plane } : []
        switch strategy {
        case .depthwise: workspaceSize = plane?.workspaceSize ?? 0
        case .rows: workspaceSize = patches?.size ?? 0
        case .pointwise: workspaceSize = gathered > 1 ? gathered * e.inputsPerGroup * e.plane : 0
        }
        filters = strategy == .depthwise ? weight : Self.packed(weight, extents: e)
    }

    private static func packed(_ weight: [Float], extents e: Extents) -> [Float] {
        var result: [Float] = []
        weight.withUnsafeBufferPointer { source in
            guard let base = source.baseAddress else { return }
            for group in 0..<e.groups {
                result += TiledProduct.packedLeft(base + group * e.outputsPerGroup * e.depth, rows: e.outputsPerGroup, depth: e.depth)
            }
        }
        return result
    }

    /// The filters as (out, in/groups, kh, kw).
    func sourceWeight() -> [Float] {
        guard strategy != .depthwise else { return filters }
        let e = extents
        let size = TiledProduct.packedCount(rows: e.outputsPerGroup, depth: e.depth)
        var result = [Float](repeating: 0, count: e.outputs * e.depth)
        for output in 0..<e.outputs {
            let (group, row) = output.quotientAndRemainder(dividingBy: e.outputsPerGroup)
            for k in 0..<e.depth {
                result[output * e.depth + k] = filters[group * size + TiledProduct.packedIndex(row: row, k: k, depth: e.depth)]
            }
        }
        return result
    }

    // MARK: Units of work

    /// How many independent parts the convolution of `count` images has.
    func unitCount(_ count: Int) -> Int {
        switch strategy {
        case .pointwise: gathered > 1 && count > 1 ? (count + gathered - 1) / gathered : count * unitsPerImage
        case .depthwise, .rows: count * unitsPerImage
        }
    }

    private var unitsPerImage: Int {
        switch strategy {
        case .pointwise: (extents.plane + Self.tilesPerUnit * TiledProduct.tileColumns - 1) / (Self.tilesPerUnit * TiledProduct.tileColumns)
        case .depthwise: (extents.outputs + Self.planesPerUnit - 1) / Self.planesPerUnit
        case .rows: patches.map { (extents.outHeight + $0.block - 1) / $0.block } ?? 0
        }
    }

    /// Convolves `count` images.
    func run(
        count: Int, input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>, residual: UnsafePointer<Float>?,
        workspace: UnsafeMutablePointer<Float>
    ) {
        for unit in 0..<unitCount(count) {
            run(unit: unit, of: count, input: input, output: output, residual: residual, workspace: workspace)
        }
    }

    /// One of the units of `count` images.
    func run(
        unit: Int, of count: Int, input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>, residual: UnsafePointer<Float>?,
        workspace: UnsafeMutablePointer<Float>
    ) {
        let e = extents
        if strategy == .pointwise, gathered > 1, count > 1 {
            let first = unit * gathered
            let images = min(gathered, count - first)
            let outStart = first * e.outputs * e.outPlane
            gatheredPointwise(
                images, input + first * e.inputs * e.plane, output + outStart, residual.map { $0 + outStart }, workspace)
            return
        }
        let (image, part) = unit.quotientAndRemainder(dividingBy: unitsPerImage)
        let x = input + image * e.inputs * e.plane
        let y = output + image * e.outputs * e.outPlane
        let r = residual.map { $0 + image * e.outputs * e.outPlane }
        switch strategy {
        case .pointwise:
            let length = Self.tilesPerUnit * TiledProduct.tileColumns
            pointwise(x, y, r, start: part * length, count: min(length, e.plane - part * length))
        case .depthwise:
            depthwise(x, y, r, outputs: part * Self.planesPerUnit..<min(e.outputs, (part + 1) * Self.planesPerUnit), workspace)
        case .rows: rows(x, y, r, block: part, workspace)
        }
    }

    // MARK: Strategies

    private func pointwise(
        _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ r: UnsafePointer<Float>?, start: Int, count: Int
    ) {
        let e = extents
        for group in 0..<e.groups {
            let outStart = group * e.outputsPerGroup * e.plane + start
            multiply(
                group: group, inputs: 0..<e.inputsPerGroup, right: x + group * e.inputsPerGroup * e.plane + start, offsets: offsets,
                columns: count, into: y + outStart, residual: r.map { $0 + outStart })
        }
        activateRest(y, start: start, count: count)
    }

    private func gatheredPointwise(
        _ images: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ r: UnsafePointer<Float>?,
        _ buffer: UnsafeMutablePointer<Float>
    ) {
        let e = extents
        for group in 0..<e.groups {
            for image in 0..<images {
                let source = x + (image * e.inputs + group * e.inputsPerGroup) * e.plane
                for input in 0..<e.inputsPerGroup {
                    (buffer + (input * gathered + image) * e.plane).update(from: source + input * e.plane, count: e.plane)
                }
            }
            let outStart = group * e.outputsPerGroup * e.plane
            multiply(
                group: group, inputs: 0..<e.inputsPerGroup, right: buffer, offsets: gatheredOffsets, columns: images * e.plane,
                into: y + outStart, residual: r.map { $0 + outStart }, run: e.plane, runStride: e.outputs * e.plane)
        }
        for image in 0..<images { activateRest(y + image * e.outputs * e.plane, start: 0, count: e.plane) }
    }

    private func rows(
        _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ r: UnsafePointer<Float>?, block: Int,
        _ buffer: UnsafeMutablePointer<Float>
    ) {
        guard let patches else { return }
        let e = extents
        let first = block * patches.block
        let rowCount = min(patches.block, e.outHeight - first)
        let (start, count) = (first * e.outWidth, rowCount * e.outWidth)
        for group in 0..<e.groups {
            let outStart = group * e.outputsPerGroup * e.outPlane + start
            for input in stride(from: 0, to: e.inputsPerGroup, by: patches.inputs) {
                let inputs = input..<min(e.inputsPerGroup, input + patches.inputs)
                patches.fill(
                    buffer, from: x + (group * e.inputsPerGroup + input) * e.plane, count: inputs.count, firstRow: first,
                    rows: rowCount)
                multiply(
                    group: group, inputs: inputs, right: buffer, offsets: patches.offsets, columns: count, into: y + outStart,
                    residual: r.map { $0 + outStart })
            }
        }
        activateRest(y, start: start, count: count)
    }

    private func depthwise(
        _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ r: UnsafePointer<Float>?, outputs: Range<Int>,
        _ workspace: UnsafeMutablePointer<Float>
    ) {
        guard let plane else { return }
        let e = extents
        filters.withUnsafeBufferPointer { filters in
            guard let filter = filters.baseAddress else { return }
            for output in outputs {
                let target = y + output * e.outPlane
                plane.run(
                    x + output / e.outputsPerGroup * e.plane, filter: filter + output * e.taps,
                    bias: epilogue.bias.isEmpty ? 0 : epilogue.bias[output], residual: r.map { $0 + output * e.outPlane },
                    into: target, workspace: workspace)
                epilogue.rest.apply(target, count: e.outPlane)
            }
        }
    }

    // MARK: Pieces

    /// The filters of a group times the rows of some of its inputs; the first inputs set the result, the last finish it.
    private func multiply(
        group: Int, inputs: Range<Int>, right: UnsafePointer<Float>, offsets: [Int], columns: Int,
        into y: UnsafeMutablePointer<Float>, residual: UnsafePointer<Float>?, run: Int? = nil, runStride: Int = 0
    ) {
        let e = extents
        let size = TiledProduct.packedCount(rows: e.outputsPerGroup, depth: e.depth)
        filters.withUnsafeBufferPointer { filters in
            offsets.withUnsafeBufferPointer { offsets in
                epilogue.bias.withUnsafeBufferPointer { bias in
                    guard let base = filters.baseAddress, let offsets = offsets.baseAddress else { return }
                    var product = TiledProduct(
                        left: base + group * size + inputs.lowerBound * e.taps * TiledProduct.tileRows, leftDepth: e.depth,
                        right: right, rightStride: TiledProduct.tileColumns, offsets: offsets, depth: inputs.count * e.taps,
                        rows: e.outputsPerGroup, columns: columns, result: y, resultStride: e.outPlane, run: run,
                        runStride: runStride, depthOfPart: TiledProduct.depthOfPart(rows: e.outputsPerGroup))
                    if accumulates || inputs.lowerBound > 0 { product.accumulate() }
                    if inputs.upperBound == e.inputsPerGroup {
                        product.finish(
                            rowBias: epilogue.bias.isEmpty ? nil : bias.baseAddress.map { $0 + group * e.outputsPerGroup },
                            residual: residual, activation: epilogue.stored)
                    }
                    product.multiply()
                }
            }
        }
    }

    /// What of the activation is not applied in registers.
    private func activateRest(_ y: UnsafeMutablePointer<Float>, start: Int, count: Int) {
        guard epilogue.rest != .identity else { return }
        for output in 0..<extents.outputs { epilogue.rest.apply(y + output * extents.outPlane + start, count: count) }
    }
}
