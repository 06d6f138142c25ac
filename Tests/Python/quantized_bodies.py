"""Post-training quantization of what stands in bodies of control flow, and of recurrent weights.

    QAT_OPT=.build/debug/qat-opt python quantized_bodies.py [--only NAME]

Small networks with If, Loop, Scan, LSTM, GRU and RNN: no large weight is left in float, products in
bodies stand between codes, the ranges are those of every execution of a body (against ONNX Runtime,
which is asked for the values inside), and the file computes the same in ONNX Runtime as in `qat-opt run`,
close to the float model. One line a network; a non-zero exit on any failure.
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper, parser

import ort
import qat_opt

HEAD = '<ir_version: 9, opset_import: ["" : 17]>\n'
RANDOM = np.random.default_rng(5)
#: Weights of more elements are to be codes.
LARGE = 32
#: Name: (model, runs, SQNR in dB at least, what becomes of the ranges).
CASES = {}


def normal(*shape, spread=1.0):
    return RANDOM.normal(0, spread, shape).astype(np.float32)


def case(name, text, weights, runs, least, **expected):
    model = parser.parse_model(HEAD + text)
    for key, array in weights.items():
        model.graph.initializer.append(numpy_helper.from_array(array, key))
    CASES[name] = model, runs, least, expected


def flags(count, take=lambda i: i % 2 == 0):
    return [{"c": np.array(take(i)), "x": normal(3, 16, spread=1 + i / 8)} for i in range(count)]


BRANCHES = """g (bool c, float[N,16] x) => (float[N,8] y) {
  y = If(c) <then_branch = t () => (float[N,8] a) {
                  p = MatMul(x, w1)  r = Relu(p)  a = MatMul(r, w2) },
                else_branch = e () => (float[N,8] b) {
                  n = Gemm<transB = 1>(x, w3, b3)  b = Tanh(n) }>
}"""
WEIGHTS = {"w1": normal(16, 24, spread=0.3), "w2": normal(24, 8, spread=0.3),
           "w3": normal(8, 16, spread=0.3), "b3": normal(8, spread=0.1)}

case("if", BRANCHES, WEIGHTS, flags(12), 30)
case("if_never_taken", BRANCHES, WEIGHTS, flags(6, lambda i: True), 30, idle=True)

case("loop", """g (int64 m, float[N,16] x) => (float[N,16] y, float[S,N,16] all) {
  go = Constant<value_ints = [1]>()
  sc = Constant<value_ints = [0]>()
  one = Squeeze(go, sc)
  keep = Cast<to = 9>(one)
  y, all = Loop(m, keep, x) <body = l (int64 i, bool k, float[N,16] h) =>
                   (bool k2, float[N,16] h2, float[N,16] s) {
    k2 = Identity(k)
    p = MatMul(h, w)  q = Add(p, x)  h2 = Tanh(q)  s = Sigmoid(p) }>
}""", {"w": normal(16, 16, spread=0.4)},
     [{"m": np.array(1 + i % 4), "x": normal(2, 16)} for i in range(8)], 25, steps="all")

case("scan", """g (float[N,12] h0, float[L,N,10] x) => (float[N,12] hn, float[L,N,4] y) {
  hn, y = Scan<num_scan_inputs = 1, body = s (float[N,12] h, float[N,10] xi) =>
                                    (float[N,12] h2, float[N,4] yi) {
    a = Gemm(xi, wx, b)  r = MatMul(h, wh)  z = Add(a, r)  h2 = Tanh(z)
    yi = MatMul(h2, wy) }>(h0, x)
}""", {"wx": normal(10, 12, spread=0.4), "wh": normal(12, 12, spread=0.4), "b": normal(12),
       "wy": normal(12, 4, spread=0.4)},
     [{"h0": normal(2, 12, spread=0.2), "x": normal(3 + i % 3, 2, 10)} for i in range(8)], 25)

case("loop_in_if", """g (bool c, float[N,16] x) => (float[N,16] y) {
  y = If(c) <then_branch = t () => (float[N,16] a) {
      m = Constant<value_int = 3>()
      a = Loop(m, , x) <body = l (int64 i, bool k, float[N,16] h) => (bool k2, float[N,16] h2) {
            k2 = Identity(k)  p = MatMul(h, w)  h2 = Tanh(p) }> },
    else_branch = e () => (float[N,16] b) { b = MatMul(x, v) }>
}""", {"w": normal(16, 16, spread=0.4), "v": normal(16, 16, spread=0.4)}, flags(8), 25)

for op, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
    case(op.lower(), f"""g (float[L,N,12] x) => (float[L,2,N,10] y, float[2,N,10] h) {{
  y, h = {op}<direction = "bidirectional", hidden_size = 10>(x, w, r, b)
}}""", {"w": normal(2, gates * 10, 12, spread=0.3), "r": normal(2, gates * 10, 10, spread=0.3),
        "b": normal(2, 2 * gates * 10, spread=0.1)},
         [{"x": normal(4 + i % 2, 3, 12)} for i in range(6)], 35)

case("lstm_in_if", """g (bool c, float[5,2,12] x) => (float[5,1,2,10] y) {
  y = If(c) <then_branch = t () => (float[5,1,2,10] a) { a = LSTM<hidden_size = 10>(x, w, r) },
             else_branch = e () => (float[5,1,2,10] b) {
               b = LSTM<hidden_size = 10, direction = "reverse">(x, w2, r2) }>
}""", {"w": normal(1, 40, 12, spread=0.3), "r": normal(1, 40, 10, spread=0.3),
       "w2": normal(1, 40, 12, spread=0.3), "r2": normal(1, 40, 10, spread=0.3)},
     [{"c": np.array(i % 2 == 0), "x": normal(5, 2, 12)} for i in range(4)], 35)


def graphs(graph, is_body=False):
    """A graph and its bodies, each with whether it is one."""
    yield graph, is_body
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from graphs(attribute.g, True)


def float_weights(model):
    """Names of large tensors of floats; biases and scales aside."""
    found = []
    for graph, _ in graphs(model.graph):
        tensors = list(graph.initializer)
        tensors += [a.t for node in graph.node if node.op_type == "Constant"
                    for a in node.attribute if a.name == "value"]
        found += [t.name for t in tensors
                  if t.data_type == onnx.TensorProto.FLOAT and np.prod(t.dims) > LARGE
                  and len(t.dims) > 1 and t.name != "b"]
    return found


def products_in_float(model):
    """Names of products in bodies whose activations are no codes."""
    found = []
    for graph, is_body in graphs(model.graph):
        makers = {output: node.op_type for node in graph.node for output in node.output}
        found += [node.name for node in graph.node if is_body
                  and node.op_type in ("MatMul", "Gemm", "Conv")
                  and makers.get(node.input[0]) != "DequantizeLinear"]
    return found


def write_runs(folder, runs):
    for i, run in enumerate(runs):
        sample = folder / f"sample_{i:03}"
        sample.mkdir(parents=True)
        for j, (name, value) in enumerate(run.items()):
            qat_opt.write_tensor(sample / f"input_{j}.pb", value, name)


def sqnr(wanted, actual):
    signal = sum(float((a.astype(np.float64) ** 2).sum()) for a in wanted)
    noise = sum(float(((a.astype(np.float64) - b) ** 2).sum()) for a, b in zip(wanted, actual))
    return 10 * np.log10(signal / max(noise, 1e-30))


def observed(path):
    pattern = re.compile(r'^  "?([^":]+)"?: \{min: ([^,]+), max: ([^,]+),')
    found = {}
    for line in path.read_text().splitlines():
        if match := pattern.match(line):
            found[match[1]] = float(match[2]), float(match[3])
    return found


def check_ranges(path, outputs, steps):
    """The range of the values that a loop hands out is that of all its steps in all runs."""
    values = np.concatenate([out[steps].ravel() for out in outputs])
    low, high = observed(path)["s"]
    # The observer sees another kernel's float32.
    if not np.allclose([low, high], [values.min(), values.max()], 1e-5, 0):
        yield f"range of 's' is {low}…{high}, expected {values.min()}…{values.max()}"


def problems(model, runs, least, expected, folder):
    source = folder / "model.onnx"
    onnx.save(model, source)
    write_runs(folder / "runs", runs)
    # The observer that can be checked by hand.
    config = folder / "config.yaml"
    config.write_text("preset: recommended\nactivations: {observer: {kind: minmax}}\n"
                      # Its result feeds no product: it would stay in float.
                      + ('layers:\n  - match: "op: Sigmoid"\n    quantize: true\n' if "steps" in expected else ""))
    session = ort.session(model)
    names = [output.name for output in model.graph.output]
    wanted = [session.run(names, run) for run in runs]
    for form in ("qdq", "qoperator"):
        target = folder / f"{form}.onnx"
        qat_opt.call("quantize", source, "--data", f"runs:{folder / 'runs'}", "--config", config,
                     "--format", form, "--epochs", 0, "-o", target,
                     *(["--save-calibration", folder / "ranges.yaml"] if "steps" in expected else []))
        quantized = onnx.load(target)
        onnx.checker.check_model(quantized, full_check=True)
        if left := float_weights(quantized):
            yield f"{form}: in float: {' '.join(left)}"
        in_float = products_in_float(quantized)
        if form == "qdq" and bool(in_float) != expected.get("idle", False):
            yield f"products in float: {in_float}"
        session = ort.session(quantized)
        there = [session.run(names, run) for run in runs]
        here = [qat_opt.run(quantized, list(run.values())) for run in runs]
        ratios = [sqnr(sum(wanted, []), sum(found, [])) for found in (there, here)]
        # Codes on both sides; a float kernel in front of a quantizer may round a tie apart.
        between = sqnr(sum(there, []), sum(here, []))
        print(f"    {form}: {ratios[0]:.1f} dB in ONNX Runtime, {ratios[1]:.1f} dB here, "
              f"{between:.1f} dB between them")
        if min(ratios) < least or between < 50:
            yield f"{form}: {ratios}, {between} dB; at least {least} and 50"
    if "steps" in expected:
        # A product's own output is quantized; 's' is that of a Sigmoid, which keeps its range.
        yield from check_ranges(folder / "ranges.yaml", [dict(zip(names, w)) for w in wanted],
                                expected["steps"])


def main():
    options = argparse.ArgumentParser(description=__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", help="a part of the network's name")
    options = options.parse_args()
    failed = 0
    for name, (model, runs, least, expected) in CASES.items():
        if options.only and options.only not in name:
            continue
        print(f"{name}: {len(runs)} runs", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            try:
                found = list(problems(model, runs, least, expected, Path(folder)))
            except Exception as failure:  # of any of the three tools
                found = [f"{type(failure).__name__}: {failure}"]
        failed += bool(found)
        print("".join(f"    FAIL {p}\n" for p in found), end="", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
