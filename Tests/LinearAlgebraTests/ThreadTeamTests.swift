import Foundation
import LinearAlgebra
import TestSupport
import Testing

@Suite struct ThreadTeamTests {
    private static let teams = [ThreadTeam(1), ThreadTeam(2), ThreadTeam(3)]

    private static func normals(_ count: Int, seed: UInt64) -> [Double] {
        var generator = TestGenerator(seed: seed)
        return (0..<count).map { _ in generator.normal() }
    }

    @Test(arguments: [0, 1, 2, 3, 8, 17, 64, 1000]) func everyPartIsDoneOnce(_ parts: Int) {
        for team in Self.teams {
            var done = [Int](repeating: 0, count: parts)
            done.withUnsafeMutableBufferPointer { done in
                let counts = SharedPointer(done.baseAddress!)
                team.share(parts) { counts.pointer[$0] += 1 }
                team.share(parts, inRunsOf: 7) { for part in $0 { counts.pointer[part] += 1 } }
            }
            #expect(done.allSatisfy { $0 == 2 })
        }
    }

    /// Helpers are awake, asleep and about to sleep; a part that is lost, or done for the loop before, is seen.
    @Test func shortLoopsInARow() {
        for team in Self.teams {
            var sums = [Int](repeating: 0, count: 8)
            sums.withUnsafeMutableBufferPointer { sums in
                let sums = SharedPointer(sums.baseAddress!)
                for loop in 1...20_000 {
                    team.share(loop % 8 + 1) { sums.pointer[$0] += loop }
                    if loop % 5000 == 0 { Thread.sleep(forTimeInterval: 0.01) }
                }
            }
            let expected = (0..<8).map { part in (1...20_000).reduce(0) { $1 % 8 >= part ? $0 + $1 : $0 } }
            #expect(sums == expected)
        }
    }

