import Foundation
import TensorFiles
import TestSupport
import Testing

@Suite struct ReduceTests {
    private static let count = 500
    private static let dimension = 5

    private static func write(to folder: ScratchFolder) throws -> (points: [Double], weights: [Double]) {
        var generator = TestGenerator(seed: 2)
        let points = generator.normals(count * dimension)
        let weights = (0..<count).map { _ in generator.uniform() }
        try folder.write(try NPY.encode(try .float64(points, shape: [count, dimension])), to: "points.npy")
        try folder.write(try NPY.encode(.float64(weights)), to: "weights.npy")
        return (points, weights)
    }

    @Test(arguments: ["one-read", "direct"])
    func keepsMassAndWeightedSum(_ method: String) throws {
        let folder = try ScratchFolder()
        let (points, weights) = try Self.write(to: folder)
        let outcome = try BuiltTool.run(
            ["reduce", "points.npy", "--weights", "weights.npy", "--method", method, "-o", "r.npz", "--json"], in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let report = try outcome.json()
        for key in ["pointCount", "dimension", "supportCount", "error", "spreadError", "massError", "seconds", "readSeconds"] {
            #expect(report[key] != nil, "\(key)")
        }
        let archive = try NPZ.decode(try folder.read("r.npz"))
        let indices = try archive.tensor(named: "indices").int64s().map { Int($0) }
        let kept = try archive.tensor(named: "weights").doubles()
        #expect(archive["indices"]?.dtype == .i64)
        #expect(indices.count <= Self.dimension + 1)
        #expect(indices.count == report["supportCount"] as? Int)
        #expect(kept.allSatisfy { $0 > 0 })
        let mass = weights.reduce(0, +)
        let bound = Double(Self.count) * .ulpOfOne
        #expect(abs(kept.reduce(0, +) - mass) <= bound * mass)
        for k in 0..<Self.dimension {
            var (expected, found, scale) = (0.0, 0.0, 0.0)
            for i in 0..<Self.count {
                expected += weights[i] * points[i * Self.dimension + k]
                scale += weights[i] * points[i * Self.dimension + k].magnitude
            }
            for (index, weight) in zip(indices, kept) { found += weight * points[index * Self.dimension + k] }
            #expect(abs(found - expected) <= bound * scale)
        }
    }

    @Test func liftsKeepMoreFeatures() throws {
        let folder = try ScratchFolder()
        _ = try Self.write(to: folder)
        let d = Self.dimension
        for (lift, features) in [("none", d), ("covariance", d + d * (d + 1) / 2), ("monomials:3", 55)] {
            let report = try BuiltTool.run(["reduce", "points.npy", "--lift", lift, "--minimal", "--json"], in: folder).json()
            #expect(report["featureCount"] as? Int == features)
            #expect(report["supportCount"] as? Int == features + 1)
            #expect(report["rank"] as? Int == features + 1)
        }
    }

    @Test func badInputIsOneLineAndWritesNothing() throws {
        let folder = try ScratchFolder()
        _ = try Self.write(to: folder)
        try folder.write(try NPY.encode(.float64([1, 2, 3])), to: "short.npy")
        try folder.write(try NPY.encode(.float64([Double](repeating: -1, count: Self.count))), to: "negative.npy")
        try folder.write(try folder.read("points.npy").dropLast(1), to: "cut.npy")
        let before = try folder.files()
        let cases: [(arguments: [String], status: Int32, mentions: String)] = [
            (["absent.npy"], 1, "absent.npy"), (["cut.npy"], 1, "cut.npy"), (["points.npy", "--weights", "short.npy"], 1, "500 weights"),
            (["points.npy", "--weights", "negative.npy"], 1, "weight"), (["points.npy", "--weights", "absent.npy"], 1, "absent.npy"),
            (["points.npy", "--lift", "cubes"], 2, "--lift"), (["points.npy", "--lift", "monomials:0"], 2, "--lift"),
            (["points.npy", "-o", "points.npy"], 2, ".npz"), (["points.npy", "--method", "other"], 2, "other"), ([], 2, "points"),
            (["points.npy", "--repeat", "0"], 2, "--repeat"),
        ]
        for entry in cases {
            let outcome = try BuiltTool.run(["reduce"] + entry.arguments, in: folder)
            #expect(outcome.status == entry.status, "\(entry.arguments): \(outcome.errors)")
            #expect(outcome.errors.contains(entry.mentions), "\(entry.arguments): \(outcome.errors)")
            #expect(outcome.errors.split(separator: "\n").count == 1, "\(entry.arguments): \(outcome.errors)")
        }
        #expect(try folder.files() == before)
    }

    @Test func targetInsideAndOutside() throws {
        let folder = try ScratchFolder()
        let (points, _) = try Self.write(to: folder)
        let mean = (0..<Self.dimension).map { k in (0..<Self.count).reduce(0) { $0 + points[$1 * Self.dimension + k] } / Double(Self.count)
        }
        try folder.write(try NPY.encode(.float64(mean)), to: "mean.npy")
        try folder.write(try NPY.encode(.float64(mean.map { $0 + 100 })), to: "far.npy")
        try folder.write(try NPY.encode(.float64([1, 2])), to: "short.npy")
        let inside = try BuiltTool.run(["reduce", "points.npy", "--target", "mean.npy", "-o", "t.npz", "--json"], in: folder).json()
        #expect(try #require(inside["error"] as? Double) <= 1e-14)
        #expect(try #require(inside["supportCount"] as? Int) <= Self.dimension + 1)
        let outside = try BuiltTool.run(["reduce", "points.npy", "--target", "far.npy", "-o", "u.npz", "--json"], in: folder)
        #expect(outside.status == 1)
        #expect(outside.errors.split(separator: "\n").count == 1 && outside.errors.contains("outside"))
        let report = try outside.json()
        #expect(try #require(report["distance"] as? Double) > 100 && (report["normal"] as? [Double])?.count == Self.dimension)
        #expect(try BuiltTool.run(["reduce", "points.npy", "--target", "short.npy"], in: folder).status == 1)
        #expect(try BuiltTool.run(["reduce", "points.npy", "--target", "mean.npy", "--minimal"], in: folder).status == 2)
        #expect(try !folder.files().contains("u.npz"))
    }

    @Test func singlePrecisionAndExistingOutputs() throws {
        let folder = try ScratchFolder()
        let (points, _) = try Self.write(to: folder)
        try folder.write(try NPY.encode(try .float32(points.map { Float($0) }, shape: [Self.count, Self.dimension])), to: "single.npy")
        #expect(try BuiltTool.run(["reduce", "single.npy", "-o", "r.npz"], in: folder).status == 0)
        let before = try folder.read("r.npz")
        let again = try BuiltTool.run(["reduce", "points.npy", "-o", "r.npz"], in: folder)
        #expect(again.status != 0 && again.errors.contains("--force"))
        #expect(try folder.read("r.npz") == before)
        var bad = points
        bad[13] = .infinity
        try folder.write(try NPY.encode(try .float64(bad, shape: [Self.count, Self.dimension])), to: "bad.npy")
        let outcome = try BuiltTool.run(["reduce", "bad.npy", "-o", "r.npz", "--force"], in: folder)
        #expect(outcome.status == 1 && outcome.errors.contains("point 2, coordinate 3"))
        #expect(try folder.read("r.npz") == before)
    }

    @Test func severalFilesKeepTheSums() throws {
        let folder = try ScratchFolder()
        let (points, weights) = try Self.write(to: folder)
        let d = Self.dimension
        try folder.write(try NPY.encode(try .float64(Array(points[..<(99 * d)]), shape: [99, d])), to: "a.npy")
        try folder.write(try NPY.encode(try .float64(Array(points[(99 * d)...]), shape: [Self.count - 99, d])), to: "b.npy")
        for lift in ["none", "covariance", "monomials:2"] {
            let outcome = try BuiltTool.run(
                ["reduce", "a.npy", "b.npy", "--weights", "weights.npy", "--lift", lift, "-o", "r.npz", "--force", "--json"], in: folder)
            #expect(outcome.status == 0, "\(outcome.errors)")
            let features = try #require(try outcome.json()["featureCount"] as? Int)
            let archive = try NPZ.decode(try folder.read("r.npz"))
            let (indices, kept) = (try archive.tensor(named: "indices").int64s(), try archive.tensor(named: "weights").doubles())
            #expect(indices.count <= features + 1)
            for k in 0..<d {
                let sum = (0..<Self.count).reduce(0) { $0 + weights[$1] * points[$1 * d + k] }
                let after = zip(indices, kept).reduce(0) { $0 + $1.1 * points[Int($1.0) * d + k] }
                #expect((sum - after).magnitude < 1e-10 * Double(Self.count))
            }
        }
        try folder.write(try NPY.encode(.float64(Array(weights.dropLast()))), to: "short.npy")
        let short = try BuiltTool.run(["reduce", "a.npy", "b.npy", "--weights", "short.npy"], in: folder)
        #expect(short.status == 1 && short.errors.contains("500 weights"))
    }
}
