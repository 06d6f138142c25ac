"""ONNX's own backend tests (data of the `onnx` package) through `qat-opt run`, for `op_families`.

    QAT_OPT=.build/release/qat-opt python conformance.py [--update] [--only TEXT] [-v]
    QAT_OPT=.build/release/qat-opt python conformance.py --canonicalize [--only TEXT] [-v]

`--update` also writes the table of docs/operators.md.

`Tests/Fixtures/conformance-passing.txt` lists the tests that pass: a ratchet. A listed test that
fails is an error; a passing one that is not listed is printed, and `--update` rewrites the list.

`--canonicalize`: the model of each listed test is imported, canonicalized and exported, and the file
run by ONNX Runtime, or by ONNX's reference evaluator where ONNX Runtime does not pass the test with the
model as it is. What passes in neither as it is, is counted and named.
"""

import argparse
import subprocess
import sys
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.backend.test.loader import load_model_tests
from onnx.reference import ReferenceEvaluator

import ort
import qat_opt
from op_families import FAMILIES, FAMILY_OF, qualified

warnings.filterwarnings("ignore")

LIST = Path(__file__).resolve().parent.parent / "Fixtures" / "conformance-passing.txt"
STRING = onnx.TensorProto.STRING
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "operators.md"
KINDS = ("node", "simple", "pytorch-operator", "pytorch-converted")


@dataclass
class Test:
    name: str
    model: object
    data_sets: list
    rtol: float
    atol: float


def data_in(folder):
    sets = []
    for data in sorted(Path(folder).glob("test_data_set_*")):
        sets.append(tuple([onnx.load_tensor(str(p)) for p in numbered(data, stem)]
                          for stem in ("input", "output")))
    return sets


def numbered(folder, stem):
    return sorted(folder.glob(f"{stem}_*.pb"), key=lambda p: int(p.stem.split("_")[1]))


def tests(ops):
    """The tests whose model has no op but `ops` and no strings or sequences, in order of name."""
    found = {}
    for kind in KINDS:
        for case in load_model_tests(kind=kind):
            model = case.model or onnx.load(Path(case.model_dir) / "model.onnx")
            if not model.graph.node or not all(qualified(n) in ops for n in model.graph.node):
                continue
            if not all(v.type.HasField("tensor_type") and v.type.tensor_type.elem_type != STRING
                       for v in [*model.graph.input, *model.graph.output]):
                continue
            name = case.name if kind == "node" else f"{kind}/{case.name}"
            sets = case.data_sets or data_in(case.model_dir)
            found[name] = Test(name, model, sets, case.rtol, case.atol)
    return [found[name] for name in sorted(found)]


def array(value):
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)


def close(wanted, actual, test):
    """The comparison of ONNX's own runner, at the test's tolerance."""
    if wanted.dtype != actual.dtype or wanted.shape != actual.shape:
        return f"{actual.dtype}{list(actual.shape)}, expected {wanted.dtype}{list(wanted.shape)}"
    if wanted.dtype.kind not in "fV":
        wrong = wanted != actual
    else:
        e, a = wanted.astype(np.float64), actual.astype(np.float64)
        wrong = ~np.isclose(a, e, test.rtol, max(test.atol, 1e-6), equal_nan=True)
    return f"{int(wrong.sum())} of {wanted.size} differ" if wrong.any() else None


class Refused(Exception):
    """Another runtime does not run a model."""


def elsewhere(run):
    """`qat_opt.run` by another runtime: a function of a model and its inputs by name."""
    def outputs(model, inputs):
        feeds = {value.name: array for value, array in zip(model.graph.input, inputs)}
        try:
            results = [np.asarray(value) for value in run(model, feeds)]
        except Exception as refused:  # of any kind: what is not implemented has no one type
            raise Refused(str(refused).replace("\n", " ")[:300]) from refused
        # ONNX Runtime hands float8 out as bytes.
        types = [helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
                 for value in model.graph.output]
        return [value.view(wanted) if value.dtype == np.uint8 and wanted.itemsize == 1 else value
                for value, wanted in zip(results, types)]
    return outputs


RUNTIMES = (elsewhere(ort.run),
            elsewhere(lambda model, feeds: ReferenceEvaluator(model).run(None, feeds)))


