// How much of the network stays: one of four shares.

import ArgumentParser
import Pruning

/// `--keep`, `--params`, `--macs` or `--neurons`.
struct BudgetOptions: ParsableArguments {
    @Option(help: "Kept share of every prunable layer: max(1, round(r·n)). Default: 0.5.")
    var keep: Double?

    @Option(help: "Share of the parameters the network may have, spread by predicted error.")
    var params: Double?

    @Option(help: "Share of the multiply–adds the network may cost, spread by predicted error.")
    var macs: Double?

    @Option(help: "Kept share of all prunable neurons and channels, spread over the layers by predicted error.")
    var neurons: Double?

    /// How many of the four are given.
    var count: Int { [keep, neurons, params, macs].compactMap { $0 }.count }

    /// What the flags ask for; half of every layer without any.
    var budget: Budget {
        if let neurons {
            .neurons(neurons)
        } else if let params {
            .parameters(params)
        } else if let macs {
            .multiplyAdds(macs)
        } else {
            .keep(keep ?? 0.5)
        }
    }

    func validate() throws {
        guard count <= 1 else { throw ValidationError("expected one of --keep, --neurons, --params, --macs, found \(count) of them") }
        if let ratio = [keep, neurons, params, macs].compactMap({ $0 }).first, !(ratio > 0 && ratio <= 1) {
            throw ValidationError("expected a kept share above 0 and at most 1, found \(ratio)")
        }
    }
}
