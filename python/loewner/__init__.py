"""Convex geometry and smaller neural networks: the `loewner` tool, with arrays of numpy in and out.

    import numpy, loewner

    fit = loewner.fit(numpy.random.default_rng(0).normal(size=(10_000, 8)))
    fit.center, fit.semiaxes, fit.report["gap"]
    fit.score(new_points).distances                 # 1 on the boundary

    loewner.reduce(points).indices                  # at most d + 1 points with the same mean
    loewner.prune("resnet.onnx", "small.onnx", macs=0.5, calibration="photos/", mean=MEAN, std=STD)

Every function runs the tool once, in a process of its own, and raises what its exit code means: `UsageError`, `FailureError`,
`LimitError`. Options that a function does not name are those of the verb, with underscores: `loewner.prune(…, round_to=1)` is
`loewner prune … --round-to 1`, and `loewner prune --help` lists them.
"""

from .geometry import Coreset, Ellipsoid, Reduction, Score, coreset, fit, reduce, score
from .networks import evaluate, inspect, prune
from .tool import FailureError, LimitError, LoewnerError, LoewnerWarning, UsageError, executable, run

__all__ = [
    "Coreset", "Ellipsoid", "FailureError", "LimitError", "LoewnerError", "LoewnerWarning", "Reduction", "Score", "UsageError",
    "coreset", "evaluate", "executable", "fit", "inspect", "prune", "reduce", "run", "score",
]
