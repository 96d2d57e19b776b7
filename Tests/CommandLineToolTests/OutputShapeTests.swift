// Which outputs labels are compared with, and what is said of others.

import Foundation
import TensorFiles
import TestSupport
import Testing

@Suite struct OutputShapeTests {
    /// 3 × 6 × 6 → 8 filters → 4 filters, averaged to 4 × 1 × 1 or left as maps, as `net.onnx`; 80 images with labels as `data.npz`.
    /// - Parameter isOdd: an operation that nobody knows reads a tensor of 12 numbers on the side.
    private static func write(to folder: ScratchFolder, isPooled: Bool, isOdd: Bool = false) throws {
        var generator = TestGenerator(seed: 12)
        var model = ONNXWireModel(), opset = ONNXWireOperatorSet()
        (model.irVersion, opset.version) = (8, 17)
        model.opsetImport = [opset]
        if isOdd {
            var other = ONNXWireOperatorSet()
            (other.domain, other.version) = ("odd", 1)
            model.opsetImport.append(other)
        }
        func value(_ name: String, _ extents: [Int64]) -> ONNXWireValueInfo {
            var info = ONNXWireValueInfo()
            (info.name, info.type.tensorType.elemType) = (name, 1)
            info.type.tensorType.shape.dim = ([0] + extents).map { extent in
                var dimension = ONNXWireShape.Dimension()
                if extent > 0 { dimension.dimValue = extent } else { dimension.dimParam = "N" }
                return dimension
            }
            return info
        }
        func node(_ operation: String, _ inputs: [String], _ output: String, domain: String = "") {
            var node = ONNXWireNode()
            (node.name, node.opType, node.input, node.output, node.domain) = (output, operation, inputs, [output], domain)
            model.graph.node.append(node)
        }
        func tensor(_ name: String, _ dims: [Int64]) {
            var tensor = ONNXWireTensor()
            (tensor.name, tensor.dims, tensor.dataType) = (name, dims, 1)
            tensor.floatData = generator.normals(Int(dims.reduce(1, *))).map { Float(0.5 * $0) }
            model.graph.initializer.append(tensor)
        }
        model.graph.input = [value("x", [3, 6, 6])]
        tensor("first.weight", [8, 3, 3, 3])
        tensor("second.weight", [4, 8, 1, 1])
        node("Conv", ["x", "first.weight"], "a")
        node("Relu", ["a"], "b")
        node("Conv", ["b", "second.weight"], isPooled ? "c" : "y")
        if isPooled { node("GlobalAveragePool", ["c"], "y") }
        model.graph.output = [value("y", isPooled ? [4, 1, 1] : [4, 4, 4])]
        if isOdd {
            tensor("odd.weight", [12])
            node("Strange", ["x", "odd.weight"], "z", domain: "odd")
            model.graph.output.append(value("z", [3]))
        }
        try folder.write(ONNX.encode(ONNXModel(wire: model, payloads: [])), to: "net.onnx")
        try TensorArchive([
            ("images", try .float32(generator.normals(80 * 108).map(Float.init), shape: [80, 3, 6, 6])),
            ("labels", .uint8((0..<80).map { UInt8($0 % 4) })),
        ]).write(to: folder.path("data.npz"), force: false)
    }

    private static let prune = ["prune", "net.onnx", "--keep", "0.5", "--evaluate", "data.npz", "--learn", "0", "--json"]

