"""Proof that a quantized model computes the same codes everywhere.

    QAT_OPT=... python equality.py --qdq Q.onnx --qoperator I.onnx --images x.npz \\
        [--limit 10000] [--numpy-limit 200] [--chunk 500]

On every quantized tensor of the QOperator file:
(a) the integer run of `qat-opt` = the NumPy implementation, on the first --numpy-limit images;
(b) the integer run of `qat-opt` = ONNX Runtime, on all of them;
and (c) the QDQ file in ONNX Runtime at default options = the QOperator file, on the final codes,
with no float convolution or matrix product between quantized tensors in its optimized graph.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import helper

import check_models
import models
import ort
import qat_opt
import qat_reference

CODES = (np.uint8, np.int8)


def images_for(model, path, limit):
    """The array of the archive that the model's one input takes."""
    name = models.fed(model)[0].name
    archive = np.load(path)
    if isinstance(archive, np.ndarray):
        return name, archive[:limit]
    key = name if name in archive else next(k for k in archive.files if k != "labels")
    return name, archive[key][:limit]


def with_codes_as_outputs(model, image):
    """The model with every quantized tensor as an output, and their names."""
    values = qat_reference.run_model(model, image)
    constants = {t.name for t in model.graph.initializer}
    declared = {o.name for o in model.graph.output}
    names = [n for node in model.graph.node for n in node.output
             if n in values and n not in constants and values[n].dtype in CODES]
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    for name in names:
        if name not in declared:
            element = helper.np_dtype_to_tensor_dtype(values[name].dtype)
            probe.graph.output.append(helper.make_tensor_value_info(name, element, None))
    return probe, names


class Tally:
    """Values and differences by tensor."""

    def __init__(self):
        self.values, self.differences = 0, {}

    def add(self, name, wanted, actual):
        self.values += wanted.size
        if actual is None or wanted.shape != actual.shape or wanted.dtype != actual.dtype:
            count = wanted.size
        else:
            count = int(np.count_nonzero(wanted != actual))
        if count:
            self.differences[name] = self.differences.get(name, 0) + count

    def line(self, title, images, tensors):
        total = sum(self.differences.values())
        text = f"{title}: {images} images, {tensors} tensors, {self.values} values, {total} differences"
        for name, count in list(self.differences.items())[:5]:
            text += f"\n    {name}: {count}"
        return text


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--qdq", type=Path)
    parser.add_argument("--qoperator", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--limit", type=int, help="use so many images")
    parser.add_argument("--numpy-limit", type=int, default=200)
    parser.add_argument("--chunk", type=int, default=500, help="images a run: bounds disk and memory")
    options = parser.parse_args()

    model = onnx.load(options.qoperator)
    input_name, images = images_for(model, options.images, options.limit)
    probe, names = with_codes_as_outputs(model, {input_name: images[:1]})
    outputs = [o.name for o in model.graph.output]
    integer_session = ort.session(probe)
    order = [o.name for o in probe.graph.output]
    qdq_session = ort.session(options.qdq) if options.qdq else None

    with_numpy, with_runtime, numpy_runtime, final = Tally(), Tally(), Tally(), Tally()
    numpy_images = min(options.numpy_limit, len(images))
    start = 0
    while start < len(images):
        # A chunk never straddles the limit of the NumPy run.
        end = min(start + options.chunk, len(images),
                  numpy_images if start < numpy_images else len(images))
        feeds = {input_name: images[start:end]}
        runtime = dict(zip(order, integer_session.run(None, feeds)))
        numpy_values = qat_reference.run_model(model, feeds) if start < numpy_images else None
        if numpy_values is not None:
            for name in names:
                numpy_runtime.add(name, runtime[name], numpy_values[name])
        if qat_opt.binary():
            with tempfile.TemporaryDirectory() as folder:
                files = qat_opt.run_dumping(options.qoperator, feeds, folder)
                for name in names:
                    ours = np.load(files[name]) if name in files else None
                    with_runtime.add(name, runtime[name], ours)
                    if numpy_values is not None:
                        with_numpy.add(name, numpy_values[name], ours)
        if qdq_session:
            for name, value in zip(outputs, qdq_session.run(None, feeds)):
                final.add(name, runtime[name], value)
        start = end

    tallies = [numpy_runtime, final]
    print(numpy_runtime.line("NumPy = ONNX Runtime, QOperator", numpy_images, len(names)))
    if qat_opt.binary():
        tallies += [with_numpy, with_runtime]
        print(with_numpy.line("(a) qat-opt = NumPy", numpy_images, len(names)))
        print(with_runtime.line("(b) qat-opt = ONNX Runtime, QOperator", len(images), len(names)))
    else:
        print("QAT_OPT is not set: (a) and (b) left out")
    failed = any(t.differences for t in tallies) or not names
    if options.qdq:
        print(final.line("(c) ONNX Runtime, QDQ = QOperator", len(images), len(outputs)))
        with tempfile.TemporaryDirectory() as folder:
            optimized = Path(folder) / "optimized.onnx"
            ort.session(options.qdq, optimized_path=optimized)
            floats, integers, _ = check_models.products(onnx.load(optimized).graph)
            all_floats, _, ready = check_models.products(onnx.load(options.qdq).graph)
        left = len(floats) - (len(all_floats) - len(ready))
        print(f"    optimized graph: {len(integers)} integer products, {len(floats)} float, "
              f"{max(left, 0)} of them should be integer")
        failed |= left > 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
