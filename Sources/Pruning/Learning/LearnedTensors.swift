// The trained tensors that move, as multiples of a unit.
//
//     w = unit·v                                                                                              (1)
// unit is the root mean square of a weight's filter (the row of its output) and the deviation of a shift's channel on a few inputs.
// A step of Adam on v then changes every filter by the same share, whatever a batch normalization or an earlier layer made of its
// scale.

import NeuralNetworks

struct LearnedTensors: Sendable {
    /// Names in the order of `units`.
    let names: [String]
    /// One per value.
    let units: [Float]

    /// - Parameters:
    ///   - probe: inputs that show how much the channels vary.
    ///   - inputShapes: shapes of the probe where they are not the network's own.
    ///   - frozen: tensors that stay.
    init(
        _ network: Network, probe: [ActivationTensor], inputShapes: [[Int]]? = nil,
        frozen: Set<String> = []
    ) throws(NetworkError) {
        var names: [String] = []
        var units: [Float] = []
        var seen = frozen
        var shifts: [(name: String, node: Network.Node)] = []
        for node in network.nodes {
            switch node.layer {
            case .convolution(let layer):
                guard seen.insert(layer.weight).inserted, let weight = network.parameters[layer.weight], let outputs = weight.shape.first
                else { continue }
                names.append(layer.weight)
                units += LearnedTensors.rowUnits(weight.values, rows: outputs)
                if let bias = layer.bias { shifts.append((bias, node)) }
            case .linear(let layer):
                guard seen.insert(layer.weight).inserted, let weight = network.parameters[layer.weight], weight.shape.count == 2
                else { continue }
                names.append(layer.weight)
                units +=
                    layer.isTransposed
                    ? LearnedTensors.columnUnits(weight.values, columns: weight.shape[1])
                    : LearnedTensors.rowUnits(weight.values, rows: weight.shape[0])
                if let bias = layer.bias { shifts.append((bias, node)) }
            case .convolutionTranspose(let layer):
                // (inputs, outputs of a group, taps…): a filter is a column of blocks of taps.
                guard seen.insert(layer.weight).inserted, let weight = network.parameters[layer.weight], weight.shape.count > 2
                else { continue }
                names.append(layer.weight)
                units += LearnedTensors.columnUnits(
                    weight.values, columns: weight.shape[1], run: weight.shape[2...].reduce(1, *))
                if let bias = layer.bias { shifts.append((bias, node)) }
            case .recurrent(let layer):
                for name in [layer.weight, layer.recurrence] where seen.insert(name).inserted {
                    guard let weight = network.parameters[name], let length = weight.shape.last, length > 0 else { continue }
                    names.append(name)
                    units += LearnedTensors.rowUnits(weight.values, rows: weight.values.count / length)
                }
                // Gates turn within about one.
                if let bias = layer.bias, seen.insert(bias).inserted, let count = network.parameters[bias]?.values.count {
                    names.append(bias)
                    units += [Float](repeating: 1, count: count)
                }
            case .batchNormalization(let layer):
                // Without a shift of its own the running mean serves as one.
                shifts.append((layer.shift ?? layer.mean, node))
            case .normalization(let layer):
                for name in [layer.scale, layer.shift].compactMap({ $0 }) where seen.insert(name).inserted {
                    guard let values = network.parameters[name]?.values else { continue }
                    names.append(name)
                    units += [Float](repeating: LearnedTensors.unit(values[...], fallback: 1), count: values.count)
                }
            default: break
            }
        }
        let makers = shifts.filter { seen.insert($0.name).inserted && network.parameters[$0.name] != nil }
        let deviations = try network.channelDeviations(
            of: makers.map(\.node.outputs[0]), on: probe, inputShapes: inputShapes)
        for ((name, node), deviation) in zip(makers, deviations) {
            guard let count = network.parameters[name]?.values.count, count == deviation.count else { continue }
            var own = deviation
            if case .batchNormalization(let layer) = node.layer, name == layer.mean,
                let variance = network.parameters[layer.variance]?.values, variance.count == count
            {
                // The running mean stands in front of the division.
                own = variance.map { Float(layer.deviation($0)) }
            }
            let mean = own.reduce(0, +) / Float(max(1, count))
            names.append(name)
            units += own.map { $0 > 0 && $0.isFinite ? $0 : mean > 0 && mean.isFinite ? mean : 1 }
        }
        self.names = names
        self.units = units
    }

