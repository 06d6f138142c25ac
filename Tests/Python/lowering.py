"""Dynamic, weight-only and per-group forms: what `qat-opt quantize` writes, in ONNX Runtime and against
NumPy, and float layers between quantized ones; and the QDQ files of others.

    QAT_OPT=.build/release/qat-opt python lowering.py
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import models
import ort
import qat_opt

F32 = np.float32
# Float sums of a few hundred products in another order.
SUMS = 2e-6
# What ONNX Runtime's default may make of a dequantized matrix: activations rounded to int8.
ROUNDED_ACTIVATIONS = 3e-2

FAILURES = []


def check(what, holds, detail=""):
    print(f"{'ok  ' if holds else 'FAIL'} {what}{': ' if detail else ''}{detail}", flush=True)
    if not holds:
        FAILURES.append(what)


def relative(wanted, actual):
    scale = max(float(np.abs(wanted).max()), 1e-30)
    return float(np.abs(wanted.astype(np.float64) - actual.astype(np.float64)).max()) / scale


# Models -------------------------------------------------------------------------------------------


def network():
    """Products of every kind: Conv (also grouped), Gemm both ways, MatMul of rank 3, one behind another;
    70 and 130 input channels leave tails in blocks of 32 and 64."""
    net = models.Net(11)
    weights = {}

    def weight(name, shape):
        weights[name] = (net.random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))).astype(F32)
        net.constants.append(numpy_helper.from_array(weights[name], name))
        return name

    def add(op, inputs, output, **attributes):
        net.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    add("Conv", ["image", weight("w_conv", (70, 6, 3, 3)), weight("b_conv", (70,))], "conv", pads=[1] * 4)
    add("Relu", ["conv"], "relu")
    add("Conv", ["relu", weight("w_group", (20, 35, 3, 3)), weight("b_group", (20,))], "group", group=2)
    add("Relu", ["group"], "relu2")
    add("GlobalAveragePool", ["relu2"], "pool")
    add("Flatten", ["pool"], "flat")
    add("Gemm", ["flat", weight("w_t", (130, 20)), weight("b_t", (130,))], "gemm", transB=1)
    add("Relu", ["gemm"], "relu3")
    add("MatMul", ["relu3", weight("w_mm", (130, 64))], "matmul")
    add("Gemm", ["matmul", weight("w_n", (64, 70)), weight("b_n", (70,))], "gemm2")
    add("MatMul", ["gemm2", weight("w_last", (70, 10))], "scores")
    graph = helper.make_graph(
        net.nodes, "network",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 6, 9, 9])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 10])], net.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model, weights


def images(count, seed):
    return np.random.default_rng(seed).standard_normal((count, 6, 9, 9)).astype(F32)


# NumPy's account of the codes ---------------------------------------------------------------------

PRODUCTS = {  # weight: channel axis, axis of input channels
    "w_conv": (0, 1), "w_group": (0, 1), "w_t": (0, 1), "w_mm": (1, 0), "w_n": (1, 0),
    "w_last": (1, 0)}


def spread(parameters, shape, axis, block):
    return np.take(parameters, np.arange(shape[axis]) // block, axis=axis)


def quantized(w, bits, narrow, axis=None, group=None):
    """Symmetric codes and their scales, spread over the elements."""
    top = 2 ** (bits - 1) - 1
    low = -top if narrow else -top - 1
    if group:
        size = w.shape[axis]
        blocks = -(-size // group)
        pad = [(0, 0)] * w.ndim
        pad[axis] = (0, blocks * group - size)
        parts = np.split(np.abs(np.pad(w, pad)), blocks, axis=axis)
        scale = np.concatenate([p.max(axis=axis, keepdims=True) for p in parts], axis=axis)
        scale = spread((scale / F32(top)).astype(F32), w.shape, axis, group)
    else:
        others = tuple(a for a in range(w.ndim) if a != axis)
        scale = np.broadcast_to((np.abs(w).max(axis=others, keepdims=True) / F32(top)).astype(F32), w.shape)
    codes = np.clip(np.rint((w / scale).astype(F32)), low, top).astype(np.int64)
    return codes, scale


def constants(model):
    return {t.name: t for t in model.graph.initializer}


def dequantized(model):
    """The weights that a file's DequantizeLinear nodes give, by the product that reads them, computed
    in NumPy, and their blocks and element types."""
    known = constants(model)
    result = {}
    producers = {o: n for n in model.graph.node for o in n.output}
    for node in model.graph.node:
        if node.op_type not in ("Conv", "Gemm", "MatMul") or len(node.input) < 2:
            continue
        source = producers.get(node.input[1])
        if source is None or source.op_type != "DequantizeLinear":
            continue
        attributes = {a.name: helper.get_attribute_value(a) for a in source.attribute}
        codes = numpy_helper.to_array(known[source.input[0]]).astype(np.int64)
        scale = numpy_helper.to_array(known[source.input[1]])
        zero = numpy_helper.to_array(known[source.input[2]]).astype(np.int64)
        axis, block = attributes.get("axis", 1), attributes.get("block_size", 0)
        if block:
            scale, zero = (spread(v, codes.shape, axis, block) for v in (scale, zero))
        elif scale.ndim:
            shape = [1] * codes.ndim
            shape[axis] = -1
            scale, zero = scale.reshape(shape), zero.reshape(shape)
        result[node.name] = ((codes - zero).astype(F32) * scale, block,
                             known[source.input[0]].data_type)
    return result


# Running ------------------------------------------------------------------------------------------


def exposing(model, op_types):
    """The model with the results of those operations as outputs too, and their names."""
    extended = onnx.ModelProto()
    extended.CopyFrom(model)
    inferred = {v.name: v for v in onnx.shape_inference.infer_shapes(model).graph.value_info}
    have = {o.name for o in model.graph.output}
    names = []
    for node in model.graph.node:
        if node.op_type in op_types:
            for name in node.output:
                if name and name not in have:
                    extended.graph.output.append(inferred.get(name) or helper.make_empty_tensor_value_info(name))
                    names.append(name)
    return extended, names


def ort_float(path, feeds):
    """In ONNX Runtime, dequantized matrices left in float."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def optimized_ops(path, folder):
    ort.session(str(path), optimized_path=folder / "optimized.onnx")
    return [n.op_type for n in onnx.load(folder / "optimized.onnx").graph.node]


