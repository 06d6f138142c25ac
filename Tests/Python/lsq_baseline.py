"""Trains the MNIST network with LSQ in PyTorch: what quantization-aware training here is measured by.

    python Tests/Python/lsq_baseline.py MODEL.onnx MNIST_FOLDER --bits 2 --epochs 3 --seed 1

MODEL.onnx holds the weights to begin with, as `qat-opt train` wrote them in float. The network, the
optimizer, the schedule and the number of epochs are those of `scripts/mnist-lsq`; the quantizers
are written from the paper (arXiv:1902.08153): weights and activations on `--bits`, the first and the last
layer on 8, the scale of a weight per tensor. Needs torch; run by hand, with one thread, so that two runs
give one number.
"""

import argparse
import gzip
import math
import time
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn
from torch.nn import functional as F


def passed(value, gradient_of):
    """`value` forwards, the gradient of the other backwards."""
    return (value - gradient_of).detach() + gradient_of


class LSQ(nn.Module):
    """One learned step size; it begins with the first tensor that it sees."""

    def __init__(self, bits, signed, batched):
        super().__init__()
        self.low = -(1 << (bits - 1)) if signed else 0
        self.high = (1 << (bits - 1)) - 1 if signed else (1 << bits) - 1
        self.batched = batched
        self.step = nn.Parameter(torch.tensor(1.0))
        self.begun = False

    def forward(self, x):
        if not self.begun:
            self.step.data = 2 * x.detach().abs().mean() / math.sqrt(self.high)
            self.begun = True
        elements = x.numel() / x.shape[0] if self.batched else x.numel()
        factor = 1 / math.sqrt(elements * self.high)
        step = passed(self.step, self.step * factor)
        v = torch.clamp(x / step, self.low, self.high)
        return passed(torch.round(v), v) * step


class Quantized(nn.Module):
    """A convolution or a linear layer between quantized operands."""

    def __init__(self, layer, bits, signed_inputs=False):
        super().__init__()
        self.layer, self.weights = layer, LSQ(bits, signed=True, batched=False)
        self.inputs = LSQ(bits, signed=signed_inputs, batched=True)

    def forward(self, x):
        x, w, b = self.inputs(x), self.weights(self.layer.weight), self.layer.bias
        if isinstance(self.layer, nn.Conv2d):
            return F.conv2d(x, w, b, padding=1)
        return F.linear(x, w, b)


class Net(nn.Module):
    def __init__(self, bits):
        super().__init__()
        self.conv1 = Quantized(nn.Conv2d(1, 32, 3, padding=1), 8, signed_inputs=True)
        self.norm1 = nn.BatchNorm2d(32)
        self.conv2 = Quantized(nn.Conv2d(32, 64, 3, padding=1), bits)
        self.norm2 = nn.BatchNorm2d(64)
        self.dense1 = Quantized(nn.Linear(3136, 128), bits)
        self.dense2 = Quantized(nn.Linear(128, 10), 8)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.norm2(self.conv2(x))), 2)
        return self.dense2(F.relu(self.dense1(x.flatten(1))))

    def load(self, path):
        """Takes the weights of an ONNX file, layer by layer, in the order of its nodes."""
        graph = onnx.load(path).graph
        weights = {t.name: torch.tensor(numpy_helper.to_array(t)) for t in graph.initializer}
        products, norms = [self.conv1, self.conv2, self.dense1, self.dense2], [self.norm1, self.norm2]
        for node in graph.node:
            tensors = [weights[name] for name in node.input[1:] if name in weights]
            if node.op_type in ("Conv", "Gemm"):
                layer = products.pop(0).layer
                transposed = next((a.i for a in node.attribute if a.name == "transB"), 0)
                w = tensors[0] if node.op_type == "Conv" or transposed else tensors[0].T
                layer.weight.data.copy_(w)
                layer.bias.data.copy_(tensors[1] if len(tensors) > 1 else torch.zeros(len(w)))
            elif node.op_type == "BatchNormalization":
                norm = norms.pop(0)
                for target, tensor in zip(
                        (norm.weight, norm.bias, norm.running_mean, norm.running_var), tensors):
                    target.data.copy_(tensor)
        assert not products and not norms, "the file holds another network"


def idx(folder, name):
    path = Path(folder) / name
    data = path.read_bytes() if path.exists() else gzip.decompress((Path(folder) / f"{name}.gz").read_bytes())
    shape = [int.from_bytes(data[4 + 4 * i:8 + 4 * i], "big") for i in range(data[3])]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def images(folder, split):
    x = torch.tensor(idx(folder, f"{split}-images-idx3-ubyte")).float()[:, None]
    x = (x / 255 - 0.1307) / 0.3081
    return x, torch.tensor(idx(folder, f"{split}-labels-idx1-ubyte")).long()


def accuracy(net, x, labels):
    net.eval()
    with torch.no_grad():
        hits = sum((net(x[i:i + 500]).argmax(1) == labels[i:i + 500]).sum().item()
                   for i in range(0, len(x), 500))
    net.train()
    return 100 * hits / len(x)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("folder")
    parser.add_argument("--bits", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=0.01)
    parser.add_argument("--weight-decay", type=float, default=0.0005)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    x, labels = images(options.folder, "train")
    test = images(options.folder, "t10k")
    net = Net(options.bits)
    net.load(options.model)
    weights = [p for p in net.parameters() if p.dim() > 1]
    others = [p for p in net.parameters() if p.dim() <= 1]
    optimizer = torch.optim.SGD(
        [{"params": weights, "weight_decay": options.weight_decay}, {"params": others}],
        lr=options.learning_rate, momentum=0.9)
    steps = options.epochs * math.ceil(len(x) / options.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: (1 + math.cos(math.pi * step / steps)) / 2)
    began = time.time()
    for epoch in range(options.epochs):
        total = 0.0
        for index in torch.randperm(len(x)).split(options.batch):
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x[index]), labels[index])
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(index)
        print(f"epoch {epoch + 1}/{options.epochs}: loss {total / len(x):.4f}, "
              f"accuracy {accuracy(net, *test):.2f} %, {time.time() - began:.0f} s", flush=True)


main()
