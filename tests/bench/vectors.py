#!/usr/bin/env python3
"""How near single operators over a million floats come to what the machine can do, on one core, through every compiler.

    build/venv/bin/python tests/bench/vectors.py [--march MARCH] [--rounds N] [NAME...]

An operator becomes C for this machine, compiled by gcc -O2 and clang -O2, and an object through LLVM. `limit` is the larger of two times: of reading
and writing as much memory (copy.c; sums only read), and of the same code on 4096 floats, which stay in the first cache, taken as often as makes a
million. `of limit` is that time over the measured one; `spread` is the slowest compiler over the fastest. Each time is the least of the rounds, of
processor time.
"""
import argparse
import ctypes
import os
import pathlib
import subprocess
import sys

import numpy

import make_models

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("ONNXCC_BUILD", ROOT / "build"))
ONNXCC = os.environ.get("ONNXCC", str(BUILD / "onnxcc"))
PLACE = BUILD / "tests" / "bench"
MILLION = 1 << 20
WAYS = {"gcc": ["gcc", "-O2"], "clang": ["clang", "-O2"], "llvm": ["gcc", "-O2"]}  # llvm: that links the object


def aligned(count):
    """So many floats from a multiple of 64 bytes on."""
    store = numpy.zeros(count + 16, numpy.float32)
    skip = -store.ctypes.data % 64 // 4
    return store[skip:skip + count]


def library(name, way, march):
    folder = PLACE / "vectors" / way / name
    folder.mkdir(parents=True, exist_ok=True)
    path = make_models.make(PLACE / "models", [name])[name]
    suffix = "o" if way == "llvm" else "c"
    subprocess.run([ONNXCC, str(path), "-c" if way == "llvm" else "-S", "-o", str(folder / f"model.{suffix}"), "--name=model", f"-march={march}"], check=True)
    flags = ["-D_POSIX_C_SOURCE=200809L", f"-march={march}", "-fPIC", "-shared", "-DMODEL_INFO=model_info", "-I", str(ROOT / "runtime-min"), "-I", str(folder)]
    subprocess.run([*WAYS[way], *flags, str(folder / f"model.{suffix}"), str(ROOT / "tests" / "bench" / "entry.c"), "-o", str(folder / "model.so")], check=True)
    return ctypes.CDLL(str(folder / "model.so"))


class Operator:
    """One of the models through one of the compilers."""

    def __init__(self, name, way, march, x, y):
        self.code = library(name, way, march)
        self.code.bench_open.restype = ctypes.c_void_p
        self.code.bench_nanoseconds.restype = ctypes.c_double
        self.context = ctypes.c_void_p(self.code.bench_open(None))
        self.kept = [x, numpy.ones(1024, numpy.float32), numpy.zeros(1024, numpy.float32)]
        self.inputs = (ctypes.c_void_p * 3)(*(array.ctypes.data for array in self.kept))
        self.outputs = (ctypes.c_void_p * 1)(y.ctypes.data)
        self.runs = MILLION // (4096 if name.endswith("_4k") else MILLION)

    def microseconds(self):
        time = self.code.bench_nanoseconds(self.context, self.inputs, self.outputs, self.runs)
        if time < 0:
            raise RuntimeError("the model returned an error")
        return time / 1e3


class Copy:
    def __init__(self, march, x, y, reads_only):
        self.path = PLACE / "vectors" / "copy.so"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["gcc", "-O2", f"-march={march}", "-fPIC", "-shared", str(ROOT / "tests" / "bench" / "copy.c"), "-o", str(self.path)], check=True)
        self.call = ctypes.CDLL(str(self.path)).copy_nanoseconds
        self.call.restype = ctypes.c_double
        self.arguments = ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(y.ctypes.data), ctypes.c_size_t(MILLION), 1
        self.share = 0.5 if reads_only else 1

    def microseconds(self):
        return self.share * self.call(*self.arguments) / 1e3


def measure(name, march, rounds, ways):
    random = numpy.random.default_rng(1)
    x, y = aligned(MILLION), aligned(MILLION)
    x[:] = random.standard_normal(MILLION)
    rivals = {"copy": Copy(march, x, y, name == "sum")}
    for way in ways:
        rivals[way, "1m"] = Operator(f"{name}_1m", way, march, x, y)
        rivals[way, "4k"] = Operator(f"{name}_4k", way, march, x, y)
    least = dict.fromkeys(rivals, float("inf"))
    for _ in range(rounds):
        for key, rival in rivals.items():
            least[key] = min(least[key], rival.microseconds())
    return least


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--march", default="native")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    ways = arguments.ways.split(",")
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(f"{'operator':12} {'way':6} {'us':>8} {'first cache':>12} {'memory':>8} {'of limit':>9}")
    for name in arguments.names or make_models.OPERATORS:
        least = measure(name, arguments.march, arguments.rounds, ways)
        for way in ways:
            limit = max(least["copy"], least[way, "4k"])
            print(f"{name:12} {way:6} {least[way, '1m']:8.1f} {least[way, '4k']:12.1f} {least['copy']:8.1f} {100 * limit / least[way, '1m']:8.0f}%", flush=True)
        times = [least[way, "1m"] for way in ways]
        print(f"{name:12} spread {max(times) / min(times):.3f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
