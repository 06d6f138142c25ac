"""The integer rules of the numerics contract, written in NumPy alone, and a graph evaluator.

It shares no code with the Swift side and none with ONNX Runtime: three independent computations of
the same codes are compared in `rules.py` and `equality.py`. Everything is float32 unless it says
otherwise; a `rint` is round half to even.

    run_model("model.onnx", {"x": array})  ->  {name: array} of every tensor of the graph
"""

import numpy as np
import onnx
from onnx import numpy_helper

import float_reference

f32 = np.float32


# Numbers ---------------------------------------------------------------------------------------


def fma(a, b, c):
    """a·b + c in float32 with one rounding.

    The product of two float32 is exact in float64. Rounding the float64 sum to *odd* first makes
    the second rounding, to float32, the only one that counts (Boldo and Melquiond 2008).
    """
    p = np.multiply(np.asarray(a, np.float64), np.asarray(b, np.float64))
    p, c = np.broadcast_arrays(p, np.asarray(c, np.float64))
    total = p + c
    high = total - p
    error = (p - (total - high)) + (c - high)  # Knuth's two-sum: exact
    even = (np.ascontiguousarray(total).view(np.int64) & 1) == 0
    toward = np.where(error > 0, np.inf, -np.inf)
    odd = np.where((error != 0) & even, np.nextafter(total, toward), total)
    return odd.astype(f32)


def limits(dtype):
    info = np.iinfo(dtype)
    return int(info.min), int(info.max)


def saturate(v, dtype):
    """`v` holds whole numbers as floats; NaN does not occur."""
    low, high = limits(dtype)
    return np.clip(v, low, high).astype(dtype)


def along(v, rank, axis):
    """A per-channel vector, shaped to broadcast along `axis`; a single value stays a scalar."""
    v = np.asarray(v)
    if v.size == 1:
        return v.reshape(())
    shape = [1] * rank
    shape[axis] = v.size
    return v.reshape(shape)


def blocks(v, x, axis, block_size):
    """Per-group parameters, one a block of `block_size` along `axis`, repeated to the shape of x."""
    return np.take(np.repeat(v, block_size, axis), np.arange(x.shape[axis]), axis)


def spread(v, x, axis, block_size):
    if block_size:
        return blocks(np.asarray(v), x, axis % x.ndim, block_size)
    return along(v, x.ndim, axis % x.ndim if x.ndim else 0)


def quantize(x, scale, zero_point, axis=1, block_size=0):
    """saturate(rint(x / scale) + zero_point); the zero point's type is the grid."""
    x, zero_point = np.asarray(x, f32), np.asarray(zero_point)
    with np.errstate(over="ignore"):
        q = np.rint(x / spread(np.asarray(scale, f32), x, axis, block_size)).astype(np.float64)
    return saturate(q + spread(zero_point, x, axis, block_size), zero_point.dtype)


def dequantize(q, scale, zero_point=None, axis=1, block_size=0):
    """(q - zero_point)·scale"""
    difference = np.asarray(q).astype(np.int64)
    if zero_point is not None:
        difference = difference - spread(zero_point, q, axis, block_size).astype(np.int64)
    return difference.astype(f32) * spread(np.asarray(scale, f32), q, axis, block_size)


def dynamic_quantize(x):
    x = np.asarray(x, f32)
    low = np.minimum(x.min() if x.size else f32(0), f32(0))
    high = np.maximum(x.max() if x.size else f32(0), f32(0))
    scale = f32((high - low) / f32(255)) if high > low else f32(1)
    zero_point = saturate(np.rint(np.clip(-low / scale, 0, 255)), np.uint8)
    return quantize(x, scale, zero_point), scale, zero_point


# Products --------------------------------------------------------------------------------------


def wrap32(v):
    """Accumulators are int32: arithmetic modulo 2^32."""
    return np.asarray(v).astype(np.int64).astype(np.uint64).astype(np.uint32).view(np.int32)


