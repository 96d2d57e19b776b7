#!/usr/bin/env python3
"""Speaks the protocol of README.md for a collection of peer scripts, whose folder is in LOEWNER_PEER_SCRIPTS.

    mvee/wa.py, mvee/proto.py      functions of the same names: (points, gap) -> (weights, {"t": seconds, ...})
    mvee/peer_R.R                  Rscript, with ellipsoidhull of the R package cluster
    caratheodory/run.py            PEERS: name -> function of (points, weights, checkouts) that returns the work as a closure
    nautilus-sampler, accbpg       Python packages, called where they are installed

Public repositories that caratheodory/run.py wants to import are looked for in LOEWNER_PEER_CHECKOUTS.
"""
import contextlib, importlib, importlib.util, json, os, pathlib, shutil, subprocess, sys, tempfile, time
import numpy as np

scripts = pathlib.Path(os.environ.get("LOEWNER_PEER_SCRIPTS", "."))
checkouts = os.environ.get("LOEWNER_PEER_CHECKOUTS", str(scripts))


def module(folder, name):
    """A script of the collection as a module."""
    path = str(scripts / folder)
    if path not in sys.path:
        sys.path.insert(0, path)
    return importlib.import_module(name)


def support(weights, seconds, **more):
    index = np.flatnonzero(weights > 0)
    return dict(seconds=seconds, indices=index.tolist(), weights=weights[index].tolist(), **more)


# Ellipsoids: functions of (points, gap).

def wolfe_atwood(points, gap):
    weights, info = module("mvee", "wa").wa(points, gap, 100)
    return support(weights, info["t"], iterations=int(info["iters"]))


def prototype(points, gap):
    weights, info = module("mvee", "proto").proto(points, gap)
    return support(weights, info["t"])


def r_cluster(points, gap):
    n, d = points.shape
    with tempfile.TemporaryDirectory() as folder:
        source, target = os.path.join(folder, "x"), os.path.join(folder, "u")
        points.tofile(source)
        command = ["Rscript", str(scripts / "mvee/peer_R.R"), source, str(n), str(d), "ellipsoidhull", repr(gap), "100", target, ""]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        return support(np.fromfile(target), json.loads(lines[-1])["t"])


def nautilus(points, gap):
    from nautilus.bounds.basic import minimum_volume_enclosing_ellipsoid
    start = time.process_time()
    center, shape, _ = minimum_volume_enclosing_ellipsoid(points)
    return dict(seconds=time.process_time() - start, center=center.tolist(), shape=shape.tolist())


def accbpg(points, gap):
    from accbpg import D_opt_FW_away
    lifted = np.vstack([points.T, np.ones(len(points))])
    start = time.process_time()
    result = D_opt_FW_away(lifted, np.full(len(points), 1 / len(points)), gap, 10**6, verbose=False)
    return support(np.maximum(result[0], 0), time.process_time() - start)


ellipsoids = {
    "wa.py": (wolfe_atwood, lambda: (scripts / "mvee/wa.py").exists()),
    "proto.py": (prototype, lambda: (scripts / "mvee/proto.py").exists()),
    "R cluster": (r_cluster, lambda: shutil.which("Rscript") and (scripts / "mvee/peer_R.R").exists()),
    "nautilus": (nautilus, lambda: importlib.util.find_spec("nautilus")),
    "accbpg": (accbpg, lambda: importlib.util.find_spec("accbpg")),
}


# Reductions.

def reductions():
    if not (scripts / "caratheodory/run.py").exists():
        return {}
    return module("caratheodory", "run").PEERS


def reduce(name, points, weights):
    total = weights.sum()  # the scripts expect weights that sum to 1
    work = reductions()[name](points, weights / total, checkouts)
    start = time.process_time()
    indices, kept = work()
    seconds = time.process_time() - start
    return dict(seconds=seconds, indices=np.asarray(indices).tolist(), weights=(total * np.asarray(kept, dtype=float)).tolist())


def works(name):
    points = np.random.default_rng(0).standard_normal((60, 3))
    try:
        reduce(name, points, np.full(60, 1 / 60))
        return True
    except Exception:
        return False


def offered():
    found = [dict(name=name, task="ellipsoid") for name, (_, present) in ellipsoids.items() if present()]
    return found + [dict(name=name, task="reduce") for name in reductions() if works(name)]


def run(name, arguments):
    points = np.load(arguments[0])
    option, value = arguments[1:3]
    try:
        if option == "--gap":
            return ellipsoids[name][0](points, float(value))
        return reduce(name, points, np.load(value))
    except Exception as error:
        return dict(failure=f"{type(error).__name__}: {error}".splitlines()[0])


if __name__ == "__main__":
    # Whatever the scripts print must not stand where the answer is read.
    with contextlib.redirect_stdout(sys.stderr):
        answer = dict(peers=offered()) if sys.argv[1] == "list" else run(sys.argv[2], sys.argv[3:])
    print(json.dumps(answer))
