"""Every public declaration has a doc comment: asks the compiler for the symbols of the built modules.

    python documentation.py [BIN]      # BIN: where `swift build` left its modules

A comment may stand at the requirement of a protocol that a declaration fulfils: the compiler passes it on. Left
out are initializers that take nothing, or only properties of those names; cases that stand in a list on one line,
whose enum says what they are; and QATKernels but for its thread pool: `import QAT` does not show it.
"""

import collections
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULES = [
    "QATCore", "QATIR", "QATONNX", "QATKernels", "QATRuntime", "QATRewrite", "QATConfig", "QATPasses", "QATData",
    "QATTraining", "QATQuantization", "QAT", "QATOpt",
]


def output(*command):
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def symbols(binaries, folder):
    """The public symbols of all modules, as the compiler lists them."""
    target = json.loads(output("swift", "-print-target-info"))["target"]["triple"]
    includes = [binaries / "Modules"]
    includes += [ROOT / "Sources" / library for library in ("CProtobufC", "CYAML", "CZlib")]
    options = [part for path in includes for part in ("-I", str(path))]
    for path in sorted(binaries.glob("*.build/module.modulemap")):
        options += ["-Xcc", f"-fmodule-map-file={path}"]
    if sys.platform == "darwin":
        options += ["-sdk", output("xcrun", "--show-sdk-path")]
    for module in MODULES:
        done = subprocess.run(
            ["swift", "symbolgraph-extract", "-module-name", module, *options, "-target", target,
             "-minimum-access-level", "public", "-skip-synthesized-members", "-output-dir", str(folder)],
            cwd=ROOT, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"documentation: {module}: {done.stderr.strip()}")
    for path in sorted(folder.glob("*.symbols.json")):
        yield from json.loads(path.read_text())["symbols"]


def line(symbol, sources={}):
    """Where a symbol is declared: the file, the line from 1, and its text."""
    location = symbol.get("location")
    if not location:
        return None
    path = Path(location["uri"].removeprefix("file://"))
    number = location["position"]["line"] + 1
    lines = sources.setdefault(path, path.read_text().splitlines())
    return path, number, lines[number - 1]


def is_plain_initializer(name, properties):
    match = re.fullmatch(r"init[?]?\((.*)\)", name)
    return match is not None and all(part in properties for part in match[1].split(":") if part)


def main():
    binaries = Path(sys.argv[1] if len(sys.argv) > 1 else output("swift", "build", "--show-bin-path"))
    with tempfile.TemporaryDirectory() as folder:
        every = list(symbols(binaries, Path(folder)))
    properties, cases = collections.defaultdict(set), collections.Counter()
    for symbol in every:
        *owner, name = symbol["pathComponents"]
        if symbol["kind"]["identifier"] == "swift.property":
            properties[tuple(owner)].add(name)
        if symbol["kind"]["identifier"] == "swift.enum.case" and (place := line(symbol)):
            cases[place[:2]] += 1
    missing = set()
    for symbol in every:
        place = line(symbol)
        if "docComment" in symbol or place is None or ROOT not in place[0].parents:
            continue
        path, number, text = place
        *owner, name = symbol["pathComponents"]
        kind = symbol["kind"]["identifier"]
        if "QATKernels" in path.parts and path.name != "ThreadPool.swift":
            continue
        if kind == "swift.init" and is_plain_initializer(name, properties[tuple(owner)]):
            continue
        if kind == "swift.enum.case" and (cases[place[:2]] > 1 or "enum " in text):
            continue
        missing.add((str(path.relative_to(ROOT)), number, ".".join(symbol["pathComponents"])))
    for path, number, name in sorted(missing):
        print(f"{path}:{number}: {name} has no doc comment")
    documented = sum("docComment" in symbol for symbol in every)
    print(f"{len(every)} public declarations, {documented} with a comment, {len(missing)} without one that need it")
    # Fewer than that means that the compiler was not asked for all.
    return 1 if missing or documented < 2000 else 0


if __name__ == "__main__":
    sys.exit(main())