def checked(path):
    onnx.checker.check_model(str(path), full_check=True)
    return onnx.load(path)


def config(folder, text):
    (folder / "config.yaml").write_text(text)
    return ["--config", folder / "config.yaml"]


# The forms ----------------------------------------------------------------------------------------


def dynamic(source, weights, folder):
    target = folder / "dynamic.onnx"
    for name, options, axes in (
            ("per channel", [], {w: c for w, (c, _) in PRODUCTS.items()}),
            ("per tensor", ["--preset", "default"], dict.fromkeys(PRODUCTS))):
        qat_opt.call("quantize", source, "--format", "dynamic", *options, "-o", target)
        model = checked(target)
        kinds = [n.op_type for n in model.graph.node]
        check(f"dynamic {name}: every product on integers",
              kinds.count("ConvInteger") == 2 and kinds.count("MatMulInteger") == 4
              and not {"Conv", "Gemm", "MatMul"} & set(kinds), f"{kinds.count('DynamicQuantizeLinear')} quantizers")
        stored = [numpy_helper.to_array(t) for t in model.graph.initializer if t.data_type == TensorProto.INT8]
        for weight, axis in axes.items():
            codes, _ = quantized(weights[weight], 8, name == "per channel", axis=axis)
            found = any(s.shape in (codes.shape, codes.T.shape)
                        and (np.array_equal(s, codes) or np.array_equal(s, codes.T)) for s in stored)
            check(f"dynamic {name}: the codes of {weight} are NumPy's", found)
        extended, names = exposing(model, ("DynamicQuantizeLinear", "ConvInteger", "MatMulInteger"))
        integers = differences = 0
        worst = 0.0
        for count, seed in ((1, 1), (7, 2)):
            feeds = {"image": images(count, seed)}
            wanted = ort.run(extended, feeds, optimize=False)
            dumped = qat_opt.run_dumping(target, feeds, folder / f"dump-{count}-{len(options)}")
            for key, value in zip([o.name for o in extended.graph.output], wanted):
                actual = np.load(dumped[key])
                if value.dtype.kind in "iu":
                    integers += value.size
                    differences += int((value != actual).sum())
                else:
                    worst = max(worst, relative(value, actual))
        check(f"dynamic {name}: codes and sums are those of ONNX Runtime", differences == 0,
              f"{integers} integers, {differences} differ")
        check(f"dynamic {name}: and scales and scores to {SUMS}", worst <= SUMS, f"{worst:.1e}")
        feeds = {"image": images(7, 2)}
        error = relative(ort.run(target, feeds)[0], qat_opt.run(target, list(feeds.values()))[0])
        # Its fusions may round the scores apart, and with them the range of what comes next.
        check(f"dynamic {name}: optimized, within 1e-2", error <= 1e-2, f"{error:.1e}")
        close = relative(ort.run(str(source), feeds)[0], ort.run(target, feeds)[0])
        check(f"dynamic {name}: near the float model", close <= 0.1, f"{close:.3f}")


