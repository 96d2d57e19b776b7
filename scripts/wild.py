"""Prunes every ONNX file of a folder and says what became of it in onnxruntime. See scripts/wild.

Inputs are made by kind of network, from nothing but numpy and pillow: rendered text lines for recognizers, pages of rendered text for
detectors, tones in noise for audio, crops of drawn scenes for images, draws of the network's own normalizer for policies, sentences of
Python's own documentation for language (by the vocabulary of a tokenizer.json beside the model). The originals' answers on inputs that the pruning did not see are the truth: agreement of the largest output where the outputs are scores of classes,
relative error E|y - y'|^2 / Var y per output elsewhere.
"""
import argparse, importlib, json, os, pathlib, re, resource, subprocess, sys, tempfile

import numpy as np
import onnx
import onnxruntime as ort
from PIL import Image, ImageDraw, ImageFont

from latency_onnxruntime import medians

WORDS = ("convex ellipsoid gradient river copper station 0123456789 apple ORANGE Paris winter signal 42 kernel margin invoice total "
         "harbor 2026 left right stop exit menu coffee bread 17:30 open closed street market engine light water").split()


def font(size):
    try:
        return ImageFont.load_default(size)
    except TypeError:
        return ImageFont.load_default()


def text_line(rng, height, width):
    paper, ink = rng.integers(150, 256, 3), rng.integers(0, 110, 3)
    image = Image.new("RGB", (width, height), tuple(int(v) for v in paper))
    draw = ImageDraw.Draw(image)
    words = " ".join(rng.choice(WORDS, rng.integers(1, 4)))
    draw.text((rng.integers(2, 10), rng.integers(0, max(1, height // 4))), words, font=font(int(height * rng.uniform(.5, .75))),
              fill=tuple(int(v) for v in ink))
    noise = rng.normal(0, 6, (height, width, 3))
    return np.clip(np.asarray(image, np.float32) + noise, 0, 255)


def text_page(rng, height, width):
    image = Image.new("RGB", (width, height), tuple(int(v) for v in rng.integers(120, 256, 3)))
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(4, 12)):
        size = int(rng.uniform(14, 44))
        draw.text((rng.integers(0, width * 2 // 3), rng.integers(0, height - size)), " ".join(rng.choice(WORDS, rng.integers(1, 4))),
                  font=font(size), fill=tuple(int(v) for v in rng.integers(0, 120, 3)))
    return np.clip(np.asarray(image, np.float32) + rng.normal(0, 5, (height, width, 3)), 0, 255)


def scene(rng, height, width):
    image = Image.new("RGB", (width, height), tuple(int(v) for v in rng.integers(0, 256, 3)))
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(5, 25)):
        x, y, r = rng.integers(0, width), rng.integers(0, height), int(rng.uniform(.03, .4) * width)
        color = tuple(int(v) for v in rng.integers(0, 256, 3))
        (draw.ellipse if rng.random() < .5 else draw.rectangle)((x - r, y - r // 2, x + r, y + r // 2), fill=color)
    return np.clip(np.asarray(image, np.float32) + rng.normal(0, 8, (height, width, 3)), 0, 255)


def tones(rng, samples, rate=16000):
    t = np.arange(samples) / rate
    wave = sum(rng.uniform(.02, .4) * np.sin(2 * np.pi * rng.uniform(80, 2500) * t + rng.uniform(0, 6.3)) for _ in range(rng.integers(1, 6)))
    envelope = np.clip(np.interp(t, np.linspace(0, t[-1] + 1e-9, 6), rng.uniform(0, 1, 6)), 0, 1)
    return (wave * envelope + rng.normal(0, .01, samples)).astype(np.float32)


def dimension(value, default):
    return value if isinstance(value, int) and value > 0 else default


def photographs(folder, count, height, width, rng, part):
    """Half of the photographs serve the pruning (part 1), the others the judging."""
    files = sorted(pathlib.Path(folder).rglob("*.jpg"))[part % 2::2]
    files = [files[i] for i in rng.permutation(len(files))[:count]]
    return [np.asarray(Image.open(f).convert("RGB").resize((width, height)), np.float32) for f in files]


def observations(model, width, rng, count):
    """Draws of the statistics that the network normalizes its input by, where it does."""
    constants = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    mean, scale = np.zeros(width), np.ones(width)
    for node in model.graph.node[:8]:
        known = [constants[i] for i in node.input if i in constants and constants[i].size == width]
        if node.op_type == "Sub" and known: mean = known[0].reshape(-1)
        if node.op_type == "Div" and known: scale = known[0].reshape(-1)
        if node.op_type == "Mul" and known: scale = 1 / np.maximum(np.abs(known[0].reshape(-1)), 1e-6)
    return (mean + scale * rng.normal(size=(count, width))).astype(np.float32)


def sentences():
    """English that every Python brings along: sentences of the documentation of its modules."""
    found = []
    for module in "argparse asyncio calendar collections csv datetime email heapq http inspect json logging pathlib pickle random re".split():
        for _, thing in sorted(vars(importlib.import_module(module)).items()):
            documentation = getattr(thing, "__doc__", None)
            text = " ".join(documentation.split()) if isinstance(documentation, str) else ""
            found += [s.strip() for s in re.split(r"(?<=[.!?]) ", text) if 30 < len(s) < 200 and s.isascii()]
    return sorted(set(found))


def word_pieces(text, vocabulary, length):
    """Ids by the longest pieces that the vocabulary has (Wu et al., arXiv 1609.08144), between [CLS] and [SEP]."""
    ids = []
    for word in re.findall(r"[a-z0-9]+|[^a-z0-9\s]", text.lower()):
        start = 0
        while start < len(word):
            piece = next((p for end in range(len(word), start, -1) if (p := ("##" if start else "") + word[start:end]) in vocabulary), None)
            if piece is None: break
            ids.append(vocabulary[piece])
            start += len(piece) - (2 if start else 0)
    return [vocabulary["[CLS]"]] + ids[:length - 2] + [vocabulary["[SEP]"]]


def token_feeds(path, model, session, count, rng):
    """Feeds for a network whose first inputs are token ids; `None` for others."""
    specs = session.get_inputs()
    ids = next((s for s in specs if "int" in s.type and len(s.shape) == 2 and "mask" not in s.name and "type" not in s.name), None)
    if ids is None or ids.name != specs[0].name: return None
    length = dimension(ids.shape[1], 32)
    tokenizer = path.with_name("tokenizer.json")
    vocabulary = json.loads(tokenizer.read_text())["model"]["vocab"] if tokenizer.exists() else None
    sizes = {t.name: t.dims[0] for t in model.graph.initializer if t.dims}
    rows = next((sizes[n.input[0]] for n in model.graph.node if n.op_type == "Gather" and n.input[0] in sizes and sizes[n.input[0]] > 256), 256)
    texts = sentences()
    def row(number):
        # Without a vocabulary, ids as often as words are (Zipf).
        words = word_pieces(texts[number], vocabulary, length) if vocabulary \
            else [int(v) for v in np.minimum(rng.zipf(1.3, rng.integers(5, length + 1)), rows - 1)]
        values = {}
        for spec in specs:
            values[spec.name] = np.zeros(length, np.int32 if "int32" in spec.type else np.float32 if "float" in spec.type else np.int64)
            if spec.name == ids.name: values[spec.name][:len(words)] = words
            elif "mask" in spec.name: values[spec.name][:len(words)] = 1
            elif "position" in spec.name: values[spec.name][:] = np.arange(length)
        return values

    lead = dimension(ids.shape[0], 1)
    numbers = rng.choice(len(texts), (count, lead), replace=False)
    return [{s.name: np.stack([row(n)[s.name] for n in some]) for s in specs} for some in numbers]


def data_set(folder, name, session, count, seed):
    """Images of a data set that a network is named for: its *_calib*.npz for seed 1, its *_test*.npz for others; `None` without."""
    key = next((k for k in ("cifar10", "fashion", "mnist") if k in name), None)
    files = sorted(pathlib.Path(folder).glob(f"{key}_{'calib' if seed == 1 else 'test'}*.npz")) if folder and key else []
    if not files: return None
    images = np.load(files[0])["images"][:count].astype(np.float32) / 255
    if images.ndim == 3: images = images[:, None]
    if key == "cifar10": images = (images - np.reshape([.485, .456, .406], (3, 1, 1))) / np.reshape([.229, .224, .225], (3, 1, 1))
    first = session.get_inputs()[0]
    return [{first.name: image.reshape([1] + [dimension(v, n) for v, n in zip(first.shape[1:], image.shape)]).astype(np.float32)} for image in images]


def make_inputs(path, model, session, count, seed, photos, data):
    """A list of feeds of one sample each."""
    rng, name = np.random.default_rng(seed), path.stem.lower()
    if (images := data_set(data, name, session, count, seed)) is not None: return images
    feeds = []
    declared = {i.name: i.shape for i in session.get_inputs()}
    first = session.get_inputs()[0]
    rank = len(first.shape)
    if (tokens := token_feeds(path, model, session, count, rng)) is not None: return tokens
    if rank == 2 and "float" in first.type and len(declared) == 1:
        return [{first.name: row[None]} for row in observations(model, dimension(first.shape[1], 64), rng, count)]
    pictures = None
    if rank == 4:
        nchw = not (isinstance(first.shape[3], int) and first.shape[3] in (1, 3))
        if nchw: channels, height, width = dimension(first.shape[1], 3), first.shape[2], first.shape[3]
        else: channels, height, width = first.shape[3], first.shape[1], first.shape[2]
        if "rec" in name: height, width = dimension(height, 48), dimension(width, 320)
        elif "cls" in name and "ocr" in name: height, width = dimension(height, 48), dimension(width, 192)
        elif "det" in name: height, width = dimension(height, 320), dimension(width, 320)
        else: height, width = dimension(height, 224), dimension(width, 224)
        if photos and "ocr" not in name and channels == 3 and height > 40: pictures = photographs(photos, count, height, width, rng, seed)
    # A batch of more than one that the model fixes for all of its inputs.
    fixed = {shape[0] for shape in declared.values() if shape}
    lead = first.shape[0] if len(fixed) == 1 and isinstance(first.shape[0], int) and first.shape[0] > 1 and len(declared) > 1 else 1
    for k in range(count):
        feed = {}
        for spec in session.get_inputs():
            shape = [lead] + [dimension(v, 0) for v in spec.shape[1:]]
            if spec.name == first.name and rank == 4:
                if pictures is not None: pixels = pictures[k % len(pictures)]
                elif "ocr" in name: pixels = text_page(rng, height, width) if "det" in name else text_line(rng, height, width)
                else: pixels = scene(rng, height, width)
                if channels == 1: pixels = pixels.mean(2, keepdims=True)
                if "efflite" in name: values = (pixels - 127) / 128
                elif "ocr" in name and "det" not in name: values = (pixels / 255 - .5) / .5
                elif nchw: values = (pixels / 255 - [.485, .456, .406][:channels]) / [.229, .224, .225][:channels]
                else: values = pixels / 255
                feed[spec.name] = (values.transpose(2, 0, 1) if nchw else values)[None].astype(np.float32)
            elif "int64" in spec.type:
                feed[spec.name] = np.full([max(1, v) for v in shape] if spec.shape else [], 16000, np.int64) if not spec.shape \
                    else np.ones([v or 16 for v in shape], np.int64)
            elif spec.name == first.name and rank in (2, 3):
                samples = dimension(spec.shape[1], 512)
                feed[spec.name] = tones(rng, samples, 22050 if samples > 40000 else 16000).reshape([1, samples] + ([1] if rank == 3 else []))
            else:
                full = [dimension(v, 1) for v in spec.shape]
                feed[spec.name] = np.zeros(full, np.float32)
        feeds.append(feed)
    return feeds


def stacked(values):
    """One array of an input's values: along its batch axis, or a new one where it has none in front (states, scalars)."""
    return np.concatenate(values) if values[0].ndim and values[0].shape[0] == 1 else np.stack(values)


def run(session, feeds):
    return [session.run(None, feed) for feed in feeds]


def compare(before, after, names, feeds):
    """Agreement of the largest score where an output looks like scores; relative error of every output. What stands at tokens that a
    mask takes out is nobody's answer."""
    result = {}
    masks = [next((v for n, v in feed.items() if "mask" in n), None) for feed in feeds]
    def answers(outputs, k):
        values = [np.asarray(x[k], np.float64) for x in outputs]
        return [v * m[..., None] if m is not None and v.shape[:-1] == m.shape else v for v, m in zip(values, masks)]
    for k, name in enumerate(names):
        a, b = answers(before, k), answers(after, k)
        if not np.issubdtype(np.asarray(before[0][k]).dtype, np.floating): continue
        a, b = np.stack([x.reshape(-1) for x in a]), np.stack([x.reshape(-1) for x in b])
        variance = ((a - a.mean(0)) ** 2).sum()
        result[name] = {"error": float(((a - b) ** 2).sum() / variance) if variance > 0 else None}
        last = np.asarray(before[0][k]).shape[-1]
        # Maps of places name no classes.
        if 1 < last and a.shape[1] >= last and np.asarray(before[0][k]).ndim <= 3:
            rows_a, rows_b = a.reshape(-1, last), b.reshape(-1, last)
            rows_a, rows_b = rows_a[rows_a.any(1)], rows_b[rows_a.any(1)]
            result[name]["agreement"] = float((rows_a.argmax(1) == rows_b.argmax(1)).mean())
    return result


def tool(arguments, timeout):
    """Exit code, what was printed, and the resources of all children so far."""
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        out, err = process.communicate(timeout=timeout)
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return process.returncode, out, err, usage
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None, "", "timeout", resource.getrusage(resource.RUSAGE_CHILDREN)


def timed(arguments, timeout):
    with tempfile.NamedTemporaryFile("r") as figures:
        code, out, err, _ = tool(["/usr/bin/time", "-o", figures.name, "-f", "%U %S %M", *arguments], timeout) \
            if os.path.exists("/usr/bin/time") else tool(arguments, timeout)
        words = figures.read().split()
    cpu = float(words[-3]) + float(words[-2]) if len(words) >= 3 else float("nan")
    memory = int(words[-1]) / 1024 if words else float("nan")
    return code, out, err, cpu, memory


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--tool", required=True)
    parser.add_argument("--keep", default="0.7")
    parser.add_argument("--count", type=int, default=64, help="inputs for the run with data")
    parser.add_argument("--test", type=int, default=64, help="inputs that results are judged on")
    parser.add_argument("--photographs", help="a folder of JPEGs for networks on natural images")
    parser.add_argument("--data-folder", help="a folder of NAME_calib*.npz and NAME_test*.npz for networks with NAME in theirs")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--timeout", type=int, default=900)
    parser.add_argument("-o", "--output", type=pathlib.Path)
    options = parser.parse_args()
    lines = ["| network | prunable | inputs | parameters kept | agreement | worst relative error | predicted | onnx | ms before → after | CPU s | MB | fallbacks |",
             "|---|---:|---|---:|---:|---:|---|---|---:|---:|---:|---|"]
    print("\n".join(lines), flush=True)
    for path in sorted(options.folder.glob("*.onnx")):
        if options.only and not any(o in path.name for o in options.only): continue
        model = onnx.load(path, load_external_data=False)
        try:
            onnx.checker.check_model(str(path), full_check=True)
            valid = True
        except Exception:
            valid = False
        code, out, err, *_ = tool([options.tool, "inspect", str(path), "--json"], options.timeout)
        share = json.loads(out).get("prunableShare") if code == 0 else None
        try:
            original = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
            train = make_inputs(path, model, original, options.count, 1, options.photographs, options.data_folder)
            test = make_inputs(path, model, original, options.test, 2, options.photographs, options.data_folder)
            before = run(original, test)
        except Exception as problem:
            print(f"| {path.stem} | | the original does not run: {str(problem).splitlines()[0][:80]} |", flush=True)
            continue
        names = [o.name for o in original.get_outputs()]
        with tempfile.TemporaryDirectory() as scratch:
            data = pathlib.Path(scratch) / "inputs.npz"
            arrays = {k: stacked([f[k] for f in train]) for k in train[0]}
            if train[0][original.get_inputs()[0].name].shape[0] > 1: arrays = {k: np.concatenate([f[k] for f in train]) for k in train[0]}
            np.savez(data, **(arrays if len(arrays) > 1 else {"images": next(iter(arrays.values()))}))
            for label, extra in (("none", []), (f"{options.count}", ["--calibration", str(data), "--raw"])):
                small = pathlib.Path(scratch) / f"small-{label}.onnx"
                code, out, err, cpu, memory = timed(
                    [options.tool, "prune", str(path), "-o", str(small), "--keep", options.keep, "--json", *extra], options.timeout)
                report = json.loads(out) if out.strip().startswith("{") else {}
                if not small.exists():
                    reason = (err.strip().splitlines() or ["timeout" if code is None else "?"])[-1][:110]
                    row = f"| {path.stem} | {share} | {label} | rc {code}: {reason} |"
                else:
                    try:
                        onnx.checker.check_model(str(small), full_check=True)
                        check = "ok"
                    except Exception:
                        check = "as original" if not valid else "FAILS"
                    try:
                        pruned = ort.InferenceSession(str(small), providers=["CPUExecutionProvider"])
                        result = compare(before, run(pruned, test), names, test)
                        agreements = [r["agreement"] for r in result.values() if "agreement" in r]
                        errors = [r["error"] for r in result.values() if r["error"] is not None]
                        speed = medians([path, small], test[0])
                        measured = [f"{100 * min(agreements):.1f}" if agreements else "", f"{max(errors):.3f}" if errors else "",]
                        times = f"{speed[0]:.2f} → {speed[1]:.2f}"
                    except Exception as problem:
                        measured, times = [f"FAILS: {str(problem).splitlines()[0][:60]}", ""], ""
                    kept = report.get("parametersAfter", 0) / max(1, report.get("parametersBefore", 1))
                    predicted = report.get("predictedAgreement")
                    bound = "≥ " if report.get("predictionBasis") == "lower-bound" else ""
                    fallbacks = ", ".join(sorted({str(f.get("operator")) for f in report.get("fallbacks", []) if isinstance(f, dict)}))
                    row = (f"| {path.stem} | {'' if share is None else f'{100 * share:.0f} %'} | {label} | {100 * kept:.0f} % | {measured[0]} | {measured[1]} | "
                           f"{'' if predicted is None else f'{bound}{100 * predicted:.1f}'} | {check} | {times} | {cpu:.1f} | {memory:.0f} | {fallbacks or '–'} |")
                print(row, flush=True)
                lines.append(row)
    if options.output: options.output.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
