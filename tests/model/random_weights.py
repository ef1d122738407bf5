"""Random weights for the ONNX project's light_* models, whose weights are all made by ConstantOfShape: with equal weights every output is nearly the
same, and a kernel that is transposed, mirrored or of the wrong group goes unnoticed.

    build/venv/bin/python tests/model/random_weights.py MODEL.onnx OUT.onnx
"""
import math
import sys

import numpy
import onnx
from onnx import numpy_helper

SEED = 7


def draw(random, operator, operand, shape):
    """Weights of a sane scale: neither vanishing nor exploding activations, no denormal numbers."""
    normal = random.standard_normal(shape, numpy.float32)
    if operator == "BatchNormalization":
        return {1: 1 + 0.1 * normal, 2: 0.1 * normal, 3: 0.1 * normal, 4: 1 + 0.1 * numpy.abs(normal)}[operand]
    if operand == 1 and len(shape) >= 2:
        fan_in = shape[1] if operator == "Gemm" else numpy.prod(shape[1:])
        return normal * numpy.float32(math.sqrt(2 / fan_in))
    return 0.05 * normal


def add_logits(graph):
    """What a Softmax makes into an output becomes an output too: behind a Softmax large differences can hide."""
    outputs = {value.name for value in graph.output}
    for node in graph.node:
        if node.op_type == "Softmax" and node.output[0] in outputs:
            graph.output.append(onnx.helper.make_tensor_value_info(node.input[0], onnx.TensorProto.FLOAT, None))


def randomize(model):
    """Replaces every ConstantOfShape of a constant shape by an initializer; weights are no inputs any more."""
    graph, random = model.graph, numpy.random.default_rng(SEED)
    shapes = {tensor.name: tensor for tensor in graph.initializer}
    users = {name: (node.op_type, operand) for node in graph.node for operand, name in enumerate(node.input)}
    fills = [node for node in graph.node if node.op_type == "ConstantOfShape" and node.input[0] in shapes]
    weights = []
    for node in fills:
        shape = [int(size) for size in numpy_helper.to_array(shapes[node.input[0]])]
        array = draw(random, *users.get(node.output[0], ("", 0)), shape)
        weights.append(numpy_helper.from_array(numpy.asarray(array, numpy.float32), node.output[0]))
        graph.node.remove(node)
    used = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    constants = {tensor.name for tensor in kept + weights}
    inputs = [value for value in graph.input if value.name in used and value.name not in constants]
    for field, values in ((graph.initializer, kept + weights), (graph.input, inputs)):
        del field[:]
        field.extend(values)
    add_logits(graph)
    model.ir_version = max(model.ir_version, 4)  # the first one in which an initializer need not be an input
    return model


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    onnx.save(randomize(onnx.load(sys.argv[1])), sys.argv[2])