def weight_only(source, weights, folder):
    target = folder / "weights.onnx"
    float_size = Path(source).stat().st_size
    nodes = {"w_conv": "conv", "w_group": "group", "w_t": "gemm", "w_mm": "matmul", "w_n": "gemm2",
             "w_last": "scores"}
    feeds = {"image": images(5, 3)}
    for bits, granularity, group in (
            (8, "per-channel", None), (4, "per-channel", None), (8, "{per-group: 32}", 32),
            (4, "{per-group: 32}", 32), (4, "{per-group: 64}", 64), (3, "{per-group: 16}", 16)):
        what = f"weight-only {bits} bits {granularity}"
        options = config(folder, f"weights: {{bits: {bits}, granularity: {granularity}}}\n")
        qat_opt.call("quantize", source, "--format", "weight-only", *options, "-o", target)
        model = checked(target)
        found = dequantized(model)
        wrong = []
        packed = 0
        for weight, node in nodes.items():
            channel, inner = PRODUCTS[weight]
            codes, scale = quantized(weights[weight], bits, False, inner if group else channel, group)
            values, block, kind = found[node]
            wide = TensorProto.INT8 if bits > 4 else TensorProto.INT4
            if not np.array_equal(values, codes.astype(F32) * scale) or block != (group or 0) or kind != wide:
                wrong.append(weight)
            packed += codes.size * (bits > 4 or 0.5)
        check(f"{what}: the weights are NumPy's, in the type they need", not wrong, f"{wrong}")
        size = target.stat().st_size
        count = sum(w.size for w in weights.values())
        floats = sum(len(t.raw_data) for t in model.graph.initializer if t.data_type == TensorProto.FLOAT)
        check(f"{what}: the file holds {4 if bits <= 4 else 8} bits a weight",
              # Scales and biases in float, zero points, and what nodes and names take.
              size <= packed + 1.25 * floats + 6000,
              f"{size} bytes for {count} weights, {float_size} in float")
        if bits == 4 and not group:
            check(f"{what}: under 0.19 of the float file", size <= 0.19 * float_size)
        ours = qat_opt.run(target, list(feeds.values()))[0]
        plain = relative(ort.run(target, feeds, optimize=False)[0], ours)
        floats = relative(ort_float(target, feeds)[0], ours)
        default = relative(ort.run(target, feeds)[0], ours)
        check(f"{what}: in ONNX Runtime to {SUMS}", max(plain, floats) <= SUMS, f"{plain:.1e}, {floats:.1e}")
        check(f"{what}: and at its default options", default <= ROUNDED_ACTIVATIONS, f"{default:.1e}")


