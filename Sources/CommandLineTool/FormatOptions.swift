// `--json`, for every verb.

import ArgumentParser

/// `--json`.
struct FormatOptions: ParsableArguments {
    @Flag(help: "Print the result as one JSON object.")
    var json = false
}
