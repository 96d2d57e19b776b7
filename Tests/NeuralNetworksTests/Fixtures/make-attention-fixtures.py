#!/usr/bin/env python3
"""Writes the small vision transformers of the tests as PyTorch's two exporters see them, and adds onnxruntime's answers to expected.npz.

usage: python3 make-attention-fixtures.py      after make-onnx-fixtures.py; needs numpy, onnx, onnxruntime, torch, onnxscript
torch.nn.MultiheadAttention computes on (tokens, batch, width), with heads joined to the batch.
"""
import os

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

FOLDER = os.path.dirname(os.path.abspath(__file__))


class Transformer(nn.Module):
    """Patches of 8 × 12 images, one encoder layer, and the mean of the tokens or a class token."""

    def __init__(self, width=16, heads=4, hidden=12, has_class_token=False, norm_first=True):
        super().__init__()
        self.patch = nn.Conv2d(3, width, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, width)) if has_class_token else None
        self.position = nn.Parameter(0.3 * torch.randn(1, 7 if has_class_token else 6, width))
        layer = nn.TransformerEncoderLayer(
            width, heads, hidden, dropout=0.0, activation="gelu" if norm_first else "relu", batch_first=True, norm_first=norm_first)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 5)
        for name, parameter in self.encoder.named_parameters():
            if parameter.dim() == 1:
                nn.init.normal_(parameter, 1.0 if ".norm" in name and name.endswith("weight") else 0.0, 0.2)

    def forward(self, images):
        x = self.patch(images).flatten(2).transpose(1, 2)
        if self.token is not None:
            x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1)
        x = self.norm(self.encoder(x + self.position))
        return self.head(x.mean(1) if self.token is None else x[:, 0])


def stripped(model):
    """Without what tells of the machine it was made on."""
    for part in [model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer]:
        part.ClearField("doc_string")
        if hasattr(part, "metadata_props"):
            part.ClearField("metadata_props")
    model.ClearField("metadata_props")
    del model.functions[:]
    return model


def export(name, seed, is_scripted, **options):
    torch.manual_seed(seed)
    network = Transformer(**options).eval()
    images = torch.randn(3, 3, 8, 12)
    path = os.path.join(FOLDER, name + ".onnx")
    common = dict(input_names=["input"], output_names=["output"])
    if is_scripted:
        axes = {"input": {0: "batch"}, "output": {0: "batch"}}
        torch.onnx.export(network, (images,), path, dynamo=False, opset_version=17, dynamic_axes=axes, **common)
    else:
        shapes = ({0: torch.export.Dim("batch", min=2, max=64)},)
        torch.onnx.export(network, (images,), path, dynamo=True, external_data=False, dynamic_shapes=shapes, **common)
    model = stripped(onnx.load(path))
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return {f"{name}.input": images.numpy(), f"{name}.output": session.run(None, {"input": images.numpy()})[0]}


expected = dict(np.load(os.path.join(FOLDER, "expected.npz")))
expected |= export("vit-script", 1, True)
expected |= export("vit-script-token", 2, True, has_class_token=True, norm_first=False)
expected |= export("vit-export", 3, False, norm_first=False)
expected |= export("vit-export-token", 4, False, has_class_token=True)
np.savez_compressed(os.path.join(FOLDER, "expected.npz"), **expected)
