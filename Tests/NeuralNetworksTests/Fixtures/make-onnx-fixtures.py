#!/usr/bin/env python3
"""Writes the small ONNX models of the tests, and what onnxruntime makes of them (expected.npz).

usage: python3 make-onnx-fixtures.py      needs numpy, onnx, onnxruntime
Every model is seeded, so running this again gives the same files. `<name>.input` and `<name>.output` in expected.npz
are a batch for the model and onnxruntime's answer.
"""
import os

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, checker, helper, numpy_helper

FOLDER = os.path.dirname(os.path.abspath(__file__))
EXPECTED = {}


class Graph:
    """Collects nodes and initializers; names values after what makes them."""

    def __init__(self, name, opset, ir_version=8):
        self.name, self.opset, self.ir_version = name, opset, ir_version
        self.random = np.random.default_rng([ord(c) for c in name])
        self.nodes, self.initializers, self.inputs, self.outputs = [], [], [], []
        self.infos, self.functions = [], []
        self.domains = []
        self.count = 0

    def input(self, name, shape, kind=TensorProto.FLOAT):
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, name, shape, kind=TensorProto.FLOAT):
        self.outputs.append(helper.make_tensor_value_info(name, kind, shape))

    def weight(self, name, *shape, scale=None, dtype=np.float32):
        fan = int(np.prod(shape[1:])) or 1
        values = self.random.standard_normal(shape) * (scale or 1 / np.sqrt(fan))
        return self.constant(name, values.astype(dtype))

    def constant(self, name, values):
        if not any(t.name == name for t in self.initializers):
            self.initializers.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def ints(self, *values):
        return self.constant("ints_" + "_".join(str(v).replace("-", "m") for v in values), np.array(values, np.int64))

    def scalar(self, value, dtype=np.float32):
        return self.constant(f"scalar_{value}", np.array(value, dtype))

    def node(self, op, inputs, outputs=None, domain="", name=None, **attributes):
        self.count += 1
        outputs = outputs or [f"{op.lower()}_{self.count}"]
        self.nodes.append(helper.make_node(op, inputs, outputs, name=name or f"{op}_{self.count}", domain=domain, **attributes))
        return outputs[0] if len(outputs) == 1 else outputs

    # Operations that changed between versions.
    def clip(self, x, low, high):
        if self.opset < 11:
            return self.node("Clip", [x], min=float(low), max=float(high))
        return self.node("Clip", [x, self.scalar(float(low)), self.scalar(float(high))])

    def pad(self, x, pads):
        if self.opset < 11:
            return self.node("Pad", [x], mode="constant", pads=pads, value=0.0)
        return self.node("Pad", [x, self.ints(*pads)], mode="constant")

    def slice(self, x, starts, ends, axes, steps=None):
        if self.opset < 10:
            return self.node("Slice", [x], starts=starts, ends=ends, axes=axes)
        return self.node("Slice", [x, self.ints(*starts), self.ints(*ends), self.ints(*axes), self.ints(*(steps or [1] * len(axes)))])

    def split(self, x, axis, sizes):
        outputs = [f"part_{self.count}_{i}" for i in range(len(sizes))]
        if self.opset < 13:
            return self.node("Split", [x], outputs, axis=axis, split=sizes)
        return self.node("Split", [x, self.ints(*sizes)], outputs, axis=axis)

    def squeeze(self, x, axes):
        if self.opset < 13:
            return self.node("Squeeze", [x], axes=axes)
        return self.node("Squeeze", [x, self.ints(*axes)])

    def unsqueeze(self, x, axes):
        if self.opset < 13:
            return self.node("Unsqueeze", [x], axes=axes)
        return self.node("Unsqueeze", [x, self.ints(*axes)])

    def dropout(self, x):
        if self.opset < 12:
            return self.node("Dropout", [x], ratio=0.25)
        return self.node("Dropout", [x, self.scalar(0.25)])

    def mean(self, x, axes, keepdims):
        if self.opset < 18:
            return self.node("ReduceMean", [x], axes=axes, keepdims=keepdims)
        return self.node("ReduceMean", [x, self.ints(*axes)], keepdims=keepdims)

    def conv(self, x, name, out, inside, kernel=3, bias=True, **attributes):
        shape = [out, inside, kernel, kernel]
        inputs = [x, self.weight(name + ".weight", *shape)]
        if bias:
            inputs.append(self.weight(name + ".bias", out, scale=0.1))
        attributes.setdefault("kernel_shape", [kernel, kernel])
        if "auto_pad" not in attributes:
            attributes.setdefault("pads", [kernel // 2] * 4)
        return self.node("Conv", inputs, **attributes)

    def batch_norm(self, x, name, channels):
        self.constant(name + ".weight", (1 + 0.2 * self.random.standard_normal(channels)).astype(np.float32))
        self.weight(name + ".bias", channels, scale=0.2)
        self.weight(name + ".running_mean", channels, scale=0.2)
        self.constant(name + ".running_var", self.random.uniform(0.5, 2, channels).astype(np.float32))
        return self.node("BatchNormalization", [x] + [f"{name}.{p}" for p in ("weight", "bias", "running_mean", "running_var")], epsilon=1e-5)

    def gemm(self, x, name, out, inside, **attributes):
        shape = [out, inside] if attributes.get("transB") else [inside, out]
        return self.node("Gemm", [x, self.weight(name + ".weight", *shape, scale=1 / np.sqrt(inside)), self.weight(name + ".bias", out, scale=0.1)], **attributes)

    def model(self):
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, self.initializers, value_info=self.infos)
        opsets = [helper.make_opsetid("", self.opset)] + [helper.make_opsetid(d, 1) for d in self.domains]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="fixtures", functions=self.functions)
        model.ir_version = self.ir_version
        return model


