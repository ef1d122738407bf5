#!/usr/bin/env python3
"""Models of extreme size and shape: long chains, thousands of operands, huge, empty and negative dimensions, high ranks, giant attributes,
constants that would fold to gigabytes. onnxcc must end in time, with a status of 0, 1 or 3, on a stack of 256 KiB, without much memory; what can be
compiled must be. Prints a line a model.

    build/venv/bin/python tests/extremes/extremes.py [PATTERN...]
"""
import fnmatch
import os
import pathlib
import resource
import subprocess
import sys
import time

import numpy
from onnx import TensorProto, helper, numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("ONNXCC_BUILD", ROOT / "build"))
ONNXCC = os.environ.get("ONNXCC", str(BUILD / "onnxcc"))
PLACE = BUILD / "tests" / "extremes"
STACK = 256 << 10
LONG, MANY = 20000, 10000  # nodes of a chain, operands of a node
HUGE = 1 << 40


def value(name, dims, element=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, element, dims)


def ints(name, *numbers):
    return numpy_helper.from_array(numpy.array(numbers, numpy.int64), name)


def model(nodes, inputs, outputs, constants=()):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(constants))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=9)


def chain(operators, constants=()):
    """LONG nodes, each of which reads the one before; operators[k] gives further operands behind the name."""
    nodes = []
    for index in range(LONG):
        name, *others = operators[index % len(operators)].split()
        nodes.append(helper.make_node(name, [f"v{index - 1}" if index else "x", *others], [f"v{index}"]))
    return model(nodes, [value("x", [4, 4])], [value(f"v{LONG - 1}", None)], constants)


def single(operator, dims, rank_out=None, constants=(), inputs=(), **attributes):
    """One node on x of the dims."""
    names = ["x", *(tensor.name for tensor in constants), *(info.name for info in inputs)]
    return model([helper.make_node(operator, names, ["y"], **attributes)], [value("x", dims), *inputs], [value("y", rank_out)], constants)


def bomb(nodes, constants):
    """Nodes that compute `big` from constants; the result is one element of it."""
    return model([*nodes, helper.make_node("Gather", ["big", "first"], ["row"], axis=0), helper.make_node("ReduceSum", ["row"], ["sum"], keepdims=0),
                  helper.make_node("Cast", ["sum"], ["total"], to=TensorProto.FLOAT), helper.make_node("Add", ["total", "x"], ["y"])],
                 [value("x", [])], [value("y", [])], [*constants, ints("first", 0)])


def one(name, number=1.0):
    return numpy_helper.from_array(numpy.array([number], numpy.float32), name)


def node(operator, inputs, **attributes):
    return helper.make_node(operator, inputs, ["big"], **attributes)


