"""Ranges that observers must find, computed with NumPy from their definitions alone.

    python observers.py            # is Tests/Fixtures/observers.json what this computes?
    python observers.py --write    # write it

Nothing of the project is used: values are counted, candidates tried one by one, sums added directly.
"""

import json
import sys
from pathlib import Path

import numpy as np

FIXTURE = Path(__file__).resolve().parent.parent / "Fixtures" / "observers.json"
BINS = 4096
HALF = BINS // 2
COUNT = 20000
F = np.float32


def numbers(count, seed):
    """Sums of four uniform numbers, between -2 and 2, in steps of 2^-16 (SplitMix64)."""
    state = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (state ^ state >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    fields = sum((z >> np.uint64(16 * k)) & np.uint64(0xFFFF) for k in range(4))
    return fields.astype(np.float64) / 65536 - 2


def distributions():
    v = numbers(COUNT, 5)
    outliers = v.copy()
    outliers[::997] *= 16
    return {
        "bell": v,
        "relu": np.maximum(v, 0),
        "shifted": v + 1,
        "outliers": outliers,
        "positive-outliers": np.abs(outliers),
        "negative": -np.abs(v),
        "heavy": v * np.abs(v) * np.abs(v),
    }


def histogram(x):
    largest = np.abs(x).max()
    width = 2.0**-100
    while largest >= width * HALF:
        width *= 2
    bins = np.floor(x.astype(np.float64) / width).astype(int) + HALF
    return np.bincount(bins, minlength=BINS), width


def exact_percentile(x, share):
    dropped = int(len(x) * (100 - share) / 200 * (1 + 1e-9))
    ordered = np.sort(x)
    return ordered[dropped], ordered[len(x) - 1 - dropped]


def parameters(low, high, grid, scheme, power):
    """Scale and zero point of a range, in float32."""
    lowest, highest = grid
    if scheme == "symmetric":
        zero = 0 if lowest < 0 else (highest + 1) // 2
        scale = F(max(abs(low), abs(high)) / F(highest - zero))
    else:
        low, high = min(F(low), F(0)), max(F(high), F(0))
        scale = F(F(high - low) / F(highest - lowest))
        zero = None
    scale = max(scale, F(2.0**-60))
    if power:
        scale = F(2.0 ** np.ceil(np.log2(np.float64(scale))))
    if zero is None:
        zero = int(np.clip(np.rint(F(lowest) - F(F(low) / scale)), lowest, highest))
    return scale, zero


def error(counts, width, low, high, grid, scheme, power):
    scale, zero = parameters(low, high, grid, scheme, power)
    centers = (np.arange(BINS) - HALF + 0.5) * width
    steps = np.clip(np.rint(centers / np.float64(scale)), grid[0] - zero, grid[1] - zero)
    return float((counts * (centers - steps * np.float64(scale)) ** 2).sum())


def candidates(low, high, scheme):
    if scheme == "symmetric":
        largest = max(abs(low), abs(high))
        for k in range(256, 0, -1):
            clip = F(largest * F(k / 256))
            yield max(-clip, min(clip, low)), max(-clip, min(clip, high))
    elif low >= 0:
        for k in range(256, 0, -1):
            top = F(high * F(k / 256))
            yield min(low, top), top
    elif high <= 0:
        for k in range(256, 0, -1):
            bottom = F(low * F(k / 256))
            yield bottom, max(high, bottom)
    else:
        for i in range(64, 0, -1):
            for j in range(64, 0, -1):
                yield F(low * F(i / 64)), F(high * F(j / 64))


def squared_error_range(counts, width, low, high, grid, scheme, power):
    best, least = None, np.inf
    for a, b in candidates(low, high, scheme):
        e = error(counts, width, a, b, grid, scheme, power)
        # Sums in another order: what is equal but for rounding counts as equal, and the wider wins.
        if e < least * (1 - 1e-10):
            best, least = (a, b), e
    return best, least


def entropy_range(counts, width, low, high, grid, scheme):
    counts = counts.astype(np.float64)
    counts[HALF], counts[HALF - 1] = counts[HALF + 1], counts[HALF - 2]
    below, above = counts[:HALF][::-1], counts[HALF:]
    codes = grid[1] - grid[0] + 1
    if scheme == "symmetric":
        above, below = above + below, np.zeros(HALF)
        codes = grid[1] - (0 if grid[0] < 0 else (grid[1] + 1) // 2) + 1
    best, least = None, np.inf
    occupied = max([k + 1 for side in (below, above) for k in np.flatnonzero(side)[-1:]], default=0)
    n_below = max([k + 1 for k in np.flatnonzero(below)[-1:]], default=0)
    n_above = max([k + 1 for k in np.flatnonzero(above)[-1:]], default=0)
    for bins in range(1, occupied + 1):
        left, right = min(bins, n_below), min(bins, n_above)
        inside = np.concatenate([below[:left][::-1], above[:right]])
        if len(inside) < codes:
            continue
        p = inside.copy()
        p[0] += below[left:].sum()
        p[-1] += above[right:].sum()
        group = np.arange(len(inside)) * codes // len(inside)
        filled = inside > 0
        sums = np.bincount(group, weights=inside, minlength=codes)
        sizes = np.bincount(group, weights=filled, minlength=codes)
        q = np.where(filled, (sums / np.maximum(sizes, 1))[group], 0)
        if inside.sum() == 0:
            continue
        p, q = p / counts.sum(), q / counts.sum()
        used = p > 0
        if (q[used] == 0).any():
            continue
        divergence = float((p[used] * np.log(p[used] / q[used])).sum())
        # As above: of equal ones the widest.
        if divergence <= least + 1e-12:
            best, least = bins, divergence
    if best is None:
        return (low, high), None
    clip = F(best * width)
    return (max(-clip, min(clip, low)), max(-clip, min(clip, high))), least


GRIDS = {"i8": (-128, 127), "i8n": (-127, 127), "u8": (0, 255), "i4": (-8, 7), "u4": (0, 15), "i2": (-2, 1),
         "u3": (0, 7)}
CASES = [
    ("i8n", "symmetric", False), ("u8", "asymmetric", False), ("i4", "symmetric", False),
    ("u4", "asymmetric", False), ("i2", "symmetric", False), ("u3", "asymmetric", False),
    ("i8", "symmetric", True), ("u8", "asymmetric", True), ("u4", "asymmetric", True),
    ("u8", "symmetric", False),
]


def compute():
    result = []
    for name, values in distributions().items():
        x = values.astype(np.float32)
        counts, width = histogram(x)
        low, high = x.min(), x.max()
        entry = {
            "name": name, "low": float(low), "high": float(high), "width": width,
            "moments": [int(counts.sum()), int((counts * np.arange(BINS)).sum()),
                        int((counts * np.arange(BINS) ** 2).sum())],
            "percentiles": [], "searches": [],
        }
        for share in (100, 99.99, 99.9, 99, 90, 60):
            a, b = exact_percentile(x, share)
            entry["percentiles"].append({"share": share, "low": float(a), "high": float(b)})
        for grid, scheme, power in CASES:
            mse, least = squared_error_range(counts, width, low, high, GRIDS[grid], scheme, power)
            search = {"grid": grid, "scheme": scheme, "powerOfTwo": power, "error": least,
                      "squaredError": [float(v) for v in mse]}
            if not power:
                kl, _ = entropy_range(counts, width, low, high, GRIDS[grid], scheme)
                search["entropy"] = [float(v) for v in kl]
            entry["searches"].append(search)
        result.append(entry)
    return result


def main():
    found = compute()
    if "--write" in sys.argv:
        entries = ",\n".join(json.dumps(entry) for entry in found)
        FIXTURE.write_text(f"[\n{entries}\n]\n")
        print(f"wrote {FIXTURE}")
        return 0
    if json.loads(FIXTURE.read_text()) != json.loads(json.dumps(found)):
        print(f"{FIXTURE} is not what this computes; --write makes it so", file=sys.stderr)
        return 1
    print(f"{sum(len(entry['searches']) for entry in found)} searches agree with the fixture")
    return 0


if __name__ == "__main__":
    sys.exit(main())
