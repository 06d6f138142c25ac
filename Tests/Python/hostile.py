"""Files that lie: each ends in a diagnostic of one line or in a result, in no more than a second, and in memory
in proportion to the file.

    QAT_OPT=.build/debug/qat-opt python hostile.py [-v]
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import qat_opt

SECONDS = 1 if "release" in str(qat_opt.binary()) else 10  # of CPU; a debug build only has to end
TOO_LONG = ": too long"
MEMORY = lambda size: 16 * size + 64 * 2**20

# In a process of its own: what a child has at most resident begins with what its parent has.
MEASURE = """
import json, os, sys
_, status, usage = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)
print(json.dumps([os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024]))
"""


# The wire format -------------------------------------------------------------------------------------------


def varint(number):
    number &= 2**64 - 1
    result = bytearray()
    while number >= 0x80:
        result.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(result) + bytes([number])


def field(number, contents):
    if isinstance(contents, int):
        return varint(number << 3) + varint(contents)
    contents = contents.encode() if isinstance(contents, str) else contents
    return varint(number << 3 | 2) + varint(len(contents)) + contents


def model_bytes(graph, opset=17):
    return field(1, 8) + field(7, graph) + field(8, field(2, opset))


def value_bytes(name, *dims):
    shape = b"".join(field(1, field(1, dim)) for dim in dims)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))


def node_bytes(op, inputs, outputs, more=b""):
    return (b"".join(field(1, name) for name in inputs) + b"".join(field(2, name) for name in outputs)
            + field(4, op) + more)


def graph_bytes(nodes, more=b"", shape=(2,)):
    """A graph from x to y."""
    return (b"".join(field(1, node) for node in nodes) + field(2, "g") + more
            + field(11, value_bytes("x", *shape)) + field(12, value_bytes("y", *shape)))


RELU = node_bytes("Relu", ["x"], ["y"])


def wrapped(start, layers, depth):
    """A message inside a message inside …"""
    result = start
    for level in range(depth):
        result = field(layers[level % len(layers)], result)
    return result


def with_weight(*fields):
    return model_bytes(graph_bytes([RELU], field(5, b"".join(fields) + field(8, "w"))))


# Cases: name -> the file, and what the diagnostic must say (None: it is a sound file) -----------------------


def model(nodes, inputs, outputs, initializers=(), opset=17):
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "g", [value(*x) for x in inputs], [value(*y) for y in outputs],
                              list(initializers))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)],
                             ir_version=8).SerializeToString()


def integers(name, values):
    return numpy_helper.from_array(np.array(values, np.int64), name)


def onnx_cases():
    node = helper.make_node
    yield "nested 101", model_bytes(wrapped(b"", [6, 5, 1], 102)), "malformed-file"
    yield "nested 30,000", model_bytes(wrapped(b"", [6, 5, 1], 30_000)), "malformed-file"
    yield "nested types", model_bytes(field(11, field(1, "x") + field(2, wrapped(b"", [1, 4], 2_000)))), \
        "malformed-file"
    yield "a million empty nodes", model_bytes(field(1, b"") * 1_000_000), "malformed-file"
    yield "a million empty attributes", model_bytes(graph_bytes([RELU + field(5, b"") * 1_000_000])), \
        "malformed-file"
    yield "a million metadata entries", model_bytes(graph_bytes([RELU])) + field(14, b"") * 1_000_000, \
        "malformed-file"
    yield "a million dimensions", with_weight(field(1, varint(1) * 1_000_000), field(2, 1),
                                              field(9, bytes(4))), "malformed-file"
    yield "a million declared dimensions", model_bytes(
        graph_bytes([RELU], shape=[1] * 200_000)), "malformed-file"
    yield "a packed run cut off", with_weight(field(1, b"\x80" * 1000), field(2, 1)), "malformed-file"
    yield "packed floats", with_weight(field(1, 250_000), field(2, 1), field(4, bytes(1_000_000))), None
    yield "packed floats of another count", with_weight(field(1, 9), field(2, 1), field(4, bytes(400))), \
        "malformed-file"
    yield "int32_data as bytes", with_weight(field(1, 10**6), field(2, 3), field(5, bytes(10**6))), None
    for dims in ([2**62, 4], [2**32, 2**32], [0, 2**62, 2**62], [-1], [2**63 - 1], [-2**63], [2**47, 2]):
        fields = b"".join(field(1, dim) for dim in dims)
        yield f"dimensions {dims}", with_weight(fields, field(2, 1), field(9, b"")), "malformed-file"
        yield f"declared {dims}", model_bytes(graph_bytes([RELU], shape=dims)), ...
        shape = [("x", dims if min(dims) >= 0 else ["N"])]
        for op, attributes in [("Flatten", {}), ("Relu", {}), ("GlobalAveragePool", {}), ("Shape", {}),
                               ("Size", {}), ("Transpose", {}), ("Softmax", {}), ("ReduceMean", {})]:
            yield f"{op} of {dims}", model([node(op, ["x"], ["y"], **attributes)], shape, [("y", None)]), ...
    huge = [2**40, 2**40, 2**40]
    for op, extra in [("Expand", []), ("Reshape", []), ("Tile", []), ("ConstantOfShape", None)]:
        inputs = ["n"] if extra is None else ["x", "n"]
        for sizes in ([2**62, 2**62], huge, [-1, -1], [-2**63], [2**63 - 1] * 4, [10**9, 10**9]):
            yield f"{op} to {sizes}", model([node(op, inputs, ["y"])], [("x", [1])], [("y", None)],
                                            [integers("n", sizes)]), ...
    for start, limit, delta in [(0, 2**63 - 1, 1), (0, 10, 0), (-2**63, 2**63 - 1, 1), (0, 2**62, 1),
                                (0, -2**63, -1), (2**63 - 1, -2**63, -2**63)]:
        scalars = [numpy_helper.from_array(np.array(v, np.int64), n)
                   for n, v in zip("abc", (start, limit, delta))]
        yield f"Range {start} {limit} {delta}", model(
            [node("Range", ["a", "b", "c"], ["r"]), node("Cast", ["r"], ["y"], to=1)], [("x", [1])],
            [("y", None)], scalars), ...
    for pads in ([2**62] * 4, [-2**63] * 4, [2**63 - 1, 0, 0, 0], [-5, 0, 0, 0]):
        yield f"Pad by {pads}", model([node("Pad", ["x", "p"], ["y"])], [("x", [2, 3])], [("y", None)],
                                      [integers("p", pads)]), ...
    for steps in (0, -2**63, 2**63 - 1, -1):
        yield f"Slice by {steps}", model(
            [node("Slice", ["x", "s", "e", "a", "t"], ["y"])], [("x", [20])], [("y", None)],
            [integers("s", [-2**63]), integers("e", [2**63 - 1]), integers("a", [0]),
             integers("t", [steps])]), ...
    for name in ("kernel_shape", "strides", "dilations", "pads"):
        for number in (0, -1, 2**31, 2**62, -2**63, 2**63 - 1):
            values = [number] * (4 if name == "pads" else 2)
            attributes = {"kernel_shape": [1, 1], name: values}
            for op, inputs in (("Conv", ["x", "w"]), ("ConvTranspose", ["x", "w"]), ("MaxPool", ["x"]),
                               ("AveragePool", ["x"]), ("LpPool", ["x"])):
                yield f"{op} {name} {number}", model(
                    [node(op, inputs, ["y"], **attributes)], [("x", [1, 1, 4, 4])], [("y", None)],
                    [numpy_helper.from_array(np.ones((1, 1, 1, 1), np.float32), "w")]), ...
    for axis in (2**63 - 1, -2**63, 2**62, -2**62):
        for op, attributes in [("Concat", {"axis": axis}), ("Softmax", {"axis": axis}),
                               ("Flatten", {"axis": axis}), ("ArgMax", {"axis": axis}),
                               ("Gather", {"axis": axis}), ("LayerNormalization", {"axis": axis}),
                               ("Split", {"axis": axis}), ("Transpose", {"perm": [axis, axis]}),
                               ("Trilu", {"upper": axis}), ("DepthToSpace", {"blocksize": axis}),
                               ("SpaceToDepth", {"blocksize": axis}), ("EyeLike", {"k": axis}),
                               ("Unsqueeze", {}), ("Squeeze", {}), ("ReduceSum", {}), ("LRN", {"size": axis}),
                               ("Gemm", {"transA": axis}), ("OneHot", {"axis": axis})]:
            second = {"Unsqueeze", "Squeeze", "ReduceSum", "Gather", "Trilu"}
            inputs = ["x", "n"] if op in second else ["x", "x"] if op in ("Concat", "Gemm") else ["x"]
            if op == "LayerNormalization":
                inputs = ["x", "x"]
            yield f"{op} {attributes or axis}", model(
                [node(op, inputs, ["y"], **attributes)], [("x", [2, 2])], [("y", None)],
                [integers("n", [axis])]), ...
    yield "a node with 100,000 inputs", model(
        [node("Concat", ["x"] * 100_000, ["y"], axis=0)], [("x", [1])], [("y", None)]), None
    yield "a node with 100,000 outputs", model(
        [node("Split", ["x"], ["y"] + [f"o{i}" for i in range(99_999)], axis=0)], [("x", [100_000])],
        [("y", None)], opset=11), ...
    yield "20,000 nodes of one name", model(
        [node("Relu", ["x" if i == 0 else f"v{i - 1}"], [f"v{i}"], name="n") for i in range(20_000)],
        [("x", [1])], [("v19999", None)]), None
    long = "n" * 100_000
    yield "long names", model(
        [node("Relu", ["x" if i == 0 else f"{long}{i - 1}"], [f"{long}{i}"]) for i in range(20)],
        [("x", [1])], [(f"{long}19", None)]), None
    yield "a long name that nothing defines", model(
        [node("Relu", ["x"], [f"{long[:50_000]}{i}"]) for i in range(20)]
        + [node("Relu", [long[:49_999] + "m"], ["y"])], [("x", [1])], [("y", None)]), "malformed-file"
    yield "a name that nothing defines, among 20,000", model(
        [node("Relu", ["x"], [f"value_{i}"]) for i in range(20_000)] + [node("Relu", ["valu"], ["y"])],
        [("x", [1])], [("y", None)]), "malformed-file"
    yield "a cycle", model([node("Relu", ["b"], ["a"]), node("Relu", ["a"], ["b"])], [("x", [1])],
                           [("b", None)]), "malformed-file"
    yield "a value twice", model([node("Relu", ["x"], ["y"])] * 2, [("x", [1])], [("y", None)]), \
        "malformed-file"
    yield "an input twice", model([node("Relu", ["x"], ["y"])], [("x", [1])] * 2, [("y", None)]), \
        "malformed-file"
    yield "a result twice in a node", model([node("Split", ["x"], ["y", "y"])], [("x", [2])],
                                            [("y", None)]), "malformed-file"
    yield "shape arithmetic that doubles", model(
        [node("Shape", ["x"], ["s0"])]
        + [node("Concat", [f"s{i}", f"s{i}"], [f"s{i + 1}"], axis=0) for i in range(60)]
        + [node("Cast", ["s60"], ["y"], to=1)], [("x", ["N"])], [("y", None)]), ...
    yield "sizes that double", model(
        [node("Concat", [f"v{i}", f"v{i}"], [f"v{i + 1}"], axis=0) for i in range(70)],
        [("v0", [2])], [("v70", None)]), ...
    notes = helper.make_node("Strange", ["x"], ["y"], domain="d")
    for key in ("qat.captures", "qat.origins"):
        for text in ("-1", "99", "x", str(2**70)):
            noted = onnx.NodeProto()
            noted.CopyFrom(notes)
            noted.metadata_props.add(key=key, value=text)
            yield f"note {key} = {text}", model([noted], [("x", [1])], [("y", None)]), ...
    plain = onnx.load_from_string(model([node("Relu", ["x"], ["y"])], [("x", [1])], [("y", None)]))
    for text in ("x", "y", "nothing", "\n" * 10_000):
        plain.metadata_props.clear()
        plain.metadata_props.add(key="qat.variables", value=text)
        yield f"variables {text[:10]!r}", plain.SerializeToString(), ...
    for opset in (0, -1, 2**62, 29):
        yield f"opset {opset}", model_bytes(graph_bytes([RELU]), opset), "unsupported"
    yield "no bytes", b"", "malformed-file"
    yield "zeros", bytes(10_000), "malformed-file"
    yield "text", b"hello, world\n" * 100, "malformed-file"


def text_cases():
    head = "graph @g(%x: f32[2]) -> (%y: f32[2]) {\n"
    yield "not closed", head + "  %y = Relu(%x)\n", "syntax"
    yield "brackets", head + "  %y = Relu" + "(" * 1_000_000, "syntax"
    yield "lists in lists", head + "  %y = Relu(%x) {a = " + "[" * 1_000_000, "syntax"
    yield "braces", "graph @g" * 1 + "{" * 1_000_000, "syntax"
    yield "a number of a million digits", head + "  constant %c: f32[] = " + "9" * 1_000_000 + "\n}\n", "syntax"
    yield "an exponent", head + "  constant %c: f32[] = [1e" + "9" * 1000 + "]\n}\n", "syntax"
    yield "a dimension of many digits", "graph @g(%x: f32[" + "9" * 100_000 + "]) -> (%x: f32[2]) {\n}\n", \
        "syntax"
    yield "a product of dimensions", "graph @g(%x: f32[" + "*".join(["N"] * 100_000) + "]) -> (%x) {\n}\n", ...
    yield "sizes beyond memory", head + "  constant %c: f32[4611686018427387904,4] = hex\"\"\n}\n", \
        "shape-mismatch"
    yield "elements that are not there", head + "  constant %c: f32[1000000000000] = [1.0]\n}\n", \
        "shape-mismatch"
    yield "a million dimensions", "graph @g(%x: f32[" + "1," * 1_000_000 + "1]) -> (%x: f32[1]) {\n}\n", \
        "syntax"
    yield "a side file outside", head + "  constant %c: f32[2] = blob(\"../x.blob\", 0)\n}\n", "malformed-file"
    yield "a side file that is not there", head + "  constant %c: f32[2] = blob(\"x.blob\", 0)\n}\n", "io"
    yield "a name of a million letters", head + "  %y = Relu(%" + "z" * 1_000_000 + ")\n}\n", "unknown-name"
    yield "long names", head + "".join(f"  %{'z' * 50_000}{i} = Relu(%x)\n" for i in range(20)) \
        + f"  %y = Relu(%{'z' * 50_000})\n}}\n", "unknown-name"
    yield "one node name", head + "".join(f"  %v{i} = Relu(%x) name(\"n\")\n" for i in range(20_000)) \
        + "  %y = Relu(%x)\n}\n", ...
    yield "a chain", head + "".join(
        f"  %v{i} = Relu(%{'x' if i == 0 else f'v{i - 1}'})\n" for i in range(20_000)) \
        + "  %y = Relu(%x)\n}\n", None
    yield "zeros", "\0" * 100_000, "syntax"
    yield "no text", b"\xff\xfe" * 1000, "malformed-file"
    yield "note", head + "  %y = Strange(%x) : f32[2] note(\"qat.captures\" = \"-1\")\n}\n", ...


def configuration_cases():
    bomb = "[&a0 [x, x, x, x, x, x, x, x, x, x], " + ", ".join(
        f"&a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 40)) + "]"
    yield "an alias bomb", bomb, "syntax"
    yield "an alias bomb as layers", f"layers: {bomb}\n", "syntax"
    yield "an alias bomb as a rule", f"layers:\n  - match: {bomb}\n", "syntax"
    yield "an alias bomb as a key", f"? {bomb}\n: 1\n", "syntax"
    yield "an alias bomb as keys", f"bias: {bomb}\n? [*a39, 1]\n: 1\n? [*a39, 2]\n: 1\n", "syntax"
    yield "an alias bomb as settings", "layers: &l0 [x, x]\na1: &l1 [*l0, *l0]\n", "unknown-name"
    yield "one alias often", "activations: &w {bits: 8}\nlayers:\n" \
        + "  - {match: \"*\", activations: *w}\n" * 5_000, None
    yield "nested flow", "layers: " + "[" * 500_000, "syntax"
    yield "nested mappings", "layers: " + "{a: " * 200_000, "syntax"
    yield "nested blocks", "".join(" " * i + "a:\n" for i in range(1000)), ...
    yield "nested dashes", "- " * 300_000, "syntax"
    yield "nested keys", "? " * 300_000, "syntax"
    yield "an anchor in itself", "layers: &a [*a]\n", "syntax"
    yield "large numbers", "warmupBatches: " + "9" * 500_000, "syntax"
    yield "many keys", "".join(f"k{i}: 1\n" for i in range(50_000)), "unknown-name"
    yield "many rules", "layers:\n" + "  - {match: a, weights: {bits: 8}}\n" * 20_000, "configuration"
    yield "different rules", "layers:\n" + "".join(
        f"  - {{match: \"a*{i}*\", weights: {{bits: 8}}}}\n" for i in range(5_000)), ...
    yield "a regular expression that nests", f'layers: [{{match: "/{"(" * 50_000}/", quantize: false}}]', ...
    yield "a glob that backtracks", f'layers: [{{match: "{"*a" * 5_000}", quantize: false}}]', \
        "configuration"
    yield "zeros", "\0" * 1000, "syntax"


# Running ---------------------------------------------------------------------------------------------------


def check(*arguments):
    """One run, and another where the first took too long: others may have the machine. What is wrong, or None."""
    problem = attempt(*arguments)
    return attempt(*arguments) if problem and problem.endswith(TOO_LONG) else problem


def attempt(name, size, arguments, expected, verbose):
    try:
        done = subprocess.run([sys.executable, "-S", "-c", MEASURE, qat_opt.binary(), *map(str, arguments)],
                              capture_output=True, timeout=20)
    except subprocess.TimeoutExpired:
        return f"still running after 20 s{TOO_LONG}"
    status, seconds, memory = json.loads(done.stdout.splitlines()[-1])
    message = done.stderr.decode(errors="replace").strip()
    if verbose:
        print(f"{name}: {status}, {seconds:.2f} s, {memory >> 20} MiB for {size >> 10} KiB: {message[:150]}")
    lines = [line for line in message.splitlines() if not line.startswith("  hint: ")]
    if status not in (0, 1, 64) or status and len(lines) != 1:
        return f"status {status}: {message[:300]}"
    if expected is None and status:
        return f"refused: {message[:300]}"
    if expected not in (None, ...) and f"error[{expected}]" not in message:
        return f"not {expected}: {message[:300]}"
    if seconds > SECONDS:
        return f"{seconds:.2f} s of CPU{TOO_LONG}"
    if memory > MEMORY(size):
        return f"{memory >> 20} MiB for a file of {size / 2**20:.2f} MiB"
    return None


def main():
    verbose = "-v" in sys.argv[1:]
    count, failures = 0, []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "sound.onnx").write_bytes(model_bytes(graph_bytes(
            [node_bytes("Relu", ["x"], ["a" * 200]), node_bytes("Relu", ["a" * 200], ["y"])])))
        for kind, suffix, cases in [("onnx", "onnx", onnx_cases()), ("qir", "qir", text_cases()),
                                    ("config", "yaml", configuration_cases())]:
            for name, contents, expected in cases:
                path = folder / f"case.{suffix}"
                data = contents.encode() if isinstance(contents, str) else contents
                path.write_bytes(data)
                arguments = [path, "--pass-pipeline", "canonicalize", "-o", "/dev/null" if kind != "qir" else "-"]
                if kind == "onnx":
                    arguments[-1] = folder / "out.onnx"
                if kind == "config":
                    arguments = [folder / "sound.onnx", "--config", path, "--pass-pipeline",
                                 "apply-layer-config", "-o", folder / "out.onnx"]
                count += 1
                wrong = check(f"{kind}: {name}", len(data), arguments, expected, verbose)
                if wrong:
                    failures.append(name)
                    print(f"{kind}: {name}: {wrong}", flush=True)
    print(f"{count} files, {len(failures)} findings")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