def centred(q, zero_point, axis=0):
    """q - zero_point, in float64: products of these sum exactly up to 2^53."""
    q = np.asarray(q).astype(np.float64)
    return q if zero_point is None else q - along(zero_point, q.ndim, axis).astype(np.float64)


def exact_matmul(a, b):
    """Whole numbers in float64; float32 BLAS where the bound K·max|a|·max|b| < 2^24 allows it."""
    bound = a.shape[-1] * (np.abs(a).max(initial=0)) * (np.abs(b).max(initial=0))
    if bound < 2.0**24:
        return np.matmul(a.astype(f32), b.astype(f32)).astype(np.float64)
    assert bound < 2.0**53
    return np.matmul(a, b)


def accumulate_conv(x, w, x_zero=None, w_zero=None, **attributes):
    """int32 [N, M, ...]: padding holds x's zero point, so it adds nothing."""
    sums = float_reference.conv_sums(
        centred(x, x_zero), centred(w, w_zero), matmul=exact_matmul, **attributes)
    return wrap32(sums)


def accumulate_matmul(a, b, a_zero=None, b_zero=None):
    a_zero = None if a_zero is None else np.asarray(a_zero)
    b_zero = None if b_zero is None else np.asarray(b_zero)
    # A vector of zero points goes by row of A, by column of B; a full shape broadcasts as it is.
    if a_zero is not None and a_zero.ndim == 1 and a_zero.size > 1:
        a_zero = a_zero[:, None]
    x, w = np.asarray(a).astype(np.float64), np.asarray(b).astype(np.float64)
    x = x if a_zero is None else x - (a_zero.reshape(()) if a_zero.size == 1 else a_zero)
    w = w if b_zero is None else w - (b_zero.reshape(()) if b_zero.size == 1 else b_zero)
    return wrap32(exact_matmul(x, w))


def requantize(acc, multiplier, zero_point):
    """rint(f32(acc)·m) + zp"""
    product = np.rint(np.asarray(acc).astype(f32) * np.asarray(multiplier, f32))
    return saturate(product.astype(np.float64) + np.asarray(zero_point), np.asarray(zero_point).dtype)


def qlinear_conv(x, sx, zx, w, sw, zw, sy, zy, bias=None, **attributes):
    acc = accumulate_conv(x, w, zx, zw, **attributes)
    if bias is not None:
        acc = wrap32(acc.astype(np.int64) + along(bias.astype(np.int64), acc.ndim, 1))
    m = (f32(sx.reshape(())) * sw.astype(f32)) / f32(sy.reshape(()))
    return requantize(acc, along(m, acc.ndim, 1), zy.reshape(()))


def qlinear_matmul(a, sa, za, b, sb, zb, sy, zy):
    acc = accumulate_matmul(a, b, za, zb)
    m = (sa.astype(f32) * sb.astype(f32)) / sy.astype(f32)
    m = m.reshape(()) if m.size == 1 else m
    return requantize(acc, m, zy.reshape(()) if zy.size == 1 else zy)


def qgemm(a, sa, za, b, sb, zb, c=None, sy=None, zy=None, alpha=1.0, transA=0, transB=0):
    acc = accumulate_matmul(a.T if transA else a, b.T if transB else b,
                            za, zb if zb.size == 1 else zb.reshape(1, -1))
    if c is not None:
        acc = wrap32(acc.astype(np.int64) + c.astype(np.int64))
    m = (f32(alpha) * f32(sa.reshape(()))) * sb.astype(f32)
    m = m.reshape(()) if m.size == 1 else m
    if sy is None:
        return acc.astype(f32) * m
    return requantize(acc, m / f32(sy.reshape(())), zy.reshape(()))


# Element-wise, pooling, tables -----------------------------------------------------------------


def scalar(v):
    return np.asarray(v).reshape(())


