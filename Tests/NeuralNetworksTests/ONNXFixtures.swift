// The small models beside this file, made by Fixtures/make-onnx-fixtures.py and make-attention-fixtures.py, and onnxruntime's answers to them.

import Foundation
import NeuralNetworks
import TensorFiles
import Testing

enum ONNXFixture {
    static let folder: String = "/" + #filePath.split(separator: "/").dropLast().joined(separator: "/") + "/Fixtures/"

    /// Models with an answer that can be computed here.
    static let evaluated =
        (8...21).map { "zoo\($0)" } + [
            "depthwise", "grouped", "concat", "external", "matmul", "nhwc", "cntk", "types", "half", "shared", "spelled", "attention",
            "sequence", "unknown", "vit-script", "vit-script-token", "vit-export", "vit-export-token",
        ]
    /// Models with an operation nobody here knows.
    static let opaque = ["custom", "branch"]

    static func model(_ name: String) throws -> ONNXModel { try ONNX.read(path: folder + name + ".onnx") }

    static func source(_ name: String) throws -> ONNXNetwork { try ONNXNetwork(model(name)) }

    /// What onnxruntime was given and what it gave.
    static func expected(_ name: String) throws -> (input: ActivationTensor, output: ActivationTensor) {
        let archive = try TensorArchive.read(path: folder + "expected.npz")
        let input = try archive.tensor(named: name + ".input"), output = try archive.tensor(named: name + ".output")
        return (
            ActivationTensor(shape: input.shape, values: try input.floats()),
            ActivationTensor(shape: output.shape, values: try output.floats())
        )
    }
}

/// Largest difference relative to the largest expected value.
func relativeError(_ found: ActivationTensor, _ expected: ActivationTensor) -> Float {
    guard found.values.count == expected.values.count else { return .infinity }
    let scale = expected.values.reduce(0) { max($0, $1.magnitude) }
    var worst: Float = 0
    for (a, b) in zip(found.values, expected.values) {
        let difference = (a - b).magnitude
        if !(difference <= worst) { worst = difference }
    }
    return worst / max(scale, .leastNormalMagnitude)
}

extension Network {
    /// What the network makes of a batch.
    func output(_ input: ActivationTensor) throws -> ActivationTensor { try Evaluator(self).forward(input, threads: 1).observed[0] }

    /// Every group that may be cut, with every second channel from the second on and the last one kept.
    func halvedGroups() throws -> [ChannelGroup.ID: [Int]] {
        var kept: [ChannelGroup.ID: [Int]] = [:]
        for group in try channelGroups() where group.barrier == nil && group.count > 1 {
            kept[group.id] = (0..<group.count).filter { $0 % 2 == 1 || $0 == group.count - 1 }
        }
        return kept
    }
}

/// A folder that disappears with the value.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/loewner-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
