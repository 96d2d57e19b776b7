// What `prune --json` prints.

import Pruning

/// The report, and beside its keys what a search tried.
struct PruneOutcome: Encodable {
    let report: PruningReport
    let search: SizeSearch?

    private enum CodingKeys: CodingKey { case search }

    func encode(to encoder: any Encoder) throws {
        try report.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(search, forKey: .search)
    }
}
