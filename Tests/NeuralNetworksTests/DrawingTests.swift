import Foundation
import NeuralNetworks
import TestSupport
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// The graph as people see it.
@Suite struct DrawingTests {
    /// A stem, blocks of two convolutions around which the stem's channels pass, and a classifier. `tap` is read by the end as well.
    private static func residual(blocks: Int, tap: Int? = nil) throws -> Network {
        var network = RandomNetwork(seed: 5)
        var stream = try network.relu("stem.relu", network.convolution("stem", network.input([3, 8, 8]), 16))
        var tapped = stream
        for block in 0..<blocks {
            let inner = try network.relu("b\(block).relu", network.convolution("b\(block).conv1", stream, 24))
            stream = try network.apply("b\(block).add", .add, network.convolution("b\(block).conv2", inner, 16), stream)
            if block == tap { tapped = stream }
        }
        if tap != nil { stream = try network.apply("join", .multiply, stream, tapped) }
        let pooled = try network.apply("pool", .globalAveragePooling(keepsSpatialAxes: false), stream)
        let output = try network.linear("fc", pooled, 10)
        return try network.network(outputs: output)
    }

    @Test func repeatedBlocksAreDrawnOnce() throws {
        let graph = try DrawnGraph(Self.residual(blocks: 9))
        // input, stem, conv1, conv2, add, pool, fc
        #expect(graph.boxes.map(\.title) == ["input0", "stem", "b0.conv1", "b0.conv2", "b0.add", "pool", "fc"])
        #expect(graph.repetitions == [.init(boxes: 2..<5, times: 9)])
        let arrows = Set(graph.arrows.map { [$0.from, $0.to] })
        #expect(arrows == [[0, 1], [1, 2], [2, 3], [3, 4], [1, 4], [4, 5], [5, 6]])
        #expect(graph.boxes[2].details.contains("b0.conv1") && graph.boxes[2].details.contains("b8.conv1"))
        #expect(graph.boxes.map(\.kind) == [.plain, .stream, .cuttable, .stream, .plain, .plain, .whole])
    }

    /// A frame hides where in it something is read from: what is read from afar stays outside of frames, or ends one.
    @Test func whatIsReadFromAfarEndsAFrame() throws {
        let graph = try DrawnGraph(Self.residual(blocks: 9, tap: 3))
        #expect(graph.repetitions == [.init(boxes: 2..<5, times: 4), .init(boxes: 5..<8, times: 5)])
        let join = try #require(graph.boxes.firstIndex { $0.title == "join" })
        #expect(graph.arrows.contains { $0 == (4, join) } && graph.arrows.contains { $0 == (7, join) })
        // Nothing is saved by two boxes.
        #expect(try DrawnGraph(Self.residual(blocks: 1)).repetitions.isEmpty)
    }

    @Test func blocksOfOtherShapesAreNotTheSame() throws {
        var network = RandomNetwork(seed: 1)
        var value = network.input([8])
        for (layer, width) in [16, 16, 16, 16, 16, 16, 12, 12].enumerated() {
            value = try network.relu("relu\(layer)", network.linear("fc\(layer)", value, width))
        }
        let graph = try DrawnGraph(network.network(outputs: value))
        // 8 → 16 stands alone, and so do 16 → 12 and 12 → 12.
        #expect(graph.repetitions == [.init(boxes: 2..<3, times: 5)])
        #expect(graph.boxes.map(\.title) == ["input0", "fc0", "fc1", "fc6", "fc7"])
    }

    @Test func arrowsSayWhatIsLeftOfTheChannels() throws {
        let network = try Self.residual(blocks: 3)
        let smaller = try network.keeping(["b0.conv1": Array(0..<12), "b1.conv1": Array(0..<20), "b2.conv1": Array(0..<24)])
        let graph = try DrawnGraph(network, comparedWith: smaller)
        #expect(graph.repetitions == [.init(boxes: 2..<5, times: 3)])
        #expect(DrawnGraph.channels(graph.boxes[2]) == "24 → 12–24")
        #expect(DrawnGraph.channels(graph.boxes[1]) == "16")
        let drawing = try NetworkDrawing(network, comparedWith: smaller)
        for text in [drawing.document, drawing.fragment] { #expect(text.contains(">24 → 12–24<") && text.contains(">× 3<")) }
        #expect(try network.dot(comparedWith: smaller).contains("label=\"24 → 12–24\""))
        #expect(try !network.dot().contains("→"))
    }

    /// Tokens have their channels last, images first, and reshaping loses track of them.
    @Test func channelsAreFoundOnTheirAxis() throws {
        var network = RandomNetwork(seed: 3)
        let input = try network.linear("fc", network.input([7, 4]), 6)
        let normal = try network.normalization("norm", input, kind: .layer, axis: 2, count: 6)
        let turned = try network.apply("turn", .transpose(permutation: [0, 2, 1]), normal)
        let graph = try DrawnGraph(network.network(outputs: turned))
        #expect(graph.boxes.map(DrawnGraph.channels) == [nil, "6", "6", nil])
    }

    @Test func picturesAreWellFormedAndExplainThemselves() throws {
        var network = try Self.residual(blocks: 9)
        network.nodes[0].name = "st<e>m&\"\u{1}"
        let drawing = try NetworkDrawing(network)
        for text in [drawing.document, "<body>" + drawing.legend + drawing.fragment + "</body>"] {
            let parser = XMLParser(data: Data(text.utf8))
            #expect(parser.parse(), "\(parser.parserError.map { "\($0)" } ?? "")")
            for meaning in ["channels may be cut", "residual stream", "stays whole", "drawn once"] { #expect(text.contains(meaning)) }
            for word in ["href", "src=", "@import"] { #expect(!text.contains(word)) }
        }
        #expect(NetworkDrawing.style.contains("prefers-color-scheme:dark"))
    }
}
