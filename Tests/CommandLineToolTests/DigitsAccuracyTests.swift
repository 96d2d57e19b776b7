// Accuracy of the embedded digits network after pruning: what a plain clone, without any other data, guards.

import Foundation
import Testing

@Suite struct DigitsAccuracyTests {
    /// Benchmarks/Digits, seen from this file.
    private static let digits = (0..<3).reduce(URL(fileURLWithPath: #filePath)) { url, _ in url.deletingLastPathComponent() }
        .appendingPathComponent("Benchmarks/Digits")

    static func path(_ name: String) -> String { digits.appendingPathComponent(name).path }

    /// 97.5 % of the 597 held-out images unpruned. The floors lie two standard errors below the mean of three seeds (97.3, 97.2, 96.9,
    /// 95.3 without data; 97.5, 97.5, 97.3, 97.0 with images), √(p(1 − p)/597) each.
    @Test(arguments: [(0.5, 0.959), (0.3, 0.958), (0.2, 0.954), (0.1, 0.935)])
    func withoutDataOnlyThePixelsMeanAndDeviationDeclared(_ kept: Double, _ floor: Double) throws {
        try expect(atLeast: floor, kept, ["--input-mean", "0.3047", "--input-std", "0.3755"])
    }

    @Test(arguments: [(0.5, 0.962), (0.3, 0.962), (0.2, 0.959), (0.1, 0.956)])
    func withUnlabelledImages(_ kept: Double, _ floor: Double) throws {
        try expect(atLeast: floor, kept, ["--calibration", Self.path("digits-calibration512.npz")])
    }

    private func expect(atLeast floor: Double, _ kept: Double, _ inputs: [String]) throws {
        let folder = try ScratchFolder()
        let outcome = try BuiltTool.run(
            [
                "prune", Self.path("digits.safetensors"), "-o", "small.safetensors", "--keep", "\(kept)", "--evaluate",
                Self.path("digits-test597.npz"), "--json",
            ] + inputs, in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let report = try outcome.json()
        let (before, after) = (try #require(report["accuracyBefore"] as? Double), try #require(report["accuracyAfter"] as? Double))
        #expect(before > 0.97)
        #expect(after >= floor)
        // What is written is what was measured.
        let again = try BuiltTool.run(
            ["evaluate", "small.safetensors", "--data", Self.path("digits-test597.npz"), "--json"], in: folder)
        #expect(try again.json()["accuracy"] as? Double == after)
    }
}
