// A folder of samples: pictures or arrays, either all in it or all in subfolders named for their class.

import Foundation
import ImageFiles
import TensorFiles

struct SampleFolder {
    enum Kind { case pictures, arrays }

    struct File {
        let path: String
        /// Name without extension.
        let stem: String
        /// Index into `classes`; nil outside of subfolders.
        let category: Int?
    }

    let kind: Kind
    /// By name, folder by folder: the order is the same on every machine.
    let files: [File]
    /// Names of the subfolders, sorted; empty when the samples lie in the folder itself.
    let classes: [String]
    private let ignored: Int
    /// Folders inside of class folders, whatever they hold.
    private let deeper: Int

    /// Lists a folder. Hidden files are passed over; files of other kinds, pipes and devices among them, and folders inside of class folders
    /// are counted.
    init(path: String) throws {
        let entries = try Self.entries(path)
        let classes = entries.filter(\.isFolder).map(\.name)
        var found: [(file: File, kind: Kind)] = []
        var (ignored, deeper) = (0, 0)
        func add(_ folder: String, _ name: String, _ category: Int?) {
            guard let kind = Self.kind(name), !FileSystem.isSpecial(folder + "/" + name) else { ignored += 1; return }
            found.append((File(path: folder + "/" + name, stem: SystemPath.stem(of: name), category: category), kind))
        }
        for entry in entries where !entry.isFolder { add(path, entry.name, nil) }
        let loose = found.count
        for (index, name) in classes.enumerated() {
            for entry in try Self.entries(path + "/" + name) {
                if entry.isFolder { deeper += 1 } else { add(path + "/" + name, entry.name, index) }
            }
        }
        guard let kind = found.first?.kind else {
            let found = deeper > 0 ? "only \(Self.counted(deeper, "folder")) inside of folders" : "none"
            throw CommandFailure.failure("expected .jpg, .jpeg, .png or .npy files, or folders of them, found \(found)")
        }
        guard found.allSatisfy({ $0.kind == kind }) else {
            throw CommandFailure.failure("expected pictures or .npy files, found both")
        }
        let isLabelsArray = loose == 1 && kind == .arrays && found[0].file.stem == "labels"
        guard loose == 0 || loose == found.count, !isLabelsArray || found.count == 1 else {
            throw CommandFailure.failure(
                "expected all samples in folders named for their class or none, found \(loose) beside such folders")
        }
        self.kind = kind
        (self.ignored, self.deeper) = (ignored, deeper)
        files = found.map(\.file)
        self.classes = loose == 0 ? classes : []
    }

    /// What the account of the data should mention about the listing.
    var remark: String {
        var parts: [String] = []
        if !classes.isEmpty {
            parts.append(
                "\(classes.count) class folders, \(numericClasses == nil ? "numbered in the order of their names" : "their names are the labels")"
            )
        }
        if ignored > 0 { parts.append("\(Self.counted(ignored, "other file")) passed over") }
        if deeper > 0 { parts.append("\(Self.counted(deeper, "folder")) inside of class folders passed over") }
        return parts.isEmpty ? "" : " (\(parts.joined(separator: "; ")))"
    }

    /// Class per file; nil when there are no class folders.
    func labels(needed: Bool) throws -> [Int]? {
        guard !classes.isEmpty else {
            if needed { throw CommandFailure.failure("expected folders named for the classes (LABEL/*.jpg), found pictures without") }
            return nil
        }
        let values = numericClasses ?? Array(classes.indices)
        return files.compactMap { $0.category.map { values[$0] } }
    }

    /// The names of the classes as numbers, where all are distinct ones: 7, 007.
    private var numericClasses: [Int]? {
        let numbers = classes.compactMap { $0.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int($0) : nil }
        return numbers.count == classes.count && Set(numbers).count == numbers.count ? numbers : nil
    }

    // MARK: Pictures

    /// Width and height of the first picture.
    func firstPictureSize() throws -> (width: Int, height: Int) {
        let image = try picture(files[0])
        return (image.width, image.height)
    }

    private func picture(_ file: File) throws -> PixelImage {
        do { return try PixelImage(decoding: FileSystem.contents(ofRegularFile: file.path)) } catch let error as TensorFileError {
            throw error
        } catch { throw CommandFailure.failure("\(shown(file)): \(error)") }
    }

