"""Decomposed forms of operations: `canonicalize` (or `fuse-for-float`, for Swish and Attention) finds the
operation, and nothing else is left.

Each form as an exporter writes it, and near misses of it. The real operations are asked for in the text
that `canonicalize` leaves; the model in ONNX Runtime, as it was, against `qat-opt run` and against the
exported file, in the opset that export picks and in the lowest, 13.

    QAT_OPT=.build/debug/qat-opt python forms.py [--only NAME]
"""

import argparse
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
from onnx import parser

import ort
import qat_opt

FLOAT = "canonicalize,fold-constants,canonicalize,fold-constants,fuse-for-float,eliminate-dead-nodes"
BACK_AND_FORTH = FLOAT + ",expand-for-integers,canonicalize,fold-constants,eliminate-dead-nodes"
PASSES = "canonicalize,fold-constants,canonicalize,fold-constants,eliminate-dead-nodes"

#: Name: (model, shapes of the inputs, the operations that are left).
CASES = {}


def case(name, body, expected, x="2,3,4", y=None, opset=11, outputs="", passes=PASSES, **constants):
    """A model of the input x; `constants` are initializers, expected operations are separated by
    spaces."""
    text = f"""<ir_version: 8, opset_import: ["" : {opset}]>
g (float[{x}] x) => (float[{y or x}] y{outputs}) {{
{body}
}}"""
    made = parser.parse_model(text)
    for key, value in constants.items():
        made.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(value), key))
    CASES[name] = (made, [int(size) for size in x.split(",")], Counter(expected.split()), passes)


def draw(*shape, seed=0, positive=False):
    values = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return np.abs(values) + np.float32(0.5) if positive else values


def f32(number):
    return np.float32(number)


# Activations -------------------------------------------------------------------------------------

GELU = {"half": f32(0.5), "one": f32(1), "two": f32(2), "root": f32(2 ** 0.5), "inverse": f32(0.5 ** 0.5)}
case("gelu (PyTorch)", """  d = Div(x, root)  e = Erf(d)  p = Add(e, one)  m = Mul(x, p)  y = Mul(m, half)""",
     "Gelu", **GELU)
case("gelu, half first", """  h = Mul(x, half)  d = Mul(x, inverse)  e = Erf(d)  p = Add(one, e)
  y = Mul(p, h)""", "Gelu", **GELU)
case("gelu, half with the gate", """  d = Div(x, root)  e = Erf(d)  p = Add(e, one)  h = Mul(half, p)
  y = Mul(x, h)""", "Gelu", **GELU)
case("gelu, half in the sum", """  d = Div(x, root)  e = Erf(d)  h = Mul(e, half)  p = Add(h, half)
  y = Mul(x, p)""", "Gelu", **GELU)
case("gelu, divided by 2", """  d = Div(x, root)  e = Erf(d)  p = Add(e, one)  m = Mul(x, p)  y = Div(m, two)""",
     "Gelu", **GELU)
case("gelu with another root", """  d = Div(x, r)  e = Erf(d)  p = Add(e, one)  m = Mul(x, p)  y = Mul(m, half)""",
     "Div Erf Add Mul Mul", **GELU, r=f32(1.414))
case("gelu whose gate is read", """  d = Div(x, root)  e = Erf(d)  z = Add(e, one)  m = Mul(x, z)
  y = Mul(m, half)""", "Div Erf Add Mul Mul", outputs=", float[2,3,4] z", **GELU)
case("gelu of something else", """  n = Neg(x)  d = Div(n, root)  e = Erf(d)  p = Add(e, one)  m = Mul(x, p)
  y = Mul(m, half)""", "Neg Div Erf Add Mul Mul", **GELU)

TANH = {"half": f32(0.5), "one": f32(1), "three": f32(3), "k": f32((2 / np.pi) ** 0.5), "c": f32(0.044715)}
case("gelu by tanh (PyTorch)", """  h = Mul(x, half)  q = Mul(x, x)  q3 = Mul(q, x)  i = Mul(c, q3)
  s = Add(x, i)  u = Mul(s, k)  t = Tanh(u)  p = Add(t, one)  y = Mul(h, p)""", "Gelu", **TANH)
case("gelu by tanh (TensorFlow)", """  q = Pow(x, three)  i = Mul(c, q)  s = Add(x, i)  u = Mul(k, s)
  t = Tanh(u)  p = Add(one, t)  h = Mul(half, p)  y = Mul(x, h)""", "Gelu", **TANH)
