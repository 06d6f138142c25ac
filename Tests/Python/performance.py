"""Puts measured figures into docs/performance.md.

    python performance.py infer RESULTS.json
    python performance.py train RESULTS.json
    python performance.py roofline PROFILE.json

`infer`: `{model: {"b1": {runner: {"ms": median, "ms_all": [...]}}}}`, runners named as in
"ort qdq", "ov ptq", "tfl int8", "torch fp32", "ours qdq", "ours fp32", all of one interleaved run.
`train`: `{model: {"b64": {runner: {"ms": median, "ms_all": [...], "rss": MiB}}}}` with runners "fp32" and "fx-qat",
PyTorch's, and "ours fp32", "ours qat", "ours lsq".
`roofline`: the last line of `qat-opt bench resnet50.qdq.onnx --profile --json`.
What stands between `<!-- NAME -->` and `<!-- /NAME -->` is replaced; the rest is written by hand.
"""

import json
import math
import statistics
import sys
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "performance.md"


def ratio(a, b):
    """Median of the ratios of the rounds."""
    pairs = list(zip(a.get("ms_all", [a["ms"]]), b.get("ms_all", [b["ms"]])))
    return statistics.median(x / y for x, y in pairs)


def geometric_mean(numbers):
    return math.exp(sum(map(math.log, numbers)) / len(numbers))


def milliseconds(runner):
    ms = runner["ms"]
    return f"{ms:.0f}" if ms >= 100 else f"{ms:.3g}"


def infer(results):
    head = ("| model | batch | ours int8, ms | ONNX Runtime int8 / ours | best peer int8 / ours | ours float / int8 "
            "| ours float, ms | ONNX Runtime float / ours |")
    lines = [head, "|" + "---|" * 8]
    columns = {"batch": [], "ort": [], "best": [], "own": [], "float": []}
    for model, batches in results.items():
        for batch, runners in batches.items():
            ours, own_float = runners["ours qdq"], runners["ours fp32"]
            peers = {k: v for k, v in runners.items()
                     if not k.startswith("ours") and "fp32" not in k and "bf16" not in k}
            best = min(peers, key=lambda name: peers[name]["ms"])
            row = {"ort": ratio(runners["ort qdq"], ours), "best": ratio(peers[best], ours),
                   "own": ratio(own_float, ours), "float": ratio(runners["ort fp32"], own_float)}
            for key, value in row.items():
                columns[key].append(value)
            columns["batch"].append(batch)
            lines.append(
                f"| {model} | {batch[1:]} | {milliseconds(ours)} | {row['ort']:.2f} | "
                f"{row['best']:.2f} ({best}) | {row['own']:.2f} | {milliseconds(own_float)} | {row['float']:.2f} |")
    for batch in dict.fromkeys(columns["batch"]):
        def mean(key):
            return geometric_mean(
                [v for v, b in zip(columns[key], columns["batch"]) if b == batch])
        lines.append(
            f"| geometric mean | {batch[1:]} | | {mean('ort'):.2f} | {mean('best'):.2f} | "
            f"{mean('own'):.2f} | | {mean('float'):.2f} |")
    return lines


def train(results):
    lines = ["| model | batch | float step, ms | PyTorch / ours | QAT step, ms | QAT / float | PyTorch FX QAT / ours "
             "| LSQ / QAT | peak memory, QAT / float | ours / PyTorch FX QAT |", "|" + "---|" * 10]
    columns = {}
    for model, batches in results.items():
        for batch, runners in batches.items():
            real, qat, lsq = (runners["ours " + name] for name in ("fp32", "qat", "lsq"))
            fx = runners["fx-qat"]
            row = {"float": ratio(runners["fp32"], real), "own": ratio(qat, real),
                   "fx": ratio(fx, qat), "lsq": ratio(lsq, qat), "memory": qat["rss"] / real["rss"],
                   "fx memory": qat["rss"] / fx["rss"]}
            for key, value in row.items():
                columns.setdefault(key, []).append(value)
            lines.append(
                f"| {model} | {batch[1:]} | {milliseconds(real)} | {row['float']:.2f} | {milliseconds(qat)} | "
                f"{row['own']:.2f} | {row['fx']:.2f} | {row['lsq']:.2f} | {row['memory']:.2f} | "
                f"{row['fx memory']:.2f} |")
    mean = {key: geometric_mean(values) for key, values in columns.items()}
    lines.append(
        f"| geometric mean | | | {mean['float']:.2f} | | {mean['own']:.2f} | {mean['fx']:.2f} | {mean['lsq']:.2f} | "
        f"{mean['memory']:.2f} | {mean['fx memory']:.2f} |")
    return lines


#: Bytes a nanosecond that a core reads from the caches behind its own: the table's text says so.
BANDWIDTH = 30


def roofline(profile):
    """The layers that multiply, in order: what bounds each, and how near it comes to that."""
    lines = ["| layer | million multiply-adds | KiB read and written | GOPS | of the peak | of the roof "
             "| bound by | share of the time |", "|" + "---|" * 8]
    total = sum(node["us"] for node in profile["nodes"])
    for node in profile["nodes"]:
        if not node["multiply_adds"]:
            continue
        work = node["multiply_adds"] / node["bytes"] * BANDWIDTH * 2  # GOPS that memory allows
        peak = profile["peaks"]["integer"]
        speed = 2e-3 * node["multiply_adds"] / node["us"]
        lines.append(
            f"| {node['name']} | {node['multiply_adds'] / 1e6:.1f} | {node['bytes'] / 1024:.0f} | "
            f"{speed:.0f} | {100 * speed / peak:.0f} % | {100 * speed / min(peak, work):.0f} % | "
            f"{'arithmetic' if work > peak else 'memory'} | {100 * node['us'] / total:.1f} % |")
    rest = sum(node["us"] for node in profile["nodes"] if not node["multiply_adds"])
    lines.append(f"| all others | | | | | | | {100 * rest / total:.1f} % |")
    return lines


def main():
    kind, path = sys.argv[1:3]
    lines = {"infer": infer, "train": train, "roofline": roofline}[kind](json.loads(Path(path).read_text()))
    text = DOCUMENT.read_text()
    start, end = f"<!-- {kind} -->", f"<!-- /{kind} -->"
    before, rest = text.split(start)
    DOCUMENT.write_text(before + start + "\n" + "\n".join(lines) + "\n" + end + rest.split(end)[1])


main()