def save(graph, feed=None, run=True, infer=False, edit=None):
    model = graph.model() if isinstance(graph, Graph) else graph
    name = model.graph.name
    if run:
        checker.check_model(model)
    if infer:
        model = onnx.shape_inference.infer_shapes(model)
    if edit:
        edit(model)
    path = os.path.join(FOLDER, name + ".onnx")
    onnx.save(model, path)
    if run:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        output = session.run(None, {session.get_inputs()[0].name: feed})[0]
        EXPECTED[name + ".input"] = feed
        EXPECTED[name + ".output"] = output
    return path


def images(graph, batch, *shape):
    return graph.random.standard_normal((batch, *shape)).astype(np.float32)


def zoo(opset):
    """The operations whose attributes moved to inputs over the years, and the usual ones around them."""
    g = Graph(f"zoo{opset}", opset)
    x = g.input("input", ["N", 3, 9, 9])
    x = g.conv(x, "stem", 8, 3)
    x = g.batch_norm(x, "norm", 8)
    x = g.clip(x, 0, 6)
    y = g.slice(x, [0, 1], [9223372036854775807, 9223372036854775807], [2, 3])
    y = g.pad(y, [0, 1, 0, 0, 0, 3, 0, 1])
    y = g.conv(y, "mixed", 8, 12, strides=[1, 1])
    x = g.node("Add", [g.node("LeakyRelu", [x], alpha=0.1), y])
    a, b = g.split(x, 1, [5, 3])
    a = g.node("MaxPool", [a], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    b = g.node("AveragePool", [b], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    x = g.node("Concat", [b, a], axis=1)
    x = g.dropout(x)
    x = g.conv(x, "head", 10, 8, kernel=1, bias=False, pads=[0, 0, 0, 0])
    x = g.node("Elu", [x], alpha=0.7)
    x = g.mean(x, [2, 3], 0)
    x = g.squeeze(g.unsqueeze(x, [2]), [2])
    x = g.gemm(x, "fc", 6, 10, transB=1)
    x = g.node("Relu", [x])
    x = g.gemm(x, "out", 4, 6, alpha=0.5, beta=2.0)
    x = g.node("Softmax", [x], axis=1)
    x = g.node("Identity", [x], ["output"])
    g.output("output", ["N", 4])
    save(g, images(g, 3, 3, 9, 9), infer=opset % 2 == 0)


def depthwise():
    g = Graph("depthwise", 17)
    x = g.input("input", ["N", 3, 8, 8])
    x = g.node("HardSwish", [g.batch_norm(g.conv(x, "stem", 6, 3, bias=False), "stem_norm", 6)])
    y = g.clip(g.batch_norm(g.conv(x, "expand", 12, 6, kernel=1, bias=False), "expand_norm", 12), 0, 6)
    y = g.clip(g.batch_norm(g.conv(y, "depthwise", 12, 1, bias=False, group=12), "depthwise_norm", 12), 0, 6)
    y = g.batch_norm(g.conv(y, "project", 6, 12, kernel=1, bias=False), "project_norm", 6)
    x = g.node("Add", [x, y])
    # A gate over channels, as in squeeze and excitation.
    s = g.node("GlobalAveragePool", [x])
    s = g.node("Relu", [g.conv(s, "reduce", 3, 6, kernel=1)])
    s = g.node("HardSigmoid", [g.conv(s, "widen", 6, 3, kernel=1)], alpha=1 / 6, beta=0.5)
    x = g.node("Mul", [x, s])
    x = g.node("Flatten", [g.node("GlobalAveragePool", [x])])
    g.node("Identity", [g.gemm(x, "fc", 5, 6, transB=1)], ["output"])
    g.output("output", ["N", 5])
    save(g, images(g, 2, 3, 8, 8), infer=True)


def grouped():
    g = Graph("grouped", 13)
    x = g.input("input", ["N", 4, 7, 7])
    x = g.node("Relu", [g.conv(x, "first", 8, 4)])
    x = g.node("Relu", [g.conv(x, "grouped", 12, 2, group=4, dilations=[2, 2], pads=[2, 2, 2, 2])])
    # Shuffle the channels of the groups.
    x = g.node("Reshape", [x, g.ints(0, 4, 3, 7, 7)])
    x = g.node("Reshape", [g.node("Transpose", [x], perm=[0, 2, 1, 3, 4]), g.ints(0, -1, 7, 7)])
    x = g.conv(x, "last", 6, 12, auto_pad="SAME_UPPER", strides=[2, 2])
    x = g.node("AveragePool", [x], kernel_shape=[2, 2], strides=[2, 2], count_include_pad=1, pads=[1, 1, 0, 0])
    x = g.node("Flatten", [g.node("GlobalMaxPool", [x])])
    g.node("Gemm", [x, g.weight("fc", 6, 3)], ["output"])
    g.output("output", ["N", 3])
    save(g, images(g, 2, 4, 7, 7))


def dense_block():
    g = Graph("concat", 12)
    x = g.input("input", ["N", 3, 6, 6])
    x = g.conv(x, "stem", 4, 3)
    parts = [x]
    for index in range(3):
        joined = parts[0] if len(parts) == 1 else g.node("Concat", parts, axis=1)
        y = g.node("Relu", [g.batch_norm(joined, f"norm{index}", 4 + 3 * index)])
        parts.append(g.conv(y, f"conv{index}", 3, 4 + 3 * index, bias=False))
    x = g.node("Concat", parts, axis=-3)
    x = g.node("ReduceMean", [x], axes=[-1, -2], keepdims=0)
    g.node("Gemm", [x, g.weight("fc", 4, 13), g.weight("fc_bias", 1, 4)], ["output"], transB=1)
    g.output("output", ["N", 4])
    save(g, images(g, 2, 3, 6, 6))


def external():
    g = Graph("external", 17)
    x = g.input("input", ["N", 20])
    x = g.node("Relu", [g.gemm(x, "fc1", 32, 20, transB=1)])
    g.node("Identity", [g.gemm(x, "fc2", 4, 32, transB=1)], ["output"])
    g.output("output", ["N", 4])
    feed = images(g, 2, 20)
    model = g.model()
    data = os.path.join(FOLDER, "external.onnx.data")
    if os.path.exists(data):
        os.remove(data)
    onnx.save(model, os.path.join(FOLDER, "external.onnx"), save_as_external_data=True, location="external.onnx.data", size_threshold=100)
    session = onnxruntime.InferenceSession(os.path.join(FOLDER, "external.onnx"), providers=["CPUExecutionProvider"])
    EXPECTED["external.input"], EXPECTED["external.output"] = feed, session.run(None, {"input": feed})[0]


def custom_operation():
    g = Graph("custom", 16)
    g.domains = ["com.example"]
    x = g.input("input", ["N", 3, 6, 6])
    x = g.node("Relu", [g.conv(x, "before", 6, 3)])
    x = g.node("Mystery", [x, g.weight("secret", 6)], domain="com.example", strength=3.0, name="mystery")
    # Only the file can know what the operation makes.
    g.infos.append(helper.make_tensor_value_info(x, TensorProto.FLOAT, ["N", 6, 6, 6]))
    x = g.node("Relu", [g.conv(x, "between", 5, 6)])
    x = g.node("Relu", [g.conv(x, "after", 7, 5)])
    x = g.node("Flatten", [g.node("GlobalAveragePool", [x])])
    g.node("Identity", [g.gemm(x, "fc", 4, 7, transB=1)], ["output"])
    g.output("output", ["N", 4])
    save(g, run=False)


def matmul_add():
    g = Graph("matmul", 15)
    x = g.input("input", ["N", 2, 3, 4])
    # Flatten as PyTorch exports x.view(x.size(0), -1).
    n = g.node("Gather", [g.node("Shape", [x]), g.constant("zero", np.array(0, np.int64))], axis=0)
    target = g.node("Concat", [g.unsqueeze(n, [0]), g.ints(-1)], axis=0)
    x = g.node("Reshape", [x, target])
    x = g.node("Relu", [g.node("Add", [g.node("MatMul", [x, g.weight("fc1", 24, 16)]), g.weight("fc1_bias", 16)])])
    # Stored the other way round: a constant that has to be computed.
    w = g.node("Transpose", [g.weight("fc2", 10, 16)], perm=[1, 0])
    x = g.node("Tanh", [g.node("Add", [g.weight("fc2_bias", 1, 10), g.node("MatMul", [x, w])])])
    x = g.node("Sigmoid", [g.node("MatMul", [x, g.weight("fc3", 10, 8)])])
    x = g.node("Sub", [g.node("Div", [x, g.weight("spread", 8, scale=1)]), g.weight("center", 8)])
    g.node("MatMul", [x, g.weight("fc4", 8, 3)], ["output"])
    g.output("output", ["N", 3])
    save(g, images(g, 3, 2, 3, 4))


def channels_last():
    """As converters from TensorFlow write it: NHWC outside, NCHW inside."""
    g = Graph("nhwc", 13)
    x = g.input("input", ["N", 8, 8, 3])
    x = g.node("Transpose", [x], perm=[0, 3, 1, 2])
    x = g.node("Relu", [g.conv(x, "conv1", 5, 3, auto_pad="SAME_UPPER", strides=[2, 2])])
    x = g.node("Relu", [g.conv(x, "conv2", 6, 5, auto_pad="VALID")])
    x = g.node("Transpose", [x], perm=[0, 2, 3, 1])
    x = g.node("Reshape", [x, g.ints(-1, 24)])
    x = g.node("Relu", [g.node("Add", [g.node("MatMul", [x, g.weight("dense1", 24, 7)]), g.weight("dense1_bias", 7)])])
    g.node("Add", [g.node("MatMul", [x, g.weight("dense2", 7, 4)]), g.weight("dense2_bias", 4)], ["output"])
    g.output("output", ["N", 4])
    save(g, images(g, 2, 8, 8, 3))


def old_cntk():
    """Batch of 1 fixed, weights listed as inputs, biases added, a weight that is reshaped before it is used."""
    g = Graph("cntk", 8, ir_version=3)
    x = g.input("input", [1, 1, 12, 12])
    x = g.conv(x, "conv1", 4, 1, kernel=5, bias=False, auto_pad="SAME_UPPER", pads=None, strides=[1, 1])
    x = g.node("Relu", [g.node("Add", [x, g.weight("plus1", 4, 1, 1)])])
    x = g.node("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2], pads=[0, 0, 0, 0], auto_pad="NOTSET")
    x = g.conv(x, "conv2", 6, 4, kernel=3, bias=False, auto_pad="SAME_UPPER", pads=None, strides=[1, 1])
    x = g.node("Relu", [g.node("Add", [x, g.weight("plus2", 6, 1, 1)])])
    x = g.node("MaxPool", [x], kernel_shape=[3, 3], strides=[3, 3], pads=[0, 0, 0, 0])
    x = g.node("Reshape", [x, g.ints(1, 24)])
    w = g.node("Reshape", [g.weight("times", 6, 2, 2, 5), g.ints(24, 5)])
    g.node("Add", [g.node("MatMul", [x, w]), g.weight("plus3", 1, 5)], ["output"])
    g.output("output", [1, 5])
    for tensor in g.initializers:
        g.inputs.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    save(g, images(g, 1, 1, 12, 12))


def element_types():
    """Weights as typed lists, as half precision inside Cast, as double."""
    g = Graph("types", 14)
    x = g.input("input", ["N", 6])
    g.random.standard_normal(3)
    w1, b1 = g.random.standard_normal((8, 6)).astype(np.float32) / 3, g.random.standard_normal(8).astype(np.float32)
    g.initializers.append(helper.make_tensor("typed", TensorProto.FLOAT, [8, 6], w1.flatten()))
    g.initializers.append(helper.make_tensor("typed_bias", TensorProto.FLOAT, [8], b1))
    x = g.node("Relu", [g.node("Gemm", [x, "typed", "typed_bias"], transB=1)])
    half = (g.random.standard_normal((7, 8)) / 3).astype(np.float16)
    g.initializers.append(helper.make_tensor("half", TensorProto.FLOAT16, [7, 8], half.flatten()))
    w = g.node("Cast", ["half"], to=TensorProto.FLOAT)
    x = g.node("Relu", [g.node("Gemm", [x, w], transB=1)])
    double = g.random.standard_normal((7, 4)) / 3
    g.initializers.append(helper.make_tensor("double", TensorProto.DOUBLE, [7, 4], double.flatten()))
    w = g.node("Cast", ["double"], to=TensorProto.FLOAT)
    g.node("MatMul", [x, w], ["output"])
    g.output("output", ["N", 4])
    save(g, images(g, 2, 6))


def half_precision():
    g = Graph("half", 17)
    x = g.input("input", ["N", 3, 5, 5], TensorProto.FLOAT16)
    x = g.node("Conv", [x, g.weight("conv1", 8, 3, 3, 3, dtype=np.float16), g.weight("conv1_bias", 8, dtype=np.float16)], pads=[1, 1, 1, 1])
    x = g.node("Relu", [x])
    x = g.node("Conv", [x, g.weight("conv2", 5, 8, 3, 3, dtype=np.float16)])
    g.node("Flatten", [g.node("GlobalAveragePool", [x])], ["output"])
    g.output("output", ["N", 5], TensorProto.FLOAT16)
    save(g, images(g, 2, 3, 5, 5).astype(np.float16))


def shared_tensors():
    """One tensor read by two layers; scalars that are axes here and steps there."""
    g = Graph("shared", 13)
    x = g.input("input", ["N", 6])
    w, b = g.weight("tied", 6, 6), g.weight("tied_bias", 6)
    x = g.node("Relu", [g.node("Gemm", [x, w, b], transB=1)])
    x = g.node("Relu", [g.node("Gemm", [x, w, b], transB=1)])
    x = g.node("Relu", [g.gemm(x, "wide", 9, 6, transB=1)])
    one = g.ints(1)
    y = g.node("Slice", [x, g.ints(0), g.ints(9), one, one])
    z = g.node("Slice", [x, one, g.ints(6), one, one])
    y = g.gemm(y, "left", 4, 9, transB=1)
    z = g.gemm(z, "right", 4, 5, transB=1)
    g.node("Add", [y, z], ["output"])
    g.output("output", ["N", 4])
    save(g, images(g, 2, 6))


def branch():
    """A node with graphs inside that reads values from outside."""
    g = Graph("branch", 13)
    x = g.input("input", ["N", 5])
    x = g.node("Relu", [g.gemm(x, "first", 8, 5, transB=1)])
    y = g.node("Relu", [g.gemm(x, "second", 6, 8, transB=1)])
    condition = g.node("Greater", [g.node("ReduceSum", [x], keepdims=0), g.scalar(0.0)])

    def body(name, op):
        out = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        return helper.make_graph([helper.make_node(op, [y], [name], name=name)], name, [], [out])

    z = g.node("If", [condition], name="choice", then_branch=body("yes", "Neg"), else_branch=body("no", "Abs"))
    g.node("Gemm", [z, g.weight("third.weight", 3, 6)], ["output"], transB=1, name="third")
    g.output("output", ["N", 3])
    save(g, images(g, 2, 5))


def spelled_out():
    """GELU in three spellings, its approximation, SiLU, hard swish in two, layer normalization."""
    g = Graph("spelled", 14)
    x = g.input("input", ["N", 4, 10])
    m = g.node("ReduceMean", [x], axes=[-1])
    d = g.node("Sub", [x, m])
    v = g.node("ReduceMean", [g.node("Pow", [d, g.scalar(2.0)])], axes=[-1])
    x = g.node("Div", [d, g.node("Sqrt", [g.node("Add", [v, g.scalar(1e-5)])])])
    x = g.node("Add", [g.node("Mul", [x, g.weight("ln_scale", 10, scale=1)]), g.weight("ln_shift", 10, scale=1)])

    def dense(x, name, out, inside):
        return g.node("Add", [g.node("MatMul", [x, g.weight(name, inside, out)]), g.weight(name + "_bias", out, scale=0.1)])

    def one_plus_erf(x, divides):
        e = g.node("Div", [x, g.scalar(1.4142135)]) if divides else g.node("Mul", [x, g.scalar(0.70710677)])
        return g.node("Add", [g.node("Erf", [e]), g.scalar(1.0)])

    x = dense(x, "fc1", 12, 10)
    x = g.node("Mul", [g.node("Mul", [x, one_plus_erf(x, True)]), g.scalar(0.5)])
    x = dense(x, "fc2", 11, 12)
    x = g.node("Mul", [x, g.node("Mul", [g.scalar(0.5), one_plus_erf(x, False)])])
    x = dense(x, "fc3", 9, 11)
    x = g.node("Mul", [g.node("Mul", [x, g.scalar(0.5)]), one_plus_erf(x, True)])
    x = dense(x, "fc4", 8, 9)
    cube = g.node("Mul", [g.scalar(0.044715), g.node("Pow", [x, g.scalar(3.0)])])
    t = g.node("Tanh", [g.node("Mul", [g.scalar(0.7978845608), g.node("Add", [x, cube])])])
    x = g.node("Mul", [g.node("Mul", [g.scalar(0.5), x]), g.node("Add", [g.scalar(1.0), t])])
    x = dense(x, "fc5", 7, 8)
    x = g.node("Mul", [x, g.node("Sigmoid", [x])])
    x = dense(x, "fc6", 6, 7)
    x = g.node("Div", [g.node("Mul", [x, g.clip(g.node("Add", [x, g.scalar(3.0)]), 0, 6)]), g.scalar(6.0)])
    x = dense(x, "fc7", 5, 6)
    x = g.node("Mul", [x, g.node("HardSigmoid", [x], alpha=1 / 6, beta=0.5)])
    g.node("MatMul", [x, g.weight("fc8", 5, 3)], ["output"])
    g.output("output", ["N", 4, 3])
    save(g, images(g, 2, 4, 10))


def attention():
    """A transformer block as exporters write it; the number of tokens is fixed, the batch is not."""
    g = Graph("attention", 17)
    width, heads, tokens = 12, 3, 5
    x = g.input("input", ["N", tokens, width])

    def norm(x, name):
        g.constant(name + ".weight", (1 + 0.1 * g.random.standard_normal(width)).astype(np.float32))
        return g.node("LayerNormalization", [x, name + ".weight", g.weight(name + ".bias", width, scale=0.1)], axis=-1)

    def dense(x, name, out, inside):
        return g.node("Add", [g.weight(name + "_bias", out, scale=0.1), g.node("MatMul", [x, g.weight(name, inside, out)])])

    def split(x, perm):
        n = g.node("Gather", [g.node("Shape", [x]), g.constant("zero", np.array(0, np.int64))], axis=0)
        target = g.node("Concat", [g.unsqueeze(n, [0]), g.ints(tokens), g.ints(heads), g.ints(width // heads)], axis=0)
        return g.node("Transpose", [g.node("Reshape", [x, target])], perm=perm)

    y = norm(x, "norm1")
    q, k, v = (dense(y, name, width, width) for name in ("query", "key", "value"))
    scores = g.node("MatMul", [split(q, [0, 2, 1, 3]), split(k, [0, 2, 3, 1])])
    scores = g.node("Div", [scores, g.scalar(float(np.sqrt(width / heads)))])
    mixed = g.node("MatMul", [g.node("Softmax", [scores], axis=-1), split(v, [0, 2, 1, 3])])
    mixed = g.node("Reshape", [g.node("Transpose", [mixed], perm=[0, 2, 1, 3]), g.ints(0, tokens, width)])
    x = g.node("Add", [x, dense(mixed, "joined", width, width)])
    y = dense(norm(x, "norm2"), "mlp1", 20, width)
    y = g.node("Mul", [g.node("Mul", [y, g.node("Add", [g.node("Erf", [g.node("Div", [y, g.scalar(1.4142135)])]), g.scalar(1.0)])]), g.scalar(0.5)])
    x = g.node("Add", [x, dense(y, "mlp2", width, 20)])
    x = norm(x, "norm3")
    first = g.node("Flatten", [g.slice(x, [0], [1], [1])])
    g.node("Identity", [g.gemm(first, "fc", 4, width, transB=1)], ["output"])
    g.output("output", ["N", 4])
    save(g, images(g, 2, tokens, width))


def one_dimensional():
    g = Graph("sequence", 13)
    x = g.input("input", ["N", 4, 20])
    x = g.node("Relu", [g.node("Conv", [x, g.weight("conv1", 6, 4, 5), g.weight("conv1_bias", 6)], strides=[2], pads=[2, 1])])
    x = g.node("MaxPool", [x], kernel_shape=[2], strides=[2], ceil_mode=1)
    x = g.node("Relu", [g.node("Conv", [x, g.weight("conv2", 5, 6, 3)], dilations=[2])])
    x = g.node("Flatten", [g.node("GlobalAveragePool", [x])])
    g.node("Gemm", [x, g.weight("fc", 3, 5)], ["output"], transB=1)
    g.output("output", ["N", 3])
    save(g, images(g, 2, 4, 20))


def unknown_fields():
    """Fields that no reader here has a name for: metadata of nodes (IR 10), and numbers nobody has assigned yet."""
    g = Graph("unknown", 17, ir_version=10)
    x = g.input("input", ["N", 6])
    x = g.node("Relu", [g.gemm(x, "fc1", 8, 6, transB=1)])
    g.node("Identity", [g.gemm(x, "fc2", 3, 8, transB=1)], ["output"])
    g.output("output", ["N", 3])
    model = g.model()
    for node in model.graph.node:
        entry = node.metadata_props.add()
        entry.key, entry.value = "written by", "the fixtures"
    model.graph.metadata_props.add(key="graph", value="kept")
    data = model.SerializeToString() + bytes([0xFA, 0x3E, 3]) + b"new"  # field 1007 of the model, three bytes
    with open(os.path.join(FOLDER, "unknown.onnx"), "wb") as file:
        file.write(data)
    feed = images(g, 2, 6)
    session = onnxruntime.InferenceSession(os.path.join(FOLDER, "unknown.onnx"), providers=["CPUExecutionProvider"])
    EXPECTED["unknown.input"], EXPECTED["unknown.output"] = feed, session.run(None, {"input": feed})[0]


for opset in range(8, 22):
    zoo(opset)
depthwise()
grouped()
dense_block()
external()
custom_operation()
matmul_add()
channels_last()
old_cntk()
element_types()
half_precision()
shared_tensors()
branch()
spelled_out()
attention()
one_dimensional()
unknown_fields()
np.savez_compressed(os.path.join(FOLDER, "expected.npz"), **EXPECTED)
print(f"{len(os.listdir(FOLDER))} files")