case("gelu by tanh, factored", """  h = Mul(half, x)  a = Mul(k, x)  b = Mul(c, x)  b2 = Mul(b, x)  d = Add(one, b2)
  u = Mul(a, d)  t = Tanh(u)  p = Add(one, t)  y = Mul(h, p)""", "Gelu", **TANH)

case("swish", """  s = Sigmoid(x)  y = Mul(x, s)""", "Swish", passes=FLOAT)
case("swish for integers", """  s = Sigmoid(x)  y = Mul(x, s)""", "Sigmoid Mul")
case("swish with a factor", """  a = Mul(x, b)  s = Sigmoid(a)  y = Mul(s, x)""", "Swish", passes=FLOAT, b=f32(1.702))
case("swish with a factor, there and back", """  a = Mul(x, b)  s = Sigmoid(a)  y = Mul(s, x)""", "Mul Sigmoid Mul",
     passes=BACK_AND_FORTH, b=f32(1.702))
case("swish of another value", """  n = Neg(x)  r = Relu(x)  s = Sigmoid(n)  y = Mul(s, r)""",
     "Neg Relu Sigmoid Mul", passes=FLOAT)
case("swish whose gate is read", """  s = Sigmoid(x)  m = Mul(x, s)  y = Add(m, s)""", "Sigmoid Mul Add", passes=FLOAT)

HARD = {"three": f32(3), "zero": f32(0), "six": f32(6), "sixth": f32(1 / 6), "one": f32(1)}
case("hard swish (PyTorch)", """  a = Add(x, three)  c = Clip(a, zero, six)  m = Mul(x, c)  y = Div(m, six)""",
     "HardSwish", **HARD)
case("hard swish, gate first", """  a = Add(three, x)  c = Clip(a, zero, six)  d = Div(c, six)  y = Mul(d, x)""",
     "HardSwish", **HARD)
case("hard swish by hard sigmoid", """  s = HardSigmoid <alpha = 0.16666667, beta = 0.5> (x)  y = Mul(x, s)""",
     "HardSwish")
case("hard swish of Keras", """  a = Add(x, three)  r = Relu(a)  c = Min(r, six)  m = Mul(c, sixth)  y = Mul(x, m)""",
     "HardSwish", **HARD)
case("hard swish with another slope", """  s = HardSigmoid <alpha = 0.2, beta = 0.5> (x)  y = Mul(x, s)""",
     "HardSigmoid Mul")
case("hard sigmoid", """  a = Add(x, three)  c = Clip(a, zero, six)  y = Div(c, six)""", "HardSigmoid", **HARD)
case("hard sigmoid up to 1", """  a = Mul(x, k)  b = Add(a, h)  y = Clip(b, zero, one)""", "HardSigmoid",
     **HARD, k=f32(0.2), h=f32(0.5))
case("hard sigmoid up to 2", """  a = Add(x, three)  c = Clip(a, zero, six)  y = Div(c, three)""",
     "Add Clip Div", **HARD)

case("softplus", """  e = Exp(x)  s = Add(e, one)  y = Log(s)""", "Softplus", one=f32(1))
case("softplus of 2", """  e = Exp(x)  s = Add(e, two)  y = Log(s)""", "Exp Add Log", two=f32(2))
case("mish", """  s = Softplus(x)  t = Tanh(s)  y = Mul(x, t)""", "Mish")
case("mish in all its pieces", """  e = Exp(x)  a = Add(one, e)  s = Log(a)  t = Tanh(s)  y = Mul(t, x)""",
     "Mish", one=f32(1))
case("leaky relu", """  a = Mul(x, k)  y = Max(x, a)""", "LeakyRelu", k=f32(0.3))
case("leaky relu with a slope over 1", """  a = Mul(x, k)  y = Max(x, a)""", "Mul Max", k=f32(1.5))
case("prelu of Keras", """  p = Relu(x)  n = Neg(x)  r = Relu(n)  m = Mul(s, r)  y = Add(p, m)""",
     "PRelu", s=draw(3, 1))
case("prelu by a difference", """  p = Relu(x)  n = Neg(x)  r = Relu(n)  m = Mul(r, s)  y = Sub(p, m)""",
     "PRelu", s=draw(4))
case("leaky relu by two", """  p = Relu(x)  n = Neg(x)  r = Relu(n)  m = Mul(r, s)  y = Sub(p, m)""",
     "LeakyRelu", s=f32(0.1))
