"""Import and export lose nothing: documentation, metadata, denotations, annotations, training
information and fields that no schema declares are in the exported file where they were.

    QAT_OPT=.build/debug/qat-opt python round_trip.py
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import qat_opt

# A field that no version of ONNX has: number 1234, wire type 2.
UNKNOWN = b"\x92\x4d\x05hello"


def with_unknown(message):
    """The message with the unknown field behind its own."""
    copy = type(message)()
    copy.ParseFromString(message.SerializeToString() + UNKNOWN)
    message.CopyFrom(copy)


def props(message, **entries):
    for key, value in entries.items():
        message.metadata_props.add(key=key, value=value)


def documented_value(name, shape, doc):
    value = helper.make_tensor_value_info(name, TensorProto.FLOAT, shape, doc_string=doc)
    value.type.denotation = "IMAGE"
    value.type.tensor_type.shape.dim[0].denotation = "DATA_BATCH"
    with_unknown(value.type.tensor_type.shape.dim[1])
    with_unknown(value.type)
    props(value, about=name)
    with_unknown(value)
    return value


def sample():
    weight = numpy_helper.from_array(np.arange(12, dtype=np.float32).reshape(4, 3), "w")
    weight.doc_string = "the weight"
    props(weight, trained="yes")
    with_unknown(weight)
    inner = numpy_helper.from_array(np.float32([1, 2, 3]), "name inside")
    inner.doc_string = "the constant's tensor"
    constant = helper.make_node("Constant", [], ["c"], name="constant", value=inner)
    product = helper.make_node("MatMul", ["x", "w"], ["h"], name="product", doc_string="multiplies")
    product.overload = "variant"
    props(product, layer="1")
    with_unknown(product)
    add = helper.make_node("Add", ["h", "c"], ["a"], name="add")
    leaky = helper.make_node("LeakyRelu", ["a"], ["r"], name="leaky", alpha=0.25)
    leaky.attribute[0].doc_string = "the slope"
    with_unknown(leaky.attribute[0])
    # Nothing defines these; one makes a sequence, which is no tensor.
    split = helper.make_node("SplitToSequence", ["r"], ["s"], name="split", axis=1)
    join = helper.make_node("ConcatFromSequence", ["s"], ["y"], name="join", axis=1)
    then = helper.make_graph([helper.make_node("Identity", ["y"], ["t"], name="t",
                                               doc_string="deep")], "then",
                             [], [helper.make_tensor_value_info("t", TensorProto.FLOAT, ["N", 3])])
    with_unknown(then)
    flag = helper.make_node("Equal", ["c", "c"], ["e"], name="equal")
    some = helper.make_node("ReduceMax", ["e2"], ["e3"], name="max", keepdims=0)
    cast = helper.make_node("Cast", ["e"], ["e2"], name="cast", to=TensorProto.FLOAT)
    back = helper.make_node("Cast", ["e3"], ["e4"], name="back", to=TensorProto.BOOL)
    branch = helper.make_node("If", ["e4"], ["z"], name="branch", then_branch=then, else_branch=then)
    graph = helper.make_graph(
        [constant, product, add, leaky, split, join, flag, cast, some, back, branch], "g",
        [documented_value("x", ["N", 4], "what goes in")],
        [documented_value("y", ["N", 3], "what comes out"),
         helper.make_tensor_value_info("z", TensorProto.FLOAT, ["N", 3])],
        [weight, numpy_helper.from_array(np.float32(0.5), "scale")], doc_string="a graph",
        value_info=[
            documented_value("h", ["N", 3], "the product"),
            documented_value("w", [4, 3], "a weight, as a value"),
            helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, ["N", 1], "a sequence")])
    note = graph.quantization_annotation.add(tensor_name="h")
    note.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="scale")
    props(graph, part="graph")
    with_unknown(graph)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9,
                              producer_name="someone", doc_string="a model", domain="org.example",
                              model_version=7)
    props(model, author="nobody", empty="")
    info = model.training_info.add()
    info.algorithm.name = "algorithm"
    info.update_binding.add(key="w", value="h")
    with_unknown(model)
    return model


# Comparing ---------------------------------------------------------------------------------------


def entries(list_):
    return sorted((e.key, e.value) for e in list_)


def unknown(message):
    """Fields that Python's schema does not declare, as it writes them behind all others."""
    return UNKNOWN in message.SerializeToString()[-len(UNKNOWN):]


