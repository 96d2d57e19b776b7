// Which points a verb works on.

import ArgumentParser

/// `POINTS…` and `--tensor`.
struct PointOptions: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "Points, one per row: .npy of shape (n, d), .npz/.safetensors with --tensor, .csv/.tsv/.txt/.dat, or - for .npy from standard input. Several files are one set, in the order given.",
            valueName: "points"),
        completion: .file())
    var paths: [String]

    @Option(
        help: ArgumentHelp(
            "The tensor to read from .npz or .safetensors files; convolution weights are flattened to (out, in·kh·kw).", valueName: "name"
        ))
    var tensor: String?

    func validate() throws {
        if paths.filter({ $0 == "-" }).count > 1 { throw ValidationError("expected standard input once, found - twice") }
    }

    /// What to call all of them in messages.
    var name: String { paths.count == 1 ? paths[0] : "\(paths[0]) and \(paths.count - 1) more" }

    func read(isLocal: Bool = false) throws -> PointFiles {
        if Ranks.areSeveral, paths.contains("-") { throw CommandFailure.usage("expected files that every process can read, found -") }
        return try PointFiles(paths: paths, tensor: tensor, isLocal: isLocal)
    }
}
