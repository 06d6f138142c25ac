"""Calls the command under test. Its path is in the environment variable QAT_OPT."""

import json
import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper


class Failure(Exception):
    """The command ended with a status other than 0; the message is its standard error."""


def binary():
    """The path of the command, or None where only the other computations are to be compared."""
    return os.environ.get("QAT_OPT") or None


def call(*arguments, timeout=600):
    done = subprocess.run([binary(), *map(str, arguments)], capture_output=True, text=True,
                          timeout=timeout)
    if done.returncode != 0:
        raise Failure(f"status {done.returncode}: {done.stderr.strip()[-600:]}")
    return done.stdout


def write_tensor(path, value, name=""):
    Path(path).write_bytes(numpy_helper.from_array(np.asarray(value), name).SerializeToString())


def read_tensor(path):
    return numpy_helper.to_array(onnx.load_tensor(str(path)))


def run(model, inputs):
    """The outputs of a model (a file or a ModelProto) for a list of arrays, in graph order."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        if isinstance(model, onnx.ModelProto):
            (folder / "model.onnx").write_bytes(model.SerializeToString())
            model = folder / "model.onnx"
        (folder / "in").mkdir()
        for i, value in enumerate(inputs):
            write_tensor(folder / "in" / f"input_{i}.pb", value)
        call("run", model, "--input-dir", folder / "in", "--output-dir", folder / "out")
        count = len(list((folder / "out").glob("output_*.pb")))
        return [read_tensor(folder / "out" / f"output_{i}.pb") for i in range(count)]


def run_dumping(model, inputs, folder):
    """Every value of the model by name, as `--dump-all` writes it."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    arguments = []
    for i, (name, value) in enumerate(inputs.items()):
        np.save(folder / f"feed_{i}.npy", value)
        arguments += ["--input", f"{name}={folder / f'feed_{i}.npy'}"]
    call("run", model, *arguments, "--dump-all", folder / "dump", timeout=7200)
    index = json.loads((folder / "dump" / "index.json").read_text())
    return {entry["name"]: folder / "dump" / entry["file"] for entry in index}


def in_parallel(work, items):
    """`work` on each item in a thread pool (the work is in subprocesses), in order."""
    with ThreadPoolExecutor(int(os.environ.get("QAT_TEST_JOBS", os.cpu_count() or 1))) as pool:
        return list(pool.map(work, items))
