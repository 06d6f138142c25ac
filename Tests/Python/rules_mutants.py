"""Shows that the fixtures of `rules.py` can tell a rule from its plausible neighbours.

Each mutant replaces one formula of `qat_reference` by a wrong one; a mutant that makes no
difference on the fixtures means that they are too poor, and fails.
"""

import sys

import numpy as np

import qat_reference as reference
import rules

f32 = np.float32


def rounding_after_zero_point(acc, m, zp):
    v = np.rint(np.asarray(acc).astype(f32) * np.asarray(m, f32) + np.asarray(zp).astype(f32))
    return reference.saturate(v, np.asarray(zp).dtype)


def rounding_up_at_ties(acc, m, zp):
    v = np.floor(np.asarray(acc).astype(f32) * np.asarray(m, f32) + f32(0.5)).astype(np.float64)
    return reference.saturate(v + zp, np.asarray(zp).dtype)


def by_reciprocal(x, scale, zero_point, axis=1, block_size=0):
    x, zero_point = np.asarray(x, f32), np.asarray(zero_point)
    inverse = f32(1) / reference.spread(np.asarray(scale, f32), x, axis, block_size)
    with np.errstate(over="ignore"):
        q = np.rint(x * inverse).astype(np.float64)
    return reference.saturate(q + reference.spread(zero_point, x, axis, block_size),
                              zero_point.dtype)


def multiplier_from_the_right(x, sx, zx, w, sw, zw, sy, zy, bias=None, **attributes):
    ratio = np.asarray(sw / sy, f32)
    return reference_conv(x, sx, zx, w, ratio, zw, np.array(1, f32), zy, bias, **attributes)


def unfused(a, b, c):
    return np.asarray(np.asarray(a, f32) * np.asarray(b, f32) + np.asarray(c, f32), f32)


def multiply_rounding_first(a, sa, za, b, sb, zb, sc, zc):
    product = reference.centred(a, reference.scalar(za)) * reference.centred(b, reference.scalar(zb))
    m = (f32(sa.reshape(())) * f32(sb.reshape(()))) / f32(sc.reshape(()))
    return reference.requantize(product, m, zc.reshape(()))


def pool_rounding_first(x, sx, zx, sy, zy, **attributes):
    v = reference.float_reference.average_pool(
        reference.dequantize(x, sx.reshape(()), zx.reshape(())), **attributes)
    q = np.rint(v / f32(sy.reshape(()))).astype(np.float64) + float(zy.reshape(()))
    return reference.saturate(q, zy.dtype)


def global_pool_dividing(x, sx, zx, sy, zy, channels_last=0):
    axes = tuple(range(2, x.ndim))
    mean = reference.centred(x, zx.reshape(())).mean(axes, keepdims=True).astype(f32)
    return reference.quantize(mean * f32(sx.reshape(())), sy.reshape(()), zy.reshape(()))


reference_matmul = reference.qlinear_matmul
reference_conv = reference.qlinear_conv
TABLE = reference.WITH_ONE_RESULT

def matmul_from_the_right(a, sa, za, b, sb, zb, sy, zy):
    return reference_matmul(a, sa, za, b, np.asarray(sb / sy, f32), zb, np.array(1, f32), zy)


# (name, rule, the function of `qat_reference` it replaces, or None for the op itself, wrong form)
MUTANTS = [
    ("rint(v + zp)", "QLinearConv", "requantize", rounding_after_zero_point),
    ("ties upward", "QLinearConv", "requantize", rounding_up_at_ties),
    ("s_x·(s_w/s_y)", "QLinearConv", None, multiplier_from_the_right),
    ("rint(v + zp)", "QLinearMatMul", "requantize", rounding_after_zero_point),
    ("s_x·(s_w/s_y)", "QLinearMatMul", None, matmul_from_the_right),
    ("rint(v + zp)", "QGemm", "requantize", rounding_after_zero_point),
    ("x·(1/s)", "QuantizeLinear", "quantize", by_reciprocal),
    ("no fma", "QLinearAdd", "fma", unfused),
    ("rint(v) + zp", "QLinearMul", None, multiply_rounding_first),
    ("rint(v) + zp", "QLinearAveragePool", None, pool_rounding_first),
    ("divide by n, then quantize", "QLinearGlobalAveragePool", None, global_pool_dividing),
    ("x·(1/s)", "QLinearLeakyRelu", "quantize", by_reciprocal),
    ("x·(1/s)", "QLinearConcat", "quantize", by_reciprocal),
]


def survives(rule, attribute, wrong):
    saved, op = getattr(reference, attribute or "quantize"), TABLE.get(rule)
    try:
        if attribute:
            setattr(reference, attribute, wrong)
        else:
            TABLE[rule] = wrong
        return rules.check(rule, 1_000_000, 40, ours=False)[2]
    finally:
        setattr(reference, attribute or "quantize", saved)
        if op:
            TABLE[rule] = op


def main():
    failed = False
    for name, rule, attribute, wrong in MUTANTS:
        count = survives(rule, attribute, wrong)
        print(f"{rule} with `{name}`: {count} differences" + ("" if count else "  NOT CAUGHT"))
        failed |= not count
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
