"""From PyTorch through `loewner prune` and back, every way there is: the same outputs each time, or exit code 1.

    python3 round_trip.py --loewner ../../.build/release/loewner --folder /tmp/round-trip

The weights are drawn, the images too: this shows the way, not what pruning costs.
"""
import argparse
import importlib.util
import os
import subprocess
import sys

import numpy
import torch
from safetensors.torch import save_file

from export import export, export_torchscript
from load_pruned import load_pruned
from resnet20 import ResNet20
from vision_transformer import VisionTransformer

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--loewner", default="loewner", help="the tool")
parser.add_argument("--folder", required=True, help="where all files go")
options = parser.parse_args()
os.makedirs(options.folder, exist_ok=True)
inside = lambda name: os.path.join(options.folder, name)

torch.manual_seed(1)
images = torch.randn(48, 3, 32, 32)
numpy.savez(inside("images.npz"), images=images.numpy(), labels=numpy.zeros(len(images), numpy.uint8))
model = ResNet20()
with torch.no_grad():
    for part in model.modules():
        if isinstance(part, torch.nn.BatchNorm2d):  # not all alike: exporters store equal tensors once
            part.weight.uniform_(0.5, 1.5)
            part.bias.normal_(0, 0.1)
    for _ in range(20):  # statistics for batch normalization
        model(images)
model.eval()


def loewner(*arguments):
    # Status 3: what is left of a network of drawn weights answers otherwise than the whole, and is said to.
    status = subprocess.run([options.loewner, *arguments], stdout=subprocess.DEVNULL).returncode
    if status not in (0, 3):
        sys.exit(f"loewner {arguments[0]} failed with status {status}")


def expected(model_file, *network):
    """The tool's own outputs."""
    loewner("evaluate", model_file, "--data", inside("images.npz"), "--raw", "--logits", inside("logits.npy"), "--force", *network)
    return torch.from_numpy(numpy.load(inside("logits.npy")))


worst = 0.0


def compare(name, module, logits):
    global worst
    with torch.no_grad():
        error = float((module(images) - logits).abs().max() / logits.abs().max())
    parameters = sum(parameter.numel() for parameter in module.parameters())
    print(f"{name}: {parameters} parameters, largest difference {error:.1e} of the largest output")
    worst = max(worst, error)


def emitted(path):
    """The module that --emit-python wrote."""
    spec = importlib.util.spec_from_file_location("emitted", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load()


# 1. A state dictionary, an architecture that loewner knows by name.
save_file(model.state_dict(), inside("resnet20.safetensors"))
compare("original", model, expected(inside("resnet20.safetensors"), "--network", "resnet20-cifar"))
loewner(
    "prune", inside("resnet20.safetensors"), "-o", inside("small.safetensors"), "--network", "resnet20-cifar", "--keep", "0.5",
    "--calibration", inside("images.npz"), "--emit-python", inside("small.py"), "--force")
logits = expected(inside("small.safetensors"), "--network", "resnet20-cifar")
compare("load_pruned", load_pruned(ResNet20(), inside("small.safetensors")).eval(), logits)
compare("emitted module", emitted(inside("small.py")), logits)

# 2. Both exporters, any architecture: one whose tensors keep their names, and one whose tensors do not.
ways = [("torchscript", export_torchscript)]
if importlib.util.find_spec("onnxscript"):
    ways.append(("dynamo", export))
else:
    print("dynamo: skipped, onnxscript is not installed")
for kind, make in [("resnet20", ResNet20), ("vision_transformer", VisionTransformer)]:
    whole = model if kind == "resnet20" else make().eval()
    for exporter, way in ways:
        name = f"{kind}_{exporter}"
        way(whole, images[:2], inside(f"{name}.onnx"))
        loewner(
            "prune", inside(f"{name}.onnx"), "-o", inside(f"{name}_small.onnx"), "--keep", "0.5", "--calibration", inside("images.npz"),
            "--learn", "0", "--emit-python", inside(f"{name}_small.py"), "--force")
        logits = expected(inside(f"{name}_small.onnx"))
        compare(f"{kind} by {exporter}, load_pruned", load_pruned(make(), inside(f"{name}_small.onnx")).eval(), logits)
        compare(f"{kind} by {exporter}, emitted module", emitted(inside(f"{name}_small.py")), logits)

if worst > 1e-5:
    sys.exit(f"expected the same outputs to 1e-5, found a difference of {worst:.1e}")
