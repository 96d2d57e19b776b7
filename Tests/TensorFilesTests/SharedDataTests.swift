import Foundation
import Testing
import TensorFiles

/// The folder of real networks beside the repository; tests on it run when it is there.
let sharedData: String? = {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let folder = root.deletingLastPathComponent().appendingPathComponent("shared/data").path
    return FileManager.default.fileExists(atPath: folder) ? folder : nil
}()

private let sharedFiles: [String] = sharedData.flatMap { try? FileManager.default.contentsOfDirectory(atPath: $0) }?.sorted() ?? []

@Suite(.enabled(if: sharedData != nil, "../shared/data is not there"))
struct SharedDataTests {
    @Test(arguments: sharedFiles.filter { $0.hasSuffix(".safetensors") })
    func safetensorsRoundTripIsByteExact(_ file: String) throws {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: sharedData! + "/" + file)))
        let archive = try Safetensors.decode(bytes)
        #expect(try Safetensors.encode(archive) == bytes)
        #expect(try TensorArchive.read(path: sharedData! + "/" + file) == archive)
    }

    @Test(arguments: sharedFiles.filter { $0.hasSuffix(".npz") })
    func npzRoundTrip(_ file: String) throws {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: sharedData! + "/" + file)))
        let archive = try NPZ.decode(bytes)
        #expect(!archive.isEmpty)
        #expect(try NPZ.decode(NPZ.encode(archive, compression: .deflated)) == archive)
        // Written by numpy, either stored or deflated.
        let exact = try [NPZ.Compression.stored, .deflated].contains { try NPZ.encode(archive, compression: $0) == bytes }
        #expect(exact)
    }

    @Test func npyRoundTripIsByteExact() throws {
        let path = sharedData! + "/lenet300_mnist_fc1_weight.npy"
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        let tensor = try NPY.decode(bytes)
        #expect(tensor.shape == [300, 784] && tensor.dtype == .f32)
        #expect(try NPY.encode(tensor) == bytes)
        let archive = try TensorArchive.read(path: path)
        #expect(archive.names == ["lenet300_mnist_fc1_weight"])
        let network = try TensorArchive.read(path: sharedData! + "/lenet300_mnist.safetensors")
        #expect(network["fc1.weight"] == tensor)
    }
}
