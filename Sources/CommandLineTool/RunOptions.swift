// How a pruning run is carried out, whatever comes of it.

import ArgumentParser

/// `--dry-run`, `--force-quality`, `--config` and `--print-config`.
struct RunOptions: ParsableArguments {
    @Flag(help: "Plan and report, write no network.")
    var dryRun = false

    @Option(
        help: ArgumentHelp(
            "Write the smaller network as a PyTorch module too; for an ONNX model with its weights beside it, in a .safetensors file of the same name.",
            valueName: "file.py"), completion: .file())
    var emitPython: String?

    @Flag(help: "Exit with 0 though the pruned network's answers are known not to be the original's any more.")
    var forceQuality = false

    @Option(
        help: ArgumentHelp("Options from a file, by their names: .toml or .json. Those given here win.", valueName: "file"),
        completion: .file())
    var config: String?

    @Flag(help: "Print the options in force as a --config file, and do nothing else.")
    var printConfig = false
}
