// What one output of a consumer reads, as a vector: everything on its input axis, at all taps.
//
// A consumer computes z_o(x) = Σ_b Σ_t W[o, b, t]·h[b, t](x) + e at every place x. Its regressors are numbered b·taps + t,
// b a block of positions on the weight's input axis, t = position within the block, then kernel tap; taps outside the image are
// zero, as padding makes them. Blocks are numbered by the cut groups that the consumer reads, one or several blocks a channel,
// then the positions that no cut group owns. All blocks have as many positions: the greatest common divisor of what the
// channels of the groups have.
// A convolution in groups is as many independent consumers: group g reads and writes its own share of the channels.

import LinearAlgebra
import NeuralNetworks
import RandomNumbers

/// Geometry of a consumer's reading and writing.
struct ConsumerPatches: Sendable {
    private enum Kind: Sendable {
        /// Channels on the last axis; taps are positions on it.
        case linear(outputStride: Int, inputStride: Int)
        /// Channels on axis 1; taps are positions, then kernel rows, then kernel columns.
        case convolution(Convolution, kernelHeight: Int, kernelWidth: Int)
        /// A map at every place (Projection); taps are positions.
        case projection(readsLastAxis: Bool)
    }

    let consumer: Consumer
    /// Cut groups among what the consumer reads.
    let members: [Member]
    /// Number of blocks (n) and regressors per block (t).
    let blocks: Int
    let taps: Int
    /// Independent shares, and outputs (q) and input channels of one.
    let shares: Int
    let outputs: Int
    private let inputsPerShare: Int
    private let kind: Kind
    /// Axis positions of every block.
    private let positions: [[Int]]

    /// Blocks of one group: `blocksPerChannel` for each of its channels, from `first` on.
    struct Member: Sendable {
        var group: Int
        var channels: Int
        var first: Int
        var blocksPerChannel: Int
    }

    /// - Parameter readings: groups by index, with the positions of every channel on the consumer's axis.
    init(_ consumer: Consumer, readings: [(group: Int, positions: [[Int]])], in network: Network) throws(PruningError) {
        self.consumer = consumer
        let owned = Set(readings.flatMap { $0.positions.joined() })
        let others = (0..<consumer.shape[consumer.layer.axis]).filter { !owned.contains($0) }
        let size = Swift.max(1, readings.reduce(others.count) { greatestCommonDivisor($0, $1.positions.first?.count ?? 0) })
        func split(_ channel: [Int]) -> [[Int]] {
            stride(from: 0, to: channel.count, by: size).map { Array(channel[$0..<$0 + size]) }
        }
        var (positions, members): ([[Int]], [Member]) = ([], [])
        for reading in readings {
            let perChannel = (reading.positions.first?.count ?? 0) / size
            members.append(
                Member(group: reading.group, channels: reading.positions.count, first: positions.count, blocksPerChannel: perChannel))
            positions += reading.positions.flatMap(split)
        }
        positions += split(others)
        (self.positions, self.members, blocks) = (positions, members, positions.count)
        switch network.nodes[consumer.layer.node].layer {
        case .linear(let layer):
            let strides = layer.strides(outputs: consumer.outputCount, inputs: consumer.shape[consumer.layer.axis])
            kind = .linear(outputStride: strides.output, inputStride: strides.input)
            taps = size
            shares = 1
        case .convolution(let layer):
            let kernel = consumer.shape.dropFirst(2)
            kind = .convolution(
                layer, kernelHeight: kernel.count == 2 ? kernel[kernel.startIndex] : 1, kernelWidth: kernel.last ?? 1)
            taps = size * kernel.reduce(1, *)
            shares = layer.groups
        case .recurrent, .convolutionTranspose:
            kind = .projection(readsLastAxis: consumer.isLinear)
            taps = size
            shares = 1
        default:
            throw .unknownConsumer(layer: consumer.name)
        }
        outputs = consumer.outputCount / shares
        inputsPerShare = consumer.shape[consumer.layer.axis]
    }

    /// Number of regressors, n·t.
    var count: Int { blocks * taps }

    /// Places at which one sample's outputs lie: an output tensor of shape (N, …) has that many per channel. Those of a projection lie
    /// as what it reads does: that shape is meant, here and below.
    func placeCount(outputShape: [Int]) -> Int {
        switch kind {
        case .linear, .projection(readsLastAxis: true): outputShape.dropFirst().dropLast().reduce(1, *)
        case .convolution, .projection: outputShape.dropFirst(2).reduce(1, *)
        }
    }

    /// What the layer makes of regressors by its own weights, one share: q × places.
    func products(of regressors: Matrix, weights: Matrix) -> Matrix {
        var result = weights.times(regressors)
        guard let bias = consumer.projection?.bias else { return result }
        for k in result.elements.indices { result.elements[k] += bias[k % outputs] }
        return result
    }