def canonicalized(model):
    """The file that `canonicalize` and the exporter make of a model."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.onnx", Path(folder) / "out.onnx"
        source.write_bytes(model.SerializeToString())
        qat_opt.call(source, "--pass-pipeline", "canonicalize", "-o", target)
        return onnx.load(target)


def judge(test, run=qat_opt.run):
    """None where every data set of the test passes, else what went wrong."""
    for inputs, outputs in test.data_sets:
        try:
            actual = run(test.model, [array(v) for v in inputs])
            wanted = [array(v) for v in outputs]
        except (qat_opt.Failure, Refused) as failure:
            return str(failure)
        except Exception as other:  # sequences and optionals are no tensors
            return f"not read: {other!r}"
        if len(wanted) != len(actual):
            return f"{len(actual)} outputs, expected {len(wanted)}"
        for i, (e, a) in enumerate(zip(wanted, actual)):
            problem = close(e, a, test)
            if problem:
                return f"output {i}: {problem}"
    return None


def judge_canonicalized(test):
    """None where the canonicalized model passes; else whether the model itself does, and why not."""
    before = None
    for run in RUNTIMES:
        problem = judge(test, lambda model, inputs: run(canonicalized(model), inputs))
        if problem is None:
            return None
        before = judge(test, run)
        if before is None:
            return True, problem
    return False, before


def check_canonicalized(cases):
    """Prints what canonicalizing breaks; the exit status."""
    found = {test.name: problem for test, problem
             in zip(cases, qat_opt.in_parallel(judge_canonicalized, cases)) if problem}
    wrong = [name for name, (passed, _) in found.items() if passed]
    print(f"canonicalized: {len(cases) - len(found)} of {len(cases)} compute the same, "
          f"{len(wrong)} do not, {len(found) - len(wrong)} pass nowhere else as they are")
    for name, (passed, problem) in found.items():
        print(f"    {name}{'' if passed else ', as it is'}: {problem}")
    return 1 if wrong else 0


def operation_table(cases, passing):
    """The lines of the table: what the project does with each operation, and its tests."""
    rows = subprocess.run([qat_opt.binary(), "--list-ops"], capture_output=True, text=True, check=True)
    known = {row[0]: row[1:] for row in
             ([cell.strip() for cell in line.split("|")] for line in rows.stdout.splitlines()[2:])}
    used = {case.name: {qualified(node) for node in case.model.graph.node} for case in cases}
    lines = []
    for family, ops in FAMILIES.items():
        lines += ["", f"### {family}", "", "| operation | runs by | gradient | can be quantized | ONNX's tests that pass |",
                  "|" + "---|" * 5]
        for op in ops.split():
            total = [name for name, names in used.items() if op in names]
            good = sum(name in passing for name in total)
            runs, gradient, quantized = known.get(op, ("in an older form", "", ""))
            tests = f"{good} of {len(total)}" if total else "none has it"
            lines.append(f"| {op} | {runs} | {gradient} | {quantized} | {tests} |")
    return lines


def write_table(lines):
    text = DOCUMENT.read_text()
    start, end = "<!-- support -->", "<!-- /support -->"
    before, rest = text.split(start)
    DOCUMENT.write_text(before + start + "\n".join(lines) + "\n" + end + rest.split(end)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--canonicalize", action="store_true")
    parser.add_argument("--only", help="a part of the test's name")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("-v", action="store_true", help="print every test that fails, and why")
    options = parser.parse_args()
    cases = [t for t in tests(FAMILY_OF) if not options.only or options.only in t.name]
    if options.list:
        print("\n".join(t.name for t in cases))
        return 0
    if not qat_opt.binary():
        print(f"{len(cases)} tests; QAT_OPT is not set, nothing run")
        return 0
    listed = set(LIST.read_text().split()) if LIST.exists() else set()
    if options.canonicalize:
        return check_canonicalized([t for t in cases if t.name in listed])
    problems = dict(zip((t.name for t in cases), qat_opt.in_parallel(judge, cases)))
    passing = {name for name, problem in problems.items() if problem is None}
    lost = sorted((listed & problems.keys()) - passing)
    if not options.only:
        lost += sorted(listed - problems.keys())
    unsupported = sum("unsupported" in (p or "") for p in problems.values())
    print(f"conformance: {len(passing)} of {len(problems)} pass, {unsupported} unsupported, "
          f"{len(listed)} listed, {len(lost)} of them fail")
    for name, problem in problems.items():
        if problem and (options.v or name in lost):
            print(f"    {name}: {problem}")
    gained = sorted(passing - listed)
    if options.update and not options.only:
        LIST.write_text("".join(f"{name}\n" for name in sorted(passing)))
        print(f"{LIST.name}: {len(gained)} added, {len(lost)} removed")
        write_table(operation_table(cases, passing))
        return 0
    if gained:
        print(f"{len(gained)} pass and are not listed (--update): {' '.join(gained[:8])}")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
