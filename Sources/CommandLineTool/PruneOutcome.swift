// What `prune --json` prints.

import Pruning

/// The report, and beside its keys what a search tried, how long every phase took (`phases` add up to `totalSeconds`), and the memory.
struct PruneOutcome: Encodable {
    let report: PruningReport
    let search: SizeSearch?
    let times: PhaseTimes

    private enum CodingKeys: CodingKey { case search, phases, totalSeconds, peakMemory }

    func encode(to encoder: any Encoder) throws {
        try report.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(search, forKey: .search)
        let phases = times.seconds
        try container.encode(Dictionary(phases.map { ($0.name, $0.seconds) }) { $0 + $1 }, forKey: .phases)
        try container.encode(phases.reduce(0) { $0 + $1.seconds }, forKey: .totalSeconds)
        try container.encode(ProcessMemory.peak, forKey: .peakMemory)
    }
}
