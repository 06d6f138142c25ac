"""Writes small files of every kind into a folder: what `scripts/fuzz` starts from.

    python fuzz_seeds.py FOLDER      models into FOLDER/onnx, configurations and data beside it
"""

import gzip
import io
import sys
import textwrap
from pathlib import Path

import numpy as np

import op_cases
import op_tests

LARGEST = 8_000  # bytes: mutations of small files find more


CONFIGURATIONS = {
    "everything": """
        preset: mobile-optimized
        weights: {bits: 8, scheme: symmetric, narrow: true, signed: true, granularity: per-channel}
        activations: &a {bits: 8, scheme: asymmetric, observer: {kind: percentile, percentile: 99.9, every: 2}}
        bias: {quantize: true}
        warmupBatches: 100
        quantizationDelay: 7
        freezeObservers: {epoch: 2}
        freezeBatchNorm: 500
        stages: [{bits: 8}, {epoch: 1, weights: 2, activations: 4}]
        layers:
          - match: first
            quantize: false
          - match: "/layer[34]\\\\..*/"
            weights: {bits: 4, granularity: {per-group: 32}, scale: power-of-two, ste: plain}
          - match: 1..<n
            activations: *a
          - match: {glob: "backbone.*"}
            trainable: false
          - op: Gemm
            weights: float
            activations: {quantizer: {kind: lsq, learningRateFactor: 0.5, weightDecay: 0.25, clip: 2}}
            bias: {quantize: false}
        """,
    "calibration": """
        ranges:
          x: {min: -1.5, max: 2.25, observer: minmax, bits: 8, batches: 3}
          "y.1": {min: 0, max: 1e3, observer: moving-average, bits: 4, batches: 1}
        """,
    "aliases": "a: &a [1, 2]\nb: [*a, *a]\nc: !!str >-\n  folded\n  text\n",
}


def arrays():
    """Small arrays of each element type and layout."""
    for name in ("bool", "i1", "u1", "<i2", ">u2", "<i4", ">i8", "<u8", "<f2", ">f4", "<f8"):
        yield name.replace("<", "le").replace(">", "be"), np.arange(6).reshape(2, 3).astype(name)
    yield "fortran", np.asfortranarray(np.arange(24, dtype=np.float32).reshape(2, 3, 4))
    yield "scalar", np.float32(1)
    yield "empty", np.zeros((0, 3), np.float32)


def data_files():
    """Arrays, archives and IDX files, plain and compressed."""
    for name, array in arrays():
        file = io.BytesIO()
        np.save(file, array)
        yield name + ".npy", file.getvalue()
    for name, save in (("stored", np.savez), ("deflated", np.savez_compressed)):
        file = io.BytesIO()
        save(file, images=np.zeros((2, 1, 3, 3), np.float32), labels=np.arange(2))
        yield name + ".npz", file.getvalue()
    idx = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2]) + bytes(range(8))
    yield "images.idx", idx
    yield "images.idx.gz", gzip.compress(idx)


def main():
    folder = Path(sys.argv[1])
    for kind in ("onnx", "config", "data"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for op, make in op_tests.OPS.items():
        for index in range(3):
            data = make(op_cases.Draw(index, *op.encode())).model.SerializeToString()
            if len(data) <= LARGEST:
                (folder / "onnx" / f"{op}-{index}.onnx").write_bytes(data)
    for name, text in CONFIGURATIONS.items():
        (folder / "config" / f"{name}.yaml").write_text(textwrap.dedent(text))
    for name, data in data_files():
        (folder / "data" / name).write_bytes(data)


if __name__ == "__main__":
    main()
