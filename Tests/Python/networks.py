"""Whole networks against ONNX Runtime: one row each.

    QAT_OPT=.build-release/release/qat-opt python networks.py FILE.onnx... [--samples 16]
        [--check float canonical int8] [--settings "MinMax QUInt8" …] [--json ROWS]
    python networks.py --light --check float canonical   # the networks inside the `onnx` package
    python networks.py                                   # some small ones, in seconds

`torch_networks.py` writes files of torchvision; trained ones are in packages of PyPI
(rapidocr-onnxruntime, nudenet, ddddocr, …: `network_data.KINDS`).

float      `qat-opt run` against ONNX Runtime without optimizations, alone and as a batch, in decibels
canonical  the same for the canonicalized and exported file, run by ONNX Runtime
int8       `qat-opt quantize --epochs 0` and the best of quantize_static, against float, on new samples;
           the ratio of the files' sizes; the quantized file in ONNX Runtime and in `qat-opt run`; and each
           node of the file with integer operations in ONNX Runtime, fed with what `qat-opt run` had

Exits with 1 where something is below what is required (LIMITS).
"""

import argparse
import contextlib
import json
import logging
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import onnx.version_converter
from onnx import helper

import models
import network_data
import ort
import qat_opt

# Decibels of a float run; decibels that quantize_static may be ahead; size against its file.
LIMITS = {"float": 80, "behind": 1, "size": 1.1}
# Of quantize_static: how ranges are found, and the type of activations.
SETTINGS = [f"{method} {kind}" for method in ("MinMax", "Entropy", "Percentile")
            for kind in ("QUInt8", "QInt8")]
# Of models.py: what runs where no file is named, with few samples.
SMALL = ["helper-mnist", "mobilenetv2-torchscript-17"]
LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"


def decibels(wanted, actual):
    """Signal against noise of the worst output; infinite where all are equal."""
    worst = np.inf
    for w, a in zip(wanted, actual, strict=True):
        if w.shape != a.shape or w.dtype != a.dtype:
            return -np.inf
        w, a = w.astype(np.float64), a.astype(np.float64)
        noise = np.square(w - a).sum()
        if not np.isfinite(noise):
            return -np.inf
        if noise > 0:
            worst = min(worst, 10 * np.log10(max(np.square(w).sum(), 1e-300) / noise))
    return worst


def text(number):
    return "equal" if number == np.inf else f"{number:.1f}"


