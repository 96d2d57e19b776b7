import Foundation
import TensorFiles
import TestSupport
import Testing

@Suite struct EvaluateTests {
    @Test func countsRightAnswersAndWritesLogits() throws {
        let folder = try ScratchFolder()
        try SmallNetwork.write(to: folder)
        let outcome = try BuiltTool.run(
            ["evaluate", "net.safetensors", "--data", "data.npz", "--logits", "logits.npy", "--json"], in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let report = try outcome.json()
        #expect(report["correct"] as? Int == 3)
        #expect(report["count"] as? Int == 4)
        #expect(report["accuracy"] as? Double == 0.75)
        let logits = try NPY.decode(try folder.read("logits.npy"))
        #expect(logits.shape == [4, 2])
        #expect(try logits.floats() == [1, 0, 0, 1, 6, 0, 0, 2])
    }

    @Test(
        .besideSharedData,
        arguments: [
            ("lenet300_mnist.safetensors", "mnist_test2000.npz", 1957), ("lenet300_fashion.safetensors", "fashion_test2000.npz", 1809),
        ])
    func reproducesTheAccuracyOfRealNetworks(_ network: String, _ images: String, _ correct: Int) throws {
        let folder = try ScratchFolder()
        let outcome = try BuiltTool.run(
            ["evaluate", SharedData.path(network), "--data", SharedData.path(images), "--json"], in: folder)
        #expect(try outcome.json()["correct"] as? Int == correct)
    }

    @Test func badInputIsOneLineAndWritesNothing() throws {
        let folder = try ScratchFolder()
        try SmallNetwork.write(to: folder)
        try SmallNetwork.archive(poison: .nan).write(to: folder.path("nan.safetensors"), force: false)
        try folder.write(try folder.read("net.safetensors").dropLast(5), to: "cut.safetensors")
        try folder.write(try folder.read("data.npz").dropLast(40), to: "cut.npz")
        try TensorArchive([("images", try .float32([1, 2, 3], shape: [1, 3])), ("labels", .uint8([0]))])
            .write(to: folder.path("wide.npz"), force: false)
        try TensorArchive([("images", try .float32([1, 2], shape: [1, 2]))]).write(to: folder.path("nolabels.npz"), force: false)
        try folder.write("old".utf8, to: "old.npy")
        let before = try folder.files()
        let cases: [(arguments: [String], status: Int32, mentions: String)] = [
            (["missing.safetensors", "--data", "data.npz"], 1, "missing.safetensors"),
            (["net.safetensors", "--data", "missing.npz"], 1, "missing.npz"),
            (["cut.safetensors", "--data", "data.npz"], 1, "cut.safetensors"),
            (["net.safetensors", "--data", "cut.npz"], 1, "cut.npz"),
            (["nan.safetensors", "--data", "data.npz"], 1, "finite"),
            (["net.safetensors", "--data", "wide.npz"], 1, "expected"),
            (["net.safetensors", "--data", "nolabels.npz"], 1, "labels"),
            (["net.safetensors", "--data", "data.npz", "--network", "perceptron-9000"], 1, "perceptron-9000"),
            (["net.safetensors", "--data", "data.npz", "--network", "lenet-5"], 1, "conv1"),
            (["net.safetensors", "--data", "data.npz", "--logits", "old.npy"], 1, "old.npy"),
            (["net.safetensors", "--data", "data.npz", "--logits", "no/folder.npy"], 1, "folder"),
            (["net.safetensors", "--data", "data.npz", "--mean", "a,b"], 2, "--mean"),
            (["net.safetensors", "--data", "data.npz", "--std", "0"], 2, "--std"),
            (["net.safetensors", "--data", "data.npz", "--raw", "--mean", "1"], 2, "--raw"),
            (["net.safetensors", "--data", "data.npz", "--mean", "1,2,3"], 1, "means"),
            (["net.safetensors"], 2, "--data"),
        ]
        for entry in cases {
            let outcome = try BuiltTool.run(["evaluate"] + entry.arguments, in: folder)
            #expect(outcome.status == entry.status, "\(entry.arguments): \(outcome.errors)")
            #expect(outcome.errors.contains(entry.mentions), "\(entry.arguments): \(outcome.errors)")
            #expect(outcome.errors.split(separator: "\n").count == 1, "\(entry.arguments): \(outcome.errors)")
            #expect(outcome.output.isEmpty)
        }
        #expect(try folder.files() == before)
        #expect(try folder.read("old.npy") == Array("old".utf8))
    }
}