def by_name(list_):
    return {item.name: item for item in list_}


def differences(a, b):
    """What the second model no longer says."""
    for field in ("doc_string", "domain", "model_version"):
        if getattr(a, field) != getattr(b, field):
            yield f"model.{field}"
    for what, x, y in [("model", a, b), ("graph", a.graph, b.graph)]:
        if entries(x.metadata_props) != entries(y.metadata_props):
            yield f"{what}.metadata_props"
        if unknown(x) != unknown(y):
            yield f"{what}: an unknown field"
    if list(a.training_info) != list(b.training_info):
        yield "training_info"
    if a.graph.doc_string != b.graph.doc_string or a.graph.name != b.graph.name:
        yield "graph.doc_string or name"
    if list(a.graph.quantization_annotation) != list(b.graph.quantization_annotation):
        yield "quantization_annotation"
    nodes = by_name(b.graph.node)
    for node in a.graph.node:
        if node.op_type == "Constant":
            continue  # an initializer now
        other = nodes.get(node.name)
        for both in filter(None, (node, other)):
            both.attribute.sort(key=lambda attribute: attribute.name)
        if other is None or other != node:
            yield f"node {node.name}"
    for what in ("input", "output", "value_info"):
        others = by_name(getattr(b.graph, what))
        for value in getattr(a.graph, what):
            if value.name not in others or others[value.name] != value:
                yield f"{what} {value.name}"
    tensors = by_name(b.graph.initializer)
    for tensor in a.graph.initializer:
        if tensors.get(tensor.name) != tensor:
            yield f"initializer {tensor.name}"
    if tensors["c"].doc_string != "the constant's tensor":
        yield "the constant's documentation"


def main():
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        model = sample()
        onnx.checker.check_model(model)
        (folder / "model.onnx").write_bytes(model.SerializeToString())
        # Straight, through the text form, and behind passes that have nothing to do here.
        qat_opt.call(folder / "model.onnx", "--pass-pipeline", "", "-o", folder / "straight.onnx")
        qat_opt.call(folder / "model.onnx", "--pass-pipeline", "", "-o", folder / "text.qir")
        qat_opt.call(folder / "text.qir", "--pass-pipeline", "", "-o", folder / "text.onnx")
        qat_opt.call(folder / "model.onnx", "--pass-pipeline",
                     "fold-batchnorm,eliminate-dead-nodes", "-o", folder / "passes.onnx")
        for name in ("straight", "text", "passes"):
            other = onnx.load(folder / f"{name}.onnx")
            onnx.checker.check_model(other)
            lost = list(differences(model, other))
            # The unused scale goes with the dead nodes, and so does the annotation that names it.
            if name == "passes":
                expected = {"quantization_annotation", "initializer scale"}
                lost = [what for what in lost if what not in expected]
            failures += bool(lost)
            print(f"{name}: {'lost ' + ', '.join(lost) if lost else 'nothing is lost'}")
        # Text that somebody changed is refused, not written.
        text = (folder / "text.qir").read_text()
        (folder / "bad.qir").write_text(text.replace('attached graph = hex"', 'attached graph = hex"ff'))
        done = subprocess.run([qat_opt.binary(), folder / "bad.qir", "--pass-pipeline", "", "-o",
                               folder / "bad.onnx"], capture_output=True, text=True)
        if done.returncode != 1 or "malformed-file" not in done.stderr or (folder / "bad.onnx").exists():
            failures += 1
            print(f"a damaged attachment: status {done.returncode}, {done.stderr.strip()}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
