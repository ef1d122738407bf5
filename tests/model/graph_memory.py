"""What a plain compiler would need for the activations of a model: nodes run in the order of the file, only element-wise operators are fused.

An element-wise node joins the latest of the nodes that make its operands, if nothing else reads that one's result; else it may work in place of an
operand of its size that ends there. Reshape and its like cost nothing; an LSTM also needs its four gates and two running states. Inputs and outputs of the
model are the caller's memory, what depends on no input is no activation. The bound is the largest sum, over nodes, of what is live.
"""
import collections
import dataclasses

import numpy
import onnx
from onnx import helper, numpy_helper, shape_inference

from models import true_inputs

VIEWS = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout"}
ELEMENTWISE = set("""Abs Acos Add And Asin Atan BatchNormalization Cast Ceil Clip Cos DequantizeLinear Div Elu Equal Erf Exp Floor Gelu Greater
    GreaterOrEqual HardSigmoid HardSwish IsInf IsNaN LeakyRelu Less LessOrEqual Log Max Mean Min Mish Mod Mul Neg Not Or PRelu Pow QuantizeLinear
    QLinearAdd QLinearLeakyRelu QLinearMul QLinearSigmoid Reciprocal Relu Round Selu Sigmoid Sign Sin Softplus Softsign Sqrt Sub Sum Swish Tan Tanh
    ThresholdedRelu Where Xor""".split())


@dataclasses.dataclass
class Node:
    operator: str
    inputs: list
    outputs: list


def flat(graph):
    return [Node(node.op_type, [name for name in node.input if name], [name for name in node.output if name]) for node in graph.node]


def static_sizes(model, shapes):
    """Bytes by value, by the standard's shape inference; None if it does not get through or the graph has branches."""
    if any(attribute.type == onnx.AttributeProto.GRAPH for node in model.graph.node for attribute in node.attribute):
        return None
    known = onnx.ModelProto()
    known.CopyFrom(model)
    for value, shape in zip(true_inputs(known.graph), shapes):
        for dim, size in zip(value.type.tensor_type.shape.dim, shape):
            dim.dim_value = size
    known = shape_inference.infer_shapes(known, data_prop=True)
    sizes = {}
    for value in [*known.graph.value_info, *known.graph.input, *known.graph.output]:
        tensor = value.type.tensor_type
        dims = [dim.dim_value if dim.HasField("dim_value") else -1 for dim in tensor.shape.dim]
        if tensor.HasField("shape") and min(dims, default=1) >= 0 and tensor.elem_type:
            sizes[value.name] = int(numpy.prod(dims, dtype=numpy.int64)) * helper.tensor_dtype_to_np_dtype(tensor.elem_type).itemsize
    missing = [name for node in model.graph.node for name in node.output if name and name not in sizes]
    return sizes if not missing else None


def open_session(model):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def runtime_sizes(model, arrays):
    """The same by running the model in ONNX Runtime, with every value as an output."""
    opened = onnx.ModelProto()
    opened.CopyFrom(model)
    outputs = {value.name for value in opened.graph.output}
    names = [name for node in opened.graph.node for name in node.output if name and name not in outputs]
    opened.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    session = open_session(opened)
    values = session.run(None, {value.name: array for value, array in zip(true_inputs(model.graph), arrays)})
    return {value.name: array.nbytes for value, array in zip(session.get_outputs(), values)}


