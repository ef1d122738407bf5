#!/usr/bin/env python3
"""Write the networks of the benchmarks as ONNX files: MobileNetV2, ResNet-50 and SqueezeNet 1.1, as torchvision exports them for 224x224 images with
constants folded (batch normalisations are part of the convolutions), with random weights from a fixed seed, scaled so that activations neither
vanish nor explode. Also a model with 100 MB of weights and one of 1 KB, for the loader, and single operators over a million floats, NAME_1m, and over
4096, NAME_4k.

    build/venv/bin/python tests/bench/make_models.py FOLDER [NAME...]
"""
import pathlib
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 13


class Network:
    """A graph that grows at its end. Methods take and return names of values."""

    def __init__(self, channels):
        self.nodes, self.weights, self.channels = [], [], {"input": channels}
        self.random = numpy.random.default_rng(1)

    def node(self, operator, inputs, channels, **attributes):
        output = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        self.channels[output] = channels
        return output

    def weight(self, kind, array):
        name = f"{kind}_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(numpy.asarray(array, numpy.float32), name))
        return name

    def conv(self, x, outputs, kernel, stride=1, pad=0, groups=1, gain=2.0):
        shape = (outputs, self.channels[x] // groups, kernel, kernel)
        weight = self.random.standard_normal(shape) * numpy.sqrt(gain / numpy.prod(shape[1:]))
        inputs = [x, self.weight("weight", weight), self.weight("bias", 0.1 * self.random.standard_normal(outputs))]
        return self.node("Conv", inputs, outputs, dilations=[1, 1], group=groups, kernel_shape=[kernel] * 2, pads=[pad] * 4, strides=[stride] * 2)

    def relu(self, x):
        return self.node("Relu", [x], self.channels[x])

    def relu6(self, x):
        return self.node("Clip", [x, "zero", "six"], self.channels[x])

    def max_pool(self, x, pad, ceil):
        return self.node("MaxPool", [x], self.channels[x], kernel_shape=[3, 3], pads=[pad] * 4, strides=[2, 2], ceil_mode=ceil)

    def add(self, x, y):
        return self.node("Add", [x, y], self.channels[x])

    def classify(self, x, classes=1000):
        mean = self.node("GlobalAveragePool", [x], self.channels[x])
        flat = self.node("Flatten", [mean], self.channels[x], axis=1)
        weight = self.random.standard_normal((classes, self.channels[x])) / numpy.sqrt(self.channels[x])
        inputs = [flat, self.weight("weight", weight), self.weight("bias", 0.1 * self.random.standard_normal(classes))]
        return self.node("Gemm", inputs, classes, alpha=1.0, beta=1.0, transB=1)

    def save(self, path, output, shape=(1, 3, 224, 224), classes=1000):
        self.nodes[-1].output[0] = "output"
        constants = [numpy_helper.from_array(numpy.float32(value), name) for name, value in (("zero", 0), ("six", 6))]
        used = {name for node in self.nodes for name in node.input}
        graph = helper.make_graph(
            self.nodes, path.stem, [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("output", TensorProto.FLOAT, (1, classes))],
            [tensor for tensor in constants + self.weights if tensor.name in used])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=7)
        onnx.save(model, path)


def mobilenet_v2(path):
    """Sandler et al. 2018, table 2; width 1."""
    net = Network(3)
    x = net.relu6(net.conv("input", 32, 3, 2, 1))
    for expansion, outputs, repeats, first_stride in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]:
        for repeat in range(repeats):
            inputs, stride = net.channels[x], first_stride if repeat == 0 else 1
            hidden = inputs * expansion
            y = net.relu6(net.conv(x, hidden, 1)) if expansion > 1 else x
            y = net.relu6(net.conv(y, hidden, 3, stride, 1, hidden))
            y = net.conv(y, outputs, 1, gain=1.0)
            x = net.add(x, y) if stride == 1 and inputs == outputs else y
    net.save(path, net.classify(net.relu6(net.conv(x, 1280, 1))))