def matmulnbits(source, weights, folder):
    target = folder / "nbits.onnx"
    feeds = {"image": images(5, 4)}
    for text, group in (("per-channel", None), ("{per-group: 32}", 32), ("{per-group: 64}", 64),
                        ("{per-group: 32}, scheme: asymmetric, signed: false", 32),
                        ("per-channel, scheme: asymmetric, signed: false", None)):
        what = f"matmulnbits {text}"
        options = config(folder, f"weights: {{bits: 4, granularity: {text}}}\n")
        qat_opt.call("quantize", source, "--format", "matmulnbits", *options, "-o", target)
        model = checked(target)
        products = [n for n in model.graph.node if n.op_type == "MatMulNBits"]
        check(f"{what}: four products", len(products) == 4
              and not any(n.op_type in ("Gemm", "MatMul") for n in model.graph.node))
        asymmetric = "asymmetric" in text
        check(f"{what}: zero points only where they are needed",
              all((len(n.input) > 3 and n.input[3] != "") == asymmetric for n in products))
        ours = qat_opt.run(target, list(feeds.values()))[0]
        error = relative(ort.run(target, feeds)[0], ours)
        check(f"{what}: in ONNX Runtime to {SUMS}", error <= SUMS, f"{error:.1e}")
        # The same layers as DequantizeLinear: other bytes, the same numbers.
        qat_opt.call("quantize", source, "--format", "weight-only", *options, "-o", folder / "same.onnx")
        same = relative(qat_opt.run(folder / "same.onnx", list(feeds.values()))[0], ours)
        check(f"{what}: the same numbers as dequantized weights", same <= SUMS, f"{same:.1e}")
        for node in products:
            node.attribute.append(helper.make_attribute("accuracy_level", 4))
        onnx.save(model, folder / "level4.onnx")
        level4 = relative(ort.run(folder / "level4.onnx", feeds)[0],
                          qat_opt.run(folder / "level4.onnx", list(feeds.values()))[0])
        check(f"{what}: at accuracy level 4 the runtime rounds activations, we do not",
              SUMS < level4 <= ROUNDED_ACTIVATIONS, f"{level4:.1e}")


def islands(source, folder):
    """Groups, and float layers, between quantized activations: ONNX Runtime leaves them in float."""
    np.savez(folder / "data.npz", image=images(64, 7))
    feeds = {"image": images(16, 8)}
    for what, text in (
            ("groups of 8 bits", "preset: recommended\nweights: {granularity: {per-group: 32}, narrow: false}\n"),
            ("groups of 4 bits", "preset: recommended\nweights: {bits: 4, granularity: {per-group: 32}, narrow: false}\n"),
            ("float weights", "preset: recommended\nlayers:\n  - match: group\n    weights: float\n"
                              "  - match: gemm\n    weights: float\n"),
            ("float layers", "preset: recommended\nlayers:\n  - match: group\n    quantize: false\n"
                             "  - match: gemm2\n    quantize: false\n")):
        options = config(folder, text)
        for form in ("qdq", "qoperator"):
            target = folder / f"{form}.onnx"
            qat_opt.call("quantize", source, "--data", folder / "data.npz", "--format", form, *options, "-o", target)
            checked(target)
            wanted = ort.run(target, feeds, optimize=False)[0]
            default = ort.run(target, feeds)[0]
            ours = qat_opt.run(target, list(feeds.values()))[0]
            steps = np.unique(np.abs(ours))
            step = float(np.diff(steps).max(initial=steps.max())) if steps.size > 1 else 1.0
            step = float(np.min(np.diff(steps)[np.diff(steps) > 1e-6], initial=step))
            apart = [np.abs(wanted - ours), np.abs(default - ours)]
            share = max(float((a > step / 2).mean()) for a in apart)
            check(f"{what} as {form}: ONNX Runtime agrees but for ties",
                  max(float(a.max()) for a in apart) <= 1.01 * step * 2 and share <= 0.05,
                  f"{share:.4f} of the scores are a step apart")
            kinds = optimized_ops(target, folder)
            kept = sum(kinds.count(k) for k in ("Conv", "FusedConv", "Gemm", "FusedGemm", "MatMul", "FusedMatMul"))
            expected = 6 if "groups" in what else 2
            check(f"{what} as {form}: {expected} products stay in float", kept == expected, f"{kept}")


