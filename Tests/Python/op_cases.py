"""Random single-op models for `op_tests.py`: for each op its attributes, ranks, axes, broadcasts,
empty optional inputs and opsets. A generator returns a `Case`; a seed fixes everything in it."""

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto, helper, numpy_helper

F32 = np.float32


@dataclass
class Case:
    op: str
    model: object
    feeds: dict
    rtol: float = 1e-5
    atol: float = 1e-6
    scaled: bool = False  # `atol` in units of the largest expected magnitude: long sums
    reference: bool = False  # ONNX's reference says what is right: the runtime is behind it
    note: str = ""


class Draw:
    def __init__(self, *seed):
        self.random = np.random.default_rng(seed)

    def pick(self, *values):
        return values[self.random.integers(len(values))]

    def shape(self, low=0, high=4, largest=6):
        return [int(v) for v in self.random.integers(1, largest + 1, self.random.integers(low, high + 1))]

    def values(self, shape, dtype=F32, scale=2.0):
        dtype = np.dtype(dtype)
        if dtype == bool:
            return self.random.integers(0, 2, shape).astype(bool)
        if dtype.kind in "iu":
            low = 0 if dtype.kind == "u" else -20
            return self.random.integers(low, 21, shape).astype(dtype)
        return np.asarray(self.random.standard_normal(shape) * scale, dtype)

    def positive(self, shape, dtype=F32):
        return np.asarray(np.abs(self.values(shape, dtype)) + 0.1, dtype)

    def axis(self, rank, extra=0):
        return int(self.random.integers(-(rank + extra), rank + extra)) if rank + extra else 0

    def axes(self, rank):
        count = self.random.integers(1, rank + 1)
        chosen = self.random.permutation(rank)[:count]
        return [int(a) - (rank if self.random.integers(2) else 0) for a in chosen]

    def broadcast(self):
        """Two shapes that broadcast with one another."""
        shape = self.shape(0, 4)
        other = [1 if self.random.integers(3) == 0 else s for s in shape]
        other = other[self.random.integers(0, len(other) + 1) if other else 0:]
        first = [1 if self.random.integers(4) == 0 else s for s in shape]
        return (first, other) if self.random.integers(2) else (other, first)


def typed(name, array):
    return helper.make_tensor_value_info(
        name, helper.np_dtype_to_tensor_dtype(array.dtype), list(array.shape))


def one(op, inputs, attributes=None, opset=21, constants=(), outputs=1, domain="", **tolerance):
    """`inputs`: arrays in order, None where absent; `constants`: indices that are initializers."""
    names = ["" if v is None else f"x{i}" for i, v in enumerate(inputs)]
    while names and names[-1] == "":
        names.pop()
    results = [n if isinstance(n, str) else f"y{n}"
               for n in (range(outputs) if isinstance(outputs, int) else outputs)]
    node = helper.make_node(op, names, results, domain=domain, name=f"the_{op}",
                            **{k: v for k, v in (attributes or {}).items() if v is not None})
    feeds, initializers = {}, []
    for i, value in enumerate(inputs):
        if value is None:
            continue
        if i in constants:
            initializers.append(value if isinstance(value, TensorProto)
                                else numpy_helper.from_array(np.asarray(value), names[i]))
            initializers[-1].name = names[i]
        else:
            feeds[names[i]] = np.asarray(value)
    outs = [helper.make_empty_tensor_value_info(n) for n in results if n]
    graph = helper.make_graph([node], "case", [typed(n, v) for n, v in feeds.items()], outs,
                              initializers)
    domains = [helper.make_opsetid("", opset)]
    if domain:
        domains.append(helper.make_opsetid(domain, 1))
    model = helper.make_model(graph, opset_imports=domains, ir_version=10 if opset >= 9 else 4)
    if opset < 9:  # IR 3 had to list initializers among the inputs; later ones may
        for t in initializers:
            graph_input = helper.make_tensor_value_info(t.name, t.data_type, list(t.dims))
            model.graph.input.append(graph_input)
    return Case(op, model, feeds, **tolerance)


# Element-wise ----------------------------------------------------------------------------------


def binary(op):
    def make(d):
        a, b = d.broadcast()
        dtype = d.pick(F32, F32, F32, np.float64, np.int32, np.int64)
        x, y = d.values(a, dtype), d.values(b, dtype)
        if op == "Div":
            y = np.where(y == 0, np.ones_like(y), y)
        opset = d.pick(7, 13, 14, 21)
        return one(op, [x, y], opset=opset, constants=d.pick((), (1,), (0,)))
    return make


def pow_(d):
    a, b = d.broadcast()
    kind = d.pick("square", "root", "cube", "general", "integer", "zero", "mixed")
    if kind == "integer":
        return one("Pow", [d.values(a, np.int64), d.random.integers(0, 4, b)], opset=d.pick(12, 13, 15))
    if kind == "mixed":
        return one("Pow", [d.values(a), d.random.integers(0, 4, b)], opset=d.pick(12, 13, 15))
    if kind == "general":
        return one("Pow", [d.positive(a), d.values(b)], opset=d.pick(7, 12, 13, 15))
    exponent = {"square": 2, "root": 0.5, "cube": 3, "zero": 0}[kind]
    x = d.positive(a) if kind == "root" else d.values(a)
    return one("Pow", [x, np.array(exponent, F32)], opset=d.pick(7, 12, 13, 15), constants=(1,))


def prelu(d):
    x = d.values(d.shape(1, 4), d.pick(F32, F32, np.float64, np.int32))
    slope = [1 if d.pick(0, 1) else s for s in x.shape][d.pick(0, 0, 1) * (x.ndim - 1):]
    return one("PRelu", [x, d.values(slope, x.dtype)], opset=d.pick(9, 16), constants=d.pick((1,), ()))


def mod(d):
    a, b = d.broadcast()
    dtype = d.pick(np.int8, np.uint8, np.int16, np.int32, np.int64, np.uint32, F32, np.float64)
    truncates = np.dtype(dtype).kind == "f" or d.pick(0, 1)
    x, y = d.values(a, dtype), d.values(b, dtype)
    return one("Mod", [x, np.where(y == 0, np.ones_like(y), y)],
               {"fmod": 1} if truncates else {"fmod": d.pick(None, 0)}, opset=d.pick(10, 13))


