"""Times loewner, a C++ prototype and a numpy divide and conquer on the same instances; called by compare-caratheodory.

Every number is the median of interleaved rounds on one thread, reading excluded; each run is a process of its own, and
the C++ prototype is warmed up in it. Errors are measured here, in long double, for all three alike.
"""
import ctypes, json, os, platform, statistics, subprocess, sys, tempfile, time
import numpy as np

FOLDER = sys.argv[1]
ROUNDS = int(os.environ["ROUNDS"])
# name, points file, what loewner is asked for, what the peers get, aims: × prototype, × numpy, milliseconds
TABLE = [
    ("1000000×10", "g1000000x10unif", [], 1.2, 12, 7), ("100000×20", "g100000x20unif", [], 1.5, 15, 1),
    ("100000×100", "g100000x100unif", [], 1.3, 16, 9), ("20000×200", "g20000x200unif", [], 1.3, 20, 10),
    ("5000×500", "g5000x500unif", [], 1.3, 20, 50), ("covariance of 50000×20", "cov20", ["--lift", "covariance"], 2, 40, 12),
    ("1000×10", "g1000x10unif", [], 1.5, 50, 0.03), ("10000×20", "g10000x20unif", [], None, None, None),
    ("1000000×10, heavy weights", "g1000000x10heavy", [], None, None, None),
    ("100000×20, heavy weights", "g100000x20heavy", [], None, None, None),
    ("100000×100, heavy weights", "g100000x100heavy", [], None, None, None),
    ("20000×200, heavy weights", "g20000x200heavy", [], None, None, None),
    ("5000×500, heavy weights", "g5000x500heavy", [], None, None, None),
    ("monomials of degree 20", "mono20", [], None, None, None), ("monomials, positive", "mono20pos", [], None, None, None),
    ("duplicates", "dups", [], None, None, None),
]


def environment(kernels):
    result = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_CORETYPE")}
    if kernels: result["OPENBLAS_CORETYPE"] = os.environ["KERNELS"]
    return result


def ours(name, options):
    points = f"{FOLDER}/{name}.X.npy"
    if options:
        points = f"{FOLDER}/{name}.points.npy"
        if not os.path.exists(points): np.save(points, np.ascontiguousarray(np.load(f"{FOLDER}/{name}.X.npy", mmap_mode="r")[:, :20]))
    with tempfile.TemporaryDirectory() as scratch:
        command = [".build/release/loewner", "reduce", points, "--weights", f"{FOLDER}/{name}.w.npy", *options, "--repeat", "20",
                   "--threads", "1", "-o", f"{scratch}/r.npz", "--json"]
        report = json.loads(subprocess.run(command, check=True, capture_output=True, env=environment(False)).stdout)
        archive = np.load(f"{scratch}/r.npz")
        return report["seconds"], archive["indices"], archive["weights"]


def child(peer, name):
    """Runs in its own process: prints seconds and saves the answer."""
    x, w = np.load(f"{FOLDER}/{name}.X.npy"), np.load(f"{FOLDER}/{name}.w.npy")
    n, d = x.shape
    if peer == "numpy":
        import dandc
        start = time.perf_counter(); i, u = dandc.reduce(x, w); seconds = time.perf_counter() - start
    else:
        library = ctypes.CDLL(f"{FOLDER}/libcara.so")
        double, long = ctypes.POINTER(ctypes.c_double), ctypes.POINTER(ctypes.c_long)
        library.cara_reduce.argtypes = [double, double, ctypes.c_long, ctypes.c_long, long, double, double]
        library.cara_reduce.restype = ctypes.c_long
        i, u, times = np.zeros(d + 9, np.int64), np.zeros(d + 9), []
        arguments = [x.ctypes.data_as(double), w.ctypes.data_as(double), n, d, i.ctypes.data_as(long), u.ctypes.data_as(double), None]
        for _ in range(21):
            start = time.perf_counter(); k = library.cara_reduce(*arguments); times.append(time.perf_counter() - start)
        seconds = statistics.median(times[1:]); i, u = i[:k], u[:k]
    np.savez(sys.argv[4], indices=i, weights=u)
    print(seconds)


