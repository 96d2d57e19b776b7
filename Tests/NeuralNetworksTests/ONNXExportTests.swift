// Networks back into their models.

import Foundation
import NeuralNetworks
import TensorFiles
import TestSupport
import Testing

/// Cuts the groups, writes the model, reads it again: the file must hold exactly the network that was cut.
private func checkCut(_ source: ONNXNetwork, _ kept: [ChannelGroup.ID: [Int]], input: ActivationTensor) throws {
    let cut = try source.network.keeping(kept)
    let model = try source.model(for: cut)
    let read = try ONNXNetwork(ONNX.decode(ONNX.encode(model)))
    #expect(read.warnings == source.warnings)
    #expect(try read.network.output(input) == cut.output(input))
    let masked = try source.network.masking(kept).output(input)
    #expect(try relativeError(cut.output(input), masked) <= 0x1p-16)
    // Each declared shape is the true one.
    for info in model.wire.graph.valueInfo + model.wire.graph.output {
        let dims = info.type.tensorType.shape.dim
        if let tensor = try? model.tensor(named: info.name) {
            #expect(dims.map { Int($0.dimValue) } == tensor.shape, "\(info.name)")
            continue
        }
        guard let value = read.network.values.first(where: { $0.name == info.name }), let shape = value.shape else { continue }
        // The batch axis is the first one, or a sample has all axes of the model's tensor.
        let declared = dims.count == shape.count ? dims[...] : dims.dropFirst()
        #expect(declared.count == shape.count, "\(info.name)")
        #expect(zip(declared, shape).allSatisfy { $0.dimValue <= 0 || Int($0.dimValue) == $1 }, "\(info.name)")
    }
    // Nothing is left that nobody reads.
    var used = Set(model.wire.graph.output.map(\.name))
    for node in model.wire.graph.node { used.formUnion(node.input) }
    #expect(model.tensorNames.filter { !used.contains($0) } == [])
}

@Suite struct ONNXExportTests {
    @Test(arguments: ONNXFixture.evaluated + ONNXFixture.opaque) func anUnchangedNetworkGivesTheSameModel(_ name: String) throws {
        let source = try ONNXFixture.source(name)
        #expect(try ONNX.encode(source.model(for: source.network)) == ONNX.encode(source.model))
    }

    @Test(arguments: ONNXFixture.evaluated) func everyGroupCutAloneAndAllTogetherSurviveTheFile(_ name: String) throws {
        let source = try ONNXFixture.source(name)
        let (input, _) = try ONNXFixture.expected(name)
        let kept = try source.network.halvedGroups()
        #expect(!kept.isEmpty || name == "shared")
        for (group, channels) in kept { try checkCut(source, [group: channels], input: input) }
        try checkCut(source, kept, input: input)
    }

    @Test func modelsWithUnknownOperationsAreCutAroundThem() throws {
        let source = try ONNXFixture.source("custom")
        let cut = try source.network.keeping(["between": [0, 2, 4], "after": [1, 6]])
        let model = try source.model(for: cut)
        #expect(try model.tensor(named: "after.weight").shape == [2, 3, 3, 3])
        #expect(model.wire.graph.node.map(\.opType) == source.model.wire.graph.node.map(\.opType))
        #expect(model.wire.graph.node[2] == source.model.wire.graph.node[2])
        #expect(throws: NetworkError.self) { try source.network.keeping(["before": [0]]) }
    }

    @Test func elementTypesAndKindsOfStorageStay() throws {
        let source = try ONNXFixture.source("types")
        let model = try source.model(for: source.network.keeping(source.network.halvedGroups()))
        let typed = try #require(model.wire.graph.initializer.first { $0.name == "typed" })
        #expect(typed.floatData.count == 4 * 6 && !typed.hasRawData && !typed.hasPayloadIndex)
        // Tensors that are read through a Cast keep their type.
        let casts = model.wire.graph.node.filter { $0.opType == "Cast" }
        #expect(!casts.isEmpty)
        for cast in casts {
            func stored(_ model: ONNXModel) -> ONNXWireTensor? { model.wire.graph.initializer.first { $0.name == cast.input.first } }
            let (before, after) = (try #require(stored(source.model)), try #require(stored(model)))
            #expect(after.numericType == before.numericType && after.dims != before.dims)
        }

        let half = try ONNXFixture.source("half")
        let smaller = try half.model(for: half.network.keeping(half.network.halvedGroups()))
        #expect(try smaller.tensor(named: "conv1").dtype == .f16 && smaller.tensor(named: "conv1").shape == [4, 3, 3, 3])
    }

    @Test func aNewBiasBecomesAnInputOrAnAdd() throws {
        for (name, layer) in [("depthwise", "expand"), ("matmul", "MatMul_17"), ("cntk", "conv1"), ("grouped", "Gemm_12")] {
            let source = try ONNXFixture.source(name)
            guard let node = source.network.nodes.firstIndex(where: { $0.name == layer }), case .none = source.network.shift(of: node)
            else { continue }
            var changed = try source.network.addingBias(to: node)
            let added = try #require(changed.nodes[node].layer.parameterNames.last)
            let count = changed.parameters[added]?.values.count ?? 0
            changed.parameters[added] = Parameter(shape: [count], values: (0..<count).map { Float($0) / 4 })
            let (input, _) = try ONNXFixture.expected(name)
            let read = try ONNXNetwork(ONNX.decode(ONNX.encode(source.model(for: changed))))
            #expect(try read.network.output(input) == changed.output(input))
            #expect(try read.network.output(input) != source.network.output(input))
        }
    }

    @Test func everyLayerWithoutBiasCanBeGivenOne() throws {
        var count = 0
        for name in ONNXFixture.evaluated {
            let source = try ONNXFixture.source(name)
            let (input, _) = try ONNXFixture.expected(name)
            for node in source.network.nodes.indices {
                guard var changed = try? source.network.addingBias(to: node), let added = changed.nodes[node].layer.parameterNames.last,
                    let size = changed.parameters[added]?.values.count
                else { continue }
                changed.parameters[added] = Parameter(shape: [size], values: (0..<size).map { 0.25 + Float($0) / 8 })
                let read = try ONNXNetwork(ONNX.decode(ONNX.encode(source.model(for: changed))))
                #expect(try relativeError(read.network.output(input), changed.output(input)) <= 0x1p-18)
                count += 1
            }
        }
        #expect(count >= 10)
    }

    @Test func externalDataComeInsideAndAModelMayReplaceItself() throws {
        let folder = try TemporaryFolder()
        let source = try ONNXFixture.source("external")
        let cut = try source.network.keeping(source.network.halvedGroups())
        let path = folder.path + "/cut.onnx"
        try ONNX.write(source.model(for: cut), to: path, force: false)
        let read = try ONNX.read(path: path)
        #expect(source.model.wire.graph.initializer.contains { $0.dataLocation == .external })
        #expect(!read.wire.graph.initializer.contains { $0.dataLocation == .external || !$0.externalData.isEmpty })
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["cut.onnx"])
        let (input, _) = try ONNXFixture.expected("external")
        #expect(try ONNXNetwork(read).network.output(input) == cut.output(input))
        try ONNX.write(read, to: path, force: true)
        #expect(try ONNXNetwork(ONNX.read(path: path)).network.output(input) == cut.output(input))
    }

