"""`sensitivity`, `assign-bits` and `quantize --max-drop` through the command.

Signals against noise and accuracies are computed again with ONNX Runtime and NumPy, assignments by
trying every one of them.

    QAT_OPT=.build/debug/qat-opt python mixed_precision.py
"""

import itertools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

LAYERS = {"front": (32, 16), "middle": (32, 32), "head": (10, 32)}


def make_model(path):
    """Three dense layers. Each row of the middle weight has an outlier that meets an input of 0: eight
    bits are too few for that layer, and enough for the others."""
    random = np.random.default_rng(0)
    nodes, tensors, value = [], [], "x"
    for name, (rows, columns) in LAYERS.items():
        weight = random.normal(size=(rows, columns)).astype(np.float32) * (2 / columns) ** 0.5
        bias = np.full(rows, 0.1, np.float32)
        if name == "front":
            bias[0] = -1000
        if name == "middle":
            weight[:, 0] = 60
        tensors += [numpy_helper.from_array(weight, f"{name}.weight"), numpy_helper.from_array(bias, f"{name}.bias")]
        nodes.append(helper.make_node("Gemm", [value, f"{name}.weight", f"{name}.bias"], [name], name=name, transB=1))
        value = name
        if name != "head":
            nodes.append(helper.make_node("Relu", [name], [f"{name}.relu"], name=f"{name}.relu"))
            value = f"{name}.relu"
    graph = helper.make_graph(
        nodes, "fragile", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 16])],
        [helper.make_tensor_value_info("head", TensorProto.FLOAT, ["N", 10])], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)


