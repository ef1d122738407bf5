#!/usr/bin/env python3
"""Models that must be refused, each with what onnxcc must say: exit status, code of the first error, words of the messages.

    build/venv/bin/python tests/err/models.py [NAME...]

A case is a function that makes the model; its decorator says what is expected. Words are looked for in all messages together, in any order. Nothing
may be written. Mistakes that need no model file (shapes and types of a graph) stand as text in texts.txt.
"""
import os
import pathlib
import subprocess
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("ONNXCC_BUILD", ROOT / "build"))
ONNXCC = os.environ.get("ONNXCC", str(BUILD / "onnxcc"))
PLACE = BUILD / "tests" / "err"
CASES = []


def refused(code, *words, status=1, options=(), command=""):
    """Register a function that returns a model or its bytes. command: run or another one instead of compile."""
    def register(make):
        CASES.append((make.__name__, make, status, code, words, options, command))
        return make
    return register


def value(name, dims=(2, 3), element=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, element, dims)


def model(nodes, inputs=("x",), outputs=("y",), weights=(), opset=21, ir=10, functions=(), domains=(), **graph_arguments):
    """A model of nodes; inputs and outputs are names of f32[2, 3] or value infos."""
    def infos(values):
        return [value(item) if isinstance(item, str) else item for item in values]
    graph = helper.make_graph(nodes, "graph", infos(inputs), infos(outputs), list(weights), **graph_arguments)
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    made = helper.make_model(graph, opset_imports=imports, functions=list(functions))
    made.ir_version = ir
    return made


def node(op, inputs, outputs, **attributes):
    attributes.setdefault("name", f"my_{op.lower()}")
    return helper.make_node(op, inputs, outputs, **attributes)


def weight(name, array):
    return numpy_helper.from_array(numpy.asarray(array), name)


# ---- files and structure ---------------------------------------------------------------------------------------------------

@refused("E0104", "no graph")
def no_graph():
    return onnx.ModelProto(ir_version=10)


@refused("E0110", "byte")
def cut_within_a_number():
    return b"\x08\x80"


@refused("E0113", "byte")
def cut_within_a_field():
    return model([node("Relu", ["x"], ["y"])]).SerializeToString()[:-10]


@refused("E0150", "IR version 99", "3 to 14")
def future_ir():
    return model([node("Relu", ["x"], ["y"])], ir=99)


@refused("E0151")
def future_opset():
    return model([node("Relu", ["x"], ["y"])], opset=999)


@refused("E0151", "other.domain")
def domain_not_imported():
    return model([node("Relu", ["x"], ["y"], domain="other.domain")])


@refused("E0201", '"y"')
def value_defined_twice():
    return model([node("Relu", ["x"], ["y"]), node("Abs", ["x"], ["y"])])


@refused("E0202", '"nothing"')
def value_not_defined():
    return model([node("Relu", ["nothing"], ["y"])])


@refused("E0202")
def output_not_defined():
    return model([node("Relu", ["x"], ["a"])])


