"""Every integer rule on tie-rich single-op models: ONNX Runtime = NumPy = `qat-opt run`.

    python rules.py [--only RULE] [--outputs 1000000] [--list]

Prints `rule: outputs, differences` a line and fails on any difference, or where a rule computed
fewer outputs than asked. Without QAT_OPT in the environment, `qat-opt` is left out.
"""

import argparse
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import ort
import qat_opt
import qat_reference

U8, S8 = np.uint8, np.int8
PAIRS = [(U8, S8), (S8, S8), (U8, U8)]  # activations × weights; the runtime has no s8 × u8
F32 = np.float32


class Draw:
    """Random choices that make ties likely: scales that are equal, or powers of two apart."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)

    def pick(self, *values):
        return values[self.random.integers(len(values))]

    def codes(self, shape, dtype):
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        kind = self.random.integers(3)
        if kind == 0:  # all codes
            return self.random.integers(low, high + 1, shape).astype(dtype)
        if kind == 1:  # mostly the ends
            return self.random.choice(np.array([low, low + 1, high - 1, high], dtype), shape)
        middle = (low + high) // 2
        return self.random.integers(middle - 8, middle + 8, shape).astype(dtype)

    def zero_point(self, dtype):
        low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
        return np.array(self.pick(low, high, low + 1, high - 1, 0, 1, (low + high) // 2,
                                  int(self.random.integers(low, high + 1)),
                                  int(self.random.integers(low, high)) | 1), dtype)

    def scale(self, count=None):
        kind = self.random.integers(3)
        if kind == 0:
            v = 2.0 ** self.random.integers(-8, 3, count)
        elif kind == 1:
            v = np.full(count or (), 0.0173)
        else:
            v = self.random.uniform(0.002, 0.2, count)
        return np.asarray(v, F32)

    def near(self, zero_point, shape, axis=0):
        """Codes within 3 of the zero points: with m = 1/2 every second accumulator is a tie."""
        low, high = np.iinfo(zero_point.dtype).min, np.iinfo(zero_point.dtype).max
        z = qat_reference.along(zero_point, len(shape), axis).astype(int)
        return np.clip(z + self.random.integers(-3, 4, shape), low, high).astype(zero_point.dtype)

    def fitting(self, spread, scale):
        """An output scale for values of standard deviation `spread`·scale, so that few saturate."""
        ideal = max(float(spread), 1.0) * float(np.max(scale)) / 60
        if self.random.integers(2):
            return np.array(ideal * self.random.uniform(0.7, 1.4), F32)
        # A power of two times the factor, so that acc·m has ties: m is a power of two.
        return np.array(np.max(scale) * 2.0 ** np.round(np.log2(ideal / np.max(scale))), F32)


def model(op, inputs, outputs, constants, attributes=None, names=None, domain="", opset=21):
    """One node. `inputs`: {name: array} fed; `constants`: {name: array} initializers;
    `names`: operand order."""
    node = helper.make_node(op, names, outputs and list(outputs), name=op.lower(), domain=domain,
                            **(attributes or {}))

    def info(name, dtype, shape):
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)),
                                             shape)

    graph = helper.make_graph(
        [node], "rule", [info(n, v.dtype, v.shape) for n, v in inputs.items()],
        [info(n, d, None) for n, d in outputs.items()],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()])
    domains = [helper.make_opsetid("", opset)]
    if domain:
        domains.append(helper.make_opsetid(domain, 1))
    return helper.make_model(graph, opset_imports=domains, ir_version=10)


def halved(sx, sw):
    """The output scale that makes (s_x·s_w)/s_y one half, for the channel of the largest scale."""
    return np.array(2 * np.max(np.asarray(sx * sw, F32)), F32)


# A rule yields (model, feeds) for ever; each draw has its own seed. -----------------------------


def qlinear_conv(d, integer=False):
    xt, wt = d.pick(*PAIRS)
    kind = d.pick("dense", "padded", "grouped", "depthwise", "dilated", "strided", "1x1", "1d", "3d")
    group, cin, cout = 1, d.pick(3, 16, 5), d.pick(8, 17, 32)
    if kind == "grouped":
        group, cin, cout = 4, 16, 24
    if kind == "depthwise":
        cin = d.pick(16, 24, 7)
        group, cout = cin, cin * d.pick(1, 1, 2)
    rank = {"1d": 1, "3d": 3}.get(kind, 2)
    kernel = [1 if kind == "1x1" else d.pick(2, 3, 3, 5) for _ in range(rank)]
    extents = {1: [400], 2: [23, 26], 3: [9, 10, 8]}[rank]
    attributes = {"kernel_shape": kernel, "group": group}
    if kind in ("padded", "dilated", "depthwise", "grouped", "3d") or d.pick(0, 1):
        attributes["pads"] = [int(v) for v in d.random.integers(0, 3, 2 * rank)]
    if kind == "dilated":
        attributes["dilations"] = [d.pick(2, 3)] * rank
    if kind == "strided" or d.pick(0, 0, 1):
        attributes["strides"] = [d.pick(1, 2, 3) for _ in range(rank)]
    x = d.codes([d.pick(1, 3)] + [cin] + extents, xt)
    w = d.codes([cout, cin // group] + kernel, wt)
    if integer:
        zw = d.zero_point(wt)
        constants = {"w": w, "zx": d.zero_point(xt), "zw": zw}
        return model("ConvInteger", {"x": x}, {"y": np.int32}, constants, attributes,
                     ["x", "w", "zx", "zw"]), {"x": x}
    per_channel = d.pick(True, False)
    sx, sw = d.scale(), d.scale(cout if per_channel else None)
    symmetric = d.pick(True, True, False)
    if per_channel:
        zw = np.zeros(cout, wt) if symmetric else np.array(
            [d.zero_point(wt) for _ in range(cout)], wt)
    else:
        zw = np.zeros((), wt) if symmetric else d.zero_point(wt)
    zx, zy = d.zero_point(xt), d.zero_point(xt)
    halves = d.pick(True, False, False)
    if halves:
        x, w = d.near(zx, x.shape), d.near(zw, w.shape)
    steps = np.sqrt(w[0].size) * max(1, np.std(x - float(zx))) * max(1, np.std(w.astype(float)))
    constants = {"sx": sx, "zx": zx, "w": w, "sw": sw, "zw": zw,
                 "sy": halved(sx, sw) if halves else d.fitting(steps, sx * sw), "zy": zy}
    names = ["x", "sx", "zx", "w", "sw", "zw", "sy", "zy"]
    if d.pick(True, False):
        constants["b"] = d.random.integers(-int(steps) - 1, int(steps) + 2, cout).astype(np.int32)
        names.append("b")
    return model("QLinearConv", {"x": x}, {"y": xt}, constants, attributes, names), {"x": x}


def conv_integer(d):
    # The runtime's ConvInteger takes uint8 activations only.
    while True:
        m, feeds = qlinear_conv(d, integer=True)
        if feeds["x"].dtype == U8:
            return m, feeds


def matrices(d, batched=True):
    at, bt = d.pick(*PAIRS)
    m, k, n = d.pick(64, 129), d.pick(16, 33, 64, 257), d.pick(48, 65, 100)
    lead = d.pick([], [3], [2, 2]) if batched else []
    a = d.codes(lead + [m, k], at)
    b = d.codes((lead if lead and d.pick(0, 1) else []) + [k, n], bt)
    return a, b, at, bt


def parameters(d, a, b, at, bt, columns):
    per_column = columns and d.pick(True, False)
    n = b.shape[-1]
    sa, sb = d.scale(), d.scale(n if per_column else None)
    if per_column:
        zb = np.array([d.zero_point(bt) for _ in range(n)], bt) if d.pick(0, 1) else np.zeros(n, bt)
    else:
        zb = d.zero_point(bt) if d.pick(0, 1) else np.zeros((), bt)
    za = d.zero_point(at)
    halves = d.pick(True, False, False)
    if halves:
        a[...] = d.near(za, a.shape)
        b[...] = d.near(zb, b.shape, axis=b.ndim - 1)
    steps = np.sqrt(a.shape[-1]) * max(1, np.std(a - float(za))) * max(1, np.std(b.astype(float)))
    return sa, za, sb, zb, steps, halved(sa, sb) if halves else d.fitting(steps, sa * sb), \
        d.zero_point(at)


def qlinear_matmul(d):
    a, b, at, bt = matrices(d)
    sa, za, sb, zb, _, sy, zy = parameters(d, a, b, at, bt, columns=b.ndim == 2)
    constants = {"sa": sa, "za": za, "b": b, "sb": sb, "zb": zb, "sy": sy, "zy": zy}
    return model("QLinearMatMul", {"a": a}, {"y": at}, constants,
                 names=["a", "sa", "za", "b", "sb", "zb", "sy", "zy"]), {"a": a}


def matmul_integer(d):
    a, b, at, bt = matrices(d)
    sa, za, sb, zb, _, sy, zy = parameters(d, a, b, at, bt, columns=b.ndim == 2)
    return model("MatMulInteger", {"a": a}, {"y": np.int32}, {"b": b, "za": za, "zb": zb},
                 names=["a", "b", "za", "zb"]), {"a": a}


def qgemm(d):
    a, b, at, bt = matrices(d, batched=False)
    sa, za, sb, zb, steps, sy, zy = parameters(d, a, b, at, bt, columns=True)
    trans_a, trans_b = d.pick(0, 0, 1), d.pick(0, 1)
    alpha = float(F32(d.pick(1.0, 1.0, 0.5, 1.3)))
    a = np.ascontiguousarray(a.T) if trans_a else a
    constants = {"sa": sa, "za": za, "b": np.ascontiguousarray(b.T) if trans_b else b,
                 "sb": sb, "zb": zb, "sy": sy, "zy": zy}
    c = ""
    if d.pick(0, 1):
        c = "c"
        shape = d.pick([b.shape[-1]], [1, b.shape[-1]])
        constants["c"] = d.random.integers(-int(steps) - 1, int(steps) + 2, shape).astype(np.int32)
    return model("QGemm", {"a": a}, {"y": at}, constants,
                 {"alpha": alpha, "transA": trans_a, "transB": trans_b},
                 ["a", "sa", "za", "b", "sb", "zb", c, "sy", "zy"], "com.microsoft"), {"a": a}


def element_wise(op):
    def make(d):
        t = d.pick(U8, S8)
        shape = d.pick([3, 7, 33, 41], [8, 4096], [1, 64, 31, 17], [29789])
        other = d.pick(shape, shape, shape, [1], shape[-1:], [1] * (len(shape) - 1) + shape[-1:])
        a, b = d.codes(shape, t), d.codes(other, t)
        sa, sb = d.scale(), d.scale()
        if d.pick(0, 1):
            sb = sa
        if op == "QLinearAdd":
            sc = np.array(d.pick(1, 2, 0.5, 4, 1.37) * max(sa, sb), F32)
        else:
            sc = np.array(d.pick(64, 128, 16, 91.3) * float(sa) * float(sb), F32)
        constants = {"sa": sa, "za": d.zero_point(t), "sb": sb, "zb": d.zero_point(t), "sc": sc,
                     "zc": d.zero_point(t)}
        feeds = {"a": a, "b": b}
        names = ["a", "sa", "za", "b", "sb", "zb", "sc", "zc"]
        if d.pick(0, 1):
            constants["b"] = feeds.pop("b")
        elif d.pick(0, 0, 1):  # the smaller operand first
            names = ["b", "sb", "zb", "a", "sa", "za", "sc", "zc"]
        return model(op, feeds, {"c": t}, constants, names=names, domain="com.microsoft"), feeds
    return make


def one_to_one(op, attributes=lambda d, x: {}, shape=lambda d: d.pick([2, 5, 61, 63], [4, 9973])):
    def make(d):
        t = d.pick(U8, S8)
        x = d.codes(shape(d), t)
        sx = d.scale()
        sy = np.array(sx * d.pick(1, 1, 2, 0.5, 0.77, 0.25), F32)
        if op == "QLinearSigmoid":
            sy = np.array(d.pick(1 / 256, 1 / 128, 0.0041, float(sx)), F32)
        constants = {"sx": sx, "zx": d.zero_point(t), "sy": sy, "zy": d.zero_point(t)}
        return model(op, {"x": x}, {"y": t}, constants, attributes(d, x),
                     ["x", "sx", "zx", "sy", "zy"], "com.microsoft"), {"x": x}
    return make


def pool_attributes(d, x):
    kernel = [d.pick(2, 3), d.pick(2, 3, 4)]
    attributes = {"kernel_shape": kernel, "strides": [d.pick(1, 1, 2), d.pick(1, 2)],
                  "count_include_pad": d.pick(0, 1)}
    if d.pick(0, 1):
        attributes["pads"] = [int(d.random.integers(0, kernel[i % 2])) for i in range(4)]
    return attributes


def qlinear_concat(d):
    t = d.pick(U8, S8)
    axis, count = d.pick(0, 1, -1), d.pick(1, 2, 3)
    sy, zy = d.scale(), d.zero_point(t)
    constants, feeds, names = {"sy": sy, "zy": zy}, {}, ["sy", "zy"]
    for i in range(count):
        shape = [4, 6, 1201]
        shape[axis] += i
        same = d.pick(0, 0, 1)
        feeds[f"x{i}"] = d.codes(shape, t)
        constants[f"s{i}"] = sy if same else np.array(sy * d.pick(1, 2, 0.5, 0.77, 0.25), F32)
        constants[f"z{i}"] = zy if same else d.zero_point(t)
        names += [f"x{i}", f"s{i}", f"z{i}"]
    return model("QLinearConcat", feeds, {"y": t}, constants, {"axis": axis}, names,
                 "com.microsoft"), feeds


def qlinear_softmax(d):
    t = d.pick(U8, S8)
    shape = d.pick([40, 8, 100], [2000, 10], [3, 5, 7, 64], [16, 1000])
    opset = d.pick(12, 13, 13)
    # A row with one value carries probability 1 = code 256; see `known` in the report.
    x = d.codes(shape, t)
    constants = {"sx": np.array(d.pick(0.01, 0.03125, 0.1, 0.0173), F32), "zx": d.zero_point(t),
                 "sy": np.array(1 / 256, F32), "zy": np.array(np.iinfo(t).min, t)}
    attributes = {"opset": opset, "axis": -1 if opset == 13 and d.pick(0, 1) else len(shape) - 1}
    return model("QLinearSoftmax", {"x": x}, {"y": t}, constants, attributes,
                 ["x", "sx", "zx", "sy", "zy"], "com.microsoft"), {"x": x}


def quantize_linear(d):
    t = d.pick(U8, S8)
    shape = d.pick([5, 24, 33, 7], [33, 1001])
    axis = d.pick(None, 0, 1, -1)
    count = None if axis is None else shape[axis]
    s = d.scale(count)
    z = d.zero_point(t) if axis is None else np.array([d.zero_point(t) for _ in range(count)], t)
    steps = d.random.integers(-600, 601, shape) / 2  # halves: ties
    full = s if axis is None else s.reshape([-1 if i == axis % len(shape) else 1
                                             for i in range(len(shape))])
    x = (steps * full).astype(F32)
    if d.pick(0, 1):
        x = (d.random.standard_normal(shape) * 60 * full).astype(F32)
    x.flat[:8] = [np.inf, -np.inf, 0, -0.0, 1e30, -1e30, 1e-40, 3e38]
    attributes = {} if axis is None else {"axis": axis}
    return model("QuantizeLinear", {"x": x}, {"y": t}, {"s": s, "z": z}, attributes,
                 ["x", "s", "z"]), {"x": x}


def dequantize_linear(d):
    t = d.pick(U8, S8, np.int32)
    shape = d.pick([5, 24, 33, 7], [33, 1001])
    axis = d.pick(None, 0, 1, -1)
    count = None if axis is None else shape[axis]
    x = d.codes(shape, t) if t != np.int32 else d.random.integers(-2**30, 2**30, shape, np.int32)
    constants, names = {"s": d.scale(count)}, ["x", "s"]
    if t != np.int32 and d.pick(0, 1, 1):
        constants["z"] = (d.zero_point(t) if axis is None
                          else np.array([d.zero_point(t) for _ in range(count)], t))
        names.append("z")
    attributes = {} if axis is None else {"axis": axis}
    return model("DequantizeLinear", {"x": x}, {"y": F32}, constants, attributes, names), {"x": x}


def dynamic_quantize_linear(d):
    x = (d.random.standard_normal(d.pick([40000], [5, 7001])) * d.pick(1, 0.01, 30)
         + d.pick(0, 0, 5, -7)).astype(F32)
    if d.pick(0, 1):
        x = np.round(x * 4) / F32(4)
    return model("DynamicQuantizeLinear", {"x": x}, {"y": U8, "s": F32, "z": U8}, {}, None,
                 ["x"]), {"x": x}


def max_pool(d):
    t = d.pick(U8, S8)
    kernel = [d.pick(2, 3), d.pick(2, 3)]
    attributes = {"kernel_shape": kernel, "strides": [d.pick(1, 2), d.pick(1, 2)],
                  "pads": [int(d.random.integers(0, kernel[i % 2])) for i in range(4)],
                  "dilations": [d.pick(1, 1, 2)] * 2, "ceil_mode": d.pick(0, 0, 1)}
    x = d.codes([2, 6, 51, 53], t)
    return model("MaxPool", {"x": x}, {"y": t}, {}, attributes, ["x"]), {"x": x}


def moved(op):
    def make(d):
        t = d.pick(U8, S8)
        x = d.codes([6, 5, 31, 33], t)
        constants, attributes, names = {}, {}, ["x"]
        if op == "Flatten":
            attributes = {"axis": d.pick(0, 1, 2, -1)}
        elif op == "Reshape":
            constants, names = {"s": np.array(d.pick([0, -1], [30, 1023], [6, 5, -1]))}, ["x", "s"]
        elif op == "Transpose":
            attributes = {"perm": [int(v) for v in d.random.permutation(4)]}
        else:
            low, high = sorted(d.random.integers(np.iinfo(t).min, np.iinfo(t).max + 1, 2))
            constants = {"low": np.array(low, t), "high": np.array(high, t)}
            names = ["x", "low", "high"]
        return model(op, {"x": x}, {"y": t}, constants, attributes, names), {"x": x}
    return make


RULES = {
    "QuantizeLinear": quantize_linear,
    "DequantizeLinear": dequantize_linear,
    "DynamicQuantizeLinear": dynamic_quantize_linear,
    "QLinearConv": qlinear_conv,
    "QLinearMatMul": qlinear_matmul,
    "QGemm": qgemm,
    "ConvInteger": conv_integer,
    "MatMulInteger": matmul_integer,
    "QLinearAdd": element_wise("QLinearAdd"),
    "QLinearMul": element_wise("QLinearMul"),
    "QLinearAveragePool": one_to_one(
        "QLinearAveragePool", pool_attributes, lambda d: [2, d.pick(3, 8), 27, 39]),
    "QLinearGlobalAveragePool": one_to_one(
        "QLinearGlobalAveragePool", shape=lambda d: d.pick(
            [64, 64, 7, 7], [32, 250, 4, 8], [50, 99, 3, 5], [30, 64, 14, 14])),
    "QLinearConcat": qlinear_concat,
    "QLinearSigmoid": one_to_one("QLinearSigmoid"),
    "QLinearLeakyRelu": one_to_one(
        "QLinearLeakyRelu", lambda d, x: {"alpha": float(F32(d.pick(0.01, 0.5, 0.25, 0.1, 1.5)))}),
    "QLinearSoftmax": qlinear_softmax,
    "MaxPool": max_pool,
    "Flatten": moved("Flatten"),
    "Reshape": moved("Reshape"),
    "Transpose": moved("Transpose"),
    "Clip": moved("Clip"),
}


def differences(expected, actual):
    if expected.shape != actual.shape or expected.dtype != actual.dtype:
        return max(expected.size, 1)
    return int(np.count_nonzero((expected != actual)
                                & ~((expected != expected) & (actual != actual))))


def check(name, wanted, minimum_cases, keep=None, ours=True):
    """(cases, outputs, differences NumPy, differences qat-opt, first few differing cases)"""
    cases = outputs = numpy_wrong = ours_wrong = 0
    notes = []
    pending = []
    while outputs < wanted or cases < minimum_cases:
        cases += 1
        d = Draw([cases, *name.encode()])
        one, feeds = RULES[name](d)
        expected = ort.run(one, feeds)
        outputs += sum(v.size for v in expected)
        values = qat_reference.run_model(one, feeds)
        names = list(one.graph.node[0].output)
        wrong = sum(differences(e, values[n]) for n, e in zip(names, expected))
        numpy_wrong += wrong
        if wrong:
            notes.append(f"case {cases}: {wrong} of {expected[0].size} differ from NumPy: "
                         + onnx.printer.to_text(one.graph.node[0]))
            if keep:
                onnx.save(one, f"{keep}/{name}-{cases}.onnx")
        if ours and qat_opt.binary():
            pending.append((cases, one, feeds, expected))
    if pending:
        def compare(item):
            case, one, feeds, expected = item
            try:
                actual = qat_opt.run(one, [feeds[i.name] for i in one.graph.input])
            except qat_opt.Failure as failure:
                return expected[0].size, f"case {case}: {failure}"
            wrong = sum(differences(e, a) for e, a in zip(expected, actual))
            wrong += sum(e.size for e in expected[len(actual):])
            return wrong, f"case {case}: {wrong} of {expected[0].size} differ from qat-opt: " \
                + onnx.printer.to_text(one.graph.node[0])
        for wrong, note in qat_opt.in_parallel(compare, pending):
            ours_wrong += wrong
            if wrong:
                notes.append(note)
    return cases, outputs, numpy_wrong, ours_wrong, notes


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=list(RULES))
    parser.add_argument("--outputs", type=int, default=1_000_000)
    parser.add_argument("--cases", type=int, default=40, help="at least so many models a rule")
    parser.add_argument("--keep", help="a folder for the models that differ")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    if options.list:
        print("\n".join(RULES))
        return 0
    failed = False
    for name in options.only or RULES:
        cases, outputs, numpy_wrong, ours_wrong, notes = check(
            name, options.outputs, options.cases, options.keep)
        ours = f", {ours_wrong} with qat-opt" if qat_opt.binary() else ""
        print(f"{name}: {outputs} outputs ({cases} models), {numpy_wrong} differences with NumPy{ours}",
              flush=True)
        for note in notes[:5]:
            print("    " + note)
        failed |= bool(numpy_wrong or ours_wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
