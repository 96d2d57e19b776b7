import Foundation
import TensorFiles
import TestSupport
import Testing

@Suite struct CoresetTests {
    private static let count = 400
    private static let dimension = 4

    private static func write(to folder: ScratchFolder) throws -> [Double] {
        var generator = TestGenerator(seed: 12)
        let points = generator.normals(count * dimension)
        try folder.write(try NPY.encode(try .float64(points, shape: [count, dimension])), to: "points.npy")
        return points
    }

    @Test(arguments: ["axis-caratheodory", "john-support", "volume-subset"])
    func keysAndFactors(_ construction: String) throws {
        let folder = try ScratchFolder()
        let points = try Self.write(to: folder)
        let outcome = try BuiltTool.run(["coreset", "points.npy", "--construction", construction, "-o", "c.npz", "--json"], in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let report = try outcome.json()
        #expect(report["construction"] as? String == construction)
        let proven = try #require(report["provenFactor"] as? Double), measured = try #require(report["measuredFactor"] as? Double)
        #expect(measured >= 1 && measured <= proven)
        #expect(report["peels"] as? Int == 1 && report["seconds"] is Double)
        #expect(report["totalSensitivity"] == nil, "what was not computed is absent")
        let archive = try NPZ.decode(try folder.read("c.npz"))
        let indices = try archive.tensor(named: "indices").int64s().map { Int($0) }
        #expect(indices.count == report["size"] as? Int)
        #expect(try archive.tensor(named: "weights").elementCount == indices.count)
        #expect(archive["sensitivities"] == nil)
        for axis in 0..<Self.dimension {
            let values = (0..<Self.count).map { points[$0 * Self.dimension + axis].magnitude }
            #expect(values.max()! <= proven * indices.map { values[$0] }.max()!)
        }
    }

    @Test func sensitivitiesAndSamples() throws {
        let folder = try ScratchFolder()
        _ = try Self.write(to: folder)
        let peeled = try BuiltTool.run(["coreset", "points.npy", "--sensitivities", "-o", "s.npz", "--json"], in: folder).json()
        let sensitivities = try NPZ.decode(try folder.read("s.npz")).tensor(named: "sensitivities").doubles()
        #expect(sensitivities.count == Self.count)
        let total = try #require(peeled["totalSensitivity"] as? Double)
        #expect((sensitivities.reduce(0, +) - total).magnitude <= 1e-9 * total)
        #expect(try #require(peeled["peels"] as? Int) > 1)
        for name in ["a.npz", "b.npz"] {
            let sampled = try BuiltTool.run(["coreset", "points.npy", "--sample", "50", "--seed", "7", "-o", name, "--json"], in: folder)
                .json()
            #expect(sampled["seed"] as? Int == 7 && sampled["draws"] as? Int == 50)
            #expect(sampled["epsilon"] is Double)
        }
        #expect(try folder.read("a.npz") == folder.read("b.npz"), "same seed, same bytes")
        _ = try BuiltTool.run(["coreset", "points.npy", "--sample", "50", "--seed", "8", "-o", "c.npz"], in: folder)
        #expect(try folder.read("a.npz") != folder.read("c.npz"))
        let distinct = try BuiltTool.run(["coreset", "points.npy", "--sample", "60", "--distinct", "--json"], in: folder).json()
        #expect(distinct["size"] as? Int == 60)
    }

    @Test func badInputIsOneLineAndWritesNothing() throws {
        let folder = try ScratchFolder()
        var points = try Self.write(to: folder)
        points[7] = .nan
        try folder.write(try NPY.encode(try .float64(points, shape: [Self.count, Self.dimension])), to: "nan.npy")
        try folder.write(try NPY.encode(try .float64([], shape: [0, 3])), to: "empty.npy")
        try folder.write(try NPY.encode(.float64([1, 2, 3])), to: "vector.npy")
        try folder.write(try folder.read("points.npy").dropLast(1), to: "cut.npy")
        try folder.write([UInt8]("not an array".utf8), to: "text.npy")
        let before = try folder.files()
        let cases: [(arguments: [String], status: Int32, mentions: String)] = [
            (["absent.npy"], 1, "absent.npy"), (["cut.npy"], 1, "cut.npy"), (["text.npy"], 1, "text.npy"), (["nan.npy"], 1, "nan"),
            (["empty.npy"], 1, "point"), (["vector.npy"], 1, "shape"), (["points.npy", "--construction", "other"], 2, "other"),
            (["points.npy", "--sample", "0"], 2, "--sample"), (["points.npy", "--distinct"], 2, "--sample"),
            (["points.npy", "--sample", "401", "--distinct"], 1, "400"), (["points.npy", "--gap", "0"], 2, "--gap"),
            (["points.npy", "--seed", "-1"], 2, "seed"), (["points.npy", "-o", "c.npy"], 2, ".npz"), ([], 2, "points"),
        ]
        for entry in cases {
            let outcome = try BuiltTool.run(
                ["coreset"] + entry.arguments + (entry.arguments.contains("-o") ? [] : ["-o", "out.npz"]), in: folder)
            #expect(outcome.status == entry.status, "\(entry.arguments): \(outcome.errors)")
            #expect(outcome.errors.contains(entry.mentions), "\(entry.arguments): \(outcome.errors)")
            #expect(outcome.errors.split(separator: "\n").count == 1, "\(entry.arguments): \(outcome.errors)")
        }
        #expect(try folder.files() == before)
    }

    @Test func anExistingOutputIsKept() throws {
        let folder = try ScratchFolder()
        _ = try Self.write(to: folder)
        try folder.write([1, 2, 3], to: "c.npz")
        let outcome = try BuiltTool.run(["coreset", "points.npy", "-o", "c.npz"], in: folder)
        #expect(outcome.status != 0 && outcome.errors.contains("--force"))
        #expect(try folder.read("c.npz").elementsEqual([1, 2, 3]))
        #expect(try BuiltTool.run(["coreset", "points.npy", "-o", "c.npz", "--force"], in: folder).status == 0)
    }

    @Test(arguments: ["axis-caratheodory", "john-support", "volume-subset"])
    func severalFilesAreOneSet(_ construction: String) throws {
        let folder = try ScratchFolder()
        var generator = TestGenerator(seed: 9)
        let points = generator.normals(400 * 3)
        try folder.write(try NPY.encode(try .float64(points, shape: [400, 3])), to: "all.npy")
        try folder.write(try NPY.encode(try .float64(Array(points[..<300]), shape: [100, 3])), to: "a.npy")
        try folder.write(try NPY.encode(try .float64(Array(points[300...]), shape: [300, 3])), to: "b.npy")
        for (files, output) in [(["all.npy"], "one.npz"), (["a.npy", "b.npy"], "two.npz")] {
            let outcome = try BuiltTool.run(["coreset"] + files + ["--construction", construction, "-o", output, "--json"], in: folder)
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(try #require(try outcome.json()["provenFactor"] as? Double) >= 1)
        }
        let (one, two) = (try NPZ.decode(try folder.read("one.npz")), try NPZ.decode(try folder.read("two.npz")))
        #expect(try one.tensor(named: "indices").int64s() == two.tensor(named: "indices").int64s())
        let weights = try zip(one.tensor(named: "weights").doubles(), two.tensor(named: "weights").doubles())
        #expect(weights.allSatisfy { ($0 - $1).magnitude < 1e-9 })
    }
}
