#!/usr/bin/env python3
"""How far element-wise operators are from the truth as they are compiled: f32 in units in the last place, f16 and bf16 against the rounded f32.

    build/venv/bin/python tests/ulp/operators.py [--step N] [-- ARGUMENT...]

What tests/ulp/ulp says of the library's functions, this says of operators made of them: every N-th float (9973) goes through one model that holds
them all. The truth is numpy's double. f16 and bf16 take all their 65536 values: the result must be the f32 result, rounded once.
ARGUMENTs go to onnxcc, as -march=native or --via=jit.
"""
import argparse
import math
import os
import pathlib
import subprocess
import tempfile

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("ONNXCC_BUILD", ROOT / "build"))
ONNXCC = os.environ.get("ONNXCC", str(BUILD / "onnxcc"))
ALPHA, GAMMA, SWISH = (float(numpy.float32(x)) for x in (1.67326319, 1.05070102, 1.702))
# numpy has no erfc
ERF, ERFC = (numpy.vectorize(f, otypes=[numpy.float64]) for f in (math.erf, math.erfc))


def sigmoid(x):
    return numpy.exp(numpy.minimum(x, 0)) / (1 + numpy.exp(-abs(x)))


def softplus(x):
    return numpy.maximum(x, 0) + numpy.log1p(numpy.exp(-abs(x)))


# name: operator, attributes, truth in double, bound in ULP
OPERATORS = {
    "Exp": ("Exp", {}, numpy.exp, 1), "Log": ("Log", {}, numpy.log, 1), "Erf": ("Erf", {}, ERF, 1.5),
    "Tanh": ("Tanh", {}, numpy.tanh, 1.5), "Sin": ("Sin", {}, numpy.sin, 1.5), "Cos": ("Cos", {}, numpy.cos, 1.5),
    "Sigmoid": ("Sigmoid", {}, sigmoid, 2), "Softplus": ("Softplus", {}, softplus, 4), "Softsign": ("Softsign", {}, lambda x: x / (1 + abs(x)), 4),
    "Mish": ("Mish", {}, lambda x: x * numpy.tanh(softplus(x)), 4), "Swish": ("Swish", {}, lambda x: x * sigmoid(x), 4),
    "Swish_alpha": ("Swish", {"alpha": SWISH}, lambda x: x * sigmoid(SWISH * x), 4),
    "Gelu": ("Gelu", {}, lambda x: x * ERFC(-x / math.sqrt(2)) / 2, 3),
    "Gelu_tanh": ("Gelu", {"approximate": "tanh"}, lambda x: x * sigmoid(math.sqrt(8 / math.pi) * x * (1 + 0.044715 * x * x)), 3),
    "Elu": ("Elu", {}, lambda x: numpy.where(x < 0, numpy.expm1(x), x), 4),
    "Celu": ("Celu", {"alpha": 2.0}, lambda x: numpy.where(x < 0, 2 * numpy.expm1(x / 2), x), 4),
    "Selu": ("Selu", {}, lambda x: GAMMA * numpy.where(x < 0, ALPHA * numpy.expm1(x), x), 4),
    "HardSwish": ("HardSwish", {}, lambda x: x * numpy.clip(x + 3, 0, 6) / 6, 4),
    "Sqrt": ("Sqrt", {}, numpy.sqrt, 0.5), "Reciprocal": ("Reciprocal", {}, lambda x: 1 / x, 0.5),
}


def run(folder, element, values, arguments):
    """The results of all operators, by name: f32 arrays, or bits for the half types."""
    outputs = [helper.make_tensor_value_info(name, element, [len(values)]) for name in OPERATORS]
    nodes = [helper.make_node(operator, ["x"], [name], **attributes) for name, (operator, attributes, _, _) in OPERATORS.items()]
    graph = helper.make_graph(nodes, "operators", [helper.make_tensor_value_info("x", element, [len(values)])], outputs)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 24)]), folder / "m.onnx")
    raw = TensorProto(data_type=element, dims=[len(values)], name="x", raw_data=values.tobytes())
    (folder / "x.pb").write_bytes(raw.SerializeToString())
    subprocess.run([ONNXCC, "run", "m.onnx", "--input", "x=x.pb", "--output-dir", "out", *arguments], cwd=folder, check=True)
    results = {}
    for index, name in enumerate(OPERATORS):
        tensor = TensorProto.FromString((folder / "out" / f"output_{index}.pb").read_bytes())
        results[name] = numpy.frombuffer(tensor.raw_data, values.dtype)
    return results


def distance(truth, got):
    """In ULP of f32; infinite where NaN, infinity or a far zero differ."""
    with numpy.errstate(all="ignore"):
        exponent = numpy.maximum(numpy.frexp(truth)[1], -125)
        error = abs(got.astype(numpy.float64) - truth) / numpy.ldexp(1.0, exponent - 24)
        same = (numpy.isnan(truth) & numpy.isnan(got)) | (truth.astype(numpy.float32) == got)
    error[same & ~numpy.isfinite(error)] = 0
    error[numpy.isnan(error)] = numpy.inf
    return error


def report(name, good, remark):
    print(f"{'ok' if good else 'not ok'} {name} - {remark}", flush=True)
    return good


def check_single(folder, step, arguments):
    values = numpy.arange(0, 1 << 32, step, dtype=numpy.uint64).astype(numpy.uint32).view(numpy.float32)
    values = values[numpy.isfinite(values)]
    results, good = run(folder, TensorProto.FLOAT, values, arguments), True
    wide = values.astype(numpy.float64)
    for name, (_, _, function, bound) in OPERATORS.items():
        with numpy.errstate(all="ignore"):
            error = distance(function(wide), results[name])
        worst = int(numpy.argmax(error))
        remark = f"{error[worst]:.3f} ULP at {float(values[worst]).hex()}, allowed are {bound}"
        good &= report(f"{name}/f32", error[worst] <= bound, remark)
    return good


def check_half(folder, label, element, widen, narrow, arguments):
    bits = numpy.arange(1 << 16, dtype=numpy.uint16)
    values = widen(bits)
    single, half, good = run(folder, TensorProto.FLOAT, values, arguments), run(folder, element, bits, arguments), True
    for name in OPERATORS:
        wanted = narrow(single[name])
        wrong = numpy.flatnonzero((wanted != half[name]) & ~(numpy.isnan(single[name]) & numpy.isnan(widen(half[name]))))
        remark = f"{len(wrong)} of 65536 are not the f32 result rounded" + (f", the first at {float(values[wrong[0]])!r}" if len(wrong) else "")
        good &= report(f"{name}/{label}", len(wrong) == 0, remark)
    return good


def widen_bf16(bits):
    return (bits.astype(numpy.uint32) << 16).view(numpy.float32)


def narrow_bf16(values):
    bits = values.view(numpy.uint32)
    return ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16).astype(numpy.uint16)


def widen_f16(bits):
    return bits.view(numpy.float16).astype(numpy.float32)


def narrow_f16(values):
    with numpy.errstate(over="ignore"):
        return values.astype(numpy.float16).view(numpy.uint16)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--step", type=int, default=9973)
    parser.add_argument("arguments", nargs="*", help="for onnxcc, behind --")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="onnxcc-") as folder:
        folder = pathlib.Path(folder)
        good = check_single(folder, options.step, options.arguments)
        good &= check_half(folder, "f16", TensorProto.FLOAT16, widen_f16, narrow_f16, options.arguments)
        good &= check_half(folder, "bf16", TensorProto.BFLOAT16, widen_bf16, narrow_bf16, options.arguments)
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
