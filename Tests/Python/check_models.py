"""What must hold for whole models: import, run, round trips, post-training quantization, export.

    QAT_OPT=.build/release/qat-opt python check_models.py FOLDER... [--only NAME] [-v]

`models.py` writes such a folder. One line a check and model; a non-zero exit on any failure.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx

import models
import ort
import qat_opt

PRODUCTS = {"Conv", "FusedConv", "NhwcFusedConv", "Gemm", "FusedGemm", "MatMul", "FusedMatMul"}
INTEGER_PRODUCTS = {"QLinearConv", "QLinearMatMul", "QGemm", "ConvInteger", "MatMulInteger",
                    "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "ConvIntegerToFloat"}
# Steps that move values and leave them as they are: a dequantized operand is seen through them.
MOVES = {"Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Split", "Gather",
         "Identity", "Concat"}
BESIDE_INTEGERS = MOVES | {"QuantizeLinear", "DequantizeLinear", "MaxPool", "Clip", "Shape", "Cast",
                           "Constant"}

# 8 bits, random weights, 64 samples of noise: the largest error met with a sound quantizer is 0.17.
FARTHEST_FROM_FLOAT = 0.3


def largest_error(wanted, actual):
    """The largest difference, relative to the largest magnitude of the tensor."""
    if wanted.shape != actual.shape or wanted.dtype != actual.dtype:
        return np.inf
    scale = float(np.abs(wanted).max()) or 1.0
    return float(np.abs(wanted.astype(np.float64) - actual.astype(np.float64)).max()) / scale


def run_both(path, feeds):
    """The largest relative error over the outputs, ONNX Runtime against `qat-opt run`."""
    wanted = ort.run(path, feeds)
    actual = qat_opt.run(path, list(feeds.values()))
    if len(wanted) != len(actual):
        return np.inf
    return max(largest_error(e, a) for e, a in zip(wanted, actual))


def runs_as_onnx_runtime(path, folder):
    model = onnx.load(path)
    errors = [run_both(path, models.feeds(model, batch)) for batch in (1, 3)]
    return max(errors) <= 1e-4, f"relative error {max(errors):.2e}"


def same_text(first, second):
    """Whether two `.qir` files, and the side files that hold their large constants, are equal."""
    if first.read_bytes() != second.read_bytes():
        for number, (a, b) in enumerate(zip(first.read_text().splitlines(),
                                            second.read_text().splitlines()), 1):
            if a != b:
                return f"line {number}: {a[:160]!r} is not {b[:160]!r}"
        return "one text is longer"
    sides = [sorted(p for p in f.parent.iterdir() if p != f) for f in (first, second)]
    if [p.name for p in sides[0]] != [p.name for p in sides[1]]:
        return "the side files differ in name"
    changed = [a.name for a, b in zip(*sides) if a.read_bytes() != b.read_bytes()]
    return f"{changed} differ" if changed else ""


def as_text(source, folder):
    folder.mkdir()
    qat_opt.call(source, "-o", folder / "model.qir")
    return folder / "model.qir"


def survives_export(path, folder):
    qat_opt.call(path, "-o", folder / "exported.onnx")
    onnx.checker.check_model(str(folder / "exported.onnx"), full_check=True)
    problem = same_text(as_text(path, folder / "a"), as_text(folder / "exported.onnx", folder / "b"))
    feeds = models.feeds(onnx.load(path), 2)
    error = max(largest_error(e, a) for e, a in zip(
        ort.run(path, feeds), ort.run(folder / "exported.onnx", feeds)))
    if error > 1e-5:
        problem += f" the exported file computes other values in ONNX Runtime ({error:.2e})"
    return not problem, problem or f"equal graphs, error in ONNX Runtime {error:.1e}"


def survives_text(path, folder):
    first = as_text(path, folder / "c")
    problem = same_text(first, as_text(first, folder / "d"))
    return not problem, problem or f"{len(first.read_text().splitlines())} lines"


def quantized(path, form, folder):
    """The post-training quantized file, made with 64 seeded samples."""
    model = onnx.load(path)
    np.savez(folder / "data.npz", **models.feeds(model, 64, seed=7))
    target = folder / f"{form}.onnx"
    qat_opt.call("quantize", path, "--epochs", "0", "--data", folder / "data.npz",
                 "-o", target, "--format", form)
    return target


def from_integers(graph):
    """Names of the values that come from a DequantizeLinear, also through moves."""
    names = set()
    for node in graph.node:
        if node.op_type == "DequantizeLinear" or (
                node.op_type in MOVES and node.input and node.input[0] in names):
            names.update(node.output)
    return names


def products(graph):
    """(float products, integer products, float products between dequantized operands)"""
    names = from_integers(graph)
    floats = [n for n in graph.node if n.op_type in PRODUCTS]
    integers = [n for n in graph.node if n.op_type in INTEGER_PRODUCTS]
    ready = [n for n in floats if n.input[0] in names and n.input[1] in names]
    return floats, integers, ready


def lowered(path, form, folder):
    """(good, what) of the quantized file: the checker, ONNX Runtime, `qat-opt run`, the products."""
    target = quantized(path, form, folder)
    onnx.checker.check_model(str(target), full_check=True)
    model = onnx.load(target)
    feeds = models.feeds(model, 4)
    error = run_both(target, feeds)
    islands = sorted({n.op_type for n in model.graph.node if n.op_type not in BESIDE_INTEGERS
                      and n.op_type not in INTEGER_PRODUCTS and not n.op_type.startswith("QLinear")})
    words = []
    if form == "qdq":
        ort.session(target, optimized_path=folder / "optimized.onnx")
        floats, integers, _ = products(onnx.load(folder / "optimized.onnx").graph)
        all_floats, _, ready = products(model.graph)
        good = len(floats) <= len(all_floats) - len(ready)
        words.append(f"{len(integers)} integer and {len(floats)} float products in the optimized "
                     f"graph, {len(ready)} of {len(all_floats)} quantized in the file")
        islands = [n.op_type for n in all_floats if n not in ready] or \
            [op for op in islands if op not in PRODUCTS | {"Relu", "Add", "Mul", "AveragePool",
             "GlobalAveragePool", "Concat", "Sigmoid", "LeakyRelu"}]
    else:
        _, integers, _ = products(model.graph)
        good = bool(integers)
        words.append(f"{len(integers)} integer products")
    # With float islands a tie may fall to the other side in ONNX Runtime's own float kernels.
    limit = 0.02 if islands else 0.0
    good &= error <= limit
    fidelity = max(largest_error(e, a) for e, a in zip(
        ort.run(path, feeds), ort.run(target, feeds)))
    good &= fidelity <= FARTHEST_FROM_FLOAT
    words.append(f"error {error:.1e} (limit {limit})")
    words.append(f"islands {' '.join(sorted(set(islands))) or 'none'}")
    words.append(f"against float {fidelity:.2f}")
    words.append(f"size {target.stat().st_size / path.stat().st_size:.2f} of float")
    return good, ", ".join(words)


CHECKS = {
    "run": runs_as_onnx_runtime,
    "export": survives_export,
    "text": survives_text,
    "qdq": lambda path, folder: lowered(path, "qdq", folder),
    "qoperator": lambda path, folder: lowered(path, "qoperator", folder),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--only", action="append", help="a part of a model's name")
    parser.add_argument("--check", action="append", choices=list(CHECKS))
    parser.add_argument("--keep", type=Path, help="a folder that keeps what was written")
    options = parser.parse_args()
    if not qat_opt.binary():
        print("QAT_OPT is not set", file=sys.stderr)
        return 64
    failed = 0
    for path in sorted(p for folder in options.folders for p in folder.glob("*.onnx")):
        if options.only and not any(part in path.stem for part in options.only):
            continue
        for name in options.check or CHECKS:
            with tempfile.TemporaryDirectory() as scratch:
                folder = options.keep / path.stem / name if options.keep else Path(scratch)
                folder.mkdir(parents=True, exist_ok=True)
                try:
                    good, what = CHECKS[name](path, folder)
                except Exception as problem:
                    good, what = False, f"{type(problem).__name__}: {str(problem)[:500]}"
            print(f"{'ok  ' if good else 'FAIL'} {path.stem} {name}: {what}", flush=True)
            failed += not good
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
