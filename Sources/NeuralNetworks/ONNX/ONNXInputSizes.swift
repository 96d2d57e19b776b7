// Sizes that a model leaves open: batch, height, width, length of a sequence.
//
// Asked for by the caller, else those the model states elsewhere (the same symbol with a number, the features or channels of the first
// weight that reads an input), else the usual ones. A network
// may only work at some sizes (a reshape to a fixed width, windows longer than the input), so several usual ones are tried in
// order and the first is kept at which the model contradicts itself nowhere.

import TensorFiles

/// One extent of an input that the model leaves open.
public struct ONNXInputSize: Sendable, Equatable {
    /// Where an extent comes from.
    public enum Source: String, Sendable, Equatable {
        /// By the caller.
        case requested
        /// None was asked for and the model states none.
        case usual
    }

    /// The input's name.
    public var input: String
    /// As the model counts axes.
    public var axis: Int
    /// The model's name for the extent; empty where it has none.
    public var symbol: String
    /// What it was taken to be.
    public var extent: Int
    /// Where that comes from.
    public var source: Source
}

/// Decides on the open sizes of a model's inputs.
struct ONNXInputSizes {
    /// Batch size where the model fixes it.
    private(set) var fixedBatch: Int?
    /// The model's name for the batch size.
    private(set) var batchSymbol: String?
    /// Shapes asked for, by input.
    let requested: [String: [Int]]
    /// Which of the usual sizes open axes are tried at.
    private let candidate: Int
    /// Inputs whose first axis is no batch: a recurrent layer runs along it, with a batch behind it.
    private var sequences: Set<String> = []
    /// Inputs that have no batch axis at all.
    private let unbatched: Set<String>
    /// Of inputs: features on the last axis and channels on the second one, by the first weight that reads them.
    private var features: [String: Int] = [:]
    private var channels: [String: Int] = [:]

    /// Usual heights and widths, for the first open axis of an image and the second; lengths of token sequences; samples of audio.
    /// 224 is ImageNet's; 48 × 320 and 32 × 320 are lines of text; 640 suits detectors with strides up to 32; 512 samples are one
    /// frame of 32 ms at 16 kHz, 16 000 a second.
    static let images = [
        (224, 224), (48, 320), (32, 320), (256, 256), (640, 640), (299, 299), (64, 64), (32, 100), (32, 32), (28, 28), (96, 96), (128, 128),
        (112, 112), (160, 160), (192, 192), (384, 384), (84, 84),
    ]
    static let tokens = [32, 64, 128, 16, 512, 256, 77, 8]
    static let samples = [16000, 512, 32000, 480, 4096, 1024, 400, 160]

    /// - Parameters:
    ///   - unbatched: inputs whose first axis is no batch (``ONNXFirstAxis``).
    ///   - takesBatchWhole: a batch that the model fixes is one sample: for models that state numbers for it elsewhere.
    init(
        _ graph: ONNXWireGraph, requested: [String: [Int]], unbatched: Set<String> = [], candidate: Int = 0, takesBatchWhole: Bool = false
    ) {
        self.requested = requested
        self.unbatched = unbatched
        self.candidate = candidate
        let names = Set(graph.initializer.map(\.name))
        let inputs = graph.input.filter { !names.contains($0.name) && $0.type.tensorType.hasShape }
        for node in graph.node where ["LSTM", "GRU", "RNN"].contains(node.opType) {
            let layout = node.attribute.first { $0.name == "layout" }?.i ?? 0
            if layout == 0, let name = node.input.first { sequences.formUnion(Self.sources(of: name, in: graph)) }
        }
        sequences.subtract(unbatched.filter { name in inputs.contains { $0.name == name && $0.type.tensorType.shape.dim.count != 3 } })
        for input in inputs { readWeights(behind: input.name, in: graph) }
        guard
            let first = inputs.first(where: {
                !$0.type.tensorType.shape.dim.isEmpty && !sequences.contains($0.name) && !unbatched.contains($0.name)
            })?
            .type.tensorType.shape.dim.first
        else {
            // All inputs are sequences: their batch is the second axis.
            let dimensions = inputs.filter { sequences.contains($0.name) }.map(\.type.tensorType.shape.dim).first { $0.count > 1 }
            if let symbol = dimensions?[1].dimParam, !symbol.isEmpty { batchSymbol = symbol }
            return
        }
        if !first.dimParam.isEmpty {
            batchSymbol = first.dimParam
        } else if first.dimValue > 0, !takesBatchWhole {
            fixedBatch = Int(first.dimValue)
        }
    }