case("relu by max", "  y = Max(x, z)", "Relu", z=f32(0))
case("clip by max and min", "  a = Max(x, l)  y = Min(a, h)", "Clip", l=f32(-0.5), h=f32(0.75))
case("clip by min and max", "  a = Min(h, x)  y = Max(a, l)", "Clip", l=f32(-0.5), h=f32(0.75))
case("relu6", "  a = Relu(x)  y = Min(a, h)", "Clip", h=f32(6))
case("bounds that cross", "  a = Max(x, h)  y = Min(a, l)", "Clip Clip", l=f32(-0.5), h=f32(0.75))
case("a bound for each element", "  y = Max(x, l)", "Max", l=draw(4))

# Normalizations ----------------------------------------------------------------------------------

NORM = {"two": f32(2), "eps": f32(1e-5), "one": f32(1), "w": draw(4, seed=1, positive=True), "b": draw(4, seed=2)}
LAYER = """  m = ReduceMean <axes = [-1]> (x)  d = Sub(x, m)  q = Pow(d, two)  v = ReduceMean <axes = [-1]> (q)
  a = Add(v, eps)  s = Sqrt(a)  n = Div(d, s)"""
case("layer norm (PyTorch)", LAYER + "  f = Mul(n, w)  y = Add(f, b)", "LayerNormalization", **NORM)
case("layer norm without scale", LAYER.replace("n =", "y ="), "LayerNormalization", **NORM)
case("layer norm without bias", LAYER + "  y = Mul(w, n)", "LayerNormalization", **NORM)
case("layer norm, two differences", """  m = ReduceMean <axes = [-1]> (x)  d = Sub(x, m)  d2 = Sub(x, m)
  q = Mul(d2, d2)  v = ReduceMean <axes = [2]> (q)  a = Add(eps, v)  s = Sqrt(a)  n = Div(d, s)  f = Mul(n, w)
  y = Add(f, b)""", "LayerNormalization", **NORM)
case("layer norm by a reciprocal", """  m = ReduceMean <axes = [-1]> (x)  d = Sub(x, m)  q = Mul(d, d)
  v = ReduceMean <axes = [-1]> (q)  a = Add(v, eps)  s = Sqrt(a)  r = Reciprocal(s)  n = Mul(d, r)  f = Mul(n, w)
  y = Add(f, b)""", "LayerNormalization", **NORM)
case("layer norm of Keras", """  m = ReduceMean <axes = [2]> (x)  d = Sub(x, m)  q = Mul(d, d)
  v = ReduceMean <axes = [2]> (q)  a = Add(v, eps)  s = Sqrt(a)  r = Reciprocal(s)  f = Mul(r, w)  t = Mul(x, f)
  u = Mul(m, f)  e = Sub(b, u)  y = Add(t, e)""", "LayerNormalization", **NORM)
case("layer norm over two axes", """  m = ReduceMean <axes = [1, 2]> (x)  d = Sub(x, m)  q = Pow(d, two)
  v = ReduceMean <axes = [1, 2]> (q)  a = Add(v, eps)  s = Sqrt(a)  n = Div(d, s)  f = Mul(n, w2)  y = Add(f, b2)""",
     "LayerNormalization", **NORM, w2=draw(3, 4), b2=draw(3, 4, seed=3))
case("layer norm over a middle axis", LAYER.replace("[-1]", "[1]").replace("n =", "y ="),
     "ReduceMean Sub Pow ReduceMean Add Sqrt Div", **NORM)
case("layer norm over two different axes", LAYER.replace("v = ReduceMean <axes = [-1]>", "v = ReduceMean <axes = [1]>")
     .replace("n =", "y ="), "ReduceMean Sub Pow ReduceMean Add Sqrt Div", **NORM)
case("layer norm whose variance is read", LAYER.replace("n =", "y ="), "ReduceMean Sub Pow ReduceMean Add Sqrt Div",
     outputs=", float[2,3,1] v", **NORM)
case("layer norm of a cube", LAYER.replace("n =", "y ="), "ReduceMean Sub Pow ReduceMean Add Sqrt Div",
     **{**NORM, "two": f32(4)})
case("layer norm with a computed scale", LAYER + """  g = ReduceMax <axes = [0, 1], keepdims = 0> (x)  y = Mul(n, g)""",
     "LayerNormalization ReduceMax Mul", **NORM)

