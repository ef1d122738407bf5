#!/usr/bin/env python3
"""Single nodes with random attributes and shapes against ONNX Runtime: what the official node tests leave out, such as groups with dilations and
uneven pads, or three-dimensional windows that round up.

    build/venv/bin/python tests/ops/random_nodes.py [--count N] [--seed N] [--symbolic] [--via HOW] [OPERATOR...]

Each case is compiled with `onnxcc verify`. --symbolic leaves most dimensions of the inputs free. Left out is what ONNX Runtime itself
gets wrong or refuses: reductions of nothing, padding that would be negative, an exponential that overflows. A case that fails is
kept under build/tests/ops, and its seed is in its name.
"""
import argparse
import os
import pathlib
import random
import shutil
import subprocess

import numpy
import onnx
import onnxruntime
from onnx import helper, numpy_helper

import movement_cases
import quantized_cases

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("ONNXCC_BUILD", ROOT / "build"))
ONNXCC = os.environ.get("ONNXCC", str(BUILD / "onnxcc"))
OPSET = 21


class Case:
    """One node: operator, attributes, operands (None: omitted), number of results. Every draw comes from one generator.
    shaping: operands that decide the result's shape; fixed: those whose own dims must be known; constants: operands that are constants;
    exact: results must be equal."""

    def __init__(self, operator, seed):
        self.operator, self.attributes, self.operands, self.results = operator, {}, [], 1
        self.domain, self.shaping, self.fixed, self.constants, self.exact = "", (), (), (), False
        self.draw, self.numbers = random.Random(seed), numpy.random.RandomState(seed)

    def floats(self, *shape):
        return numpy.asarray(self.numbers.randn(*shape), numpy.float32)

    def bytes(self, *shape, signed=False):
        return numpy.asarray(self.numbers.randint(-128 if signed else 0, 128 if signed else 256, shape), numpy.int8 if signed else numpy.uint8)

    def up_to(self, limit, count, least=1):
        return [self.draw.randint(least, limit) for _ in range(count)]

    def chance(self, share):
        return self.draw.random() < share

    def maybe(self, name, value, share=0.5):
        if self.chance(share):
            self.attributes[name] = value


def window(case, kernel, auto_pad=True):
    """Strides, dilations and padding. SAME_* only where it adds something on every axis: kernels no smaller than strides."""
    rank = len(kernel)
    case.maybe("strides", case.up_to(3, rank))
    case.maybe("dilations", case.up_to(2, rank), 0.4)
    fits = all(size >= stride for size, stride in zip(kernel, case.attributes.get("strides", [1] * rank)))
    if auto_pad and case.chance(0.3) and "dilations" not in case.attributes:
        case.attributes["auto_pad"] = case.draw.choice(["SAME_UPPER", "SAME_LOWER", "VALID"] if fits else ["VALID"])
    else:
        case.maybe("pads", [case.draw.randint(0, size - 1) for size in kernel * 2])


def convolution(case):
    transposed, integer = case.operator == "ConvTranspose", case.operator == "ConvInteger"
    rank, group, inputs, outputs = case.draw.randint(1, 3), case.draw.choice([1, 1, 2, 4]), case.draw.randint(1, 3), case.draw.randint(1, 3)
    kernel = case.up_to(3, rank)
    window(case, kernel, auto_pad=not transposed)
    case.attributes["group"] = group
    make = case.bytes if integer else case.floats
    weights = (group * inputs, outputs, *kernel) if transposed else (group * outputs, inputs, *kernel)
    case.operands = [make(case.draw.randint(1, 2), group * inputs, *case.up_to(9, rank, 5)), make(*weights)]
    if integer and case.chance(0.7):
        case.operands += [case.bytes(), case.bytes()][:case.draw.randint(1, 2)]
    if not integer and case.chance(0.5):
        case.operands.append(case.floats(group * outputs))
    if transposed:
        steps = zip(case.attributes.get("strides", [1] * rank), case.attributes.get("dilations", [1] * rank))
        case.maybe("output_padding", [case.draw.randint(0, max(pair) - 1) for pair in steps], 0.4)


