// `loewner benchmark scale --ranks`: what sharing a fit brings and costs.

import BenchmarkSuite
import Foundation

enum RankScalingTable {
    static func measure(ranks: Int, pointsPerRank: Int, format: FormatOptions) throws {
        guard Ranks.canBeSeveral else {
            throw CommandFailure.usage("expected --ranks in a build with the trait MPI of the package, found one without")
        }
        guard let executable = Bundle.main.executableURL else { throw BenchmarkError.workerFailed }
        let bar = ProgressBar(quiet: format.json)
        let result = try RankScaling.measure(ranks: ranks, pointsPerRank: pointsPerRank, executable: executable) {
            bar.update("fits", fraction: Double($0) / 3)
        }
        bar.clear()
        if format.json { try JSONOutput.show(result) } else { show(result) }
        if !result.hasSameBytes { throw CommandFailure.failure("expected the same file from 1 and \(ranks) ranks, found different bytes") }
    }

    private static func show(_ result: RankScaling) {
        var table = ConsoleTable([
            ("ranks", .right), ("points", .right), ("seconds", .right), ("reads", .right), ("collectives", .right), ("bytes sent", .right),
            ("MB per rank", .right),
        ])
        for run in result.runs {
            table.append([
                "\(run.ranks)", Format.count(run.pointCount), Format.seconds(run.seconds), "\(run.dataPasses)", "\(run.messages)",
                Format.count(run.bytesSent), Format.fixed(Double(run.bytesPerRank) / 1e6, 0),
            ])
        }
        table.show()
        let ranks = result.runs[2].ranks
        Console.say(
            "strong scaling \(Format.fixed(result.strongRatio, 2)) of \(ranks), weak scaling \(Format.fixed(result.weakRatio, 2)) of 1")
        Console.say(
            "the model predicts \(Format.seconds(result.predictedSeconds)); the file has the same bytes\(result.hasSameBytes ? "" : ": no")"
        )
    }
}
