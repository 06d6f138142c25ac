"""Operations that pass codes through, between two convolutions: quantized without training, their codes
must be the same in this project and in ONNX Runtime, and no float operation may be left.

    QAT_OPT=.build/release/qat-opt python passing_codes.py
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

import models
import ort
import qat_opt
from op_cases import typed

F32 = np.float32
COUNT, CHANNELS, SIDE = 4, 8, 6


def integers(*values):
    return np.array(values, np.int64)


#: What stands between the convolutions: operation, attributes, constant operands.
PASSING = {
    "MaxPool": ("MaxPool", {"kernel_shape": [2, 2], "strides": [2, 2]}, []),
    "Reshape": ("Reshape", {}, [integers(0, 8, 4, 9)]),
    "Transpose": ("Transpose", {"perm": [0, 1, 3, 2]}, []),
    "DepthToSpace": ("DepthToSpace", {"blocksize": 2, "mode": "CRD"}, []),
    "SpaceToDepth": ("SpaceToDepth", {"blocksize": 2}, []),
    "Tile": ("Tile", {}, [integers(1, 1, 2, 1)]),
    "Slice": ("Slice", {}, [integers(1, 0), integers(5, 5), integers(2, 3)]),
    "Gather": ("Gather", {"axis": 1}, [integers(1, 3, 3, 0)]),
    "GatherElements": ("GatherElements", {"axis": 3}, [np.ones((COUNT, 8, 6, 4), np.int64)]),
    "Split": ("Split", {"axis": 1}, [integers(5, 3)]),
    "Pad": ("Pad", {}, [integers(0, 0, 1, 1, 0, 0, 2, 0)]),
    "Pad with a number": ("Pad", {}, [integers(0, 0, 1, 1, 0, 0, 2, 0), np.array(0.37, F32)]),
    "Pad by reflection": ("Pad", {"mode": "reflect"}, [integers(0, 0, 1, 1, 0, 0, 2, 0)]),
    "Resize": ("Resize", {"mode": "nearest", "coordinate_transformation_mode": "asymmetric",
                          "nearest_mode": "floor"}, ["", np.array([1, 1, 2, 2], F32)]),
}


def network(op, attributes, constants):
    """Conv, the operation, Conv; of a second result another Conv, the sum, and a Conv of that."""
    net = models.Net(3)
    first = net.weight([CHANNELS, 3, 3, 3], 27)
    net.nodes.append(helper.make_node("Conv", ["image", first], ["features"], name="first",
                                      pads=[1, 1, 1, 1]))
    operands = [c if isinstance(c, str) else net.constant(c, "given") for c in constants]
    results = ["moved", "rest"] if op == "Split" else ["moved"]
    net.nodes.append(helper.make_node(op, ["features", *operands], results, name="moves", **attributes))
    probe = helper.make_graph(net.nodes, "probe", [typed("image", images(COUNT, 0))],
                              [helper.make_empty_tensor_value_info(n) for n in results], net.constants)
    moved = ort.run(helper.make_model(probe, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
                    {"image": images(COUNT, 0)})
    scores = []
    for result, value in zip(results, moved):
        channels = value.shape[1]
        weight, score = net.weight([5, channels, 3, 3], 9 * channels), f"{result}_scores"
        net.nodes.append(helper.make_node("Conv", [result, weight], [score], name=score))
        scores.append(score)
    several = len(scores) > 1
    net.nodes.append(helper.make_node("Add" if several else "Identity", scores, ["sum" if several else "scores"]))
    if several:
        net.nodes.append(helper.make_node("Conv", ["sum", net.weight([5, 5, 1, 1], 5)], ["scores"], name="last"))
    graph = helper.make_graph(net.nodes, "network", [typed("image", images(COUNT, 0))],
                              [helper.make_empty_tensor_value_info("scores")], net.constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def images(count, seed):
    return np.random.default_rng(seed).standard_normal((count, 3, SIDE, SIDE)).astype(F32)


def float_operations(model):
    """Nodes that are not at the border of the graph and compute on floats."""
    inferred = onnx.shape_inference.infer_shapes(model)
    kinds = {v.name: v.type.tensor_type.elem_type for v in [*inferred.graph.value_info,
                                                           *inferred.graph.input]}
    return [n.op_type for n in model.graph.node if n.op_type not in (
        "QuantizeLinear", "DequantizeLinear") and kinds.get(n.input[0]) == onnx.TensorProto.FLOAT]


def judge(name):
    """What is wrong with an operation, or None."""
    op, attributes, constants = PASSING[name]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        onnx.save(network(op, attributes, constants), folder / "model.onnx")
        np.savez(folder / "data.npz", image=images(COUNT, 9))
        for form in ("qoperator", "qdq"):
            target = folder / f"{form}.onnx"
            qat_opt.call("quantize", folder / "model.onnx", "--data", folder / "data.npz", 
                         "--epochs", "0", "--format", form, "-o", target)
            left = float_operations(onnx.load(target)) if form == "qoperator" else []
            if left:
                return f"{form}: {', '.join(left)} in float"
            for seed in range(4):
                image = images(COUNT, seed)
                ours = qat_opt.run(target, [image])[0]
                theirs = ort.run(target, {"image": image})[0]
                if not np.array_equal(ours, theirs):
                    return f"{form}: {int((ours != theirs).sum())} of {ours.size} differ"
    return None


def main():
    if not qat_opt.binary():
        print(f"{len(PASSING)} operations; QAT_OPT is not set, nothing run")
        return 0
    failed = 0
    for name, problem in zip(PASSING, qat_opt.in_parallel(guarded, PASSING)):
        print(f"{'FAIL' if problem else 'ok  '} {name}{': ' if problem else ''}{problem or ''}")
        failed += problem is not None
    return 1 if failed else 0


def guarded(name):
    try:
        return judge(name)
    except qat_opt.Failure as failure:
        return str(failure)


if __name__ == "__main__":
    sys.exit(main())
