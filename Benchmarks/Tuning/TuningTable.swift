// What stands beside each number of the ellipsoid's masters: processor time with the number at a half and at twice itself, as a
// ratio to the time with the number as it is.
//
//   measure-tuning [ROUNDS]
//
// Runs alternate, so that a machine that is slow for a while is slow for all; the ratio is the median of the rounds'. Prints the
// Markdown of Documentation/Tuning.md.

import ConvexGeometry
import Foundation
import LinearAlgebra

@main
enum TuningTable {
    static let instances = [
        TuningInstance(.gauss, 1000, 5, solves: 8), TuningInstance(.cube, 3000, 10, solves: 2), TuningInstance(.heavy, 2000, 30, solves: 2),
        TuningInstance(.gauss, 20_000, 20), TuningInstance(.cube, 4000, 60), TuningInstance(.gauss, 1500, 100),
        TuningInstance(.sphere, 800, 8, solves: 2), TuningInstance(.sphere, 1500, 30),
    ]

    static func main() throws {
        let rounds = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 5
        BLASConfiguration.threads = 1
        print(try table("Column generation (`CandidateTuning`)", TuningNumber.candidates, rounds))
        print(try table("Projected Newton (`ProjectedNewtonTuning`)", TuningNumber.projectedNewton, rounds))
        print(try table("Interior point (`InteriorPointTuning`)", TuningNumber.interiorPoint, rounds))
    }

    /// Ratios of one number's neighbor on all instances.
    private struct Row {
        var ratios: [Double] = []
        var isSolved = true

        /// Geometric mean, then the instance that it is worst for, where that differs by more than the noise.
        var text: String {
            guard isSolved else { return "not solved" }
            let mean = exp(ratios.reduce(0) { $0 + log($1) } / Double(ratios.count))
            let worst = ratios.indices.max { ratios[$0] < ratios[$1] } ?? 0
            let tail = ratios[worst] > 1.15 ? " (\(TuningTable.instances[worst].name): \(TuningTable.fixed(ratios[worst])))" : ""
            return TuningTable.fixed(mean) + tail
        }
    }

    private static func table(_ title: String, _ numbers: [TuningNumber], _ rounds: Int) throws -> String {
        var lines = ["## \(title)", "", "| number | value | below | time | above | time |", "|---|---:|---:|---|---:|---|"]
        for number in numbers {
            var rows = [Row(), Row()]
            for instance in instances {
                var ratios: [[Double]] = [[], []]
                for _ in 0..<rounds {
                    let own = try instance.measure(.standard)
                    for (side, neighbor) in number.neighbors.enumerated() {
                        let other = try instance.measure(neighbor.tuning)
                        ratios[side].append(other.seconds / own.seconds)
                        rows[side].isSolved = rows[side].isSolved && other.fit.status == .solved
                    }
                }
                for side in 0...1 { rows[side].ratios.append(ratios[side].sorted()[rounds / 2]) }
            }
            lines.append(
                "| `\(number.name)` | \(number.value) | \(number.neighbors[0].text) | \(rows[0].text) | \(number.neighbors[1].text) | \(rows[1].text) |"
            )
            FileHandle.standardError.write(Data((lines.last! + "\n").utf8))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func fixed(_ value: Double) -> String { String(format: "%.2f", value) }
}
