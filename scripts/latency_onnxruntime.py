"""Latency of networks in onnxruntime, taken in turns. See scripts/latency-onnxruntime."""
import argparse, pathlib, sys, time

import numpy as np
import onnxruntime as ort

TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16, "tensor(int64)": np.int64,
         "tensor(int32)": np.int32, "tensor(uint8)": np.uint8, "tensor(bool)": np.bool_}


def rounds_of(paths, feed, threads, rounds):
    """Seconds of every round, one row per network."""
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    sessions = [ort.InferenceSession(str(p), options, providers=["CPUExecutionProvider"]) for p in paths]
    times = np.empty((len(sessions), rounds))
    for s in sessions: s.run(None, feed)
    for k in range(rounds):
        for row, s in enumerate(sessions):
            start = time.perf_counter()
            s.run(None, feed)
            times[row, k] = time.perf_counter() - start
    return times


def medians(paths, feed, threads=1, rounds=15):
    """Milliseconds."""
    return [1e3 * float(np.median(row)) for row in rounds_of(paths, feed, threads, rounds)]


def drawn(path, batch):
    """Inputs for a network: numbers about zero, small integers; open sizes are the batch in front and usual ones behind."""
    rng, feed = np.random.default_rng(0), {}
    for spec in ort.InferenceSession(str(path), providers=["CPUExecutionProvider"]).get_inputs():
        usual = {4: [3, 224, 224], 3: [32, 64], 2: [64], 1: []}.get(len(spec.shape), [])
        shape = [d if isinstance(d, int) and d > 0 else batch if k == 0 else usual[k - 1] for k, d in enumerate(spec.shape)]
        kind = TYPES.get(spec.type, np.float32)
        feed[spec.name] = (rng.normal(size=shape) if np.issubdtype(kind, np.floating) else rng.integers(0, 2, shape)).astype(kind)
    return feed


def main():
    parser = argparse.ArgumentParser(prog="latency-onnxruntime")
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=31)
    options = parser.parse_args()
    for path in options.models:
        if not path.exists(): sys.exit(f"latency-onnxruntime: expected a file, found none at {path}")
    ort.set_default_logger_severity(4)
    times = rounds_of(options.models, drawn(options.models[0], options.batch), options.threads, options.rounds)
    print(f"onnxruntime {ort.__version__}, {options.threads} thread(s), batch {options.batch}, {options.rounds} rounds in turns")
    print("| network | file | median | of the first (quartiles) |\n|---|---:|---:|---:|")
    for path, row in zip(options.models, times):
        low, mid, high = np.quantile(row / times[0], [.25, .5, .75])
        print(f"| {path.name} | {path.stat().st_size / 1e6:.2f} MB | {1e3 * np.median(row):.2f} ms | {mid:.2f} ({low:.2f} to {high:.2f}) |")


if __name__ == "__main__":
    main()
