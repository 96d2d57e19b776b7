#!/usr/bin/env python3
"""Trains the embedded example network and writes Benchmarks/Digits.

64-300-100-10, ReLU, on the 8×8 handwritten digits that come with scikit-learn (Alpaydin & Kaynak, "Optical Recognition of
Handwritten Digits", UCI Machine Learning Repository, 1998, CC BY 4.0, doi 10.24432/C50P49). 1797 images; a seeded
permutation keeps 597 apart as test images, the other 1200 train the network and the first 512 of them serve as
calibration images. Grey levels 0…16 are stored as bytes round(255·g/16); the network takes byte/255.

    pip install numpy==2.4.6 scikit-learn==1.9.1 torch==2.15.0 safetensors==0.8.0
    python3 scripts/train-digits.py

The committed files were written with exactly the versions that `versions.json` beside them names; other versions give a
network of the same kind with other weights.
"""
import json, pathlib
import numpy as np, sklearn, torch, safetensors
from safetensors.torch import save_file
from sklearn.datasets import load_digits

SEED, EPOCHS, BATCH = 20221128, 60, 64
torch.manual_seed(SEED); torch.set_num_threads(1); torch.use_deterministic_algorithms(True)
order = np.random.default_rng(SEED).permutation(1797)
digits = load_digits()
images = np.round(digits.images * (255 / 16)).astype(np.uint8)[order]
labels = digits.target.astype(np.uint8)[order]
train_x, train_y = torch.tensor(images[:1200].reshape(-1, 64) / 255, dtype=torch.float32), torch.tensor(labels[:1200], dtype=torch.long)
test_x, test_y = torch.tensor(images[1200:].reshape(-1, 64) / 255, dtype=torch.float32), torch.tensor(labels[1200:], dtype=torch.long)

class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = torch.nn.Linear(64, 300), torch.nn.Linear(300, 100), torch.nn.Linear(100, 10)
    def forward(self, x):
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x)))))

network = Network()
optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, EPOCHS)
for epoch in range(EPOCHS):
    for batch in torch.randperm(1200).split(BATCH):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(train_x[batch]), train_y[batch]).backward()
        optimizer.step()
    schedule.step()
with torch.no_grad():
    accuracy = (network(test_x).argmax(1) == test_y).float().mean().item()

out = pathlib.Path(__file__).resolve().parent.parent / "Benchmarks" / "Digits"
out.mkdir(parents=True, exist_ok=True)
save_file({k: v.contiguous() for k, v in network.state_dict().items()}, out / "digits.safetensors")
np.savez(out / "digits-test597.npz", images=images[1200:], labels=labels[1200:])
np.savez(out / "digits-calibration512.npz", images=images[:512], labels=labels[:512])
versions = {"numpy": np.__version__, "scikit-learn": sklearn.__version__, "torch": torch.__version__, "safetensors": safetensors.__version__,
            "seed": SEED, "epochs": EPOCHS, "testAccuracy": round(accuracy, 4), "pixelMean": round(float(images[:1200].mean() / 255), 4),
            "pixelStandardDeviation": round(float((images[:1200] / 255).std()), 4)}
(out / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")
print(versions)
