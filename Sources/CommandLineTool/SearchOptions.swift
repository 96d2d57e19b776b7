// Which share of a network is searched or swept.

import ArgumentParser
import Pruning

/// What a share is a share of.
enum BudgetKind: String, ExpressibleByArgument, CaseIterable {
    case params, macs, neurons, keep

    func budget(_ share: Double) -> Budget {
        switch self {
        case .params: .parameters(share)
        case .macs: .multiplyAdds(share)
        case .neurons: .neurons(share)
        case .keep: .keep(share)
        }
    }
}

/// `--max-drop` and `--budget`.
struct SearchOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Find the smallest network whose accuracy on --evaluate is at most this many percentage points lower.", valueName: "points"))
    var maxDrop: Double?

    @Option(help: "What --max-drop makes as small as it may.")
    var budget = BudgetKind.params

    func validate() throws {
        if let maxDrop, !(maxDrop >= 0 && maxDrop <= 100) {
            throw ValidationError("expected --max-drop in percentage points from 0 to 100, found \(maxDrop)")
        }
    }
}
