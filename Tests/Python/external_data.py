"""Weights in files beside the model: read as any exporter writes them, written as every runtime maps them.

    QAT_OPT=.build/debug/qat-opt python external_data.py
    QAT_OPT=.build-release/release/qat-opt python external_data.py --large     by hand: models of 2.5 GB, 6 GB of disk
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import qat_opt
from hostile import MEASURE

FAILURES = []


def check(condition, what):
    if not condition:
        FAILURES.append(what)
        print(f"failed: {what}", flush=True)


def network(sizes=(8, 300, 40, 5)):
    """Products and sums: weights above and below 1 KiB, one of them of bool, one of int64."""
    nodes, weights, x = [], [], "x"
    random = np.random.default_rng(3)
    for index, (a, b) in enumerate(zip(sizes, sizes[1:])):
        weights.append(numpy_helper.from_array(random.normal(size=(a, b)).astype(np.float32), f"w{index}"))
        weights.append(numpy_helper.from_array(random.normal(size=b).astype(np.float32), f"b{index}"))
        nodes.append(helper.make_node("MatMul", [x, f"w{index}"], [f"m{index}"]))
        nodes.append(helper.make_node("Add", [f"m{index}", f"b{index}"], [f"a{index}"]))
        x = f"a{index}"
    mask = random.integers(0, 2, (400, sizes[-1])).astype(bool)
    weights.append(numpy_helper.from_array(mask, "mask"))
    weights.append(numpy_helper.from_array(np.zeros((400, sizes[-1]), np.float32), "zeros"))
    nodes.append(helper.make_node("Where", ["mask", x, "zeros"], ["y"]))
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "g", [value("x", [1, sizes[0]])], [value("y", [400, sizes[-1]])], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


INPUT = np.linspace(-1, 1, 8, dtype=np.float32)[None]


def answer(path):
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"x": INPUT})[0]


def convert(source, target, *options, folder=None):
    return subprocess.run([qat_opt.binary(), str(source), "--pass-pipeline", "", "-o", str(target), *options],
                          capture_output=True, text=True, cwd=folder)


def external(path):
    """What the model says of external data: name -> entries."""
    model = onnx.load(path, load_external_data=False)
    return {tensor.name: {entry.key: entry.value for entry in tensor.external_data}
            for tensor in model.graph.initializer if tensor.data_location == TensorProto.EXTERNAL}


# Reading ---------------------------------------------------------------------------------------------------


def save_external(model, folder, place, threshold=0, gap=0, keys=("offset", "length")):
    """Writes a model whose tensors go where `place` says: name -> file."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for tensor in copy.graph.initializer:
        data = numpy_helper.to_array(tensor).tobytes()
        if len(data) < threshold:
            continue
        file = folder / place(tensor.name)
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(file, "ab") as stream:
            stream.write(bytes(gap))
            offset = stream.tell()
            stream.write(data)
        entries = {"location": place(tensor.name), "offset": str(offset), "length": str(len(data)),
                   "checksum": "da39a3ee5e6b4b0d3255bfef95601890afd80709"}
        tensor.ClearField("raw_data")
        for key in ("location", *keys):
            tensor.external_data.add(key=key, value=entries[key])
        tensor.data_location = TensorProto.EXTERNAL
    (folder / "model.onnx").write_bytes(copy.SerializeToString())


def check_reading(folder):
    model = network()
    (folder / "plain.onnx").write_bytes(model.SerializeToString())
    wanted = answer(folder / "plain.onnx")
    variants = {
        "one file": dict(place=lambda name: "model.onnx.data"),
        "above a threshold": dict(place=lambda name: "weights.bin", threshold=1024),
        "a file a tensor": dict(place=lambda name: f"{name}.bin", keys=()),
        "folders": dict(place=lambda name: f"weights/{name[0]}/{name}.bin"),
        "a checksum": dict(place=lambda name: "./weights.bin", keys=("offset", "length", "checksum")),
        "odd offsets": dict(place=lambda name: "weights.bin", gap=3),
        "a name with spaces": dict(place=lambda name: "die Gewichte ü.bin"),
    }
    for name, variant in variants.items():
        inner = folder / name
        inner.mkdir()
        save_external(model, inner, **variant)
        done = convert(inner / "model.onnx", folder / "out.onnx")
        check(done.returncode == 0, f"reading {name}: {done.stderr.strip()}")
        if done.returncode == 0:
            check(not external(folder / "out.onnx"), f"{name}: a small model is written as one file")
            check(np.array_equal(answer(folder / "out.onnx"), wanted), f"{name}: another answer")
        # From the folder itself, by a bare name.
        done = convert("model.onnx", folder / "out.onnx", folder=inner)
        check(done.returncode == 0, f"reading {name} from its folder: {done.stderr.strip()}")