def qlinear_add(a, sa, za, b, sb, zb, sc, zc):
    sa, sb, sc = (f32(scalar(v)) for v in (sa, sb, sc))
    ra, rb = sa / sc, sb / sc
    inner = fma(ra, f32(scalar(za)), rb * f32(scalar(zb)))
    offset = f32(scalar(zc)) - inner
    a, b = np.broadcast_arrays(np.asarray(a).astype(f32), np.asarray(b).astype(f32))
    return saturate(np.rint(fma(a, ra, fma(b, rb, offset))), np.asarray(zc).dtype)


def qlinear_mul(a, sa, za, b, sb, zb, sc, zc):
    product = centred(a, scalar(za)) * centred(b, scalar(zb))
    m = (f32(scalar(sa)) * f32(scalar(sb))) / f32(scalar(sc))
    return saturate(np.rint(product.astype(f32) * m + f32(scalar(zc))), np.asarray(zc).dtype)


def qlinear_average_pool(x, sx, zx, sy, zy, **attributes):
    """Dequantize, add in window order in float32, divide by n, rint(v / sy + zy)."""
    v = float_reference.average_pool(dequantize(x, scalar(sx), scalar(zx)), **attributes)
    return saturate(np.rint(v / f32(scalar(sy)) + f32(scalar(zy))), np.asarray(zy).dtype)


def qlinear_global_average_pool(x, sx, zx, sy, zy, channels_last=0):
    axes = tuple(range(1, x.ndim - 1)) if channels_last else tuple(range(2, x.ndim))
    count = int(np.prod([x.shape[i] for i in axes]))
    acc = centred(x, scalar(zx)).sum(axes, keepdims=True)
    m = f32(scalar(sx)) / (f32(scalar(sy)) * f32(count))
    v = np.rint(acc.astype(f32) * m).astype(np.float64) + float(scalar(zy))
    return saturate(v, np.asarray(zy).dtype)


def table(f, sx, zx, sy, zy):
    """All 256 codes: dequantize, f, divide, rint, + zp. Indexed by code - lowest code."""
    low, high = limits(np.asarray(zx).dtype)
    codes = np.arange(low, high + 1)
    return quantize(f(dequantize(codes, scalar(sx), scalar(zx))), scalar(sy), scalar(zy))


def look_up(x, entries):
    return entries[x.astype(np.int64) - limits(x.dtype)[0]]


def logistic(x):
    """The rational approximation ONNX Runtime uses (Eigen's): odd/even polynomials in x, by fma."""
    x = np.clip(np.asarray(x, f32), f32(-18), f32(18))
    s = x * x
    odd = [4.37031012579801e-11, 1.15627324459942e-07, 6.08574864600143e-05,
           8.51377133304701e-03, 2.48287947061529e-01]
    even = [6.10247389755681e-13, 5.76102136993427e-09, 6.29106785017040e-06,
            1.70198817374094e-03, 1.16817656904453e-01, 9.93151921023180e-01]

    def polynomial(coefficients):
        value = np.full_like(s, f32(coefficients[0]))
        for c in coefficients[1:]:
            value = fma(value, s, f32(c))
        return value

    return np.clip((polynomial(odd) * x) / polynomial(even) + f32(0.5), f32(0), f32(1))


def qlinear_sigmoid(x, sx, zx, sy, zy):
    return look_up(x, table(logistic, sx, zx, sy, zy))


def qlinear_leaky_relu(x, sx, zx, sy, zy, alpha=0.01):
    return look_up(x, table(lambda v: np.where(v >= 0, v, f32(alpha) * v), sx, zx, sy, zy))


def qlinear_concat(sy, zy, *triples, axis):
    parts = []
    for x, sx, zx in zip(triples[0::3], triples[1::3], triples[2::3]):
        same = scalar(sx) == scalar(sy) and scalar(zx) == scalar(zy)
        parts.append(x if same else look_up(x, table(lambda v: v, sx, zx, sy, zy)))
    return np.concatenate(parts, axis)


