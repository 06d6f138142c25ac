"""Random models, as those of `op_cases.py`, of operations that move elements by indices, resize,
pool and contract."""

import numpy as np

from op_cases import F32, SUMS, one

ANY = (F32, F32, np.float64, np.int64, np.int32, np.uint8, np.int8, bool)


def indices(d, size, shape, dtype=np.int64):
    return d.random.integers(-size, size, shape).astype(dtype)


def gather_elements(d):
    x = d.values(d.shape(1, 4), d.pick(*ANY))
    axis = d.axis(x.ndim)
    shape = [int(d.random.integers(1, s + 1)) for s in x.shape]
    shape[axis] = d.pick(1, 3, 7)
    picked = indices(d, x.shape[axis], shape, d.pick(np.int64, np.int32))
    return one("GatherElements", [x, picked], {"axis": axis}, opset=d.pick(11, 13),
               constants=d.pick((), (1,)))


def tuples(d, sizes, shape):
    """Indices [*shape, len(sizes)] into axes of these sizes."""
    return np.stack([indices(d, s, shape) for s in sizes], -1) if sizes else None


def gather_nd(d):
    x = d.values(d.shape(1, 4, 4), d.pick(*ANY))
    batch = d.pick(0, 0, 1) if x.ndim > 1 else 0
    length = int(d.random.integers(1, x.ndim - batch + 1))
    shape = list(x.shape[:batch]) + d.shape(0, 2, 4)
    picked = tuples(d, x.shape[batch:batch + length], shape)
    return one("GatherND", [x, picked], {"batch_dims": batch or None}, opset=d.pick(12, 13),
               constants=d.pick((), (1,)))


def reduction(d, opset, dtype):
    if opset < 16 or dtype == bool:
        return None
    return d.pick(None, "none", "add", "mul", *(("max", "min") if opset >= 18 else ()))


def scatter_elements(d, op="ScatterElements"):
    dtype = d.pick(*ANY)
    x = d.values(d.shape(1, 4), dtype)
    axis = d.axis(x.ndim)
    shape = [int(d.random.integers(1, s + 1)) for s in x.shape]
    opset = d.pick(9, 10) if op == "Scatter" else d.pick(11, 13, 16, 18, 18)
    how = reduction(d, opset, dtype)
    if how in (None, "none"):  # which of several updates wins is not defined
        positions = np.argsort(d.random.random(x.shape), axis)
        picked = positions[tuple(slice(s) for s in shape)]
        picked = picked - x.shape[axis] * d.random.integers(0, 2, picked.shape)
    else:
        shape[axis] = d.pick(1, 3, 7)
        picked = indices(d, x.shape[axis], shape)
    picked = picked.astype(d.pick(np.int64, np.int32))
    return one(op, [x, picked, d.values(picked.shape, dtype)], {"axis": axis, "reduction": how},
               opset=opset, constants=d.pick((), (1,)))


def scatter_nd(d):
    dtype = d.pick(*ANY)
    x = d.values(d.shape(1, 4, 4), dtype)
    opset = d.pick(11, 13, 16, 18, 18)
    how = reduction(d, opset, dtype)
    length = int(d.random.integers(1, x.ndim + 1))
    sizes = x.shape[:length]
    if how in (None, "none"):
        count = int(d.random.integers(1, int(np.prod(sizes)) + 1))
        flat = d.random.permutation(int(np.prod(sizes)))[:count]
        picked = np.stack(np.unravel_index(flat, sizes), -1).astype(np.int64)
    else:
        picked = tuples(d, sizes, d.shape(1, 2, 5))
    updates = d.values(list(picked.shape[:-1]) + list(x.shape[length:]), dtype)
    return one("ScatterND", [x, picked, updates], {"reduction": how}, opset=opset,
               constants=d.pick((), (1,)))


def tile(d):
    x = d.values(d.shape(1, 5, 4), d.pick(*ANY))
    repeats = d.random.integers(0 if d.pick(0, 0, 0, 1) else 1, 4, x.ndim).astype(np.int64)
    return one("Tile", [x, repeats], opset=d.pick(6, 9, 13), constants=(1,))


def blocks(op):
    def make(d):
        side, dtype = d.pick(1, 2, 3), d.pick(F32, F32, np.float64, np.uint8)
        n, c, h, w = (int(v) for v in d.random.integers(1, 5, 4))
        if op == "SpaceToDepth":
            x = d.values([n, c, h * side, w * side], dtype)
            return one(op, [x], {"blocksize": side}, opset=d.pick(1, 13))
        x = d.values([n, c * side * side, h, w], dtype)
        opset = d.pick(1, 11, 13)
        mode = d.pick(None, "DCR", "CRD") if opset >= 11 else None
        return one(op, [x], {"blocksize": side, "mode": mode}, opset=opset)
    return make