def variadic(op, dtypes=(F32,)):
    def make(d):
        dtype = d.pick(*dtypes)
        shapes = d.pick(d.broadcast(), [d.shape()] * d.pick(1, 2, 3))
        return one(op, [d.values(s, dtype) for s in shapes], opset=d.pick(8, 13) if dtype == F32 else 13)
    return make


def logic(op, opset=(7,), dtypes=(bool,), attributes=lambda d: {}):
    def make(d):
        a, b = d.broadcast()
        dtype = d.pick(*dtypes)
        y = np.abs(d.values(b, dtype)) if op == "BitShift" else d.values(b, dtype)
        return one(op, [d.values(a, dtype), y], attributes(d), opset=d.pick(*opset))
    return make


def predicate(op, opsets, attributes=lambda d: {}):
    def make(d):
        x = np.concatenate([SPECIAL, d.values([5])]).astype(d.pick(F32, F32, np.float64))
        return one(op, [x], attributes(d), opset=d.pick(*opsets))
    return make


SPECIAL = np.array([0.0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 1e-40, 88, -88, 3.4e38, 0.5], F32)


def unary(op, opsets=(21,), positive=False, attributes=lambda d: {}, dtypes=(F32,), special=True,
          **tolerance):
    def make(d):
        shape, dtype = d.shape(0, 4), d.pick(*dtypes)
        x = d.positive(shape, dtype) if positive else d.values(shape, dtype, d.pick(1, 4, 30))
        if special and dtype == F32 and d.random.integers(3) == 0:
            x = np.concatenate([SPECIAL, d.values([29], F32, 6)])
            if positive:
                x = np.abs(x)
        opset = d.pick(*opsets)
        if op == "Relu" and x.dtype.kind == "i":
            opset = 14
        return one(op, [x], attributes(d), opset=opset, **tolerance)
    return make


def clip(d):
    dtype = d.pick(F32, F32, np.int8, np.uint8, np.int32, np.int64)
    x = d.values(d.shape(), dtype, 3)
    if d.pick(0, 0, 1):
        attributes = {k: v for k, v in (("min", -1.5), ("max", 2.0)) if d.pick(0, 1)}
        return one("Clip", [x.astype(F32)], attributes, opset=d.pick(6 + 1, 10))
    low = d.pick(None, np.array(2, dtype))
    high = d.pick(None, np.array(9, dtype), np.array(1, dtype))
    return one("Clip", [x, low, high], opset=d.pick(12, 13, 21), constants=d.pick((1, 2), ()))


def where(d):
    a, b = d.broadcast()
    full = np.broadcast_shapes(tuple(a), tuple(b))
    dtype = d.pick(F32, np.int64, np.uint8, np.int32)
    condition = d.values(d.pick(list(full), [1] * len(full), []), bool)
    return one("Where", [condition, d.values(a, dtype), d.values(b, dtype)], opset=d.pick(9, 16))


def equal(d):
    a, b = d.broadcast()
    dtype = d.pick(F32, np.int64, np.int32, bool)
    opset = 11 if dtype == F32 else d.pick(7, 11, 13, 19)
    return one("Equal", [d.values(a, dtype), d.values(b, dtype)], opset=max(opset, 7))


def cast(d):
    types = [F32, np.float64, np.int8, np.uint8, np.int16, np.uint16, np.int32, np.int64, bool,
             np.float16]
    source, target = d.pick(*types), d.pick(*types)
    x = d.values(d.shape(), source, 10)
    if np.dtype(source).kind == "f" and np.dtype(target).kind in "iu":
        x = np.abs(x) if np.dtype(target).kind == "u" else x
        x = x.astype(source)
    return one("Cast", [x], {"to": helper.np_dtype_to_tensor_dtype(np.dtype(target))},
               opset=d.pick(9, 13, 19, 21))


# Products --------------------------------------------------------------------------------------

SUMS = dict(rtol=1e-5, atol=1e-5, scaled=True)


