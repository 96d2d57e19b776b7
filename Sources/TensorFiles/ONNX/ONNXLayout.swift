// The bytes of a model in pieces, so that writing one never holds a second copy of its weights.
//
// Order of fields: everything but the graph, then the graph: everything but its tensors, then the tensors. Protobuf readers
// accept any order. Lengths come first in this format, so all sizes are known before the first byte is written.

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif
internal import SwiftProtobuf

/// How a model will lie in its file, and in its external data file when it has one.
struct ONNXLayout {
    /// A payload of the external data file, at its offset.
    struct External {
        let offset: Int
        let payload: ONNXPayload
    }

    private enum Piece {
        case bytes([UInt8])
        case payload(ONNXPayload)

        var count: Int {
            switch self {
            case .bytes(let bytes): bytes.count
            case .payload(let payload): payload.count
            }
        }
    }

    private var pieces: [Piece] = []
    private(set) var external: [External] = []
    /// Size of the model file.
    private(set) var byteCount = 0

    /// Protobuf readers refuse messages of 2³¹ bytes or more; some room for what wraps the values.
    static let maximumByteCount = (1 << 31) - (1 << 20)
    /// Alignment of long values, that of memory pages, so that readers can map them.
    private static let alignment = 4096

    /// The values that may lie outside of the model: the long ones of the main graph's initializers.
    static func movable(_ model: ONNXModel) -> [ONNXPayload] {
        model.wire.graph.initializer.compactMap { $0.hasPayloadIndex ? model.payloads[Int($0.payloadIndex)] : nil }
    }

    /// - Parameter externalName: name of the file that takes all movable values; nil keeps everything inside.
    init(_ model: ONNXModel, externalName: String?) throws(TensorFileError) {
        var wire = model.wire
        var writer = TensorWriter(payloads: model.payloads, externalName: externalName)

        var graph = wire.graph
        let initializers = graph.initializer
        graph.initializer = []
        // Only what nodes or sparse tensors detached is put back here; that is copied, and rare.
        try writer.inline(&graph)
        let hasGraph = wire.hasGraph
        wire.clearGraph()

        let head = try Self.serialized(wire)
        guard hasGraph else {
            pieces = [.bytes(head)]
            byteCount = head.count
            return
        }
        let body = try Self.serialized(graph)
        var tensors: [Piece] = []
        for tensor in initializers {
            let (message, payload) = try writer.split(tensor)
            var head: [UInt8] = [5 << 3 | 2]
            var field: [UInt8] = []
            if let payload {
                field = [9 << 3 | 2]
                ONNXScanner.append(UInt64(payload.count), to: &field)
            }
            ONNXScanner.append(UInt64(message.count + field.count + (payload?.count ?? 0)), to: &head)
            tensors.append(.bytes(head + message + field))
            if let payload { tensors.append(.payload(payload)) }
        }
        var graphHead: [UInt8] = [7 << 3 | 2]
        ONNXScanner.append(UInt64(tensors.reduce(body.count) { $0 + $1.count }), to: &graphHead)
        pieces = [.bytes(head + graphHead + body)] + tensors
        byteCount = pieces.reduce(0) { $0 + $1.count }
        external = writer.external
        guard byteCount < 1 << 31 else {
            throw .unsupported(
                format: .onnx, expected: "a model file of less than 2147483648 bytes",
                found: "one of \(byteCount)\(externalName == nil ? ", which needs external data" : "")")
        }
    }

    /// The bytes of the model file in order.
    func forEachPiece(_ body: (UnsafeRawBufferPointer) throws(TensorFileError) -> Void) throws(TensorFileError) {
        for piece in pieces {
            switch piece {
            case .bytes(let bytes): try bytes.withPiece(body)
            case .payload(let payload): try payload.forEachPiece(body)
            }
        }
    }

    private static func serialized(_ message: some Message) throws(TensorFileError) -> [UInt8] {
        do {
            return try message.serializedBytes(partial: true)
        } catch {
            throw .unsupported(format: .onnx, expected: "a structure that protobuf can hold", found: "one that is too large")
        }
    }

    /// Puts payloads back: into the message, beside it, or into the external file.
    private struct TensorWriter {
        let payloads: [ONNXPayload]
        let externalName: String?
        var external: [External] = []
        private var externalEnd = 0

        init(payloads: [ONNXPayload], externalName: String?) {
            self.payloads = payloads
            self.externalName = externalName
        }

        /// The message of a tensor without its values, and the values that belong behind it.
        mutating func split(_ tensor: ONNXWireTensor) throws(TensorFileError) -> (message: [UInt8], payload: ONNXPayload?) {
            guard tensor.hasPayloadIndex else { return (try ONNXLayout.serialized(tensor), nil) }
            var message = tensor
            let payload = payloads[Int(tensor.payloadIndex)]
            message.clearPayloadIndex()
            if tensor.dataLocation == .external { message.externalData = [] }
            guard let externalName else {
                message.clearDataLocation()
                return (try ONNXLayout.serialized(message), payload)
            }
            let offset =
                payload.count >= ONNXLayout.alignment
                ? (externalEnd + ONNXLayout.alignment - 1) / ONNXLayout.alignment * ONNXLayout.alignment : externalEnd
            externalEnd = offset + payload.count
            external.append(External(offset: offset, payload: payload))
            message.dataLocation = .external
            message.externalData = [("location", externalName), ("offset", "\(offset)"), ("length", "\(payload.count)")].map { key, value in
                var entry = ONNXWireStringEntry()
                entry.key = key
                entry.value = value
                return entry
            }
            return (try ONNXLayout.serialized(message), nil)
        }

        /// Puts the payloads of tensors that are not initializers of the main graph into their messages.
        ///
        /// They belong to nodes and to graphs inside nodes, where external data are not portable.
        func inline(_ graph: inout ONNXWireGraph) throws(TensorFileError) {
            for index in graph.initializer.indices { try inline(&graph.initializer[index]) }
            for index in graph.sparseInitializer.indices { try inline(&graph.sparseInitializer[index]) }
            for node in graph.node.indices {
                for index in graph.node[node].attribute.indices where graph.node[node].attribute[index].holdsTensors {
                    try inline(&graph.node[node].attribute[index])
                }
            }
        }

        private func inline(_ attribute: inout ONNXWireAttribute) throws(TensorFileError) {
            if attribute.hasT { try inline(&attribute.t) }
            for index in attribute.tensors.indices { try inline(&attribute.tensors[index]) }
            if attribute.hasSparseTensor { try inline(&attribute.sparseTensor) }
            if attribute.hasG { try inline(&attribute.g) }
            for index in attribute.graphs.indices { try inline(&attribute.graphs[index]) }
        }

        private func inline(_ sparse: inout ONNXWireSparseTensor) throws(TensorFileError) {
            if sparse.hasValues { try inline(&sparse.values) }
            if sparse.hasIndices { try inline(&sparse.indices) }
        }

        private func inline(_ tensor: inout ONNXWireTensor) throws(TensorFileError) {
            guard tensor.hasPayloadIndex else { return }
            tensor.rawData = Data(try payloads[Int(tensor.payloadIndex)].bytes())
            tensor.clearPayloadIndex()
            tensor.clearDataLocation()
            tensor.externalData = []
        }
    }
}