def range_(d):
    dtype = d.pick(F32, np.float64, np.int64, np.int32, np.int16)
    start, delta = d.values([], dtype, 4), dtype(d.pick(1, 2, 3, -1, -4) * (0.3 if dtype in (F32, np.float64) else 1))
    limit = np.asarray(start + dtype(d.random.integers(-20, 21)), dtype)
    return one("Range", [start, limit, np.asarray(delta)], opset=11, constants=(0, 1, 2))


def trilu(d):
    x = d.values(d.shape(2, 4), d.pick(F32, F32, np.int64, np.float64, bool))
    k = d.pick(None, np.array(int(d.random.integers(-7, 8))))
    return one("Trilu", [x, k], {"upper": d.pick(None, 0, 1)}, opset=14, constants=(1,))


def eye_like(d):
    x = d.values([d.pick(1, 3, 5), d.pick(2, 4)], d.pick(F32, np.int32, np.float64))
    return one("EyeLike", [x], {"dtype": d.pick(None, 1, 7, 11, 6), "k": d.pick(None, -1, 2, 9)},
               opset=d.pick(9, 22))


def expand(d):
    x = d.values([1 if d.pick(0, 1) else s for s in d.shape(0, 4)], d.pick(*ANY))
    target = [d.pick(1, s) if s > 1 else d.pick(1, 2, 5) for s in x.shape]
    target = d.pick([2] + target, target, target[d.pick(0, 1) if x.ndim and target[0] == 1 else 0:])
    return one("Expand", [x, np.array(target, np.int64)], opset=d.pick(8, 13), constants=(1,))


# Resizing ----------------------------------------------------------------------------------------

COORDINATES = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")


