"""The text form of a module that has no subgraphs, back to an ONNX model of the newest opset: so that onnx's reference evaluator can say what
the reader made of a file."""
import re

import numpy as np
import onnx
from onnx import TensorProto as T, helper, numpy_helper

NEWEST = 27
ELEMENTS = {"f32": T.FLOAT, "f64": T.DOUBLE, "i64": T.INT64, "i32": T.INT32, "bool": T.BOOL, "f16": T.FLOAT16, "u8": T.UINT8}


def words(text):
    return [w for w in re.split(r",\s*", text.strip()) if w]


def number(word):
    return float.fromhex(word) if re.search(r"x|inf|nan|\.", word) else int(word)


def tensor(text, name):
    """`f32[2] constant [0x1p+0, ...]` or `f32[64] splat 0x0p+0`."""
    found = re.match(r"(\w+)\[([^\]]*)\] (constant|splat) \[?([^\]]*)\]?", text)
    element, dims = ELEMENTS[found[1]], [int(d) for d in words(found[2])]
    values = [number(w) for w in words(found[4])]
    kind = helper.tensor_dtype_to_np_dtype(element)
    data = np.full(dims, values[0], kind) if found[3] == "splat" else np.array(values, kind).reshape(dims)
    return numpy_helper.from_array(data, name)


def attribute(text):
    """The value of the first attribute in text and the text behind it."""
    if text.startswith('"'):
        end = text.index('"', 1)
        return text[1:end], text[end + 1:]
    if text.startswith("["):
        end = text.index("]")
        return [number(w) for w in words(text[1:end])], text[end + 1:]
    found = re.match(r"ints \[\]", text)
    if found:
        return helper.make_attribute("x", [], attr_type=onnx.AttributeProto.INTS), text[found.end():]
    found = re.match(r"\w+\[[^\]]*\] (?:constant \[[^\]]*\]|splat \S+)", text)
    if found:
        return tensor(found[0], "value"), text[found.end():]
    found = re.match(r"\S+", text)
    return number(found[0]), text[found.end():]


def node(line):
    results, rest = line.split(" = ", 1)
    outputs = ["" if r.strip() == "_" else r.strip().split(":")[0][1:] for r in re.split(r", (?=%|_)", results)]
    found = re.match(r"(\w+)\(([^)]*)\)", rest)
    inputs = ["" if w == "_" else w[1:] for w in words(found[2])]
    attributes, rest = {}, rest[found.end():].strip()
    while "=" in rest and not rest.startswith("origin"):
        name, rest = rest.split("=", 1)
        attributes[name.strip()], rest = attribute(rest)
        rest = rest.strip()
    return helper.make_node(found[1], inputs, outputs, **attributes)


def model_of(text, original):
    nodes, constants = [], []
    for line in text.split("\n"):
        line = line.strip()
        if not line.startswith("%") and not line.startswith("_"):
            continue
        found = re.match(r"%(\S+): (\w+\[[^\]]*\]) = ((?:constant|splat) .*)$", line)
        if found:
            constants.append(tensor(found[2] + " " + found[3], found[1]))
        else:
            nodes.append(node(line))
    known = {c.name for c in constants}
    inputs = [i for i in original.graph.input if i.name not in known]
    graph = helper.make_graph(nodes, "g", inputs, list(original.graph.output), constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", NEWEST)], ir_version=11)
