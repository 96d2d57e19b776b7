import ArgumentParser

/// The root command: verbs only, no work of its own.
struct Loewner: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "loewner",
        abstract: "Compress trained neural networks with convex geometry.",
        discussion: """
            EXAMPLES:
              loewner doctor
              loewner fit points.npy -o ellipsoid.npz

            EXIT CODES:
              0 done · 1 failed · 2 wrong usage · 3 finished, but a limit stopped it

            Every verb has --help, in which all options stand, and --json. `loewner help network` says where the topology of a file of \
            weights comes from.
            """,
        version: "0.2.0",
        subcommands: [
            Fit.self, Score.self, Design.self, Reduce.self, CoresetCommand.self, Prune.self, Curve.self, Learn.self, Apply.self,
            Evaluate.self,
            Verify.self, Inspect.self, Benchmark.self,
            Doctor.self, Manual.self,
        ])
}