def conv(d, op="Conv"):
    rank = d.pick(1, 2, 2, 2, 3)
    group = d.pick(1, 1, 2, 3)
    cin, cout = group * d.pick(1, 2, 3), group * d.pick(1, 2, 4)
    kernel = [d.pick(1, 2, 3) for _ in range(rank)]
    strides = d.pick(None, [d.pick(1, 2, 3) for _ in range(rank)])
    dilations = d.pick(None, None, [d.pick(1, 2) for _ in range(rank)])
    x = d.values([d.pick(1, 2, 3), cin] + [int(v) for v in d.random.integers(7, 12, rank)])
    attributes = {"kernel_shape": d.pick(None, kernel), "strides": strides, "dilations": dilations,
                  "group": group if group > 1 else d.pick(None, 1)}
    mode = d.pick("pads", "pads", "none", "VALID", "SAME_UPPER", "SAME_LOWER")
    if op == "ConvTranspose":
        w = d.values([cin, cout // group] + kernel)
        s = strides or [1] * rank
        if mode == "pads":
            attributes["pads"] = [int(d.random.integers(0, k)) for k in kernel] * 2
            if d.pick(0, 1):
                attributes["output_padding"] = [int(d.random.integers(0, v)) for v in s]
        elif mode in ("SAME_UPPER", "SAME_LOWER"):
            attributes["auto_pad"] = mode
            attributes["dilations"] = None
            s = [min(a, b) for a, b in zip(s, kernel)]  # SAME beyond the kernel would pad by less than 0
            attributes["strides"] = strides and s
            if d.pick(0, 0, 1):
                attributes["output_shape"] = [e * v for e, v in zip(x.shape[2:], s)]
        elif mode == "VALID":
            attributes["auto_pad"] = mode
    else:
        w = d.values([cout, cin // group] + kernel)
        if mode == "pads":
            attributes["pads"] = [int(v) for v in d.random.integers(0, 3, 2 * rank)]
        elif mode != "none":
            attributes["auto_pad"] = mode
            if mode.startswith("SAME"):
                attributes["dilations"] = None
    bias = d.pick(None, d.values([cout]))
    return one(op, [x, w, bias], attributes, opset=d.pick(7, 11, 13, 21),
               constants=d.pick((1, 2), ()), **SUMS)


def gemm(d):
    m, k, n = (int(v) for v in d.random.integers(1, 40, 3))
    ta, tb = d.pick(None, 0, 1), d.pick(None, 0, 1)
    dtype = d.pick(F32, F32, F32, np.float64, np.int32, np.int64)
    a = d.values([k, m] if ta else [m, k], dtype)
    b = d.values([n, k] if tb else [k, n], dtype)
    whole = np.dtype(dtype).kind == "i"
    opset = d.pick(9, 11, 13) if whole else d.pick(7, 9, 11, 13, 21)
    c = d.values(d.pick([n], [m, n], [1, n], [m, 1], [1], []), dtype)
    if opset >= 11:
        c = d.pick(None, c, c)
    alpha, beta = d.pick(None, -2.0, 3.0) if whole else d.pick(None, 0.5, -1.25), d.pick(None, 2.0, 0.0)
    return one("Gemm", [a, b, c], {"alpha": alpha, "beta": beta,
                                   "transA": ta, "transB": tb},
               opset=opset, constants=d.pick((), (1, 2)), **SUMS)


def matmul(d):
    m, k, n = (int(v) for v in d.random.integers(1, 30, 3))
    kind = d.pick("2d", "batched", "broadcast", "vector-right", "vector-left", "dot", "left-3d")
    shapes = {"2d": ([m, k], [k, n]), "batched": ([2, 3, m, k], [2, 3, k, n]),
              "broadcast": ([2, 1, m, k], [3, k, n]), "vector-right": ([m, k], [k]),
              "vector-left": ([k], [2, k, n]), "dot": ([k], [k]), "left-3d": ([4, m, k], [k, n])}
    a, b = shapes[kind]
    dtype = d.pick(F32, F32, F32, np.float64, np.int32, np.int64, np.uint32, np.uint64)
    return one("MatMul", [d.values(a, dtype), d.values(b, dtype)], opset=d.pick(9, 13),
               constants=d.pick((), (1,)), **SUMS)


# Normalization ---------------------------------------------------------------------------------


def soft(op):
    def make(d):
        x = d.values(d.shape(1, 4), F32, d.pick(1, 10, 60))
        opset = d.pick(7, 11, 13, 13)
        axis = d.axis(x.ndim) if opset >= 11 else int(d.random.integers(0, x.ndim))
        if x.ndim == 1 and opset < 13:
            axis = 0
        use = d.pick(None, axis)
        if use is None and x.ndim == 1:
            use = 0
        return one(op, [x], {"axis": use}, opset=opset, rtol=1e-5,
                   atol=1e-5 if op == "LogSoftmax" else 1e-6)
    return make


def batch_norm(d):
    c = d.pick(1, 3, 6)
    shape = d.pick([4, c], [2, c, 5], [2, c, 4, 5], [1, c, 2, 3, 4])
    x = d.values(shape)
    inputs = [x, d.values([c]), d.values([c]), d.values([c]), d.positive([c])]
    return one("BatchNormalization", inputs, {"epsilon": d.pick(None, 1e-3, 1e-5),
                                              "momentum": d.pick(None, 0.8)},
               opset=d.pick(7, 9, 14, 15), constants=d.pick((1, 2, 3, 4), ()), rtol=1e-5, atol=1e-5)


def layer_norm(d):
    x = d.values(d.shape(1, 4, 8))
    axis = d.pick(None, d.axis(x.ndim))
    tail = list(x.shape[axis if axis is not None else -1:])
    bias = d.pick(None, d.values(tail))
    return one("LayerNormalization", [x, d.values(tail), bias],
               {"axis": axis, "epsilon": d.pick(None, 1e-3)}, opset=17,
               outputs=d.pick(1, 3), rtol=1e-4, atol=1e-4)


def group_norm(d):
    c, groups = d.pick((6, 2), (6, 6), (4, 1), (3, 3))
    x = d.values([d.pick(1, 3), c] + [int(v) for v in d.random.integers(3, 6, d.pick(1, 2, 3))])
    opset = d.pick(18, 21)
    count = groups if opset == 18 else c
    return one("GroupNormalization", [x, d.values([count]), d.values([count])],
               {"num_groups": groups, "epsilon": d.pick(None, 1e-3)}, opset=opset,
               constants=d.pick((), (1, 2)), rtol=1e-4, atol=1e-5)


def instance_norm(d):
    c = d.pick(1, 3, 6)
    x = d.values([d.pick(1, 3), c] + d.shape(1, 3, 6))
    return one("InstanceNormalization", [x, d.values([c]), d.values([c])],
               {"epsilon": d.pick(None, 1e-3)}, opset=d.pick(6, 13, 22),
               constants=d.pick((), (1, 2)), rtol=1e-4, atol=1e-5)


def rms_norm(d):
    dtype = d.pick(F32, F32, np.float64)
    x = d.values(d.shape(1, 4, 8), dtype)
    axis = d.pick(None, d.axis(x.ndim))
    tail = list(x.shape[axis if axis is not None else -1:])
    scale = d.values(d.pick(tail, tail[-1:], [1]), dtype)
    return one("RMSNormalization", [x, scale], {"axis": axis, "epsilon": d.pick(None, 1e-3)},
               opset=23, rtol=1e-4, atol=1e-5)


def attention(d):
    batch, size, value = int(d.random.integers(1, 3)), d.pick(4, 8, 3), d.pick(4, 5)
    keys, group = d.pick((1, 1), (2, 1), (2, 2), (1, 3))
    heads, flat = keys * group, d.pick(False, False, True)
    queries, length = int(d.random.integers(1, 80)), int(d.random.integers(1, 9))
    kind, masked = d.pick("none", "past", "lengths"), d.pick(None, None, F32, bool)
    past = int(d.random.integers(1, 5)) if kind == "past" else 0

    def heads_of(count, steps, width):
        return d.values([batch, steps, count * width] if flat else [batch, count, steps, width])

    inputs = [heads_of(heads, queries, size), heads_of(keys, length, size),
              heads_of(keys, length, value), None, None, None, None]
    lengths, causal = d.random.integers(0, length + 1, batch), d.pick(None, 1)
    if masked:
        # The last axis may be shorter, but not than the valid keys.
        total = max(int(lengths.max()), 1) if kind == "lengths" else length + past
        # The reference takes the number of queries from a mask, where there is a causal one.
        rows = queries if causal else d.pick(1, queries)
        shape = d.pick([queries, total], [1, heads, queries, total], [batch, 1, rows, total])
        inputs[3] = d.values(shape, masked)
    if kind == "past":
        inputs[4:6] = [d.values([batch, keys, past, size]), d.values([batch, keys, past, value])]
    if kind == "lengths":
        inputs[6] = lengths
    opset = 24 if kind == "lengths" else d.pick(23, 24, 25)
    cap = d.pick(None, 2.0)
    # With a cap the reference gives the capped products for the plain ones as well.
    mode = d.pick(1, 2, 3) if cap else d.pick(None, 1, 2, 3)
    attributes = {
        "is_causal": causal, "scale": d.pick(None, 0.3), "softcap": cap,
        "qk_matmul_output_mode": mode, "q_num_heads": heads if flat else None,
        "kv_num_heads": keys if flat else None}
    if opset == 25:
        attributes |= {"left_window_size": d.pick(None, 0, 2), "right_window_size": d.pick(None, 1)}
    outputs = d.pick(["y"], ["y", "", "", "scores"], ["y", "k", "v"], ["y", "k", "v", "scores"])
    if kind == "past":
        outputs = ["y", "k", "v"] + outputs[3:]
    if kind == "lengths":
        outputs = ["y", "", "", "scores"] if len(outputs) == 4 else ["y"]
    return one("Attention", inputs, attributes, opset=opset, outputs=outputs, rtol=1e-4, atol=1e-5,
               reference=True)


def rotary(d):
    batch, heads, steps, size = d.pick(1, 2), d.pick(1, 3), int(d.random.integers(1, 6)), d.pick(4, 8)
    flat, turned = d.pick(False, True), d.pick(None, None, 2, 4)
    x = d.values([batch, steps, heads * size] if flat else [batch, heads, steps, size])
    half, ids = (turned or size) // 2, d.pick(False, True)
    table = [9, half] if ids else [batch, steps, half]
    positions = d.random.integers(0, 9, [batch, steps]) if ids else None
    return one("RotaryEmbedding", [x, d.values(table), d.values(table), positions],
               {"interleaved": d.pick(None, 1), "rotary_embedding_dim": turned,
                "num_heads": heads if flat else None}, opset=23, reference=True)


PARAMETRIC = ["Affine", "LeakyRelu", "ThresholdedRelu", "ScaledTanh", "HardSigmoid", "Elu"]


def recurrent(op):
    gates, functions = {"LSTM": (4, 3), "GRU": (3, 2), "RNN": (1, 1)}[op]

    def make(d):
        steps, batch, size, hidden = d.pick(1, 2, 7), d.pick(1, 3), d.pick(1, 5, 20), d.pick(1, 3, 16)
        direction = d.pick("forward", "reverse", "bidirectional")
        n = 2 if direction == "bidirectional" else 1
        inputs = [d.values([steps, batch, size]), d.values([n, gates * hidden, size], scale=0.5),
                  d.values([n, gates * hidden, hidden], scale=0.5),
                  d.pick(None, d.values([n, 2 * gates * hidden])),
                  d.pick(None, d.random.integers(1, steps + 1, batch).astype(np.int32)),
                  d.pick(None, d.values([n, batch, hidden]))]
        attributes = {"hidden_size": hidden, "direction": direction,
                      "clip": d.pick(None, None, 0.5)}
        if op == "LSTM":
            inputs += [d.pick(None, d.values([n, batch, hidden])),
                       d.pick(None, None, d.values([n, 3 * hidden]))]
            attributes["input_forget"] = d.pick(None, None, 1)
        if op == "GRU":
            attributes["linear_before_reset"] = d.pick(None, 1)
        if d.random.integers(3) == 0:
            names = ["Relu", "Tanh", "Sigmoid", "Softsign", "Softplus"] + PARAMETRIC
            chosen = [names[d.random.integers(len(names))] for _ in range(n * functions)]
            alphas = [float(v) for v in d.random.uniform(0.1, 0.9, len(chosen))]
            attributes |= {"activations": chosen}
            if any(c in PARAMETRIC for c in chosen):
                attributes["activation_alpha"] = alphas[:sum(c in PARAMETRIC for c in chosen)]
                attributes["activation_beta"] = alphas[:sum(
                    c in ("Affine", "ScaledTanh", "HardSigmoid") for c in chosen)] or None
        results = ["y", "y_h"] + (["y_c"] if op == "LSTM" else [])
        kept = d.pick(results, results[:1], ["", "y_h"])
        return one(op, inputs, attributes, opset=d.pick(7, 14, 22), outputs=kept,
                   constants=d.pick((), (1, 2, 3)), rtol=1e-4, atol=1e-5)
    return make


# Pooling and reducing --------------------------------------------------------------------------


def pool(op):
    def make(d):
        rank = d.pick(1, 2, 2, 2, 3)
        kernel = [d.pick(1, 2, 3) for _ in range(rank)]
        x = d.values([d.pick(1, 2), d.pick(1, 3)] + [int(v) for v in d.random.integers(6, 12, rank)])
        attributes = {"kernel_shape": kernel,
                      "strides": d.pick(None, [d.pick(1, 2, 3) for _ in range(rank)])}
        mode = d.pick("pads", "pads", "none", "SAME_UPPER", "SAME_LOWER", "VALID")
        if mode == "pads":
            attributes["pads"] = [int(d.random.integers(0, kernel[i % rank])) for i in range(2 * rank)]
        elif mode != "none":
            attributes["auto_pad"] = mode
            # A stride beyond the kernel would make SAME pad by less than nothing: left undefined.
            if attributes["strides"]:
                attributes["strides"] = [min(s, k) for s, k in zip(attributes["strides"], kernel)]
        opset = d.pick(7, 10, 11, 12, 19 if op == "AveragePool" else 12)
        if opset >= 10 and mode in ("pads", "none"):
            attributes["ceil_mode"] = d.pick(None, 0, 1)
        outputs = 1
        if op == "AveragePool":
            attributes["count_include_pad"] = d.pick(None, 0, 1)
            if opset == 19 and mode in ("pads", "none"):
                attributes["dilations"] = d.pick(None, [d.pick(1, 2)] * rank)
        else:
            if opset >= 10 and mode in ("pads", "none"):
                attributes["dilations"] = d.pick(None, [d.pick(1, 2)] * rank)
            if opset == 12 and d.pick(0, 1):
                x = d.values(x.shape, d.pick(np.int8, np.uint8))
            outputs = d.pick(1, 1, 1, 2) if opset >= 8 else 1
        return one(op, [x], attributes, opset=opset, outputs=outputs)
    return make


def reduce(op, values=Draw.values, dtypes=(F32, F32, F32, np.int32, np.float64)):
    def make(d):
        x = values(d, d.shape(1, 4), d.pick(*dtypes))
        axes = d.pick(None, d.axes(x.ndim), d.axes(x.ndim))
        keep = d.pick(None, 0, 1)
        opset = d.pick(11, 13, 18, 18)
        first = 13 if op == "ReduceSum" else 18
        if opset < first:
            return one(op, [x], {"axes": axes, "keepdims": keep}, opset=opset)
        empty = None if axes is None else np.array(axes, np.int64)
        attributes = {"keepdims": keep}
        if axes is None and d.pick(0, 1):
            attributes["noop_with_empty_axes"] = 1
        return one(op, [x, empty], attributes, opset=opset, constants=(1,))
    return make


def arg(op):
    def make(d):
        x = d.values(d.shape(1, 4), d.pick(F32, F32, np.int32, np.float64, np.int8))
        x = x.round() if d.pick(0, 1) else x
        opset = d.pick(11, 12, 13)
        last = d.pick(None, 0, 1) if opset >= 12 else None
        return one(op, [x], {"axis": d.pick(None, d.axis(x.ndim)), "keepdims": d.pick(None, 0, 1),
                             "select_last_index": last}, opset=opset)
    return make


def top_k(d):
    x = d.values(d.shape(1, 4, 9), d.pick(F32, F32, np.float64, np.int32, np.int64))
    x = x.round() if d.pick(0, 1) else x
    axis = d.axis(x.ndim)
    k = int(d.random.integers(1, x.shape[axis] + 1))
    if d.pick(0, 0, 1) and x.dtype.kind == "f":
        return one("TopK", [x.astype(F32)], {"axis": axis, "k": k}, opset=9, outputs=2)
    return one("TopK", [x, np.array([k])], {"axis": axis, "largest": d.pick(None, 0, 1)},
               opset=d.pick(11, 21), outputs=2, constants=(1,))


def cumulative(d):
    x = d.values(d.shape(1, 4), d.pick(F32, F32, np.float64, np.int32, np.int64))
    axis = np.array(d.axis(x.ndim), d.pick(np.int32, np.int64))
    return one("CumSum", [x, axis], {"exclusive": d.pick(None, 1), "reverse": d.pick(None, 1)},
               opset=d.pick(11, 14), constants=d.pick((), (1,)))


def one_hot(d):
    depth = d.pick(1, 3, 7)
    indices = d.random.integers(-depth - 2, depth + 2, d.shape(0, 3)).astype(d.pick(np.int64, F32))
    values = d.values([2], d.pick(F32, np.int64, np.int32))
    size = np.array(depth if d.pick(0, 1) else [depth], d.pick(np.int64, F32))
    return one("OneHot", [indices, size, values], {"axis": d.pick(None, d.axis(indices.ndim, 1))},
               opset=d.pick(9, 11), constants=(1,))


# Shapes ----------------------------------------------------------------------------------------


def flatten(d):
    x = d.values(d.shape(1, 4), d.pick(F32, np.int8))
    opset = d.pick(9, 11, 13)
    axis = d.axis(x.ndim) if opset >= 11 else int(d.random.integers(0, x.ndim + 1))
    return one("Flatten", [x], {"axis": d.pick(None, axis)}, opset=opset)


def reshape(d):
    x = d.values([2, 3, 4, d.pick(1, 5)], d.pick(F32, np.uint8, np.int64))
    rest = x.size // 2
    target = d.pick([-1], [2, -1], [0, -1], [0, 0, -1], [rest, 2], [0, 3, -1, 1], [1, 2, -1])
    attributes = {}
    if d.pick(0, 0, 1):
        target, attributes = [2, rest], {"allowzero": 1}
    return one("Reshape", [x, np.array(target)], attributes,
               opset=14 if attributes else d.pick(7, 13, 14, 21), constants=(1,))


def transpose(d):
    x = d.values(d.shape(0, 5), d.pick(F32, np.int8, np.int64))
    perm = [int(v) for v in d.random.permutation(x.ndim)]
    return one("Transpose", [x], {"perm": d.pick(None, perm) if x.ndim else None},
               opset=d.pick(7, 13, 21))


def concat(d):
    shape = d.shape(1, 4)
    axis = d.axis(len(shape))
    dtype = d.pick(F32, np.uint8, np.int64)
    parts = []
    for _ in range(d.pick(1, 2, 3, 4)):
        s = list(shape)
        s[axis] = d.pick(1, 2, 3, 0) if d.pick(0, 1) else s[axis]
        parts.append(d.values(s, dtype))
    opset = d.pick(11, 13)
    return one("Concat", parts, {"axis": axis}, opset=opset)


def split(d):
    shape = d.shape(1, 4)
    axis, count = d.axis(len(shape)), d.pick(1, 2, 3)
    kind = d.pick("equal", "sizes", "num_outputs", "attribute")
    if kind == "num_outputs":
        shape[axis] = int(d.random.integers(count * 2, count * 3 + 1))
        return one("Split", [d.values(shape)], {"axis": axis, "num_outputs": count}, opset=18,
                   outputs=count)
    sizes = [int(v) for v in d.random.integers(1, 4, count)]
    if kind == "equal":
        sizes = [2] * count
    shape[axis] = sum(sizes)
    x = d.values(shape, d.pick(F32, np.int64))
    if kind == "attribute":
        return one("Split", [x], {"axis": axis, "split": sizes}, opset=11, outputs=count)
    if kind == "equal":
        return one("Split", [x], {"axis": axis}, opset=13, outputs=count)
    return one("Split", [x, np.array(sizes)], {"axis": axis}, opset=d.pick(13, 18), outputs=count,
               constants=(1,))


def slice_(d):
    x = d.values(d.shape(1, 4, 8), d.pick(F32, np.int64, np.int8))
    axes = d.axes(x.ndim)
    starts, ends, steps = [], [], []
    for a in axes:
        n = x.shape[a]
        step = d.pick(1, 1, 2, -1, -2)
        starts.append(int(d.random.integers(-n - 2, n + 2)))
        ends.append(d.pick(int(d.random.integers(-n - 2, n + 3)), 2**31 - 1 if step > 0 else -2**31,
                           2**63 - 1 if step > 0 else -2**63))
        steps.append(step)
    if d.pick(0, 0, 0, 1):
        return one("Slice", [x], {"starts": starts, "ends": ends, "axes": [a % x.ndim for a in axes]},
                   opset=9)
    t = d.pick(np.int64, np.int64, np.int32)
    small = np.iinfo(t)
    arrays = [np.array([max(min(v, small.max), small.min) for v in row], t)
              for row in (starts, ends, axes, steps)]
    inputs = [x] + arrays
    if sorted(a % x.ndim for a in axes) == [a % x.ndim for a in axes] and len(axes) == x.ndim:
        inputs[3] = d.pick(None, arrays[2])
    return one("Slice", inputs, opset=d.pick(10, 11, 13), constants=(1, 2, 3, 4))


def gather(d):
    x = d.values(d.shape(1, 4), d.pick(F32, np.int64, np.int8))
    axis = d.axis(x.ndim)
    n = x.shape[axis]
    opset = d.pick(11, 13)
    indices = d.random.integers(-n, n, d.shape(0, 2)).astype(d.pick(np.int64, np.int32))
    return one("Gather", [x, indices], {"axis": d.pick(axis, axis, None) if x.shape[0] == n else axis},
               opset=opset, constants=d.pick((), (1,)))


def squeeze(d):
    shape = [1 if d.pick(0, 1) else s for s in d.shape(1, 5)]
    ones = [i for i, s in enumerate(shape) if s == 1]
    x = d.values(shape)
    axes = [i - (len(shape) if d.pick(0, 1) else 0) for i in ones if d.pick(0, 1)]
    if not axes:
        return one("Squeeze", [x], opset=d.pick(11, 13, 21))
    if d.pick(0, 1):
        return one("Squeeze", [x], {"axes": axes}, opset=11)
    return one("Squeeze", [x, np.array(axes)], opset=d.pick(13, 21), constants=(1,))


def unsqueeze(d):
    x = d.values(d.shape(0, 3))
    count = d.pick(1, 2)
    rank = x.ndim + count
    axes = [int(a) - (rank if d.pick(0, 1) else 0) for a in d.random.permutation(rank)[:count]]
    if d.pick(0, 1):
        return one("Unsqueeze", [x], {"axes": axes}, opset=11)
    return one("Unsqueeze", [x, np.array(axes)], opset=d.pick(13, 21), constants=(1,))


def pad(d):
    x = d.values(d.shape(1, 4), d.pick(F32, F32, np.int64, np.int32))
    mode = d.pick(None, "constant", "reflect", "edge", "wrap")
    opset = 19 if mode == "wrap" else d.pick(11, 13, 18, 19)
    low = -1 if mode in (None, "constant") and min(x.shape) > 2 else 0
    limit = [s if mode == "reflect" else (s + 1 if mode == "wrap" else 3) for s in x.shape]
    pads = [int(d.random.integers(low, min(limit[i % x.ndim], 3))) if limit[i % x.ndim] > low else 0
            for i in range(2 * x.ndim)]
    if d.pick(0, 0, 0, 1) and mode != "wrap" and x.dtype == F32:
        return one("Pad", [x], {"mode": mode, "pads": pads, "value": d.pick(None, 1.5)}, opset=10 - 3)
    value = d.pick(None, np.array(3, x.dtype)) if mode in (None, "constant") else None
    inputs = [x, np.array(pads), value]
    if opset >= 18 and d.pick(0, 1):
        axes = d.axes(x.ndim)
        chosen = [a % x.ndim for a in axes]
        inputs[1] = np.array([pads[a] for a in chosen] + [pads[a + x.ndim] for a in chosen])
        inputs.append(np.array(axes))
    return one("Pad", inputs, {"mode": mode}, opset=opset, constants=(1, 2, 3))


def shape_(d):
    x = d.values(d.shape(0, 5))
    if d.pick(0, 1):
        attributes = {"start": d.pick(None, int(d.random.integers(-6, 6))),
                      "end": d.pick(None, int(d.random.integers(-6, 6)))}
        return one("Shape", [x], attributes, opset=15)
    return one("Shape", [x], opset=d.pick(7, 13, 21))


def constant(d):
    kind = d.pick("value", "value_float", "value_floats", "value_int", "value_ints")
    tensor = numpy_helper.from_array(d.values(d.shape(), d.pick(F32, np.int64, np.uint8)))
    value = {"value": tensor, "value_float": 1.5, "value_floats": [1.0, -2.5], "value_int": 7,
             "value_ints": [1, -2, 3]}[kind]
    return one("Constant", [], {kind: value}, opset=9 if kind == "value" and d.pick(0, 1) else 13)


def constant_of_shape(d):
    shape = np.array(d.shape(0, 4), np.int64)
    value = d.pick(None, np.array([2.5], F32), np.array([-3], np.int64), np.array([7], np.uint8),
                   np.array([True]))
    attributes = {} if value is None else {"value": numpy_helper.from_array(value)}
    return one("ConstantOfShape", [shape], attributes, opset=d.pick(9, 21), constants=(0,))


def dropout(d):
    x = d.values(d.shape())
    kind = d.pick("attribute", "inputs", "default", "mask")
    if kind == "attribute":
        return one("Dropout", [x], {"ratio": 0.4}, opset=d.pick(7, 10))
    if kind == "default":
        return one("Dropout", [x], opset=d.pick(12, 13))
    training = d.pick(None, np.array(False))
    return one("Dropout", [x, np.array(0.3, F32), training], opset=13,
               constants=(1, 2), outputs=2 if kind == "mask" else 1)


# Quantized: what `rules.py` leaves out -----------------------------------------------------------


def quantize_linear(d):
    kind = d.pick("no-zero-point", "int16", "uint16", "per-axis", "blocked", "old", "output_dtype")
    x = d.values([4, 6, 8], F32, 20)
    s = np.array(0.25, F32)
    if kind == "no-zero-point":
        return one("QuantizeLinear", [x, s], opset=d.pick(10, 13, 19, 21), constants=(1,))
    if kind == "output_dtype":
        return one("QuantizeLinear", [x, s], {"output_dtype": d.pick(TensorProto.INT8, TensorProto.UINT8)},
                   opset=21, constants=(1,))
    if kind in ("int16", "uint16"):
        t = np.int16 if kind == "int16" else np.uint16
        return one("QuantizeLinear", [x * 100, s, np.array(77, t)], opset=21, constants=(1, 2))
    t = d.pick(np.int8, np.uint8)
    if kind == "old":
        return one("QuantizeLinear", [x, s, np.array(3, t)], opset=10, constants=(1, 2))
    if kind == "per-axis":
        axis = d.axis(3)
        n = x.shape[axis]
        return one("QuantizeLinear", [x, d.positive([n]), d.values([n], t)], {"axis": axis},
                   opset=d.pick(13, 19, 21), constants=(1, 2))
    axis, block = d.pick((0, 2), (1, 3), (2, 4), (-1, 4), (1, 4))
    groups = list(x.shape)
    groups[axis] = -(-groups[axis] // block)
    return one("QuantizeLinear", [x, d.positive(groups), d.values(groups, t)],
               {"axis": axis, "block_size": block}, opset=21, constants=(1, 2))


def dequantize_linear(d):
    kind = d.pick("no-zero-point", "int32", "int16", "per-axis", "blocked", "int4")
    t = d.pick(np.int8, np.uint8)
    s = np.array(0.0173, F32)
    shape = [4, 6, 8]
    if kind == "no-zero-point":
        return one("DequantizeLinear", [d.values(shape, t), s], opset=d.pick(10, 13, 21), constants=(1,))
    if kind == "int32":
        x = d.random.integers(-10**6, 10**6, shape).astype(np.int32)
        return one("DequantizeLinear", [x, s], opset=d.pick(10, 13, 21), constants=(1,))
    if kind == "int16":
        return one("DequantizeLinear", [d.values(shape, np.int16), s, np.array(-5, np.int16)],
                   opset=21, constants=(1, 2))
    if kind == "per-axis":
        axis = d.axis(3)
        n = shape[axis]
        return one("DequantizeLinear", [d.values(shape, t), d.positive([n]), d.values([n], t)],
                   {"axis": axis}, opset=d.pick(13, 21), constants=(1, 2))
    axis, block = d.pick((0, 2), (1, 3), (2, 4), (-1, 4), (1, 4))
    groups = list(shape)
    groups[axis] = -(-groups[axis] // block)
    if kind == "blocked":
        return one("DequantizeLinear", [d.values(shape, t), d.positive(groups), d.values(groups, t)],
                   {"axis": axis, "block_size": block}, opset=21, constants=(1, 2))
    signed = d.pick(True, False)
    element = TensorProto.INT4 if signed else TensorProto.UINT4
    odd = d.pick(shape, [3, 5])
    low, high = (-8, 8) if signed else (0, 16)
    x = helper.make_tensor("x", element, odd, d.random.integers(low, high, odd).flatten().tolist())
    z = helper.make_tensor("z", element, [], [int(d.random.integers(low, high))])
    return one("DequantizeLinear", [x, s, z], opset=21, constants=(0, 1, 2))


def matmul_nbits(d):
    bits = d.pick(4, 4, 8)
    k, n, block = int(d.random.integers(1, 200)), int(d.random.integers(1, 40)), d.pick(16, 32, 64, 128)
    blocks = -(-k // block)
    packed = d.random.integers(0, 256, (n, blocks, block * bits // 8)).astype(np.uint8)
    zeros = d.pick(None, d.random.integers(0, 256, (n, -(-blocks * bits // 8))).astype(np.uint8))
    bias = d.pick(None, d.values([n]))
    x = d.values(d.pick([5, k], [1, k], [2, 3, k]))
    return one("MatMulNBits", [x, packed, d.positive([n, blocks]), zeros, None, bias],
               {"K": k, "N": n, "bits": bits, "block_size": block, "accuracy_level": d.pick(None, 0, 1)},
               constants=(1, 2, 3, 5), domain="com.microsoft", atol=1e-6, scaled=True)


OPS = {
    "Conv": conv,
    "ConvTranspose": lambda d: conv(d, "ConvTranspose"),
    "Gemm": gemm,
    "MatMul": matmul,
    "MatMulNBits": matmul_nbits,
    "Add": binary("Add"),
    "Sub": binary("Sub"),
    "Mul": binary("Mul"),
    "Div": binary("Div"),
    "Sqrt": unary("Sqrt", (7, 13, 21), positive=True),
    "Pow": pow_,
    "Erf": unary("Erf", (9, 13)),
    "Exp": unary("Exp", (7, 13)),
    "Log": unary("Log", (7, 13), positive=True),
    "Relu": unary("Relu", (7, 13, 14), dtypes=(F32, F32, np.float64, np.int8, np.int32)),
    "LeakyRelu": unary("LeakyRelu", (7, 16), attributes=lambda d: {"alpha": d.pick(None, 0.2, -0.5)}),
    "Clip": clip,
    "Sigmoid": unary("Sigmoid", (7, 13)),
    "HardSigmoid": unary("HardSigmoid", (7, 21), special=False, attributes=lambda d: {
        "alpha": d.pick(None, 0.3), "beta": d.pick(None, 0.6)}),
    "HardSwish": unary("HardSwish", (14,), special=False),
    "Tanh": unary("Tanh", (7, 13)),
    "Gelu": unary("Gelu", (20,), special=False,
                  attributes=lambda d: {"approximate": d.pick(None, "none", "tanh")}, atol=2e-6),
    "PRelu": prelu,
    "Elu": unary("Elu", (7, 21), attributes=lambda d: {"alpha": d.pick(None, 0.3)}),
    "Selu": unary("Selu", (7, 21), attributes=lambda d: d.pick({}, {"alpha": 1.2, "gamma": 0.7})),
    "Celu": unary("Celu", (12,), attributes=lambda d: {"alpha": d.pick(None, 2.5)}),
    "Softplus": unary("Softplus", (7, 21), atol=2e-6),
    "Softsign": unary("Softsign", (7, 21), special=False),
    "Mish": unary("Mish", (18, 21), special=False, atol=2e-6),
    "Swish": unary("Swish", (24,), special=False, attributes=lambda d: {"alpha": d.pick(None, 1.7)}),
    "ThresholdedRelu": unary("ThresholdedRelu", (10, 21), attributes=lambda d: {"alpha": d.pick(None, 0.4)}),
    "Mod": mod,
    "Max": variadic("Max", (F32, F32, np.float64, np.int32, np.uint32, np.int64)),
    "Min": variadic("Min", (F32, F32, np.float64, np.int32, np.uint32, np.int64)),
    "Sum": variadic("Sum", (F32, F32, np.float64)),
    "Mean": variadic("Mean"),
    "Abs": unary("Abs", (7, 13), dtypes=(F32, np.int8, np.int32, np.int64, np.uint8)),
    "Neg": unary("Neg", (7, 13), dtypes=(F32, np.int8, np.int32, np.int64)),
    "Sign": unary("Sign", (9, 13), dtypes=(F32, np.int8, np.int32, np.int64, np.uint8), special=False),
    "Floor": unary("Floor", (7, 13)),
    "Ceil": unary("Ceil", (7, 13)),
    "Round": unary("Round", (11, 21), dtypes=(F32, np.float64)),
    **{op: unary(op, (7, 21), dtypes=(F32, F32, np.float64), special=False, atol=2e-6)
       for op in ("Sin", "Cos", "Atan")},
    **{op: unary(op, (7, 21), special=False, rtol=1e-4) for op in ("Tan", "Asin", "Acos")},
    **{op: unary(op, (9, 21), special=False, rtol=1e-4)
       for op in ("Sinh", "Cosh", "Asinh", "Acosh", "Atanh")},
    **{op: logic(op) for op in ("And", "Or", "Xor")},
    **{op: logic(op, (9, 13), (F32, np.float64, np.int32, np.int64)) for op in ("Greater", "Less")},
    **{op: logic(op, (12, 16), (F32, np.float64, np.int32, np.int64))
       for op in ("GreaterOrEqual", "LessOrEqual")},
    **{op: logic(op, (18,), (np.int8, np.uint8, np.int16, np.int32, np.uint32, np.int64, np.uint64))
       for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor")},
    "BitwiseNot": unary("BitwiseNot", (18,), dtypes=(np.int8, np.uint8, np.int32, np.uint64)),
    "BitShift": logic("BitShift", (11,), (np.uint8, np.uint16, np.uint32, np.uint64),
                      lambda d: {"direction": d.pick("LEFT", "RIGHT")}),
    "IsNaN": predicate("IsNaN", (9, 13, 20)),
    "IsInf": predicate("IsInf", (10, 20), lambda d: {"detect_negative": d.pick(None, 0),
                                                     "detect_positive": d.pick(None, 0)}),
    "Softmax": soft("Softmax"),
    "LogSoftmax": soft("LogSoftmax"),
    "BatchNormalization": batch_norm,
    "LayerNormalization": layer_norm,
    "GroupNormalization": group_norm,
    "InstanceNormalization": instance_norm,
    "RMSNormalization": rms_norm,
    "Attention": attention,
    "RotaryEmbedding": rotary,
    "LSTM": recurrent("LSTM"),
    "GRU": recurrent("GRU"),
    "RNN": recurrent("RNN"),
    "MaxPool": pool("MaxPool"),
    "AveragePool": pool("AveragePool"),
    "GlobalAveragePool": lambda d: one(
        "GlobalAveragePool", [d.values([2, 3] + d.shape(1, 3, 9))], opset=d.pick(7, 21)),
    "ReduceMean": reduce("ReduceMean"),
    "ReduceSum": reduce("ReduceSum"),
    "ReduceMax": reduce("ReduceMax"),
    "ReduceMin": reduce("ReduceMin"),
    "ReduceL1": reduce("ReduceL1"),
    "ReduceL2": reduce("ReduceL2"),
    "ReduceLogSum": reduce("ReduceLogSum", Draw.positive, (F32, np.float64)),
    "ReduceLogSumExp": reduce("ReduceLogSumExp", dtypes=(F32, np.float64)),
    "ReduceProd": reduce("ReduceProd"),
    "ReduceSumSquare": reduce("ReduceSumSquare"),
    "ArgMax": arg("ArgMax"),
    "ArgMin": arg("ArgMin"),
    "TopK": top_k,
    "CumSum": cumulative,
    "OneHot": one_hot,
    "Flatten": flatten,
    "Reshape": reshape,
    "Transpose": transpose,
    "Concat": concat,
    "Split": split,
    "Slice": slice_,
    "Gather": gather,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Pad": pad,
    "Shape": shape_,
    "Cast": cast,
    "Constant": constant,
    "ConstantOfShape": constant_of_shape,
    "Identity": unary("Identity", (7, 13, 21), dtypes=(F32, np.int64, np.uint8, bool)),
    "Dropout": dropout,
    "Where": where,
    "Equal": equal,
    "QuantizeLinear": quantize_linear,
    "DequantizeLinear": dequantize_linear,
}