# name: (function, statuses allowed, seconds, MiB); a model that must compile has {0}
ANY, OK, NO = {0, 1, 3}, {0}, {1, 3}
CASES = {
    "chain/relu": (lambda: chain(["Relu"]), OK, 20, 512),
    "chain/add": (lambda: chain(["Add x"]), OK, 20, 512),
    "chain/alternating": (lambda: chain(["Exp", "Neg", "Softmax", "Tanh"]), OK, 20, 512),
    "chain/matmul": (lambda: chain(["MatMul w"], [numpy_helper.from_array(numpy.eye(4, dtype=numpy.float32), "w")]), OK, 20, 1024),
    "chain/reshape": (lambda: chain(["Reshape a", "Reshape b"], [ints("a", 2, 8), ints("b", 4, 4)]), OK, 20, 512),
    "chain/identity": (lambda: chain(["Identity"]), OK, 20, 512),
    "chain/transpose": (lambda: chain(["Transpose"]), OK, 20, 512),
    "chain/constants": (lambda: chain(["Add c"], [numpy_helper.from_array(numpy.ones((4, 4), numpy.float32), "c")]), OK, 20, 512),
    "wide/concat": (lambda: model([helper.make_node("Concat", [f"i{k}" for k in range(MANY)], ["y"], axis=0)],
                                  [value(f"i{k}", [2, 2]) for k in range(MANY)], [value("y", None)]), OK, 20, 512),
    "wide/sum": (lambda: model([helper.make_node("Sum", [f"i{k}" for k in range(MANY)], ["y"])],
                               [value(f"i{k}", [2, 2]) for k in range(MANY)], [value("y", None)]), OK, 20, 512),
    "wide/split": (lambda: model([helper.make_node("Split", ["x"], [f"o{k}" for k in range(MANY)], axis=0, num_outputs=MANY),
                                  helper.make_node("Concat", [f"o{k}" for k in range(MANY)], ["y"], axis=1)],
                                 [value("x", [MANY, 2])], [value("y", None)]), OK, 20, 768),
    "wide/fan": (lambda: model([*(helper.make_node("Exp", ["x"], [f"e{k}"]) for k in range(MANY)),
                                helper.make_node("Concat", [f"e{k}" for k in range(MANY)], ["y"], axis=0)],
                               [value("x", [2, 2])], [value("y", None)]), OK, 20, 512),
    "dims/huge": (lambda: single("Relu", [HUGE]), ANY, 1, 64),
    "dims/product_overflows": (lambda: single("Relu", [HUGE, HUGE, HUGE]), NO, 1, 64),
    "dims/matmul_overflows": (lambda: single("MatMul", [1 << 31, 4], inputs=[value("w", [4, 1 << 31])]), ANY, 1, 64),
    "dims/broadcast_overflows": (lambda: single("Add", [1 << 35, 1], inputs=[value("w", [1, 1 << 35])]), ANY, 1, 64),
    "dims/zero": (lambda: single("Relu", [0, 3]), OK, 1, 64),
    "dims/zero_softmax": (lambda: single("Softmax", [3, 0]), OK, 1, 64),
    "dims/zero_matmul": (lambda: single("MatMul", [3, 0], inputs=[value("w", [0, 4])]), OK, 1, 64),
    "dims/zero_conv": (lambda: single("Conv", [0, 1, 5, 5], inputs=[value("w", [1, 1, 3, 3])]), ANY, 1, 64),
    "dims/negative": (lambda: single("Relu", [-1, 3]), ANY, 1, 64),
    "dims/rank_16": (lambda: single("Transpose", [2] * 16), OK, 2, 64),
    "dims/rank_17": (lambda: single("Relu", [1] * 17), NO, 1, 64),
    "dims/rank_100000": (lambda: single("Relu", [1] * 100000), NO, 2, 128),
    "dims/unsqueeze_17": (lambda: single("Unsqueeze", [2] * 16, constants=[ints("a", 0)]), NO, 1, 64),
    "dims/unsqueeze_many": (lambda: single("Unsqueeze", [2], constants=[ints("a", *range(100000))]), NO, 2, 128),
    "dims/reshape_many": (lambda: single("Reshape", [2], constants=[ints("a", *([1] * 100000))]), NO, 2, 128),
    "conv/kernel": (lambda: single("MaxPool", [1, 1, 8, 8], kernel_shape=[1 << 31, 1 << 31]), NO, 1, 64),
    "conv/kernel_padded": (lambda: single("AveragePool", [1, 1, 8, 8], kernel_shape=[1 << 40, 2], pads=[1 << 40, 0, 1 << 40, 0]), ANY, 1, 64),
    "conv/strides_zero": (lambda: single("MaxPool", [1, 1, 8, 8], kernel_shape=[2, 2], strides=[0, 0]), NO, 1, 64),
    "conv/strides_huge": (lambda: single("MaxPool", [1, 1, 8, 8], kernel_shape=[2, 2], strides=[1 << 62, 1 << 62]), ANY, 1, 64),
    "conv/strides_negative": (lambda: single("MaxPool", [1, 1, 8, 8], kernel_shape=[2, 2], strides=[-1, 1]), NO, 1, 64),
    "conv/dilations_zero": (lambda: single("MaxPool", [1, 1, 8, 8], kernel_shape=[2, 2], dilations=[0, 1]), NO, 1, 64),
    "conv/dilations_huge": (lambda: single("MaxPool", [1, 1, 8, 8], kernel_shape=[2, 2], dilations=[1 << 62, 1]), NO, 1, 64),
    "conv/pads_negative": (lambda: single("MaxPool", [1, 1, 8, 8], kernel_shape=[2, 2], pads=[-1, -1, -1, -1]), ANY, 1, 64),
    "conv/pads_huge": (lambda: single("MaxPool", [1, 1, 8, 8], kernel_shape=[2, 2], pads=[1 << 62, 0, 1 << 62, 0]), ANY, 1, 64),
    "conv/group_zero": (lambda: single("Conv", [1, 2, 5, 5], inputs=[value("w", [2, 2, 3, 3])], group=0), NO, 1, 64),
    "conv/group_huge": (lambda: single("Conv", [1, 2, 5, 5], inputs=[value("w", [2, 2, 3, 3])], group=1 << 40), NO, 1, 64),
    "conv/block_zero": (lambda: single("SpaceToDepth", [1, 4, 4, 4], blocksize=0), NO, 1, 64),
    "lrn/huge": (lambda: single("LRN", [1, 4, 4, 4], size=INT63), ANY, 1, 64),
    "fold/constant_of_shape": (lambda: bomb([node("ConstantOfShape", ["shape"])], [ints("shape", 1 << 20, 1 << 15)]), ANY, 1, 96),
    "fold/tile": (lambda: bomb([node("Tile", ["one", "repeats"])], [one("one"), ints("repeats", 1 << 33)]), ANY, 1, 96),
    "fold/expand": (lambda: bomb([node("Expand", ["one", "shape"])], [one("one"), ints("shape", 1 << 33)]), ANY, 1, 96),
    "fold/range": (lambda: bomb([node("Range", ["from", "to", "step"])],
                                [numpy_helper.from_array(numpy.array(n, numpy.int64), s) for s, n in (("from", 0), ("to", 1 << 33), ("step", 1))]),
                   ANY, 1, 96),
    "fold/pad": (lambda: bomb([node("Pad", ["one", "pads"])], [one("one"), ints("pads", 1 << 32, 1 << 32)]), ANY, 1, 96),
    "fold/resize": (lambda: bomb([node("Resize", ["one", "", "", "sizes"], mode="nearest")], [one("one"), ints("sizes", 1 << 33)]), ANY, 1, 96),
    "fold/eye_like": (lambda: bomb([helper.make_node("ConstantOfShape", ["shape"], ["zeroes"]), node("EyeLike", ["zeroes"])],
                                   [ints("shape", 1 << 16, 1 << 16)]), ANY, 1, 96),
    "fold/one_hot": (lambda: bomb([node("OneHot", ["index", "depth", "values"])],
                                  [ints("index", 1), ints("depth", 1 << 33), ints("values", 0, 1)]), ANY, 1, 96),
    "fold/matmul": (lambda: bomb([helper.make_node("Expand", ["one", "shape"], ["a"]), node("MatMul", ["a", "a"])],
                                 [one("one"), ints("shape", 3000, 3000)]), ANY, 6, 160),
    "fold/doubling": (lambda: bomb([helper.make_node("Concat", [f"d{k}"] * 2, [f"d{k + 1}" if k < 39 else "big"], axis=0) for k in range(40)],
                                   [one("d0")]), ANY, 2, 320),
}
INT63 = (1 << 63) - 1


