// Convolution of images as products of packed filters with rows that are read where they lie.
//
// 1×1 convolutions read the image itself; the small planes of several images are first put side by side, so that tiles
// are full. 3×3 ones without strides are products of transformed tiles (WinogradConvolution) where that pays. Others read a buffer
// of shifted copies (PatchRows) that stays in the second level of the cache. Depthwise ones convolve plane by plane. Bias, residual
// and activation are applied to tiles before they leave the registers.
//
// Work is cut into blocks of positions, and for threads that share images into units, a block of some of the filters each
// (ConvolutionKernel+Cut). Every output is one sum in the order of its filter, however work is cut.

import LinearAlgebra

struct ConvolutionKernel: Sendable {
    enum Strategy: Sendable { case pointwise, depthwise, winograd, rows }

    let extents: Extents
    let strategy: Strategy
    let epilogue: Epilogue
    /// Whether results are added to what the output holds.
    let accumulates: Bool
    /// Depthwise and Winograd: as stored. Otherwise packed for products, group after group.
    private let filters: [Float]
    let winograd: WinogradConvolution?
    let patches: PatchRows?
    private let plane: PlaneConvolution?
    /// Pointwise: offsets of the rows of an image, and of images that lie side by side.
    private let offsets: [Int]
    private let gatheredOffsets: [Int]
    /// Images that lie side by side.
    let gathered: Int
    /// Pointwise: offsets of the rows of a panel, where blocks are copied into panels, and positions of a block.
    let panelOffsets: [Int]
    let blockColumns: Int
    /// Floats of scratch memory.
    let workspaceSize: Int