    @Test func tensorsThatStayInTheirFilesGiveTheSameModels() throws {
        var stayed = 0
        for name in ONNXFixture.evaluated + ONNXFixture.opaque {
            let model = try ONNXFixture.model(name)
            let source = try ONNXNetwork(model), lazy = try ONNXNetwork(model, leavingFrom: 1)
            #expect(lazy.network.nodes == source.network.nodes, "\(name)")
            #expect(lazy.network.cost == source.network.cost, "\(name)")
            #expect(try lazy.network.loaded().parameters == source.network.parameters, "\(name)")
            #expect(try lazy.network.channelGroups() == source.network.channelGroups(), "\(name)")
            stayed += lazy.network.parameters.values.count { $0.stored != nil }
            // What is written is the same, cut or not.
            #expect(try ONNX.encode(lazy.model(for: lazy.network)) == ONNX.encode(source.model(for: source.network)), "\(name)")
            let kept = try source.network.halvedGroups()
            let cut = try lazy.network.keeping(kept)
            #expect(try ONNX.encode(lazy.model(for: cut)) == ONNX.encode(source.model(for: source.network.keeping(kept))), "\(name)")
        }
        #expect(stayed >= 20)
    }

    @Test func whatIsWrittenOfTensorsThatStayMayLieBeside() throws {
        let folder = try TemporaryFolder()
        let model = try ONNXFixture.model("external")
        let source = try ONNXNetwork(model), lazy = try ONNXNetwork(model, leavingFrom: 1)
        let kept = try source.network.halvedGroups()
        for (name, network) in [
            ("held", try source.model(for: source.network.keeping(kept))), ("left", try lazy.model(for: lazy.network.keeping(kept))),
        ] {
            try FileManager.default.createDirectory(atPath: folder.path + "/" + name, withIntermediateDirectories: true)
            try ONNX.write(network, to: folder.path + "/\(name)/model.onnx", force: false, inlineLimit: 0)
        }
        let names = try ["held", "left"].map { try FileManager.default.contentsOfDirectory(atPath: folder.path + "/" + $0).sorted() }
        // The name of the data is a hash of them, whatever way they came.
        #expect(names[0].count == 2 && names[0] == names[1])
        for file in names[0] {
            let contents = try ["held", "left"].map { try Data(contentsOf: URL(fileURLWithPath: folder.path + "/\($0)/" + file)) }
            #expect(contents[0] == contents[1])
        }
        let (input, _) = try ONNXFixture.expected("external")
        let read = try ONNXNetwork(ONNX.read(path: folder.path + "/left/model.onnx"))
        #expect(try read.network.output(input) == source.network.keeping(kept).output(input))
    }

    @Test func networksOfOtherModelsAreRefused() throws {
        let source = try ONNXFixture.source("zoo13")
        #expect(throws: NetworkError.self) { try source.model(for: ONNXFixture.source("depthwise").network) }
        var renamed = source.network
        renamed.nodes[1].name = "another"
        #expect(throws: NetworkError.self) { try source.model(for: renamed) }
    }
}

@Suite(.besideSharedData) struct ONNXSharedExportTests {
    @Test(arguments: SharedModel.all) func cutNetworksSurviveTheFile(model: SharedModel) throws {
        let source = try model.source()
        let images = try model.data().images
        let input = images.samples(0..<4)
        let kept = try source.network.halvedGroups()
        #expect(!kept.isEmpty)
        try checkCut(source, kept, input: input)
        let inner = try source.network.channelGroups().filter { $0.isInner && $0.barrier == nil }.map(\.id)
        try checkCut(source, kept.filter { inner.contains($0.key) }, input: input)
    }

    @Test(arguments: SharedModel.all) func anUnchangedNetworkGivesTheSameModel(model: SharedModel) throws {
        let source = try model.source()
        #expect(try ONNX.encode(source.model(for: source.network)) == ONNX.encode(source.model))
    }
}