    /// v of (1).
    func values(of network: Network) -> [Float] {
        zip(names.flatMap { network.parameters[$0]?.values ?? [] }, units).map { $0 / $1 }
    }

    private static func unit(_ values: ArraySlice<Float>, fallback: Float) -> Float {
        let square = values.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(max(1, values.count))
        let unit = Float(square.squareRoot())
        return unit > 0 && unit.isFinite ? unit : fallback
    }

    private static func rowUnits(_ values: [Float], rows: Int) -> [Float] {
        let (length, whole) = (values.count / max(1, rows), unit(values[...], fallback: 1))
        return (0..<rows).flatMap { row in
            [Float](repeating: unit(values[row * length..<(row + 1) * length], fallback: whole), count: length)
        }
    }

    /// - Parameter run: neighboring values of one column.
    private static func columnUnits(_ values: [Float], columns: Int, run: Int = 1) -> [Float] {
        let (rows, whole) = (values.count / max(1, columns * run), unit(values[...], fallback: 1))
        var units: [Float] = []
        for column in 0..<columns {
            var own: [Float] = []
            for row in 0..<rows {
                let first = (row * columns + column) * run
                own += values[first..<first + run]
            }
            units += [Float](repeating: unit(own[...], fallback: whole), count: run)
        }
        return (0..<rows).flatMap { _ in units }
    }
}

extension Network {
    /// Deviation of every channel of some values (the axis behind the batch; the last one of vectors) over samples and places.
    fileprivate func channelDeviations(
        of values: [ValueID], on inputs: [ActivationTensor], inputShapes: [[Int]]?
    ) throws(NetworkError) -> [[Float]] {
        guard !values.isEmpty else { return [] }
        var unique: [ValueID] = []
        for value in values where !unique.contains(value) { unique.append(value) }
        let seen = try Evaluator(self, observing: unique, inputShapes: inputShapes).forwardInLanes(inputs)
        return values.map { value in
            guard let index = unique.firstIndex(of: value), index < seen.count else { return [] }
            return seen[index].channelDeviations(isChannelLast: channelIsLast(value))
        }
    }

    /// Linear layers have their features on the last axis, all others their channels on the first.
    private func channelIsLast(_ value: ValueID) -> Bool {
        guard let maker = nodes.first(where: { $0.outputs.contains(value) }), case .linear = maker.layer else { return false }
        return true
    }
}

extension ActivationTensor {
    func channelDeviations(isChannelLast: Bool) -> [Float] {
        guard let channels = isChannelLast ? sampleShape.last : sampleShape.first, channels > 0 else { return [] }
        let positions = isChannelLast ? 1 : sampleSize / channels
        var (sums, squares) = ([Double](repeating: 0, count: channels), [Double](repeating: 0, count: channels))
        // A first look at the mean keeps the squares small.
        let runs = values.count / max(1, positions)
        for pass in 0..<2 {
            for run in 0..<runs {
                let c = run % channels
                for i in run * positions..<(run + 1) * positions {
                    if pass == 0 {
                        sums[c] += Double(values[i])
                    } else {
                        squares[c] += (Double(values[i]) - sums[c]) * (Double(values[i]) - sums[c])
                    }
                }
            }
            let count = Double(max(1, values.count / channels))
            if pass == 0 { for c in sums.indices { sums[c] /= count } } else { for c in squares.indices { squares[c] /= count } }
        }
        return squares.map { Float($0.squareRoot()) }
    }
}