@refused("E0220", "cycle")
def cycle():
    return model([node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"]), node("Abs", ["b"], ["y"])])


@refused("E0203", "Loopy")
def function_calls_itself():
    function = helper.make_function("local", "Loopy", ["a"], ["b"], [helper.make_node("Loopy", ["a"], ["b"], domain="local")],
                                    [helper.make_opsetid("", 21), helper.make_opsetid("local", 1)])
    return model([node("Loopy", ["x"], ["y"], domain="local")], functions=[function], domains=["local"])


# ---- operators -------------------------------------------------------------------------------------------------------------

@refused("E0511", "Rellu", "did you mean Relu?", "my_rellu")
def operator_misspelled():
    return model([node("Rellu", ["x"], ["y"])])


@refused("E0510", '"Foo"', '"Bar"', '"vendor"', "my_foo", "my_bar", "2 nodes")
def all_unsupported_operators_at_once():
    nodes = [node("Foo", ["x"], ["a"], domain="vendor"), node("Bar", ["a"], ["b"], domain="vendor"), node("Foo", ["b"], ["y"], domain="vendor", name="again")]
    return model(nodes, domains=["vendor"])


@refused("E0301", "my_add", "Add")
def too_few_operands():
    return model([node("Add", ["x"], ["y"])])


@refused("E0301", "my_relu")
def too_many_operands():
    return model([node("Relu", ["x", "x"], ["y"])])


@refused("E0302", "aplha", "my_leakyrelu")
def attribute_unknown():
    return model([node("LeakyRelu", ["x"], ["y"], aplha=0.5)])


@refused("E0302", "to", "my_cast")
def attribute_missing():
    return model([node("Cast", ["x"], ["y"])])


@refused("E0303", "axis")
def attribute_of_the_wrong_kind():
    return model([node("Softmax", ["x"], ["y"], axis=[1])])


@refused("E0304", "my_averagepool", "auto_pad")
def attribute_with_an_unknown_word():
    return model([node("AveragePool", ["x"], ["y"], kernel_shape=[2, 2], auto_pad="SOMEHOW")], inputs=[value("x", (1, 1, 4, 4))], outputs=["y"])


@refused("E0408", "my_averagepool", "strides")
def attribute_out_of_range():
    return model([node("AveragePool", ["x"], ["y"], kernel_shape=[2, 2], strides=[0, 1])], inputs=[value("x", (1, 1, 4, 4))],
                 outputs=[onnx.ValueInfoProto(name="y")])


@refused("E0502", "my_identity")
def strings():
    return model([node("Identity", ["x"], ["y"])], inputs=[value("x", (2, 3), TensorProto.STRING)], outputs=[value("y", (2, 3), TensorProto.STRING)])


# ---- weights ---------------------------------------------------------------------------------------------------------------

@refused("E0140", '"w"')
def weight_too_short():
    tensor = onnx.TensorProto(name="w", data_type=1, dims=[2, 3], raw_data=bytes(20))
    return model([node("Add", ["x", "w"], ["y"])], weights=[tensor])


@refused("E0143", '"w"')
def weight_of_unknown_type():
    tensor = onnx.TensorProto(name="w", data_type=99, dims=[1], raw_data=bytes(4))
    return model([node("Add", ["x", "w"], ["y"])], weights=[tensor])


@refused("E0144", '"w"')
def weight_with_negative_dimension():
    tensor = onnx.TensorProto(name="w", data_type=1, dims=[-2], raw_data=bytes(4))
    return model([node("Add", ["x", "w"], ["y"])], weights=[tensor])


def external(location, **entries):
    tensor = onnx.TensorProto(name="w", data_type=1, dims=[2, 3], data_location=TensorProto.EXTERNAL)
    for key, text in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=str(text))
    return model([node("Add", ["x", "w"], ["y"])], weights=[tensor])


@refused("E0130", "../outside.bin", "--external-data-dir")
def external_data_outside_the_folder():
    return external("../outside.bin")


@refused("E0130", "/etc/passwd")
def external_data_with_absolute_path():
    return external("/etc/passwd")


@refused("E0132", '"w"')
def external_data_too_short():
    (PLACE / "short.bin").write_bytes(bytes(16))
    return external("short.bin")


@refused("E0131", "offset")
def external_data_with_bad_offset():
    (PLACE / "short.bin").write_bytes(bytes(16))
    return external("short.bin", offset="-8")


# ---- types and shapes ------------------------------------------------------------------------------------------------------

@refused("E0401", "my_add", "f32", "i64")
def types_differ():
    return model([node("Add", ["x", "n"], ["y"])], inputs=["x", value("n", (2, 3), TensorProto.INT64)])


@refused("E0404", "my_add", "[2, 3]", "[2, 4]")
def shapes_do_not_broadcast():
    return model([node("Add", ["x", "z"], ["y"])], inputs=["x", value("z", (2, 4))])


@refused("E0405", "my_relu", "declares 3")
def declared_shape_contradicts():
    return model([node("Relu", ["x"], ["y"])], outputs=[value("y", (3, 2))])


@refused("E0406", "my_reshape", "f32[2, 3]")
def shape_decided_while_running():
    return model([node("Reshape", ["x", "n"], ["y"])], inputs=["x", value("n", (2,), TensorProto.INT64)], outputs=[onnx.ValueInfoProto(name="y")])


@refused("E0403", "my_softmax", "axis")
def axis_out_of_range():
    return model([node("Softmax", ["x"], ["y"], axis=2)])


# ---- the command line against the model --------------------------------------------------------------------------------------

def symbolic():
    return model([node("Relu", ["x"], ["y"])], inputs=[value("x", ("batch", 3))], outputs=[value("y", ("batch", 3))])


@refused("E0710", "no dimension is called", '"batch"', options=("-D", "bach=4"))
def dimension_unknown():
    return symbolic()


@refused("E0710", "is 3 in the model", options=("-D", "x.1=4"))
def dimension_fixed_by_the_model():
    return symbolic()


@refused("E0710", "3 dimensions", "f32[batch, 3]", options=("--shape", "x=1,2,3"))
def shape_of_another_rank():
    return symbolic()


@refused("E0712", "did you mean", options=("--shape", "xx=1,3"))
def shape_of_unknown_input():
    return symbolic()


@refused("E0481", "-1", options=("-Werror",))
def warnings_as_errors():
    return model([node("Relu", ["x"], ["y"])], inputs=[value("x", (-1, 3))], outputs=[onnx.ValueInfoProto(name="y")])


@refused("E0204", "x", options=("-Wfixed-input", "-Werror"))
def remarks_as_warnings():
    return model([node("Add", ["x", "w"], ["y"])], inputs=["x", "w"], weights=[weight("w", numpy.zeros((2, 3), "f"))])


@refused("E0117", options=("-Werror=unknown-field",))
def one_warning_as_error():
    return model([node("Relu", ["x"], ["y"])]).SerializeToString() + b"\xf2\x3f\x01a"  # field 1022, one byte


def gather():
    return model([node("Gather", ["w", "i"], ["y"])], inputs=[value("i", (2,), TensorProto.INT64)], outputs=[value("y", (2, 3))],
                 weights=[weight("w", numpy.ones((5, 3), "f"))])


def indices(*numbers):
    PLACE.mkdir(parents=True, exist_ok=True)
    numpy.save(PLACE / "indices.npy", numpy.array(numbers, "int64"))
    return ("--input", "i=indices.npy")


@refused("E1002", "-5", "index in the data", options=(*indices(0, 7), "--via=interpreter"), command="run")
def index_outside_its_axis_interpreted():
    return gather()


@refused("E1002", "-5", "index in the data", options=(*indices(0, 7), "--via=c"), command="run")
def index_outside_its_axis_compiled():
    return gather()


@refused("E0711", "[2, 3]", "batch", options=("--symbolic", "-D", "batch=4..8", "--input", "x=pair.npy"), command="run")
def data_outside_the_range():
    numpy.save(PLACE / "pair.npy", numpy.zeros((2, 3), "f"))
    return symbolic()


# ---- all of them ---------------------------------------------------------------------------------------------------------------

def problem(name, make, status, code, words, options, command):
    """Empty if onnxcc refuses the model as it should."""
    path = PLACE / f"{name}.onnx"
    output = PLACE / f"{name}.c"
    made = make()
    path.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
    call = [ONNXCC, command, str(path), *options] if command else [ONNXCC, str(path), "-o", str(output), *options]
    done = subprocess.run(call, capture_output=True, text=True, timeout=60, check=False, cwd=PLACE)
    first = next((line for line in done.stderr.splitlines() if line.startswith("error ")), "no error")
    if done.returncode != status:
        return f"status {done.returncode}, not {status}: {first}"
    if not first.startswith(f"error {code}:"):
        return f"{first}, not {code}"
    missing = [word for word in words if word not in done.stderr]
    if missing:
        return f"{missing[0]} is not among its words: {first}"
    if output.exists():
        return f"{output.name} was written"
    return ""


def main():
    PLACE.mkdir(parents=True, exist_ok=True)
    for old in PLACE.glob("*.[ch]"):
        old.unlink()
    failed = False
    for name, *case in CASES:
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        reason = problem(name, *case)
        failed |= bool(reason)
        print(f"not ok {name} - {reason}" if reason else f"ok {name}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
