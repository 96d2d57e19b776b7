#!/usr/bin/env python3
"""Small graphs for every operator of the ONNX standard at opsets 8 to 21, with onnxruntime's answers.

    scripts/operator-cases.py FOLDER
    scripts/operator-cases.py --compare FOLDER      the graphs that loewner has cut, in onnxruntime

One folder per graph: model.onnx, io.npz (in0, in1, …, out0, …) and inputs.txt. Graphs that onnxruntime refuses at some opset are
left out there. Needs onnx, onnxruntime and numpy; `scripts/operators` runs the graphs through loewner and compares.
"""
import os
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

onnxruntime.set_default_logger_severity(4)
OPSETS = (8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21)
# Everything else behaves alike between two of these.
FEW = (8, 11, 13, 18, 21)
rng = np.random.default_rng(7)
folder = sys.argv[-1]
written = refused = 0


def compare():
    """pruned.onnx of every graph: valid where the original is, and with the answers of the masked network."""
    cut, bad = 0, []
    for name in sorted(os.listdir(folder)):
        place = os.path.join(folder, name)
        if not os.path.exists(os.path.join(place, "pruned.onnx")):
            continue
        cut += 1
        try:
            try:
                onnx.checker.check_model(os.path.join(place, "model.onnx"), full_check=True)
                valid = True
            except Exception:  # what was not valid before need not be so now
                valid = False
            if valid:
                onnx.checker.check_model(os.path.join(place, "pruned.onnx"), full_check=True)
            session = onnxruntime.InferenceSession(os.path.join(place, "pruned.onnx"))
            given, masked = np.load(os.path.join(place, "io.npz")), np.load(os.path.join(place, "masked.npz"))
            with open(os.path.join(place, "inputs.txt")) as file:
                names = file.read().split("\n")
            for index, answer in enumerate(session.run(None, {x: given[f"in{i}"] for i, x in enumerate(names)})):
                found, expected = np.asarray(answer, np.float64).ravel(), masked[f"out{index}"].astype(np.float64).ravel()
                if found.size != expected.size or not np.allclose(found, expected, rtol=0, atol=1e-4 * max(np.abs(expected).max(), 1e-30), equal_nan=True):
                    bad.append(f"{name}: output {index} differs")
        except Exception as error:
            bad.append(f"{name}: {str(error)[:200]}")
    print(f"{cut} cut graphs run in onnxruntime, {len(bad)} wrong")
    print("\n".join(bad))
    sys.exit(1 if bad else 0)


if sys.argv[1] == "--compare":
    compare()


def normal(*shape):
    return rng.standard_normal(shape).astype(np.float32)


