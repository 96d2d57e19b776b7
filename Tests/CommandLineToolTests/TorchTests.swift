import Foundation
import TensorFiles
import Testing

/// A Python that has torch, numpy and safetensors: LOEWNER_PYTHON, or python3 on the PATH.
enum TorchInterpreter {
    static let path: String? = {
        let named = ProcessInfo.processInfo.environment["LOEWNER_PYTHON"]
        return [named, "python3"].compactMap { $0 }.first { name in
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = [name, "-c", "import torch, numpy, safetensors"]
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            guard (try? process.run()) != nil else { return false }
            process.waitUntilExit()
            return process.terminationStatus == 0
        }
    }()
}

/// What goes to PyTorch computes there what it computes here.
@Suite(.enabled(if: TorchInterpreter.path != nil, "no Python with torch: LOEWNER_PYTHON names one"))
struct TorchTests {
    private static let examples = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("examples/pytorch").path

    private static func python(_ text: String, in folder: ScratchFolder) throws -> BuiltTool.Outcome {
        try folder.write(text.utf8, to: "script.py")
        return try BuiltTool.shell("PYTHONPATH=\(examples):. \(TorchInterpreter.path ?? "python3") script.py", in: folder)
    }

    /// Emitted modules against `evaluate`; by `load`, and by `load_state_dict` where names are the file's.
    @Test func emittedModulesGiveTheSameOutputs() throws {
        let folder = try ScratchFolder()
        try ExampleInputs.write(to: folder)
        for (model, data) in [("lenet.safetensors", "test.npz"), ("resnet.onnx", "test-rgb.npz")] {
            let name = model.split(separator: ".")[0]
            let out = "small-\(model)"
            for arguments in [
                "prune \(model) -o \(out) --keep 0.5 --calibration \(data) --raw --emit-python \(name).py --force-quality",
                "evaluate \(out) --data \(data) --raw --logits \(name).npy",
            ] {
                let outcome = try BuiltTool.shell("$L \(arguments)", in: folder)
                #expect(outcome.status == 0, "\(outcome.errors)")
            }
        }
        let outcome = try Self.python(
            """
            import numpy, torch, lenet, resnet
            from safetensors.torch import load_file
            for module, data in [(lenet, "test.npz"), (resnet, "test-rgb.npz")]:
                images = torch.from_numpy(numpy.load(data)["images"]).float()
                expected = torch.from_numpy(numpy.load(module.__name__ + ".npy"))
                with torch.no_grad():
                    found = module.load()(images.flatten(1) if module is lenet else images)
                assert (found - expected).abs().max() <= 1e-5 * expected.abs().max(), module
            network = lenet.Network()
            network.load_state_dict(load_file("small-lenet.safetensors"))
            assert network.fc1.weight.shape == (12, 784) and isinstance(network.fc1, torch.nn.Linear)
            assert isinstance(resnet.Network().conv1, torch.nn.Conv2d)
            print("same")
            """, in: folder)
        #expect(outcome.status == 0 && outcome.output.contains("same"), "\(outcome.errors)")
    }

    /// The loader makes layers smaller, and refuses what does not fit, changing nothing.
    @Test func theLoaderChecksEveryTensor() throws {
        let folder = try ScratchFolder()
        let outcome = try Self.python(
            """
            import torch
            from torch import nn
            from load_pruned import load_pruned

            def network():
                return nn.Sequential(
                    nn.Conv2d(3, 8, 3, groups=1), nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3, groups=8), nn.Flatten(), nn.Linear(8, 5),
                    nn.LayerNorm(5), nn.Linear(5, 2))

            whole, kept, hidden = network().eval(), [0, 2, 5], [1, 4]
            state = whole.state_dict()
            small = {name: tensor for name, tensor in state.items()}
            for name in ["0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "2.weight", "2.bias"]:
                small[name] = state[name][kept]
            small["4.weight"] = state["4.weight"][:, kept]
            loaded = load_pruned(network(), small).eval()
            x = torch.randn(4, 3, 5, 5)
            cut = network().eval()
            cut.load_state_dict(state)
            with torch.no_grad():
                cut[4].weight[:, [1, 3, 4, 6, 7]] = 0
                assert torch.allclose(cut(x), loaded(x), atol=1e-6)
            assert loaded[2].groups == 3 and loaded[1].num_features == 3 and loaded[4].in_features == 3
            loaded(x).sum().backward()

            def refused(change, error):
                module, tensors = network(), dict(small)
                change(tensors)
                before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
                sizes = repr(module)
                try:
                    load_pruned(module, tensors)
                except error as found:
                    assert repr(module) == sizes, found
                    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
                    return
                assert False, "not refused"

            refused(lambda t: t.pop("4.bias"), KeyError)
            refused(lambda t: t.update(extra=torch.zeros(2)), KeyError)
            refused(lambda t: t.update({"0.weight": torch.zeros(3, 3, 2, 2)}), ValueError)
            refused(lambda t: t.update({"0.weight": torch.zeros(9, 3, 3, 3)}), ValueError)
            refused(lambda t: t.update({"4.weight": torch.zeros(5)}), ValueError)
            # A bias that the fit gave to a layer without one.
            gained = load_pruned(nn.Sequential(nn.Linear(2, 3, bias=False)), {"0.weight": torch.ones(3, 2), "0.bias": torch.ones(3)})
            assert torch.equal(gained(torch.ones(1, 2)), torch.full((1, 3), 3.0))
            print("fine")
            """, in: folder)
        #expect(outcome.status == 0 && outcome.output.contains("fine"), "\(outcome.errors)")
    }

    /// From a module through both exporters and back.
    @Test func theRoundTripOfTheExamples() throws {
        let folder = try ScratchFolder()
        let outcome = try BuiltTool.shell(
            "\(TorchInterpreter.path ?? "python3") \(Self.examples)/round_trip.py --loewner $L --folder \(folder.path("files"))", in: folder
        )
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        #expect(outcome.output.contains("load_pruned") && outcome.output.contains("emitted module"))
    }
}

/// What needs no torch.
@Suite struct TorchRefusalTests {
    @Test func whatTorchHasNoCounterpartOfIsNamedAndNothingIsWritten() throws {
        let folder = try ScratchFolder()
        try ExampleInputs.write(to: folder, poolsByNorm: true)
        let outcome = try BuiltTool.shell(
            "$L prune resnet.onnx -o small.onnx --select l2 --reweight none --emit-python small.py", in: folder)
        #expect(outcome.status == 1 && outcome.errors.contains("LpPooling (norm)"), "\(outcome.errors)")
        #expect(try folder.files().allSatisfy { !$0.hasPrefix("small") })
    }

    @Test(arguments: [("-o small.safetensors --emit-python small.txt", ".py"), ("--dry-run --emit-python small.py", "-o")])
    func usage(_ arguments: String, _ mention: String) throws {
        let folder = try ScratchFolder()
        try SmallNetwork.write(to: folder)
        let outcome = try BuiltTool.shell("$L prune net.safetensors \(arguments)", in: folder)
        #expect(outcome.status == 2 && outcome.errors.contains(mention), "\(outcome.errors)")
    }
}
