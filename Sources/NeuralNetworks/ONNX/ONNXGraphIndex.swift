// What readers of a graph ask again and again, answered once: in which order to go, who makes a name and who reads it.

import TensorFiles

/// A model's graph with its names resolved to nodes. Nothing here depends on the sizes of inputs.
struct ONNXGraphIndex {
    let model: ONNXModel
    let wire: ONNXWireGraph
    /// Bytes from which on tensors of two axes or more stay in their files; nil for none.
    let stays: Int?
    /// Positions of the nodes, makers before readers.
    let order: [Int]
    /// What the file declares of values that are made or put out.
    let declaredShapes: [String: ONNXWireShape]
    /// Nodes that make floating point tensors of integers, by what they make.
    let dequantizers: [String: Int]
    private let makers: [String: Int]
    private let users: [String: [Int]]
    /// How often a name is read: by nodes, by graphs inside nodes, and as an output of the graph.
    private let useCounts: [String: Int]
    /// Read by the world outside, or by graphs inside nodes.
    private let exposed: Set<String>

    /// - Throws: `file` when nodes feed each other in a circle.
    /// - Complexity: one pass over the nodes.
    init(_ model: ONNXModel, leavingFrom limit: Int? = nil) throws(NetworkError) {
        let graph = model.wire.graph
        var makers: [String: Int] = [:], dequantizers: [String: Int] = [:], users: [String: [Int]] = [:]
        var counts: [String: Int] = [:], exposed = Set(graph.output.map(\.name))
        for (index, node) in graph.node.enumerated() {
            for output in node.output where !output.isEmpty { makers[output] = index }
            if node.opType == "DequantizeLinear", let name = node.output.first { dequantizers[name] = index }
            for input in node.input where !input.isEmpty {
                users[input, default: []].append(index)
                counts[input, default: 0] += 1
            }
            for name in node.capturedNames { counts[name, default: 0] += 1 }
            exposed.formUnion(node.capturedNames)
        }
        for output in graph.output { counts[output.name, default: 0] += 1 }
        var declared: [String: ONNXWireShape] = [:]
        for info in graph.valueInfo + graph.output where info.type.tensorType.hasShape {
            declared[info.name] = info.type.tensorType.shape
        }
        do throws(TensorFileError) { order = try graph.topologicalOrder() } catch { throw .file(error) }
        self.model = model
        stays = limit
        wire = graph
        declaredShapes = declared
        self.dequantizers = dequantizers
        self.makers = makers
        self.users = users
        useCounts = counts
        self.exposed = exposed
    }

    func reader(_ node: Int) -> ONNXNodeReader { ONNXNodeReader(wire.node[node], index: node, model: model) }

    /// Operation of the default domain; empty for any other.
    func operation(_ node: Int) -> String {
        wire.node[node].domain.isEmpty || wire.node[node].domain == "ai.onnx" ? wire.node[node].opType : ""
    }

    func inputs(_ node: Int) -> [String] { wire.node[node].input }
    func outputs(_ node: Int) -> [String] { wire.node[node].output }

    /// The node that makes a name.
    func maker(_ name: String?) -> Int? { name.flatMap { makers[$0] } }

    func useCount(_ name: String) -> Int { useCounts[name] ?? 0 }

    /// The only node that reads the only output of a node.
    func soleUser(_ node: Int) -> Int? {
        guard let output = wire.node[node].output.first, let users = users[output], Set(users).count == 1, !exposed.contains(output) else {
            return nil
        }
        return users[0]
    }

    /// The nodes that read a name, where nothing else does.
    func readers(_ name: String) -> [Int] { exposed.contains(name) ? [] : users[name] ?? [] }

    /// Nothing outside reads what the nodes make, but for the last one.
    func isClosed(_ nodes: [Int]) -> Bool {
        let inside = Set(nodes)
        return nodes.dropLast().allSatisfy { node in
            wire.node[node].output.allSatisfy { !exposed.contains($0) && (users[$0] ?? []).allSatisfy(inside.contains) }
        }
    }
}