RMS = """  q = Pow(x, two)  v = ReduceMean <axes = [-1]> (q)  a = Add(v, eps)  s = Sqrt(a)"""
case("rms norm (PyTorch)", RMS + "  r = Div(one, s)  n = Mul(x, r)  y = Mul(w, n)", "RMSNormalization", **NORM)
case("rms norm by a quotient", RMS + "  n = Div(x, s)  y = Mul(n, w)", "RMSNormalization", **NORM)
case("rms norm with the scale inside", RMS + "  r = Reciprocal(s)  f = Mul(r, w)  y = Mul(x, f)", "RMSNormalization",
     **NORM)
case("rms norm of another value", RMS + "  n = Neg(x)  y = Div(n, s)", "Pow ReduceMean Add Sqrt Neg Div",
     **NORM)

IMAGE = {"x": "2,6,5,4", "eps": f32(1e-5), "two": f32(2)}
CHANNELS = {"w": draw(6, 1, 1, seed=1), "b": draw(6, 1, 1, seed=2)}
case("instance norm of TensorFlow", LAYER.replace("[-1]", "[2, 3]") + "  f = Mul(n, w)  y = Add(f, b)",
     "InstanceNormalization", **IMAGE, **CHANNELS)
case("group norm (PyTorch)", """  r = Reshape(x, groups)  i = InstanceNormalization(r, ones, zeros)
  sh = Shape(x)  n = Reshape(i, sh)  f = Mul(n, w)  y = Add(f, b)""", "GroupNormalization", x="2,6,5,4",
     groups=np.array([0, 3, -1]), ones=np.ones(3, np.float32), zeros=np.zeros(3, np.float32), **CHANNELS)
case("group norm with scales of groups", """  r = Reshape(x, groups)  i = InstanceNormalization(r, ones, zeros)
  sh = Shape(x)  y = Reshape(i, sh)""", "Reshape InstanceNormalization Reshape", x="2,6,5,4",
     groups=np.array([0, 3, -1]), ones=draw(3), zeros=np.zeros(3, np.float32))

# Convolutions and layouts ------------------------------------------------------------------------

case("scaled and shifted convolution", """  c = Conv(x, k)  m = Mul(c, w)  y = Add(m, b)""", "Conv", x="2,3,5,4",
     y="2,6,5,4", k=draw(6, 3, 1, 1), **CHANNELS)
case("shifted, scaled, shifted", """  c = Conv <pads = [1, 1, 1, 1]> (x, k, v)  m = Mul(w, c)  y = Add(b, m)""",
     "Conv", x="2,3,5,4", y="2,6,5,4", k=draw(6, 3, 3, 3), v=draw(6), **CHANNELS)
case("scaled product", """  c = MatMul(x, k)  d = Add(c, v)  m = Mul(d, w)  y = Add(m, b)""", "Gemm", x="2,3",
     y="2,6", k=draw(3, 6), v=draw(6), w=draw(6, seed=1), b=draw(6, seed=2))
case("convolution with another reader", """  z = Conv(x, k)  y = Mul(z, w)""", "Conv Mul", x="2,3,5,4", y="2,6,5,4",
     k=draw(6, 3, 1, 1), outputs=", float[2,6,5,4] z", w=draw(6, 1, 1))
case("scaled along the width", """  c = Conv(x, k)  y = Mul(c, w)""", "Conv Mul", x="2,3,5,4", y="2,6,5,4",
     k=draw(6, 3, 1, 1), w=draw(4))

case("conv 1-D of TensorFlow", """  a = Unsqueeze <axes = [1]> (x)  t = Transpose <perm = [0, 3, 1, 2]> (a)
  c = Conv <pads = [0, 1, 0, 1]> (t, k)  u = Transpose <perm = [0, 2, 3, 1]> (c)  s = Squeeze <axes = [1]> (u)
  d = Add(s, b)  y = Relu(d)""", "Transpose Conv Transpose Relu", x="2,9,3", y="2,9,6", k=draw(6, 3, 1, 3), b=draw(6))
case("conv 1-D through Reshape", """  a = Reshape(x, up)  c = Conv <pads = [1, 0, 1, 0], strides = [2, 1]> (a, k, b)
  r = Relu(c)  y = Reshape(r, down)""", "Conv Relu", x="2,3,9", y="2,6,5", k=draw(6, 3, 3, 1), b=draw(6),
     up=np.array([0, 0, 9, 1]), down=np.array([2, 6, 5]))
