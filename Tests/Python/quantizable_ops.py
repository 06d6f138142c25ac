"""Every operation, quantized by `qat-opt quantize` with int8 and uint8 activations, weights per tensor and
per channel: whether it computes on integers, and if so, whether ONNX Runtime computes the same codes.

    QAT_OPT=.build/release/qat-opt python quantizable_ops.py [--update] [--only OP]

Each stands between a product and a sum in a model of its own. Where it became an integer operation, or
codes pass through it, all codes of the QOperator file are compared with ONNX Runtime's, and the outputs
of the QDQ file in ONNX Runtime with those of the QOperator file: a difference is a failure. `--update`
writes the table into docs/operators.md.
"""

import argparse
import re
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

import equality
import ort
import qat_opt
from op_families import FAMILIES

F32 = np.float32
DOCS = Path(__file__).resolve().parents[2] / "docs/operators.md"
BEGIN, END = "<!-- quantization -->", "<!-- /quantization -->"
FAMILIES_WITHOUT = ("Quantization", "Control flow")
SETTINGS = [(signed, granularity) for signed in (True, False) for granularity in ("per-tensor", "per-channel")]
IMAGE, ROWS = [4, 6, 6], [12]  # without the batch


@dataclass
class Subject:
    """One operation: the constants behind its first operand, and what it is fed."""
    constants: list = field(default_factory=list)
    attributes: dict = field(default_factory=dict)
    shape: list = field(default_factory=lambda: IMAGE)
    low: float = -2.0
    high: float = 2.0
    #: Whether a product stands in front; without one the input itself is the operand.
    front: bool = True
    #: Operands that are the first one once more.
    twice: bool = False
    results: int = 1
    opset: int = 23
    #: The element type the operand is cast to, for operations on no floats.
    cast: int = 0


def weights(*shape, seed=0):
    return (np.random.default_rng(seed).standard_normal(shape) * 0.4).astype(F32)


def integers(*values):
    return np.array(values, np.int64)


def subjects():
    """A subject for every operation that floats can be fed to."""
    found = {}
    plain = """Relu LeakyRelu Elu Selu Celu Softplus Softsign Sigmoid HardSigmoid HardSwish Mish Tanh Erf
        Gelu ThresholdedRelu Exp Neg Abs Sign Floor Ceil Round Sin Cos Tan Atan Sinh Cosh Asinh Identity
        Dropout GlobalMaxPool GlobalAveragePool GlobalLpPool ReduceL1 ReduceL2 ReduceLogSumExp ReduceMax
        ReduceMean ReduceMin ReduceSum ReduceSumSquare Flatten"""
    found |= {op: Subject() for op in plain.split()}
    found["Swish"] = Subject(opset=24)
    found |= {op: Subject(attributes={"axis": -1}) for op in ("Softmax", "LogSoftmax")}
    for op in ("Sqrt", "Log", "Reciprocal", "Asin", "Acos", "Atanh", "ReduceLogSum", "ReduceProd"):
        found[op] = Subject(low=0.4, high=0.9, front=False)
    found["Acosh"] = Subject(low=1.2, high=3, front=False)
    found |= {op: Subject(twice=True) for op in ("Add", "Sub", "Mul", "Max", "Min", "Sum", "Mean")}
    found["Div"] = Subject([np.full([4, 1, 1], 1.5, F32)])
    found["Pow"] = Subject([np.array(2, F32)])
    found["Mod"] = Subject([np.array(0.7, F32)], {"fmod": 1})
    found["Clip"] = Subject([np.array(0, F32), np.array(0.8, F32)])
    found["PRelu"] = Subject([np.full([4, 1, 1], 0.2, F32)])
    found["Conv"] = Subject([weights(6, 4, 3, 3), weights(6)])
    found["ConvTranspose"] = Subject([weights(4, 6, 3, 3), weights(6)])
    found["Gemm"] = Subject([weights(12, 7), weights(7)], shape=ROWS)
    found["MatMul"] = Subject([weights(12, 7)], shape=ROWS)
    found["Einsum"] = Subject([weights(12, 7)], {"equation": "bk,kn->bn"}, shape=ROWS)
    pool = {"kernel_shape": [2, 2], "strides": [2, 2]}
    found |= {op: Subject(attributes=pool) for op in ("MaxPool", "AveragePool", "LpPool")}
    found["LRN"] = Subject(attributes={"size": 3})
    found["Resize"] = Subject([None, np.array([1, 1, 2, 2], F32)], {"mode": "nearest"})
    norm = [np.ones(4, F32), np.zeros(4, F32)]
    found["BatchNormalization"] = Subject([*norm, np.zeros(4, F32), np.ones(4, F32)])
    found["InstanceNormalization"] = Subject(norm)
    found["GroupNormalization"] = Subject(norm, {"num_groups": 2})
    found["LayerNormalization"] = Subject([np.ones(6, F32), np.zeros(6, F32)])
    found["RMSNormalization"] = Subject([np.ones(6, F32)])
    found["Concat"] = Subject(attributes={"axis": 1}, twice=True)
    found["Reshape"] = Subject([integers(0, -1)])
    found["Transpose"] = Subject(attributes={"perm": [0, 2, 3, 1]})
    found["Unsqueeze"] = Subject([integers(1)])
    found["Squeeze"] = Subject([integers(2)], shape=[4, 1, 6])
    found["Split"] = Subject(attributes={"axis": 1, "num_outputs": 2}, results=2)
    found["Slice"] = Subject([integers(0, 1), integers(2, 5), integers(1, 2)])
    found["Gather"] = Subject([integers(2, 0)], {"axis": 1})
    found["GatherElements"] = Subject([np.zeros([1, 4, 6, 3], np.int64)], {"axis": 3})
    found["GatherND"] = Subject([np.zeros([1, 1], np.int64)])
    found["Expand"] = Subject([integers(2, 1, 1, 1, 1)])
    found["Tile"] = Subject([integers(1, 2, 1, 1)])
    found["Pad"] = Subject([integers(0, 0, 1, 1, 0, 0, 1, 1)])
    found |= {op: Subject(attributes={"blocksize": 2}) for op in ("DepthToSpace", "SpaceToDepth")}
    found["Trilu"] = Subject()
    found["CumSum"] = Subject([np.array(1, np.int64)])
    found["TopK"] = Subject([integers(2)])
    found["Where"] = Subject()
    found["ScatterElements"] = Subject([np.zeros([1, 1, 1, 1], np.int64), np.ones([1, 1, 1, 1], F32)])
    found["ScatterND"] = Subject([np.zeros([1, 1], np.int64), np.ones([1, 4, 6, 6], F32)])
    return found


