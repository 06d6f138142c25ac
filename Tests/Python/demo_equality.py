"""What the demo writes is equal everywhere: each model trained at 8, 4 and 2 bits, as integers in
`qat-opt`, in ONNX Runtime and in NumPy, and its QDQ form in ONNX Runtime.

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


def main():
    images = np.frombuffer(gzip.decompress(DIGITS.read_bytes()), np.uint8, offset=16)
    images = images.reshape(-1, 1, 8, 8).astype(np.float32) / np.float32(16)
    status = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        print(qat_opt.call("demo", "--output", folder / "demo"))
        np.savez(folder / "images.npz", image=images)
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