def pool(case):
    rank = case.draw.randint(1, 3)
    kernel = case.up_to(4, rank)
    window(case, kernel)
    case.attributes["kernel_shape"] = kernel
    case.maybe("ceil_mode", 1, 0.4)
    if case.operator == "AveragePool":
        case.maybe("count_include_pad", 1)
    if case.operator == "LpPool":
        case.maybe("p", case.draw.randint(1, 4))
    if case.operator == "MaxPool" and case.chance(0.5):
        case.results = 2
        case.maybe("storage_order", 1)
    case.operands = [case.floats(*case.up_to(3, 2), *case.up_to(10, rank, 7))]


def reduction(case):
    rank = case.draw.randint(0, 4)
    case.maybe("keepdims", 0)
    case.maybe("noop_with_empty_axes", 1, 0.3)
    data = case.floats(*case.up_to(5, rank))
    case.operands = [numpy.asarray(abs(data) + 1, numpy.float32) if case.operator == "ReduceLogSum" else data]
    if rank and case.chance(0.8):
        case.operands.append(numpy.array(case.draw.sample(range(-rank, 0), case.draw.randint(0, rank)), numpy.int64))


def position(case):
    rank = case.draw.randint(1, 4)
    case.attributes = {"axis": case.draw.randint(-rank, rank - 1), "keepdims": case.draw.randint(0, 1), "select_last_index": case.draw.randint(0, 1)}
    case.operands = [case.numbers.randint(0, 3, case.up_to(5, rank)).astype(numpy.float32)]


def along_axis(case):
    rank = case.draw.randint(1, 4)
    case.attributes["axis"] = case.draw.randint(-rank, rank - 1)
    case.operands = [case.floats(*case.up_to(5, rank))]


GATES = {"LSTM": (4, 3), "GRU": (3, 2), "RNN": (1, 1)}  # rows of W a hidden unit, activations a direction
ALPHA, BETA = {"LeakyRelu": 0.1, "HardSigmoid": 0.3, "Elu": 0.7}, {"HardSigmoid": 0.4}


def recurrent(case):
    gates, functions = GATES[case.operator]
    directions = case.draw.randint(1, 2)
    steps, batch, size, hidden = case.up_to(5, 4)
    case.attributes = {"direction": "bidirectional" if directions == 2 else case.draw.choice(["forward", "reverse"]), "hidden_size": hidden}
    case.maybe("clip", case.draw.choice([0.2, 1.0]), 0.3)
    if case.chance(0.4):
        names = [case.draw.choice(["Tanh", "Sigmoid", "Relu", "LeakyRelu", "HardSigmoid", "Elu", "Softsign"]) for _ in range(functions * directions)]
        case.attributes["activations"] = names
        for attribute, own in (("activation_alpha", ALPHA), ("activation_beta", BETA)):
            values = [own[name] for name in names if name in own]
            if values:
                case.attributes[attribute] = values
    if case.operator == "GRU":
        case.maybe("linear_before_reset", 1)
    if case.operator == "LSTM":
        case.maybe("input_forget", 1, 0.3)
    lengths = case.numbers.randint(1, steps + 1, (batch,)).astype(numpy.int32)
    optional = [case.floats(directions, 2 * gates * hidden), lengths, case.floats(directions, batch, hidden)]
    if case.operator == "LSTM":
        optional += [case.floats(directions, batch, hidden), case.floats(directions, 3 * hidden)]
    case.operands = [case.floats(steps, batch, size), case.floats(directions, gates * hidden, size), case.floats(directions, gates * hidden, hidden)]
    case.operands += [operand if case.chance(0.5) else None for operand in optional]
    case.results = 3 if case.operator == "LSTM" else 2


