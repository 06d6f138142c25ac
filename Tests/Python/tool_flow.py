"""What quantizing costs beside time: threads, memory and bytes of the file, against ONNX Runtime's tool.

    QAT_OPT=.build/debug/qat-opt python tool_flow.py
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

import qat_opt

CHANNELS, SIZE, LAYERS = 128, 96, 6
FAILURES = []


def check(condition, what):
    if not condition:
        FAILURES.append(what)
        print(f"failed: {what}", flush=True)


def network():
    """Convolutions with batch-norms and sums, named as PyTorch's exporter names them."""
    random = np.random.default_rng(5)
    nodes, weights, x = [], [], "x"

    def vector(name, low, high):
        weights.append(numpy_helper.from_array(random.uniform(low, high, CHANNELS).astype("f"), name))
        return name

    for layer in range(LAYERS):
        name, inputs = f"/layer{layer}/conv1/Conv", 3 if layer == 0 else CHANNELS
        filters = random.normal(size=(CHANNELS, inputs, 3, 3)).astype("f") / np.sqrt(9 * inputs)
        weights.append(numpy_helper.from_array(filters.astype("f"), f"layer{layer}.conv1.weight"))
        nodes.append(helper.make_node("Conv", [x, f"layer{layer}.conv1.weight"], [f"{name}_output_0"],
                                      name=name, pads=[1] * 4))
        norm = f"/layer{layer}/bn1/BatchNormalization"
        nodes.append(helper.make_node(
            "BatchNormalization",
            [f"{name}_output_0", vector(f"layer{layer}.bn1.weight", 0.5, 2),
             vector(f"layer{layer}.bn1.bias", -1, 1), vector(f"layer{layer}.bn1.running_mean", -1, 1),
             vector(f"layer{layer}.bn1.running_var", 0.5, 2)],
            [f"{norm}_output_0"], name=norm))
        y = f"/layer{layer}/relu/Relu"
        nodes.append(helper.make_node("Relu", [f"{norm}_output_0"], [f"{y}_output_0"], name=y))
        x = f"{y}_output_0"
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    nodes[-1].output[0] = "y"
    graph = helper.make_graph(nodes, "g", [value("x", ["N", 3, SIZE, SIZE])],
                              [value("y", ["N", CHANNELS, SIZE, SIZE])], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def most_threads(*arguments):
    """The most threads that the command was seen with."""
    process = subprocess.Popen([qat_opt.binary(), *map(str, arguments)], stderr=subprocess.DEVNULL)
    most = 0
    while process.poll() is None:
        try:
            most = max(most, len(list(Path(f"/proc/{process.pid}/task").iterdir())))
        except OSError:
            pass
        time.sleep(0.002)
    check(process.returncode == 0, f"{arguments}: status {process.returncode}")
    return most


class Images(CalibrationDataReader):
    def __init__(self, count):
        random = np.random.default_rng(1)
        self.images = iter([random.normal(size=(1, 3, SIZE, SIZE)).astype("f") for _ in range(count)])

    def get_next(self):
        image = next(self.images, None)
        return None if image is None else {"x": image}


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        model, ours, theirs = folder / "m.onnx", folder / "ours.onnx", folder / "theirs.onnx"
        onnx.save(network(), model)
        for threads in 1, 3:
            options = ["--data", "random:24", "--format", "qoperator", "--threads", threads, "-o", ours]
            seen = most_threads("quantize", model, *options)
            if Path("/proc").exists():
                check(seen == 1 if threads == 1 else seen > 1, f"--threads {threads}: {seen} threads")
        quant_pre_process(str(model), str(folder / "pre.onnx"), skip_symbolic_shape=True)
        quantize_static(str(folder / "pre.onnx"), str(theirs), Images(2), quant_format=QuantFormat.QOperator,
                        per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
                        extra_options={"WeightSymmetric": True})
        sizes = ours.stat().st_size, theirs.stat().st_size
        print(f"int8 file: {sizes[0]} bytes, of ONNX Runtime's tool {sizes[1]}")
        check(sizes[0] <= sizes[1], "the file is larger than that of ONNX Runtime's tool")
    print("failed" if FAILURES else "passed")
    return 1 if FAILURES else 0


if __name__ == "__main__":
    sys.exit(main())
