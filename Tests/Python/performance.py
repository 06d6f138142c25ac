"""Puts measured figures into docs/performance.md.

    python performance.py infer RESULTS.json
    python performance.py train RESULTS.json

`infer`: `{model: {"b1": {runner: {"ms": median, "ms_all": [...]}}}}`, runners named as in
"ort qdq", "ov ptq", "tfl int8", "torch fp32", "ours qdq", "ours fp32", all of one interleaved run.
`train`: `{model: {"64": {runner: {"ms": median, "rss": MiB}}}}` with runners "ours fp32", "ours qat", ….
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
    return f"{runner['ms']:.3g}"


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
    lines = ["| model | batch | float step, ms | QAT step, ms | QAT / float | peak memory QAT / float |",
             "|---|---|---|---|---|---|"]
    shares = []
    for model, batches in results.items():
        for batch, runners in batches.items():
            real, qat = runners["ours fp32"], runners["ours qat"]
            shares.append(qat["ms"] / real["ms"])
            lines.append(
                f"| {model} | {batch} | {milliseconds(real)} | {milliseconds(qat)} | {shares[-1]:.2f} | "
                f"{qat['rss'] / real['rss']:.2f} |")
    lines.append(f"| geometric mean | | | | {geometric_mean(shares):.2f} | |")
    return lines


def main():
    kind, path = sys.argv[1:3]
    lines = {"infer": infer, "train": train}[kind](json.loads(Path(path).read_text()))
    text = DOCUMENT.read_text()
    start, end = f"<!-- {kind} -->", f"<!-- /{kind} -->"
    before, rest = text.split(start)
    DOCUMENT.write_text(before + start + "\n" + "\n".join(lines) + "\n" + end + rest.split(end)[1])


main()
