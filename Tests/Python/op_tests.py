"""Every op of the main path on small random models: `qat-opt run` against ONNX Runtime, or against
ONNX's reference evaluator where the runtime has no kernel.

    QAT_OPT=.build/release/qat-opt python op_tests.py [--only OP] [--cases 60] [--list] [--keep DIR]

Integer rules are the subject of `rules.py`; a few models of each run here as well.
"""

import argparse
import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

import movement_cases
import op_cases
import ort
import qat_opt
import quantization_cases
import rules

warnings.filterwarnings("ignore")


def integer_case(name):
    def make(d):
        model, feeds = rules.RULES[name](rules.Draw(int(d.random.integers(2**31))))
        return op_cases.Case(name, model, feeds, rtol=0, atol=0)
    return make


RANDOM = {**op_cases.OPS, **movement_cases.OPS, **quantization_cases.OPS}
INTEGER = {n: integer_case(n) for n in rules.RULES if n not in RANDOM}
OPS = {**RANDOM, **INTEGER}


def expected(case):
    """(outputs, who computed them); None where neither takes the model."""
    try:
        if not case.reference:
            return ort.run(case.model, case.feeds, optimize=False), "onnxruntime"
    except Exception as refused:
        case.note = str(refused).replace("\n", " ")[:200]
    try:
        results = ReferenceEvaluator(case.model).run(None, case.feeds)
        return [np.asarray(r) for r in results if r is not None], "onnx.reference"
    except Exception as refused:
        case.note += " | " + str(refused).replace("\n", " ")[:200]
    return None, None


def declare(case, outputs):
    """Gives the graph's outputs the types and shapes of the expected values."""
    for info, value in zip(case.model.graph.output, outputs):
        info.CopyFrom(op_cases.typed(info.name, value))


def mismatch(case, wanted, actual):
    """A sentence on what differs, or None."""
    if len(wanted) != len(actual):
        return f"{len(actual)} outputs, expected {len(wanted)}"
    for i, (e, a) in enumerate(zip(wanted, actual)):
        if e.dtype != a.dtype:
            return f"output {i} is {a.dtype}, expected {e.dtype}"
        if e.shape != a.shape:
            return f"output {i} has shape {a.shape}, expected {e.shape}"
        if e.dtype.kind != "f":
            wrong = e != a
        else:
            finite = e[np.isfinite(e)]
            atol = case.atol * (max(1.0, float(np.abs(finite).max())) if case.scaled and finite.size else 1)
            wrong = ~np.isclose(a.astype(np.float64), e.astype(np.float64), case.rtol, atol,
                                equal_nan=True)
        if wrong.any():
            at = tuple(int(v) for v in np.argwhere(wrong)[0])
            return (f"output {i}: {int(wrong.sum())} of {e.size} differ, first at {list(at)}: "
                    f"{a[at]!r}, expected {e[at]!r}")
    return None


def prepare(op, count):
    """Cases with their expected values; those that no one can compute are skipped."""
    ready, sources = [], Counter()
    for index in range(count):
        case = OPS[op](op_cases.Draw(index, *op.encode()))
        outputs, source = expected(case)
        sources[source or "skipped"] += 1
        if source:
            declare(case, outputs)
            ready.append((index, case, outputs))
        elif "-v" in sys.argv:
            print(f"  skipped {op} {index}: {case.note}\n  {onnx.printer.to_text(case.model.graph)}")
    return ready, sources


def judge(item):
    index, case, outputs = item
    try:
        return mismatch(case, outputs, qat_opt.run(case.model, list(case.feeds.values())))
    except qat_opt.Failure as failure:
        return str(failure)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=list(OPS), metavar="OP")
    parser.add_argument("--cases", type=int, default=60, help="random models an op")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--keep", type=Path, help="a folder for the models that fail")
    parser.add_argument("-v", action="store_true", help="print what was skipped and why")
    options = parser.parse_args()
    if options.list:
        print("\n".join(OPS))
        return 0
    failed = 0
    for op in options.only or OPS:
        ready, sources = prepare(op, options.cases if op in RANDOM else 10)
        by = ", ".join(f"{n} {s}" for s, n in sources.items())
        if not qat_opt.binary():
            print(f"{op}: {len(ready)} cases ({by}); QAT_OPT is not set, nothing compared")
            continue
        problems = [(i, c, p) for (i, c, _), p in zip(ready, qat_opt.in_parallel(judge, ready)) if p]
        print(f"{op}: {len(ready)} cases ({by}), {len(problems)} failures", flush=True)
        for index, case, problem in problems[:6]:
            print(f"    case {index}, opset {case.model.opset_import[0].version}, "
                  f"{onnx.printer.to_text(case.model.graph.node[0]).strip()}, "
                  f"{[list(v.shape) for v in case.feeds.values()]}\n      {problem}")
        if options.keep:
            options.keep.mkdir(parents=True, exist_ok=True)
            for index, case, _ in problems:
                onnx.save(case.model, options.keep / f"{op}-{index}.onnx")
        failed += len(problems)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