case("two 1-D convolutions of TensorFlow", """  a = Unsqueeze <axes = [1]> (x)  t = Transpose <perm = [0, 3, 1, 2]> (a)
  c = Conv <pads = [0, 1, 0, 1]> (t, k)  u = Transpose <perm = [0, 2, 3, 1]> (c)  s = Squeeze <axes = [1]> (u)
  d = Add(s, b)  r = Relu(d)  a2 = Unsqueeze <axes = [1]> (r)  t2 = Transpose <perm = [0, 3, 1, 2]> (a2)
  c2 = Conv(t2, k2)  u2 = Transpose <perm = [0, 2, 3, 1]> (c2)  y = Squeeze <axes = [1]> (u2)""",
     "Transpose Conv Relu Conv Transpose", x="2,9,3", y="2,9,5", k=draw(6, 3, 1, 3), b=draw(6), k2=draw(5, 6, 1, 1))
case("conv of rows that are padded", """  a = Unsqueeze <axes = [2]> (x)  c = Conv <pads = [1, 1, 1, 1]> (a, k)
  y = Relu(c)""", "Unsqueeze Conv Relu", x="2,3,9", y="2,6,3,9", k=draw(6, 3, 1, 3)[:, :, :, :])

TO, BACK = "Transpose <perm = [0, 3, 1, 2]>", "Transpose <perm = [0, 2, 3, 1]>"
case("channels last of TensorFlow", f"""  t = {TO} (x)  c = Conv <pads = [1, 1, 1, 1]> (t, k)  u = {BACK} (c)
  a = Add(u, b)  r = Relu(a)  t2 = {TO} (r)  c2 = Conv(t2, k2)  u2 = {BACK} (c2)  s = Add(u2, r)  l = Min(s, six)
  m = ReduceMean <axes = [1, 2], keepdims = 0> (l)  y = MatMul(m, w)""",
     "Transpose Conv Relu Conv Add Clip GlobalAveragePool Flatten MatMul", x="2,5,4,3", y="2,7", k=draw(6, 3, 3, 3),
     b=draw(6), k2=draw(6, 6, 1, 1), six=f32(6), w=draw(6, 7))
case("channels last, joined and padded", f"""  t = {TO} (x)  c = Conv(t, k)  u = {BACK} (c)  c2 = Conv(t, k2)
  u2 = {BACK} (c2)  j = Concat <axis = 3> (u, u2)  e = Pad(j, pads)  t3 = {TO} (e)  c3 = Conv(t3, k3)  y = {BACK} (c3)""",
     "Transpose Conv Conv Concat Pad Conv Transpose", x="2,5,4,3", y="2,5,6,2", k=draw(6, 3, 1, 1), k2=draw(4, 3, 1, 1),
     pads=np.array([0, 0, 1, 0, 0, 0, 2, 0]), k3=draw(2, 10, 1, 2))
case("layer norm of channels last", f"""  c = Conv(x, k)  t = {BACK} (c)
  m = ReduceMean <axes = [-1]> (t)  d = Sub(t, m)  q = Pow(d, two)  v = ReduceMean <axes = [-1]> (q)
  a = Add(v, eps)  s = Sqrt(a)  n = Div(d, s)  f = Mul(n, w)  y = Add(f, b)""", "Conv Transpose LayerNormalization",
     x="2,3,5,4", y="2,5,4,4", k=draw(4, 3, 1, 1), **NORM)
case("mean over space", "  y = ReduceMean <axes = [2, 3]> (x)", "GlobalAveragePool", x="2,3,5,4", y="2,3,1,1")


# Attention ---------------------------------------------------------------------------------------

HEADS = {"x": "2,2,5,8", "quarter": f32(0.25), "four": f32(4), "half": f32(0.5)}
QKV = """  q = Mul(x, a)  k = Add(x, a)  v = Sub(x, a)"""
PIECES = "Mul Add Sub"
HEADS["a"] = draw(8, seed=4)
SCORES = QKV + "  t = Transpose <perm = [0, 1, 3, 2]> (k)"
case("attention", SCORES + "  s = MatMul(q, t)  z = Mul(s, quarter)  p = Softmax(z)  y = MatMul(p, v)", PIECES + " Attention",
     opset=13, passes=FLOAT, **HEADS)
case("attention for integers", SCORES + "  s = MatMul(q, t)  z = Mul(s, quarter)  p = Softmax(z)  y = MatMul(p, v)",
     PIECES + " Transpose MatMul Mul Softmax MatMul", opset=13, **HEADS)
case("attention, there and back", SCORES + "  s = MatMul(q, t)  z = Div(s, four)  p = Softmax(z)  y = MatMul(p, v)",
     PIECES + " Transpose MatMul Mul Softmax MatMul", opset=13, passes=BACK_AND_FORTH, **HEADS)
