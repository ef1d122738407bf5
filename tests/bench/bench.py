#!/usr/bin/env python3
"""Latency of emitted C beside ONNX Runtime's, on one core.

    build/venv/bin/python tests/bench/bench.py [--json FILE] [--rounds N] [NAME...]

Each model becomes C for this machine (-march=native) and a shared object (gcc -O3 -march=native); both it and ONNX Runtime (one thread, all
optimisations) are loaded into this process, which stays on one core, and run in turns on the same input. A figure is the median over all runs of the
time the thread spent on the processor, so other work on the machine disturbs less; ratio is ONNX Runtime's time divided by ours. Outputs
are compared too. Models of the folder ONNXCC_MODELS (default: ../shared/models beside the checkout) that are not there are left out.
"""
import argparse
import ctypes
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import numpy
import onnx
from onnx import numpy_helper

import make_models

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("ONNXCC_BUILD", ROOT / "build"))
ONNXCC = os.environ.get("ONNXCC", str(BUILD / "onnxcc"))
MODELS = pathlib.Path(os.environ.get("ONNXCC_MODELS", ROOT.parent / "shared" / "models"))
PLACE = BUILD / "tests" / "bench"
ROUND_SECONDS = 0.2  # of runs of each in a round, and at least one

# Name: milliseconds that onnx2c's code takes (gcc -O3 -march=native -ffast-math, one core of an EPYC Zen 5), the mark to beat; None: not known.
MARKS = {"face_rfb_320": 40, "kws_fp32": 5.4, "squeezenet1_1": 434, "mobilenet_v2": 65, "resnet50": 4388}


def model_path(name):
    if name in make_models.MODELS:
        return make_models.make(PLACE / "models", [name])[name]
    return MODELS / name / "model.onnx"


def inputs_of(path):
    """Arrays by name: the first data set if there is one, else random numbers."""
    graph = onnx.load(path, load_external_data=False).graph
    initialized = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in initialized]
    data = path.parent / "test_data_set_0"
    if data.is_dir():
        arrays = [numpy_helper.to_array(onnx.TensorProto.FromString((data / f"input_{at}.pb").read_bytes())) for at in range(len(inputs))]
    else:
        shapes = [[dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in inputs]
        arrays = [numpy.random.default_rng(1).standard_normal(shape).astype(numpy.float32) for shape in shapes]
    return {value.name: numpy.ascontiguousarray(array) for value, array in zip(inputs, arrays)}


class Ours:
    """The model through emitted C, compiled by `compiler`, or through LLVM's object if that is None."""

    def __init__(self, name, path, inputs, outputs, compiler=("gcc", "-O3")):
        folder = PLACE / name
        folder.mkdir(parents=True, exist_ok=True)
        library = folder / "model.so"
        shapes = [f"--shape={key}={','.join(map(str, array.shape))}" for key, array in inputs.items()]
        source = folder / ("model.c" if compiler else "model.o")
        emit = [] if compiler else ["-c"]
        subprocess.run([ONNXCC, str(path), "-o", str(source), "--name=model", "-march=native", *emit, *shapes], check=True)
        subprocess.run([*(compiler or ("gcc", "-O3")), "-std=c99", "-D_POSIX_C_SOURCE=200809L", "-march=native", "-fPIC", "-shared",
                        "-DMODEL_INFO=model_info", "-I", str(ROOT / "runtime-min"), "-I", str(folder), str(source),
                        str(ROOT / "tests" / "bench" / "entry.c"), "-o", str(library)], check=True)
        self.loaded = ctypes.CDLL(str(library))
        self.loaded.bench_open.restype = ctypes.c_void_p
        self.context = ctypes.c_void_p(self.loaded.bench_open(None))
        if not self.context:
            raise RuntimeError(f"{name}: the context can't be made")
        self.outputs = [numpy.empty_like(array) for array in outputs]
        self.kept = list(inputs.values())
        self.arguments = [(ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays)) for arrays in (self.kept, self.outputs)]

    def run(self):
        if self.loaded.bench_run(self.context, None, *self.arguments):
            raise RuntimeError("the model returned an error")


class Runtime:
    """The model through ONNX Runtime."""

    def __init__(self, path, inputs):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.inputs = inputs
        self.outputs = self.session.run(None, inputs)
        self.binding = self.session.io_binding()
        for key, array in inputs.items():
            self.binding.bind_cpu_input(key, array)
        for output in self.session.get_outputs():
            self.binding.bind_output(output.name)

    def run(self):
        self.session.run_with_iobinding(self.binding)


def times(rival, runs):
    """Milliseconds of processor time of so many runs."""
    result = []
    for _ in range(runs):
        before = time.thread_time_ns()
        rival.run()
        result.append((time.thread_time_ns() - before) / 1e6)
    return result


def measure(name, rounds):
    path = model_path(name)
    inputs = inputs_of(path)
    runtime = Runtime(path, inputs)
    ours = Ours(name, path, inputs, runtime.outputs)
    rivals = {"ours": ours, "runtime": runtime}
    runs = {key: max(1, int(1000 * ROUND_SECONDS / min(times(rival, 3)))) for key, rival in rivals.items()}
    measured = {key: [] for key in rivals}
    for _ in range(rounds):
        for key, rival in rivals.items():
            measured[key] += times(rival, runs[key])
    error = max(float(numpy.abs(have.astype(float) - want).max() / max(1e-30, numpy.abs(want.astype(float)).max())) for have, want in zip(ours.outputs, runtime.outputs))
    figures = {key: statistics.median(values) for key, values in measured.items()}
    return {"name": name, "ours_ms": figures["ours"], "runtime_ms": figures["runtime"], "ratio": figures["runtime"] / figures["ours"], "mark_ms": MARKS.get(name),
            "largest_error": error, "ours_least_ms": min(measured["ours"]), "runtime_least_ms": min(measured["runtime"])}


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--json")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rows = []
    print(f"{'model':24} {'ours ms':>9} {'runtime':>9} {'ratio':>6} {'mark ms':>8}  largest error")
    for name in arguments.names or MARKS:
        if not model_path(name).exists():
            print(f"{name:24} not there: {model_path(name)}")
            continue
        row = measure(name, arguments.rounds)
        rows.append(row)
        mark = f"{row['mark_ms']:8g}" if row["mark_ms"] else f"{'':8}"
        print(f"{name:24} {row['ours_ms']:9.3f} {row['runtime_ms']:9.3f} {row['ratio']:6.2f} {mark}  {row['largest_error']:.1e}", flush=True)
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(rows, indent=2) + "\n")
    return any(row["mark_ms"] and row["ours_ms"] > row["mark_ms"] for row in rows)


if __name__ == "__main__":
    sys.exit(main())