    /// Regressors of one share: column k belongs to the place `places[k].place` of sample `places[k].sample`.
    func regressors(of input: ActivationTensor, at places: [SampledPlace], outputShape: [Int], share: Int) -> Matrix {
        var result = Matrix(rows: count, columns: places.count, elements: .uninitialized(count * places.count))
        result.elements.withUnsafeMutableBufferPointer { target in
            input.values.withUnsafeBufferPointer { source in
                switch kind {
                case .linear, .projection(readsLastAxis: true):
                    let features = input.shape[input.shape.count - 1]
                    let perSample = input.sampleSize
                    let bases = places.map { $0.sample * perSample + $0.place * features }
                    ConsumerPatches.gather(source.baseAddress!, Array(positions.joined()), bases, into: target.baseAddress!)
                case .projection:
                    let layout = ChannelLayout(input.shape, isLinear: false)
                    let perSample = placeCount(outputShape: input.shape)
                    let planes = positions.joined().map { $0 * layout.stride }
                    let bases = places.map { layout.base(ofSample: $0.sample * perSample + $0.place) }
                    ConsumerPatches.gather(source.baseAddress!, planes, bases, into: target.baseAddress!)
                case .convolution(let layer, let kernelHeight, let kernelWidth):
                    let frame = Frame(layer, input: input.shape, output: outputShape)
                    guard kernelHeight * kernelWidth > 1 || layer.padding.contains(where: { $0 != 0 }) else {
                        let planes = positions.joined().map { (share * inputsPerShare + $0) * frame.area }
                        let corners = places.map { place in
                            let (top, left) = frame.corner(place.place)
                            return place.sample * frame.channels * frame.area + top * frame.width + left
                        }
                        return ConsumerPatches.gather(source.baseAddress!, planes, corners, into: target.baseAddress!)
                    }
                    let planes = positions.joined().map { (share * inputsPerShare + $0) * frame.area }
                    let reads = planes.flatMap { plane in frame.taps(kernelHeight, kernelWidth).map { plane + $0.offset } }
                    frame.gather(source.baseAddress!, reads, (kernelHeight, kernelWidth), places, into: target.baseAddress!)
                }
            }
        }
        return result
    }

    /// The planes that one share reads of a batch by 3×3 windows at every place; `nil` where it reads otherwise, or few, or where an input
    /// has more places than are looked at.
    func windows(in input: [Int], share: Int, placesPerInput: Int) -> WindowPlanes? {
        guard case .convolution(let layer, 3, 3) = kind, input.count == 4, input[2] >= 2, input[3] >= 2,
            input[2] * input[3] <= placesPerInput,
            (layer.strides + layer.dilations + layer.padding).allSatisfy({ $0 == 1 }), count >= ConsumerPatches.regressorsOfWindows
        else { return nil }
        let area = input[2] * input[3]
        return WindowPlanes(
            grid: WindowGrid(height: input[2], width: input[3]), imageSize: input[1] * area,
            planes: positions.joined().map { (share * inputsPerShare + $0) * area })
    }

    /// Regressors from which products of shifted planes take less time than those of all taps.
    private static let regressorsOfWindows = 256

    /// Places that a thread gathers at a time.
    private static let columnsOfPart = 128

    /// result[k, j] = source[planes[k] + corners[j]], eight planes at a time: a line of the cache is written at once.
    private static func gather(
        _ source: UnsafePointer<Float>, _ planes: [Int], _ corners: [Int], into result: UnsafeMutablePointer<Double>
    ) {
        let rows = planes.count
        planes.withUnsafeBufferPointer { planes in
            corners.withUnsafeBufferPointer { corners in
                BLASConfiguration.share(corners.count, inRunsOf: columnsOfPart) { part in
                    for first in stride(from: 0, to: rows, by: 8) {
                        let last = Swift.min(first + 8, rows)
                        for j in part {
                            for k in first..<last { result[j * rows + k] = Double(source[planes[k] + corners[j]]) }
                        }
                    }
                }
            }
        }
    }

    /// Values of a tensor shaped like the consumer's output, for one share's outputs: q × places.
    func values(of tensor: ActivationTensor, at places: [SampledPlace], share: Int) -> Matrix {
        let layout = ChannelLayout(tensor.shape, isLinear: consumer.isLinear)
        let perSample = placeCount(outputShape: tensor.shape)
        var result = Matrix(rows: outputs, columns: places.count, elements: .uninitialized(outputs * places.count))
        guard !places.isEmpty, outputs > 0 else { return result }
        let planes = (0..<outputs).map { (share * outputs + $0) * layout.stride }
        let bases = places.map { layout.base(ofSample: $0.sample * perSample + $0.place) }
        result.elements.withUnsafeMutableBufferPointer { target in
            tensor.values.withUnsafeBufferPointer { source in
                ConsumerPatches.gather(source.baseAddress!, planes, bases, into: target.baseAddress!)
            }
        }
        return result
    }