def check_refusals(folder):
    (folder / "outside.bin").write_bytes(bytes(1 << 16))
    inner = folder / "inside"
    inner.mkdir()
    (inner / "link.bin").symlink_to(folder / "outside.bin")
    (inner / "up").symlink_to(folder)
    (inner / "short.bin").write_bytes(bytes(16))
    os.mkfifo(inner / "pipe.bin")
    for location, code in [("../outside.bin", "malformed-file"), (str(folder / "outside.bin"), "malformed-file"),
                           ("link.bin", "malformed-file"), ("up/outside.bin", "malformed-file"),
                           ("a/../../outside.bin", "malformed-file"), ("", "malformed-file"),
                           ("missing.bin", "io"), ("pipe.bin", "io"), ("up", "malformed-file"),
                           ("short.bin", "malformed-file"), ("/dev/zero", "malformed-file")]:
        model = network()
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)
        (inner / "model.onnx").write_bytes(model.SerializeToString())
        done = convert(inner / "model.onnx", folder / "never.onnx")
        check(done.returncode == 1 and f"error[{code}]" in done.stderr, f"reading '{location}': {done.stderr}")
        check(not (folder / "never.onnx").exists(), f"'{location}': a file is left")
    # The same bytes over and over, where they are not aligned, take no memory without end: they are copied
    # where someone looks at them.
    model = network()
    (inner / "data.bin").write_bytes(bytes(4 << 20))
    for index in range(1000):
        model.graph.initializer.add(name=f"t{index}", data_type=TensorProto.FLOAT, dims=[1_000_000],
                                    data_location=TensorProto.EXTERNAL)
        for key, value in [("location", "data.bin"), ("offset", "1"), ("length", "4000000")]:
            model.graph.initializer[-1].external_data.add(key=key, value=value)
    (inner / "model.onnx").write_bytes(model.SerializeToString())
    status, _, memory = measured(inner / "model.onnx", folder / "never.onnx")
    check(status == 0 and memory < 60, f"copies without end: {status}, {memory} MiB")


# Writing ---------------------------------------------------------------------------------------------------


def check_writing(folder):
    model = network((8, 700, 700, 5))  # one weight of more than 1 MiB
    source = folder / "source.onnx"
    source.write_bytes(model.SerializeToString())
    wanted = answer(source)
    (folder / "weights").mkdir()
    for option, location in [("--external-data", "out.onnx.data"), ("--external-data=w.bin", "w.bin"),
                             ("--external-data=weights/w.bin", "weights/w.bin")]:
        out = folder / "out.onnx"
        done = convert(source, out, option)
        check(done.returncode == 0, f"{option}: {done.stderr.strip()}")
        onnx.checker.check_model(str(out), full_check=True)
        check(np.array_equal(answer(out), wanted), f"{option}: another answer")
        places = external(out)
        size = {tensor.name: len(tensor.raw_data) for tensor in model.graph.initializer}
        check(set(places) == {name for name in size if size[name] >= 1024}, f"{option}: {set(places)}")
        for name, entries in places.items():
            check(entries["location"] == location, f"{option}: {entries}")
            check(int(entries["length"]) == size[name], f"{option}: {entries}")
            alignment = 65536 if size[name] >= 1 << 20 else 64
            check(int(entries["offset"]) % alignment == 0, f"{option}: {name} at {entries['offset']}")
        check(out.stat().st_size < 8000, f"{option}: the model has {out.stat().st_size} bytes")
        # And back into one file, from itself too.
        done = convert(out, folder / "again.onnx")
        check(done.returncode == 0 and np.array_equal(answer(folder / "again.onnx"), wanted), f"{option}: back")
        done = convert(out, out, option)
        check(done.returncode == 0 and np.array_equal(answer(out), wanted), f"{option}: onto itself")
    check(not [f for f in folder.rglob("*.tmp")], "temporary files are left")
    for name in ("../w.bin", "/tmp/w.bin", "out.onnx", "weights/../../w.bin", "weights/"):
        done = convert(source, folder / "out.onnx", f"--external-data={name}")
        check(done.returncode == 64, f"--external-data={name}: {done.returncode} {done.stderr.strip()}")
    done = convert(source, folder / "out.qir", "--external-data")
    check(done.returncode == 64, f"--external-data for .qir: {done.stderr.strip()}")
    done = convert(source, folder / "fresh.onnx", "--external-data=missing/w.bin")
    check(done.returncode == 1 and "error[io]" in done.stderr, f"a missing folder: {done.stderr.strip()}")
    check(not (folder / "fresh.onnx").exists(), "a model without its data is left")
    # A disk that is full when the model is written, behind the data: neither file is there.
    done = subprocess.run(["sh", "-c", 'ulimit -f 1; exec "$0" "$@"', qat_opt.binary(), source,
                           "--pass-pipeline", "", "-o", folder / "fresh.onnx", "--external-data"],
                          capture_output=True, text=True)
    left = [f.name for f in folder.iterdir() if "fresh" in f.name]
    check(done.returncode != 0 and not left or done.returncode < 0, f"a full disk: {done.returncode} {left}")