    /// What a value comes from by operations that leave its first axis where it is.
    private static func sources(of name: String, in graph: ONNXWireGraph) -> Set<String> {
        let transparent: Set = [
            "MatMul", "Add", "Sub", "Mul", "Div", "Relu", "LeakyRelu", "Tanh", "Sigmoid", "Elu", "Gelu", "Identity", "Cast", "Dropout",
            "LayerNormalization", "Softmax", "Clip",
        ]
        var makers: [String: Int] = [:]
        for (index, node) in graph.node.enumerated() { for output in node.output { makers[output] = index } }
        var found: Set<String> = []
        var stack = [name]
        while let next = stack.popLast() {
            guard found.insert(next).inserted, let maker = makers[next], transparent.contains(graph.node[maker].opType) else { continue }
            stack += graph.node[maker].input.filter { !$0.isEmpty }
        }
        return found
    }

    /// Notes how wide the first weight says that an input is.
    private mutating func readWeights(behind input: String, in graph: ONNXWireGraph) {
        let transparent: Set = ["Identity", "Cast", "Dropout"]
        let weights = Dictionary(graph.initializer.map { ($0.name, $0.dims.map { Int(clamping: $0) }) }) { first, _ in first }
        var names: Set<String> = [input]
        // A batch of one put between steps and features leaves these the last axis.
        var steps: Set<String> = unbatched.contains(input) ? [input] : []
        for node in graph.node where node.input.first.map(steps.contains) ?? false {
            switch node.opType {
            case "LSTM", "GRU", "RNN":
                if let weight = node.input.dropFirst().first.flatMap({ weights[$0] }), weight.count == 3 { features[input] = weight[2] }
            case "Unsqueeze", "Slice", "Identity": steps.formUnion(node.output)
            default: break
            }
        }
        for node in graph.node where node.input.first.map(names.contains) ?? false {
            let weight = node.input.dropFirst().first.flatMap { weights[$0] } ?? []
            switch node.opType {
            case "Gemm" where weight.count == 2:
                let isTransposed = node.attribute.contains { $0.name == "transB" && $0.i != 0 }
                features[input] = weight[isTransposed ? 1 : 0]
            case "MatMul" where weight.count == 2: features[input] = weight[0]
            case "LSTM" where weight.count == 3, "GRU" where weight.count == 3, "RNN" where weight.count == 3: features[input] = weight[2]
            case "Conv" where weight.count > 2:
                let groups = Int(clamping: node.attribute.first { $0.name == "group" }?.i ?? 1)
                channels[input] = weight[1].multipliedReportingOverflow(by: groups).partialValue
            case let operation where transparent.contains(operation): names.formUnion(node.output)
            default: break
            }
        }
    }

    struct Resolved {
        var shape: [Int]
        var isWhole: Bool
        var sizes: [ONNXInputSize]
    }

