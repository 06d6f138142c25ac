"""The figures of `--telemetry`, computed again in NumPy from the model and the data.

    QAT_OPT=.build/debug/qat-opt python telemetry.py

A training without labels, with a learning rate of 0: weights stay what they are in the model file.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

SAMPLES, STEPS = 48, 3


def measure(x, scale, zero, low, high):
    """What one quantizer does to one tensor; scale and zero broadcast against x."""
    code = np.rint((x / scale).astype(np.float32)) + zero
    y = ((np.clip(code, low, high) - zero) * scale).astype(np.float32)
    used = len(np.unique(np.clip(code, low, high)))
    error = ((x - y).astype(np.float64) ** 2).sum()
    return {
        "minimum": x.min(),
        "maximum": x.max(),
        "saturation": ((code < low) | (code > high)).mean(),
        "dead_codes": 1 - used / (high - low + 1),
        "sqnr": 10 * np.log10((x.astype(np.float64) ** 2).sum() / error),
    }


def bounds(grid):
    """The lowest and the highest code of i8n, u8, i4, …"""
    bits = int(grid[1:].rstrip("n"))
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if grid[0] == "i" else (0, 2**bits - 1)
    return low + grid.endswith("n"), high


def main():
    binary = str(Path(os.environ["QAT_OPT"]).resolve())
    failures = []

    def check(name, found, expected, tolerance=1e-5):
        if not np.allclose(found, expected, rtol=tolerance, atol=1e-6):
            failures.append(f"{name}: {found}, NumPy has {expected}")

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        maker = Path(__file__).resolve().parent / "models.py"
        subprocess.run([sys.executable, maker, folder, "--only", "helper-cnn", "--no-check"],
                       check=True, capture_output=True)
        model = onnx.load(folder / "helper-cnn.onnx")
        name = model.graph.input[0].name
        images = np.random.default_rng(5).normal(size=(SAMPLES, 1, 28, 28)).astype(np.float32)
        np.savez(folder / "x.npz", **{name: images})
        (folder / "config.yaml").write_text("preset: recommended\nweights: {bits: 4}\n")
        subprocess.run(
            [binary, "train", folder / "helper-cnn.onnx", "--data", folder / "x.npz", "--qat",
             "--config", folder / "config.yaml", "--distill", "--epochs", str(STEPS), "--batch", str(SAMPLES),
             "--learning-rate", "0", "--weight-decay", "0", "--telemetry", folder / "t.npz",
             "--telemetry-every", "1", "-o", folder / "trained.onnx"],
            check=True, capture_output=True)
        arrays = dict(np.load(folder / "t.npz"))
        metadata = json.loads(bytes(arrays["metadata"]))
        weights = {w.name: numpy_helper.to_array(w) for w in model.graph.initializer}

    assert arrays["step"].tolist() == list(range(STEPS)) and arrays["quantizes"].all()
    compared = 0
    for index, quantizer in enumerate(metadata["quantizers"]):
        first, count = quantizer["first"], quantizer["channels"]
        low, high = bounds(quantizer["grid"])
        for step in range(STEPS):
            scale = arrays["scale"][step, first:first + count]
            zero = arrays["zero_point"][step, first:first + count]
            if quantizer["name"] in weights:
                x = weights[quantizer["name"]]
                # The channel axis is the one of as many elements (0 where two are).
                axis = x.shape.index(count) if count > 1 else None
                shape = [count if i == axis else 1 for i in range(x.ndim)]
                others = tuple(i for i in range(x.ndim) if i != axis)
                if count > 1:
                    check("scale", scale, np.abs(x).max(axis=others) / high)
                assert quantizer["weight"] and arrays["oscillations"][step, index] == 0
            elif quantizer["name"] == name:
                x, shape = images, []
                assert not quantizer["weight"] and np.isnan(arrays["oscillating"][step, index])
                assert np.isnan(arrays["gradient_norm"][step, index])
            else:
                continue
            for key, value in measure(x, scale.reshape(shape), zero.reshape(shape), low, high).items():
                check(f"{quantizer['name']} {key}", arrays[key][step, index], value)
                compared += 1
            if quantizer["name"] in weights:
                share, norm = arrays["pass_through"][step, index], arrays["gradient_norm"][step, index]
                if not (norm > 0 and 0 < share <= 1):
                    failures.append(f"{quantizer['name']}: gradient {norm}, share {share}")
    if compared < 3 * STEPS * 5:
        failures.append(f"only {compared} figures")
    print(f"{compared} figures of telemetry, {len(failures)} failures")
    print("\n".join(failures[:10]))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
