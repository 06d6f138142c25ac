"""What ONNX's schemas gained after opset 13, for the exporter: `SchemaHistory+Table.swift`.

    python opset_table.py [--update]
    QAT_OPT=.build/release/qat-opt python opset_table.py --export [--only TEXT]

Without an option: whether the committed table is what `onnx.defs` gives. `--export`: imports every
model of ONNX's backend tests and writes it; ONNX's checker takes the file, and each node, its
attributes, operands and element types are in the schema of the opset that the file names.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import onnx
from onnx import TensorProto, shape_inference
from onnx.defs import OpSchema

import conformance
import qat_opt
from op_families import FAMILY_OF

FIRST, LAST = 13, 28
TABLE = Path(__file__).resolve().parents[2] / "Sources/QATONNX/Opset/SchemaHistory+Table.swift"
NAMES = {"float": "f32", "double": "f64", "float16": "f16", "bfloat16": "bf16", "bool": "bool",
         "string": "string", "float8e4m3fn": "f8e4m3fn", "float8e4m3fnuz": "f8e4m3fnuz",
         "float8e5m2": "f8e5m2", "float8e5m2fnuz": "f8e5m2fnuz", "float8e8m0": "f8e8m0",
         "float4e2m1": "f4e2m1", "float6e2m3": "f6e2m3", "float6e3m2": "f6e3m2",
         **{f"{u}int{b}": f"{'u' if u else 'i'}{b}" for u in ("", "u") for b in (2, 4, 8, 16, 32, 64)}}


def versions(op):
    """The op's schemas from 13 on, by the version from which each holds; the first stands for 13."""
    found = {}
    for version in range(FIRST, LAST + 1):
        if onnx.defs.has(op, version, ""):
            try:
                schema = onnx.defs.get_schema(op, version, "")
            except onnx.defs.SchemaError:
                continue
            if not schema.deprecated:
                found[max(schema.since_version, FIRST)] = schema
    return found


def elements(parameter):
    return {NAMES[t[7:-1]] for t in parameter.types if t.startswith("tensor(") and t[7:-1] in NAMES}


def first_seen(history, keys):
    """For each key the first version of which `keys(schema)` has it."""
    seen = {}
    for version, schema in sorted(history.items()):
        for key in keys(schema):
            seen.setdefault(key, version)
    return seen


def shared(schema):
    """Pairs of operands that have the same element type."""
    inputs = list(schema.inputs)
    return {(i, j) for j in range(len(inputs)) for i in range(j)
            if inputs[i].type_str == inputs[j].type_str}


def freed(history):
    """Pairs of operands and the version from which on they may have different element types."""
    order = sorted(history)
    found = {}
    for version, after in zip(order, order[1:]):
        found |= {pair: after for pair in shared(history[version])}
    return {pair: v for pair, v in found.items() if pair not in shared(history[order[-1]])}


def types_of(parameters, prefix, history):
    """Tokens of the element types that operands or results took later than they came themselves."""
    tokens = []
    count = max(len(parameters(s)) for s in history.values())
    for index in range(count):
        holds = {v: s for v, s in history.items() if index < len(parameters(s))}
        came = min(holds)
        later = {}
        for element, version in first_seen(holds, lambda s: sorted(elements(parameters(s)[index]))).items():
            if version > came:
                later.setdefault(version, []).append(element)
        tokens += [f"{prefix}{index}:{','.join(e)}@{v}" for v, e in sorted(later.items())]
    return tokens


def line(op):
    """The tokens of an op: see `SchemaHistory`."""
    history = versions(op)
    if not history:
        return None
    base = min(history)
    tokens = [f"@{base}"] if base > FIRST else []
    attributes = first_seen(history, lambda s: sorted(s.attributes))
    tokens += [f"{name}@{v}" for name, v in sorted(attributes.items()) if v > base]
    operands = first_seen(history, lambda s: range(len(s.inputs)))
    tokens += [f"#{index}@{v}" for index, v in sorted(operands.items()) if v > base]
    tokens += [f"{i}/{j}@{v}" for (i, j), v in sorted(freed(history).items())]
    tokens += types_of(lambda s: s.inputs, "", history)
    said = {i.type_str for i in history[max(history)].inputs
            if i.option != OpSchema.FormalParameterOption.Optional}
    if not all(o.type_str in said for o in history[max(history)].outputs):
        tokens += types_of(lambda s: s.outputs, ">", history)
    return " ".join([op, *tokens]) if tokens else None


