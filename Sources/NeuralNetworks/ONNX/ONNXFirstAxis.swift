// Which inputs have no batch axis: frames × bins, or the state of a single sequence.
//
// The first axis of an input is followed through the graph without knowing any size. A convolution that finds it among the channels or
// the places, a recurrent layer that finds it as the steps, a product that sums over it: none of them would do so with samples. A mean
// over it or a softmax along it may be a loss or a normalizer beside answers for each sample: they count where no output begins with
// the axis. What cannot be followed says nothing, and the first axis counts as the batch.

import TensorFiles

/// Where the first axis of an input has come to in a value.
private struct AxisPlace: Equatable {
    var rank: Int
    var position: Int

    /// Axes of a value at most; no network has as many.
    private static let mostAxes = 64

    /// Axes as positions; `nil` where one is none.
    func positions(_ axes: [Int], rank: Int) -> [Int]? {
        let found = axes.compactMap { RowMajor.position($0, rank: rank) }
        return found.count == axes.count ? found : nil
    }

    func inserting(_ axes: [Int]) -> AxisPlace? {
        guard axes.count <= Self.mostAxes, rank + axes.count <= Self.mostAxes, let places = positions(axes, rank: rank + axes.count) else {
            return nil
        }
        let free = (0..<rank + axes.count).filter { !places.contains($0) }
        return position < free.count ? AxisPlace(rank: rank + axes.count, position: free[position]) : nil
    }

    func removing(_ axes: [Int]) -> AxisPlace? {
        guard axes.count <= Self.mostAxes, let places = positions(axes, rank: rank).map(Set.init), !places.contains(position) else {
            return nil
        }
        return AxisPlace(rank: rank - places.count, position: position - places.count { $0 < position })
    }
}

struct ONNXFirstAxis {
    /// What a node makes of the axis.
    private enum Step {
        case goes(AxisPlace)
        /// Not followed any further.
        case ends
        /// No samples are treated so.
        case isNoBatch
        /// Nor so, but for what is added up over all of them. Not followed any further.
        case isSummed
    }

    /// Inputs that are followed, each through the whole graph; those of a network with more count as batches.
    private static let mostInputs = 32

    private let graph: ONNXGraphIndex
    private var facts: ONNXFacts

    /// Names of the inputs whose first axis is no batch.
    static func unbatchedInputs(_ graph: ONNXGraphIndex) -> Set<String> {
        let stored = Set(graph.wire.initializer.map(\.name))
        var axis = ONNXFirstAxis(graph)
        return Set(
            graph.wire.input.filter { !stored.contains($0.name) }.prefix(mostInputs).filter { input in
                guard input.type.tensorType.hasShape, let first = input.type.tensorType.shape.dim.first else {
                    return false
                }
                // One sample, whatever becomes of it.
                return first.dimValue != 1 && axis.isNoBatch(of: input.name, rank: input.type.tensorType.shape.dim.count)
            }.map(\.name))
    }

    private init(_ graph: ONNXGraphIndex) {
        self.graph = graph
        facts = ONNXFacts(graph)
        for node in graph.wire.node.indices where graph.operation(node) == "Constant" {
            guard let name = graph.outputs(node).first, let value = try? graph.reader(node).constantValue() else { continue }
            facts[name] = .constant(value)
        }
    }

    /// O(nodes).
    private mutating func isNoBatch(of input: String, rank: Int) -> Bool {
        var places = [input: AxisPlace(rank: rank, position: 0)]
        var isSummed = false
        for node in graph.order {
            let names = graph.inputs(node)
            guard let slot = names.firstIndex(where: { places[$0] != nil }), let place = places[names[slot]] else { continue }
            switch step(node, slot, place, places) {
            case .isNoBatch: return true
            case .isSummed: isSummed = true
            case .ends: break
            case .goes(let next):
                for (index, name) in graph.outputs(node).enumerated() where !name.isEmpty {
                    if let own = output(node, index, next) { places[name] = own }
                }
            }
        }
        return isSummed && !graph.wire.output.contains { places[$0.name]?.position == 0 }
    }

