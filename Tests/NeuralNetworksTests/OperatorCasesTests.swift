// Small graphs of every operator, made and answered by onnxruntime: `scripts/operators` makes them and names their folder.

import Foundation
import NeuralNetworks
import TensorFiles
import Testing

private let casesFolder = ProcessInfo.processInfo.environment["LOEWNER_OPERATOR_CASES"]

/// A graph with what onnxruntime was given and what it gave.
private struct OperatorCase {
    let folder: String
    let source: ONNXNetwork
    let inputs: [ActivationTensor]
    private let answers: TensorArchive

    init(_ folder: String) throws {
        self.folder = folder
        answers = try TensorArchive.read(path: folder + "/io.npz")
        let names = try String(contentsOfFile: folder + "/inputs.txt", encoding: .utf8).split(separator: "\n").map(String.init)
        var given: [String: Tensor] = [:]
        for (index, name) in names.enumerated() { given[name] = try answers.tensor(named: "in\(index)") }
        let source = try ONNXNetwork(
            ONNX.read(path: folder + "/model.onnx"), inputShapes: given.compactMapValues { $0.shape.isEmpty ? nil : $0.shape })
        self.source = source
        inputs = try source.network.inputs.map { value in
            let tensor = try #require(given[source.network.values[value].name])
            return ActivationTensor(shape: [1] + (source.network.values[value].shape ?? []), values: try tensor.floats())
        }
    }

    func answer(_ index: Int) throws -> [Float] { try answers.tensor(named: "out\(index)").floats() }

    func outputs(of network: Network) throws -> [ActivationTensor] {
        let found = try Evaluator(network).forward(inputs, threads: 1)
        return try network.outputs.map { try #require(found[$0]) }
    }
}

@Suite(.enabled(if: casesFolder != nil, "scripts/operators makes the graphs")) struct OperatorCasesTests {
    static let folders: [String] =
        casesFolder.map { root in
            ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).sorted().map { root + "/" + $0 }
        } ?? []

    @Test(arguments: folders) func answersAreThoseOfOnnxruntime(_ folder: String) throws {
        let operatorCase = try OperatorCase(folder)
        let source = operatorCase.source
        for node in source.model.wire.graph.node {
            let name = node.domain.isEmpty ? node.opType : node.domain + "." + node.opType
            #expect(ONNXOperators.table.contains { $0.name == name && $0.isEvaluated }, "\(name)")
        }
        let obstacles = source.network.evaluability().blockingNodes
        try #require(obstacles.isEmpty, "\(obstacles.map { "\($0.name) (\($0.operation))" })")
        for (index, output) in try operatorCase.outputs(of: source.network).enumerated() {
            let expected = try operatorCase.answer(index)
            #expect(differenceFromAnswer(output.values, expected) <= 1e-4, "output \(index)")
        }
    }

    /// Every second channel of every group goes: the sliced network is the masked one, and its file is left for onnxruntime.
    @Test(arguments: folders) func cutNetworksAreTheMaskedOnes(_ folder: String) throws {
        let operatorCase = try OperatorCase(folder)
        let network = operatorCase.source.network
        let kept = try network.halvedGroups()
        // Some graphs have nothing that may be cut.
        if !kept.isEmpty, network.evaluability().isComplete {
            let cut = try network.keeping(kept)
            let masked = try operatorCase.outputs(of: network.masking(kept))
            for (found, expected) in zip(try operatorCase.outputs(of: cut), masked) {
                #expect(differenceFromAnswer(found.values, expected.values) <= 1e-4)
            }
            try ONNX.write(operatorCase.source.model(for: cut), to: folder + "/pruned.onnx", force: true)
            var archive = TensorArchive()
            for (index, output) in masked.enumerated() { archive["out\(index)"] = try Tensor.float32(output.values, shape: output.shape) }
            try archive.write(to: folder + "/masked.npz", force: true)
        }
    }
}

/// Largest difference relative to the largest finite expected value; equal infinities differ by nothing.
private func differenceFromAnswer(_ found: [Float], _ expected: [Float]) -> Float {
    guard found.count == expected.count else { return .infinity }
    var worst: Float = 0, scale: Float = 0
    for (a, b) in zip(found, expected) {
        if b.isFinite { scale = max(scale, b.magnitude) }
        if a == b || a.isNaN && b.isNaN { continue }
        let difference = (a - b).magnitude
        if !(difference <= worst) { worst = difference }
    }
    return worst / max(scale, .leastNormalMagnitude)
}

@Suite struct OperatorTableTests {
    @Test func theTableOfTheDocumentationIsThatOfTheCode() throws {
        let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let page = try String(contentsOfFile: root + "/Documentation/Operators.md", encoding: .utf8)
        #expect(page.hasSuffix(ONNXOperators.markdown), "write it again: loewner doctor --operators")
    }

    @Test func everyOperatorStandsOnce() {
        let names = ONNXOperators.table.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(names.count > 130)
    }
}
