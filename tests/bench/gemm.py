#!/usr/bin/env python3
"""Matrix products through emitted C beside the peak of the core and ONNX Runtime.

    build/venv/bin/python tests/bench/gemm.py [--rounds N] [NAME...]

The peak (peak.c) is the most multiply-adds of f32 a second that any code could do, measured at the start and the end. A product's figure is the least
processor time of all runs, so that other work on the machine disturbs little: its share of the peak with each compiler, and ONNX Runtime's (one
thread), in the same run on the same core.
"""
import argparse
import ctypes
import os
import pathlib
import shutil
import subprocess
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

import bench

COMPILERS = {"gcc": ("gcc", "-O3"), "clang": ("clang", "-O3"), "llvm": None}  # None: onnxcc's own object
# Name: rows, inner, columns, whether B is a constant, what is fused behind it.
PRODUCTS = {
    "1024": (1024, 1024, 1024, False, ()),
    "512": (512, 512, 512, False, ()),
    "encoder": (128, 768, 768, True, ("Add",)),
    "encoder_relu": (128, 384, 1536, True, ("Add", "Relu")),
    "odd": (100, 200, 300, False, ()),
    "few_rows": (4, 512, 512, True, ("Add",)),
    "one_row": (1, 1024, 1000, True, ("Add",)),
}


def make(name):
    rows, inner, columns, constant, behind = PRODUCTS[name]
    random = numpy.random.default_rng(1)
    inputs = [helper.make_tensor_value_info("a", TensorProto.FLOAT, [rows, inner])]
    weights, nodes = [], [helper.make_node("MatMul", ["a", "b"], ["y0"])]
    if constant:
        weights.append(numpy_helper.from_array(random.standard_normal((inner, columns)).astype(numpy.float32), "b"))
    else:
        inputs.append(helper.make_tensor_value_info("b", TensorProto.FLOAT, [inner, columns]))
    for at, operator in enumerate(behind):
        nodes.append(helper.make_node(operator, [f"y{at}", "bias"] if operator == "Add" else [f"y{at}"], [f"y{at + 1}"]))
    if "Add" in behind:
        weights.append(numpy_helper.from_array(random.standard_normal(columns).astype(numpy.float32), "bias"))
    output = helper.make_tensor_value_info(f"y{len(behind)}", TensorProto.FLOAT, [rows, columns])
    model = helper.make_model(helper.make_graph(nodes, name, inputs, [output], weights), opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    path = bench.PLACE / "gemm" / f"{name}.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


def peak():
    """A function that measures the peak in GFLOP/s."""
    library = bench.PLACE / "gemm" / "peak.so"
    library.parent.mkdir(parents=True, exist_ok=True)
    source = pathlib.Path(__file__).with_name("peak.c")
    subprocess.run(["gcc", "-std=gnu11", "-O2", "-march=native", "-ffp-contract=fast", "-fPIC", "-shared", str(source), "-o", str(library)], check=True)
    function = ctypes.CDLL(str(library)).peak
    function.restype = ctypes.c_double
    return function


def measure(name, compilers, rounds):
    """Least milliseconds by rival, and the largest difference from ONNX Runtime's result."""
    path = make(name)
    inputs = bench.inputs_of(path)
    rivals = {"runtime": bench.Runtime(path, inputs)}
    expected = rivals["runtime"].outputs
    for key, command in compilers.items():
        rivals[key] = bench.Ours(f"gemm_{name}_{key}", path, inputs, expected, command)
    runs = {key: max(1, int(1000 * bench.ROUND_SECONDS / min(bench.times(rival, 3)))) for key, rival in rivals.items()}
    least = {key: float("inf") for key in rivals}
    for _ in range(rounds):
        for key, rival in rivals.items():
            least[key] = min([least[key], *bench.times(rival, runs[key])])
    scale = max(1e-30, float(numpy.abs(expected[0]).max()))
    error = max(float(numpy.abs(rivals[key].outputs[0] - expected[0]).max()) / scale for key in compilers)
    return least, error


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    compilers = {key: command for key, command in COMPILERS.items()
                 if (shutil.which(command[0]) if command else (bench.BUILD / "onnxcc_llvm.so").exists())}
    measure_peak = peak()
    first = measure_peak()
    print(f"{'product':16} {'M x K x N':>16}" + "".join(f" {key + ' %':>9}" for key in (*compilers, "runtime")) + f" {'ratio':>6}  largest error")
    for name in arguments.names or PRODUCTS:
        rows, inner, columns = PRODUCTS[name][:3]
        least, error = measure(name, compilers, arguments.rounds)
        share = {key: 200 * rows * inner * columns / (milliseconds * 1e6) / first for key, milliseconds in least.items()}
        ratio = least["runtime"] / max(least[key] for key in compilers)
        print(f"{name:16} {f'{rows} x {inner} x {columns}':>16}" + "".join(f" {share[key]:9.1f}" for key in (*compilers, "runtime")) +
              f" {ratio:6.2f}  {error:.1e}", flush=True)
    print(f"peak {first:.1f} GFLOP/s at the start, {measure_peak():.1f} at the end")


if __name__ == "__main__":
    sys.exit(main())
