"""Image towers as ONNX graphs for onnxruntime, from the checkpoints of models.py (Debian's python3-onnx).

A plain ViT: patch convolution, class token, positions, blocks of MatMul, Softmax, MatMul, QuickGELU as
x * Sigmoid (1.702 x), the class token's projection at length one. A mixture runs each expert on its own tokens (Softmax,
TopK, NonZero, Gather, FFN, ScatterND). int8 is dynamic quantisation as onnxruntime's own tool makes it
(DynamicQuantizeLinear, MatMulInteger, weights signed and per column); its optimiser fuses all of these.

Weights lie in a file beside the graph, so that no size is a limit; graphs for several batches share it.
"""
import contextlib
import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import models

TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int8): TensorProto.INT8,
         np.dtype(np.int64): TensorProto.INT64}


class Graph:
    """@file: where large weights go; None when they are there already. @location: its name beside the graph."""

    def __init__(self, file, location):
        self.nodes, self.weights, self.file, self.location, self.names, self.at = [], [], file, location, set(), 0

    def write(self, data):
        if self.file:
            self.file.write(data)
        self.at += len(data)

    def constant(self, name, value, inside=False):
        """An initialiser; large ones that are the same for every batch go to the data file, at whole pages."""
        value = np.asarray(value, order="C")
        if name in self.names:
            return name
        self.names.add(name)
        if value.nbytes < 1024 or inside:
            self.weights.append(numpy_helper.from_array(value, name))
            return name
        self.write(b"\0" * (-self.at % 4096))
        t = TensorProto(name=name, data_type=TYPES[value.dtype], dims=value.shape, data_location=TensorProto.EXTERNAL)
        for key, v in (("location", self.location), ("offset", self.at), ("length", value.nbytes)):
            t.external_data.add(key=key, value=str(v))
        self.write(value.tobytes())
        self.weights.append(t)
        return name

    def add(self, op, inputs, outputs=1, **attributes):
        names = ["%s_%d_%d" % (op, len(self.nodes), i) for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, **attributes))
        return names[0] if outputs == 1 else names

    def numbers(self, *values):
        return self.constant("i" + "_".join(map(str, values)), np.array(values, np.int64))


