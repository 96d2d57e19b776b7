// `--mean`, `--std`, `--raw`: how stored images become network inputs. For every verb that feeds a network.

import ArgumentParser
import NeuralNetworks
import TensorFiles

struct ImageOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Mean of each channel, subtracted after integer images are divided by 255. Default: 0.", valueName: "a,b,c"))
    var mean: NumberList?

    @Option(help: ArgumentHelp("Standard deviation of each channel, divided by after the mean. Default: 1.", valueName: "a,b,c"))
    var std: NumberList?

    @Flag(help: "Pass images as they are stored, unscaled.")
    var raw = false

    func validate() throws {
        if raw, mean != nil || std != nil { throw ValidationError("expected --raw or --mean/--std, found both") }
        if let std, !std.values.allSatisfy({ $0 > 0 }) {
            throw ValidationError("expected positive standard deviations in --std, found \(std.text)")
        }
    }

    var scaling: InputScaling {
        InputScaling(
            mean: mean?.values.map { Float($0) } ?? [0], standardDeviation: std?.values.map { Float($0) } ?? [1], isRaw: raw)
    }

    /// Reads a labelled or unlabelled `.npz` of images.
    func read(_ path: String, needsLabels: Bool) throws -> LabelledImages {
        let archive = try TensorArchive.read(path: path)
        do {
            return try LabelledImages(archive: archive, scaling: scaling, needsLabels: needsLabels)
        } catch {
            throw CommandFailure.failure("\(path): \(error)")
        }
    }
}

/// Finite numbers separated by commas.
struct NumberList: ExpressibleByArgument {
    let values: [Double]
    let text: String

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
        guard !parts.isEmpty, parts.allSatisfy({ $0?.isFinite == true }) else { return nil }
        values = parts.compactMap { $0 }
        text = argument
    }
}