    @Test func axesOfExtentOneBesideTheScoresDoNotMatter() throws {
        let folder = try ScratchFolder()
        try Self.write(to: folder, isPooled: true)
        #expect(try BuiltTool.run(["evaluate", "net.onnx", "--data", "data.npz"], in: folder).status == 0)
        let outcome = try BuiltTool.run(
            Self.prune + ["-o", "small.onnx", "--plan", "plan.json", "--calibration", "data.npz", "--force-quality"], in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let report = try outcome.json()
        #expect(report["accuracyAfter"] != nil && report["measuredAgreement"] != nil && report["predictedAgreement"] != nil)
        let verified = try BuiltTool.run(
            ["verify", "net.onnx", "small.onnx", "--plan", "plan.json", "--data", "data.npz", "--json"], in: folder)
        #expect(try verified.json()["accuracyBefore"] != nil)
        // Labels beyond the classes are refused before the work.
        try TensorArchive([("images", try .float32([Float](repeating: 1, count: 108), shape: [1, 3, 6, 6])), ("labels", .uint8([4]))])
            .write(to: folder.path("data.npz"), force: true)
        let refused = try BuiltTool.run(Self.prune + ["--dry-run"], in: folder)
        #expect(refused.status == 1 && refused.errors.contains("labels below 4"), "\(refused.errors)")
    }

    @Test func mapsAreNoScoresWhichIsSaidBeforeTheWork() throws {
        let folder = try ScratchFolder()
        try Self.write(to: folder, isPooled: false)
        #expect(try BuiltTool.run(["evaluate", "net.onnx", "--data", "data.npz"], in: folder).status == 1)
        let outcome = try BuiltTool.run(Self.prune + ["-o", "small.onnx", "--plan", "plan.json", "--force-quality"], in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let first = try #require(outcome.errors.split(separator: "\n").first)
        #expect(first.contains("accuracy is not measured") && first.contains("y") && first.contains("(4, 4, 4)"), "\(outcome.errors)")
        let report = try outcome.json()
        #expect(report["accuracyAfter"] == nil && report["measuredAgreement"] == nil)
        let verified = try BuiltTool.run(
            ["verify", "net.onnx", "small.onnx", "--plan", "plan.json", "--data", "data.npz", "--json"], in: folder
        ).json()
        #expect(verified["verified"] as? Bool == true && verified["accuracyBefore"] == nil && verified["agreementWithOriginal"] == nil)
        let searched = try BuiltTool.run(
            ["prune", "net.onnx", "--max-drop", "1", "--evaluate", "data.npz", "--dry-run"], in: folder)
        #expect(searched.status == 1 && searched.errors.contains("--max-drop"), "\(searched.errors)")
        #expect(searched.errors.split(separator: "\n").count == 1)
    }

    /// A shape with the batch has as many values as one without: it ended the run in the drawing of images.
    @Test func shapesThatCountTheBatchAreRefused() throws {
        let folder = try ScratchFolder()
        try Self.write(to: folder, isPooled: true)
        for shape in ["1,3,6,6", "108", "6,6,3"] {
            let outcome = try BuiltTool.run(
                ["prune", "net.onnx", "-o", "small.onnx", "--keep", "0.5", "--learn", "0", "--input-shape", shape], in: folder)
            #expect(outcome.status == 1 && outcome.errors.contains("expected --input-shape 3,6,6"), "\(outcome.errors)")
        }
    }

    @Test func multiplyAddsSayWhatTheyLeaveOut() throws {
        let folder = try ScratchFolder()
        try Self.write(to: folder, isPooled: true, isOdd: true)
        let inspected = try BuiltTool.run(["inspect", "net.onnx", "--json"], in: folder).json()
        let note = try #require(inspected["macsNote"] as? String)
        #expect(note.contains("12 parameters") && note.contains("z"))
        #expect(try BuiltTool.run(["inspect", "net.onnx"], in: folder).output.contains(note))
        let pruned = try BuiltTool.run(Self.prune + ["--dry-run", "--force-quality"], in: folder)
        #expect(try pruned.json()["warnings"] as? [String] ?? [] != [] && pruned.output.contains("12 parameters"), "\(pruned.errors)")
        try FileManager.default.removeItem(atPath: folder.path("net.onnx"))
        try FileManager.default.removeItem(atPath: folder.path("data.npz"))
        try Self.write(to: folder, isPooled: true)
        #expect(try BuiltTool.run(["inspect", "net.onnx", "--json"], in: folder).json()["macsNote"] == nil)
    }

    @Test func everyErrorOfReadingNamesItsFile() throws {
        let folder = try ScratchFolder()
        try SmallNetwork.write(to: folder)
        // An array of Python objects.
        var object = try NPY.encode(.uint8([1, 2, 3, 4, 5, 6, 7, 8]))
        let place = try #require(object.firstRange(of: Array("'|u1'".utf8)))
        object.replaceSubrange(place, with: Array("'|O8'".utf8))
        for name in ["folder", "inputs"] {
            try FileManager.default.createDirectory(atPath: folder.path(name), withIntermediateDirectories: true)
        }
        try folder.write(object, to: "folder/object.npy")
        try folder.write(object, to: "weights.npy")
        try TensorArchive([("images", try .float32([1, 2], shape: [1, 2])), ("labels", .uint8([7]))])
            .write(to: folder.path("labels.npz"), force: false)
        try folder.write(NPY.encode(.float64([1, 2, 3, 4], shape: [2, 2])), to: "points.npy")
        try folder.write(#"{"input": [2], "layers": [{"type": "linear", "name": "fc9"}]}"#.utf8, to: "other.json")
        try folder.write(#"{"input": [2], "layers": [{"type": "mystery", "name": "fc1"}]}"#.utf8, to: "faulty.json")
        let cases: [(arguments: [String], mentions: String)] = [
            (["evaluate", "net.safetensors", "--data", "folder"], "object.npy"),
            (["evaluate", "net.safetensors", "--data", "weights.npy"], "weights.npy"),
            (["reduce", "points.npy", "--weights", "weights.npy"], "weights.npy"),
            (["fit", "weights.npy"], "weights.npy"), (["evaluate", "net.safetensors", "--data", "labels.npz"], "labels.npz"),
            (["inspect", "net.safetensors", "--network", "other.json"], "other.json"),
            (["inspect", "net.safetensors", "--network", "faulty.json"], "faulty.json"),
        ]
        for entry in cases {
            let outcome = try BuiltTool.run(entry.arguments, in: folder)
            #expect(outcome.status == 1 && outcome.errors.contains(entry.mentions), "\(entry.arguments): \(outcome.errors)")
            #expect(outcome.errors.split(separator: "\n").count == 1, "\(entry.arguments): \(outcome.errors)")
        }
    }
}
