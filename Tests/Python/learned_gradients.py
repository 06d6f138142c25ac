"""The gradients of learned quantizers, as PyTorch's automatic differentiation gives them.

    python Tests/Python/learned_gradients.py > Tests/Fixtures/learned-gradients.json

Needs torch; run by hand when a case has to change. The quantizers are written as the papers draw
them, with a rounding that passes its gradient and a clamping that passes none on its borders; nothing
here knows the formulas that the Swift side has. Every element has a scale of its own, so that a case
holds the gradient of each element for itself.
"""

import json
import sys

import numpy as np
import torch


def rounded(v):
    return v + (torch.round(v) - v).detach()


def clamped(v, low, high):
    v = torch.where(v >= high, high.expand_as(v), v)
    return torch.where(v <= low, low.expand_as(v), v)


def lsq(x, scale, offset, n, p, zero):
    low, high = torch.tensor(float(n - zero)), torch.tensor(float(p - zero))
    return rounded(clamped(x / scale, low, high)) * scale


def lsq_plus(x, scale, offset, n, p, zero):
    # Counted from the zero point: the value is x / scale, the gradient that of (x - offset) / scale.
    centred = x / scale - (offset / scale - (offset / scale).detach())
    low, high = torch.tensor(float(n - zero)), torch.tensor(float(p - zero))
    return (rounded(clamped(centred, low, high)) + zero) * scale + offset


def pact(x, scale, offset, n, p, zero):
    width = (scale * (p - n)).detach().requires_grad_()
    low, high = width * ((n - zero) / (p - n)), width * ((p - zero) / (p - n))
    t = (x / scale).detach()
    inside = torch.where(t >= p - zero, high, torch.where(t <= n - zero, low, x))
    codes = torch.round(torch.clamp(t, n - zero, p - zero)) * scale.detach()
    return inside + (codes - inside).detach(), width


def values(n, p, zero, scale):
    scale = np.float32(scale)
    points = []
    for code in range(n - 2, p + 3):
        for half in (0.0, 0.5):
            x = np.float32(code - zero + half) * scale
            points += [np.nextafter(x, np.float32(-1e9)), x, np.nextafter(x, np.float32(1e9))]
    return np.array(points, np.float32)


def case(grid, n, p, zero, scale, method):
    x = torch.tensor(values(n, p, zero, scale), requires_grad=True)
    dy = torch.tensor([(i * 5 % 13 - 6) / 4 for i in range(len(x))])
    s = torch.full_like(x, scale).requires_grad_()
    offset = (-zero * s).detach().requires_grad_()
    if method == "pact":
        y, width = pact(x, s, offset, n, p, zero)
        dx, dwidth = torch.autograd.grad(y, [x, width], dy)
        ds, doffset = dwidth.double() * (p - n), torch.zeros_like(x)
    else:
        y = (lsq if method == "lsq" else lsq_plus)(x, s, offset, n, p, zero)
        dx, ds, doffset = torch.autograd.grad(y, [x, s, offset], dy, allow_unused=True)
        doffset = torch.zeros_like(x) if doffset is None else doffset
    numbers = {"x": x, "dy": dy, "dx": dx, "dscale": ds, "doffset": doffset}
    return {"grid": grid, "method": method, "scale": scale, "zero": zero} | {
        key: [float(f"{v:.9g}") for v in tensor.tolist()] for key, tensor in numbers.items()}


def main():
    grids = [("i4", -8, 7, 0, 0.25), ("i2n", -1, 1, 0, 0.1), ("u2", 0, 3, 0, 0.3), ("u4", 0, 15, 5, 0.125)]
    cases = [case(*grid, method) for grid in grids for method in ("lsq", "lsq+", "pact")]
    json.dump(cases, sys.stdout)
    print()


main()
