import Foundation
import TensorFiles
import TestSupport
import Testing

@Suite struct FitTests {
    private static let count = 300
    private static let dimension = 4

    /// Row-major normal points with different spreads, off the origin.
    private static func points(seed: UInt64 = 1) -> [Double] {
        var generator = TestGenerator(seed: seed)
        return (0..<count * dimension).map { Double($0 % dimension + 1) * generator.normal() + 10 }
    }

    /// max (x−c)ᵀA(x−c) over the rows of `points`, with plain loops.
    private static func largestGauge(_ archive: TensorArchive, _ points: [Double], dimension d: Int) throws -> Double {
        let center = try archive.tensor(named: "center").doubles()
        let shape = try archive.tensor(named: "shape").doubles()
        var largest = 0.0
        for i in 0..<points.count / d {
            var sum = 0.0
            for a in 0..<d {
                for b in 0..<d { sum += (points[i * d + a] - center[a]) * shape[a * d + b] * (points[i * d + b] - center[b]) }
            }
            largest = max(largest, sum)
        }
        return largest
    }

    /// Integers that no Double tells apart are fitted relative to the first one, signed and unsigned.
    @Test(arguments: [DType.i64, .u64]) func integersBeyondDoubleKeepTheirDifferences(_ dtype: DType) throws {
        let folder = try ScratchFolder()
        let near: [Int64] = (0..<120).map { (k: Int) -> Int64 in
            let spread = k % 2 * (k * k % 89)
            return Int64(k * 37 % 101 + spread)
        }
        // 2⁶³ or, signed, −2⁶³ + 2⁴⁰.
        let first: UInt64 = dtype == .u64 ? 1 << 63 : (1 << 63) + (1 << 40)
        let bytes: [UInt8] = near.flatMap { (value: Int64) -> [UInt8] in
            let shifted = (first + UInt64(value)).littleEndian
            return withUnsafeBytes(of: shifted) { Array($0) }
        }
        try folder.write(NPY.encode(try Tensor(dtype: dtype, shape: [60, 2], bytes: bytes)), to: "far.npy")
        try Self.write(near.map(Double.init), shape: [60, 2], to: "near.npy", in: folder)
        let far = try BuiltTool.run(["fit", "far.npy", "--json"], in: folder).json()
        let local = try BuiltTool.run(["fit", "near.npy", "--json"], in: folder).json()
        #expect(far["rank"] as? Int == 2 && local["rank"] as? Int == 2)
        // The center is rounded to a multiple of 2¹⁰ or so, which costs what is said.
        let (volume, bound) = (try #require(far["logVolume"] as? Double), try #require(far["logVolumeBound"] as? Double))
        let least = try #require(local["logVolume"] as? Double)
        #expect(volume >= least - 1e-6 && volume <= least + bound + 1e-6)
    }

    /// So are those of several files, signed and unsigned and others among them, about one point.
    @Test func integersBeyondDoubleInSeveralFilesKeepTheirDifferences() throws {
        let folder = try ScratchFolder()
        let near: [Int64] = (0..<180).map { (k: Int) -> Int64 in Int64(k * 37 % 101 + k % 2 * (k * k % 89)) }
        // Nanoseconds since 1970 as signed and unsigned integers, and in double precision, which holds multiples of 256 of them.
        let first: Int64 = 1_700_000_000 << 30
        func encoded(_ dtype: DType, _ rows: Range<Int>) throws -> [UInt8] {
            let values: [Int64] = near[2 * rows.lowerBound..<2 * rows.upperBound].map { (value: Int64) -> Int64 in first + value }
            let bytes: [UInt8] = values.flatMap { (value: Int64) -> [UInt8] in withUnsafeBytes(of: value.littleEndian) { Array($0) } }
            return try NPY.encode(Tensor(dtype: dtype, shape: [rows.count, 2], bytes: bytes))
        }
        try folder.write(encoded(.i64, 0..<40), to: "a.npy")
        try folder.write(encoded(.u64, 40..<90), to: "b.npy")
        try Self.write([Double(first) + 256, Double(first), Double(first), Double(first) + 256], shape: [2, 2], to: "c.npy", in: folder)
        try Self.write(near.map(Double.init) + [256, 0, 0, 256], shape: [92, 2], to: "near.npy", in: folder)
        let local = try BuiltTool.run(["fit", "near.npy", "--json"], in: folder).json()
        for order in [["a.npy", "b.npy", "c.npy"], ["c.npy", "b.npy", "a.npy"]] {
            let far = try BuiltTool.run(["fit"] + order + ["--json", "--plot", "e.svg", "--force"], in: folder).json()
            let (volume, bound) = (try #require(far["logVolume"] as? Double), try #require(far["logVolumeBound"] as? Double))
            let least = try #require(local["logVolume"] as? Double)
            // The center is rounded to a multiple of 256, which costs what is said: that is less than nothing being told apart.
            #expect(volume >= least - 1e-6 && volume <= least + bound + 1e-6, "\(order): \(volume), \(least), \(bound)")
            #expect(far["rank"] as? Int == 2)
        }
    }

    /// The end of a file is lost, less than a page of it, so that reading goes on without a signal.
    @Test(arguments: [
        "fit points.npy --repeats 1000000", "reduce points.npy --repeat 1000000", "fit points.csv points.npy --repeats 1000000",
    ])
    func aFileThatLosesItsEndIsRefused(_ verb: String) throws {
        let folder = try ScratchFolder()
        try Self.write(Self.points(), shape: [Self.count, Self.dimension], to: "points.npy", in: folder)
        try folder.write("1,2,3,4\n5,6,7,9\n".utf8, to: "points.csv")
        let outcome = try BuiltTool.shell(
            "$L \(verb) -o e.npz & tool=$!; sleep 3; truncate -s -8 points.npy; sleep 1; wait $tool", in: folder)
        #expect(outcome.status == 1 && outcome.errors.contains("points.npy: expected the file to stay as it is"), "\(outcome.errors)")
        #expect(try outcome.errors.split(separator: "\n").count == 1 && !folder.files().contains("e.npz"))
    }

    private static func write(_ values: [Double], shape: [Int], to name: String, in folder: ScratchFolder, as dtype: DType = .f64) throws {
        let tensor = try Tensor.float64(values, shape: shape).converted(to: dtype)
        try folder.write(try NPY.encode(tensor), to: name)
    }

    @Test(arguments: ["auto", "interior-point", "away-steps", "khachiyan"])
    func everyMethodContainsThePointsAndSaysSo(_ method: String) throws {
        let folder = try ScratchFolder()
        let points = Self.points()
        try Self.write(points, shape: [Self.count, Self.dimension], to: "points.npy", in: folder)
        // Khachiyan's method needs 1/gap iterations.
        let gap = method == "khachiyan" ? 1e-3 : 1e-7
        let outcome = try BuiltTool.run(
            ["fit", "points.npy", "--method", method, "--gap", "\(gap)", "-o", "e.npz", "--json", "--threads", "1"], in: folder)
        let report = try outcome.json()
        for key in [
            "status", "pointCount", "dimension", "rank", "gap", "supportDeficit", "logVolume", "supportCount", "iterations",
            "dataPasses", "seconds", "readSeconds", "method", "coreType", "threads",
        ] {
            #expect(report[key] != nil, "\(key)")
        }
        #expect(report["pointCount"] as? Int == Self.count)
        #expect(report["rank"] as? Int == Self.dimension)
        // Only away steps and the interior-point method promise the support as well.
        if method != "khachiyan" {
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(report["status"] as? String == "solved")
        } else {
            #expect([0, 3].contains(outcome.status))
        }
        #expect(try #require(report["gap"] as? Double) <= gap)

        let archive = try NPZ.decode(try folder.read("e.npz"))
        let largest = try Self.largestGauge(archive, points, dimension: Self.dimension)
        #expect(largest <= 1 + 1e-12)
        #expect(largest >= 1 - 2 * gap)
        let weights = try archive.tensor(named: "weights").doubles()
        #expect(abs(weights.reduce(0, +) - 1) <= Double(weights.count) * .ulpOfOne)
        #expect(archive["indices"]?.dtype == .i64)
        #expect(archive["indices"]?.elementCount == report["supportCount"] as? Int)
        #expect(archive["shape"]?.shape == [Self.dimension, Self.dimension])
    }

    @Test func storageDoesNotChangeTheAnswer() throws {
        let folder = try ScratchFolder()
        let points = Self.points().map { Double(Float($0)) }
        let (n, d) = (Self.count, Self.dimension)
        try Self.write(points, shape: [n, d], to: "double.npy", in: folder)
        try Self.write(points, shape: [n, d], to: "single.npy", in: folder, as: .f32)
        // Fortran order: the same header with the other flag, columns one after the other.
        let columns = (0..<d).flatMap { k in (0..<n).map { points[$0 * d + k] } }
        var bytes = try NPY.encode(try Tensor.float64(columns, shape: [n, d]))
        let flag = Array("'fortran_order': False".utf8)
        let place = try #require((0..<128).first { bytes[$0..<$0 + flag.count].elementsEqual(flag) })
        bytes.replaceSubrange(place..<place + flag.count, with: Array("'fortran_order': True ".utf8))
        try folder.write(bytes, to: "fortran.npy")
        // A convolution weight of n filters, 2×1×2.
        let weight = try Tensor.float32(points.map { Float($0) }, shape: [n, 2, 1, 2])
        let other = Tensor.float32([1, 2, 3])
        try TensorArchive([("conv.weight", weight), ("conv.bias", other)]).write(to: folder.path("net.safetensors"), force: false)
        try TensorArchive([("a", weight), ("b", other)]).write(to: folder.path("net.npz"), force: false)

        var volumes: [Double] = []
        for input in [
            ["double.npy"], ["single.npy"], ["fortran.npy"], ["net.safetensors", "--tensor", "conv.weight"], ["net.npz", "--tensor", "a"],
        ] {
            let report = try BuiltTool.run(["fit"] + input + ["--json", "--threads", "1"], in: folder).json()
            #expect(report["status"] as? String == "solved", "\(input)")
            #expect(report["dimension"] as? Int == d)
            volumes.append(try #require(report["logVolume"] as? Double))
        }
        // Single-precision input allows for the rounding of its own numbers, 10/ulp(Float) per coordinate at most.
        for volume in volumes { #expect(abs(volume - volumes[0]) <= 1e-5, "\(volumes)") }
    }

    @Test func flatPointsGetABasis() throws {
        let folder = try ScratchFolder()
        // A square in the plane z = 1.
        try Self.write([0, 0, 1, 2, 0, 1, 0, 2, 1, 2, 2, 1, 1, 1, 1], shape: [5, 3], to: "flat.npy", in: folder)
        let report = try BuiltTool.run(["fit", "flat.npy", "-o", "e.npz", "--plot", "e.svg", "--json"], in: folder).json()
        #expect(report["rank"] as? Int == 2)
        // The circle of radius √2.
        #expect(abs(try #require(report["logVolume"] as? Double) - log(2 * Double.pi)) <= 1e-6)
        let archive = try NPZ.decode(try folder.read("e.npz"))
        #expect(archive["basis"]?.shape == [3, 2])
        #expect(archive["shape"]?.shape == [2, 2])
        #expect(archive["center"]?.shape == [3])
        let svg = String(decoding: try folder.read("e.svg"), as: UTF8.self)
        #expect(svg.contains("<ellipse") && svg.contains("class=\"contact\"") && svg.hasSuffix("</svg>\n"))
    }

    @Test func anEarlierFitIsAStart() throws {
        let folder = try ScratchFolder()
        let (old, new) = (Self.points(), Self.points(seed: 2))
        try Self.write(old, shape: [Self.count, Self.dimension], to: "old.npy", in: folder)
        try Self.write(old + new, shape: [2 * Self.count, Self.dimension], to: "all.npy", in: folder)
        #expect(try BuiltTool.run(["fit", "old.npy", "-o", "e.npz"], in: folder).status == 0)
        // The same points: the earlier fit is certified by one read.
        let same = try BuiltTool.run(["fit", "old.npy", "--start", "e.npz", "--json"], in: folder).json()
        #expect(same["dataPasses"] as? Int == 1)
        #expect(same["iterations"] as? Int == 0)
        let outcome = try BuiltTool.run(["fit", "all.npy", "--start", "e.npz", "-o", "all.npz", "--json"], in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try Self.largestGauge(try NPZ.decode(try folder.read("all.npz")), old + new, dimension: Self.dimension) <= 1 + 1e-12)
        let failing: [(arguments: [String], mentions: String)] = [
            (["all.npy", "--start", "absent.npz"], "absent.npz"), (["all.npy", "--start", "all.npy"], "all.npy"),
            (["all.npy", "--start", "e.npz", "-o", "e.npz", "--force"], "e.npz"),
        ]
        for entry in failing {
            let outcome = try BuiltTool.run(["fit"] + entry.arguments, in: folder)
            #expect(outcome.status != 0 && outcome.errors.contains(entry.mentions), "\(entry.arguments): \(outcome.errors)")
        }
    }

    @Test func aLimitIsExitCodeThreeWithAResult() throws {
        let folder = try ScratchFolder()
        try Self.write(Self.points(), shape: [Self.count, Self.dimension], to: "points.npy", in: folder)
        let outcome = try BuiltTool.run(
            ["fit", "points.npy", "--method", "khachiyan", "--iteration-limit", "3", "-o", "e.npz", "--json"], in: folder)
        #expect(outcome.status == 3)
        #expect(try outcome.json()["status"] as? String == "iteration-limit")
        #expect(outcome.errors.split(separator: "\n").count == 1)
        let archive = try NPZ.decode(try folder.read("e.npz"))
        #expect(try Self.largestGauge(archive, Self.points(), dimension: Self.dimension) <= 1 + 1e-12)
    }

    @Test func badInputIsOneLineAndWritesNothing() throws {
        let folder = try ScratchFolder()
        try Self.write(Self.points(), shape: [Self.count, Self.dimension], to: "points.npy", in: folder)
        try folder.write(try folder.read("points.npy").dropLast(8), to: "cut.npy")
        try folder.write(try folder.read("points.npy").prefix(20), to: "header.npy")
        try folder.write([], to: "empty.npy")
        try Self.write([1, 2, 3], shape: [3], to: "vector.npy", in: folder)
        try Self.write([], shape: [0, 3], to: "none.npy", in: folder)
        try Self.write([1, 2, .nan, 4], shape: [2, 2], to: "nan.npy", in: folder)
        try Self.write([1, 2, .infinity, 4], shape: [2, 2], to: "infinite.npy", in: folder, as: .f32)
        try TensorArchive([("a", Tensor.float32([1])), ("b", Tensor.float32([2]))]).write(to: folder.path("two.npz"), force: false)
        try folder.write("old".utf8, to: "old.npz")
        let before = try folder.files()
        let cases: [(arguments: [String], status: Int32, mentions: String)] = [
            (["absent.npy"], 1, "absent.npy"), (["cut.npy"], 1, "cut.npy"), (["header.npy"], 1, "header.npy"),
            (["empty.npy"], 1, "empty.npy"),
            (["vector.npy"], 1, "(n, d)"), (["none.npy"], 1, "point"), (["nan.npy"], 1, "point 1"), (["infinite.npy"], 1, "point 1"),
            (["two.npz"], 1, "--tensor"), (["two.npz", "--tensor", "c"], 1, "'c'"), (["two.npz", "--tensor", "a"], 1, "(n, d)"),
            (["points.npy", "--tensor", "a"], 2, "--tensor"), (["points.npy", "-o", "old.npz"], 1, "old.npz"),
            (["points.npy", "-o", "no/folder.npz"], 1, "folder"), (["points.npy", "-o", "e.txt"], 2, ".npz"),
            (["points.npy", "--gap", "0"], 2, "--gap"), (["points.npy", "--gap", "nan"], 2, "--gap"),
            (["points.npy", "--gap", "-1"], 2, "gap"),
            (["points.npy", "--method", "magic"], 2, "magic"), (["points.npy", "--time-limit", "-1"], 2, "time-limit"), (["."], 1, "."),
        ]
        for entry in cases {
            let outcome = try BuiltTool.run(["fit"] + entry.arguments, in: folder)
            #expect(outcome.status == entry.status, "\(entry.arguments): \(outcome.errors)")
            #expect(outcome.errors.contains(entry.mentions), "\(entry.arguments): \(outcome.errors)")
            #expect(outcome.errors.split(separator: "\n").count == 1, "\(entry.arguments): \(outcome.errors)")
            #expect(outcome.output.isEmpty)
        }
        #expect(try folder.files() == before)
        #expect(try folder.read("old.npz") == Array("old".utf8))
        #expect(try BuiltTool.run(["fit", "points.npy", "-o", "old.npz", "--force"], in: folder).status == 0)
        #expect(try folder.read("old.npz") != Array("old".utf8))
    }

    @Test func severalFilesTextsAndStandardInputAreOneSet() throws {
        let folder = try ScratchFolder()
        let (points, d) = (Self.points(), Self.dimension)
        try Self.write(points, shape: [Self.count, d], to: "all.npy", in: folder)
        try Self.write(Array(points[..<(70 * d)]), shape: [70, d], to: "a.npy", in: folder)
        try Self.write([], shape: [0, d], to: "none.npy", in: folder)
        try TensorArchive([("rest", Tensor.float64(Array(points[(70 * d)...]), shape: [Self.count - 70, d]))]).write(
            to: folder.path("rest.npz"), force: false)
        let rows = (0..<Self.count).map { i in points[i * d..<(i + 1) * d].map { "\($0)" } }
        try folder.write(("w,x,y,z\n" + rows.map { $0.joined(separator: ",") }.joined(separator: "\r\n")).utf8, to: "all.csv")
        try folder.write(rows.map { $0.joined(separator: "  ") }.joined(separator: "\n").utf8, to: "all.txt")
        let whole = try BuiltTool.run(["fit", "all.npy", "-o", "whole.npz", "--json"], in: folder)
        #expect(whole.status == 0)
        let commands = [
            "$L fit a.npy none.npy rest.npz --tensor rest", "$L fit all.csv", "$L fit all.txt", "$L fit - < all.npy",
            "cat all.npy | $L fit -",
            "$L fit all.npy",
        ]
        // The tensor is looked for in archives alone.
        for (k, command) in commands.enumerated() {
            let outcome = try BuiltTool.shell("\(command) -o \(k).npz --plot \(k).svg --json", in: folder)
            #expect(outcome.status == 0, "\(command): \(outcome.errors)")
            #expect(try folder.read("\(k).npz") == folder.read("whole.npz"), "\(command)")
        }
        for k in commands.indices { #expect(try folder.read("\(k).svg") == folder.read("0.svg"), "\(commands[k])") }
    }

    @Test func theFileThatDisagreesIsNamed() throws {
        let folder = try ScratchFolder()
        let points = Self.points()
        try Self.write(points, shape: [Self.count, 4], to: "a.npy", in: folder)
        try Self.write(points, shape: [Self.count * 4 / 3, 3], to: "b.npy", in: folder)
        var bad = points
        bad[4 * 17 + 2] = .nan
        try Self.write(bad, shape: [Self.count, 4], to: "c.npy", in: folder)
        try folder.write("1,2,3,4\n5,6,7\n".utf8, to: "d.csv")
        try folder.write("no npy".utf8, to: "text")
        let cases: [(line: String, status: Int32, mentions: String)] = [
            ("a.npy b.npy", 1, "b.npy: expected points of 4 coordinates as in a.npy, found 3"),
            ("a.npy c.npy", 1, "c.npy: expected finite"),
            ("a.npy c.npy", 1, "point 17, coordinate 2"), ("a.npy d.csv", 1, "d.csv: text: expected 4 columns"),
            ("a.npy absent.npy", 1, "absent.npy"), ("- - < a.npy", 2, "twice"), ("- < text", 1, "standard input"),
            ("- < /dev/null", 1, "standard input"), ("a.npy --tensor x", 2, "--tensor"),
        ]
        for entry in cases {
            let outcome = try BuiltTool.shell("$L fit -o e.npz \(entry.line)", in: folder)
            #expect(outcome.status == entry.status, "\(entry.line): \(outcome.errors)")
            #expect(outcome.errors.contains(entry.mentions), "\(entry.line): \(outcome.errors)")
            #expect(outcome.errors.split(separator: "\n").count == 1, "\(entry.line): \(outcome.errors)")
        }
        #expect(try !folder.files().contains("e.npz"))
    }
}