class Tower:
    def __init__(self, graph, weights, int8):
        self.g, self.w, self.int8, self.quantised = graph, weights, int8, {}

    def norm(self, x, p):
        return self.g.add("LayerNormalization", [x, self.g.constant(p + "weight", self.w[p + "weight"]),
                                                 self.g.constant(p + "bias", self.w[p + "bias"])], axis=-1, epsilon=1e-5)

    def product(self, x, name, weights, bias=None):
        """x times @weights [in][out]."""
        g = self.g
        if self.int8:
            scale = np.maximum(np.abs(weights).max(0), 1e-30) / np.float32(127)
            q = g.constant(name + ".q", np.rint(weights / scale).astype(np.int8))
            if x not in self.quantised:
                self.quantised[x] = g.add("DynamicQuantizeLinear", [x], 3)
            xq, x_scale, x_zero = self.quantised[x]
            y = g.add("MatMulInteger", [xq, q, x_zero, g.constant(name + ".zero", np.zeros(len(scale), np.int8))])
            both = g.add("Mul", [x_scale, g.constant(name + ".scale", scale.astype(np.float32))])
            y = g.add("Mul", [g.add("Cast", [y], to=TensorProto.FLOAT), both])
        else:
            y = g.add("MatMul", [x, g.constant(name, weights)])
        return y if bias is None else g.add("Add", [y, g.constant(name + ".bias", bias)])

    def linear(self, x, name):
        stem = name[:-len("weight")] if name.endswith("weight") else name
        return self.product(x, name, self.w[name].T, self.w[stem + "bias"])

    def ffn(self, x, p):
        g, h = self.g, self.linear(x, p + "c_fc.weight")
        s = g.add("Sigmoid", [g.add("Mul", [h, g.constant("quick", np.float32(1.702))])])
        return self.linear(g.add("Mul", [h, s]), p + "c_proj.weight")

    def attention(self, x, p, heads):
        g = self.g
        qkv = self.linear(x, p + "attn.in_proj_weight")
        parts = g.add("Split", [qkv], 3, axis=-1)
        shape = g.numbers(0, 0, heads, 64)
        q, k, v = (g.add("Transpose", [g.add("Reshape", [part, shape])], perm=order)
                   for part, order in zip(parts, ((0, 2, 1, 3), (0, 2, 3, 1), (0, 2, 1, 3))))
        q = g.add("Mul", [q, g.constant("eighth", np.float32(0.125))])
        y = g.add("MatMul", [g.add("Softmax", [g.add("MatMul", [q, k])], axis=-1), v])
        y = g.add("Reshape", [g.add("Transpose", [y], perm=(0, 2, 1, 3)), g.numbers(0, 0, heads * 64)])
        return self.linear(y, p + "attn.out_proj.weight")

    def mixture(self, x, residual, p, shape):
        """residual + the chosen experts' weighted sum."""
        g, n, t, d = self.g, *shape
        flat, out = g.add("Reshape", [x, g.numbers(n * t, d)]), g.add("Reshape", [residual, g.numbers(n * t, d)])
        gates = g.add("Softmax", [g.add("MatMul", [flat, g.constant(p + "gate", self.w[p + "gate.weight"].T)])], axis=-1)
        top, chosen = g.add("TopK", [gates, g.numbers(models.TOP_K)], 2, axis=-1)
        top = g.add("Div", [top, g.add("ReduceSum", [top, g.numbers(-1)], keepdims=1)])
        for e in range(models.EXPERTS):
            mine = g.add("Transpose", [g.add("NonZero", [g.add("Equal", [chosen, g.numbers(e)])])], perm=(1, 0))
            rows = g.add("Gather", [mine, g.constant("zero", np.int64(0))], axis=1)
            y = self.ffn(g.add("Gather", [flat, rows], axis=0), "%sexperts.%d." % (p, e))
            y = g.add("Mul", [y, g.add("Unsqueeze", [g.add("GatherND", [top, mine]), g.numbers(1)])])
            y = g.add("Add", [y, g.add("Gather", [out, rows], axis=0)])
            out = g.add("ScatterND", [out, g.add("Unsqueeze", [rows, g.numbers(1)]), y])
        return g.add("Reshape", [out, g.numbers(n, t, d)])

    def run(self, x, n, layers, d, patch, experts):
        g, w = self.g, self.w
        x = g.add("Conv", [x, g.constant("conv1", w["visual.conv1.weight"])], kernel_shape=(patch, patch),
                  strides=(patch, patch))
        grid = models.SIDE // patch
        x = g.add("Transpose", [g.add("Reshape", [x, g.numbers(n, d, grid * grid)])], perm=(0, 2, 1))
        x = g.add("Concat", [g.constant("class", np.tile(w["visual.class_embedding"], (n, 1, 1)), True), x], axis=1)
        x = g.add("Add", [x, g.constant("positions", w["visual.positional_embedding"])])
        x = self.norm(x, "visual.ln_pre.")
        for i in range(layers):
            p = "visual.transformer.resblocks.%d." % i
            x = g.add("Add", [x, self.attention(self.norm(x, p + "ln_1."), p, d // 64)])
            h = self.norm(x, p + "ln_2.")
            x = self.mixture(h, x, p, (n, grid * grid + 1, d)) if experts else g.add("Add", [x, self.ffn(h, p + "mlp.")])
        x = self.norm(g.add("Gather", [x, g.constant("zero", np.int64(0))], axis=1), "visual.ln_post.")
        x = self.product(x, "visual.proj", w["visual.proj"])
        return g.add("Div", [x, g.add("ReduceL2", [x], axes=(-1,), keepdims=1)])


def export(checkpoint, int8, n):
    """The graph for a batch of @n, made once; its path."""
    name = os.path.basename(checkpoint)[:-len(".safetensors")]
    path = checkpoint[:-len(".safetensors")] + "%s-b%d.onnx" % ("-int8" if int8 else "", n)
    if models.fresh(path, checkpoint, __file__):
        return path
    d, layers, patch, _ = models.IMAGE[name.replace("-moe", "")]
    data = checkpoint[:-len(".safetensors")] + "%s.data" % ("-int8" if int8 else "")
    with contextlib.ExitStack() as stack:
        file = None if models.fresh(data, checkpoint, __file__) else stack.enter_context(open(data + ".part", "wb"))
        g = Graph(file, os.path.basename(data))
        out = Tower(g, models.load(checkpoint), int8).run("pixels", n, layers, d, patch, name.endswith("-moe"))
    if file:
        os.rename(data + ".part", data)
    g.nodes.append(helper.make_node("Identity", [out], ["embedding"]))
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(g.nodes, name, [value("pixels", (n, 3, models.SIDE, models.SIDE))],
                              [value("embedding", (n, models.load(checkpoint)["visual.proj"].shape[1]))], g.weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with open(path + ".part", "wb") as f:
        f.write(model.SerializeToString())
    os.rename(path + ".part", path)
    return path


assert onnx.__version__ >= "1.12", "LayerNormalization came with opset 17"
