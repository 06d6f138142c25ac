"""Passes that mend a model before or after training, against NumPy and ONNX Runtime.

    QAT_OPT=.build/release/qat-opt python post_training.py

equalize-cross-layer: the same outputs, equal ranges. reestimate-batchnorm: the statistics of all the
data. correct-bias: the mean of every quantized product is that of the float one. prepare-batchnorm: the
folded weight and bias. One line a check; a non-zero exit on any failure.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import ort
import qat_opt

CONFIG = "preset: default\nweights: {bits: 4}\nactivations: {scheme: asymmetric}\n"


def network(norms):
    """conv, relu, depthwise, relu, conv, with channels of unequal size; batch-norms on request."""
    random = np.random.default_rng(3)
    spread = np.float32(10) ** random.uniform(-1, 1, 8).astype(np.float32)
    weights = {
        "w1": random.normal(0, 0.4, (8, 3, 3, 3)) * spread[:, None, None, None],
        "b1": random.normal(0, 0.1, 8) * spread,
        "w2": random.normal(0, 0.4, (8, 1, 3, 3)) / spread[:, None, None, None],
        "b2": random.normal(0, 0.1, 8),
        "w3": random.normal(0, 0.4, (5, 8, 1, 1)), "b3": random.normal(0, 0.1, 5),
    }
    if norms:
        for layer, count in (("1", 8), ("2", 8), ("3", 5)):
            weights["gamma" + layer] = random.uniform(0.5, 2, count) * random.choice([-1, 1], count)
            weights["beta" + layer] = random.normal(0, 1, count)
            weights["mean" + layer] = random.normal(0, 1, count)
            weights["variance" + layer] = random.uniform(0.5, 2, count)
    nodes, value = [], "x"
    for layer, group in (("1", 1), ("2", 8), ("3", 1)):
        nodes.append(helper.make_node("Conv", [value, "w" + layer, "b" + layer], ["c" + layer],
                                      name="conv" + layer, group=group))
        value = "c" + layer
        if norms:
            parameters = [name + layer for name in ("gamma", "beta", "mean", "variance")]
            nodes.append(helper.make_node("BatchNormalization", [value, *parameters], ["n" + layer],
                                          name="norm" + layer, epsilon=1e-3))
            value = "n" + layer
        output = "y" if layer == "3" else "r" + layer
        nodes.append(helper.make_node("Relu", [value], [output], name="relu" + layer))
        value = output
    graph = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 9, 9])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 5, 5, 5])],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def constants(model):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def values(model, names, x):
    """Values inside a model, from ONNX Runtime without optimizations."""
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    del probe.graph.output[:]
    probe.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    return ort.session(probe, optimize=False).run(names, {"x": x})


def run_pipeline(folder, model, text, *arguments):
    """The model that a pipeline makes."""
    source, result = folder / "source.onnx", folder / "result.onnx"
    onnx.save(model, source)
    qat_opt.call(source, "--pass-pipeline", text, "--data", folder / "data.npz", "-o", result,
                 *arguments)
    return onnx.load(result)


def equalizes(folder, x):
    model = network(norms=False)
    after = run_pipeline(folder, model, "equalize-cross-layer")
    wanted, found = values(model, ["y"], x)[0], values(after, ["y"], x)[0]
    error = np.abs(wanted - found).max() / np.abs(wanted).max()
    names = {node.name: node.input[1] for node in after.graph.node if node.op_type == "Conv"}
    w1, w2, w3 = (np.abs(constants(after)[names["conv" + layer]]) for layer in "123")
    ratios = np.concatenate([w1.max((1, 2, 3)) / w2.max((1, 2, 3)),
                             w2.max((1, 2, 3)) / w3.max((0, 2, 3))])
    spread = np.abs(np.log(ratios)).max()
    return error <= 1e-5 and spread <= 4e-3, f"error {error:.1e}, ranges within {spread:.1e}"


def reestimates(folder, x):
    after = run_pipeline(folder, network(norms=True), "reestimate-batchnorm")
    worst = 0
    for layer, seen in zip("123", values(after, ["c1", "c2", "c3"], x)):
        seen = seen.astype(np.float64)
        for name, wanted in (("mean", seen.mean((0, 2, 3))), ("variance", seen.var((0, 2, 3)))):
            found = constants(after)[name + layer]
            worst = max(worst, float((np.abs(found - wanted) / np.maximum(1, np.abs(wanted))).max()))
    # float32 convolutions, another order of sums.
    return worst <= 1e-5, f"statistics within {worst:.1e}"


def products(model, x):
    """What each convolution of a QDQ model gives, by its layer, and the step of its bias."""
    convolutions = {node.name: node for node in model.graph.node if node.op_type == "Conv"}
    names = sorted(convolutions)
    scales = {node.output[0]: node.input[1] for node in model.graph.node
              if node.op_type == "DequantizeLinear"}
    steps = [float(constants(model)[scales[convolutions[name].input[2]]].max()) for name in names]
    return dict(zip(names, zip(values(model, [convolutions[n].output[0] for n in names], x), steps)))


def corrects(folder, x):
    model = network(norms=False)
    (folder / "config.yaml").write_text(CONFIG)
    config = ("--config", folder / "config.yaml")
    front = "equalize-cross-layer,apply-layer-config,insert-fake-quant,share-scales,calibrate,"
    back = "freeze,canonicalize,fold-constants,lower-qdq"
    # Equalizing scales what the float model gives: compare with its own float form.
    float_model = run_pipeline(folder, model, "equalize-cross-layer")
    names = [node.output[0] for node in float_model.graph.node if node.op_type == "Conv"]
    wanted = dict(zip(("conv1", "conv2", "conv3"), values(float_model, names, x)))
    before = products(run_pipeline(folder, model, front + back, *config), x)
    after = products(run_pipeline(folder, model, front + "correct-bias," + back, *config), x)
    details, ok = [], True
    for name, reference in wanted.items():
        mean = reference.mean((0, 2, 3), dtype=np.float64)
        errors = [np.abs(found[name][0].mean((0, 2, 3), dtype=np.float64) - mean).max()
                  for found in (before, after)]
        # The bias is rounded to its step once, and the int32 codes are exact.
        ok = ok and errors[1] <= 0.51 * after[name][1] + 1e-5 and errors[1] < errors[0] / 2
        details.append(f"{name} {errors[0]:.4f} -> {errors[1]:.5f}")
    return ok, ", ".join(details)


def prepares(folder, x):
    model = network(norms=True)
    (folder / "config.yaml").write_text(CONFIG)
    after = run_pipeline(
        folder, model, "apply-layer-config,prepare-batchnorm,canonicalize,fold-constants",
        "--config", folder / "config.yaml")
    nodes = {node.name: node for node in after.graph.node}
    if "BatchNormalization" in {node.op_type for node in after.graph.node}:
        return False, "a batch-norm is left"
    old, new, worst = constants(model), constants(after), 0
    for layer in "123":
        k = old["gamma" + layer] / np.sqrt(old["variance" + layer].astype(np.float64) + 1e-3)
        weight = old["w" + layer] * k[:, None, None, None]
        bias = (old["b" + layer] - old["mean" + layer]) * k + old["beta" + layer]
        for wanted, index in ((weight, 1), (bias, 2)):
            found = new[nodes["conv" + layer].input[index]]
            worst = max(worst, float(np.abs(found - wanted).max() / np.abs(wanted).max()))
    error = np.abs(values(model, ["y"], x)[0] - values(after, ["y"], x)[0]).max()
    return worst <= 1e-6 and error <= 1e-4, f"parameters within {worst:.1e}, outputs {error:.1e}"


def main():
    x = np.random.default_rng(1).normal(0, 1, (48, 3, 9, 9)).astype(np.float32)
    failed = 0
    for check in (equalizes, reestimates, corrects, prepares):
        with tempfile.TemporaryDirectory() as folder:
            np.savez(Path(folder) / "data.npz", x=x)
            ok, detail = check(Path(folder), x)
        failed += not ok
        print("pass" if ok else "FAIL", check.__name__, detail)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
