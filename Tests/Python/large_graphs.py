"""Graphs of many nodes: importing, verifying, canonicalizing and exporting them takes time and memory
in proportion. By hand, on a release build; prints a line for each graph.

    QAT_OPT=.build-release/release/qat-opt python large_graphs.py [NODES...]     10000 30000 100000
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import qat_opt

SECONDS = 2.0  # for 100,000 nodes
GROWTH = 1.5  # how much more a node may cost in the largest graph than in the smallest

CHANNELS = 2

# In a process of its own: what a child has at most resident begins with what its parent has.
MEASURE = """
import os, sys
_, status, usage = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
sys.exit(1 if status else 0)
"""


class Network:
    """A graph of small convolutions, activations, sums and constants."""

    def __init__(self):
        self.nodes, self.weights = [], []

    def node(self, op, inputs, **attributes):
        name = f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def weight(self, *shape):
        name = f"weight_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ones(shape, np.float32), name))
        return name

    def block(self, x):
        """Six nodes: what real networks are made of, and what canonicalization removes."""
        weight, bias = self.weight(CHANNELS, CHANNELS, 1, 1), self.weight(CHANNELS)
        y = self.node("Relu", [self.node("Conv", [x, weight, bias], kernel_shape=[1, 1])])
        tensor = numpy_helper.from_array(np.ones((CHANNELS, 1, 1), np.float32))
        constant = self.node("Constant", [], value=tensor)
        return self.node("Identity", [self.node("Add", [y, constant])])

    def model(self, outputs):
        value = lambda name: helper.make_tensor_value_info(
            name, TensorProto.FLOAT, ["N", CHANNELS, 4, 4])
        graph = helper.make_graph(self.nodes, "g", [value("x")], [value(name) for name in outputs],
                                  self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def chain(count):
    """Each block reads the one before."""
    network, x = Network(), "x"
    while len(network.nodes) < count:
        x = network.block(x)
    return network.model([x])


def wide(count):
    """Each block reads the input; a tree of sums reads the blocks."""
    network, values = Network(), []
    while len(network.nodes) < count - count // 6:
        values.append(network.block("x"))
    while len(values) > 1:
        pairs = zip(values[::2], values[1::2])
        rest = values[len(values) // 2 * 2:]
        values = [network.node("Add", pair) for pair in pairs] + rest
    return network.model(values)


def many_outputs(count):
    """Each block reads the input and is an output."""
    network, values = Network(), []
    while len(network.nodes) < count:
        values.append(network.block("x"))
    return network.model(values)


def shared(count):
    """All nodes read one weight; without names."""
    network, x = Network(), "x"
    weight = network.weight(CHANNELS, 1, 1)
    while len(network.nodes) < count:
        x = network.node("Add", [network.node("Mul", [x, weight]), weight])
        network.nodes[-1].name = network.nodes[-2].name = ""
    return network.model([x])


SHAPES = [chain, wide, many_outputs, shared]


def measure(model, folder):
    """CPU seconds and the largest resident size in MiB."""
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    arguments = [qat_opt.binary(), path, "--pass-pipeline", "canonicalize", "-o", folder / "out.onnx"]
    done = subprocess.run([sys.executable, "-S", "-c", MEASURE, *map(str, arguments)],
                          capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"qat-opt failed: {done.stderr}")
    seconds, memory = map(float, done.stdout.split()[-2:])
    onnx.checker.check_model(onnx.load(folder / "out.onnx"))
    return seconds, memory / 1024, path.stat().st_size / 2**20


def main():
    counts = [int(argument) for argument in sys.argv[1:]] or [10_000, 30_000, 100_000]
    failures = 0
    for make in SHAPES:
        costs = []
        for count in counts:
            with tempfile.TemporaryDirectory() as folder:
                model = make(count)
                runs = [measure(model, Path(folder)) for _ in range(3)]
            seconds, memory, size = min(runs)
            nodes = len(model.graph.node)
            costs.append(seconds / nodes)
            failures += seconds > SECONDS * max(nodes / 100_000, 0.1)
            print(f"{make.__name__:13} {nodes:7,} nodes {size:6.1f} MiB file: "
                  f"{seconds:6.3f} s CPU, {1e6 * costs[-1]:5.1f} us a node, {memory:6.1f} MiB",
                  flush=True)
        failures += costs[-1] > GROWTH * costs[0]
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