    @Test func partsMakeSomethingInOrder() throws {
        for team in Self.teams {
            #expect(team.map(0) { $0 }.isEmpty)
            #expect(team.map(100) { "\($0)" } == (0..<100).map(String.init))
            let error = #expect(throws: FactorizationError.self) {
                try team.map(100) { (part) throws(FactorizationError) -> Int in
                    if part % 30 == 20 { throw .notPositiveDefinite(order: part) }
                    return part
                }
            }
            #expect(error == .notPositiveDefinite(order: 20))
        }
    }

    /// More teams than are kept, one after the other and at once: each has helpers of its own.
    @Test func teamsFollowEachOther() {
        for _ in 0..<20 {
            let teams = (0..<6).map { ThreadTeam(2 + $0 % 2) }
            DispatchQueue.concurrentPerform(iterations: teams.count) { index in
                let sums = teams[index].map(50) { part in (0...part).reduce(0, +) }
                #expect(sums == (0..<50).map { $0 * ($0 + 1) / 2 })
            }
        }
    }

    @Test func loopsWithinLoopsAndOfSeveralThreads() {
        for team in Self.teams {
            var counts = [Int](repeating: 0, count: 64)
            counts.withUnsafeMutableBufferPointer { counts in
                let counts = SharedPointer(counts.baseAddress!)
                DispatchQueue.concurrentPerform(iterations: 4) { thread in
                    team.share(4) { outer in team.share(4) { counts.pointer[16 * thread + 4 * outer + $0] += 1 } }
                }
            }
            #expect(counts.allSatisfy { $0 == 1 })
        }
    }

    /// Both ways of cutting: by sums (few rows, many columns) and by strips (many rows); columns without weight left out.
    @Test(arguments: [(1, 1), (3, 2), (8, 17), (17, 3), (64, 2000), (200, 64), (300, 301)])
    func gramOfWeightedColumns(_ n: Int, _ m: Int) { BLASConfiguration.withSingleThread { Self.checkGram(n, m) } }

    private static func checkGram(_ n: Int, _ m: Int) {
        let a = normals(n * m, seed: 5)
        let weights = (0..<m).map { $0 % 3 == 1 ? 0 : Double($0 % 5 + 1) }
        let columns = (0..<m).filter { weights[$0] > 0 }
        var results: [[Double]] = []
        for team in teams {
            var (c, workspace) = ([Double](repeating: .nan, count: n * n), GramWorkspace())
            // Twice: buffers are kept.
            for _ in 0..<2 { team.gram(a, rows: n, columns: columns, weights: weights, into: &c, workspace: &workspace) }
            results.append(c)
        }
        for j in 0..<n {
            for i in j..<n {
                var (sum, size) = (0.0, 0.0)
                for k in columns {
                    sum += weights[k] * a[i + k * n] * a[j + k * n]
                    size += (weights[k] * a[i + k * n] * a[j + k * n]).magnitude
                }
                #expect((results[0][i + j * n] - sum).magnitude <= 4 * Double(m + 4) * .ulpOfOne * size)
                for other in results.dropFirst() { #expect(other[i + j * n] == results[0][i + j * n]) }
            }
        }
    }

    @Test(arguments: [1, 2, 3, 8, 17, 64, 97, 200]) func squaredGramAndItsProduct(_ m: Int) {
        BLASConfiguration.withSingleThread { Self.checkSquaredGram(m) }
    }

    private static func checkSquaredGram(_ m: Int) {
        let k = 11
        let double = normals(k * m, seed: 6)
        let single = double.map { Float($0) }
        for team in teams {
            var h = [Double](repeating: .nan, count: m * m)
            var s = [Float](repeating: .nan, count: m * m)
            team.squaredGram(double, rows: k, columns: m, into: &h)
            team.squaredGram(single, rows: k, columns: m, into: &s)
            for j in 0..<m {
                for i in j..<m {
                    let dot = (0..<k).reduce(0) { $0 + double[$1 + i * k] * double[$1 + j * k] }
                    let size = (0..<k).reduce(0) { $0 + (double[$1 + i * k] * double[$1 + j * k]).magnitude }
                    #expect((h[i + j * m] - dot * dot).magnitude <= 8 * Double(k) * .ulpOfOne * size * size)
                    #expect((Double(s[i + j * m]) - dot * dot).magnitude <= 8 * Double(k) * Double(Float.ulpOfOne) * size * size)
                }
            }
            // H·x from two runs of columns, as a team adds them up.
            let x = normals(m, seed: 7).map { Float($0) }
            var y = [Float](repeating: 0, count: m)
            let cut = m / 2
            s.withUnsafeBufferPointer { s in
                x.withUnsafeBufferPointer { x in
                    y.withUnsafeMutableBufferPointer { y in
                        for (first, last) in [(0, cut), (cut, m)] {
                            LeverageKernels.addStripProduct(
                                s.baseAddress! + first * (m + 1), rows: m - first, columns: last - first, stride: m, x.baseAddress! + first,
                                into: y.baseAddress! + first)
                        }
                    }
                }
            }
            for i in 0..<m {
                var (sum, size) = (0.0, 0.0)
                for j in 0..<m {
                    let term = Double(s[max(i, j) + min(i, j) * m]) * Double(x[j])
                    sum += term
                    size += term.magnitude
                }
                #expect((Double(y[i]) - sum).magnitude <= 4 * Double(m + 4) * Double(Float.ulpOfOne) * size)
            }
        }
    }

    /// Orders below and above the panels; L·Lᵀ = A by plain loops, and the order of the minor that fails; L⁻¹.
    @Test(arguments: [1, 17, 200, 385, 500]) func cholesky(_ n: Int) throws {
        try BLASConfiguration.withSingleThread { () throws in try Self.checkCholesky(n) }
    }

    private static func checkCholesky(_ n: Int) throws {
        var b = [Double](repeating: 0, count: n * n)
        var workspace = GramWorkspace()
        ThreadTeam.single.gram(
            normals(n * (n + 5), seed: 8), rows: n, columns: Array(0..<n + 5), weights: [Double](repeating: 1, count: n + 5), into: &b,
            workspace: &workspace)
        for j in 0..<n { b[j * (n + 1)] += Double(n) }
        let trace = (0..<n).reduce(0) { $0 + b[$1 * (n + 1)] }
        var first: [Double]?
        for team in teams {
            var l = b
            try team.cholesky(&l, order: n)
            if let first { #expect(l == first) } else { first = l }
            for j in stride(from: 0, to: n, by: 7) {
                for i in stride(from: j, to: n, by: 5) {
                    let sum = (0...j).reduce(0) { $0 + l[i + $1 * n] * l[j + $1 * n] }
                    #expect((sum - b[i + j * n]).magnitude <= 4 * Double(n) * .ulpOfOne * trace)
                }
            }
            // L⁻¹·L = 1, by plain loops too.
            var inverse = l
            for j in 0..<n { for i in 0..<j { inverse[i + j * n] = 0 } }
            try team.invertLower(&inverse, order: n)
            for j in stride(from: 0, to: n, by: 7) {
                for i in stride(from: j, to: n, by: 5) {
                    let sum = (j...i).reduce(0) { $0 + inverse[i + $1 * n] * l[$1 + j * n] }
                    #expect((sum - (i == j ? 1 : 0)).magnitude <= 64 * Double(n) * .ulpOfOne)
                }
            }
            var indefinite = b
            indefinite[(n - 1) * (n + 1)] = -1
            do {
                try team.cholesky(&indefinite, order: n)
                Issue.record("an indefinite matrix was factored")
            } catch {
                #expect(error == .notPositiveDefinite(order: n))
            }
        }
    }
}
