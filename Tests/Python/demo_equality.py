"""What the demo writes is equal everywhere: each model trained at 8, 4 and 2 bits, and its float model
calibrated by each observer, as integers in `qat-opt`, in ONNX Runtime and in NumPy, and in QDQ form in
ONNX Runtime.

    QAT_OPT=.build/debug/qat-opt python demo_equality.py
"""

import gzip
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx

import qat_opt

HERE = Path(__file__).resolve().parent
DIGITS = HERE.parent.parent / "Sources/QATData/Resources/digits-images-idx3-ubyte.gz"


CALIBRATED = {
    "percentile": "weights: {observer: percentile}\nactivations: {observer: {kind: percentile, percentile: 99.9}}",
    "histogram": "weights: {observer: histogram, bits: 4}\nactivations: {observer: histogram, bits: 6}",
    "entropy": "activations: {observer: {kind: entropy, every: 2}}",
    "shifts": "weights: {scale: power-of-two}\nactivations: {scale: power-of-two, observer: histogram}",
}


def calibrate(folder, name):
    """The float model after post-training quantization, in both forms; the second from kept ranges."""
    (folder / "config.yaml").write_text(CALIBRATED[name])
    start = ["quantize", folder / "digits.float.onnx", "--config", folder / "config.yaml", "--format"]
    qat_opt.call(*start, "qoperator", "--data", "digits", "--save-calibration", folder / "ranges.yaml",
                 "--output", folder / f"calibrated.{name}.qoperator.onnx")
    qat_opt.call(*start, "qdq", "--calibration", folder / "ranges.yaml",
                 "--output", folder / f"calibrated.{name}.qdq.onnx")


def main():
    images = np.frombuffer(gzip.decompress(DIGITS.read_bytes()), np.uint8, offset=16)
    images = images.reshape(-1, 1, 8, 8).astype(np.float32) / np.float32(16)
    status = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        print(qat_opt.call("demo", "--output", folder / "demo"))
        np.savez(folder / "images.npz", image=images)
        for name in CALIBRATED:
            calibrate(folder / "demo", name)
        for path in sorted((folder / "demo").glob("*.onnx")):
            onnx.checker.check_model(str(path), full_check=True)
        for path in sorted((folder / "demo").glob("*.qoperator.onnx")):
            print(path.name)
            done = subprocess.run(
                [sys.executable, HERE / "equality.py", "--qoperator", path,
                 "--qdq", str(path).replace("qoperator", "qdq"), "--images", folder / "images.npz"])
            status |= done.returncode
    return status


if __name__ == "__main__":
    sys.exit(main())