def resnet50(path):
    """He et al. 2015, table 1, with the stride on the 3x3 convolution, as torchvision has it."""
    net = Network(3)
    x = net.max_pool(net.relu(net.conv("input", 64, 7, 2, 3)), 1, 0)
    for width, repeats, first_stride in [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)]:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            y = net.relu(net.conv(x, width, 1))
            y = net.relu(net.conv(y, width, 3, stride, 1))
            y = net.conv(y, 4 * width, 1, gain=0.5)
            shortcut = net.conv(x, 4 * width, 1, stride, gain=1.0) if repeat == 0 else x
            x = net.relu(net.add(y, shortcut))
    net.save(path, net.classify(x))


def squeezenet1_1(path):
    """Iandola et al. 2016, version 1.1."""
    net = Network(3)
    x = net.relu(net.conv("input", 64, 3, 2))
    for squeeze, expand, pool in [(16, 64, True), (16, 64, False), (32, 128, True), (32, 128, False), (48, 192, True), (48, 192, False), (64, 256, False), (64, 256, False)]:
        x = net.max_pool(x, 0, 1) if pool else x
        x = net.relu(net.conv(x, squeeze, 1))
        left, right = net.relu(net.conv(x, expand, 1)), net.relu(net.conv(x, expand, 3, pad=1))
        x = net.node("Concat", [left, right], 2 * expand, axis=1)
    x = net.relu(net.conv(x, 1000, 1))
    mean = net.node("GlobalAveragePool", [x], 1000)
    net.save(path, net.node("Flatten", [mean], 1000, axis=1))


def one_weight(path, count):
    """y = x + weight, with so many floats."""
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "weight"], ["y"])], path.stem, [helper.make_tensor_value_info("x", TensorProto.FLOAT, [count])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [count])], [numpy_helper.from_array(numpy.arange(count, dtype=numpy.float32), "weight")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=7), path)


def one_operator(path, rows, operator, axis=None, scaled=False):
    """y = operator(x) on so many rows of 1024 floats; one row of all where axis is None."""
    shape = [1024 * rows] if axis is None else [rows, 1024]
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape if name == "x" else [1024]) for name in ["x", "scale", "bias"][:3 if scaled else 1]]
    reduces = operator.startswith("Reduce")
    attributes = {"keepdims": 0} if reduces else {} if axis is None else {"axis": axis}
    node = helper.make_node(operator, [value.name for value in inputs], ["y"], **attributes)
    graph = helper.make_graph([node], path.stem, inputs, [helper.make_tensor_value_info("y", TensorProto.FLOAT, [] if reduces else shape)])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), path)


OPERATORS = {"gelu": ("Gelu",), "softmax": ("Softmax", -1), "layer_norm": ("LayerNormalization", -1, True), "sum": ("ReduceSum",)}
MODELS = {
    "mobilenet_v2": mobilenet_v2, "resnet50": resnet50, "squeezenet1_1": squeezenet1_1,
    **{f"{name}_{size}": lambda path, rows=rows, what=what: one_operator(path, rows, *what)
       for name, what in OPERATORS.items() for size, rows in (("1m", 1024), ("4k", 4))},
    "weights_100mb": lambda path: one_weight(path, 25000000), "weights_1kb": lambda path: one_weight(path, 200),
}


def make(folder, names=tuple(MODELS)):
    """Those of the models that the folder lacks; their paths by name."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / f"{name}.onnx" for name in names}
    for name, path in paths.items():
        if not path.exists():
            MODELS[name](path)
    return paths


if __name__ == "__main__":
    if len(sys.argv) < 2 or set(sys.argv[2:]) - set(MODELS):
        sys.exit(__doc__ + f"\nNAMEs: {' '.join(MODELS)}")
    for path in make(sys.argv[1], sys.argv[2:] or tuple(MODELS)).values():
        print(path)
