"""Export a PyTorch module for `loewner prune`, by either exporter, with batch normalization kept.

Exporters fold batch normalization into convolutions by default. Its statistics say what the network's data look like, and pruning
without images is better with them: keep them.
"""
import warnings

import torch


def export(model, example, path):
    """The exporter of torch 2.5 and newer. `optimize=False` keeps batch normalization. Needs `pip install onnxscript`."""
    batch = torch.export.Dim("batch")
    model = model.eval()
    torch.onnx.export(model, (example,), path, dynamo=True, optimize=False, dynamic_shapes=({0: batch},), external_data=False)


def export_torchscript(model, example, path):
    """The older exporter. `training=PRESERVE` keeps batch normalization of a model in eval mode; `do_constant_folding=False` keeps names."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.eval(), (example,), path, dynamo=False, training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
            input_names=["x"], output_names=["logits"], dynamic_axes={"x": {0: "batch"}, "logits": {0: "batch"}})
