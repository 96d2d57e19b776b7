"""Networks in files: inspected, evaluated and made smaller."""

import tempfile
from pathlib import Path

import numpy as np

from .tool import run


def _data(folder, name, value):
    """Inputs as a path: paths as they are; an array of images, or a pair of images and labels, as an archive."""
    if value is None or isinstance(value, (str, Path)):
        return value
    arrays = {"images": value[0], "labels": value[1]} if isinstance(value, tuple) else {"images": value}
    path = Path(folder) / f"{name}.npz"
    np.savez(path, **{key: np.asarray(array) for key, array in arrays.items()})
    return path


def prune(path, output, *, calibration=None, evaluate=None, **options):
    """Writes a smaller network that does the same work to `output`, and returns the report: sizes, accuracies, layers, warnings.

    `calibration` are images (N, …) or a path; `evaluate` a pair (images, labels) or a path. Options of `loewner prune`, such as
    keep=0.3, macs=0.5, max_drop=1, mean=(…), std=(…), report="report.html", force=True.

    Raises LimitError, with the report as its result and the network written, where the smaller network is known not to answer as the
    original does.
    """
    with tempfile.TemporaryDirectory() as folder:
        data = {"calibration": _data(folder, "calibration", calibration), "evaluate": _data(folder, "evaluation", evaluate)}
        return run("prune", path, "-o", output, options={**data, **options})


def evaluate(path, data, *, logits=False, **options):
    """How many labelled images the network classifies rightly: the report of `loewner evaluate`, with the array `logits` where asked
    for. `data` is a pair (images, labels) or a path."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "logits.npy"
        wanted = {"logits": file} if logits else {}
        report = run("evaluate", path, options={"data": _data(folder, "data", data), **wanted, **options})
        return {**report, "logits": np.load(file)} if logits else report


def inspect(path, **options):
    """Layers, shapes, costs, channel groups and barriers of a network: the report of `loewner inspect`."""
    return run("inspect", path, options=options)