    /// The stored weights of one share: q × (n·t).
    func weights(_ values: [Float], share: Int) -> Matrix {
        Matrix(rows: outputs, columns: count) { o, j in Double(values[index(output: share * outputs + o, regressor: j)]) }
    }

    /// Writes fitted weights (q × kept·t, kept blocks in order) of one share; all other blocks become zero.
    func scatter(_ weights: Matrix, kept: [Int], share: Int, into values: inout [Float]) {
        for o in 0..<outputs {
            for j in 0..<count { values[index(output: share * outputs + o, regressor: j)] = 0 }
            for (s, c) in kept.enumerated() {
                for t in 0..<taps {
                    values[index(output: share * outputs + o, regressor: c * taps + t)] = Float(weights[o, s * taps + t])
                }
            }
        }
    }

    /// Regressors that belong to the kept blocks.
    func regressors(ofBlocks kept: [Int]) -> [Int] { kept.flatMap { $0 * taps..<($0 + 1) * taps } }

    /// Blocks that stay, ascending, when each group keeps `kept` of it; a group without a choice is whole.
    func blocks(keeping kept: (_ group: Int) -> [Int]?) -> [Int] {
        var result: [Int] = []
        for member in members {
            for c in kept(member.group)?.sorted() ?? Array(0..<member.channels) {
                let first = member.first + c * member.blocksPerChannel
                result += first..<first + member.blocksPerChannel
            }
        }
        let owned = members.last.map { $0.first + $0.channels * $0.blocksPerChannel } ?? 0
        return result + (owned..<blocks)
    }

    private func index(output o: Int, regressor j: Int) -> Int {
        let inner = consumer.inner
        let (c, t) = (j / taps, j % taps)
        switch kind {
        case .linear(let outputStride, let inputStride): return o * outputStride + positions[c][t] * inputStride
        case .projection: return (o / inner * inputsPerShare + positions[c][t]) * inner + o % inner
        case .convolution: return (o * inputsPerShare + positions[c][t / inner]) * inner + t % inner
        }
    }

    /// Extents of a convolution's input, and where the window of an output place begins.
    private struct Frame {
        let channels, height, width, outWidth: Int
        let strideY, strideX, dilationY, dilationX, top, left: Int
        var area: Int { height * width }

        init(_ layer: Convolution, input: [Int], output: [Int]) {
            let isPlane = input.count == 4
            channels = input[1]
            height = isPlane ? input[2] : 1
            width = input[input.count - 1]
            outWidth = output[output.count - 1]
            strideY = isPlane ? layer.strides[0] : 1
            strideX = layer.strides[layer.strides.count - 1]
            dilationY = isPlane ? layer.dilations[0] : 1
            dilationX = layer.dilations[layer.dilations.count - 1]
            top = isPlane ? layer.padding[0] : 0
            left = isPlane ? layer.padding[1] : layer.padding[0]
        }

        func corner(_ place: Int) -> (top: Int, left: Int) {
            (place / outWidth * strideY - top, place % outWidth * strideX - left)
        }

        /// What a window reads from its corner on.
        func taps(_ kernelHeight: Int, _ kernelWidth: Int) -> [(y: Int, x: Int, offset: Int)] {
            (0..<kernelHeight * kernelWidth).map { tap in
                let (y, x) = (tap / kernelWidth * dilationY, tap % kernelWidth * dilationX)
                return (y, x, y * width + x)
            }
        }

        /// result[k, j] = what place j reads at reads[k] behind its corner; all taps of a plane follow each other.
        func gather(
            _ source: UnsafePointer<Float>, _ reads: [Int], _ kernel: (height: Int, width: Int), _ places: [SampledPlace],
            into result: UnsafeMutablePointer<Double>
        ) {
            let taps = taps(kernel.height, kernel.width)
            let (reachY, reachX) = (taps.last?.y ?? 0, taps.last?.x ?? 0)
            reads.withUnsafeBufferPointer { reads in
                BLASConfiguration.share(places.count, inRunsOf: ConsumerPatches.columnsOfPart) { part in
                    for j in part {
                        let (top, left) = corner(places[j].place)
                        let from = source + (places[j].sample * channels * area + top * width + left)
                        let to = result + j * reads.count
                        if top >= 0, left >= 0, top + reachY < height, left + reachX < width {
                            for k in reads.indices { to[k] = Double(from[reads[k]]) }
                            continue
                        }
                        for first in stride(from: 0, to: reads.count, by: taps.count) {
                            for (t, tap) in taps.enumerated() {
                                let (y, x) = (top + tap.y, left + tap.x)
                                let isInside = y >= 0 && y < height && x >= 0 && x < width
                                to[first + t] = isInside ? Double(from[reads[first + t]]) : 0
                            }
                        }
                    }
                }
            }
        }
    }
}

private func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : greatestCommonDivisor(b, a % b) }
