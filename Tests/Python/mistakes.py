"""Users' mistakes: each gives one diagnostic with a hint, the right exit status, and leaves no file.

    QAT_OPT=.build/debug/qat-opt python mistakes.py
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

YAML = {
    "nothing.yaml": "preset: recommended\nlayers:\n  - match: nolayer\n    quantize: false\n",
    "conflict.yaml": "preset: recommended\nlayers:\n  - match: first\n    quantize: false\n    weights: {bits: 4}\n",
    "undone.yaml": "layers:\n  - match: first\n    weights: {bits: 4}\n  - match: '*'\n    weights: {bits: 8}\n",
    "target.yaml": "layers:\n  - match: first\n    weights: {signed: false}\n    activations: {scheme: symmetric}\n",
    "relu.yaml": "layers:\n  - match: 'op: Relu'\n    weights: {bits: 4}\n",
    "near.yaml": "layers:\n  - match: 'op: Convv'\n    weights: {bits: 4}\n",
    "bits.yaml": "weights: {bits: 9}\n",
    "groups.yaml": "activations: {granularity: {per-group: 32}}\n",
    "key.yaml": "wieghts: {bits: 8}\n",
    "ranges.yaml": "ranges:\n  inptu: {min: 0.0, max: 1.0}\n",
    "noranges.yaml": "ranges: {}\n",
    "upside.yaml": "ranges:\n  input: {min: 2.0, max: 1.0}\n",
    "wide.yaml": "activations: {bits: 16, observer: entropy}\n",
}

# Arguments, exit status, what the message must hold. OUT is a file that must not be there afterwards.
CASES = [
    ("inspect truncated.onnx", 1, ["malformed-file", "byte", "hint:"]),
    ("inspect nested.onnx", 1, ["malformed-file", "nested", "hint:"]),
    ("inspect lying.onnx", 1, ["malformed-file", "hint:"]),
    ("inspect missing.onnx", 1, ["io", "hint:"]),
    ("inspect model.onnx nowhere", 1, ["unknown-name", "hint:"]),
    ("model.onnx --pass-pipeline fold-batchnrom", 64, ["did you mean 'fold-batchnorm'"]),
    ("model.onnx --pass-pipeline calibrate{batchs=3}", 64, ["did you mean 'batches'"]),
    ("model.onnx --pass-pipeline calibrate{batches=many}", 64, ["a whole number"]),
    ("model.onnx --pipeline nope", 64, ["hint:"]),
    ("model.onnx --bogus", 64, ["--bogus"]),
    ("model.onnx -o OUT.txt", 64, ["hint:"]),
    ("model.onnx -o OUT.onnx --opset 12", 64, ["opset 12", "13 to 28"]),
    ("model.onnx -o OUT.qir --opset 17", 64, ["--opset", ".onnx"]),
    ("quantize model.onnx --data shape.npy -o OUT.onnx", 1, ["shape-mismatch", "hint:"]),
    ("quantize model.onnx --data nan.npy -o OUT.onnx", 1, ["invalid-data", "[1, 0, 3, 3]", "hint:"]),
    ("quantize model.onnx --data nothing.npy -o OUT.onnx", 1, ["io", "hint:"]),
    ("quantize model.onnx --data random:8 --config nothing.yaml -o OUT.onnx", 1, ["matches no layer", "hint:"]),
    ("quantize model.onnx --data random:8 --config conflict.yaml -o OUT.onnx", 1, ["configuration", "hint:"]),
    ("quantize model.onnx --data random:8 --config undone.yaml -o OUT.onnx", 1, ["undone.yaml:4:5", "undone.yaml:2:5", "rule 1", "hint: later rules win"]),
    ("quantize model.onnx --data random:8 --config near.yaml -o OUT.onnx", 1, ["near.yaml:2:5", "did you mean 'Conv'?"]),
    ("quantize model.onnx --data random:8 --config relu.yaml -o OUT.onnx", 1, ["relu.yaml:2:5", "sets weights", "hint:"]),
    ("quantize model.onnx --data random:8?classes=10 --epochs 1 --config target.yaml -o OUT.onnx", 1, ["apply-layer-config", "target.yaml:2:5", "rule 1", "unsupported", "hint:"]),
    ("quantize model.onnx --data random:8 --max-drop 1 -o OUT.onnx", 64, ["--validation"]),
    ("quantize model.onnx --data random:8 --validation random:8 --max-drop 1 -o OUT.onnx", 1, ["no class numbers", "hint:"]),
    ("quantize model.onnx --data random:8 --write-config OUT.yaml -o OUT.onnx", 64, ["--max-drop"]),
    ("sensitivity model.onnx", 64, ["--data"]),
    ("sensitivity model.onnx --data random:8 --bits 8,9", 64, ["'9' is no width", "hint:"]),
    ("assign-bits model.onnx --data random:8 -o OUT.yaml", 64, ["--bytes", "--max-drop"]),
    ("assign-bits model.onnx --data random:8 --bytes 10 -o OUT.yaml", 1, ["too few", "hint:"]),
    ("assign-bits model.onnx --data random:8 --max-drop 1 -o OUT.yaml", 64, ["--validation"]),
    ("model.onnx --pass-pipeline apply-layer-config,assign-bits", 64, ["no budget", "hint:"]),
    ("quantize model.onnx --data random:8 --config bits.yaml -o OUT.onnx", 1, ["9", "hint:"]),
    ("quantize model.onnx --data random:8 --config groups.yaml -o OUT.onnx", 1, ["ort-cpu has one scale for a tensor of activations", "hint:"]),
    ("quantize model.onnx --format dynamic --epochs 1 -o OUT.onnx", 64, ["--data"]),
    ("quantize model.onnx --format int4 -o OUT.onnx", 64, ["weight-only"]),
    ("model.onnx --pass-pipeline lower-weight-only{accuracy-level=9}", 64, ["accuracy-level", "hint:"]),
    ("quantize model.onnx --data random:8 --config key.yaml -o OUT.onnx", 1, ["weights", "hint:"]),
    ("quantize model.onnx --data random:8 -o no/such/folder/OUT.onnx", 1, ["io", "hint:"]),
    ("quantize model.onnx --data random:8 --config wide.yaml -o OUT.onnx", 1, ["entropy", "hint:"]),
    ("quantize model.onnx --calibration missing.yaml -o OUT.onnx", 1, ["io", "hint:"]),
    ("quantize model.onnx --calibration ranges.yaml -o OUT.onnx", 1,
     ["ranges.yaml:2:10", "no value 'inptu'", "did you mean 'input'"]),
    ("quantize model.onnx --calibration noranges.yaml -o OUT.onnx", 1, ["no range for", "'input'", "hint:"]),
    ("quantize model.onnx --calibration upside.yaml -o OUT.onnx", 1, ["upside.yaml:2:10", "above max", "hint:"]),
    ("quantize model.onnx --data random:8 --save-calibration no/such/OUT.yaml -o OUT.onnx", 1, ["io", "hint:"]),
    ("model.onnx --pass-pipeline canonicalize --save-calibration OUT.yaml -o OUT.onnx", 1, ["no ranges", "hint:"]),
    ("quantize model.onnx -o OUT.onnx", 64, ["--data"]),
    ("run model.onnx --input foo=shape.npy", 1, ["no input 'foo'", "hint:"]),
    ("run model.onnx --input input=shape.npy", 1, ["invalid-data", "hint:"]),
    ("train model.onnx --data random:8 -o OUT.onnx", 1, ["no labels", "hint:"]),
    ("train model.onnx --data random:8?classes=10 --optimizer foo -o OUT.onnx", 64, ["sgd", "hint:"]),
    ("train model.onnx --data random:8?classes=10 --resume missing.ckpt -o OUT.onnx", 1, ["io", "hint:"]),
    ("train model.onnx --data random:8 --distill -o OUT.onnx", 64, ["--teacher"]),
    ("train model.onnx --data random:8 --qat --distill-weight 2 -o OUT.onnx", 64, ["--distill"]),
    ("train model.onnx --data random:8 --qat --distill --distill-kind ce -o OUT.onnx", 64, ["kl, mse", "hint:"]),
    ("train model.onnx --data random:8 --qat --distill --distill-values nowhere -o OUT.onnx", 1, ["'nowhere'", "hint:"]),
    ("train model.onnx --data random:8 --qat --distill --label-weight 1 -o OUT.onnx", 1, ["no labels", "hint:"]),
    ("quantize model.onnx --data random:8 --distill -o OUT.onnx", 64, ["--epochs"]),
    ("train model.onnx --data random:8?classes=10 --telemetry OUT.npz -o OUT.onnx", 64, ["--qat", "hint:"]),
    ("evaluate model.onnx --data random:8?classes=10 --mode fast", 64, ["float, integer, auto", "hint:"]),
    ("evaluate model.onnx --data random:8?classes=10 --mode integer", 1, ["unsupported", "hint:"]),
    ("evaluate model.onnx --data digits", 1, ["shape-mismatch", "hint:"]),
]


def prepare(folder):
    maker = Path(__file__).resolve().parent / "models.py"
    subprocess.run([sys.executable, maker, folder / "models", "--only", "helper-cnn", "--no-check"],
                   check=True, capture_output=True)
    model = (folder / "models" / "helper-cnn.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(model)
    (folder / "truncated.onnx").write_bytes(model[:3000])
    # Field 7 (graph), field 1 (node), field 5 (attribute), field 6 (graph), again and again.
    nested = b""
    for _ in range(200):
        for tag in (0x32, 0x2A, 0x0A):
            size, length = len(nested), b""
            while size >= 0x80:
                length += bytes([size & 0x7F | 0x80])
                size >>= 7
            nested = bytes([tag]) + length + bytes([size]) + nested
    size, length = len(nested), b""
    while size >= 0x80:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    (folder / "nested.onnx").write_bytes(b"\x3a" + length + bytes([size]) + nested)
    # A tensor that says it has 2^40 elements.
    tensor = b"\x08" + b"\x80\x80\x80\x80\x80\x20" + b"\x10\x01" + b"\x42\x01w" + b"\x4a\x04\0\0\0\0"
    graph = b"\x2a" + bytes([len(tensor)]) + tensor
    (folder / "lying.onnx").write_bytes(b"\x3a" + bytes([len(graph)]) + graph)
    data = np.random.default_rng(0).random((4, 1, 28, 28), dtype=np.float32)
    data[1, 0, 3, 3] = np.nan
    np.save(folder / "nan.npy", data)
    np.save(folder / "shape.npy", np.zeros((4, 3, 28, 28), np.float32))
    for name, text in YAML.items():
        (folder / name).write_text(text)


def main():
    binary = str(Path(os.environ["QAT_OPT"]).resolve())
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        prepare(folder)
        for arguments, status, wanted in CASES:
            before = sorted(p.name for p in folder.iterdir())
            done = subprocess.run([binary, *arguments.split()], cwd=folder, capture_output=True, text=True)
            problems = [f"no {text!r}" for text in wanted if text not in done.stderr]
            if done.returncode != status:
                problems.append(f"status {done.returncode}, expected {status}")
            left = [p.name for p in folder.iterdir() if p.name not in before]
            if left:
                problems.append(f"left {left}")
            failures += bool(problems)
            if problems:
                print(f"FAIL {arguments}: {'; '.join(problems)}\n    {done.stderr.strip()[:400]}")
    print(f"{len(CASES)} mistakes, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
