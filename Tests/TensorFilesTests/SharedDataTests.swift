import Foundation
import Testing
import TensorFiles
import TestSupport

@Suite(.besideSharedData) struct SharedDataTests {
    @Test(arguments: SharedData.files(ofType: "safetensors"))
    func safetensorsRoundTripIsByteExact(_ file: String) throws {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: SharedData.path(file))))
        let archive = try Safetensors.decode(bytes)
        #expect(try Safetensors.encode(archive) == bytes)
        #expect(try TensorArchive.read(path: SharedData.path(file)) == archive)
    }

    @Test(arguments: SharedData.files(ofType: "npz"))
    func npzRoundTrip(_ file: String) throws {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: SharedData.path(file))))
        let archive = try NPZ.decode(bytes)
        #expect(!archive.isEmpty)
        #expect(try NPZ.decode(NPZ.encode(archive, compression: .deflated)) == archive)
        // Written by numpy, either stored or deflated.
        let exact = try [NPZ.Compression.stored, .deflated].contains { try NPZ.encode(archive, compression: $0) == bytes }
        #expect(exact)
    }

    @Test func npyRoundTripIsByteExact() throws {
        let path = SharedData.path("lenet300_mnist_fc1_weight.npy")
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        let tensor = try NPY.decode(bytes)
        #expect(tensor.shape == [300, 784] && tensor.dtype == .f32)
        #expect(try NPY.encode(tensor) == bytes)
        let archive = try TensorArchive.read(path: path)
        #expect(archive.names == ["lenet300_mnist_fc1_weight"])
        let network = try TensorArchive.read(path: SharedData.path("lenet300_mnist.safetensors"))
        #expect(network["fc1.weight"] == tensor)
    }
}