class Network:
    """A file, what it is fed with, and its own answers."""

    def __init__(self, path, count, settings):
        self.path, self.settings = path, settings
        self.model = onnx.load(path)
        self.calibration = network_data.samples(path, self.model, count, seed=1)
        self.samples = network_data.samples(path, self.model, max(count // 2, 2), seed=2)
        dims = models.fed(self.model)[0].type.tensor_type.shape.dim
        self.alone = dims[0].dim_value == 1  # the file takes no other batch

    def batches(self):
        """The evaluation samples as the file takes them."""
        count = len(next(iter(self.samples.values())))
        width = 1 if self.alone else count
        return [{name: value[i:i + width] for name, value in self.samples.items()}
                for i in range(0, count, width)]

    def answers(self, path, run):
        """Outputs for all samples."""
        parts = [run(path, feeds) for feeds in self.batches()]
        return [np.concatenate(values, axis=0) for values in zip(*parts)]


def by_runtime(path, feeds):
    return ort.run(path, feeds)


def by_us(path, feeds):
    return qat_opt.run(path, list(feeds.values()))


def floats(network, folder):
    """Decibels against ONNX Runtime for one sample and for three."""
    session, found = ort.session(network.path, optimize=False), []
    for count in (1,) if network.alone else (1, 3):
        feeds = {name: value[:count] for name, value in network.samples.items()}
        found.append(decibels(session.run(None, feeds), by_us(network.path, feeds)))
    return {"float": min(found)}


def canonical(network, folder):
    target = folder / "canonical.onnx"
    qat_opt.call(network.path, "--pass-pipeline", "canonicalize,fold-constants,canonicalize",
                 "-o", target)
    feeds = network.batches()[0]
    return {"canonical": decibels(ort.run(network.path, feeds, optimize=False),
                                  ort.run(target, feeds))}


# 8 bits -----------------------------------------------------------------------------------------


class Reader:
    """Calibration samples, one at a time."""

    def __init__(self, arrays):
        self.arrays = arrays
        self.rewind()

    def get_next(self):
        return next(self.left, None)

    def rewind(self):
        count = len(next(iter(self.arrays.values())))
        self.left = iter([{n: a[i:i + 1] for n, a in self.arrays.items()} for i in range(count)])


def prepared(network, folder):
    """The file as quantize_static wants it: shapes inferred, batch-norms folded, scales per channel
    allowed."""
    from onnxruntime.quantization import shape_inference
    source, target = network.path, folder / "prepared.onnx"
    if max(o.version for o in network.model.opset_import if not o.domain) < 13:
        source = folder / "newer.onnx"
        onnx.save(onnx.version_converter.convert_version(network.model, 17), source)
    for settings in ({}, {"skip_symbolic_shape": True}, {"skip_symbolic_shape": True,
                                                         "skip_optimization": True}):
        try:
            shape_inference.quant_pre_process(str(source), str(target), **settings)
            return target
        except Exception:
            continue
    return source


def quantize_static(network, folder):
    """{setting: file} of ONNX Runtime's own quantizer; files of an earlier run are taken as they are."""
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType
    from onnxruntime.quantization import quantize_static as quantize
    made = {setting: folder / f"{setting.replace(' ', '-')}.onnx" for setting in network.settings}
    missing = [setting for setting, target in made.items() if not target.exists()]
    source = prepared(network, folder) if missing else None
    for setting in missing:
        method, kind = setting.split()
        # Histograms of a few samples at a time, or the values of all would be held.
        extra = {} if method == "MinMax" else {"CalibMaxIntermediateOutputs": 4}
        try:
            with contextlib.redirect_stdout(None):
                quantize(str(source), str(made[setting]), Reader(network.calibration),
                         quant_format=QuantFormat.QDQ, per_channel=True,
                         activation_type=QuantType[kind], weight_type=QuantType.QInt8,
                         calibrate_method=CalibrationMethod[method], extra_options=extra)
            ort.session(made[setting])
        except Exception as problem:
            print(f"    quantize_static {setting}: {str(problem)[:300]}")
            del made[setting]
    return made


def apart(path):
    """The model with each node cut off from the others: its operands are inputs, its results outputs."""
    model = onnx.load(path)
    constants = {t.name for t in model.graph.initializer}
    results = [name for node in model.graph.node for name in node.output if name]
    inputs = {v.name for v in model.graph.input}
    for node in model.graph.node:
        node.input[:] = [name + "/fed" if name in results else name for name in node.input]
    return model, results, inputs, constants


def nodes_differ(path, network, folder):
    """(integer results that differ from ONNX Runtime's, lowest decibels of a float result), where each
    node is fed with the values of our run."""
    model, results, inputs, _ = apart(path)
    feeds = {n: v[:1] for n, v in network.samples.items()}
    files = qat_opt.run_dumping(path, feeds, folder / "values")
    ours = {name: np.load(files[name]) for name in results if name in files}
    del model.graph.output[:], model.graph.value_info[:]
    for name, value in ours.items():
        element = helper.np_dtype_to_tensor_dtype(value.dtype)
        model.graph.input.append(helper.make_tensor_value_info(name + "/fed", element, value.shape))
        model.graph.output.append(helper.make_tensor_value_info(name, element, None))
    feeds |= {name + "/fed": value for name, value in ours.items()}
    theirs = dict(zip(ours, ort.run(model, feeds, optimize=False)))
    codes = {n: int((theirs[n] != v).sum()) for n, v in ours.items() if v.dtype.kind != "f"}
    wrong = {name: count for name, count in codes.items() if count}
    near = min((decibels([theirs[n]], [v]) for n, v in ours.items() if v.dtype.kind == "f"),
               default=np.inf)
    return wrong, near, len(codes)


def int8(network, folder):
    np.savez(folder / "data.npz", **network.calibration)
    files, row = {}, {}
    for form in ("qdq", "qoperator"):
        files[form], start = folder / f"{form}.onnx", time.time()
        qat_opt.call("quantize", network.path, "--epochs", "0", "--data", folder / "data.npz",
                     "--format", form, "-o", files[form], timeout=3600)
        row.setdefault("seconds", time.time() - start)
    wanted = network.answers(network.path, by_runtime)
    theirs = network.answers(files["qdq"], by_runtime)
    ours = network.answers(files["qdq"], by_us)
    row["ours"] = decibels(wanted, theirs)
    row["agree"] = decibels(theirs, ours)
    row["operator agrees"] = decibels(ours, network.answers(files["qoperator"], by_us))
    row["codes"], row["islands"], row["results"] = nodes_differ(files["qoperator"], network, folder)
    start, best = time.time(), {}
    for name, file in quantize_static(network, folder).items():
        best[name] = decibels(wanted, network.answers(file, by_runtime)), file.stat().st_size
    if best:
        name = max(best, key=lambda n: best[n][0])
        row["best"], size = best[name]
        row |= {"setting": name, "size": files["qdq"].stat().st_size / size,
                "static seconds": time.time() - start}
    return row


CHECKS = {"float": floats, "canonical": canonical, "int8": int8}


def line(row):
    words = []
    if "float" in row:
        words.append(f"float {text(row['float'])}")
    if "canonical" in row:
        words.append(f"canonical {text(row['canonical'])}")
    if "ours" in row:
        words.append(f"int8 {text(row['ours'])}")
    if "best" in row:
        words.append(f"quantize_static {text(row['best'])} ({row['setting']}), "
                     f"size {row['size']:.3f}, {row['seconds']:.0f} s of {row['static seconds']:.0f} s")
    if "agree" in row:
        wrong = sum(row["codes"].values())
        words.append(f"runs agree {text(row['agree'])}, forms {text(row['operator agrees'])}, "
                     f"{wrong} codes of {row['results']} integer results differ, "
                     f"islands {text(row['islands'])}")
    return ", ".join(words)


def good(row):
    return (row.get("float", np.inf) >= LIMITS["float"]
            and row.get("canonical", np.inf) >= LIMITS["float"]
            and row.get("ours", np.inf) >= row.get("best", -np.inf) - LIMITS["behind"]
            and row.get("size", 0) <= LIMITS["size"]
            and not row.get("codes") and row.get("islands", np.inf) >= LIMITS["float"]
            and not row.get("problems"))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--light", action="store_true")
    parser.add_argument("--samples", type=int, default=16, help="for calibration; half as many judge")
    parser.add_argument("--check", nargs="+", choices=list(CHECKS), default=list(CHECKS))
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=SETTINGS,
                        help="of quantize_static")
    parser.add_argument("--json", type=Path, help="a file to which rows are added")
    parser.add_argument("--keep", type=Path, help="a folder that keeps what was written")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    if not qat_opt.binary():
        print("QAT_OPT is not set", file=sys.stderr)
        return 64
    files = options.files + (sorted(LIGHT.glob("*.onnx")) if options.light else [])
    small = tempfile.TemporaryDirectory()
    if not files:
        options.samples, options.settings = 4, ["MinMax QUInt8", "Percentile QUInt8"]
        files = [Path(small.name) / f"{name}.onnx" for name in SMALL]
        for path in files:
            onnx.save(models.build(path.stem), path)
    failed = 0
    for path in files:
        with tempfile.TemporaryDirectory() as scratch:
            folder = options.keep / path.stem if options.keep else Path(scratch)
            folder.mkdir(parents=True, exist_ok=True)
            network = Network(path, options.samples, options.settings)
            row = {"name": path.stem}
            for check in options.check:
                try:
                    row |= CHECKS[check](network, folder)
                except Exception as problem:
                    row.setdefault("problems", []).append(
                        f"{check}: {type(problem).__name__}: {str(problem)[:600]}")
        print(f"{'ok  ' if good(row) else 'FAIL'} {path.stem}: {line(row)}", flush=True)
        for problem in row.get("problems", []):
            print(f"    {problem}", flush=True)
        failed += not good(row)
        if options.json:
            with options.json.open("a") as rows:
                rows.write(json.dumps(row, default=str) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
