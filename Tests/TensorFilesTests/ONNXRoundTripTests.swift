import Foundation
import Testing
import TensorFiles
import TestSupport

@Suite(.besideSharedData) struct ONNXSharedModelTests {
    @Test(arguments: SharedData.files(ofType: "onnx"))
    func everythingSurvivesARoundTrip(_ file: String) throws {
        let path = SharedData.path(file)
        let model = try ONNX.read(path: path)
        let bytes = try ONNX.encode(model)
        let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
        #expect(bytes.count == size, "only the order of fields may change")
        let copy = try ONNX.decode(bytes)
        #expect(copy.tensorNames == model.tensorNames && !copy.tensorNames.isEmpty)
        for name in model.tensorNames { #expect(try copy.tensor(named: name) == model.tensor(named: name)) }
        // A second round changes nothing at all.
        #expect(try ONNX.encode(copy) == bytes)
    }

    @Test func tensorsAreThoseOfTheWeightsOnlyFile() throws {
        let model = try ONNX.read(path: SharedData.path("lenet5_mnist.onnx"))
        let archive = try TensorArchive.read(path: SharedData.path("lenet5_mnist.safetensors"))
        #expect(Set(model.tensorNames) == Set(archive.names))
        for name in archive.names { #expect(try model.tensor(named: name) == archive[name]) }
        #expect(model.opset == 17)
        #expect(model.producer == "pytorch")
    }
}