# Files of others ----------------------------------------------------------------------------------


def with_activations(seed):
    """As exporters of PyTorch write it: Relu and Clip stand in front of quantizers. 3 x 3 kernels of 40
    channels, by minimal filtering here, a residual sum, and odd sizes of images."""
    random = np.random.default_rng(seed)
    nodes, constants = [], []

    def constant(name, value):
        constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def quantized(x, scale, zero=0):
        s, z = constant(f"s_{x}", F32(scale)), constant(f"z_{x}", np.uint8(zero))
        nodes.append(helper.make_node("QuantizeLinear", [x, s, z], [f"q_{x}"]))
        nodes.append(helper.make_node("DequantizeLinear", [f"q_{x}", s, z], [f"d_{x}"]))
        return f"d_{x}"

    def convolution(x, channels, result):
        codes = random.integers(-127, 128, (40, channels, 3, 3)).astype(np.int8)
        w, b = constant(f"w_{result}", codes), random.integers(-5000, 5000, 40).astype(np.int32)
        scales = (random.uniform(0.5, 2, 40) / 127 / np.sqrt(3 * channels)).astype(F32)
        s = constant(f"ws_{result}", scales)
        z = constant(f"wz_{result}", np.zeros(40, np.int8))
        inner = next(c for c in constants if c.name == f"s_{x[2:]}")
        product = constant(f"bs_{result}", scales * numpy_helper.to_array(inner))
        bias = constant(f"b_{result}", b)
        bias_zero = constant(f"bz_{result}", np.zeros(40, np.int32))
        nodes.append(helper.make_node("DequantizeLinear", [w, s, z], [f"{result}_w"], axis=0))
        nodes.append(helper.make_node("DequantizeLinear", [bias, product, bias_zero],
                                      [f"{result}_b"], axis=0))
        nodes.append(helper.make_node("Conv", [x, f"{result}_w", f"{result}_b"], [result],
                                      pads=[1, 1, 1, 1]))
        return result

    def activation(op, x, *bounds):
        nodes.append(helper.make_node(op, [x, *bounds], [f"{x}_{op}"]))
        return f"{x}_{op}"

    low, high = constant("low", F32(0)), constant("high", F32(6))
    x = quantized("image", 0.03, 121)
    first = quantized(activation("Relu", convolution(x, 3, "c0")), 0.02)
    second = quantized(activation("Clip", convolution(first, 40, "c1"), low, high), 6 / 255)
    third = quantized(convolution(second, 40, "c2"), 0.025, 128)
    nodes.append(helper.make_node("Add", [first, third], ["sum"]))
    last = quantized(activation("Relu", "sum"), 0.03)
    graph = helper.make_graph(
        nodes, "activations",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [2, 3, 9, 14])],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, [2, 40, 9, 14])], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def activations(folder):
    for seed in range(3):
        path, model = folder / "activations.onnx", with_activations(seed)
        onnx.save(model, path)
        image = np.random.default_rng(seed).standard_normal((2, 3, 9, 14)).astype(F32)
        ours, wanted = qat_opt.run(path, [image])[0], ort.run(model, {"image": image})[0]
        different = int((ours != wanted).sum())
        check(f"activations in front of quantizers, {seed}: equal to ONNX Runtime", different == 0,
              f"{different} of {wanted.size} differ")


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, weights = network()
        source = folder / "network.onnx"
        onnx.save(model, source)
        dynamic(source, weights, folder)
        weight_only(source, weights, folder)
        matmulnbits(source, weights, folder)
        islands(source, folder)
        activations(folder)
    print(f"{len(FAILURES)} failures")
    return 1 if FAILURES else 0


if __name__ == "__main__":
    sys.exit(main())
