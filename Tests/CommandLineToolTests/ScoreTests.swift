import Foundation
import TensorFiles
import TestSupport
import Testing

/// `score`, `design`, and what `fit` writes for them.
@Suite struct ScoreTests {
    private static func write(_ columns: [[Double]], to name: String, in folder: ScratchFolder) throws {
        let values = columns.flatMap { $0 }
        try folder.write(try NPY.encode(try .float64(values, shape: [columns.count, columns[0].count])), to: name)
    }

    @Test func insideAndOutside() throws {
        let folder = try ScratchFolder()
        try Self.write([[1, 0], [-1, 0], [0, 2], [0, -2]], to: "points.npy", in: folder)
        try Self.write([[3, 0], [0, 1], [0, -4.5]], to: "new.npy", in: folder)
        let fit = try BuiltTool.run(["fit", "points.npy", "-o", "e.npz", "--json"], in: folder)
        let report = try fit.json()
        #expect(fit.status == 0 && report["hasShape"] as? Bool == true)
        let lengths = try #require(report["semiaxes"] as? [Double])
        #expect((lengths[0] - 2).magnitude < 1e-6 && (lengths[1] - 1).magnitude < 1e-6)
        #expect((report["center"] as? [Double])?.allSatisfy { $0.magnitude < 1e-6 } == true)
        let text = try BuiltTool.run(["fit", "points.npy"], in: folder).output
        for word in ["center", "semiaxes", "volume", "support"] { #expect(text.contains(word)) }

        let own = try BuiltTool.run(["score", "e.npz", "points.npy", "--json"], in: folder)
        #expect(own.status == 0)
        #expect(try own.json()["outside"] as? Int == 0)
        let new = try BuiltTool.run(["score", "e.npz", "new.npy", "-o", "d.npz", "--json"], in: folder)
        #expect(new.status == 1 && new.errors.contains("2 of 3 outside"))
        let scores = try new.json()
        let farthest = try #require(scores["farthest"] as? [String: Any])
        #expect(scores["inside"] as? Int == 1 && farthest["index"] as? Int == 0)
        let distances = try NPZ.decode(try folder.read("d.npz")).tensor(named: "distances").doubles()
        for (found, wanted) in zip(distances, [3, 0.5, 2.25]) { #expect((found - wanted).magnitude < 1e-6) }
    }

    /// Small integers beside one beyond 2⁵³ keep their places, in one file and in two; times of day keep theirs about one of them.
    @Test func largeIntegersLeaveSmallOnesAlone() throws {
        let folder = try ScratchFolder()
        try Self.write([[0], [10]], to: "points.npy", in: folder)
        #expect(try BuiltTool.run(["fit", "points.npy", "-o", "e.npz"], in: folder).status == 0)
        try folder.write(NPY.encode(.int64([1 << 60, 5, 60, 100], shape: [4, 1])), to: "mixed.npy")
        try folder.write(NPY.encode(.int64([1 << 60], shape: [1, 1])), to: "large.npy")
        try Self.write([[60.5], [-3], [5]], to: "small.npy", in: folder)
        for (files, inside) in [(["mixed.npy"], 1), (["large.npy", "small.npy"], 1), (["small.npy", "large.npy"], 1)] {
            let score = try BuiltTool.run(["score", "e.npz"] + files + ["--json"], in: folder)
            #expect(score.status == 1, "\(score.errors)")
            #expect(try score.json()["inside"] as? Int == inside, "\(files)")
        }
        let origin = 1_700_000_000_000_000_001
        try folder.write(NPY.encode(.int64([origin, origin + 4, origin + 8], shape: [3, 1])), to: "times.npy")
        let fit = try BuiltTool.run(["fit", "times.npy", "--json"], in: folder)
        let length = try #require((fit.json()["semiaxes"] as? [Double])?.first)
        // Neither 0 nor 256, between which Double has nothing there; the center is as far off as it has to be.
        #expect(length >= 4 && length < 16 && !fit.errors.contains("rounds"), "\(fit.errors)")
    }

    /// Axes and semiaxes of what no matrix holds survive the file.
    @Test func thinSetsRoundTrip() throws {
        let folder = try ScratchFolder()
        let ellipse = (0..<40).map { step -> [Double] in
            let t = Double(step) / 10 - 2
            let (x, y) = ((1 - t * t) / (1 + t * t), 2e-9 * t / (1 + t * t))
            return [0.6 * x - 0.8 * y, 0.8 * x + 0.6 * y]
        }
        try Self.write(ellipse, to: "points.npy", in: folder)
        let fit = try BuiltTool.run(["fit", "points.npy", "-o", "e.npz", "--json"], in: folder)
        #expect(fit.status == 0, "\(fit.errors)")
        #expect(try fit.json()["hasShape"] as? Bool == false)
        #expect(((try fit.json())["notes"] as? [String])?.contains { $0.contains("no shape matrix") } == true)
        #expect(try NPZ.decode(try folder.read("e.npz"))["shape"] == nil)
        #expect(try BuiltTool.run(["score", "e.npz", "points.npy"], in: folder).status == 0)
    }

    @Test func trimming() throws {
        let folder = try ScratchFolder()
        try Self.write(PointMuseum.gaussian(90, 2, seed: 1) + [[50, 50], [60, 50], [50, 61], [55, 55]], to: "points.npy", in: folder)
        let fit = try BuiltTool.run(["fit", "points.npy", "--trim", "0.1", "-o", "e.npz", "--json"], in: folder)
        #expect(fit.status == 0, "\(fit.errors)")
        #expect(try fit.json()["keptCount"] as? Int == 85)
        let kept = try NPZ.decode(try folder.read("e.npz")).tensor(named: "kept").int64s()
        #expect(kept.count == 85 && kept.allSatisfy { $0 < 90 })
        #expect(try BuiltTool.run(["fit", "points.npy", "--trim", "0.6"], in: folder).status == 2)
    }

    @Test func designs() throws {
        let folder = try ScratchFolder()
        let levels: [Double] = [-1, -0.5, 0, 0.5, 1]
        let grid: [[Double]] = levels.flatMap { x in levels.map { y in [x, y] } }
        try Self.write(grid, to: "grid.npy", in: folder)
        let design = try BuiltTool.run(["design", "grid.npy", "--model", "quadratic", "--runs", "12", "-o", "d.npz", "--json"], in: folder)
        #expect(design.status == 0, "\(design.errors)")
        let report = try design.json()
        #expect(report["regressorCount"] as? Int == 6 && report["runs"] as? Int == 12)
        #expect(try #require(report["efficiency"] as? Double) > 0.9)
        let counts = try NPZ.decode(try folder.read("d.npz")).tensor(named: "counts").int64s()
        #expect(counts.reduce(0, +) == 12)
        let few = try BuiltTool.run(["design", "grid.npy", "--model", "quadratic", "--runs", "5"], in: folder)
        #expect(few.status == 1 && few.errors.contains("6 regressors"))
        #expect(try BuiltTool.run(["design", "grid.npy", "--criterion", "A"], in: folder).status == 2)
        let weights = try BuiltTool.run(["design", "grid.npy", "--model", "linear", "--json"], in: folder)
        #expect(weights.status == 0)
        #expect(try weights.json()["runs"] == nil)
    }

    @Test func badFiles() throws {
        let folder = try ScratchFolder()
        try Self.write([[1, 0, 0], [0, 1, 0]], to: "points.npy", in: folder)
        try folder.write(
            try NPZ.encode([
                "center": .float64([0, 0]), "axes": try .float64([1, 0, 0, 1], shape: [2, 2]), "semiaxes": .float64([1, 1]),
            ]),
            to: "e.npz")
        try folder.write(
            try NPZ.encode(["center": .float64([0, 0, 0]), "axes": try .float64([1, 0, 0], shape: [3, 1]), "semiaxes": .float64([0])]),
            to: "bad.npz")
        let other = try BuiltTool.run(["score", "e.npz", "points.npy"], in: folder)
        #expect(other.status == 1 && other.errors.contains("dimension 2"))
        let bad = try BuiltTool.run(["score", "bad.npz", "points.npy"], in: folder)
        #expect(bad.status == 1 && bad.errors.split(separator: "\n").count == 1)
    }
}
