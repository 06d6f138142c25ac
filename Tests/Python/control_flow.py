"""If, Loop, Scan and model-local functions on small models: `qat-opt run` against ONNX Runtime, as
they are, through the text form, and exported behind `canonicalize,fold-constants`.

    QAT_OPT=.build/debug/qat-opt python control_flow.py [--only NAME]
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import parser

import ort
import qat_opt

HEAD = '<ir_version: 9, opset_import: ["" : {opset}{domains}]>\n'


def model(text, opset=17, domains=""):
    return parser.parse_model(HEAD.format(opset=opset, domains=domains) + text)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


#: Name: (model, [feeds, …], what ONNX Runtime runs); every set of feeds is run.
CASES = {}


def case(name, text, *feeds, like=None, **options):
    made = model(text, **options)
    CASES[name] = (made, list(feeds), model(like) if like else made)


X = draw(2, 3)
TRUE, FALSE = np.array(True), np.array(False)

case("if", """g (bool c, float[N,3] x) => (float[N,3] y) {
  w = Constant<value_floats = [1.0, 2.0, 3.0]>()
  h = Mul(x, w)
  y = If(c) <then_branch = t () => (float[N,3] a) { a = Relu(h) },
             else_branch = e () => (float[N,3] b) { n = Neg(x)  b = Add(n, w) }>
}""", {"c": TRUE, "x": X}, {"c": FALSE, "x": X}, {"c": FALSE, "x": draw(5, 3)})

case("if_shapes_differ", """g (bool c, float[2,3] x) => (float[K] y, float[L] z) {
  y, d = If(c) <then_branch = t () => (float[6] a, float[2,3] a2) {
                  s = Constant<value_ints = [6]>() a = Reshape(x, s) a2 = Relu(x) },
                else_branch = e () => (float[1] b, float[2,3] b2) {
                  s = Constant<value_ints = [1]>() r = ReduceSum<keepdims = 0>(x) b = Reshape(r, s)
                  b2 = Neg(x) }>
  m = Constant<value_ints = [-1]>()
  f = Reshape(d, m)
  z = Concat<axis = 0>(y, f, y)
}""", {"c": TRUE, "x": X}, {"c": FALSE, "x": X})

case("if_passes_through", """g (bool c, float[2,3] x) => (float[2,3] y, float[2,3] z) {
  k = Constant<value_floats = [1.0, 1.0, 1.0]>()
  y, z = If(c) <then_branch = t () => (float[2,3] a, float[2,3] a2) {
                  a = Identity(x) a2 = Add(x, k) },
                else_branch = e () => (float[2,3] b, float[2,3] b2) {
                  b = Neg(x) b2 = Identity(b) }>
}""", {"c": TRUE, "x": X}, {"c": FALSE, "x": X})

case("if_nested", """g (bool c, bool d, float[2,3] x) => (float[2,3] y) {
  h = Relu(x)
  y = If(c) <then_branch = t () => (float[2,3] a) {
      i = Neg(h)
      a = If(d) <then_branch = tt () => (float[2,3] q) { q = Add(i, x) },
                 else_branch = te () => (float[2,3] q2) { q2 = Mul(i, h) }> },
    else_branch = e () => (float[2,3] b) { b = Sub(h, x) }>
}""", *({"c": c, "d": d, "x": X} for c in (TRUE, FALSE) for d in (TRUE, FALSE)))

case("if_constant", """g (float[2,3] x) => (float[2,3] y) {
  i = Constant<value_int = 1>()
  c = Cast<to = 9>(i)
  y = If(c) <then_branch = t () => (float[2,3] a) { r = Relu(x) a = Neg(r) },
             else_branch = e () => (float[2,3] b) { b = Identity(x) }>
}""", {"x": X})

case("if_squeezes", """g (float[A,B] x) => (float[K] y) {
  s = Shape(x)
  i = Constant<value_int = 0>()
  one = Constant<value_int = 1>()
  n = Gather(s, i)
  c = Equal(n, one)
  axes = Constant<value_ints = [0]>()
  z = If(c) <then_branch = t () => (float[M] a) { a = Squeeze(x, axes) },
             else_branch = e () => (float[A,B] b) { b = Identity(x) }>
  m = Constant<value_ints = [-1]>()
  y = Reshape(z, m)
}""", {"x": draw(1, 4)}, {"x": draw(3, 4)}, {"x": draw(1, 2)})

case("loop_counts", """g (int64 m, float[2,3] x) => (float[2,3] y, float[M,2,3] all) {
  t = Constant<value_int = 1>()
  c = Cast<to = 9>(t)
  w = Abs(x)
  y, all = Loop(m, c, x) <body = b (int64 i, bool ci, float[2,3] a) =>
      (bool co, float[2,3] n, float[2,3] s) {
    co = Identity(ci)
    f = Cast<to = 1>(i)
    g2 = Mul(w, f)
    n = Add(a, g2)
    s = Neg(n)
  }>
}""", *({"m": np.array(m), "x": X} for m in (0, 1, 5)))

case("loop_while", """g (float limit, float[1] x) => (float[1] y, float[K,1] all) {
  t = Constant<value_int = 1>()
  c = Cast<to = 9>(t)
  y, all = Loop("", c, x) <body = b (int64 i, bool ci, float[1] a) =>
      (bool co, float[1] n, float[1] s) {
    n = Add(a, a)
    less = Less(n, limit)
    z = Constant<value_ints = [0]>()
    co = Squeeze(less, z)
    s = Identity(a)
  }>
}""", {"limit": np.array(50, np.float32), "x": np.float32([1.5])}, {"limit": np.array(0, np.float32), "x": np.float32([1])})

case("loop_grows", """g (int64 m, float[K] x) => (float[L] y, float[L2] z) {
  t = Constant<value_int = 1>()
  c = Cast<to = 9>(t)
  y = Loop(m, c, x) <body = b (int64 i, bool ci, float[Q] a) => (bool co, float[R] n) {
    co = Identity(ci)
    n = Concat<axis = 0>(a, x)
  }>
  z = Mul(y, y)
}""", *({"m": np.array(m), "x": draw(k, seed=k)} for m in (0, 3, 12) for k in (1, 4)))

case("loop_in_if", """g (bool c, int64 m, float[2] x) => (float[2] y) {
  k = Constant<value_floats = [0.5, -0.5]>()
  y = If(c) <then_branch = t () => (float[2] a) {
      tt = Constant<value_int = 1>()
      on = Cast<to = 9>(tt)
      a = Loop(m, on, x) <body = b (int64 i, bool ci, float[2] v) => (bool co, float[2] n) {
        co = Identity(ci)
        h = Add(v, k)
        n = Mul(h, x)
      }> },
    else_branch = e () => (float[2] b2) { b2 = Neg(x) }>
}""", *({"c": c, "m": np.array(4), "x": np.float32([1, 2])} for c in (TRUE, FALSE)))

case("scan", """g (float[3] s, float[T,3] x, float[3,T] u) => (float[3] y, float[3,T] all) {
  k = Constant<value_floats = [0.5, 1.0, 2.0]>()
  y, all = Scan(s, x, u) <num_scan_inputs = 2, scan_input_axes = [0, 1],
      scan_input_directions = [0, 1], scan_output_axes = [-1], scan_output_directions = [1],
      body = b (float[3] a, float[3] xi, float[3] ui) => (float[3] n, float[3] o) {
    m = Mul(xi, k)
    p = Add(a, m)
    n = Add(p, ui)
    o = Tanh(n)
  }>
}""", *({"s": draw(3), "x": draw(t, 3, seed=1), "u": draw(3, t, seed=2)} for t in (1, 4, 7)))

SAMPLES = """g ({lengths}float[B,2] s, float[B,T,2] x) => (float[B,2] y, float[B,T,2] all) {{
  y, all = Scan({first}, s, x) <num_scan_inputs = 1, directions = [{reverse}],
      body = b (float[2] a, float[2] xi) => (float[2] n, float[2] o) {{
    n = Add(a, xi)
    o = Mul(n, xi)
  }}>
}}"""
LENGTHS = np.array([3, 1, 4])
case("scan_of_samples", SAMPLES.format(lengths="", first='""', reverse=0),
     {"s": draw(3, 2), "x": draw(3, 4, 2)}, {"s": draw(1, 2), "x": draw(1, 6, 2)}, opset=8)
case("scan_of_reversed_samples", SAMPLES.format(lengths="", first='""', reverse=1),
     {"s": draw(3, 2), "x": draw(3, 4, 2)}, opset=8)
case("scan_of_cut_samples", SAMPLES.format(lengths="int64[B] l, ", first="l", reverse=0),
     {"l": LENGTHS, "s": draw(3, 2), "x": draw(3, 4, 2)}, opset=8)

FUNCTIONS = """
<domain: "own", opset_import: ["" : 17]>
scaled <alpha: float = 2.0> (x) => (y) {
  a = Constant<value_float: float = @alpha>()
  h = Mul(x, a)
  y = Relu(h)
}
<domain: "own", opset_import: ["" : 17, "own" : 1]>
twice <alpha: float = 3.0> (x, w) => (y, z) {
  h = own.scaled<alpha: float = @alpha>(x)
  z = own.scaled(h)
  y = Add(z, w)
}
"""
case("functions", """g (float[2,3,4] x, float[4] w) => (float[2,3,4] y, float[2,3,4] q) {
  h, y_z = own.twice<alpha: float = 0.5>(x, w)
  y, unused = own.twice(h, w)
  q = own.scaled(x)
}""" + FUNCTIONS, {"x": draw(2, 3, 4), "w": draw(4, seed=1)}, domains=', "own" : 1')

# ONNX Runtime takes no function of another opset than the model's.
case("function_of_its_time", """g (float[2,3,4] x) => (float[2,3,4] y, float[2,4] z) {
  y, z = own.old(x)
}
<domain: "own", opset_import: ["" : 11]>
old (x) => (y, z) {
  y = Softmax(x)
  z = ReduceSum<axes = [1], keepdims = 0>(x)
}""", {"x": draw(2, 3, 4)}, domains=', "own" : 1',
     like="""g (float[2,3,4] x) => (float[2,3,4] y, float[2,4] z) {
  f = Flatten(x)
  p = Softmax(f)
  s = Shape(x)
  y = Reshape(p, s)
  one = Constant<value_ints = [1]>()
  z = ReduceSum<keepdims = 0>(x, one)
}""")

case("functions_in_bodies", """g (bool c, float[2] x) => (float[2] y) {
  y = If(c) <then_branch = t () => (float[2] a) { a, b = own.twice(x, x) },
             else_branch = e () => (float[2] a2) { a2 = own.scaled<alpha: float = -1.0>(x) }>
}""" + FUNCTIONS, *({"c": c, "x": np.float32([1, -2])} for c in (TRUE, FALSE)),
     domains=', "own" : 1')

case("body_in_function", """g (bool c, float[2] x) => (float[2] y, float[2] z) {
  y = own.choose(c, x)
  z = own.choose(c, y)
}
<domain: "own", opset_import: ["" : 17]>
choose (c, x) => (y) {
  n = Neg(x)
  y = If(c) <then_branch = t () => (float[2] a) { a = Relu(n) },
             else_branch = e () => (float[2] b) { b = Add(x, n) }>
}""", *({"c": c, "x": np.float32([1, -2])} for c in (TRUE, FALSE)), domains=', "own" : 1')


def mismatch(wanted, actual):
    for index, (e, a) in enumerate(zip(wanted, actual)):
        e = np.asarray(e)
        if e.shape != a.shape or e.dtype != a.dtype:
            return f"output {index} is {a.dtype}{list(a.shape)}, expected {e.dtype}{list(e.shape)}"
        if not np.allclose(a, e, 1e-5, 1e-6):
            return f"output {index} differs by {np.abs(a - e).max()}"
    return None if len(wanted) == len(actual) else f"{len(actual)} outputs"


def problems(name, made, feed_sets, reference, folder):
    """What is wrong with one model, in sentences."""
    path = folder / f"{name}.onnx"
    path.write_bytes(made.SerializeToString())
    forms = {"as it is": path}
    for form, passes, suffix in [("text", "", "qir"), ("exported", "", "onnx"),
                                 ("simplified", "canonicalize,fold-constants,canonicalize,"
                                  "eliminate-common-subexpressions,eliminate-dead-nodes", "onnx")]:
        forms[form] = folder / f"{name}.{form}.{suffix}"
        qat_opt.call(path, "--pass-pipeline", passes, "-o", forms[form])
    qat_opt.call(forms["text"], "--pass-pipeline", "", "-o", folder / "again.qir")
    if forms["text"].read_text() != (folder / "again.qir").read_text():
        yield "the text does not come back"
    for form in ("exported", "simplified"):
        onnx.checker.check_model(str(forms[form]), full_check=True)
    for feeds in feed_sets:
        wanted = ort.run(reference, feeds, optimize=False)
        for form, file in forms.items():
            problem = mismatch(wanted, qat_opt.run(file, list(feeds.values())))
            if problem:
                yield f"{form}: {problem}"
            if form in ("exported", "simplified"):
                problem = mismatch(wanted, ort.run(onnx.load(file), feeds, optimize=False))
                if problem:
                    yield f"{form}, in ONNX Runtime: {problem}"


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--only", help="a part of the case's name")
    options = options.parse_args()
    failed = 0
    for name, (made, feeds, reference) in CASES.items():
        if options.only and options.only not in name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                found = list(problems(name, made, feeds, reference, Path(folder)))
            except Exception as failure:  # of any of the three tools
                found = [f"{type(failure).__name__}: {failure}"]
        failed += bool(found)
        print(f"{name}: {len(feeds)} runs" + "".join(f"\n    {p}" for p in found), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