def resize(d):
    opset = d.pick(10, 11, 13, 18, 19)
    mode = d.pick("nearest", "linear", "cubic") if opset > 10 else d.pick("nearest", "linear")
    x = d.values([d.pick(1, 2), d.pick(1, 3), int(d.random.integers(2, 8)), int(d.random.integers(2, 8))])
    if mode == "nearest" and d.pick(0, 0, 1):
        x = d.values(x.shape, d.pick(np.uint8, np.int8, np.int32))
    attributes = {"mode": mode}
    scales = np.array([1, 1, d.pick(0.5, 0.6, 1, 1.5, 2, 2.7, 3), d.pick(0.5, 0.8, 1, 1.3, 2, 4)], F32)
    if opset == 10:
        up = np.maximum(scales, 1)  # what shrinking rounds to was never said
        return one("Resize", [x, up], attributes, opset=10, constants=(1,))
    attributes["coordinate_transformation_mode"] = d.pick(
        None, *COORDINATES, *(("half_pixel_symmetric",) if opset >= 19 else ()))
    if mode == "nearest":
        attributes["nearest_mode"] = d.pick(
            None, "round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
    if mode == "cubic":
        attributes["cubic_coeff_a"] = d.pick(None, -0.5)
        attributes["exclude_outside"] = d.pick(None, 1)
    roi = np.zeros(0, F32) if opset == 11 else None
    inputs = [x, roi, scales]
    if d.pick(0, 1):
        sizes = np.array(list(x.shape[:2]) + [int(v) for v in d.random.integers(1, 12, 2)])
        inputs = [x, roi, np.zeros(0, F32) if opset == 11 else None, sizes]
    if opset >= 18 and d.pick(0, 1):
        attributes["axes"] = [2, 3]
        last = [v if v is None or i == 0 else v[2:] for i, v in enumerate(inputs)]
        inputs = last
        if len(inputs) == 4:
            attributes["keep_aspect_ratio_policy"] = d.pick(None, "not_larger", "not_smaller")
    if opset >= 18 and mode == "linear":
        attributes["antialias"] = d.pick(None, 1)
    return one("Resize", inputs, attributes, opset=opset, constants=(1, 2, 3), rtol=1e-4, atol=1e-4)


def crop_and_resize(d):
    x = d.values([1, 2, int(d.random.integers(2, 8)), int(d.random.integers(2, 8))])
    starts, ends = d.random.random(2) * 0.5 - d.pick(0, 0.2), 0.5 + d.random.random(2) * d.pick(0.5, 0.8)
    roi = np.array([0, 0, *starts, 1, 1, *ends], F32)
    # Of an axis that keeps its size ONNX Runtime takes the whole, whatever the region.
    sizes = np.array([1, 2, *(s + (s == n) for s, n in zip((d.pick(1, 3, 5), d.pick(1, 4, 6)),
                                                          x.shape[2:]))])
    attributes = {"mode": d.pick("nearest", "linear"), "extrapolation_value": d.pick(None, 7.5),
                  "coordinate_transformation_mode": "tf_crop_and_resize"}
    return one("Resize", [x, roi, None, sizes], attributes, opset=d.pick(13, 19),
               constants=(1, 3), rtol=1e-4, atol=1e-4)


def upsample(d):
    x = d.values([1, d.pick(1, 3), d.pick(2, 5), d.pick(3, 4)])
    scales, mode = [1.0, 1.0, d.pick(1.0, 2.0, 2.5), d.pick(1.0, 2.0, 3.0)], d.pick(None, "nearest", "linear")
    if d.pick(0, 1):
        return one("Upsample", [x], {"mode": mode, "scales": scales}, opset=d.pick(7, 8), rtol=1e-4)
    return one("Upsample", [x, np.array(scales, F32)], {"mode": mode}, opset=9, constants=(1,),
               rtol=1e-4)


# Pooling and contracting -------------------------------------------------------------------------


def lp_pool(d):
    rank = d.pick(1, 2, 2, 3)
    kernel = [d.pick(1, 2, 3) for _ in range(rank)]
    x = d.values([d.pick(1, 2), d.pick(1, 3)] + [int(v) for v in d.random.integers(6, 12, rank)])
    opset = d.pick(2, 11, 18, 18)
    attributes = {"kernel_shape": kernel, "p": d.pick(None, 1, 2, 3),
                  "strides": d.pick(None, [d.pick(1, 2) for _ in range(rank)])}
    mode = d.pick("pads", "none", "VALID", "SAME_UPPER", "SAME_LOWER")
    if mode == "pads":
        attributes["pads"] = [int(d.random.integers(0, kernel[i % rank])) for i in range(2 * rank)]
    elif mode != "none":
        attributes["auto_pad"] = mode
        attributes["strides"] = attributes["strides"] and [
            min(s, k) for s, k in zip(attributes["strides"], kernel)]
    if opset == 18 and mode in ("pads", "none"):
        attributes["dilations"] = d.pick(None, [d.pick(1, 2)] * rank)
        attributes["ceil_mode"] = d.pick(None, 1)
    return one("LpPool", [x], attributes, opset=opset, rtol=1e-4)


def lrn(d):
    x = d.values([d.pick(1, 2), d.pick(1, 4, 9), int(d.random.integers(1, 20)), d.pick(1, 5, 17)])
    attributes = {"size": d.pick(1, 3, 5), "alpha": d.pick(None, 0.1, 2.0),
                  "beta": d.pick(None, 0.75, 0.5, 1.25), "bias": d.pick(None, 2.0)}
    return one("LRN", [x], attributes, opset=d.pick(1, 13), rtol=1e-4)


EQUATIONS = (
    "ij,jk->ik", "ij,jk", "bij,bjk->bik", "bhid,bhjd->bhij", "ij->ji", "ij->", "ij->i", "ii->i", "ii",
    "iij->j", "i,j->ij", "...ij,...jk->...ik", "...i->...", "b...,b...->b", "ij,ij->", "ij,i->j",
    "abc,cd,de->abe", "i i -> i", "ba,ca->bc", "bij,kj->bik", "...ii->...i", "nkctv,kvw->nctw",
)


def einsum(d):
    equation = d.pick(*EQUATIONS)
    sizes = {c: int(d.random.integers(1, 5)) for c in equation if c.isalpha()}
    unnamed = d.shape(0, 2, 3)
    dtype = d.pick(F32, F32, np.float64, np.int32, np.int64)
    inputs = []
    for term in equation.split("->")[0].split(","):
        shape = []
        for part in term.replace(" ", "").replace("...", ".").strip():
            shape += [1 if d.pick(0, 0, 0, 1) else s for s in unnamed] if part == "." else [sizes[part]]
        inputs.append(d.values(shape, dtype))
    return one("Einsum", inputs, {"equation": equation}, opset=12, **SUMS)


OPS = {
    "GatherElements": gather_elements,
    "GatherND": gather_nd,
    "Scatter": lambda d: scatter_elements(d, "Scatter"),
    "ScatterElements": scatter_elements,
    "ScatterND": scatter_nd,
    "Tile": tile,
    "DepthToSpace": blocks("DepthToSpace"),
    "SpaceToDepth": blocks("SpaceToDepth"),
    "Range": range_,
    "Trilu": trilu,
    "EyeLike": eye_like,
    "Expand": expand,
    "Resize": resize,
    "CropAndResize": crop_and_resize,
    "Upsample": upsample,
    "LpPool": lp_pool,
    "GlobalLpPool": lambda d: one("GlobalLpPool", [d.values([2, 3] + d.shape(1, 3, 6))],
                                  {"p": d.pick(None, 1, 2, 3)}, opset=d.pick(2, 13), rtol=1e-4),
    "GlobalMaxPool": lambda d: one("GlobalMaxPool", [d.values([2, 3] + d.shape(1, 3, 6))],
                                   opset=d.pick(1, 22)),
    "LRN": lrn,
    "Einsum": einsum,
}