case("attention with a mask", SCORES + "  s = MatMul(q, t)  z = Div(s, four)  e = Add(m, z)  p = Softmax(e)  y = MatMul(p, v)",
     PIECES + " Attention", opset=13, passes=FLOAT, m=draw(1, 1, 5, 5, seed=5), **HEADS)
case("attention with the root of the scale", SCORES + """  b = Mul(q, half)  c = Mul(t, half)  s = MatMul(b, c)
  p = Softmax <axis = 3> (s)  y = MatMul(p, v)""", PIECES + " Attention", opset=13, passes=FLOAT, **HEADS)
case("attention of torch.export", QKV + """  f = Reshape(k, flat)  u = Transpose <perm = [0, 2, 1]> (f)  t = Reshape(u, back)
  b = Mul(q, half)  c = Mul(t, half)  s = MatMul(b, c)  p = Softmax(s)  y = MatMul(p, v)""", PIECES + " Attention",
     opset=13, passes=FLOAT, flat=np.array([-1, 5, 8]), back=np.array([2, 2, 8, 5]), **HEADS)
case("attention without a scale", SCORES + "  s = MatMul(q, t)  p = Softmax(s)  y = MatMul(p, v)", PIECES + " Attention",
     opset=13, passes=FLOAT, **HEADS)
case("attention along the queries", SCORES + "  s = MatMul(q, t)  p = Softmax <axis = 2> (s)  y = MatMul(p, v)",
     PIECES + " Transpose MatMul Softmax MatMul", opset=13, passes=FLOAT, **HEADS)
case("attention with a mask of queries", SCORES + """  s = MatMul(q, t)  e = Add(s, m)  p = Softmax(e)
  y = MatMul(p, v)""", PIECES + " Transpose MatMul Add Softmax MatMul", opset=13, passes=FLOAT, m=draw(5, 1), **HEADS)
case("attention whose scores are read", SCORES + "  z = MatMul(q, t)  p = Softmax(z)  y = MatMul(p, v)",
     PIECES + " Transpose MatMul Softmax MatMul", opset=13, passes=FLOAT, outputs=", float[2,2,5,5] z", **HEADS)


def operations(text):
    """The operations of a graph in the text form."""
    return Counter(re.findall(r"^ +%.* = ([A-Za-z.]+)\(", text, re.MULTILINE))


def problems(made, shape, expected, passes, folder):
    """What is wrong with one model, in sentences."""
    x = np.random.default_rng(7).standard_normal(shape).astype(np.float32) * 3
    path = folder / "model.onnx"
    onnx.checker.check_model(made)
    path.write_bytes(made.SerializeToString())
    wanted = ort.run(made, {"x": x}, optimize=False)
    qat_opt.call(path, "--pass-pipeline", passes, "-o", folder / "found.qir")
    found = operations((folder / "found.qir").read_text())
    if found != expected:
        yield f"{' '.join(sorted(found.elements()))} is left"
    runs = {"qat-opt": qat_opt.run(folder / "found.qir", [x])}
    for name, options in {"exported": [], "opset 13": ["--opset", "13"]}.items():
        out = folder / "out.onnx"
        # No file of opset 13 has Attention; its pieces are asked for by a pass.
        older = "expand-for-integers" if options and "fuse-for-float" in passes else ""
        qat_opt.call(folder / "found.qir", "--pass-pipeline", older, *options, "-o", out)
        onnx.checker.check_model(str(out), full_check=True)
        model = onnx.load(out)
        if options and model.opset_import[0].version > 13:
            yield f"{name}: the file has opset {model.opset_import[0].version}"
        runs[name] = ort.run(model, {"x": x}, optimize=False)
    for name, actual in runs.items():
        for e, a in zip(wanted, actual):
            error = np.abs(e - a).max() / max(1, np.abs(e).max()) if e.shape == a.shape else np.inf
            if not error <= 2e-6:
                yield f"{name}: an error of {error:.1e}"


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--only", help="a part of the case's name")
    options = options.parse_args()
    failed = 0
    for name, (made, shape, expected, passes) in CASES.items():
        if options.only and options.only not in name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                found = list(problems(made, shape, expected, passes, Path(folder)))
            except Exception as failure:  # of any of the three tools
                found = [f"{type(failure).__name__}: {failure}"]
        failed += bool(found)
        print(f"{name}: {'found' if not found else ''}" + "".join(f"\n    {p}" for p in found), flush=True)
    print(f"{failed} of {len(CASES)} forms failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
