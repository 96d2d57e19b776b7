// `--mean`, `--std`, `--raw` and what makes inputs of picture files. For every verb that feeds a network.

import ArgumentParser
import ImageFiles
import NeuralNetworks

extension ImageFiles.Interpolation: ExpressibleByArgument {}
extension ImagePreparation.ChannelOrder: ExpressibleByArgument {}
extension ImagePreparation.Layout: ExpressibleByArgument {}

struct ImageOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Mean of each channel, subtracted after integer images are divided by 255. Default: 0.", valueName: "a,b,c"))
    var mean: NumberList?

    @Option(help: ArgumentHelp("Standard deviation of each channel, divided by after the mean. Default: 1.", valueName: "a,b,c"))
    var std: NumberList?

    @Flag(help: "Pass images as they are stored, unscaled.")
    var raw = false

    @Option(
        help: ArgumentHelp(
            "Largest pixel value that --mean and --std speak of: 1 divides integer images by 255 first, 255 does not.", valueName: "1|255"))
    var pixelRange = 1

    @Option(
        help: ArgumentHelp(
            "Picture files: bring the shorter side to N pixels, or to exactly H,W. Default: only what covers the crop.", valueName: "n|h,w")
    )
    var resize: PixelSize?

    @Option(help: ArgumentHelp("Picture files: crop the center. Default: the network's own input size.", valueName: "n|h,w"))
    var crop: PixelSize?

    @Option(help: "Picture files: how they are resized (as Pillow does, with antialiasing).")
    var interpolation = ImageFiles.Interpolation.bilinear

    @Option(help: "Picture files: which color comes first; --mean and --std are in this order.")
    var channelOrder = ImagePreparation.ChannelOrder.rgb

    @Option(help: "Where the color axis of images is. Default: where the network's input has 1 or 3 channels, else nchw.")
    var layout: ImagePreparation.Layout?

    func validate() throws {
        if raw, mean != nil || std != nil { throw ValidationError("expected --raw or --mean/--std, found both") }
        if let std, !std.values.allSatisfy({ $0 > 0 }) {
            throw ValidationError("expected positive standard deviations in --std, found \(std.text)")
        }
        guard [1, 255].contains(pixelRange) else { throw ValidationError("expected 1 or 255 for --pixel-range, found \(pixelRange)") }
        if raw, pixelRange != 1 { throw ValidationError("expected --raw or --pixel-range, found both") }
        if let crop, let resize, !resize.covers(crop) {
            throw ValidationError("expected --resize of at least --crop \(crop.text), found \(resize.text)")
        }
    }

    /// The options as words, for other commands on the same data.
    var words: [String] {
        var words: [String] = []
        func add(_ flag: String, _ value: String?) { if let value { words += [flag, value] } }
        add("--mean", mean?.text)
        add("--std", std?.text)
        if raw { words.append("--raw") }
        if pixelRange != 1 { add("--pixel-range", "\(pixelRange)") }
        add("--resize", resize?.text)
        add("--crop", crop?.text)
        if interpolation != .bilinear { add("--interpolation", interpolation.rawValue) }
        if channelOrder != .rgb { add("--channel-order", channelOrder.rawValue) }
        add("--layout", layout?.rawValue)
        return words
    }

    /// The scaling that the flags describe, for images whose channel axis is the last or the second.
    func scaling(channelsLast: Bool = false) -> InputScaling {
        InputScaling(
            mean: mean?.values.map { Float($0) } ?? [0], standardDeviation: std?.values.map { Float($0) } ?? [1], isRaw: raw,
            unit: pixelRange == 255 ? 1 : 255, channelsLast: channelsLast)
    }

    /// Refuses means and deviations that no pixels within `--pixel-range` have: most likely those of the other range.
    ///
    /// A mean lies within the range, a deviation below half of it; some divide by more for the sake of round numbers, hardly by more than
    /// twice the range.
    func checkRange() throws {
        func check(_ name: String, _ values: [Double]?, atMost limit: Int) throws {
            guard let value = values?.first(where: { $0 > Double(limit) }) else { return }
            let hint = pixelRange == 1 ? "; --pixel-range 255 takes those of pixels in 0–255" : ""
            throw CommandFailure.usage(
                "expected \(name) of at most \(limit) for integer images in 0–\(pixelRange), found \(Format.number(value))\(hint)")
        }
        try check("--mean", mean?.values, atMost: pixelRange)
        try check("--std", std?.values, atMost: 2 * pixelRange)
    }

    /// `--mean` for pixels in 0–1, whatever range it was given for.
    var unitMean: [Double]? { mean?.values.map { $0 / Double(pixelRange) } }
    /// `--std` for pixels in 0–1, whatever range it was given for.
    var unitDeviation: [Double]? { std?.values.map { $0 / Double(pixelRange) } }

    /// Reads inputs for a model: an archive, a folder of pictures or a folder of arrays.
    /// - Parameter keepsStored: whether what was read stays in memory beside what is made of it.
    func read(_ path: String, labels: InputData.Labels, for file: ModelFile, keepsStored: Bool = false) throws -> InputData {
        var options = self
        // A network that takes integers scales them itself, unless it is told otherwise.
        if file.readsIntegers, mean == nil, std == nil { options.raw = true }
        let read = try InputData(path: path, options: options, network: file.network, labels: labels)
        let data = keepsStored ? read : read.alone
        do { try data.labelled.checkIndices(of: file.network) } catch { throw CommandFailure.failure("\(path): \(error)") }
        return file.fixesBatch ? try data.grouped(for: file.network, path: path) : data
    }
}

/// `N` for the shorter side or a square, `H,W` for both sides.
struct PixelSize: ExpressibleByArgument {
    let height: Int
    /// nil when one number was given.
    let width: Int?
    let text: String

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        // The longest side that JPEG can have.
        guard (1...2).contains(parts.count), parts.allSatisfy({ $0.map { (1...65535).contains($0) } ?? false }) else { return nil }
        height = parts[0]!
        width = parts.count == 2 ? parts[1] : nil
        text = argument
    }

    var isSquare: Bool { width == nil || width == height }

    /// Whether a crop fits into every picture that was resized so.
    func covers(_ crop: PixelSize) -> Bool {
        width.map { height >= crop.height && $0 >= crop.width ?? crop.height } ?? (height >= min(crop.height, crop.width ?? crop.height))
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