def wrapped(text, width=92):
    lines, current = [], ""
    for token in text.split(" "):
        if current and len(current) + 1 + len(token) > width:
            lines.append(current + " \\")
            current = "  "
        current = f"{current} {token}" if current.strip() else current + token
    return [*lines, current]


def table():
    """The Swift file."""
    ops = sorted(op for op in FAMILY_OF if "." not in op)
    rows = [row for op in ops if (entry := line(op)) for row in wrapped(entry)]
    body = "\n".join("    " + row for row in rows)
    return f'''// Generated by Tests/Python/opset_table.py from onnx.defs; do not edit.

extension SchemaHistory {{
  /// One operation a line; the form is that of `init(_:)`.
  static let table = """
{body}
    """
}}
'''


# Exported files --------------------------------------------------------------------------------


def problems(model):
    """What the nodes of a file have that their schemas have not."""
    inferred = shape_inference.infer_shapes(model)
    values = [*inferred.graph.input, *inferred.graph.output, *inferred.graph.value_info]
    types = {v.name: v.type.tensor_type.elem_type for v in values}
    types |= {t.name: t.data_type for t in model.graph.initializer}
    version = {o.domain: o.version for o in model.opset_import}.get("", 1)
    for node in model.graph.node:
        if node.domain:
            continue
        if not onnx.defs.has(node.op_type, version, ""):
            yield f"{node.op_type} is not in {version}"
            continue
        schema = onnx.defs.get_schema(node.op_type, version, "")
        unknown = {a.name for a in node.attribute} - set(schema.attributes)
        if unknown:
            yield f"{node.op_type} of {version} has no {unknown}"
        yield from wrong_types(node, schema, types, version)


def wrong_types(node, schema, types, version):
    bound = {}
    for names, parameters in ((node.input, schema.inputs), (node.output, schema.outputs)):
        for index, name in enumerate(names):
            if not name or not types.get(name):
                continue
            if index >= len(parameters) and not (
                    parameters and parameters[-1].option == OpSchema.FormalParameterOption.Variadic):
                yield f"{node.op_type} of {version} has no operand {index}"
                continue
            parameter = parameters[min(index, len(parameters) - 1)]
            element = f"tensor({TensorProto.DataType.Name(types[name]).lower()})"
            if element not in parameter.types:
                yield f"{node.op_type} of {version}: {parameter.name} is {element}"
            if parameter.is_homogeneous and bound.setdefault(parameter.type_str, element) != element:
                yield f"{node.op_type} of {version}: {parameter.name} is {element}, not {bound[parameter.type_str]}"


def exported(test):
    """None, or what is wrong with the exported file of a backend test."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.onnx", Path(folder) / "out.onnx"
        source.write_bytes(test.model.SerializeToString())
        try:
            qat_opt.call(source, "-o", target)
        except qat_opt.Failure as failure:
            return f"not imported: {failure}"
        model = onnx.load(target)
        try:
            onnx.checker.check_model(model, full_check=True)
        except Exception as refused:
            return "checker: " + str(refused).replace("\n", " ")[:300]
        return "; ".join(sorted(set(problems(model)))) or None


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--export", action="store_true")
    parser.add_argument("--only", help="a part of the test's name")
    options = parser.parse_args()
    if options.update:
        TABLE.write_text(table())
    if not options.export:
        same = TABLE.exists() and TABLE.read_text() == table()
        print("the table of schemas is that of onnx", onnx.__version__, ":", "yes" if same else "NO (--update)")
        return 0 if same else 1
    tests = [t for t in conformance.tests(FAMILY_OF) if not options.only or options.only in t.name]
    found = dict(zip((t.name for t in tests), qat_opt.in_parallel(exported, tests)))
    refused = {n: p for n, p in found.items() if p and p.startswith("not imported")}
    wrong = {n: p for n, p in found.items() if p and n not in refused}
    print(f"{len(found)} models, {len(refused)} not imported, {len(wrong)} exported wrong")
    for name, problem in [*wrong.items(), *(refused.items() if options.only else [])]:
        print(f"    {name}: {problem}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