def peer(which, name):
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, __file__, FOLDER, which, name, f"{scratch}/r.npz"]
        seconds = float(subprocess.run(command, check=True, capture_output=True, env=environment(True)).stdout)
        archive = np.load(f"{scratch}/r.npz")
        return seconds, archive["indices"], archive["weights"]


def errors(x, w, i, u):
    wide = np.longdouble
    w, u = w.astype(wide), u.astype(wide)
    worst = 0.0
    for k in range(x.shape[1]):
        column = x[:, k].astype(wide)
        scale = (w * abs(column)).sum()
        if scale > 0: worst = max(worst, float(abs(u @ column[i] - (w * column).sum()) / scale))
    return dict(error=worst, massError=float(abs(u.sum() - w.sum()) / w.sum()), support=len(i), smallestWeight=float(u.min()))


def main():
    rows = []
    for label, name, options, *aims in TABLE:
        x, w = np.load(f"{FOLDER}/{name}.X.npy"), np.load(f"{FOLDER}/{name}.w.npy")
        runs = dict(loewner=[], prototype=[], numpy=[])
        for turn in range(ROUNDS):
            runs["loewner"].append(ours(name, options))
            runs["prototype"].append(peer("prototype", name))
            if turn < 3: runs["numpy"].append(peer("numpy", name))
        row = dict(label=label, instance=name, aims=aims)
        for who, results in runs.items():
            row[who] = dict(milliseconds=1e3 * statistics.median(r[0] for r in results), **errors(x, w, *results[-1][1:]))
        rows.append(row)
        print(line(row), flush=True)
    write(rows)


def line(row):
    a, b, c = row["loewner"], row["prototype"], row["numpy"]
    time_ = lambda t: f"{t:.3f}" if t < 1 else f"{t:.1f}"
    aim = lambda value, unit="×": "" if value is None else f" (aim {value}{unit})"
    times, numpy_times, milliseconds = row["aims"]
    return (f"| {row['label']} | {time_(a['milliseconds'])}{aim(milliseconds, ' ms')} | {time_(b['milliseconds'])} | {time_(c['milliseconds'])} "
            f"| {b['milliseconds'] / a['milliseconds']:.2f}×{aim(times)} | {c['milliseconds'] / a['milliseconds']:.0f}×{aim(numpy_times)} "
            f"| {a['error']:.1e} | {b['error']:.1e} | {c['error']:.1e} | {a['massError']:.1e} | {a['support']} |")


def write(rows):
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.processor())
    with open("Benchmarks/Caratheodory.md", "w") as file:
        file.write("# Carathéodory reductions beside two peers\n\nMade by `scripts/compare-caratheodory PEERS`. "
                   f"{cpu}, one thread, {os.environ['KERNELS']} kernels on all sides; medians in milliseconds of {ROUNDS} interleaved rounds "
                   "(numpy: 3), reading excluded. `prototype` is C++ built with -march=native and called from Python; `numpy` a divide and conquer in numpy and scipy. Freed memory stays with the process on all sides. "
                   "Errors are maxₖ |Σ(w'−w)pₖ| / Σw|pₖ| in long double; for the covariance over the 230 features.\n\n"
                   "| points | loewner | prototype | numpy | × prototype | × numpy | error | prototype | numpy | mass error | support |\n"
                   "|---|---|---|---|---|---|---|---|---|---|---|\n")
        file.write("".join(line(row) + "\n" for row in rows))
    with open("Benchmarks/Caratheodory.json", "w") as file: json.dump(dict(cpu=cpu, kernels=os.environ["KERNELS"], rows=rows), file, indent=1, ensure_ascii=False)


if len(sys.argv) > 2: child(sys.argv[2], sys.argv[3])
else: main()
