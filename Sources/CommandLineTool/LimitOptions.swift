// What may be cut, and how far.

import ArgumentParser
import Pruning

/// `--exclude`, `--min-channels`, `--layer` and what else restricts the cut.
struct LimitOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Groups, layers or nodes whose output channels all stay: names or patterns with * and ?, separated by commas; repeatable.",
            valueName: "names"))
    var exclude: [String] = []

    @Option(help: ArgumentHelp("Leave no group fewer channels than this.", valueName: "n"))
    var minChannels: Int?

    @Option(help: ArgumentHelp("Kept share of one layer, over the budget; repeatable.", valueName: "name=ratio"))
    var layer: [LayerRatio] = []

    @Option(
        help:
            "Round kept counts to multiples of this; 1 for exact counts. By default 8 where a group has 64 channels or more, 4 from 16 on.")
    var roundTo: Int?

    @Flag(
        help:
            "Cut residual streams too, all that an addition ties at once; under --params, --macs or --neurons only where that promises more. Without it only inner channels, and streams that --layer names."
    )
    var residualStreams = false

    func validate() throws {
        if let minChannels, minChannels < 1 { throw ValidationError("expected --min-channels of at least 1, found \(minChannels)") }
        for entry in layer where !(entry.ratio > 0 && entry.ratio <= 1) {
            throw ValidationError("expected a kept share above 0 and at most 1 for --layer \(entry.name), found \(entry.ratio)")
        }
        if let roundTo, roundTo < 1 { throw ValidationError("expected --round-to of at least 1, found \(roundTo)") }
    }

    /// Puts the limits into settings.
    func apply(to settings: inout PruningSettings) {
        settings.layerRatios = Dictionary(layer.map { ($0.name, $0.ratio) }, uniquingKeysWith: { _, last in last })
        settings.cutsResidualStreams = residualStreams
        settings.roundTo = roundTo
        settings.leastChannels = minChannels
        let names = exclude.flatMap { $0.split(separator: ",").map(String.init) }
        settings.excludedNames = names.isEmpty ? nil : names
    }
}

/// `NAME=RATIO`.
struct LayerRatio: ExpressibleByArgument {
    let name: String
    let ratio: Double

    init?(argument: String) {
        guard let split = argument.lastIndex(of: "="), let ratio = Double(argument[argument.index(after: split)...]) else { return nil }
        name = String(argument[..<split])
        self.ratio = ratio
    }
}
