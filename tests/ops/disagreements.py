#!/usr/bin/env python3
"""Nodes whose operands contradict each other: refused with a message where the compiler can know, else by a status of the running program,
with nothing read out of bounds (the interpreter would say so).

    build/venv/bin/python tests/ops/disagreements.py
"""
import os
import pathlib
import subprocess

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("ONNXCC_BUILD", ROOT / "build"))
ONNXCC = os.environ.get("ONNXCC", str(BUILD / "onnxcc"))


def zeros(*shape, element=numpy.float32):
    return numpy.zeros(shape, element)


def whole(*values):
    return numpy.array(values, numpy.int64)


# name: node, inputs as (value, declared dims), shape declared for the first result, words of the message
CASES = {
    "channels": (helper.make_node("Conv", ["a", "b"], ["y"]), [(zeros(1, 4, 5, 5), None), (zeros(2, 3, 3, 3), None)], None,
                 "the number of input channels is 4, but that of the weights times group is 3"),
    "groups": (helper.make_node("Conv", ["a", "b"], ["y"], group=3), [(zeros(1, 4, 5, 5), None), (zeros(2, 3, 3, 3), None)], None,
               "group is 3, which does not divide the number of output channels"),
    "window": (helper.make_node("MaxPool", ["a"], ["y"], kernel_shape=[4]), [(zeros(1, 1, 2), None)], None,
               "the window of axis 2 is larger than the padded operand"),
    "strides": (helper.make_node("MaxPool", ["a"], ["y"], kernel_shape=[2], strides=[0]), [(zeros(1, 1, 2), None)], None,
                "strides[0] is 0, but must be at least 1"),
    "inner": (helper.make_node("MatMul", ["a", "b"], ["y"]), [(zeros(2, 3), None), (zeros(4, 5), None)], None,
              "A's number of columns is 3, but B's number of rows is 4"),
    "inner_symbolic": (helper.make_node("MatMul", ["a", "b"], ["y"]), [(zeros(2, 3), [2, "K"]), (zeros(4, 5), ["L", 5])], None, "the model returned -4"),
    "axis": (helper.make_node("Softmax", ["a"], ["y"], axis=2), [(zeros(2, 3), None)], None, "axis 2 is outside -2..1"),
    "reduced_shape": (helper.make_node("ReduceSum", ["a", "b"], ["y"]), [(zeros(2, 3), None), (whole(0), None)], [2, 1], "the model returned -4"),
    "reduced_rank": (helper.make_node("ReduceSum", ["a", "b"], ["y"], keepdims=0), [(zeros(2, 3), None), (whole(0, 1), None)], [3],
                     "the model returned -4"),
    "reduced_axis": (helper.make_node("ReduceSum", ["a", "b"], ["y"]), [(zeros(2, 3), None), (whole(2), None)], [2, 3], "the model returned -5"),
    "reduced_undeclared": (helper.make_node("ReduceSum", ["a", "b"], ["y"]), [(zeros(2, 3), None), (whole(0), None)], None,
                           "the shape of result 0 is decided by run-time data and the model does not declare it"),
    "lengths": (helper.make_node("RNN", ["a", "b", "c", "", "d"], ["y"]),
                [(zeros(2, 1, 3), None), (zeros(1, 4, 3), None), (zeros(1, 4, 4), None), (numpy.array([3], numpy.int32), None)], None,
                "the model returned -6"),
    "activations": (helper.make_node("RNN", ["a", "b", "c"], ["y"], activations=["Swish"]),
                    [(zeros(2, 1, 3), None), (zeros(1, 4, 3), None), (zeros(1, 4, 4), None)], None, "activations needs 1 known functions"),
    "equation": (helper.make_node("Einsum", ["a", "b"], ["y"], equation="ij,jk->im"), [(zeros(2, 3), None), (zeros(3, 4), None)], None,
                 "equation 'ij,jk->im' is malformed or does not fit the operands' ranks"),
    "elements": (helper.make_node("Reshape", ["a", "b"], ["y"]), [(zeros(2, 3), None), (whole(3, 3), None)], [3, 2], "the model returned -4"),
    "squeezed": (helper.make_node("Squeeze", ["a", "b"], ["y"]), [(zeros(2, 1, 1), None), (whole(0), None)], [2, 1], "the model returned -4"),
    "unsqueezed": (helper.make_node("Unsqueeze", ["a", "b"], ["y"]), [(zeros(2, 3), None), (whole(7), None)], [2, 1, 3], "the model returned -4"),
    "slice_size": (helper.make_node("Slice", ["a", "b", "c"], ["y"]), [(zeros(5), None), (whole(1), None), (whole(5), None)], [3],
                   "the model returned -4"),
    "slice_step": (helper.make_node("Slice", ["a", "b", "c", "d", "e"], ["y"]),
                   [(zeros(5), None), (whole(0), None), (whole(5), None), (whole(0), None), (whole(0), None)], [5], "the model returned -4"),
    "slice_far": (helper.make_node("Slice", ["a", "b", "c"], ["y"]), [(zeros(5), None), (whole(-2**63), None), (whole(2**63 - 1), None)], [4],
                  "the model returned -4"),
    "pads": (helper.make_node("Pad", ["a", "b"], ["y"]), [(zeros(2, 3), None), (whole(0, 1, 0, 2**62), None)], [2, 5], "the model returned -4"),
    "expanded": (helper.make_node("Expand", ["a", "b"], ["y"]), [(zeros(2, 1), None), (whole(3, 4), None)], [2, 4], "the model returned -4"),
    "tiled": (helper.make_node("Tile", ["a", "b"], ["y"]), [(zeros(2, 3), None), (whole(1, -1), None)], [2, 6], "the model returned -4"),
    "gathered": (helper.make_node("Gather", ["a", "b"], ["y"]), [(zeros(4, 2), None), (whole(3, 4), None)], [2, 2], "the model returned -5"),
    "gathered_far": (helper.make_node("GatherND", ["a", "b"], ["y"]), [(zeros(4, 2), None), (whole(-2**63, 0), None)], [], "the model returned -5"),
    "scattered": (helper.make_node("ScatterND", ["a", "b", "c"], ["y"]), [(zeros(4), None), (whole(4).reshape(1, 1), None), (zeros(1), None)], [4],
                  "the model returned -5"),
    "joined": (helper.make_node("Concat", ["a", "b"], ["y"], axis=0), [(zeros(1, 2), [1, "N"]), (zeros(1, 3), [1, "M"])], None,
               "the model returned -4"),
    "parts": (helper.make_node("Split", ["a", "b"], ["y"]), [(zeros(5), None), (whole(4), None)], [4], "the model returned -4"),
    "resized": (helper.make_node("Resize", ["a", "", "", "b"], ["y"]), [(zeros(2, 3), None), (whole(4, 7), None)], [4, 6], "the model returned -4"),
    "largest": (helper.make_node("TopK", ["a", "b"], ["y", "z"]), [(zeros(5), None), (whole(6), None)], [3], "the model returned -4"),
    "steps": (helper.make_node("Range", ["a", "b", "c"], ["y"]), [(zeros(), None), (zeros() + 6, None), (zeros() + 1, None)], [3],
              "the model returned -4"),
    "sequence_lengths": (helper.make_node("ReverseSequence", ["a", "b"], ["y"]), [(zeros(3, 2), None), (whole(1, 4), None)], [3, 2],
                         "the model returned -6"),
    "training": (helper.make_node("Dropout", ["a", "", "b"], ["y"]), [(zeros(3), None), (numpy.array(True), None)], [3], "the model returned -6"),
    "divided": (helper.make_node("Mod", ["a", "b"], ["y"]), [(zeros(3), None), (zeros(3), None)], None, "fmod must be 1 for f32"),
    "broadcast": (helper.make_node("Add", ["a", "b"], ["y"]), [(zeros(2, 3), None), (zeros(2, 4), None)], None, "3 and 4 do not broadcast"),
}


def build(folder, node, inputs, shape):
    folder.mkdir(parents=True, exist_ok=True)
    infos = []
    for index, (value, dims) in enumerate(inputs):
        name = [operand for operand in node.input if operand][index]
        infos.append(helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), dims or value.shape))
        (folder / f"input_{index}.pb").write_bytes(numpy_helper.from_array(value, name).SerializeToString())
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)
    (folder / "output_0.pb").write_bytes(numpy_helper.from_array(zeros(1), "y").SerializeToString())
    graph = helper.make_graph([node], "case", infos, [result])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=9), folder / "model.onnx")


def main():
    for name, (node, inputs, shape, words) in CASES.items():
        folder = BUILD / "tests" / "ops" / name
        build(folder, node, inputs, shape)
        command = [ONNXCC, "verify", str(folder / "model.onnx"), f"--data={folder}", "--via=interpreter", "--symbolic"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode == 1 and words in done.stderr:
            print(f"ok {name}")
        else:
            print(f"not ok {name} - status {done.returncode}, wanted '{words}': {done.stderr[:200]!r}")


if __name__ == "__main__":
    main()
