import ArgumentParser

@main
struct Loewner: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "loewner",
        abstract: "Compress trained neural networks with convex geometry.",
        version: "0.1.0")
}
