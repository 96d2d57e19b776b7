"""The installed wheel as its users have it: run by scripts/test-wheel."""

import os
import re
import subprocess
import sys
import tempfile
import unittest
import warnings
from pathlib import Path

import numpy as np

import loewner


def network(generator, widths):
    """A chain of linear layers with redundant neurons: pruning by half costs it little."""
    arrays = {}
    for layer, (before, after) in enumerate(zip(widths, widths[1:]), start=1):
        weight = generator.normal(size=(after, before)) / np.sqrt(before)
        if layer < len(widths) - 1:
            weight[after // 2:] = weight[: after - after // 2]
        arrays[f"fc{layer}.weight"] = weight.astype(np.float32)
        arrays[f"fc{layer}.bias"] = np.zeros(after, np.float32)
    return arrays


class Loewner(unittest.TestCase):
    def setUp(self):
        self.generator = np.random.default_rng(7)
        self.points = self.generator.normal(size=(200, 3)) * [3, 2, 1] + [5, 0, -5]
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = lambda name: Path(self.folder.name) / name

    def test_the_tool_of_the_wheel_is_found_and_is_a_command(self):
        tool = Path(loewner.executable())
        self.assertEqual(tool.parent.parent, Path(loewner.__file__).parent)
        command = Path(sys.executable).with_name("loewner")
        said = [subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout for program in (tool, command)]
        self.assertEqual(said[0], said[1])
        self.assertEqual(subprocess.run([command, "fit"], capture_output=True).returncode, 2)

    def test_an_ellipsoid_holds_its_points(self):
        fit = loewner.fit(self.points)
        self.assertEqual(fit.report["status"], "solved")
        offsets = self.points - fit.center
        distances = np.sqrt(np.einsum("ni,ij,nj->n", offsets, fit.shape, offsets))
        self.assertLess(abs(distances.max() - 1), 1e-6)
        np.testing.assert_allclose(np.sum((offsets @ fit.axes / fit.semiaxes) ** 2, axis=1), distances**2, atol=1e-9)
        np.testing.assert_allclose(fit.weights @ self.points[fit.indices] / fit.weights.sum(), fit.center, atol=1e-5)
        score = fit.score(np.vstack([fit.center, fit.center + 2 * fit.semiaxes[0] * fit.axes[:, 0]]))
        np.testing.assert_allclose(score.distances, [0, 2], atol=1e-9)
        self.assertEqual(score.outside, 1)
        fit.save(self.path("E.npz"))
        np.testing.assert_array_equal(loewner.score(self.path("E.npz"), self.points).distances, fit.score(self.points).distances)

    def test_flat_points_have_a_basis_and_other_types_are_read(self):
        flat = np.rint(self.points @ np.diag([10, 10, 0])).astype(np.int64)
        fit = loewner.fit(flat)
        self.assertEqual((fit.basis.shape, fit.report["rank"]), ((3, 2), 2))
        self.assertAlmostEqual(fit.score(flat + [0, 0, 4]).hull_distances.max(), 4)
        self.assertEqual(loewner.fit(self.points.astype(np.float16).tolist()).center.shape, (3,))

    def test_a_reduction_keeps_the_mean(self):
        reduction = loewner.reduce(self.points, minimal=True)
        self.assertLessEqual(len(reduction.indices), 4)
        np.testing.assert_allclose(reduction.weights @ self.points[reduction.indices], self.points.mean(axis=0), rtol=1e-9)
        weights = self.generator.uniform(size=200)
        reduction = loewner.reduce(self.points, weights=weights)
        np.testing.assert_allclose(reduction.weights @ self.points[reduction.indices], weights @ self.points, rtol=1e-9)
        reduction = loewner.reduce(self.points, target=self.points[:9].mean(axis=0))
        np.testing.assert_allclose(reduction.weights @ self.points[reduction.indices], self.points[:9].mean(axis=0), rtol=1e-9)

    def test_a_coreset_bounds_every_direction(self):
        coreset = loewner.coreset(self.points, sensitivities=True)
        directions = self.generator.normal(size=(3, 500))
        largest, kept = abs(self.points @ directions).max(axis=0), abs(self.points[coreset.indices] @ directions).max(axis=0)
        self.assertTrue((largest <= coreset.report["provenFactor"] * kept * (1 + 1e-9)).all())
        self.assertEqual(coreset.sensitivities.shape, (200,))

    def test_a_network_becomes_smaller_and_is_evaluated(self):
        np.savez(self.path("net.npz"), **network(self.generator, [12, 32, 5]))
        images = self.generator.normal(size=(96, 12)).astype(np.float32)
        before = loewner.evaluate(self.path("net.npz"), (images, np.zeros(96, np.int64)), logits=True)
        labels = before["logits"].argmax(axis=1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", loewner.LoewnerWarning)
            report = loewner.prune(
                self.path("net.npz"), self.path("small.npz"), keep=0.5, round_to=1, calibration=images, evaluate=(images, labels),
                layer={"fc1": 0.5}, learn=0)
        self.assertLess(report["parametersAfter"], report["parametersBefore"])
        self.assertEqual(np.load(self.path("small.npz"))["fc1.weight"].shape, (16, 12))
        after = loewner.evaluate(self.path("small.npz"), (images, labels))
        self.assertEqual(after["accuracy"], report["accuracyAfter"])
        self.assertGreater(after["accuracy"], 0.95)
        self.assertEqual(loewner.inspect(self.path("small.npz"))["parameters"], report["parametersAfter"])

    def test_exit_codes_are_exceptions(self):
        with self.assertRaisesRegex(loewner.UsageError, "--gap") as usage:
            loewner.fit(self.points, gap=-1)
        self.assertEqual(usage.exception.status, 2)
        self.assertIsInstance(usage.exception, ValueError)
        with self.assertRaisesRegex(loewner.UsageError, "no-such-option"):
            loewner.fit(self.points, no_such_option=True)
        with self.assertRaises(loewner.FailureError) as failure:
            loewner.fit(np.full((4, 2), np.nan))
        self.assertEqual(failure.exception.status, 1)
        with self.assertRaises(loewner.FailureError):
            loewner.prune(self.path("absent.onnx"), self.path("small.onnx"))
        with self.assertRaises(loewner.LimitError) as limit:
            loewner.fit(self.points, method="khachiyan", iteration_limit=1)
        self.assertEqual(limit.exception.status, 3)
        self.assertEqual(limit.exception.result.center.shape, (3,))
        self.assertEqual(limit.exception.result.report["status"], "iteration-limit")

    def test_the_environment_names_another_tool(self):
        tool = self.path("tool")
        tool.write_text("#!/bin/sh\necho 'tool: no' >&2\nexit 7\n")
        tool.chmod(0o755)
        os.environ["LOEWNER"] = str(tool)
        self.addCleanup(os.environ.pop, "LOEWNER")
        with self.assertRaisesRegex(loewner.LoewnerError, "tool: no") as error:
            loewner.fit(self.points)
        self.assertEqual((type(error.exception), error.exception.status), (loewner.LoewnerError, 7))

    def test_the_example_of_the_description_runs(self):
        text = Path(os.environ["LOEWNER_README"]).read_text()
        example = re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1)
        images = self.generator.uniform(size=(64, 12)).astype(np.float32)
        from_here = os.getcwd()
        os.chdir(self.folder.name)
        self.addCleanup(os.chdir, from_here)
        np.savez("lenet.npz", **network(self.generator, [12, 32, 5]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", loewner.LoewnerWarning)
            # The same file in the format at hand.
            example = example.replace(".safetensors", ".npz").replace("keep=0.3", "keep=0.5, learn=0")
            exec(compile(example, "README.md", "exec"), {"images": images, "labels": np.zeros(64, np.int64)})


if __name__ == "__main__":
    unittest.main()