def model(op, subject):
    """front product -> the operation -> sum."""
    nodes, constants = [], []

    def constant(name, value):
        constants.append(numpy_helper.from_array(value, name))
        return name

    x = "x"
    if subject.front:
        channels = subject.shape[0]
        if len(subject.shape) == 1:
            nodes.append(helper.make_node(
                "MatMul", ["x", constant("front_w", weights(channels, channels, seed=1))], ["front"], name="front"))
        else:
            kernel = [1] * (len(subject.shape) - 1)
            nodes.append(helper.make_node(
                "Conv", ["x", constant("front_w", weights(channels, channels, *kernel, seed=1))], ["front"],
                name="front"))
        x = "front"
    inputs = [x, x] if subject.twice else [x]
    inputs += ["" if value is None else constant(f"c{i}", value) for i, value in enumerate(subject.constants)]
    if op == "Where":
        inputs = [constant("condition", np.arange(6) % 2 == 0), x, constant("zero", np.zeros(1, F32))]
    outputs = [f"y{i}" for i in range(subject.results)]
    if op == "TopK":
        outputs.append("indices")
    nodes.append(helper.make_node(op, inputs, outputs, name="subject", **subject.attributes))
    nodes.append(helper.make_node("Add", ["y0", outputs[1] if subject.results > 1 else "y0"], ["z"], name="sum"))
    graph = helper.make_graph(
        nodes, op, [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [4, *subject.shape])],
        [helper.make_empty_tensor_value_info("z")], constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", subject.opset)], ir_version=10)
    inferred = onnx.shape_inference.infer_shapes(made)
    made.graph.output[0].CopyFrom(inferred.graph.output[0])
    return made


def images(subject, count, seed):
    random = np.random.default_rng(seed)
    return random.uniform(subject.low, subject.high, (count, *subject.shape)).astype(F32)


def form(op, made):
    """What the operation is in the lowered file: an integer operation, "codes" or None for a float one."""
    for node in made.graph.node:
        if node.name == "subject" or node.name.startswith("subject"):
            if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
                continue
            if node.op_type != op:
                return node.op_type
            known = {v.name: v.type.tensor_type.elem_type for v in [*made.graph.value_info, *made.graph.input]}
            operand = node.input[1] if op == "Where" else node.input[0]
            codes = known.get(operand) in (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)
            return "codes" if codes else None
    return "fused"


