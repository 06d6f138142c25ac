"""Random models of the operations between element types and on codes, for `op_tests.py`: Cast between
all types, quantizers with all codes and scales, integer products with zero points of all shapes.

Types that NumPy has not stand as initializers, and results of them are cast to f32, which is exact.
"""

import ml_dtypes
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from op_cases import F32, Case, one, typed

INTEGERS = [np.dtype(t) for t in (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64,
                                  np.uint64)]
NIBBLES = [np.dtype(getattr(ml_dtypes, n)) for n in ("int4", "uint4", "int2", "uint2")]
FLOAT8 = [np.dtype(getattr(ml_dtypes, n)) for n in ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2",
                                                    "float8_e5m2fnuz")]
TINY = [np.dtype(getattr(ml_dtypes, n)) for n in ("float4_e2m1fn", "float6_e2m3fn", "float6_e3m2fn")]
POWER = np.dtype(ml_dtypes.float8_e8m0fnu)
HALVES = [np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)]
FLOATS = [np.dtype(F32), np.dtype(np.float64), *HALVES]
ALL = [*FLOATS, *INTEGERS, *NIBBLES, *FLOAT8, *TINY, POWER, np.dtype(bool)]
NUMPY = {*INTEGERS, np.dtype(F32), np.dtype(np.float64), np.dtype(np.float16), np.dtype(bool)}


def number(dtype):
    return helper.np_dtype_to_tensor_dtype(dtype)


def limits(dtype):
    info = ml_dtypes.iinfo(dtype) if dtype in NIBBLES else np.iinfo(dtype)
    return int(info.min), int(info.max)


def opset_of(*dtypes):
    """The first opset in which the types exist, as the runtime takes them."""
    needed = 13
    for group, version in ((FLOAT8, 19), (NIBBLES[:2], 21), (TINY[:1], 23), ([POWER], 24),
                           (NIBBLES[2:], 25), (TINY[1:], 28)):
        if any(t in group for t in dtypes):
            needed = max(needed, version)
    return needed