    /// Shape of one sample of an input.
    func resolve(_ input: ONNXWireValueInfo) throws(NetworkError) -> Resolved {
        let extents = input.type.tensorType.shape.dim
        let wanted = requested[input.name]
        var isWhole = extents.isEmpty || sequences.contains(input.name) || unbatched.contains(input.name)
        if let first = extents.first {
            if !first.dimParam.isEmpty, let batchSymbol, first.dimParam != batchSymbol, first.dimParam.lowercased().contains("seq") {
                isWhole = true
            }
            if first.dimValue > 1, fixedBatch != Int(first.dimValue) { isWhole = true }
        }
        var result: [Int] = []
        var sizes: [ONNXInputSize] = []
        // What a recurrent layer reads has its batch behind the steps.
        func isSecondBatch(_ axis: Int) -> Bool { axis == 1 && extents.count == 3 && sequences.contains(input.name) }
        func isBatch(_ axis: Int) -> Bool { self.isBatch(extents[axis]) || isSecondBatch(axis) && extents[axis].dimValue <= 0 }
        let open = extents.indices.filter { extents[$0].dimValue <= 0 && (isWhole || $0 > 0) && !isBatch($0) }
        // A shape asked for may count the batch axis or not.
        var asked: [Int]?
        if let wanted {
            guard wanted.count == extents.count || wanted.count == extents.count - 1 && !isWhole, wanted.allSatisfy({ $0 > 0 }) else {
                throw .invalidNetwork(
                    reason:
                        "expected \(extents.count) extents for input \(input.name)\(unbatched.contains(input.name) ? ", which has no batch axis" : ""), found \(NetworkError.text(wanted))"
                )
            }
            asked = wanted.count == extents.count ? wanted : [1] + wanted
        }
        for (axis, extent) in extents.enumerated() {
            if axis == 0, !isWhole { continue }
            if isBatch(axis), axis > 0 || isWhole {
                result.append(1)
                continue
            }
            if extent.dimValue > 0 {
                if let asked, asked[axis] != Int(extent.dimValue) {
                    throw .invalidNetwork(
                        reason:
                            "expected \(extent.dimValue) on axis \(axis) of input \(input.name), which the model fixes, found \(asked[axis])"
                    )
                }
                result.append(Int(clamping: extent.dimValue))
                continue
            }
            let place = open.firstIndex(of: axis) ?? 0
            let size = asked?[axis] ?? usual(input, extents.count, axis: axis, place: place, openCount: open.count)
            sizes.append(
                .init(input: input.name, axis: axis, symbol: extent.dimParam, extent: size, source: asked == nil ? .usual : .requested))
            result.append(size)
        }
        _ = try Network.size(of: result, node: input.name)
        return Resolved(shape: result, isWhole: isWhole, sizes: sizes)
    }

    /// A declared shape without its batch axis; nil when an extent is open or the first axis is another.
    func sampleShape(_ shape: ONNXWireShape) -> [Int]? {
        guard let first = shape.dim.first else { return nil }
        if !first.dimParam.isEmpty, let batchSymbol, first.dimParam != batchSymbol { return nil }
        if first.dimValue > 0, let fixedBatch, first.dimValue != fixedBatch { return nil }
        let rest = shape.dim.dropFirst().map { $0.dimParam.isEmpty && $0.dimValue > 0 ? Int(clamping: $0.dimValue) : -1 }
        return rest.allSatisfy({ $0 > 0 }) && RowMajor.count(rest) != nil ? rest : nil
    }

    private func isBatch(_ extent: ONNXWireShape.Dimension) -> Bool { !extent.dimParam.isEmpty && extent.dimParam == batchSymbol }

    private func usual(_ input: ONNXWireValueInfo, _ rank: Int, axis: Int, place: Int, openCount: Int) -> Int {
        if axis == rank - 1, let stated = features[input.name], stated > 0 { return stated }
        if axis == 1, rank > 2, let stated = channels[input.name], stated > 0 { return stated }
        if rank == 4 {
            let size = Self.images[candidate % Self.images.count]
            let known = input.type.tensorType.shape.dim.dropFirst().map(\.dimValue).filter { $0 > 4 }
            // One open axis of an image with a known one: a line of text, or a square.
            if openCount == 1, let known = known.first { return known < 100 ? 320 : Int(clamping: known) }
            if openCount > 2, place == 0 { return 3 }
            return place == openCount - 1 ? size.1 : size.0
        }
        if input.isInteger || rank >= 3 || unbatched.contains(input.name) { return Self.tokens[candidate % Self.tokens.count] }
        return Self.samples[candidate % Self.samples.count]
    }
}

extension ONNXWireValueInfo {
    /// Whether it is declared as a tensor of integers or truth values.
    var isInteger: Bool { [2, 3, 4, 5, 6, 7, 9, 12, 13].contains(type.tensorType.elemType) }
}