    private func step(_ node: Int, _ slot: Int, _ place: AxisPlace, _ places: [String: AxisPlace]) -> Step {
        let reader = graph.reader(node)
        switch graph.operation(node) {
        case "Identity", "Cast", "Dropout", "Relu", "LeakyRelu", "Elu", "Selu", "Gelu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh",
            "Clip",
            "Exp", "Log", "Sqrt", "Abs", "Neg", "Softplus":
            return .goes(place)
        case "Add", "Sub", "Mul", "Div", "Max", "Min", "PRelu", "Pow": return broadcast(node, place, places)
        case "Unsqueeze": return axes(reader, node).flatMap(place.inserting).map(Step.goes) ?? .ends
        case "Squeeze": return axes(reader, node).flatMap(place.removing).map(Step.goes) ?? .ends
        case "Transpose":
            let order = (try? reader.integers("perm")) ?? (0..<place.rank).reversed()
            return order.firstIndex(of: place.position).map { .goes(AxisPlace(rank: place.rank, position: $0)) } ?? .ends
        case "Slice", "Pad": return .goes(place)
        case "Concat":
            guard let axis = RowMajor.position((try? reader.integer("axis")) ?? 0, rank: place.rank), axis != place.position else {
                return .ends
            }
            return .goes(place)
        case "Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "BatchNormalization":
            guard slot == 0 else { return .ends }
            return place.position == 0 ? .goes(place) : .isNoBatch
        case "LSTM", "GRU", "RNN": return recurrent(reader, slot, place)
        case "MatMul":
            // A matrix of weights on the right: the axis stays unless it is summed over.
            guard slot == 0, let other = graph.inputs(node).dropFirst().first, facts.weightShape(other)?.count == 2 else { return .ends }
            return place.position == place.rank - 1 ? .isNoBatch : .goes(place)
        case "Gemm":
            guard slot == 0, ((try? reader.integer("transA")) ?? 0) == 0 else { return .ends }
            return place.position == 0 ? .goes(place) : .isNoBatch
        case "ReduceMean", "ReduceSum", "ReduceMax":
            guard slot == 0, let axes = axes(reader, node), let summed = place.positions(axes, rank: place.rank) else { return .ends }
            if summed.contains(place.position) { return .isSummed }
            return ((try? reader.integer("keepdims")) ?? 1) != 0 ? .goes(place) : place.removing(axes).map(Step.goes) ?? .ends
        case "Softmax", "LogSoftmax":
            let axis = (try? reader.integer("axis")) ?? (reader.version < 13 ? 1 : -1)
            guard let first = RowMajor.position(axis, rank: place.rank) else { return .ends }
            return first == place.position ? .isSummed : .goes(place)
        case "Flatten":
            return place.position == 0 && ((try? reader.integer("axis")) ?? 1) == 1 ? .goes(AxisPlace(rank: 2, position: 0)) : .ends
        default: return .ends
        }
    }

    /// The axis keeps its distance from the last one.
    private func broadcast(_ node: Int, _ place: AxisPlace, _ places: [String: AxisPlace]) -> Step {
        var rank = place.rank
        for name in graph.inputs(node) {
            if let other = places[name] {
                guard other.rank - other.position == place.rank - place.position else { return .ends }
                rank = max(rank, other.rank)
            } else if let shape = facts.weightShape(name) {
                rank = max(rank, shape.count)
            }
        }
        return .goes(AxisPlace(rank: rank, position: rank - (place.rank - place.position)))
    }

    /// (steps, batch, features), or batch first; states are (directions, batch, units).
    private func recurrent(_ reader: ONNXNodeReader, _ slot: Int, _ place: AxisPlace) -> Step {
        let isBatchFirst = ((try? reader.integer("layout")) ?? 0) != 0
        guard [0, 5, 6].contains(slot), place.rank == 3 else { return .ends }
        return place.position == (isBatchFirst ? 0 : 1) ? .goes(place) : .isNoBatch
    }

    /// Outputs of recurrent layers have an axis of directions.
    private func output(_ node: Int, _ index: Int, _ place: AxisPlace) -> AxisPlace? {
        guard ["LSTM", "GRU", "RNN"].contains(graph.operation(node)) else { return place }
        // Batch first: (batch, steps, directions, units), (batch, directions, units).
        let position = index == 0 && place.position == 1 ? 2 : place.position
        return AxisPlace(rank: index == 0 ? 4 : 3, position: position)
    }

    private func axes(_ reader: ONNXNodeReader, _ node: Int) -> [Int]? {
        let names = graph.inputs(node)
        let input = names.count > 1 && !names[1].isEmpty ? try? facts.constant(names[1], node: "") : nil
        if names.count > 1, !names[1].isEmpty, input == nil { return nil }
        return try? reader.axes(input)
    }
}