def qlinear_softmax(x, sx, zx, sy, zy, axis=None, opset=13):
    """A table of exponentials, shifted so that the row's largest code is the table's last one.

    The table is lifted by `shift` steps so that a row's sum stays within float32 (5 e-folds of
    room); the scale enters as floor(1 / sy).
    """
    axis = (1 if opset < 13 else -1) if axis is None else axis
    shape = x.shape
    if opset < 13:
        axis %= x.ndim
        rows = x.reshape(int(np.prod(shape[:axis])), -1)
    else:
        rows = np.moveaxis(x, axis, -1)
        moved = rows.shape
        rows = rows.reshape(-1, shape[axis])
    length = rows.shape[-1]
    step = float(f32(scalar(sx)))
    bits = float(np.log(f32(np.finfo(f32).max) / f32(length)))
    shift = max(0.0, bits - 5) / step
    exponentials = np.exp((np.arange(256) - 255 + shift) * step).astype(f32)
    codes = rows.astype(np.int64) - limits(x.dtype)[0]
    values = exponentials[codes + 255 - codes.max(-1, keepdims=True)]
    total = np.cumsum(values, axis=-1, dtype=f32)[:, -1:]  # in order, as the runtime adds
    inverse = np.floor(f32(1) / f32(scalar(sy)))
    v = np.rint((values * inverse) / total).astype(np.int64) + int(scalar(zy))
    out = saturate(v, np.asarray(zy).dtype)
    if opset < 13:
        return out.reshape(shape)
    return np.moveaxis(out.reshape(moved), -1, axis)


# Graphs ----------------------------------------------------------------------------------------

WITH_ONE_RESULT = {
    "QLinearConv": qlinear_conv,
    "QLinearMatMul": qlinear_matmul,
    "QGemm": qgemm,
    "ConvInteger": accumulate_conv,
    "MatMulInteger": accumulate_matmul,
    "QLinearAdd": qlinear_add,
    "QLinearMul": qlinear_mul,
    "QLinearAveragePool": qlinear_average_pool,
    "QLinearGlobalAveragePool": qlinear_global_average_pool,
    "QLinearConcat": qlinear_concat,
    "QLinearSigmoid": qlinear_sigmoid,
    "QLinearLeakyRelu": qlinear_leaky_relu,
    "QLinearSoftmax": qlinear_softmax,
}


def attributes_of(node):
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def run_node(node, values, opset):
    operands = [None if name == "" else values[name] for name in node.input]
    attributes = attributes_of(node)
    if node.op_type in WITH_ONE_RESULT:
        for key, value in list(attributes.items()):
            if isinstance(value, bytes):
                attributes[key] = value.decode()
        return [WITH_ONE_RESULT[node.op_type](*operands, **attributes)]
    if node.op_type == "QuantizeLinear":
        x, scale, *rest = operands
        zero_point = rest[0] if rest and rest[0] is not None else np.zeros(scale.shape, np.uint8)
        return [quantize(x, scale, zero_point, attributes.get("axis", 1),
                         attributes.get("block_size", 0))]
    if node.op_type == "DequantizeLinear":
        return [dequantize(*operands, axis=attributes.get("axis", 1),
                           block_size=attributes.get("block_size", 0))]
    if node.op_type == "DynamicQuantizeLinear":
        return list(dynamic_quantize(operands[0]))
    return float_reference.run_node(node, operands, attributes, opset)


def run_model(path, feeds):
    """Every tensor of the graph by name: feeds, initializers and all results."""
    model = path if isinstance(path, onnx.ModelProto) else onnx.load(path)
    opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    values = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    values.update(feeds)
    for node in model.graph.node:
        for name, value in zip(node.output, run_node(node, values, opset)):
            if name:
                values[name] = np.asarray(value)
    return values