def differences(qoperator, qdq, feeds, folder):
    """Codes that differ: ours and ONNX Runtime's of the QOperator file, and the outputs of the QDQ file."""
    probe, names = equality.with_codes_as_outputs(onnx.load(qoperator), feeds)
    wanted = dict(zip([o.name for o in probe.graph.output], ort.run(probe, feeds)))
    files = qat_opt.run_dumping(qoperator, feeds, folder / "dump")
    count = values = 0
    for name in names:
        actual = np.load(files[name])
        values += actual.size
        count += int((actual != wanted[name]).sum())
    output = onnx.load(qdq).graph.output[0].name
    count += int((ort.run(str(qdq), feeds)[0] != wanted[output]).sum())
    return count, values


def cell(op, subject, signed, granularity):
    """(form, differences, values) of one setting, or the reason why there is none."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        onnx.save(model(op, subject), folder / "float.onnx")
        np.savez(folder / "data.npz", x=images(subject, 4 * 16, 3))
        (folder / "config.yaml").write_text(
            f"activations: {{scheme: asymmetric, signed: {str(signed).lower()}}}\n"
            f"weights: {{granularity: {granularity}, narrow: true}}\n")
        for kind in ("qdq", "qoperator"):
            qat_opt.call("quantize", folder / "float.onnx", "--data", folder / "data.npz", "--config",
                         folder / "config.yaml", "--format", kind, "--calibration-batch", 4, "-o",
                         folder / f"{kind}.onnx")
        lowered = onnx.load(folder / "qoperator.onnx")
        onnx.checker.check_model(lowered)
        found = form(op, lowered)
        if found is None:
            return None, 0, 0
        return found, *differences(folder / "qoperator.onnx", folder / "qdq.onnx",
                                   {"x": images(subject, 4, 4)}, folder)


def judge(item):
    try:
        return cell(*item)
    except Exception as problem:
        return problem


def text(result):
    if isinstance(result, Exception):
        return "-"
    found, wrong, _ = result
    if found is None:
        return "float"
    shown = {"codes": "codes pass", "fused": "in its neighbour"}.get(found, f"`{found}`")
    return f"{shown}, **{wrong} differ**" if wrong else shown


def table(results):
    rows = ["| operation | int8, per tensor | int8, per channel | uint8, per tensor | uint8, per channel |",
            "|---|---|---|---|---|"]
    # What can't be run stands in the table of what can.
    rows += [f"| {op} | " + " | ".join(text(r) for r in cells) + " |" for op, cells in results.items()
             if not all(isinstance(r, Exception) for r in cells)]
    return "\n".join(rows)


INTRODUCTION = """# Operations

What becomes of ONNX's operations in this project.

## Quantized

Each operation, quantized for `ort-cpu` by `qat-opt quantize` with activations of the type and weights
(int8) of the granularity that the column names. A name in code: the operation of the exported QOperator
file that computes it on integers; in ONNX Runtime {version} all of its codes are equal to ours, and so is
the output of the QDQ file. *codes pass*: it moves codes, on one scale. *in its neighbour*: the
operation that feeds it does it as well. *float*: an island between a dequantizer and a quantizer.
Operations that are not listed take or give no floats, or have no model of their own here.
The table is written by `Tests/Python/quantizable_ops.py --update`.

"""


def update(results):
    import onnxruntime
    block = f"{BEGIN}\n{table(results)}\n{END}"
    if not DOCS.exists():
        DOCS.write_text(INTRODUCTION.format(version=onnxruntime.__version__) + block + "\n")
        return
    old = DOCS.read_text()
    if BEGIN not in old:
        DOCS.write_text(old.rstrip() + "\n\n" + block + "\n")
        return
    DOCS.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: block, old, flags=re.S))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="write the table into docs/operators.md")
    parser.add_argument("--only", action="append", metavar="OP")
    options = parser.parse_args()
    if not qat_opt.binary():
        print("QAT_OPT is not set, nothing run")
        return 0
    known = subjects()
    ops = [op for family, listed in FAMILIES.items() if family not in FAMILIES_WITHOUT
           for op in listed.split() if op in known and (not options.only or op in options.only)]
    items = [(op, known[op], *setting) for op in ops for setting in SETTINGS]
    cells = qat_opt.in_parallel(judge, items)
    results = {op: cells[4 * i:4 * i + 4] for i, op in enumerate(ops)}
    wrong = compared = 0
    for op, found in results.items():
        print(f"{op}: {', '.join(text(r) for r in found)}")
        for result in found:
            if isinstance(result, Exception):
                print(f"    {str(result).splitlines()[0][:200]}")
                break
            wrong += result[1]
            compared += result[2]
    integer = sum(any(not isinstance(r, Exception) and r[0] for r in f) for f in results.values())
    print(f"{len(ops)} operations, {integer} on integers, {compared} codes compared, {wrong} differ")
    if options.update and not options.only:
        update(results)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
