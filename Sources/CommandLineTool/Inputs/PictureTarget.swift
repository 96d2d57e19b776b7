// What a network's input and the flags ask of pictures.

import ImageFiles
import NeuralNetworks

/// The preparation of pictures that a network and the flags ask for, in words, too.
struct PictureTarget {
    let preparation: ImagePreparation
    let text: String

    /// - Parameter first: the size of the first picture, asked for only where the network takes its inputs as flat vectors.
    init(_ network: Network, _ options: ImageOptions, first: @autoclosure () throws -> (width: Int, height: Int)) throws {
        guard network.inputs.count == 1 else {
            throw CommandFailure.failure(
                "expected an archive with one array per network input (\(network.inputs.map { network.values[$0].name }.joined(separator: ", "))), found pictures"
            )
        }
        let shape = network.values[network.inputs[0]].shape
        if let shape, shape.count != 3 && shape.count != 1 {
            throw CommandFailure.failure(
                "expected a network that reads pictures, found an input of shape \(InputData.text(shape[...]))")
        }
        let layout = options.layout ?? (InputScaling.isChannelsLast(shape) ? .nhwc : .nchw)
        var channels = 3
        var crop: (width: Int, height: Int)?
        if let shape, shape.count == 3 {
            let (c, h, w) = layout == .nchw ? (shape[0], shape[1], shape[2]) : (shape[2], shape[0], shape[1])
            guard c == 1 || c == 3 else {
                throw CommandFailure.failure(
                    "expected a network input of 1 or 3 channels for pictures, found \(c) of shape \(InputData.text(shape[...])) (\(layout.rawValue))"
                )
            }
            channels = c
            if h > 0, w > 0 { crop = (w, h) }
        }
        if let shape, shape.count == 1 {
            (channels, crop) = try Self.unflattened(shape[0], options, first: first())
        }
        if let given = options.crop { crop = (given.width ?? given.height, given.height) }
        let resizing: ImagePreparation.Resizing =
            if let size = options.resize {
                if let width = size.width { .exactly(width: width, height: size.height) } else { .shorterSide(size.height) }
            } else {
                .coverCrop
            }
        preparation = ImagePreparation(
            resizing: resizing, interpolation: options.interpolation, crop: crop, channels: channels, order: options.channelOrder,
            layout: layout)
        let cut = crop.map { "center \($0.height)×\($0.width)" }
        switch resizing {
        case .coverCrop: text = cut.map { "resized (\(options.interpolation.rawValue)) where needed to cover the \($0)" } ?? "not resized"
        case .shorterSide(let side):
            text = ["shorter side \(side) (\(options.interpolation.rawValue))", cut].compactMap { $0 }.joined(separator: ", ")
        case .exactly(let width, let height):
            text = ["resized to \(height)×\(width) (\(options.interpolation.rawValue))", cut].compactMap { $0 }.joined(separator: ", ")
        }
    }

    /// Color and size of the pictures whose samples are the `count` features of a flat input: the size that the flags or the first picture
    /// have, else a square.
    private static func unflattened(
        _ count: Int, _ options: ImageOptions, first: (width: Int, height: Int)
    ) throws -> (channels: Int, crop: (width: Int, height: Int)?) {
        var sizes = [first]
        if let width = options.resize?.width, let height = options.resize?.height { sizes.insert((width, height), at: 0) }
        if let crop = options.crop { sizes = [(crop.width ?? crop.height, crop.height)] }
        for channels in [1, 3] {
            for size in sizes where size.width * size.height * channels == count { return (channels, size) }
            let side = Int(Double(count / channels).squareRoot().rounded())
            if options.crop == nil, side * side * channels == count { return (channels, (side, side)) }
        }
        throw CommandFailure.failure(
            "expected pictures of \(count) samples, as many as the network has inputs, found \(sizes[0].width)×\(sizes[0].height) ones; --crop takes the size"
        )
    }
}