class Trace:
    """A model with branches, run node by node on one input: the nodes of the branches that were taken, in order, with all sizes."""

    def __init__(self, model, arrays):
        self.model, self.nodes, self.sizes = model, [], {}
        scope = {value.name: array for value, array in zip(true_inputs(model.graph), arrays)}
        self.constants = set()
        self.run(model.graph, scope, "")

    def run(self, graph, scope, prefix):
        for tensor in graph.initializer:
            scope[tensor.name] = numpy_helper.to_array(tensor)
            self.constants.add(tensor.name)
        for node in graph.node:
            if node.op_type == "If":
                self.branch(node, scope, prefix)
                continue
            values = self.compute(node, [scope[name] if name else None for name in node.input])
            for name, value in zip((name for name in node.output if name), values):
                scope[name] = value
                self.sizes[name] = value.nbytes
            self.nodes.append(Node(node.op_type, [name for name in node.input if name], [name for name in node.output if name]))

    def branch(self, node, scope, prefix):
        wanted = "then_branch" if scope[node.input[0]] else "else_branch"
        body = next(attribute.g for attribute in node.attribute if attribute.name == wanted)
        self.run(body, scope, prefix)
        for outer, inner in zip(node.output, body.output):
            scope[outer] = scope[inner.name]
            self.sizes[outer] = scope[outer].nbytes
            self.nodes.append(Node("Identity", [inner.name], [outer]))

    def compute(self, node, values):
        """One node through ONNX Runtime."""
        given = {name: numpy.asarray(value) for name, value in zip(node.input, values) if name}
        inputs = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape) for name, value in given.items()]
        outputs = [helper.make_empty_tensor_value_info(name) for name in node.output if name]
        single = helper.make_model(helper.make_graph([node], "one", inputs, outputs), opset_imports=self.model.opset_import, ir_version=self.model.ir_version)
        return open_session(single).run(None, given)


def activations(nodes, inputs):
    """Nodes that depend on the contents of an input, with constants left out of their operands: shapes alone do not count."""
    live, kept = set(inputs), []
    for node in nodes:
        operands = [name for name in node.inputs if name in live]
        if operands and node.operator not in ("Shape", "Size"):
            live.update(node.outputs)
            kept.append(Node(node.operator, operands, node.outputs))
    return kept


def drop_views(nodes, callers):
    """Every value under the name of the value it is a view of."""
    root, kept = {}, []
    for node in nodes:
        node = Node(node.operator, [root.get(name, name) for name in node.inputs], node.outputs)
        if node.operator in VIEWS and node.outputs[0] not in callers:
            root[node.outputs[0]] = node.inputs[0]
        else:
            kept.append(node)
    return kept


def fuse(nodes, sizes):
    """Steps (operator, inputs, outputs): element-wise nodes inside the latest node that makes an operand, where only they read it."""
    readers = collections.Counter(name for node in nodes for name in set(node.inputs))
    steps, step_of = [], {}
    for node in nodes:
        makers = [(step_of[name], name) for name in node.inputs if name in step_of]
        latest, name = max(makers, default=(None, None))
        if node.operator in ELEMENTWISE and latest is not None and readers[name] == 1 and len(steps[latest].outputs) == 1 and sizes[name] > 0:
            step = steps[latest]
            step.inputs = list(dict.fromkeys(step.inputs + [other for other in node.inputs if other != name]))
            step.outputs = node.outputs
        else:
            latest = len(steps)
            steps.append(Node(node.operator, list(node.inputs), node.outputs))
        step_of.update(dict.fromkeys(node.outputs, latest))
    return steps


def scratch(step, sizes):
    """Bytes that the operator itself cannot do without."""
    if step.operator == "LSTM" and len(step.outputs) > 1:
        return 6 * sizes[step.outputs[-1]]  # input, output, forget and cell gate, hidden and cell state
    return 0


def bound_of(nodes, sizes, inputs, outputs):
    callers = set(inputs) | set(outputs)
    steps = fuse(drop_views(activations(nodes, inputs), callers), sizes)
    last = {name: at for at, step in enumerate(steps) for name in step.inputs + step.outputs}
    live, best = set(), 0
    for at, step in enumerate(steps):
        made = {name for name in step.outputs if name not in callers}
        total = sum(sizes[name] for name in live | made) + scratch(step, sizes)
        if step.operator in ELEMENTWISE:
            ends = [name for name in step.inputs if name in live and last[name] == at and name not in made]
            total -= max((sizes[name] for name in ends if any(sizes[name] == sizes[other] for other in made)), default=0)
        best = max(best, total)
        live = {name for name in live | made if last[name] > at}
    return best


def file_order_bound(model, arrays):
    """Bytes for these inputs."""
    inputs, outputs = ([value.name for value in values] for values in (true_inputs(model.graph), model.graph.output))
    if any(node.op_type == "If" for node in model.graph.node):
        trace = Trace(model, arrays)
        return bound_of(trace.nodes, trace.sizes, inputs, outputs)
    sizes = static_sizes(model, [array.shape for array in arrays]) or runtime_sizes(model, arrays)
    return bound_of(flat(model.graph), sizes, inputs, outputs)
