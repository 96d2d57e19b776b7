"""A small vision transformer, for the round trip: what a model of torch's own layers looks like. Dosovitskiy et al., arXiv:2010.11929."""
import torch
from torch import nn


class VisionTransformer(nn.Module):
    def __init__(self, width=64, heads=2, depth=2, patch=8, side=32, classes=10):
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, stride=patch)
        self.positions = nn.Parameter(0.02 * torch.randn(1, (side // patch) ** 2, width))
        self.blocks = nn.Sequential(
            *(nn.TransformerEncoderLayer(width, heads, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.slopes = nn.PReLU(width)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2) + self.positions
        return self.head(self.slopes(self.norm(self.blocks(x)).mean(1)))