# Large models ------------------------------------------------------------------------------------------------


def measured(source, target, *options):
    """Status, seconds of CPU, largest resident MiB."""
    done = subprocess.run([sys.executable, "-S", "-c", MEASURE, qat_opt.binary(), source, "--pass-pipeline",
                           "canonicalize", "-o", target, *options], capture_output=True, text=True)
    status, seconds, memory = json.loads(done.stdout.splitlines()[-1])
    if status and options is not None:
        print(done.stderr.strip()[-300:])
    return status, seconds, memory >> 20


def check_large(folder):
    """Ten weights of 256 MB, most of them holes; import and export keep what is resident small."""
    count, width = 10, 8192
    rows = (1 << 28) // (4 * width)
    with open(folder / "large.bin", "wb") as file:
        file.truncate(count << 28)
        for index in range(count):
            file.seek((index << 28) + 4 * index)
            file.write(np.float32(index + 1).tobytes())
    nodes, weights = [], []
    for index in range(count):
        tensor = TensorProto(name=f"w{index}", data_type=TensorProto.FLOAT, dims=[rows, width],
                             data_location=TensorProto.EXTERNAL)
        for key, value in [("location", "large.bin"), ("offset", index << 28), ("length", 1 << 28)]:
            tensor.external_data.add(key=key, value=str(value))
        weights.append(tensor)
        nodes.append(helper.make_node("Gather", [f"w{index}", "x"], [f"y{index}"]))
    nodes.append(helper.make_node("Sum", [f"y{i}" for i in range(count)], ["y"]))
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.INT64, [1])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, width])], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (folder / "large.onnx").write_bytes(model.SerializeToString())
    for options in ([], ["--external-data=other.bin"]):
        status, seconds, memory = measured(folder / "large.onnx", folder / "out.onnx", *options)
        print(f"2.5 GiB {options}: status {status}, {seconds:.2f} s CPU, {memory} MiB resident")
        check(status == 0 and memory <= 64, f"2.5 GiB: {status}, {memory} MiB")
        onnx.checker.check_model(str(folder / "out.onnx"))
        session = onnxruntime.InferenceSession(str(folder / "out.onnx"), providers=["CPUExecutionProvider"])
        row = session.run(None, {"x": np.array([0])})[0][0]
        check(np.array_equal(row[:count], np.arange(1, count + 1)) and not row[count:].any(), "2.5 GiB: values")
        del session
    (folder / "out.onnx.data").unlink()
    (folder / "other.bin").unlink()
    # One that just fits into a file of its own, and one that just does not.
    for kept in (7, 8):
        del model.graph.node[:], model.graph.initializer[:]
        model.graph.initializer.extend(weights[:kept])
        model.graph.node.extend(nodes[:kept])
        model.graph.node.append(helper.make_node("Sum", [f"y{i}" for i in range(kept)], ["y"]))
        (folder / "large.onnx").write_bytes(model.SerializeToString())
        status, seconds, memory = measured(folder / "large.onnx", folder / "out.onnx")
        print(f"{kept / 4} GiB: status {status}, {seconds:.2f} s CPU, {memory} MiB resident")
        check(status == 0 and memory <= 64, f"{kept / 4} GiB: {status}, {memory} MiB")
        check(bool(external(folder / "out.onnx")) == (kept == 8), f"{kept / 4} GiB: external data")
        if kept == 7:
            status, seconds, memory = measured(folder / "out.onnx", folder / "again.onnx")
            print(f"in one file: status {status}, {seconds:.2f} s CPU, {memory} MiB resident")
            check(status == 0 and memory <= 64, f"in one file: {status}, {memory} MiB")
            (folder / "again.onnx").unlink()


def main():
    checks = [check_large] if "--large" in sys.argv[1:] else [check_reading, check_refusals, check_writing]
    for run in checks:
        with tempfile.TemporaryDirectory() as folder:
            run(Path(folder))
    print(f"{len(FAILURES)} failures")
    return 1 if FAILURES else 0


if __name__ == "__main__":
    sys.exit(main())