    /// All pictures, prepared, one behind the other.
    /// - Throws: a failure naming the first file that cannot be decoded or has another size than the first.
    func decode(with preparation: ImagePreparation) throws -> (samples: [UInt8], size: (width: Int, height: Int)) {
        var samples: [UInt8] = []
        var size: (width: Int, height: Int)?
        for file in files {
            let name = shown(file)
            let picture: (samples: [UInt8], width: Int, height: Int)
            let decoded = try self.picture(file)
            do { picture = try preparation.apply(to: decoded) } catch {
                throw CommandFailure.failure("\(name): \(error)")
            }
            if let size {
                guard picture.width == size.width, picture.height == size.height else {
                    throw CommandFailure.failure(
                        "expected pictures of one size, or --resize and --crop, found \(size.width)×\(size.height) and \(picture.width)×\(picture.height) (\(name))"
                    )
                }
            } else {
                size = (picture.width, picture.height)
                // As bytes and as single precision, and once more in what reads them.
                let (total, overflow) = picture.samples.count.multipliedReportingOverflow(by: files.count * 9)
                guard !overflow, UInt64(total) <= ProcessInfo.processInfo.physicalMemory else {
                    throw CommandFailure.failure(
                        "expected pictures that fit in memory, found \(files.count) of \(picture.width)×\(picture.height); take fewer, or --crop"
                    )
                }
                samples.reserveCapacity(picture.samples.count * files.count)
            }
            samples.append(contentsOf: picture.samples)
        }
        guard let size else { throw CommandFailure.failure("expected at least 1 picture, found none") }
        return (samples, size)
    }

    // MARK: Arrays

    /// All arrays under one another as `images`, with `labels` from folders or from labels.npy.
    ///
    /// A file is one sample when it has the axes of `sampleShape` (or when those are unknown and no file says otherwise), several when it has one
    /// axis more.
    func stacked(sampleShape: [Int]?, needsLabels: Bool) throws -> (archive: TensorArchive, isFloat: Bool) {
        var bytes: [UInt8] = []
        var labels: [Int] = []
        var shape: [Int]?
        var type: DType?
        var count = 0
        let folderLabels = try self.labels(needed: false)
        let data = files.filter { !($0.stem == "labels" && $0.category == nil) }
        for (index, file) in data.enumerated() {
            let tensor = try TensorArchive.readOnlyTensor(path: file.path)
            let holdsOne = sampleShape.map { tensor.shape.count <= $0.count } ?? true
            let own = holdsOne ? tensor.shape : Array(tensor.shape.dropFirst())
            let samples = holdsOne ? 1 : tensor.shape[0]
            guard shape == nil || shape == own, type == nil || type == tensor.dtype else {
                throw CommandFailure.failure(
                    "expected arrays of one shape and type, found \(InputData.text((shape ?? [])[...])) \(type?.rawValue ?? "") and \(InputData.text(own[...])) \(tensor.dtype.rawValue) (\(shown(file)))"
                )
            }
            (shape, type) = (own, tensor.dtype)
            count += samples
            bytes += tensor.bytes
            if let folderLabels { labels += Array(repeating: folderLabels[index], count: samples) }
        }
        guard let shape, let type else { throw CommandFailure.failure("expected at least 1 array of samples, found none") }
        var archive = TensorArchive()
        // Samples without an axis of their own are vectors of one number.
        archive["images"] = try Tensor(dtype: type, shape: [count] + (shape.isEmpty ? [1] : shape), bytes: bytes)
        if let own = files.first(where: { $0.stem == "labels" && $0.category == nil }) {
            archive["labels"] = try TensorArchive.readOnlyTensor(path: own.path)
        } else if !labels.isEmpty {
            archive["labels"] = .int64(labels)
        }
        return (archive, type.isFloatingPoint)
    }

    // MARK: Listing

    private static func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

    private func shown(_ file: File) -> String {
        (file.category.map { classes[$0] + "/" } ?? "") + PathText.name(file.path)
    }

    private static func entries(_ path: String) throws -> [(name: String, isFolder: Bool)] {
        try FileSystem.names(inFolder: path).filter { $0.utf8.first != UInt8(ascii: ".") }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { ($0, FileSystem.isFolder(path + "/" + $0)) }
    }

    private static func kind(_ name: String) -> Kind? {
        switch SystemPath.ending(of: name) {
        case "jpg", "jpeg", "png": .pictures
        case "npy": .arrays
        default: nil
        }
    }
}