def outputs(path, x):
    """As the file says it: without the optimizer, which may quantize layers that are left in float."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def decibels(y, z):
    y, z = y.astype(np.float64), z.astype(np.float64)
    return 10 * np.log10((y ** 2).sum() / ((y - z) ** 2).sum())


class Checks:
    def __init__(self, folder):
        self.binary = str(Path(os.environ["QAT_OPT"]).resolve())
        self.folder = folder
        self.failures = self.count = 0
        make_model(folder / "model.onnx")
        random = np.random.default_rng(1)
        for name, count in [("train", 512), ("test", 800)]:
            x = random.normal(size=(count, 16)).astype(np.float32)
            y = outputs(folder / "model.onnx", x)
            np.savez(folder / f"{name}.npz", x=x, labels=y.argmax(axis=1))
        self.x, self.labels = x, y.argmax(axis=1)
        self.float = y

    def call(self, *arguments, status=0):
        done = subprocess.run([self.binary, *map(str, arguments)], cwd=self.folder, capture_output=True, text=True)
        self.expect(done.returncode == status, f"{arguments}: status {done.returncode}\n{done.stderr[-500:]}")
        return done

    def expect(self, holds, what):
        self.count += 1
        if not holds:
            self.failures += 1
            print(f"FAIL {what}")

    def accuracy(self, path):
        return float((outputs(path, self.x).argmax(axis=1) == self.labels).mean())

    # Each of these is one subject.

    def sensitivity(self):
        common = ["sensitivity", "model.onnx", "--data", "train.npz", "--validation", "test.npz", "--bits", "8,4"]
        report = json.loads(self.call(*common, "--json", "-o", "ready.yaml", "--sqnr", "15").stdout)
        ranked = [row for row in report["layers"] if row["weights"] == 8]
        self.expect(ranked[0]["layer"] == "middle", f"the fragile layer is {ranked[0]['layer']}")
        self.expect(ranked[0]["sqnr"] + 10 < ranked[1]["sqnr"], "the fragile layer stands out")
        self.expect(report["accuracy"] == 1, "the float model is right everywhere")
        # Again, by ONNX Runtime: a model with that layer alone on integers.
        for row in report["layers"]:
            (self.folder / "alone.yaml").write_text(
                f'layers:\n  - match: "*"\n    quantize: false\n  - match: {row["layer"]}\n    quantize: true\n'
                f'    weights: {{bits: {row["weights"]}}}\n')
            self.call("quantize", "model.onnx", "--data", "train.npz", "--config", "alone.yaml", "-o", "alone.onnx")
            sqnr = decibels(self.float, outputs(self.folder / "alone.onnx", self.x))
            drop = 100 * (1 - self.accuracy(self.folder / "alone.onnx"))
            # A tie rounded the other way by ONNX Runtime's float kernels moves a code of one output.
            self.expect(abs(sqnr - row["sqnr"]) < 0.1, f"{row['layer']} at {row['weights']}: {row['sqnr']} dB, ONNX Runtime {sqnr}")
            self.expect(abs(drop - row["drop"]) < 0.26, f"{row['layer']} at {row['weights']}: {row['drop']} points, ONNX Runtime {drop}")
        first = (self.folder / "ready.yaml").read_text()
        self.call("quantize", "model.onnx", "--data", "train.npz", "--config", "ready.yaml", "-o", "ready.onnx")
        self.expect("match: middle\n    quantize: false" in first, f"the fragile layer stays in float:\n{first}")
        self.expect(decibels(self.float, outputs(self.folder / "ready.onnx", self.x)) > 13, "the configuration keeps its distance")
        again = self.call(*common, "--json", "-o", "again.yaml", "--sqnr", "15", "--threads", "1")
        self.expect(json.loads(again.stdout) == report, "a second run gives the same table")
        self.expect((self.folder / "again.yaml").read_text() == first, "and the same configuration")
        self.table = report["layers"]

    def assign(self):
        noise = {(row["layer"], row["weights"]): 10 ** (-row["sqnr"] / 10) for row in self.table}
        size = {(name, bits): -(-rows * columns * bits // 8) for name, (rows, columns) in LAYERS.items() for bits in (8, 4)}
        every = [list(zip(LAYERS, bits)) for bits in itertools.product((8, 4), repeat=3)]
        total = 4 * sum(rows * columns for rows, columns in LAYERS.values())
        for option, value, most in [("--bytes", 1400, 1400), ("--ratio", 0.2, int(0.2 * total)), ("--bytes", 1856, 1856)]:
            done = self.call("assign-bits", "model.onnx", "--data", "train.npz", "--validation", "test.npz", "--bits", "8,4", option, value)
            best = min((c for c in every if sum(size[k] for k in c) <= most), key=lambda c: sum(noise[k] for k in c))
            for name, bits in best:
                self.expect(f"match: {name}\n    weights: {{bits: {bits}}}" in done.stdout, f"{option} {value}: {name} at {bits}\n{done.stdout}")
        done = self.call("assign-bits", "model.onnx", "--data", "train.npz", "--validation", "test.npz", "--max-drop", 2, "-o", "mixed.yaml")
        self.call("quantize", "model.onnx", "--data", "train.npz", "--config", "mixed.yaml", "-o", "mixed.onnx")
        self.expect(self.accuracy(self.folder / "mixed.onnx") >= 0.98, "the accuracy that was asked for")
        self.call("assign-bits", "model.onnx", "--data", "train.npz", "--bits", "8,4", "--bytes", 100, status=1)

    def fallback(self):
        common = ["quantize", "model.onnx", "--data", "train.npz", "--validation", "test.npz", "--max-drop", "1.0"]
        first = self.call(*common, "-o", "met.onnx")
        self.expect(self.accuracy(self.folder / "met.onnx") >= 0.99, "the drop is met in ONNX Runtime")
        self.expect("middle: W8A8 -> float" in first.stderr and "most noise" in first.stderr, f"says which and why:\n{first.stderr}")
        self.expect("match: middle\n    quantize: false" in first.stdout, "prints the configuration")
        second = self.call(*common, "-o", "twice.onnx")
        self.expect(first.stdout == second.stdout, "a second run prints the same configuration")
        self.expect((self.folder / "met.onnx").read_bytes() == (self.folder / "twice.onnx").read_bytes(), "and writes the same model")
        # The rest is still integers.
        kinds = {node.op_type for node in onnx.load(self.folder / "met.onnx").graph.node}
        self.expect("QuantizeLinear" in kinds, "the other layers are quantized")
        # From four bits: wider before float.
        (self.folder / "four.yaml").write_text("weights: {bits: 4}\n")
        done = self.call(*common, "--config", "four.yaml", "-o", "four.onnx", "--write-config", "end.yaml")
        self.expect("W4A8 -> W8A8" in done.stderr and done.stdout == "", f"more bits first:\n{done.stderr}")
        self.expect(self.accuracy(self.folder / "four.onnx") >= 0.99, "met from four bits")
        self.call("quantize", "model.onnx", "--data", "train.npz", "--config", "end.yaml", "-o", "end.onnx")
        self.expect((self.folder / "end.onnx").read_bytes() == (self.folder / "four.onnx").read_bytes(), "the configuration makes the same model")
        # What is not observed: from few bits of weights, without calibration data.
        (self.folder / "three.yaml").write_text("weights: {bits: 3}\n")
        for kind, config, name in [("dynamic", "four.yaml", "W4"), ("weight-only", "three.yaml", "W3"), ("matmulnbits", "four.yaml", "W4")]:
            done = self.call("quantize", "model.onnx", "--validation", "test.npz", "--max-drop", "1.0", "--format", kind,
                             "--config", config, "-o", f"{kind}.onnx")
            self.expect(f"{name} -> W8" in done.stderr, f"{kind}: more bits first:\n{done.stderr}")
            self.expect(self.accuracy(self.folder / f"{kind}.onnx") >= 0.985, f"{kind}: met in ONNX Runtime")
        # With training.
        trained = ["--epochs", "1", "--seed", "3", "--learning-rate", "0.00001", "--config", "four.yaml"]
        first = self.call(*common, *trained, "-o", "trained.onnx")
        self.expect(self.accuracy(self.folder / "trained.onnx") >= 0.99, "met with training")
        second = self.call(*common, *trained, "-o", "trained2.onnx")
        self.expect(first.stdout == second.stdout, "training again prints the same configuration")
        self.call(*common[:-1], "0.0", "--fallback-bits", "w9", "-o", "none.onnx", status=64)
        self.expect(not (self.folder / "none.onnx").exists(), "a mistake leaves no file")


def main():
    with tempfile.TemporaryDirectory() as folder:
        checks = Checks(Path(folder))
        checks.sensitivity()
        checks.assign()
        checks.fallback()
    print(f"{checks.count} checks, {checks.failures} failures")
    return 1 if checks.failures else 0


if __name__ == "__main__":
    sys.exit(main())
