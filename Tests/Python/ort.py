"""ONNX Runtime on the CPU, one thread, quiet."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import onnx
import onnxruntime


def session(model, optimize=True, optimized_path=None):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    if not optimize:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    if optimized_path:
        options.optimized_model_filepath = str(optimized_path)
    source = model.SerializeToString() if isinstance(model, onnx.ModelProto) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def run(model, feeds, **options):
    return session(model, **options).run(None, feeds)