def limit_stack():
    resource.setrlimit(resource.RLIMIT_STACK, (STACK, STACK))


def measure(path):
    """Status, seconds, MiB at most, last words."""
    start = time.monotonic()
    errors = PLACE / "errors"
    with errors.open("wb") as sink:
        child = subprocess.Popen([ONNXCC, str(path), "-o", str(PLACE / "out.c")], stderr=sink, stdin=subprocess.DEVNULL, preexec_fn=limit_stack)
        while os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None and time.monotonic() - start < 60:
            time.sleep(0.005)
        if time.monotonic() - start >= 60:
            child.kill()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    words = errors.read_text(errors="replace").strip().splitlines()
    return child.returncode, time.monotonic() - start, usage.ru_maxrss / 1024, words[0][:160] if words else ""


def judge(name):
    """Empty if the model is compiled or refused as it must be, else the reason."""
    make, statuses, seconds, mebibytes = CASES[name]
    path = PLACE / "model.onnx"
    path.write_bytes(make().SerializeToString())
    status, took, peak, words = measure(path)
    if status not in statuses:
        return f"status {status}: {words}"
    if took > seconds * float(os.environ.get("ONNXCC_TEST_SLOWNESS", "4" if seconds < 5 else "2")):
        return f"took {took:.1f} s"
    if peak > mebibytes:
        return f"took {peak:.0f} MiB"
    print(f"# {name}: status {status}, {took:.2f} s, {peak:.0f} MiB {words}")
    return ""


def main():
    PLACE.mkdir(parents=True, exist_ok=True)
    failed = 0
    for name in CASES:
        if sys.argv[1:] and not any(fnmatch.fnmatch(name, pattern) for pattern in sys.argv[1:]):
            continue
        reason = judge(name)
        failed += bool(reason)
        print(f"not ok {name} - {reason}" if reason else f"ok {name}", flush=True)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
