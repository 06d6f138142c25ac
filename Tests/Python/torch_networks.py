"""Writes architectures of torchvision with random weights as .onnx files, by both of PyTorch's
exporters, for `networks.py`. Needs torch, torchvision and onnxscript; no other test does.

    python torch_networks.py FOLDER [NAME...]
"""

import sys
from pathlib import Path

import torch
import torchvision
from torch import nn

VISION = ["mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "resnet18", "resnet50",
          "efficientnet_b0", "shufflenet_v2_x1_0", "convnext_tiny", "vit_b_16", "swin_t"]
RECURRENT = ["GRU", "LSTM"]


class Tokens(nn.Module):
    """A classifier of sequences of tokens."""

    def __init__(self, kind):
        super().__init__()
        self.embed = nn.Embedding(200, 32)
        self.layers = getattr(nn, kind)(32, 48, num_layers=2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(96, 7)

    def forward(self, x):
        return self.head(self.layers(self.embed(x))[0][:, -1])


def network(name):
    """The network in evaluation form, its batch-norms with statistics, and an input."""
    torch.manual_seed(0)
    if name in RECURRENT:
        return Tokens(name).eval(), torch.randint(0, 200, (2, 12))
    net = getattr(torchvision.models, name)()
    if name == "vit_b_16":
        nn.init.normal_(net.heads.head.weight, std=0.05)  # torchvision starts it with zeros
    with torch.no_grad():
        for _ in range(6 if any(isinstance(m, nn.BatchNorm2d) for m in net.modules()) else 0):
            smooth = nn.functional.interpolate(torch.randn(8, 3, 28, 28), size=112, mode="bilinear")
            net(smooth + 0.3 * torch.randn(8, 3, 112, 112))
    return net.eval(), torch.randn(2, 3, 224, 224)


def main(folder, names):
    for name in names:
        net, x = network(name)
        named = {"input_names": ["x"], "output_names": ["y"]}
        for opset in (13, 17):
            if name == "vit_b_16" and opset == 13:
                continue  # PyTorch exports its attention from opset 14 on
            torch.onnx.export(net, (x,), str(folder / f"{name}-ts{opset}.onnx"), dynamo=False,
                              opset_version=opset, dynamic_axes={"x": {0: "N"}, "y": {0: "N"}}, **named)
        for opset in (18, 20):
            torch.onnx.export(net, (x,), str(folder / f"{name}-dynamo{opset}.onnx"), dynamo=True,
                              opset_version=opset, external_data=True, verbose=False,
                              dynamic_shapes=({0: torch.export.Dim("N", min=1, max=64)},), **named)
        print(name, flush=True)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    main(target, sys.argv[2:] or VISION + RECURRENT)
