"""Ellipsoids, reductions and coresets of points in rows of an array."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .tool import FailureError, LimitError, run


def _write(folder, name, array, *types):
    """An array as a file that the tool reads: float64, or one of `types` if it has that."""
    array = np.asarray(array)
    if array.dtype not in types:
        array = array.astype(np.float64)
    path = Path(folder) / name
    np.save(path, array, allow_pickle=False)
    return path


def _points(folder, array):
    # The tool keeps what doubles would round of large integers.
    return _write(folder, "points.npy", array, np.float32, np.int64)


def _arrays(path):
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _answer(path, arguments, options, made):
    """Runs a verb that writes `path`, and returns `made(arrays, report)`; a limit raises with that as its result."""
    try:
        return made(run(*arguments, "-o", path, options=options), _arrays(path))
    except LimitError as error:
        error.result = made(error.result, _arrays(path)) if Path(path).exists() else None
        raise


@dataclass(frozen=True)
class Score:
    """Distances of points in the metric of an ellipsoid, 1 on its boundary.

    `hull_distances` are those from the flat of a flat ellipsoid, else None; `outside` counts the points outside.
    """

    distances: np.ndarray
    hull_distances: np.ndarray | None
    outside: int
    report: dict = field(repr=False)


@dataclass(frozen=True)
class Ellipsoid:
    """The ellipsoid of least volume: Σₖ ((x − center)ᵀ axes[:, k] / semiaxes[k])² ≤ 1 on all points.

    `shape` is A with (x − center)ᵀ A (x − center) ≤ 1, in `basis` where the points are flat; None where double precision cannot hold
    it. `indices` and `weights` are the support, `report` the certificate and the account of the solve.
    """

    center: np.ndarray
    axes: np.ndarray
    semiaxes: np.ndarray
    shape: np.ndarray | None
    basis: np.ndarray | None
    indices: np.ndarray
    weights: np.ndarray
    report: dict = field(repr=False)
    arrays: dict = field(repr=False)

    def save(self, path):
        """Writes the .npz file that `loewner score` and `loewner fit --start` read."""
        with open(path, "wb") as file:
            np.savez(file, **self.arrays)

    def score(self, points, **options):
        """Distances of `points` (n, d); options of `loewner score`."""
        return score(self, points, **options)


def fit(points, **options):
    """The ellipsoid of least volume around `points` (n, d), with a certificate; options of `loewner fit`.

    Raises LimitError, with the ellipsoid as its result, where a limit stops it before the tolerance is reached.
    """

    def made(report, arrays):
        kept = {name: arrays[name] for name in ("center", "axes", "semiaxes", "indices", "weights")}
        return Ellipsoid(**kept, shape=arrays.get("shape"), basis=arrays.get("basis"), report=report, arrays=arrays)

    with tempfile.TemporaryDirectory() as folder:
        return _answer(Path(folder) / "E.npz", ["fit", _points(folder, points)], options, made)


def score(ellipsoid, points, **options):
    """Distances of `points` (n, d) from the center of an `Ellipsoid`, or of the .npz file of one; options of `loewner score`."""
    with tempfile.TemporaryDirectory() as folder:
        if isinstance(ellipsoid, Ellipsoid):
            path = Path(folder) / "E.npz"
            ellipsoid.save(path)
        else:
            path = ellipsoid
        output = Path(folder) / "distances.npz"
        try:
            report = run("score", path, _points(folder, points), "-o", output, options=options)
        except FailureError as error:
            # Points outside are an answer, though not one that ends with 0.
            if error.result is None:
                raise
            report = error.result
        arrays = _arrays(output)
        return Score(arrays["distances"], arrays.get("hullDistances"), report["outside"], report)


@dataclass(frozen=True)
class Reduction:
    """At most d + 1 of the points, and the weights that give them the same weighted sum and mass."""

    indices: np.ndarray
    weights: np.ndarray
    report: dict = field(repr=False)


def reduce(points, *, weights=None, target=None, **options):
    """Few of `points` (n, d) with the sum that all have under `weights` (default 1/n each), or with `target` as their convex
    combination; options of `loewner reduce`."""
    with tempfile.TemporaryDirectory() as folder:
        for name, array in (("weights", weights), ("target", target)):
            if array is not None:
                options[name] = _write(folder, f"{name}.npy", array)
        arguments = ["reduce", _points(folder, points)]
        return _answer(
            Path(folder) / "R.npz", arguments, options, lambda report, arrays: Reduction(arrays["indices"], arrays["weights"], report))


@dataclass(frozen=True)
class Coreset:
    """Points C with max |pᵀx| ≤ provenFactor · max over C for every x; `sensitivities` of all points where asked for."""

    indices: np.ndarray
    weights: np.ndarray
    sensitivities: np.ndarray | None
    report: dict = field(repr=False)


def coreset(points, **options):
    """A coreset of `points` (n, d); options of `loewner coreset`."""
    with tempfile.TemporaryDirectory() as folder:
        return _answer(
            Path(folder) / "C.npz", ["coreset", _points(folder, points)], options,
            lambda report, arrays: Coreset(arrays["indices"], arrays["weights"], arrays.get("sensitivities"), report))