class Graph:
    """A graph in the making: operations append nodes and return names."""

    def __init__(self, opset):
        self.opset, self.nodes, self.tensors, self.inputs, self.feeds, self.count = opset, [], [], [], [], 0

    def input(self, array, shape=None):
        name = f"x{len(self.inputs)}"
        array = np.asarray(array)
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        self.inputs.append(helper.make_tensor_value_info(name, kind, list(array.shape) if shape is None else shape))
        self.feeds.append((name, array))
        return name

    def constant(self, array):
        name = f"c{len(self.tensors)}"
        self.tensors.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def ints(self, *values):
        return self.constant(np.array(values, np.int64))

    def node(self, operation, *inputs, outputs=1, domain="", **attributes):
        names = [f"v{self.count + i}" for i in range(outputs)]
        self.count += outputs
        self.nodes.append(helper.make_node(operation, list(inputs), names, name=f"{operation}_{self.count}", domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def conv(self, x, inputs, outputs, kernel=3, **attributes):
        pad = kernel // 2
        return self.node("Conv", x, self.constant(0.3 * normal(outputs, inputs, kernel, kernel)), self.constant(normal(outputs)),
                         pads=[pad] * 4, **attributes)

    def linear(self, x, inputs, outputs):
        product = self.node("MatMul", x, self.constant(normal(inputs, outputs) / np.float32(inputs) ** 0.5))
        return self.node("Add", product, self.constant(0.1 * normal(outputs)))

    def axes(self, operation, x, axes, since=13, **attributes):
        """An operation whose axes were an attribute before some version."""
        if self.opset < since:
            return self.node(operation, x, axes=list(axes), **attributes)
        return self.node(operation, x, self.ints(*axes), **attributes)

    def reshape(self, x, *shape):
        return self.node("Reshape", x, self.ints(*shape))


def case(name, build, opsets=FEW, ir=None):
    """Writes the graph that `build` makes, at every opset where onnxruntime runs it."""
    global written, refused
    for opset in opsets:
        graph = Graph(opset)
        try:
            outputs = build(graph)
        except NotImplementedError:
            continue
        outputs = [outputs] if isinstance(outputs, str) else outputs
        domains = {node.domain for node in graph.nodes} - {""}
        model = helper.make_model(
            helper.make_graph(graph.nodes, "g", graph.inputs, [helper.make_empty_tensor_value_info(o) for o in outputs], graph.tensors),
            opset_imports=[helper.make_opsetid("", opset)] + [helper.make_opsetid(d, 1) for d in domains],
            ir_version=ir or (4 if opset < 11 else 8))
        try:
            inferred = onnx.shape_inference.infer_shapes(model) if not domains else model
            known = {info.name: info for info in inferred.graph.output}
            del model.graph.output[:]
            model.graph.output.extend(
                known[o] if known[o].type.tensor_type.elem_type else helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs)
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
            session = onnxruntime.InferenceSession(model.SerializeToString(), options)
            answers = session.run(None, dict(graph.feeds))
        except Exception as error:  # an operation that is not in this opset, or not in this runtime
            refused += 1
            if os.environ.get("VERBOSE"):
                print(f"{name}-{opset}: {str(error)[:160]}")
            continue
        place = os.path.join(folder, f"{name}-{opset}")
        os.makedirs(place, exist_ok=True)
        onnx.save(model, os.path.join(place, "model.onnx"))
        arrays = {f"in{i}": array for i, (_, array) in enumerate(graph.feeds)}
        arrays.update({f"out{i}": np.asarray(answer) for i, answer in enumerate(answers)})
        np.savez(os.path.join(place, "io.npz"), **arrays)
        with open(os.path.join(place, "inputs.txt"), "w") as file:
            file.write("\n".join(feed[0] for feed in graph.feeds))
        written += 1


def image(g, channels=3, height=8, width=8):
    return g.input(normal(1, channels, height, width), ["n", channels, height, width])


def between(apply, channels=8, after=None):
    """The operation between two convolutions, so that channels are cut through it."""
    def build(g):
        x = g.conv(image(g), 3, channels)
        return g.conv(apply(g, x), after or channels, 4, 1)
    return build


def middle(apply, width=8, after=None):
    """The operation between two linear layers."""
    def build(g):
        x = g.linear(g.input(normal(1, 6), ["n", 6]), 6, width)
        return g.linear(apply(g, x), after or width, 4)
    return build


# Elementwise functions of one input.
for operation in ("Abs Neg Erf Softplus Softsign Sin Cos Atan Sinh Asinh Sign Floor Ceil Round Relu Tanh Sigmoid Exp Elu Selu Celu "
                  "LeakyRelu ThresholdedRelu HardSigmoid HardSwish Mish Gelu Identity Cosh").split():
    case("unary-" + operation, between(lambda g, x, o=operation: g.node(o, x)))
for operation in "Log Sqrt Reciprocal Acosh".split():
    case("unary-" + operation, between(lambda g, x, o=operation: g.node(o, g.node("Add", g.node("Abs", x), g.constant(np.float32(1.5))))))
# Away from the poles of the tangent and within the domains of the others.
for operation in "Asin Acos Atanh Tan".split():
    case("unary-" + operation, between(lambda g, x, o=operation: g.node(o, g.node("Mul", g.node("Tanh", x), g.constant(np.float32(0.9))))))
case("unary-alpha", between(lambda g, x: g.node("Elu", g.node("LeakyRelu", g.node("HardSigmoid", x, alpha=0.3, beta=0.4), alpha=0.2), alpha=0.7)))
case("unary-celu-alpha", between(lambda g, x: g.node("Celu", x, alpha=0.4)))
case("unary-selu-alpha", between(lambda g, x: g.node("Selu", x, alpha=1.2, gamma=0.8)))
case("unary-gelu-tanh", between(lambda g, x: g.node("Gelu", x, approximate="tanh")))
case("unary-shrink", between(lambda g, x: g.node("Shrink", x, lambd=0.3, bias=0.1)))
case("unary-isnan", between(lambda g, x: g.node("Where", g.node("IsNaN", x), g.constant(np.float32(0)), x)))
case("unary-isinf", between(lambda g, x: g.node("Where", g.node("IsInf", x), g.constant(np.float32(0)), x)))
case("unary-not", between(lambda g, x: g.node("Cast", g.node("Not", g.node("Cast", g.node("Relu", x), to=9)), to=1)))
case("unary-cast", between(lambda g, x: g.node("Cast", g.node("Cast", x, to=6), to=1)))
case("unary-dropout", between(lambda g, x: g.node("Dropout", x)))


def clip(low, high):
    def apply(g, x):
        if g.opset < 11:
            return g.node("Clip", x, **{k: float(v) for k, v in (("min", low), ("max", high)) if v is not None})
        return g.node("Clip", x, *("" if v is None else g.constant(np.float32(v)) for v in (low, high)))
    return apply


for name, bounds in {"low": (-0.5, None), "high": (None, 0.7), "both": (-1, 0.5), "six": (0, 6)}.items():
    case("clip-" + name, between(clip(*bounds)))

# Elementwise functions of several inputs: with numbers, with vectors of channels, between branches.
for operation in "Add Sub Mul Div Pow Min Max PRelu Mod Mean Sum".split():
    extra = {"fmod": 1} if operation == "Mod" else {}
    safe = (lambda g, x: g.node("Add", g.node("Abs", x), g.constant(np.float32(0.5)))) if operation in ("Pow", "Div", "Mod") else (lambda g, x: x)
    number = np.float32(1.7)
    vector = np.abs(normal(8, 1, 1)) + np.float32(0.5)
    case("binary-number-" + operation, between(lambda g, x, o=operation, e=extra, s=safe: g.node(o, s(g, x), g.constant(number), **e)))
    if operation != "PRelu":
        case("binary-left-" + operation, between(lambda g, x, o=operation, e=extra, s=safe: g.node(o, g.constant(number), s(g, x), **e)))
    case("binary-vector-" + operation, between(lambda g, x, o=operation, e=extra, s=safe: g.node(o, s(g, x), g.constant(vector), **e)))
    case("binary-branch-" + operation, lambda g, o=operation, e=extra, s=safe: (
        lambda x: g.conv(g.node(o, s(g, g.conv(x, 3, 8)), s(g, g.conv(x, 3, 8)), **e), 8, 4, 1))(image(g)))
case("binary-three", lambda g: (lambda x: g.conv(g.node("Max", g.conv(x, 3, 8), g.conv(x, 3, 8), g.conv(x, 3, 8)), 8, 4, 1))(image(g)))
for operation in "Equal Less LessOrEqual Greater GreaterOrEqual".split():
    case("compare-" + operation, between(lambda g, x, o=operation: g.node("Where", g.node(o, x, g.constant(np.float32(0.2))), x, g.node("Neg", x))))
for operation in "And Or Xor".split():
    case("logic-" + operation, between(lambda g, x, o=operation: g.node(
        "Where", g.node(o, g.node("Greater", x, g.constant(np.float32(0.2))), g.node("Less", x, g.constant(np.float32(0.9)))), x, g.node("Neg", x))))
case("where-mask", lambda g: g.conv(g.node("Where", g.input(rng.random((1, 1, 8, 8)) > 0.5), g.conv(image(g), 3, 8), g.constant(np.float32(-1))), 8, 4, 1))
case("integer-arithmetic", lambda g: g.node("Cast", g.node("Div", g.node("Add", g.input(rng.integers(0, 50, (1, 6))), g.ints(7)), g.ints(3)), to=1))
case("integer-mod", lambda g: g.node("Cast", g.node("Mod", g.input(rng.integers(-50, 50, (1, 6))), g.ints(7)), to=1))

# Reductions.
for operation in "ReduceMean ReduceSum ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceSumSquare ReduceLogSumExp ReduceLogSum".split():
    since = 13 if operation == "ReduceSum" else 18
    safe = (lambda g, x: g.node("Add", g.node("Abs", x), g.constant(np.float32(0.5)))) if operation == "ReduceLogSum" else (lambda g, x: x)
    case(f"reduce-space-{operation}", between(lambda g, x, o=operation, s=since, f=safe: g.axes(o, f(g, x), (2, 3), s, keepdims=1)))
    case(f"reduce-row-{operation}", lambda g, o=operation, s=since, f=safe: g.axes(o, f(g, g.conv(image(g), 3, 8)), (-1,), s, keepdims=0))
    case(f"reduce-channel-{operation}", lambda g, o=operation, s=since, f=safe: g.conv(g.axes(o, f(g, g.conv(image(g), 3, 8)), (1,), s, keepdims=1), 1, 4, 1))
    case(f"reduce-all-{operation}", lambda g, o=operation, f=safe: g.node(o, f(g, g.conv(image(g), 3, 4))))
    case(f"reduce-flat-{operation}", lambda g, o=operation, s=since, f=safe: g.linear(g.axes(o, f(g, g.conv(image(g), 3, 8)), (2, 3), s, keepdims=0), 8, 4))
case("argmax", lambda g: g.node("ArgMax", g.conv(image(g), 3, 8), axis=1))
case("argmin", lambda g: g.node("ArgMin", g.conv(image(g), 3, 8), axis=2, keepdims=0))

# Convolutions.
for kernel, stride, pads, dilation, group in [(3, 1, 1, 1, 1), (3, 2, 1, 1, 1), (5, 1, 2, 1, 2), (3, 1, 2, 2, 8), (2, 2, 0, 1, 1)]:
    case(f"conv-k{kernel}s{stride}d{dilation}g{group}", lambda g, k=kernel, s=stride, p=pads, d=dilation, q=group: g.conv(g.node("Relu", g.node(
        "Conv", g.conv(image(g), 3, 8), g.constant(normal(8, 8 // q, k, k)), strides=[s, s], pads=[p] * 4, dilations=[d, d], group=q)), 8, 4, 1))
for mode in ("SAME_UPPER", "SAME_LOWER", "VALID"):
    case("conv-" + mode, between(lambda g, x, m=mode: g.node("Conv", x, g.constant(normal(8, 8, 3, 3)), strides=[2, 2], auto_pad=m)))
    case("maxpool-" + mode, between(lambda g, x, m=mode: g.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], auto_pad=m)))
    case("averagepool-" + mode, between(lambda g, x, m=mode: g.node("AveragePool", x, kernel_shape=[3, 3], strides=[2, 2], auto_pad=m)))
case("conv-1d", lambda g: g.node("Conv", g.node("Relu", g.node("Conv", g.input(normal(1, 3, 20)), g.constant(normal(8, 3, 5)), pads=[2, 2])), g.constant(normal(4, 8, 3))))
for kernel, stride, pads, extra, dilation, group in [(2, 2, 0, 0, 1, 1), (3, 2, 1, 1, 1, 1), (4, 2, 1, 0, 1, 2), (3, 1, 1, 0, 2, 1), (3, 2, 0, 0, 1, 8)]:
    case(f"convtranspose-k{kernel}s{stride}d{dilation}g{group}", lambda g, k=kernel, s=stride, p=pads, e=extra, d=dilation, q=group: g.conv(g.node("Relu", g.node(
        "ConvTranspose", g.conv(image(g), 3, 8), g.constant(normal(8, 8 // q, k, k)), g.constant(normal(8)), strides=[s, s], pads=[p] * 4,
        output_padding=[e, e], dilations=[d, d], group=q)), 8, 4, 1))
case("convtranspose-shape", between(lambda g, x: g.node("ConvTranspose", x, g.constant(normal(8, 8, 3, 3)), strides=[2, 2], output_shape=[16, 16])))
case("convtranspose-same", between(lambda g, x: g.node("ConvTranspose", x, g.constant(normal(8, 8, 3, 3)), strides=[2, 2], auto_pad="SAME_UPPER")))
case("convtranspose-1d", lambda g: g.node("ConvTranspose", g.node("Conv", g.input(normal(1, 3, 20)), g.constant(normal(8, 3, 5))), g.constant(normal(8, 4, 4)), strides=[2]))

# Pooling.
for count in (0, 1):
    case(f"averagepool-count{count}", between(lambda g, x, c=count: g.node("AveragePool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4, count_include_pad=c)))
    case(f"averagepool-ceil-count{count}", between(lambda g, x, c=count: g.node("AveragePool", x, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, count_include_pad=c)), (10, 13, 19, 21))
case("maxpool-ceil", between(lambda g, x: g.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)), (10, 13, 18, 21))
case("maxpool-dilated", between(lambda g, x: g.node("MaxPool", x, kernel_shape=[2, 2], dilations=[2, 2])), (10, 13, 18, 21))
case("maxpool-indices-unused", between(lambda g, x: g.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], outputs=2)[0]))
case("lppool", between(lambda g, x: g.node("LpPool", x, kernel_shape=[2, 2], strides=[2, 2], p=2)))
case("lppool-1", between(lambda g, x: g.node("LpPool", x, kernel_shape=[3, 3], p=1)))
for operation in "GlobalAveragePool GlobalMaxPool GlobalLpPool".split():
    case("pool-" + operation, between(lambda g, x, o=operation: g.node(o, x)))

# Resizing.
for mode in ("nearest", "linear", "cubic"):
    for coordinates in ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"):
        case(f"resize-{mode}-{coordinates}", between(lambda g, x, m=mode, c=coordinates: g.node(
            "Resize", x, g.constant(np.array([], np.float32)), g.constant(np.array([1, 1, 2, 1.5], np.float32)), mode=m,
            coordinate_transformation_mode=c)), (11, 13, 18, 19))
for nearest in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
    case(f"resize-{nearest}", between(lambda g, x, n=nearest: g.node(
        "Resize", x, g.constant(np.array([], np.float32)), g.constant(np.array([1, 1, 0.6, 2.5], np.float32)), mode="nearest", nearest_mode=n)), (11, 13, 18))
case("resize-sizes", between(lambda g, x: g.node("Resize", x, g.constant(np.array([], np.float32)), g.constant(np.array([], np.float32)), g.ints(1, 8, 16, 12), mode="linear")), (11, 13, 18))
case("resize-computed", between(lambda g, x: g.node(
    "Resize", x, g.constant(np.array([], np.float32)), g.constant(np.array([], np.float32)),
    g.node("Concat", g.node("Slice", g.node("Shape", x), g.ints(0), g.ints(2), g.ints(0)), g.ints(16, 16), axis=0), mode="nearest")), (11, 13, 18))
case("resize-excluded", between(lambda g, x: g.node("Resize", x, g.constant(np.array([], np.float32)), g.constant(np.array([1, 1, 2, 2], np.float32)),
                                                    mode="cubic", exclude_outside=1, cubic_coeff_a=-0.5)), (11, 13, 18))
case("resize-axes", between(lambda g, x: g.node("Resize", x, "", g.constant(np.array([2, 2], np.float32)), axes=[2, 3], mode="linear")), (18, 19, 21))
case("resize-10", between(lambda g, x: g.node("Resize", x, g.constant(np.array([1, 1, 2, 2], np.float32)), mode="nearest")), (10,))
case("upsample", between(lambda g, x: g.node("Upsample", x, g.constant(np.array([1, 1, 2, 2], np.float32)), mode="nearest")), (9,))
case("upsample-linear", between(lambda g, x: g.node("Upsample", x, g.constant(np.array([1, 1, 2, 2], np.float32)), mode="linear")), (9,))
case("upsample-attribute", between(lambda g, x: g.node("Upsample", x, scales=[1.0, 1.0, 2.0, 2.0], mode="nearest")), (8,))

# Rearrangement.
for mode in ("DCR", "CRD"):
    case("depthtospace-" + mode, between(lambda g, x, m=mode: g.node("DepthToSpace", x, blocksize=2, **({} if g.opset < 11 else {"mode": m})), 16, 4))
case("spacetodepth", between(lambda g, x: g.node("SpaceToDepth", x, blocksize=2), 8, 32))
case("pixelshuffle-spelled", between(lambda g, x: g.reshape(g.node("Transpose", g.reshape(x, -1, 4, 2, 2, 8, 8), perm=[0, 1, 4, 2, 5, 3]), -1, 4, 16, 16), 16, 4))
case("channelshuffle", between(lambda g, x: g.reshape(g.node("Transpose", g.reshape(x, -1, 2, 4, 8, 8), perm=[0, 2, 1, 3, 4]), -1, 8, 8, 8)))


def sliced(g, x, starts, ends, axes, steps=None):
    if g.opset < 10:
        if steps:
            raise NotImplementedError
        return g.node("Slice", x, starts=starts, ends=ends, axes=axes)
    return g.node("Slice", x, g.ints(*starts), g.ints(*ends), g.ints(*axes), *([g.ints(*steps)] if steps else []))


case("slice-channels", between(lambda g, x: sliced(g, x, [2], [7], [1]), 8, 5))
case("slice-strided", between(lambda g, x: sliced(g, x, [0, 1], [8, 100], [2, 3], [2, 3])))
case("slice-reversed", between(lambda g, x: sliced(g, x, [-1], [-100], [3], [-1])))
case("slice-channels-strided", between(lambda g, x: sliced(g, x, [0], [8], [1], [2]), 8, 4))
case("split-channels", between(lambda g, x: (lambda a, b: g.node("Mul", a, g.node("Sigmoid", b)))(
    *g.node("Split", x, *([] if g.opset < 13 else [g.ints(4, 4)]), outputs=2, axis=1, **({"split": [4, 4]} if g.opset < 13 else {}))), 8, 4))
case("split-uneven", between(lambda g, x: (lambda a, b: g.node("Concat", b, a, axis=1))(
    *g.node("Split", x, *([] if g.opset < 13 else [g.ints(3, 5)]), outputs=2, axis=1, **({"split": [3, 5]} if g.opset < 13 else {})))))
case("gather-channels", between(lambda g, x: g.node("Gather", x, g.ints(0, 2, 5, 7, 1), axis=1), 8, 5))
case("gather-channels-repeated", between(lambda g, x: g.node("Gather", x, g.ints(0, 0, 3, 7), axis=1), 8, 4))
case("gather-scalar", lambda g: g.linear(g.node("Gather", g.linear(g.input(normal(1, 5, 6)), 6, 8), g.constant(np.int64(2)), axis=1), 8, 4))
case("gather-matrix", lambda g: g.node("Gather", g.linear(g.input(normal(1, 5, 6)), 6, 8), g.constant(np.array([[0, 1], [3, 2]])), axis=1))
case("tile-space", between(lambda g, x: g.node("Tile", x, g.ints(1, 1, 2, 3))))
case("tile-channels", between(lambda g, x: g.node("Tile", x, g.ints(1, 2, 1, 1)), 8, 16))
case("expand", between(lambda g, x: g.node("Expand", g.node("GlobalAveragePool", x), g.ints(1, 8, 4, 4))))
for mode in ("constant", "reflect", "edge", "wrap"):
    case("pad-" + mode, between(lambda g, x, m=mode: g.node("Pad", x, mode=m, pads=[0, 0, 1, 2, 0, 0, 3, 1]) if g.opset < 11 else
                                g.node("Pad", x, g.ints(0, 0, 1, 2, 0, 0, 3, 1), mode=m)), (8, 11, 13, 19, 21))
case("pad-value", between(lambda g, x: g.node("Pad", x, g.ints(0, 0, 1, 1, 0, 0, 1, 1), g.constant(np.float32(0.5)))), (11, 13, 18))
case("pad-channels", between(lambda g, x: g.node("Pad", x, g.ints(0, 2, 0, 0, 0, 1, 0, 0)), 8, 11), (11, 13, 18))
case("pad-crop", between(lambda g, x: g.node("Pad", x, g.ints(0, 0, -1, -1, 0, 0, -2, 0))), (11, 13, 18))
case("pad-axes", between(lambda g, x: g.node("Pad", x, g.ints(1, 2, 3, 4), "", g.ints(2, 3))), (18, 19, 21))
case("flatten", lambda g: g.linear(g.node("Flatten", g.node("Relu", g.conv(image(g), 3, 8))), 512, 4))
case("flatten-0", lambda g: g.node("Flatten", g.conv(image(g), 3, 8), axis=0))
case("flatten-2", lambda g: g.node("Flatten", g.conv(image(g), 3, 8), axis=2))
case("reshape-zero", lambda g: g.linear(g.reshape(g.conv(image(g), 3, 8), 0, -1), 512, 4))
case("reshape-tokens", lambda g: g.linear(g.node("Transpose", g.reshape(g.conv(image(g), 3, 8), 0, 8, -1), perm=[0, 2, 1]), 8, 4))
case("squeeze", between(lambda g, x: g.axes("Unsqueeze", g.axes("Squeeze", g.node("GlobalAveragePool", x), (2, 3)), (2, 3))))
case("squeeze-all", lambda g: g.node("Squeeze", g.conv(image(g), 3, 8)))
case("squeeze-batch", lambda g: g.linear(g.axes("Squeeze", g.linear(g.input(normal(1, 5, 6)), 6, 8), (0,)), 8, 4))
case("transpose-nhwc", lambda g: g.linear(g.node("Transpose", g.conv(image(g), 3, 8), perm=[0, 2, 3, 1]), 8, 4))
case("transpose-batch", lambda g: g.linear(g.node("Transpose", g.linear(g.node("Transpose", g.input(normal(1, 5, 6)), perm=[1, 0, 2]), 6, 8), perm=[1, 0, 2]), 8, 4))
case("concat-channels", lambda g: (lambda x: g.conv(g.node("Concat", g.conv(x, 3, 8), g.conv(x, 3, 4), x, axis=1), 15, 4, 1))(image(g)))
case("concat-space", lambda g: (lambda x: g.conv(g.node("Concat", g.conv(x, 3, 8), g.conv(x, 3, 8), axis=2), 8, 4, 1))(image(g)))
case("concat-constant", lambda g: g.linear(g.node("Concat", g.constant(normal(1, 1, 8)), g.linear(g.input(normal(1, 5, 6)), 6, 8), axis=1), 8, 4))

# Normalizations.
case("batchnormalization", between(lambda g, x: g.node("BatchNormalization", x, *(g.constant(np.abs(normal(8)) + np.float32(0.1)) for _ in range(4)))))
case("instancenormalization", between(lambda g, x: g.node("InstanceNormalization", x, g.constant(normal(8)), g.constant(normal(8)))))
case("groupnormalization", between(lambda g, x: g.node("GroupNormalization", x, g.constant(normal(8)), g.constant(normal(8)), num_groups=4)), (21,))
case("groupnormalization-spelled", between(lambda g, x: g.node("Add", g.node("Mul", g.node("Reshape", g.node(
    "InstanceNormalization", g.reshape(x, 0, 4, -1), g.constant(np.ones(4, np.float32)), g.constant(np.zeros(4, np.float32))), g.node("Shape", x)),
    g.constant(normal(8, 1, 1))), g.constant(normal(8, 1, 1)))))
case("layernormalization", middle(lambda g, x: g.node("LayerNormalization", x, g.constant(normal(8)), g.constant(normal(8)))), (17, 18, 21))
case("layernormalization-axis1", lambda g: g.node("LayerNormalization", g.linear(g.input(normal(1, 5, 6)), 6, 8), g.constant(normal(5, 8)), axis=1), (17, 18, 21))
case("layernormalization-spelled", lambda g: (lambda x: (lambda d: g.linear(g.node("Add", g.node("Mul", g.node("Div", d, g.node("Sqrt", g.node(
    "Add", g.axes("ReduceMean", g.node("Pow", d, g.constant(np.float32(2))), (-1,), 18), g.constant(np.float32(1e-5))))), g.constant(normal(8))),
    g.constant(normal(8))), 8, 4))(g.node("Sub", x, g.axes("ReduceMean", x, (-1,), 18))))(g.linear(g.input(normal(1, 5, 6)), 6, 8)))
case("rmsnormalization-spelled", lambda g: (lambda x: g.linear(g.node("Mul", g.node("Mul", x, g.node("Reciprocal", g.node("Sqrt", g.node(
    "Add", g.axes("ReduceMean", g.node("Pow", x, g.constant(np.float32(2))), (-1,), 18), g.constant(np.float32(1e-5)))))), g.constant(normal(8))), 8, 4))(
    g.linear(g.input(normal(1, 5, 6)), 6, 8)))
case("lrn", between(lambda g, x: g.node("LRN", x, size=3, alpha=0.1, beta=0.6, bias=1.1)))
case("lpnormalization", between(lambda g, x: g.node("LpNormalization", x, axis=1, p=2)))
case("lpnormalization-1", middle(lambda g, x: g.node("LpNormalization", x, axis=-1, p=1)))
case("meanvariance", between(lambda g, x: g.node("MeanVarianceNormalization", x)))
for operation in "Softmax LogSoftmax Hardmax".split():
    case("soft-" + operation, middle(lambda g, x, o=operation: g.node(o, x)))
    case("soft-space-" + operation, lambda g, o=operation: g.node(o, g.conv(image(g), 3, 4), axis=3))
    case("soft-channel-" + operation, lambda g, o=operation: g.node(o, g.conv(image(g), 3, 4), axis=1))
case("cumsum", between(lambda g, x: g.node("CumSum", x, g.constant(np.int64(2)))), (11, 14, 21))
case("cumsum-reverse", between(lambda g, x: g.node("CumSum", x, g.constant(np.int64(3)), reverse=1, exclusive=1)), (11, 14, 21))
case("trilu", lambda g: g.node("Trilu", g.linear(g.input(normal(1, 8, 6)), 6, 8), upper=0), (14, 21))

# Products.
case("gemm", lambda g: g.node("Gemm", g.node("Relu", g.node("Gemm", g.input(normal(1, 6), ["n", 6]), g.constant(normal(6, 8)), g.constant(normal(8)), alpha=0.5, beta=2.0)),
                              g.constant(normal(4, 8)), g.constant(normal(4)), transB=1))
case("gemm-plain", lambda g: g.node("Gemm", g.node("Gemm", g.input(normal(1, 6)), g.constant(normal(6, 8))), g.constant(normal(8, 4)), g.constant(np.float32(0.3))), (11, 13, 21))
case("gemm-computed", lambda g: g.node("Gemm", g.input(normal(1, 6)), g.input(normal(6, 4)), g.constant(normal(4))))
case("matmul-batched", lambda g: g.linear(g.node("MatMul", g.linear(g.input(normal(1, 3, 5, 6)), 6, 8), g.input(normal(1, 3, 8, 7))), 7, 4))
case("matmul-left-constant", lambda g: g.linear(g.node("MatMul", g.constant(normal(4, 5)), g.linear(g.input(normal(1, 5, 6)), 6, 8)), 8, 4))
case("matmul-vector", lambda g: g.node("MatMul", g.input(normal(1, 5, 6)), g.input(normal(6))))
case("matmul-constant-3d", lambda g: g.node("MatMul", g.input(normal(1, 3, 5, 6)), g.constant(normal(3, 6, 4))))
for equation in ("bij,bjk->bik", "bhid,bhjd->bhij", "bij->bji", "bij,bij->bi", "bij->bi", "bid,bjd->bij", "bi,bj->bij"):
    def build(g, e=equation):
        sizes = {"b": 1, "h": 2, "i": 5, "j": 6, "k": 4, "d": 3}
        if e in ("bij,bij->bi", "bij->bi", "bij->bji"):
            pass
        return g.node("Einsum", *(g.input(normal(*(sizes[c] for c in term))) for term in e.split("->")[0].split(",")), equation=e)
    case("einsum-" + equation.replace(",", "_").replace("->", "="), build, (12, 18))
case("embedding", lambda g: g.linear(g.node("Gather", g.constant(normal(20, 8)), g.input(rng.integers(0, 20, (1, 5)))), 8, 4))


def attention(g, x, tokens, width, heads, kv_heads=None, mask=None, rotary=False, dynamic=False):
    """Attention as PyTorch spells it out."""
    kv_heads = kv_heads or heads
    d = width // heads

    def split(v, n):
        if dynamic:
            shape = g.node("Shape", v)
            batch = g.axes("Unsqueeze", g.node("Gather", shape, g.constant(np.int64(0))), (0,))
            length = g.axes("Unsqueeze", g.node("Gather", shape, g.constant(np.int64(1))), (0,))
            target = g.node("Concat", batch, length, g.ints(n), g.ints(d), axis=0)
            return g.node("Transpose", g.node("Reshape", v, target), perm=[0, 2, 1, 3])
        return g.node("Transpose", g.reshape(v, -1, tokens, n, d), perm=[0, 2, 1, 3])

    q, k, v = split(g.linear(x, width, width), heads), split(g.linear(x, width, kv_heads * d), kv_heads), split(g.linear(x, width, kv_heads * d), kv_heads)
    if rotary:
        cosine, sine = g.constant(normal(tokens, d)), g.constant(normal(tokens, d))

        def turn(y):
            a, b = sliced(g, y, [0], [d // 2], [3]), sliced(g, y, [d // 2], [1 << 40], [3])
            return g.node("Add", g.node("Mul", y, cosine), g.node("Mul", g.node("Concat", g.node("Neg", b), a, axis=-1), sine))
        q, k = turn(q), turn(k)
    if kv_heads != heads:
        def repeat(y):
            wide = g.node("Expand", g.axes("Unsqueeze", y, (2,)), g.ints(1, kv_heads, heads // kv_heads, tokens, d))
            return g.reshape(wide, -1, heads, tokens, d)
        k, v = repeat(k), repeat(v)
    scores = g.node("Div", g.node("MatMul", q, g.node("Transpose", k, perm=[0, 1, 3, 2])), g.constant(np.float32(d ** 0.5)))
    if mask is not None:
        scores = g.node("Add", scores, mask)
    context = g.node("Transpose", g.node("MatMul", g.node("Softmax", scores, axis=-1), v), perm=[0, 2, 1, 3])
    if dynamic:
        shape = g.node("Shape", context)
        batch = g.axes("Unsqueeze", g.node("Gather", shape, g.constant(np.int64(0))), (0,))
        length = g.axes("Unsqueeze", g.node("Gather", shape, g.constant(np.int64(1))), (0,))
        return g.linear(g.node("Reshape", context, g.node("Concat", batch, length, g.ints(width), axis=0)), width, width)
    return g.linear(g.reshape(context, -1, tokens, width), width, width)


LATE = (13, 18, 21)
case("attention", lambda g: attention(g, g.input(normal(1, 6, 16)), 6, 16, 4), LATE)
case("attention-dynamic", lambda g: attention(g, g.input(normal(1, 6, 16), ["n", "s", 16]), 6, 16, 4, dynamic=True), LATE)
case("attention-grouped", lambda g: attention(g, g.input(normal(1, 6, 16)), 6, 16, 4, kv_heads=2), LATE)
case("attention-rotary", lambda g: attention(g, g.input(normal(1, 6, 16)), 6, 16, 4, rotary=True), LATE)
case("attention-mask", lambda g: attention(g, g.input(normal(1, 6, 16)), 6, 16, 4, mask=g.node("Mul", g.node("Sub", g.constant(np.float32(1)), g.node(
    "Cast", g.input(np.array([[[[1, 1, 1, 1, 0, 0]]]])), to=1)), g.constant(np.float32(-1e4)))), LATE)
case("attention-causal", lambda g: attention(g, g.input(normal(1, 6, 16)), 6, 16, 4, mask=g.constant(np.triu(np.full((6, 6), -np.inf, np.float32), 1))), LATE)
case("attention-bias-per-head", lambda g: attention(g, g.input(normal(1, 6, 16)), 6, 16, 4, mask=g.constant(normal(1, 4, 6, 6))), LATE)
case("attention-embedding", lambda g: attention(g, g.node("Gather", g.constant(normal(20, 16)), g.input(rng.integers(0, 20, (1, 6)))), 6, 16, 4), LATE)


def fused(g, order):
    """One linear layer for queries, keys and values."""
    x = g.linear(g.input(normal(1, 6, 16)), 16, 48)
    if order == "split":
        parts = g.node("Split", x, *([g.ints(16, 16, 16)]), outputs=3, axis=2)
        parts = [g.node("Transpose", g.reshape(p, 0, 6, 4, 4), perm=[0, 2, 1, 3]) for p in parts]
    else:
        turned = g.node("Transpose", g.reshape(x, 0, 6, 3, 4, 4), perm=[2, 0, 3, 1, 4])
        parts = [g.node("Gather", turned, g.constant(np.int64(i)), axis=0) for i in range(3)]
    scores = g.node("Softmax", g.node("MatMul", g.node("Mul", parts[0], g.constant(np.float32(0.5))), g.node("Transpose", parts[1], perm=[0, 1, 3, 2])), axis=-1)
    return g.linear(g.reshape(g.node("Transpose", g.node("MatMul", scores, parts[2]), perm=[0, 2, 1, 3]), 0, 6, 16), 16, 5)


case("attention-fused-split", lambda g: fused(g, "split"), LATE)
case("attention-fused-gather", lambda g: fused(g, "gather"), LATE)

# Recurrent layers.
for operation, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
    for direction in ("forward", "reverse", "bidirectional"):
        n = 2 if direction == "bidirectional" else 1

        def build(g, o=operation, k=gates, d=direction, n=n):
            x = g.linear(g.input(normal(5, 1, 6)), 6, 7)
            y = g.node(o, x, g.constant(0.4 * normal(n, k * 8, 7)), g.constant(0.4 * normal(n, k * 8, 8)), g.constant(0.1 * normal(n, 2 * k * 8)),
                       outputs=2, hidden_size=8, direction=d)[0]
            return g.linear(g.reshape(g.node("Transpose", y, perm=[0, 2, 1, 3]), 0, 0, -1), n * 8, 4)
        case(f"recurrent-{operation}-{direction}", build, (8, 14, 21))

    def last(g, o=operation, k=gates):
        x = g.linear(g.input(normal(5, 1, 6)), 6, 7)
        h = g.node(o, x, g.constant(0.4 * normal(1, k * 8, 7)), g.constant(0.4 * normal(1, k * 8, 8)), outputs=2, hidden_size=8)[1]
        return g.linear(g.axes("Squeeze", h, (0,)), 8, 4)
    case(f"recurrent-{operation}-last", last, (8, 14, 21))
case("recurrent-GRU-reset", lambda g: g.node("GRU", g.input(normal(5, 1, 6)), g.constant(normal(1, 24, 6)), g.constant(normal(1, 24, 8)), g.constant(normal(1, 48)),
                                             outputs=2, hidden_size=8, linear_before_reset=1), (8, 14, 21))
case("recurrent-state", lambda g: g.node("LSTM", g.input(normal(5, 1, 6)), g.constant(normal(1, 32, 6)), g.constant(normal(1, 32, 8)), g.constant(normal(1, 64)), "",
                                         g.input(normal(1, 1, 8)), g.input(normal(1, 1, 8)), outputs=3, hidden_size=8), (8, 14, 21))
case("recurrent-peepholes", lambda g: g.node("LSTM", g.input(normal(5, 1, 6)), g.constant(normal(1, 32, 6)), g.constant(normal(1, 32, 8)), g.constant(normal(1, 64)), "",
                                             "", "", g.constant(normal(1, 24)), outputs=2, hidden_size=8)[0], (8, 14, 21))

# Quantized weights and activations.
case("dequantized-weights", lambda g: g.conv(g.node("Relu", g.node("Conv", image(g), g.node("DequantizeLinear", g.constant(
    rng.integers(-100, 100, (8, 3, 3, 3)).astype(np.int8)), g.constant(np.float32(0.01)), g.constant(np.int8(3))), pads=[1] * 4)), 8, 4, 1), (10, 13, 21))
case("dequantized-per-channel", lambda g: g.conv(g.node("Relu", g.node("Conv", image(g), g.node("DequantizeLinear", g.constant(
    rng.integers(-100, 100, (8, 3, 3, 3)).astype(np.int8)), g.constant(np.abs(normal(8)) / 50), g.constant(np.zeros(8, np.int8)), axis=0), pads=[1] * 4)), 8, 4, 1), (13, 21))
case("quantized-activations", between(lambda g, x: g.node("DequantizeLinear", g.node("QuantizeLinear", x, g.constant(np.float32(0.05)), g.constant(np.int8(0))),
                                                          g.constant(np.float32(0.05)), g.constant(np.int8(0)))), (10, 13, 21))


def branch(g):
    x = g.conv(image(g), 3, 8)
    extent = g.node("Gather", g.node("Shape", x), g.constant(np.int64(3)))
    condition = g.node("Equal", extent, g.constant(np.int64(8)))
    then = helper.make_graph([helper.make_node("Relu", [x], ["then"])], "then", [], [helper.make_tensor_value_info("then", 1, None)])
    other = helper.make_graph([helper.make_node("Neg", [x], ["other"])], "other", [], [helper.make_tensor_value_info("other", 1, None)])
    return g.conv(g.node("If", condition, then_branch=then, else_branch=other), 8, 4, 1)


case("if-folded", branch, (11, 13, 18))
case("initializers-as-inputs", between(lambda g, x: g.node("Relu", x)), (8,), ir=3)

# Names that onnxruntime's optimizer writes.
case("ort-gelu", between(lambda g, x: g.node("Gelu", x, domain="com.microsoft")), LATE)
case("ort-quickgelu", between(lambda g, x: g.node("QuickGelu", x, domain="com.microsoft")), LATE)
case("ort-biasgelu", middle(lambda g, x: g.node("BiasGelu", x, g.constant(normal(8)), domain="com.microsoft")), LATE)
case("ort-fusedmatmul", lambda g: g.node("FusedMatMul", g.input(normal(1, 2, 5, 6)), g.input(normal(1, 2, 7, 6)), alpha=0.5, transB=1, domain="com.microsoft"), LATE)
case("ort-fusedconv", lambda g: g.conv(g.node("FusedConv", image(g), g.constant(normal(8, 3, 3, 3)), g.constant(normal(8)), activation="Relu", pads=[1] * 4,
                                               domain="com.microsoft"), 8, 4, 1), LATE)
case("ort-skiplayernorm", lambda g: g.linear(g.node("SkipLayerNormalization", g.linear(g.input(normal(1, 5, 6)), 6, 8), g.input(normal(1, 5, 8)), g.constant(normal(8)),
                                                    g.constant(normal(8)), domain="com.microsoft"), 8, 4), LATE)

print(f"{written} graphs written, {refused} refused by onnxruntime")
