"""Writes complete .onnx models into a folder: the PyTorch exports of Fixtures/models with weights
drawn from a fixed seed, and models made with the `onnx` helper.

    python models.py FOLDER [--only NAME] [--list] [--no-check]
"""

import argparse
import sys
import zlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import ort

FIXTURES = Path(__file__).resolve().parent.parent / "Fixtures" / "models"
F32 = np.float32


# Filling what `scripts/make-torch-fixtures` took out ---------------------------------------------


def drawn(tensor):
    kind, *numbers = tensor.doc_string.split()
    random = np.random.default_rng(zlib.crc32(tensor.name.encode()))
    shape, numbers = list(tensor.dims), [float(n) for n in numbers]
    if kind == "normal":
        return (random.standard_normal(shape) * numbers[0]).astype(F32)
    return random.uniform(*numbers, shape).astype(F32)


def filled(path):
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.doc_string:
            value = numpy_helper.from_array(drawn(tensor), tensor.name)
            tensor.CopyFrom(value)
    return model


# Models of the `onnx` helper --------------------------------------------------------------------


class Net:
    """A graph under construction: each call adds a node and returns its result's name."""

    def __init__(self, seed):
        self.nodes, self.constants = [], []
        self.random = np.random.default_rng(seed)

    def constant(self, value, name):
        name = f"{name}_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def weight(self, shape, fan_in, name="weight", gain=1):
        value = self.random.standard_normal(shape) * np.sqrt(2 / fan_in) * gain
        return self.constant(value.astype(F32), name)

    def uniform(self, low, high, count, name):
        return self.constant(self.random.uniform(low, high, count).astype(F32), name)

    def add(self, op, *operands, **attributes):
        result = f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, operands, [result], name=f"{op}_{len(self.nodes)}",
                                           **attributes))
        return result

    def conv(self, x, cin, cout, k=3, stride=1, group=1, bias=True, **attributes):
        operands = [x, self.weight([cout, cin // group, k, k], cin // group * k * k)]
        if bias:
            operands.append(self.uniform(-0.1, 0.1, cout, "bias"))
        attributes.setdefault("pads", [k // 2] * 4)
        return self.add("Conv", *operands, kernel_shape=[k, k], strides=[stride] * 2, group=group,
                        **attributes)

    def norm(self, x, c, **attributes):
        return self.add("BatchNormalization", x, self.uniform(-1.2, 1.3, c, "gamma"),
                        self.uniform(-0.2, 0.2, c, "beta"), self.uniform(-0.3, 0.3, c, "mean"),
                        self.uniform(0.4, 1.6, c, "variance"), **attributes)

    def relu(self, x):
        return self.add("Relu", x)

    def dense(self, x, k, n, gain=1, **attributes):
        shape = [n, k] if attributes.get("transB") else [k, n]
        return self.add("Gemm", x, self.weight(shape, k, gain=gain), self.uniform(-0.1, 0.1, n, "bias"),
                        **attributes)

    def model(self, result, shape, out, opset=17, ir=8, inputs_list_initializers=False):
        self.nodes[-1].output[0] = "output" if self.nodes[-1].output[0] == result else result
        inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N"] + shape)]
        if inputs_list_initializers:
            inputs += [helper.make_tensor_value_info(t.name, t.data_type, list(t.dims))
                       for t in self.constants]
        graph = helper.make_graph(
            self.nodes, "net", inputs,
            [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N"] + out)],
            self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)],
                                 ir_version=ir)


def helper_mlp():
    n = Net(1)
    x = n.relu(n.dense("input", 20, 32, transB=1))
    x = n.add("Add", n.add("MatMul", x, n.weight([32, 24], 32)), n.uniform(-0.1, 0.1, 24, "bias"))
    return n.model(n.dense(n.add("Tanh", x), 24, 5), [20], [5])


def helper_cnn():
    n = Net(2)
    x = n.relu(n.norm(n.conv("input", 1, 8, bias=False), 8))
    x = n.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = n.relu(n.norm(n.conv(x, 8, 16), 16, epsilon=1e-3))
    x = n.add("Flatten", n.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]))
    return n.model(n.dense(n.relu(n.dense(x, 784, 32, transB=1)), 32, 10, transB=1),
                   [1, 28, 28], [10])


def helper_grouped():
    n = Net(3)
    x = n.relu(n.conv("input", 4, 16, group=2))
    x = n.relu(n.norm(n.conv(x, 16, 16, group=16, stride=2, bias=False), 16))  # depthwise
    x = n.add("Clip", n.conv(x, 16, 32, k=1, pads=[0] * 4), n.constant(F32(0), "low"),
              n.constant(F32(6), "high"))
    x = n.relu(n.conv(x, 32, 32, group=4, dilations=[2, 2], pads=[2] * 4))
    x = n.add("GlobalAveragePool", x)
    x = n.add("Reshape", x, n.constant(np.array([0, -1]), "shape"))
    return n.model(n.add("Softmax", n.dense(x, 32, 6)), [4, 20, 20], [6])


def helper_transposed():
    n = Net(4)
    x = n.add("LeakyRelu", n.conv("input", 3, 12, stride=2), alpha=0.1)
    x = n.norm(n.add("ConvTranspose", x, n.weight([12, 8, 3, 3], 27), n.uniform(-0.1, 0.1, 8, "bias"),
                     kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4, output_padding=[1, 1]), 8)
    x = n.add("ConvTranspose", n.relu(x), n.weight([8, 2, 2, 2], 8), kernel_shape=[2, 2],
              strides=[2, 2], group=2)
    return n.model(n.add("Sigmoid", x), [3, 12, 12], [4, 24, 24])


def helper_residual():
    n = Net(5)
    stem = n.relu(n.conv("input", 3, 16))
    branch = n.norm(n.conv(n.relu(n.norm(n.conv(stem, 16, 16), 16)), 16, 16), 16)
    x = n.relu(n.add("Add", branch, stem))
    pooled = n.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    strided = n.relu(n.conv(x, 16, 8, stride=2))
    gate = n.add("Sigmoid", n.conv(n.add("GlobalAveragePool", x), 16, 24, k=1, pads=[0] * 4))
    x = n.add("Mul", n.add("Concat", pooled, strided, axis=1), gate)
    x = n.add("Flatten", n.add("GlobalAveragePool", n.relu(n.conv(x, 24, 32))))
    return n.model(n.dense(x, 32, 10, transB=1), [3, 16, 16], [10])


def helper_opset7():
    """As exporters wrote models in 2018: opset 7, IR 3, initializers among the inputs, attributes
    where later opsets have operands."""
    n = Net(6)
    x = n.relu(n.norm(n.conv("input", 1, 8), 8))
    x = n.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_UPPER")
    x = n.add("Clip", n.conv(x, 8, 8, stride=2), min=0.0, max=6.0)
    x = n.add("Dropout", n.add("AveragePool", x, kernel_shape=[7, 7]), ratio=0.5)
    x = n.add("Squeeze", x, axes=[2, 3])
    x = n.add("Add", n.add("MatMul", x, n.weight([8, 10], 8)), n.uniform(-0.1, 0.1, 10, "bias"))
    return n.model(n.add("Softmax", x, axis=1), [1, 28, 28], [10], opset=7, ir=3,
                   inputs_list_initializers=True)


def helper_mnist():
    """The network of scripts/mnist, untrained: two blocks of 32 and 64 channels, two dense layers."""
    n = Net(7)
    x = "input"
    for cin, cout in (1, 32), (32, 64):
        x = n.conv(x, cin, cout, bias=False)
        start = [n.constant(np.full(cout, value, F32), name)
                 for name, value in (("gamma", 1), ("beta", 0), ("mean", 0), ("variance", 1))]
        x = n.relu(n.add("BatchNormalization", x, *start))
        x = n.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = n.relu(n.dense(n.add("Flatten", x), 3136, 128, transB=1))
    return n.model(n.dense(x, 128, 10, gain=0.1, transB=1), [1, 28, 28], [10])


HELPERS = {"helper-mlp": helper_mlp, "helper-cnn": helper_cnn, "helper-grouped": helper_grouped,
           "helper-transposed": helper_transposed, "helper-residual": helper_residual,
           "helper-opset7": helper_opset7, "helper-mnist": helper_mnist}


def names():
    return [*HELPERS, *sorted(p.stem for p in FIXTURES.glob("*.onnx"))]


def build(name):
    return HELPERS[name]() if name in HELPERS else filled(FIXTURES / f"{name}.onnx")


# Inputs -----------------------------------------------------------------------------------------


def fed(model):
    """The inputs that have to be fed: IR 3 lists the initializers too."""
    held = {t.name for t in model.graph.initializer}
    return [i for i in model.graph.input if i.name not in held]


def feeds(model, batch, seed=0):
    """Standard normal data; a symbolic dimension takes the batch."""
    random = np.random.default_rng(seed)
    return {i.name: random.standard_normal(
        [d.dim_value or batch for d in i.type.tensor_type.shape.dim]).astype(F32)
        for i in fed(model)}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--only", action="append", choices=names(), metavar="NAME")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--no-check", action="store_true")
    options = parser.parse_args()
    if options.list or not options.folder:
        print("\n".join(names()))
        return 0 if options.list else 64
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.only or names():
        model = build(name)
        path = options.folder / f"{name}.onnx"
        onnx.save(model, path)
        line = f"{name}: {path.stat().st_size} bytes, {len(model.graph.node)} nodes"
        if not options.no_check:
            onnx.checker.check_model(str(path), full_check=True)
            for batch in (1, 3):
                values = ort.run(path, feeds(model, batch))
                assert all(np.isfinite(v).all() and v.std() > 1e-4 for v in values), name
            line += f", outputs {[list(v.shape) for v in values]}, deviation {values[0].std():.3g}"
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
