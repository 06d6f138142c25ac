"""Float and shape operations for `qat_reference`: the few that must be fast, in NumPy; every other
one through ONNX's own reference evaluator."""

import itertools

import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

f32 = np.float32


def windows(extents, kernel, strides=None, pads=None, dilations=None, auto_pad="NOTSET",
            ceil_mode=0):
    """Output extents, begin pads and end pads of a sliding window (ONNX's Conv and pools)."""
    rank = len(kernel)
    strides, dilations = list(strides or [1] * rank), list(dilations or [1] * rank)
    pads = list(pads or [0] * (2 * rank))
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations)]
    begin, end = pads[:rank], pads[rank:]
    if auto_pad == "VALID":
        begin, end = [0] * rank, [0] * rank
    elif auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        for i in range(rank):
            total = max(0, (-(-extents[i] // strides[i]) - 1) * strides[i] + spans[i] - extents[i])
            small, large = total // 2, total - total // 2
            begin[i], end[i] = (small, large) if auto_pad == "SAME_UPPER" else (large, small)
    out = []
    for i in range(rank):
        room = extents[i] + begin[i] + end[i] - spans[i]
        n = (-(-room // strides[i]) if ceil_mode else room // strides[i]) + 1
        if ceil_mode and (n - 1) * strides[i] >= extents[i] + begin[i]:
            n -= 1  # a window may not start in the padding after the end
        out.append(n)
    return out, begin, end, strides, dilations


def taps(x, kernel, out, begin, strides, dilations, fill=0):
    """For each kernel position, in order: its offset and the view of x [N, C, out...] under it."""
    rank = len(kernel)
    need = [(o - 1) * s + (k - 1) * d + 1
            for o, s, k, d in zip(out, strides, kernel, dilations)]
    after = [max(0, n - b - e) for n, b, e in zip(need, begin, x.shape[2:])]
    padded = np.pad(x, [(0, 0), (0, 0)] + list(zip(begin, after)), constant_values=fill)
    for offset in itertools.product(*(range(k) for k in kernel)):
        cut = tuple(slice(o * d, o * d + (n - 1) * s + 1, s)
                    for o, d, n, s in zip(offset, dilations, out, strides))
        yield offset, padded[(slice(None), slice(None)) + cut]


def conv_sums(x, w, matmul=np.matmul, group=1, strides=None, pads=None, dilations=None,
              auto_pad="NOTSET", kernel_shape=None, channels_last=0):
    """Σ over taps of w[tap] @ x under the tap; no im2col buffer."""
    assert not channels_last
    kernel = w.shape[2:]
    out, begin, _, strides, dilations = windows(
        x.shape[2:], kernel, strides, pads, dilations, auto_pad)
    n, m, per = x.shape[0], w.shape[0], w.shape[1]
    points = int(np.prod(out))
    sums = np.zeros((n, group, m // group, points), x.dtype)
    for offset, view in taps(x, kernel, out, begin, strides, dilations):
        under = np.ascontiguousarray(view).reshape(n, group, per, points)
        weights = w[(slice(None), slice(None)) + offset].reshape(1, group, m // group, per)
        sums += weights * under if per == 1 else matmul(weights, under)
    return sums.reshape([n, m] + out)


def conv(x, w, b=None, **attributes):
    y = conv_sums(x, w, **attributes)
    return y if b is None else y + b.reshape([1, -1] + [1] * (x.ndim - 2))


def average_pool(x, kernel_shape, count_include_pad=0, ceil_mode=0, strides=None, pads=None,
                 dilations=None, auto_pad="NOTSET", channels_last=0):
    if channels_last:
        y = average_pool(np.moveaxis(x, -1, 1), kernel_shape, count_include_pad, ceil_mode, strides,
                         pads, dilations, auto_pad)
        return np.moveaxis(y, 1, -1)
    out, begin, end, strides, dilations = windows(
        x.shape[2:], kernel_shape, strides, pads, dilations, auto_pad, ceil_mode)
    total = np.zeros(list(x.shape[:2]) + out, x.dtype)
    for _, view in taps(x, kernel_shape, out, begin, strides, dilations):
        total += view
    ones = np.ones([1, 1] + list(x.shape[2:]), x.dtype)
    if count_include_pad:
        ones = np.pad(ones, [(0, 0), (0, 0)] + list(zip(begin, end)), constant_values=1)
        begin = [0] * len(begin)
    count = sum(view for _, view in taps(ones, kernel_shape, out, begin, strides, dilations))
    return total / count.astype(x.dtype)


def max_pool(x, kernel_shape, ceil_mode=0, storage_order=0, **attributes):
    out, begin, _, strides, dilations = windows(
        x.shape[2:], kernel_shape, ceil_mode=ceil_mode, **attributes)
    low = np.iinfo(x.dtype).min if np.issubdtype(x.dtype, np.integer) else -np.inf
    best = None
    for _, view in taps(x, kernel_shape, out, begin, strides, dilations, fill=low):
        best = view.copy() if best is None else np.maximum(best, view)
    return best


def gemm(a, b, c=None, alpha=1.0, beta=1.0, transA=0, transB=0):
    y = np.matmul(a.T if transA else a, b.T if transB else b)
    y = y if alpha == 1 else f32(alpha) * y
    return y if c is None else y + (c if beta == 1 else f32(beta) * c)


def conv_transpose(x, w, b=None, group=1, strides=None, pads=None, dilations=None,
                   auto_pad="NOTSET", kernel_shape=None, output_padding=None, output_shape=None):
    """Each input point adds its multiple of the kernel; the pads are then cut off."""
    kernel = w.shape[2:]
    rank = len(kernel)
    strides, dilations = list(strides or [1] * rank), list(dilations or [1] * rank)
    extra = list(output_padding or [0] * rank)
    n, points = x.shape[0], x.shape[2:]
    full = [(p - 1) * s + (k - 1) * d + 1 + e
            for p, s, k, d, e in zip(points, strides, kernel, dilations, extra)]
    pads = list(pads or [0] * (2 * rank))
    if auto_pad.startswith("SAME") or output_shape:
        output_shape = output_shape or [p * s for p, s in zip(points, strides)]
        total = [f - o for f, o in zip(full, output_shape)]
        small = [t // 2 if auto_pad != "SAME_LOWER" else t - t // 2 for t in total]
        pads = small + [t - v for t, v in zip(total, small)]
    x = x.reshape(n, group, -1, int(np.prod(points)))
    per = w.shape[1]
    w = w.reshape((group, -1) + w.shape[1:])
    y = np.zeros([n, group * per] + full, x.dtype)
    for offset in itertools.product(*(range(k) for k in kernel)):
        weights = w[(slice(None),) * 3 + offset].transpose(0, 2, 1)
        part = np.matmul(weights[None], x).reshape([n, group * per] + list(points))
        cut = tuple(slice(o * d, o * d + (p - 1) * s + 1, s)
                    for o, d, p, s in zip(offset, dilations, points, strides))
        y[(slice(None), slice(None)) + cut] += part
    y = y[(slice(None), slice(None)) + tuple(
        slice(max(b, 0), f - max(e, 0)) for b, f, e in zip(pads[:rank], full, pads[rank:]))]
    return y if b is None else y + b.reshape([1, -1] + [1] * rank)


def batch_norm(x, gamma, beta, mean, variance, epsilon=1e-5, momentum=0.9, training_mode=0,
               spatial=1):
    assert not training_mode and spatial
    gamma, beta, mean, variance = (
        v.reshape([1, -1] + [1] * (x.ndim - 2)) for v in (gamma, beta, mean, variance))
    return (x - mean) / np.sqrt(variance + f32(epsilon)) * gamma + beta


def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def softmax_of(x, opset, axis=None):
    """Before opset 13 the axes from `axis` on count as one."""
    if opset >= 13:
        return softmax(x, -1 if axis is None else axis)
    axis = 1 if axis is None else axis % x.ndim
    return softmax(x.reshape(int(np.prod(x.shape[:axis])), -1), -1).reshape(x.shape)


FAST = {
    "ConvTranspose": conv_transpose,
    "BatchNormalization": batch_norm,
    "Conv": conv,
    "AveragePool": average_pool,
    "Gemm": gemm,
    "MatMul": np.matmul,
    "Identity": lambda x: x,
}


def run_node(node, operands, attributes, opset):
    texts = {k: v.decode() if isinstance(v, bytes) else v for k, v in attributes.items()}
    if node.op_type in FAST:
        return [FAST[node.op_type](*operands, **texts)]
    if node.op_type == "Softmax":
        return [softmax_of(operands[0], opset, **texts)]
    if node.op_type == "MaxPool" and len(node.output) == 1:
        return [max_pool(*operands, **texts)]
    return through_onnx(node, operands, opset)


def through_onnx(node, operands, opset):
    names = [n for n in dict.fromkeys(node.input) if n]
    values = {n: v for n, v in zip(node.input, operands) if n}
    inputs = [helper.make_tensor_value_info(
        n, helper.np_dtype_to_tensor_dtype(values[n].dtype), values[n].shape) for n in names]
    outputs = [onnx.ValueInfoProto(name=n) for n in node.output if n]
    graph = helper.make_graph([node], "node", inputs, outputs)
    domains = [helper.make_opsetid("", opset)]
    if node.domain:
        domains.append(helper.make_opsetid(node.domain, 1))
    model = helper.make_model(graph, opset_imports=domains)
    results = dict(zip((n for n in node.output if n), ReferenceEvaluator(model).run(None, values)))
    return [results.get(n) for n in node.output]
