// What a network is fed with, whatever kind of file or folder it lies in, and an account of what was done to it.

import Foundation
import ImageFiles
import NeuralNetworks
import TensorFiles

/// Inputs ready for a network, with labels when there are any.
struct InputData {
    /// What is done about labels.
    enum Labels {
        case needed
        /// Read where there are any.
        case welcome
        /// Passed over, whatever they are.
        case ignored
    }

    let labelled: LabelledImages
    /// What they are made of, for those who make them again later.
    private(set) var stored: StoredInputs?
    /// One line: what was read, and how it was resized, cropped, ordered and scaled.
    let account: String
    /// False for integer pixels without declared statistics, which most networks of colored images are not trained on.
    let isNormalized: Bool

    var images: ActivationTensor { labelled.images }
    var labels: [Int] { labelled.labels }

    /// Reads an archive with `images` (and `labels`) or with one array per network input, an `.npy` file of all inputs, a folder of JPEG
    /// and PNG files, or a folder of `.npy` files; in folders the names of subfolders are the labels.
    init(path: String, options: ImageOptions, network: Network, labels: Labels) throws {
        let needsLabels = labels == .needed
        do {
            if FileSystem.isFolder(path) {
                let folder = try SampleFolder(path: path)
                switch folder.kind {
                case .pictures: self = try Self.pictures(folder, options, network, needsLabels: needsLabels)
                case .arrays: self = try Self.arrays(folder, options, network, needsLabels: needsLabels)
                }
            } else {
                var archive = try TensorArchive.read(path: path)
                // The array of a file that names none, whatever the file is called.
                if network.inputs.count == 1, path.hasSuffix(".npy"), archive.names.count == 1, let array = archive[archive.names[0]] {
                    archive = TensorArchive([("images", array)])
                }
                if labels == .ignored, !network.inputs.contains(where: { network.values[$0].name == "labels" }) { archive["labels"] = nil }
                self = try Self.archive(archive, options, network, needsLabels: needsLabels)
            }
        } catch let error as CommandFailure {
            throw CommandFailure(status: error.status, message: error.message.map { "\(path): \($0)" })
        } catch let error as TensorFileError {
            throw error.inFile(path)
        } catch {
            throw CommandFailure.failure("\(path): \(error)")
        }
    }

    init(labelled: LabelledImages, stored: StoredInputs?, account: String, isNormalized: Bool = true) {
        self.labelled = labelled
        self.stored = stored
        self.account = account
        self.isNormalized = isNormalized
    }

    /// As a model takes it that fixes a batch of more than one sample.
    func grouped(for network: Network, path: String) throws -> InputData {
        let joined: LabelledImages
        do { joined = try labelled.grouped(for: network) } catch { throw CommandFailure.failure("\(path): \(error)") }
        guard joined.images.batchCount != labelled.images.batchCount else { return self }
        let size = labelled.images.batchCount / joined.images.batchCount
        var stored = stored
        stored?.groups = network
        return InputData(
            labelled: joined, stored: stored,
            account: "\(account); \(joined.images.batchCount) groups of \(size), as many as the model takes at a time",
            isNormalized: isNormalized)
    }

    /// Without what they are made of, which is as large for floating-point arrays.
    var alone: InputData { InputData(labelled: labelled, stored: nil, account: account, isNormalized: isNormalized) }

    /// Whether the flags leave nothing to be asked about integer images of three channels.
    private static func isNormalized(_ options: ImageOptions, isFloat: Bool, channels: Int) -> Bool {
        isFloat || channels != 3 || options.raw || options.mean != nil || options.std != nil
    }

    // MARK: Archives

    private static func archive(_ archive: TensorArchive, _ options: ImageOptions, _ network: Network, needsLabels: Bool) throws
        -> InputData
    {
        let names = network.inputs.map { network.values[$0].name }
        for name in ["images", "labels"] + names { if let refusal = archive.refusal(of: name) { throw refusal } }
        if let stored = archive["images"], names.count == 1 {
            if !stored.dtype.isFloatingPoint { try options.checkRange() }
            let shape = network.values[network.inputs[0]].shape
            let last = options.layout.map { $0 == .nhwc } ?? InputScaling.isChannelsLast(shape)
            let scaling = options.scaling(channelsLast: last)
            let kept = StoredInputs(archive: archive, form: .images(scaling), needsLabels: needsLabels)
            let labelled = try kept.labelled()
            return InputData(
                labelled: labelled, stored: kept,
                account:
                    "\(counted(labelled)) of shape \(text(stored.shape.dropFirst())), \(scaled(stored.dtype.isFloatingPoint, options))",
                isNormalized: isNormalized(
                    options, isFloat: stored.dtype.isFloatingPoint, channels: stored.shape.count == 4 ? stored.shape[last ? 3 : 1] : 1))
        }
        guard names.allSatisfy({ archive[$0] != nil }) else {
            let wanted = names.count == 1 ? "images or \(names[0])" : names.joined(separator: ", ")
            throw CommandFailure.failure(
                "expected \(names.count == 1 ? "an array named" : "one array per network input:") \(wanted), found \(archive.names.prefix(8).joined(separator: ", "))"
            )
        }
        return try named(archive, names, options, needsLabels: needsLabels)
    }

