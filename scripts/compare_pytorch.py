"""Times a step of learning here and in PyTorch; called by compare-pytorch.

Every number is the median of interleaved rounds; a round is the best step of about a second in a process of its own.
"""
import json, os, statistics, subprocess, sys, time

ROUNDS, BATCH = int(os.environ["ROUNDS"]), 32


def block(torch, inputs, outputs, stride):
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Sequential(
                nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
                nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs))
            self.widen = outputs - inputs

        def forward(self, x):
            # Shortcuts of type A (He et al., CVPR 2016): every second pixel, new channels zero.
            skip = x if not self.widen else nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.widen // 2, self.widen // 2))
            return torch.relu(self.inner(x) + skip)

    return Block()


def network(torch, name):
    nn = torch.nn
    if name == "LeNet-300":
        return nn.Sequential(nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10)), (784,)
    if name == "LeNet-5":
        return nn.Sequential(
            nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10)), (1, 28, 28)
    layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    for inputs, outputs in zip([16] * 3 + [16] + [32] * 2 + [32] + [64] * 2, [16] * 3 + [32] * 3 + [64] * 3):
        layers.append(block(torch, inputs, outputs, 1 if inputs == outputs else 2))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)), (3, 32, 32)


def theirs(name, threads):
    import torch
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    model, shape = network(torch, name)
    model.eval()
    weights = [p for m in model.modules() if isinstance(m, (torch.nn.Linear, torch.nn.Conv2d)) for p in m.parameters()]
    x = torch.randn(BATCH, *shape)
    clock = time.process_time if threads == 1 else time.perf_counter

    def step():
        return torch.autograd.grad((model(x) ** 2).sum() / 2, weights)

    step()
    best, end = float("inf"), time.perf_counter() + 1
    while time.perf_counter() < end:
        start = clock(); step(); best = min(best, clock() - start)
    return best


def ours(name, threads):
    """A step and a forward pass."""
    found = []
    for kind in ("training step", "forward"):
        command = [".build/release/loewner", "benchmark", "network", "--only", f"{kind} {name} images={BATCH}", "--threads", str(threads),
                   "--no-history", "--json"]
        report = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        line = next(l for l in report["lines"] if kind in l["name"])
        if line.get("failure"): sys.exit(f"{name}: {line['failure']}")
        found.append(min(line["samples"]))
    return found


if len(sys.argv) > 3 and sys.argv[1] == "--child":
    print(theirs(sys.argv[2], int(sys.argv[3])))
    sys.exit()

print("| network | threads | loewner ms | in forward passes | PyTorch ms | ratio |\n|---|---:|---:|---:|---:|---:|")
for name in os.environ["NETWORKS"].split():
    for threads in map(int, os.environ["THREADS"].split()):
        rounds = []
        for _ in range(ROUNDS):
            child = [sys.executable, __file__, "--child", name, str(threads)]
            peer = float(subprocess.run(child, check=True, capture_output=True).stdout)
            rounds.append((*ours(name, threads), peer))
        step, passes, peer = (statistics.median(r) for r in zip(*[(s, s / f, p) for s, f, p in rounds]))
        ratio = statistics.median(s / p for s, _, p in rounds)
        print(f"| {name} | {threads} | {step * 1e3:.3g} | {passes:.2f} | {peer * 1e3:.3g} | {ratio:.2f} |", flush=True)