def product(case):
    inner, batch = case.draw.randint(1, 5), case.up_to(3, case.draw.randint(0, 2))
    shapes = []
    for matrix in ((case.draw.randint(1, 9), inner), (inner, case.draw.randint(1, 20))):
        own = [1 if case.chance(0.3) else size for size in batch][case.draw.randint(0, len(batch)):]
        shapes.append((inner,) if case.chance(0.2) else (*own, *matrix))
    case.operands = [case.floats(*shape) for shape in shapes]


def integer_product(case):
    rows, inner, columns = case.up_to(5, 3)
    zero_points = [case.bytes(), case.bytes(columns, signed=True) if case.chance(0.5) else case.bytes(signed=True)]
    case.operands = [case.bytes(rows, inner), case.bytes(inner, columns, signed=True)] + zero_points[:case.draw.randint(0, 2)]


def normalization(case):
    shape = case.up_to(5, case.draw.randint(3, 4))
    channels, rank = shape[1], len(shape)
    case.operands = [case.floats(*shape)]
    if case.operator == "LpNormalization":
        case.attributes = {"axis": case.draw.randint(-rank, rank - 1), "p": case.draw.randint(1, 2)}
    elif case.operator == "LRN":
        case.attributes = {"size": case.draw.choice([1, 3, 5]), "alpha": 0.1, "beta": 0.6, "bias": 1.5}
        case.operands = [case.floats(2, case.draw.randint(1, 7), 3, 3)]
    elif case.operator == "MeanVarianceNormalization":
        case.attributes = {"axes": case.draw.sample(range(4), case.draw.randint(1, 4))}
        case.operands = [case.floats(*case.up_to(5, 4, 2))]
    elif case.operator == "LayerNormalization":
        case.attributes = {"axis": case.draw.randint(-rank, rank - 1), "epsilon": 1e-2}
        trailing = shape[case.attributes["axis"]:]
        case.operands += [case.floats(*trailing), case.floats(*trailing)][:case.draw.randint(1, 2)]
        case.results = case.draw.choice([1, 3])
    elif case.operator == "GroupNormalization":
        groups, size = case.up_to(3, 2)
        case.attributes = {"num_groups": groups, "epsilon": 1e-2}
        case.operands = [case.floats(2, groups * size, 3, 3), case.floats(groups * size), case.floats(groups * size)]
    else:
        count = 4 if case.operator == "BatchNormalization" else 2
        case.attributes = {"epsilon": 1e-2}
        case.operands += [case.floats(channels) for _ in range(count - 1)] + [abs(case.floats(channels))]


def letters(case):
    equation = case.draw.choice([
        "ij,jk->ik", "bij,bjk->bik", "...ij,...jk->...ik", "ii->i", "ii", "ij->ji", "i,j", "i,i", "ij,kj,lk->il", "b...i,i->b...", "...i->...",
        "ij,ij", "abc,cd->abd", "a...b->b...a"])
    sizes, batch = {letter: case.draw.randint(1, 4) for letter in "abcdijkl"}, case.up_to(3, case.draw.randint(0, 2))
    case.attributes["equation"] = equation
    for term in equation.split("->")[0].split(","):
        before, dots, after = term.partition("...")
        case.operands.append(case.floats(*[sizes[x] for x in before], *(batch if dots else []), *[sizes[x] for x in after]))


FAMILIES = {
    convolution: "Conv ConvTranspose ConvInteger", pool: "MaxPool AveragePool LpPool", product: "MatMul", integer_product: "MatMulInteger",
    reduction: "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare",
    position: "ArgMax ArgMin", along_axis: "Softmax LogSoftmax Hardmax", recurrent: "LSTM GRU RNN", letters: "Einsum",
    normalization: "BatchNormalization InstanceNormalization LayerNormalization GroupNormalization LpNormalization LRN MeanVarianceNormalization",
}
FAMILIES.update(movement_cases.FAMILIES)
FAMILIES.update(quantized_cases.FAMILIES)
MAKERS = {operator: make for make, operators in FAMILIES.items() for operator in operators.split()}