    /// One array per network input, taken as it is.
    private static func named(_ archive: TensorArchive, _ names: [String], _ options: ImageOptions, needsLabels: Bool) throws -> InputData {
        if options.mean != nil || options.std != nil {
            throw CommandFailure.usage("expected --mean and --std only with images, found arrays named like the network's inputs")
        }
        let stored = StoredInputs(archive: archive, form: .named(names), needsLabels: needsLabels)
        let labelled = try stored.labelled()
        let shapes = zip(names, labelled.inputs).map { "\($0) \(text($1.shape.dropFirst()))" }
        return InputData(
            labelled: labelled, stored: stored, account: "\(counted(labelled)): \(shapes.joined(separator: ", ")), as stored")
    }

    // MARK: Folders

    private static func pictures(_ folder: SampleFolder, _ options: ImageOptions, _ network: Network, needsLabels: Bool) throws -> InputData
    {
        try options.checkRange()
        let target = try PictureTarget(network, options, first: folder.firstPictureSize())
        let (samples, size) = try folder.decode(with: target.preparation)
        let channels = target.preparation.channels
        let shape = target.preparation.layout == .nchw ? [channels, size.height, size.width] : [size.height, size.width, channels]
        var archive = TensorArchive()
        archive["images"] = try Tensor.uint8(samples, shape: [folder.files.count] + shape)
        if let labels = try folder.labels(needed: needsLabels) { archive["labels"] = .int64(labels) }
        let scaling = options.scaling(channelsLast: target.preparation.layout == .nhwc)
        let stored = StoredInputs(archive: archive, form: .images(scaling), needsLabels: needsLabels)
        let labelled = try stored.labelled()
        let order = channels == 1 ? "gray" : target.preparation.order.rawValue.uppercased()
        let parts = [
            "\(counted(labelled))\(folder.remark)", target.text, order,
            target.preparation.layout.rawValue.uppercased() + " \(text(shape[...]))",
            scaled(false, options),
        ]
        return InputData(
            labelled: labelled, stored: stored, account: parts.joined(separator: ", "),
            isNormalized: isNormalized(options, isFloat: false, channels: channels))
    }

    private static func arrays(_ folder: SampleFolder, _ options: ImageOptions, _ network: Network, needsLabels: Bool) throws -> InputData {
        let names = network.inputs.map { network.values[$0].name }
        let stems = Set(folder.files.map(\.stem))
        if names.allSatisfy(stems.contains), stems.subtracting(names).isSubset(of: ["labels"]) {
            var archive = TensorArchive()
            for file in folder.files { archive[file.stem] = try TensorArchive.readOnlyTensor(path: file.path) }
            return try named(archive, names, options, needsLabels: needsLabels)
        }
        guard names.count == 1 else {
            throw CommandFailure.failure(
                "expected one array per network input (\(names.map { $0 + ".npy" }.joined(separator: ", "))), found others")
        }
        let (archive, isFloat) = try folder.stacked(sampleShape: network.values[network.inputs[0]].shape, needsLabels: needsLabels)
        if !isFloat { try options.checkRange() }
        let last = options.layout.map { $0 == .nhwc } ?? InputScaling.isChannelsLast(network.values[network.inputs[0]].shape)
        let stored = StoredInputs(archive: archive, form: .images(options.scaling(channelsLast: last)), needsLabels: needsLabels)
        let labelled = try stored.labelled()
        return InputData(
            labelled: labelled, stored: stored,
            account:
                "\(counted(labelled)) from \(folder.files.count) .npy files\(folder.remark), shape \(text(labelled.images.shape.dropFirst())), \(scaled(isFloat, options))"
        )
    }

    // MARK: Words

    private static func counted(_ labelled: LabelledImages) -> String {
        let count = labelled.images.batchCount
        return "\(Format.count(count)) input\(count == 1 ? "" : "s")"
    }

    /// The scaling as a formula.
    private static func scaled(_ isFloat: Bool, _ options: ImageOptions) -> String {
        if options.raw { return "unscaled" }
        let pixel = isFloat || options.pixelRange == 255 ? "x" : "x/255"
        let isShifted = options.mean.map { $0.values.contains { $0 != 0 } } ?? false
        let isStretched = options.std.map { $0.values.contains { $0 != 1 } } ?? false
        func group(_ list: NumberList) -> String { list.values.count > 1 ? "(\(list.text))" : list.text }
        let shifted = isShifted ? "\(pixel) − \(group(options.mean!))" : pixel
        if !isStretched { return isShifted || pixel != "x" ? shifted : "unscaled" }
        return "\(isShifted ? "(\(shifted))" : shifted)/\(group(options.std!))"
    }

    static func text(_ shape: ArraySlice<Int>) -> String { shape.isEmpty ? "()" : shape.map(String.init).joined(separator: "×") }
}