    /// Positions of a pointwise block at most: what it reads stays in the second level of the cache while filters pass.
    private static let blockColumns = 8 * TiledProduct.tileColumns
    /// Filters that are worth panels of a block, and values of these.
    private static let filtersPerPanel = 24
    private static let panelFloats = 1 << 16
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
        } else if WinogradConvolution.pays(e) {
            strategy = .winograd
        } else {
            strategy = .rows
        }
        self.accumulates = accumulates && strategy != .depthwise
        let winograd =
            strategy == .winograd
            ? WinogradConvolution(e, weight: weight, accumulates: accumulates, activation: epilogue.stored) : nil
        self.winograd = winograd
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
        let packs = strategy == .pointwise && TiledProduct.packsRight && e.outputsPerGroup >= Self.filtersPerPanel
        panelOffsets = packs ? (0..<e.inputsPerGroup).map { $0 * TiledProduct.tileColumns } : []
        let tiles = packs ? Self.panelFloats / max(1, e.inputsPerGroup * TiledProduct.tileColumns) : 8
        let blockColumns = min(Self.blockColumns, max(1, tiles) * TiledProduct.tileColumns)
        self.blockColumns = blockColumns
        switch strategy {
        case .depthwise: workspaceSize = plane?.workspaceSize ?? 0
        case .winograd: workspaceSize = winograd?.workspaceSize ?? 0
        case .rows: workspaceSize = patches?.size ?? 0
        case .pointwise:
            workspaceSize = max(
                gathered > 1 ? gathered * e.inputsPerGroup * e.plane : 0,
                packs ? TiledProduct.panelCount(columns: min(e.plane, blockColumns), depth: e.inputsPerGroup) : 0)
        }
        filters = strategy == .depthwise || strategy == .winograd ? weight : Self.packed(weight, extents: e)
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

    /// Values that the filters are read as.
    var weightCount: Int { winograd?.weightCount ?? filters.count }

    /// The filters as (out, in/groups, kh, kw).
    func sourceWeight() -> [Float] {
        guard strategy == .pointwise || strategy == .rows else { return filters }
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

    /// Convolves `count` images.
    func run(
        count: Int, input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>, residual: UnsafePointer<Float>?,
        workspace: UnsafeMutablePointer<Float>
    ) {
        let cut = wholeFilters(count)
        for unit in 0..<cut.count { run(unit: unit, of: cut, input: input, output: output, residual: residual, workspace: workspace) }
    }

    /// One of the units of some images.
    func run(
        unit: Int, of cut: Cut, input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>, residual: UnsafePointer<Float>?,
        workspace: UnsafeMutablePointer<Float>
    ) {
        let e = extents
        let (block, part) = unit.quotientAndRemainder(dividingBy: cut.parts)
        let outputs = part * cut.filters..<min((part + 1) * cut.filters, e.outputs)
        if gathers(cut.images) {
            let first = block * gathered
            let outStart = first * e.outputs * e.outPlane
            gatheredPointwise(
                min(gathered, cut.images - first), input + first * e.inputs * e.plane, output + outStart, residual.map { $0 + outStart },
                outputs, workspace)
            return
        }
        if let winograd {
            let rows = winograd.rows(ofBlock: block, ofRows: cut.lines, images: cut.images)
            forEachGroup(of: outputs) { group, filters in
                let outStart = group * e.outputsPerGroup * e.outPlane
                winograd.run(
                    rows: rows, group: group, filters: filters, input: input + group * e.inputsPerGroup * e.plane,
                    output: output + outStart, residual: residual.map { $0 + outStart }, bias: epilogue.bias, workspace: workspace)
            }
            winograd.forEachRun(of: rows) { image, start, length in
                activateRest(output + image * e.outputs * e.outPlane, outputs, start: start, count: length)
            }
            return
        }
        let (image, index) = block.quotientAndRemainder(dividingBy: cut.blocks / cut.images)
        let x = input + image * e.inputs * e.plane
        let y = output + image * e.outputs * e.outPlane
        let r = residual.map { $0 + image * e.outputs * e.outPlane }
        let start = index * cut.lines
        switch strategy {
        case .pointwise: pointwise(x, y, r, outputs, start: start, count: min(cut.lines, e.plane - start), workspace)
        case .depthwise: depthwise(x, y, r, outputs, workspace)
        case .winograd: break
        case .rows: rows(x, y, r, outputs, firstRow: start, count: min(cut.lines, e.outHeight - start), workspace)
        }
    }

    /// Whether the planes of so many images lie side by side.
    func gathers(_ images: Int) -> Bool { strategy == .pointwise && gathered > 1 && images > 1 }

    /// The groups that some outputs belong to, with those of a group counted from its first.
    private func forEachGroup(of outputs: Range<Int>, _ body: (_ group: Int, _ filters: Range<Int>) -> Void) {
        let size = extents.outputsPerGroup
        guard size > 0, !outputs.isEmpty else { return }
        for group in outputs.lowerBound / size...(outputs.upperBound - 1) / size {
            body(group, max(0, outputs.lowerBound - group * size)..<min(size, outputs.upperBound - group * size))
        }
    }

    // MARK: Strategies

    private func pointwise(
        _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ r: UnsafePointer<Float>?, _ outputs: Range<Int>, start: Int,
        count: Int, _ panels: UnsafeMutablePointer<Float>
    ) {
        let e = extents
        forEachGroup(of: outputs) { group, filters in
            let outStart = group * e.outputsPerGroup * e.plane + start
            let right = x + group * e.inputsPerGroup * e.plane + start
            if panelOffsets.isEmpty {
                multiply(
                    group: group, filters, inputs: 0..<e.inputsPerGroup, right: right, offsets: offsets, columns: count, into: y + outStart,
                    residual: r.map { $0 + outStart })
            } else {
                TiledProduct.packPanels(
                    right, columnStride: 1, depthStride: e.plane, columns: count, depth: e.inputsPerGroup, into: panels)
                multiply(
                    group: group, filters, inputs: 0..<e.inputsPerGroup, right: panels,
                    rightStride: e.inputsPerGroup * TiledProduct.tileColumns, offsets: panelOffsets, columns: count, into: y + outStart,
                    residual: r.map { $0 + outStart })
            }
        }
        activateRest(y, outputs, start: start, count: count)
    }

    private func gatheredPointwise(
        _ images: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ r: UnsafePointer<Float>?,
        _ outputs: Range<Int>, _ buffer: UnsafeMutablePointer<Float>
    ) {
        let e = extents
        forEachGroup(of: outputs) { group, filters in
            for image in 0..<images {
                let source = x + (image * e.inputs + group * e.inputsPerGroup) * e.plane
                for input in 0..<e.inputsPerGroup {
                    (buffer + (input * gathered + image) * e.plane).update(from: source + input * e.plane, count: e.plane)
                }
            }
            let outStart = group * e.outputsPerGroup * e.plane
            multiply(
                group: group, filters, inputs: 0..<e.inputsPerGroup, right: buffer, offsets: gatheredOffsets,
                columns: images * e.plane, into: y + outStart, residual: r.map { $0 + outStart }, run: e.plane,
                runStride: e.outputs * e.plane)
        }
        for image in 0..<images { activateRest(y + image * e.outputs * e.plane, outputs, start: 0, count: e.plane) }
    }

    private func rows(
        _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ r: UnsafePointer<Float>?, _ outputs: Range<Int>,
        firstRow first: Int, count rowCount: Int, _ buffer: UnsafeMutablePointer<Float>
    ) {
        guard let patches else { return }
        let e = extents
        let (start, count) = (first * e.outWidth, rowCount * e.outWidth)
        forEachGroup(of: outputs) { group, filters in
            let outStart = group * e.outputsPerGroup * e.outPlane + start
            for input in stride(from: 0, to: e.inputsPerGroup, by: patches.inputs) {
                let inputs = input..<min(e.inputsPerGroup, input + patches.inputs)
                patches.fill(
                    buffer, from: x + (group * e.inputsPerGroup + input) * e.plane, count: inputs.count, firstRow: first,
                    rows: rowCount)
                multiply(
                    group: group, filters, inputs: inputs, right: buffer, offsets: patches.offsets, columns: count, into: y + outStart,
                    residual: r.map { $0 + outStart })
            }
        }
        activateRest(y, outputs, start: start, count: count)
    }

    private func depthwise(
        _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ r: UnsafePointer<Float>?, _ outputs: Range<Int>,
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

    /// Some filters of a group, whole tiles, times the rows of some of its inputs; the first inputs set the result, the last
    /// finish it. `y` and the residual are those of the group's first filter.
    private func multiply(
        group: Int, _ chosen: Range<Int>, inputs: Range<Int>, right: UnsafePointer<Float>,
        rightStride: Int = TiledProduct.tileColumns, offsets: [Int], columns: Int, into y: UnsafeMutablePointer<Float>,
        residual: UnsafePointer<Float>?, run: Int? = nil, runStride: Int = 0
    ) {
        let e = extents
        let start = group * TiledProduct.packedCount(rows: e.outputsPerGroup, depth: e.depth) + chosen.lowerBound * e.depth
        let row = chosen.lowerBound * e.outPlane
        filters.withUnsafeBufferPointer { filters in
            offsets.withUnsafeBufferPointer { offsets in
                epilogue.bias.withUnsafeBufferPointer { bias in
                    guard let base = filters.baseAddress, let offsets = offsets.baseAddress else { return }
                    var product = TiledProduct(
                        left: base + start + inputs.lowerBound * e.taps * TiledProduct.tileRows, leftDepth: e.depth,
                        right: right, rightStride: rightStride, offsets: offsets, depth: inputs.count * e.taps,
                        rows: chosen.count, columns: columns, result: y + row, resultStride: e.outPlane, run: run,
                        runStride: runStride, depthOfPart: TiledProduct.depthOfPart(rows: e.outputsPerGroup))
                    if accumulates || inputs.lowerBound > 0 { product.accumulate() }
                    if inputs.upperBound == e.inputsPerGroup {
                        product.finish(
                            rowBias: epilogue.bias.isEmpty
                                ? nil : bias.baseAddress.map { $0 + group * e.outputsPerGroup + chosen.lowerBound },
                            residual: residual.map { $0 + row }, activation: epilogue.stored)
                    }
                    product.multiply()
                }
            }
        }
    }

    /// What of the activation is not applied in registers.
    private func activateRest(_ y: UnsafeMutablePointer<Float>, _ outputs: Range<Int>, start: Int, count: Int) {
        guard epilogue.rest != .identity else { return }
        for output in outputs { epilogue.rest.apply(y + output * extents.outPlane + start, count: count) }
    }
}