def build_model(case, symbolic, results):
    """The model and the data of its inputs. Some weights are constants. results: their values once they are known, to declare their shapes."""
    inputs, data, names, constants = [], {}, [], []
    for index, operand in enumerate(case.operands):
        names.append("" if operand is None else f"x{index}")
        if operand is None:
            continue
        weight = case.operator in ("Conv", "LSTM", "GRU") and index in (1, 2) and case.seed % 2
        shaping = index in case.shaping and (symbolic or case.seed % 2)
        if index in case.constants or weight or shaping or (symbolic and case.operator.startswith("Reduce") and index == 1):
            constants.append(numpy_helper.from_array(operand, names[-1]))
            continue
        free = random.Random(case.seed + index)
        free_share = 0 if index in case.fixed else 0.6
        dims = [f"d{index}_{axis}" if symbolic and free.random() < free_share else size for axis, size in enumerate(operand.shape)]
        inputs.append(helper.make_tensor_value_info(names[-1], helper.np_dtype_to_tensor_dtype(operand.dtype), dims))
        data[names[-1]] = operand
    outputs = [helper.make_empty_tensor_value_info(f"y{index}") for index in range(case.results)]
    if results is not None:
        shapes = [None if symbolic else value.shape for value in results]
        outputs = [helper.make_tensor_value_info(f"y{index}", helper.np_dtype_to_tensor_dtype(value.dtype), shape)
                   for index, (value, shape) in enumerate(zip(results, shapes))]
    node = helper.make_node(case.operator, names, [f"y{index}" for index in range(case.results)], domain=case.domain, **case.attributes)
    graph = helper.make_graph([node], "case", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)], ir_version=9), data


def reference(model, data):
    """ONNX Runtime's results; None if it refuses the model."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return [numpy.asarray(value) for value in session.run(None, data)]
    except Exception as error:  # its exceptions have no common base
        print(f"# refused by ONNX Runtime: {str(error)[:120]!r}")
        return None


def check(case, options, folder):
    """Empty if all is well, else the reason; None if there is nothing to compare with."""
    model, data = build_model(case, False, None)
    results = reference(model, data)
    if results is None:
        return None
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model, data = build_model(case, options.symbolic, results)
    onnx.save(model, folder / "model.onnx")
    for index, value in enumerate(model.graph.input):
        (folder / f"input_{index}.pb").write_bytes(numpy_helper.from_array(data[value.name], value.name).SerializeToString())
    for index, value in enumerate(results):
        (folder / f"output_{index}.pb").write_bytes(numpy_helper.from_array(value, f"y{index}").SerializeToString())
    command = [ONNXCC, "verify", str(folder / "model.onnx"), f"--data={folder}", f"--via={options.via}"]
    command += ["--rtol=0", "--atol=0"] if case.exact else ["--rtol=1e-3", "--atol=1e-5"]
    done = subprocess.run(command + ["--symbolic"] * options.symbolic, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode == 0:
        shutil.rmtree(folder)
        return ""
    shapes = [None if operand is None else operand.shape for operand in case.operands]
    words = next((line for line in done.stderr.splitlines() if "error" in line), "no message")
    return f"{case.attributes} on {shapes}: {words[:200]}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=4, help="cases an operator")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--symbolic", action="store_true")
    parser.add_argument("--via", default="interpreter")
    parser.add_argument("operators", nargs="*")
    options = parser.parse_args()
    for operator in options.operators or MAKERS:
        for at in range(options.count):
            seed = options.seed * 1000 + at
            name = f"{operator.lower()}_{seed}{'_symbolic' if options.symbolic else ''}"
            case = Case(operator, seed)
            case.seed = seed
            MAKERS[operator](case)
            reason = check(case, options, BUILD / "tests" / "ops" / name)
            print(f"skip {name} - ONNX Runtime refuses it" if reason is None else f"not ok {name} - {reason}" if reason else f"ok {name}", flush=True)


if __name__ == "__main__":
    main()
