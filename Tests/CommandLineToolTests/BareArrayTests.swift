import TensorFiles
import Testing

/// Inputs in a `.npy` file, which names none.
@Suite struct BareArrayTests {
    @Test func anArrayWithoutANameIsTakenAsTheInputs() throws {
        let folder = try ScratchFolder()
        try SmallNetwork.write(to: folder)
        let values = try Tensor.float32((0..<40).map { Float(($0 * 37) % 11) - 5 }, shape: [20, 2])
        try TensorArchive([("images", values)]).write(to: folder.path("named.npz"), force: false)
        try TensorArchive([("x", values)]).write(to: folder.path("bare.npy"), force: false)
        func pruned(_ data: String, _ output: String) throws -> Int32 {
            let outcome = try BuiltTool.run(
                ["prune", "net.safetensors", "-o", output, "--keep", "0.67", "--calibration", data, "--force-quality"], in: folder)
            #expect(outcome.status == 0, "\(outcome.errors)")
            return outcome.status
        }
        #expect(try pruned("named.npz", "a.safetensors") == pruned("bare.npy", "b.safetensors"))
        #expect(try folder.read("a.safetensors") == folder.read("b.safetensors"))
        // Labels are still asked for where they are needed.
        let evaluated = try BuiltTool.run(["evaluate", "net.safetensors", "--data", "bare.npy"], in: folder)
        #expect(evaluated.status == 1 && evaluated.errors.contains("labels"), "\(evaluated.errors)")
    }
}
