import Foundation
import TensorFiles
import Testing

/// `prune --max-drop`, `--exclude`, `--min-channels`, and `curve`.
@Suite struct SizeTests {
    private static func run(_ line: String, in folder: ScratchFolder) throws -> BuiltTool.Outcome {
        try BuiltTool.shell("$L " + line, in: folder)
    }

    @Test func theSmallestNetworkLosesNoMoreThanAllowed() throws {
        let folder = try ScratchFolder()
        try ExampleInputs.write(to: folder)
        let base = "prune lenet.safetensors --calibration images.npz --evaluate test.npz --json --force"
        let outcome = try Self.run("\(base) -o small.safetensors --max-drop 2", in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let report = try outcome.json()
        let search = try #require(report["search"] as? [String: Any])
        let tries = try #require(search["tries"] as? [[String: Any]])
        let (before, after) = (report["accuracyBefore"] as? Double ?? 0, report["accuracyAfter"] as? Double ?? 0)
        #expect(before == 1 && after >= before - 0.02)
        // Half of the channels are copies: at least they go.
        let parameters = try #require(report["parametersAfter"] as? Int)
        // 784 · 12 + 12, 12 · 8 + 8, 8 · 10 + 10.
        #expect(parameters <= 9420 + 104 + 90)
        let fitting = tries.filter { $0["fits"] as? Bool == true }
        #expect(fitting.compactMap { $0["parameters"] as? Int }.min() == report["parametersAfter"] as? Int)
        for entry in tries {
            let accuracy = entry["accuracy"] as? Double ?? 0
            #expect(entry["fits"] as? Bool == (accuracy >= before - 0.02 - 1e-9))
        }
        // The same share asked for alone gives the same file.
        let share = try #require(search["share"] as? Double)
        let alone = try Self.run("\(base) -o alone.safetensors --params \(share)", in: folder)
        #expect(alone.status == 0)
        #expect(try folder.read("alone.safetensors") == folder.read("small.safetensors"))
        // Fewer multiply–adds, when these are what counts.
        let cheaper = try Self.run("\(base) --dry-run --max-drop 2 --budget macs", in: folder)
        let cheapest = try cheaper.json()["search"] as? [String: Any]
        #expect(cheapest?["budget"] as? String == "macs")
    }

    @Test func aDropThatNothingKeepsToIsAnErrorAndWritesNothing() throws {
        let folder = try ScratchFolder()
        // Three units that are all needed.
        try SmallNetwork.write(to: folder)
        let outcome = try Self.run(
            "prune net.safetensors -o small.safetensors --max-drop 0 --evaluate data.npz --select uniform --reweight none --exclude nothing*",
            in: folder)
        #expect(outcome.status == 1 && outcome.errors.contains("--exclude") && outcome.errors.contains("nothing*"))
        try TensorArchive([
            ("fc1.weight", .float32([1, 0, 0, 1], shape: [2, 2])), ("fc1.bias", .float32([0, 0])),
            ("fc2.weight", .float32([1, 0, 0, 1], shape: [2, 2])), ("fc2.bias", .float32([0, 0])),
        ]).write(to: folder.path("net.safetensors"), force: true)
        try TensorArchive([
            ("images", .float32([2, 1, 0, 1, 5, 1, 1, 3], shape: [4, 2])), ("labels", .uint8([0, 1, 0, 1])),
        ]).write(to: folder.path("data.npz"), force: true)
        let none = try Self.run("prune net.safetensors -o small.safetensors --max-drop 0 --evaluate data.npz --raw", in: folder)
        #expect(none.status == 1 && none.errors.contains("found none") && none.errors.contains("within 0 points"), "\(none.errors)")
        #expect(try !folder.files().contains("small.safetensors"))
    }

    @Test(arguments: [
        ("--max-drop 1", "--evaluate"), ("--max-drop 1 --evaluate data.npz --keep 0.5", "--budget"),
        ("--max-drop -1 --evaluate data.npz", "0 to 100"), ("--min-channels 0", "at least 1"), ("--exclude fc11", "did you mean \"fc1\""),
        ("--exclude fc1,fcc2", "\"fcc2\""), ("--exclude fc1", "excluded"),
    ])
    func contradictionsAreOneLine(_ arguments: String, _ mention: String) throws {
        let folder = try ScratchFolder()
        try SmallNetwork.write(to: folder)
        let outcome = try Self.run("prune net.safetensors -o small.safetensors \(arguments)", in: folder)
        #expect(outcome.status == 1 || outcome.status == 2)
        #expect(outcome.errors.contains(mention) && outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
        #expect(try !folder.files().contains("small.safetensors"))
    }

    @Test func excludedLayersAndFloorsHold() throws {
        let folder = try ScratchFolder()
        try ExampleInputs.write(to: folder)
        let outcome = try Self.run(
            "prune lenet.safetensors -o small.safetensors --keep 0.1 --exclude 'fc2' --min-channels 6 --round-to 1 --force-quality",
            in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let small = try TensorArchive.read(path: folder.path("small.safetensors"))
        #expect(
            small["fc1.weight"]?.shape == [6, 784] && small["fc2.weight"]?.shape == [16, 6] && small["fc3.weight"]?.shape == [10, 16])
        let printed = try Self.run("prune x --exclude fc1 --exclude 'fc2,fc3*' --print-config", in: folder)
        #expect(try printed.json()["exclude"] as? [String] == ["fc1", "fc2,fc3*"])
    }

    @Test func curvesHaveARowForEverySizeInEveryForm() throws {
        let folder = try ScratchFolder()
        try ExampleInputs.write(to: folder)
        let line = "curve lenet.safetensors --evaluate test.npz --calibration images.npz --at 0.6,0.3,0.00001 --report c.html --csv c.csv"
        let outcome = try Self.run(line + " --json", in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.errors.contains("1e-05") && outcome.errors.contains("--params"))
        let curve = try outcome.json()
        let points = try #require(curve["points"] as? [[String: Any]])
        #expect(points.map { $0["share"] as? Double } == [0.6, 0.3] && curve["unreachable"] as? [Double] == [0.00001])
        let file = try Data(contentsOf: URL(fileURLWithPath: folder.path("lenet.safetensors"))).count
        #expect(curve["bytes"] as? Int == file && curve["accuracy"] as? Double == 1)
        for (point, share) in zip(points, [0.6, 0.3]) {
            #expect(Double(point["parameters"] as? Int ?? .max) <= share * Double(curve["parameters"] as? Int ?? 0))
            for key in ["accuracy", "agreement", "predictedAgreement", "seconds", "speedup", "bytes", "macs"] {
                #expect(point[key] != nil, "\(key)")
            }
            // Labels are the original's answers.
            #expect(point["accuracy"] as? Double == point["agreement"] as? Double)
        }
        // The file of a point is as large as said.
        _ = try Self.run(
            "prune lenet.safetensors -o small.safetensors --params 0.6 --calibration images.npz --force-quality", in: folder)
        #expect(try folder.read("small.safetensors").count == points[0]["bytes"] as? Int)
        let rows = String(decoding: try folder.read("c.csv"), as: UTF8.self).split(separator: "\n")
        #expect(rows.count == 3 && rows[0].hasPrefix("share,parameters,macs,bytes,accuracy") && rows[1].hasPrefix("0.6,"))
        #expect(rows.allSatisfy { $0.split(separator: ",", omittingEmptySubsequences: false).count == 12 })
        let page = String(decoding: try folder.read("c.html"), as: UTF8.self)
        #expect(page.contains("lenet.safetensors at every size") && page.contains("<svg") && page.contains("</table>"))
        #expect(try Self.run(line, in: folder).errors.contains("--force"))
        // Without labels and data the prediction is all there is.
        let blind = try Self.run("curve resnet.onnx --at 0.7 --budget macs --json", in: folder).json()
        let point = try #require((blind["points"] as? [[String: Any]])?.first)
        #expect(point["accuracy"] == nil && point["predictedAgreement"] != nil && blind["predictionBasis"] != nil)
    }
}
