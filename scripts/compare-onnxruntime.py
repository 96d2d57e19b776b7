"""Times loewner's forward pass and onnxruntime's on the same files; called by compare-onnxruntime.

Every number is the median of interleaved rounds; a round is the best of at most 41 samples in a process of its own, a sample the mean
of passes that follow each other for 5 ms at least: the same on both sides.
"""
import json, math, os, statistics, subprocess, sys, tempfile, time
import numpy as np, onnx, onnxruntime

ROUNDS = int(os.environ["ROUNDS"])
SAMPLE = 5e-3  # seconds, as in Benchmarks/Workloads/Sampler.swift


def closed(path, shape, scratch):
    """The model with an open batch axis and every other axis fixed."""
    model = onnx.load(path)
    given = {i.name for i in model.graph.initializer}
    for value in model.graph.input:
        if value.name in given: continue
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if axis == 0:
                dim.ClearField("dim_value"); dim.dim_param = "batch"
            elif not dim.dim_value:
                if not shape: sys.exit(f"{path}: expected a shape for input {value.name}, as in {path}:3,224,224, found none")
                dim.ClearField("dim_param"); dim.dim_value = shape[axis - 1]
    target = os.path.join(scratch, os.path.basename(path))
    onnx.save(model, target)
    return target


def theirs(path, batch, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(1)
    feed = {i.name: rng.standard_normal([batch] + list(i.shape[1:])).astype(np.float32) for i in session.get_inputs()}
    clock = time.process_time if threads == 1 else time.perf_counter
    session.run(None, feed)
    start = time.perf_counter(); session.run(None, feed); estimate = time.perf_counter() - start
    passes = max(1, math.ceil(SAMPLE / estimate))
    best = float("inf")
    for _ in range(min(41, max(5, int(2 / estimate)))):
        start = clock()
        for _ in range(passes): session.run(None, feed)
        best = min(best, (clock() - start) / passes)
    return best


def ours(path, batch, threads):
    command = [".build/release/loewner", "benchmark", "network", "--model", path, "--only", f"images={batch}", "--threads", str(threads),
               "--baseline", "none", "--no-history", "--json"]
    report = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    line = next(l for l in report["lines"] if "forward" in l["name"])
    if line.get("failure"): sys.exit(f"{path}: {line['failure']}")
    return min(line["samples"])


if __name__ == "__main__" and len(sys.argv) > 4 and sys.argv[1] == "--child":
    print(theirs(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
    sys.exit()

print("| network | images | threads | loewner ms | onnxruntime ms | ratio |\n|---|---:|---:|---:|---:|---:|")
with tempfile.TemporaryDirectory() as scratch:
    for argument in sys.argv[1:]:
        path, _, text = argument.partition(":")
        model = closed(path, [int(v) for v in text.split(",")] if text else None, scratch)
        for batch in map(int, os.environ["BATCHES"].split()):
            for threads in map(int, os.environ["THREADS"].split()):
                rounds = []
                for _ in range(ROUNDS):
                    child = [sys.executable, __file__, "--child", model, str(batch), str(threads)]
                    peer = float(subprocess.run(child, check=True, capture_output=True).stdout)
                    rounds.append((ours(model, batch, threads), peer))
                a, b = (statistics.median(r[i] for r in rounds) for i in (0, 1))
                ratio = statistics.median(x / y for x, y in rounds)
                print(f"| {os.path.basename(path)} | {batch} | {threads} | {a * 1e3:.3g} | {b * 1e3:.3g} | {ratio:.2f} |", flush=True)