def graph(op, tensors, attributes, result, opset, domain="", note=""):
    """A model of one node whose operands (name, array) are initializers but for f32 ones; a result
    that NumPy lacks is cast to f32."""
    feeds, initializers = {}, []
    for name, value in tensors.items():
        if value is None:
            continue
        if value.dtype == F32 and value.ndim and name in ("x", "a"):
            feeds[name] = value
        else:
            initializers.append(numpy_helper.from_array(value, name))
    names = [n if v is not None else "" for n, v in tensors.items()]
    while names[-1] == "":
        names.pop()
    exotic = result not in NUMPY
    nodes = [helper.make_node(op, names, ["codes" if exotic else "y"], domain=domain, name=f"the_{op}",
                              **{k: v for k, v in attributes.items() if v is not None})]
    if exotic:
        nodes.append(helper.make_node("Cast", ["codes"], ["y"], to=TensorProto.FLOAT))
    made = helper.make_graph(nodes, "case", [typed(n, v) for n, v in feeds.items()],
                             [helper.make_empty_tensor_value_info("y")], initializers)
    domains = [helper.make_opsetid("", opset)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    model = helper.make_model(made, opset_imports=domains, ir_version=14 if opset > 26 else 11)
    return Case(op, model, feeds, rtol=0, atol=0, note=note)


# Casts -----------------------------------------------------------------------------------------

SPECIAL = np.array([0, -0.0, np.inf, -np.inf, np.nan, 448, 464, 465, 479, 57344, 61440, 240, 248, 7.5, 6,
                    7, 28, 30, -8, 1e-7, 2.0**-17, 2.0**-10, 3.4e38, 0.0625, 0.03125], F32)


def values_for(d, source, target, shape):
    """Numbers that both types hold well enough for the result to be defined."""
    if source == bool:
        return d.values(shape, bool)
    low, high = -400.0, 400.0
    for dtype in (source, target):
        if dtype in INTEGERS or dtype in NIBBLES:
            l, h = limits(dtype)
            low, high = max(low, l), min(high, h - h // 16)  # an 8-bit float may round up
    if source in FLOAT8 and target not in FLOATS:
        low, high = max(low, -200.0), min(high, 200.0)  # some have no infinity
    if POWER in (source, target) or target == bool:
        low, high = 0.25, high / 2
    x = d.random.uniform(low, max(high, low), shape)
    if source in INTEGERS or source in NIBBLES:
        return np.rint(x).astype(source)
    x = x.astype(F32)
    if target in NIBBLES:  # the runtime rounds where ONNX truncates
        x = np.trunc(x)
    floating = all(t in FLOATS or t in FLOAT8 or t in TINY for t in (source, target))
    if floating and d.pick(0, 1) and target not in TINY and source not in TINY:
        flat = x.reshape(-1)
        flat[: min(flat.size, 25)] = d.random.permutation(SPECIAL)[: flat.size]
    return x.astype(source)


def cast_types(d):
    source, target = d.pick(*ALL), d.pick(*ALL)
    x = values_for(d, source, target, d.shape(1, 3))
    saturate = d.pick(None, None, 0) if target in FLOAT8 else None
    mode = d.pick(None, "up", "down", "nearest") if target == POWER else None
    opset = max(opset_of(source, target), 19 if saturate is not None else 0)
    return graph("Cast", {"x": x}, {"to": number(target), "saturate": saturate, "round_mode": mode},
                 target, opset)


def cast_like(d):
    source, target = d.pick(*ALL), d.pick(*ALL)
    x = values_for(d, source, target, d.shape(1, 3))
    return graph("CastLike", {"x": x, "like": np.zeros([2], F32).astype(target)},
                 {"saturate": 1 if target in FLOAT8 else None}, target,
                 max(15, opset_of(source, target)))


# Quantizers ------------------------------------------------------------------------------------


def parameters(d, shape):
    """Attributes and the shape of the scale."""
    kind = d.pick("tensor", "axis", "block")
    if kind == "tensor":
        return {}, []
    axis = int(d.random.integers(-len(shape), len(shape)))
    if kind == "axis":
        return {"axis": axis}, [shape[axis]]
    block = d.pick(1, 2, 3, shape[axis])
    groups = list(shape)
    groups[axis] = -(-shape[axis] // block)
    return {"axis": axis, "block_size": block}, groups


def scales(d, shape, dtype):
    if dtype == POWER:
        return (2.0 ** d.random.integers(-3, 4, shape)).astype(F32).astype(POWER)
    tie_rich = d.pick(True, False)
    s = 2.0 ** d.random.integers(-3, 3, shape) if tie_rich else d.random.uniform(0.01, 2, shape)
    return np.asarray(s, F32).astype(dtype)


CODES = [*INTEGERS[:4], *NIBBLES, *FLOAT8, *TINY]


def quantizer_case(d, with_power):
    target = d.pick(*CODES)
    shape = d.shape(2, 3)
    attributes, groups = parameters(d, shape)
    scale_type = d.pick(np.dtype(F32), np.dtype(F32), *HALVES, *([POWER] if with_power else []))
    zero = None
    if target in INTEGERS or target in NIBBLES:
        low, high = limits(target)
        zero = d.random.integers(low, high + 1, groups).astype(target)
    elif d.pick(0, 1):
        zero = np.zeros(groups, F32).astype(target)
    opset = max(opset_of(target), 21 if "block_size" in attributes or target in INTEGERS[2:4] else 19)
    return target, shape, attributes, scale_type, scales(d, groups, scale_type), zero, opset


def quantize(d):
    target, shape, attributes, scale_type, scale, zero, opset = quantizer_case(d, True)
    x = d.values(shape, F32, d.pick(1, 20, 300))
    if scale_type in HALVES:
        x = x.astype(scale_type)
    if scale_type == POWER:
        opset = max(opset, 24)
    if zero is None:
        attributes["output_dtype"] = number(target)
        opset = max(opset, 21)
    if target in FLOAT8:
        attributes["saturate"] = d.pick(None, 0)
    # What the runtime does whatever the types; ONNX's reference divides in the type of the scale.
    if scale_type in HALVES and (opset >= 23 or scale_type != np.float16 or target in TINY):
        attributes["precision"] = TensorProto.FLOAT
        opset = max(opset, 23)
    return graph("QuantizeLinear", {"x": x, "s": scale, "z": zero}, attributes, target, opset)


def dequantize(d):
    source, shape, attributes, scale_type, scale, zero, opset = quantizer_case(d, True)
    if source in INTEGERS or source in NIBBLES:
        low, high = limits(source)
        x = d.random.integers(low, high + 1, shape).astype(source)
    else:
        x = d.values(shape, F32, 3).astype(source)
    result = scale_type
    if scale_type == POWER or d.pick(0, 0, 1):
        result = d.pick(np.dtype(F32), np.dtype(np.float16))
        attributes["output_dtype"] = number(result)
        opset = max(opset, 24 if scale_type == POWER else 23)
    return graph("DequantizeLinear", {"x": x, "s": scale, "z": zero}, attributes, result, opset)


# Products of codes -----------------------------------------------------------------------------


def matrices(d):
    m, k, n = (int(v) for v in d.random.integers(1, 20, 3))
    return d.pick(([m, k], [k, n]), ([m, k], [k, n]), ([3, m, k], [k, n]), ([2, m, k], [2, k, n]),
                  ([k], [k, n]), ([m, k], [k]))


def codes(d, shape, dtype):
    low, high = limits(np.dtype(dtype))
    return d.random.integers(low, high + 1, shape).astype(dtype)


def columns(d, b, stacked=True):
    """The shape of parameters of a second operand. One list for a stack of matrices ONNX Runtime (1.31)
    multiplies with after adding the bias, where there is one: `stacked` allows it."""
    if len(b) < 2:
        return []
    return d.pick([], [b[-1]] if stacked or len(b) == 2 else [], [*b[:-2], 1, b[-1]])


def rows(d, a):
    return d.pick([], [a[-2]], [*a[:-2], a[-2], 1]) if len(a) > 1 else []


def matmul_integer(d):
    a, b = matrices(d)
    at, bt = d.pick(np.uint8, np.int8), d.pick(np.uint8, np.int8)
    za = d.pick(None, codes(d, d.pick([], rows(d, a)), at))
    zb = d.pick(None, codes(d, columns(d, b), bt))
    return one("MatMulInteger", [codes(d, a, at), codes(d, b, bt), za, zb], constants=d.pick((), (1, 3)),
               opset=d.pick(10, 21), rtol=0, atol=0)


def matmul_to_float(d):
    a, b = matrices(d)
    while len(a) < 2 or len(b) < 2:  # the runtime takes no vectors here
        a, b = matrices(d)
    at, bt = d.pick((np.uint8, np.int8), (np.uint8, np.uint8), (np.int8, np.int8))
    of_b = columns(d, b, stacked=False)
    half = d.pick(F32, F32, np.float16)
    bias = d.pick(None, d.values([b[-1]]).astype(half))
    return one("MatMulIntegerToFloat", [
        codes(d, a, at), codes(d, b, bt), np.array(d.random.uniform(0.01, 1), half),
        d.random.uniform(0.01, 1, of_b).astype(half), d.pick(None, codes(d, [], at)),
        d.pick(None, codes(d, of_b, bt)), bias], constants=d.pick((1, 3, 5, 6), ()),
        domain="com.microsoft", rtol=0 if half == F32 else 1e-3, atol=0 if half == F32 else 1e-3)


def dynamic_matmul(d):
    a, b = matrices(d)
    while len(a) < 2 or len(b) < 2:
        a, b = matrices(d)
    bt, of_b = d.pick(np.uint8, np.int8), columns(d, b, stacked=False)
    return one("DynamicQuantizeMatMul", [
        d.values(a), codes(d, b, bt), d.random.uniform(0.01, 1, of_b).astype(F32),
        d.pick(None, codes(d, of_b, bt)), d.pick(None, d.values([b[-1]]))],
        constants=d.pick((1, 2, 3, 4), ()), domain="com.microsoft", rtol=0, atol=0)


def qlinear_matmul(d):
    """Types, parameters a row and a column, scales of 16 bits: what `rules.py` leaves out."""
    a, b = matrices(d)
    at, bt, yt = d.pick((np.uint8, np.int8, np.uint8), (np.uint8, np.uint8, np.uint8),
                        (np.int8, np.int8, np.int8))
    half = d.pick(F32, F32, np.float16)
    of_b = columns(d, b)
    scale = lambda shape: d.random.uniform(0.01, 0.1, shape).astype(half)
    return one("QLinearMatMul", [
        codes(d, a, at), scale(()), codes(d, [], at), codes(d, b, bt), scale(of_b), codes(d, of_b, bt),
        (scale(()) * half(20)).astype(half), codes(d, [], yt)], constants=d.pick((), (1, 2, 3, 4, 5, 6, 7)),
        opset=21, rtol=0, atol=0)


def conv_integer(d):
    c, m, group = d.pick(1, 2, 4), d.pick(2, 4), d.pick(1, 1, 2)
    if c % group:
        group = 1
    xt, wt = np.uint8, d.pick(np.uint8, np.int8)
    return one("ConvInteger", [
        codes(d, [2, c, 7, 6], xt), codes(d, [m, c // group, 3, 2], wt), d.pick(None, codes(d, [], xt)),
        d.pick(None, codes(d, [], wt))],
        {"group": group, "pads": d.pick(None, [1, 0, 1, 2]), "strides": d.pick(None, [2, 1]),
         "dilations": d.pick(None, [1, 2])}, constants=d.pick((1, 3), ()), rtol=0, atol=0)


def matmul_groups(d):
    """MatMulNBits whose blocks' parameters go to other columns of A, and in 16 bits."""
    # With `g_idx` the runtime takes no heed of zero points (1.31).
    bits, block = d.pick(4, 4, 8), d.pick(16, 32)
    k, n = block * d.pick(1, 2, 3), int(d.random.integers(1, 20))
    blocks = k // block
    half = d.pick(F32, F32, np.float16)
    groups = d.pick(None, d.random.integers(0, blocks, k).astype(np.int32)) if half == F32 and bits == 4 else None
    packed = d.random.integers(0, 256, (n, blocks, block * bits // 8)).astype(np.uint8)
    zeros = d.pick(None, d.random.integers(0, 256, (n, -(-blocks * bits // 8))).astype(np.uint8))
    zeros = None if groups is not None else zeros
    return one("MatMulNBits", [d.values([3, k]).astype(half), packed, d.positive([n, blocks]).astype(half),
                               zeros, groups],
               {"K": k, "N": n, "bits": bits, "block_size": block}, constants=(1, 2, 3, 4),
               domain="com.microsoft", scaled=True, **({} if half == F32 else dict(rtol=2e-3, atol=2e-3)))


OPS = {
    "Cast:types": cast_types,
    "CastLike": cast_like,
    "QuantizeLinear:types": quantize,
    "DequantizeLinear:types": dequantize,
    "MatMulInteger": matmul_integer,
    "MatMulIntegerToFloat": matmul_to_float,
    "DynamicQuantizeMatMul": dynamic_matmul,
    "QLinearMatMul:types": qlinear_matmul,
    "ConvInteger": conv_integer,
    "MatMulNBits:groups": matmul_groups,
}
