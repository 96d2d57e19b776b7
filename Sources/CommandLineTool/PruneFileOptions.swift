// What `prune` reads beside the network, and what it writes.

import ArgumentParser

struct PruneFileOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "Where the smaller network goes, in the format of the input.", completion: .file())
    var output: String?

    @Option(
        help: ArgumentHelp(
            "Images to fit the kept weights on: .npz, .npy, or a folder of pictures or .npy files; labels are not used.",
            valueName: "npz|npy|folder"),
        completion: .file())
    var calibration: String?

    @Option(
        help: ArgumentHelp(
            "Labelled images to measure the accuracy before and after on: .npz, or LABEL/*.jpg in a folder.", valueName: "npz|folder"),
        completion: .file())
    var evaluate: String?

    @Option(help: ArgumentHelp("Write the report: .html, .md or .json.", valueName: "file"), completion: .file())
    var report: String?

    @Option(help: "Write the plan, replayable with `loewner apply`.", completion: .file())
    var plan: String?
}
