"""Old operator versions mean the same after they are read: each case is a model of an old opset with inputs and the expected outputs, by numpy
from the text of that version. The probe prints the module that the reader makes of it; that text is turned back into a model of the newest opset,
which onnx's reference evaluator runs.

usage: upgrade_meaning.py PROBE"""
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from text_form import model_of

# ---- cases ----------------------------------------------------------------------------------------------------------------

rng = np.random.default_rng(7)


def f(*dims):
    return rng.standard_normal(dims).astype(np.float32)


CASES = []


def case(name, opset, op, inputs, outputs, constants=(), declare=True, **attributes):
    """inputs: arrays, None for an omitted one; those whose index is in constants are initialisers."""
    CASES.append((name, opset, op, inputs, outputs, constants, declare, attributes))


def softmax2d(x, axis):
    flat = x.reshape(int(np.prod(x.shape[:axis])), -1)
    e = np.exp(flat - flat.max(1, keepdims=True))
    return (e / e.sum(1, keepdims=True)).reshape(x.shape)


def add_cases():
    x, x4 = f(2, 3, 4), f(2, 3, 4, 5)
    for op, function in (("Add", np.add), ("Sub", np.subtract), ("Mul", np.multiply), ("Div", np.divide)):
        b, suffix = f(3, 4), f(4, 5)
        case(op + "-1 axis", 5, op, [x4, b], [function(x4, b[None, :, :, None])], broadcast=1, axis=1, consumed_inputs=[0, 0])
        case(op + "-6 suffix", 6, op, [x4, suffix], [function(x4, suffix)], broadcast=1)
    b = f(3)
    case("Add-6 axis of run-time rank", 6, "Add", [x, b], [x + b[None, :, None]], declare=False, broadcast=1, axis=1)
    case("Add-6 negative axis", 6, "Add", [x, b], [x + b[None, :, None]], broadcast=1, axis=-2)
    case("Add-6 one element", 6, "Add", [x, b[:1]], [x + b[0]], broadcast=1, axis=0)
    case("Pow-1 axis", 6, "Pow", [abs(x), b], [abs(x) ** b[None, :, None]], broadcast=1, axis=1)
    case("Greater-1", 6, "Greater", [x, b], [x > b[None, :, None]], broadcast=1, axis=1)
    case("And-1", 6, "And", [x > 0, b > 0], [(x > 0) & (b > 0)[None, :, None]], broadcast=1, axis=1)
    for axis in (0, 1, 2):
        case(f"Softmax-11 axis {axis}", 11, "Softmax", [x], [softmax2d(x, axis)], axis=axis)
        case(f"LogSoftmax-1 axis {axis}", 9, "LogSoftmax", [x], [np.log(softmax2d(x, axis))], declare=False, axis=axis)
    case("Softmax-1 default", 8, "Softmax", [x], [softmax2d(x, 1)])
    hard = np.zeros((2, 12), np.float32)
    hard[np.arange(2), x.reshape(2, 12).argmax(1)] = 1
    case("Hardmax-11", 12, "Hardmax", [x], [hard.reshape(x.shape)])
    for opset in (5, 6, 7, 9, 10, 12, 13, 22):
        kind = np.bool_ if opset >= 10 else np.float32
        given = {"ratio": 0.3} if opset < 12 else {}
        case(f"Dropout at {opset}", opset, "Dropout", [x], [x, np.ones(x.shape, kind)], **given, **({"is_test": 1} if opset < 7 else {}))
    s, o, m, v = f(3), f(3), f(3), abs(f(3)) + 0.5
    c = lambda t: t[None, :, None, None]
    bn = (x4 - c(m)) / np.sqrt(c(v) + 1e-3) * c(s) + c(o)
    for opset, more in ((5, {"is_test": 1, "consumed_inputs": [0, 0, 0, 1, 1], "spatial": 1}), (6, {"is_test": 1}), (7, {}), (9, {}), (14, {}),
        (15, {})):
        case(f"BatchNormalization at {opset}", opset, "BatchNormalization", [x4, s, o, m, v], [bn], epsilon=1e-3, momentum=0.8, **more)
    S, O, M, V = f(3, 4, 5), f(3, 4, 5), f(3, 4, 5), abs(f(3, 4, 5)) + 0.5
    case("BatchNormalization-7 spatial 0", 7, "BatchNormalization", [x4, S, O, M, V], [(x4 - M) / np.sqrt(V + np.float32(1e-5)) * S + O], spatial=0)
    case("Clip-6", 6, "Clip", [x], [np.clip(x, -0.5, 0.25)], min=-0.5, max=0.25)
    case("Clip-1 one bound", 5, "Clip", [x], [np.minimum(x, 0.25)], max=0.25)
    case("Clip-6 f64 undeclared", 10, "Clip", [x.astype(np.float64)], [np.clip(x.astype(np.float64), -0.5, 0.25)], declare=False, min=-0.5, max=0.25)
    case("Pad-1", 1, "Pad", [x], [np.pad(x, [(0, 1), (2, 0), (0, 3)], constant_values=1.5)], paddings=[0, 2, 0, 1, 0, 3], value=1.5)
    case("Pad-2 reflect", 10, "Pad", [x], [np.pad(x, [(0, 1), (2, 0), (0, 3)], mode="reflect")], pads=[0, 2, 0, 1, 0, 3], mode="reflect")
    case("Slice-1", 9, "Slice", [x], [x[:, 1:3, -2:]], starts=[1, -2], ends=[3, 1000], axes=[1, 2])
    case("Slice-1 no axes", 9, "Slice", [x], [x[0:1, 1:3]], starts=[0, 1], ends=[1, 3])
    q = f(1, 3, 1)
    case("Squeeze-11", 11, "Squeeze", [q], [q[:, :, 0]], axes=[-1])
    case("Squeeze-1 all", 9, "Squeeze", [q], [q.squeeze()])
    case("Unsqueeze-1", 9, "Unsqueeze", [x], [x[:, None, :, :, None]], axes=[1, 4])
    for op, function in (("Sum", np.sum), ("Mean", np.mean), ("Max", np.max), ("Min", np.min), ("Prod", np.prod)):
        for opset in (8, 11, 12, 13, 17):
            if op == "Sum" and opset >= 13:
                continue
            case(f"Reduce{op} at {opset}", opset, "Reduce" + op, [x], [function(x, axis=(0, 2), keepdims=True)], axes=[0, -1])
        case(f"Reduce{op} all", 11, "Reduce" + op, [x], [np.asarray(function(x))], keepdims=0)
    for op, function in (("L1", lambda t, a: abs(t).sum(a)), ("L2", lambda t, a: np.sqrt((t * t).sum(a))), ("SumSquare", lambda t, a: (t * t).sum(a)),
                         ("LogSum", lambda t, a: np.log(t.sum(a))), ("LogSumExp", lambda t, a: np.log(np.exp(t).sum(a)))):
        case(f"Reduce{op} at 13", 13, "Reduce" + op, [abs(x)], [function(abs(x), 1)], axes=[1], keepdims=0)
    for opset, more in ((1, {"split": [1, 2], "axis": 1}), (2, {"split": [1, 2], "axis": 1}), (11, {"split": [1, 2], "axis": -2})):
        case(f"Split at {opset}", opset, "Split", [x], [x[:, :1], x[:, 1:]], **more)
    case("Split-2 equal", 2, "Split", [x], [x[:1], x[1:]])
    case("Split-13 operand", 13, "Split", [x, np.array([3, 1])], [x[:, :, :3], x[:, :, 3:]], constants=(1,), axis=2)
    case("Split-13 equal", 13, "Split", [x], [x[:, :, :2], x[:, :, 2:]], axis=2)
    case("Reshape-1", 4, "Reshape", [x], [x.reshape(6, 4)], shape=[-1, 4])
    case("Tile-1", 5, "Tile", [x, np.array([3.0], np.float32), np.array([1.0], np.float32)], [np.tile(x, (1, 3, 1))], constants=(1, 2))
    order = np.argsort(-x, axis=-1, kind="stable")[..., :2]
    case("TopK-1", 9, "TopK", [x], [np.take_along_axis(x, order, -1), order], k=2)
    case("TopK-10", 10, "TopK", [x, np.array([2])], [np.take_along_axis(x, order, -1), order], constants=(1,))
    case("Cast-1", 5, "Cast", [x], [x.astype(np.int32)], to="INT32")
    case("Concat-1 default axis", 3, "Concat", [x, x], [np.concatenate([x, x], 1)])
    case("Gemm-6", 6, "Gemm", [x[0], x[1].T.copy(), b], [2 * (x[0] @ x[1].T) + b], alpha=2.0, broadcast=1)
    case("Max-1", 5, "Max", [x, -x], [abs(x)], consumed_inputs=[0, 0])
    case("PRelu-6 channel", 6, "PRelu", [x4, s], [np.where(x4 < 0, x4 * c(s), x4)], constants=(1,))
    case("PRelu-6 one", 6, "PRelu", [x4, s[:1]], [np.where(x4 < 0, x4 * s[0], x4)], constants=(1,))
    case("Selu-1", 5, "Selu", [x], [np.where(x > 0, x, np.float32(1.6732) * (np.exp(x) - 1)) * np.float32(1.0507)])
    case("Elu-1", 5, "Elu", [x], [np.where(x > 0, x, 0.5 * (np.exp(x) - 1))], alpha=0.5, consumed_inputs=[0])
    squares = x4[:, :, :, :4].reshape(2, 3, 2, 2, 2, 2) ** 2
    case("LpPool-1", 1, "LpPool", [x4[:, :, :, :4]], [np.sqrt(squares.sum((3, 5)))], p=2.0, kernel_shape=[2, 2], strides=[2, 2])
    image = f(1, 1, 2, 4)
    case("Upsample-1", 1, "Upsample", [image], [image.repeat(2, 2).repeat(3, 3)], height_scale=2.0, width_scale=3.0, mode="nearest")
    case("Upsample-7", 7, "Upsample", [image], [image.repeat(2, 2).repeat(3, 3)], scales=[1.0, 1.0, 2.0, 3.0])
    case("Upsample-9", 9, "Upsample", [image, np.array([1, 1, 2, 3], np.float32)], [image.repeat(2, 2).repeat(3, 3)], constants=(1,))
    line = np.array([[[[1.0, 2.0], [3.0, 4.0]]]], np.float32)
    rows = np.array([[1, 1.5, 2, 2], [2, 2.5, 3, 3], [3, 3.5, 4, 4], [3, 3.5, 4, 4]], np.float32)[None, None]
    case("Upsample-9 linear", 9, "Upsample", [line, np.array([1, 1, 2, 2], np.float32)], [rows], constants=(1,), mode="linear")
    case("Resize-10 linear", 10, "Resize", [line, np.array([1, 1, 2, 2], np.float32)], [rows], constants=(1,), mode="linear")
    seq = np.arange(1, 9, dtype=np.float32).reshape(1, 1, 2, 4)
    small = np.array([1, 1, 0.6, 0.6], np.float32)
    case("Resize-10 smaller", 10, "Resize", [seq, small], [np.array([1, 3], np.float32).reshape(1, 1, 1, 2)], constants=(1,))
    case("Resize-10 mixed", 10, "Resize", [seq, np.array([1, 1, 2, 0.6], np.float32)],
         [np.array([[1, 3], [1, 3], [5, 7], [5, 7]], np.float32)[None, None]], constants=(1,))
    empty = np.zeros(0, np.float32)
    case("Resize-11 empty operands", 11, "Resize", [seq, empty, empty, np.array([1, 1, 4, 8])], [seq.repeat(2, 2).repeat(2, 3)],
         constants=(1, 2, 3), mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    case("Resize-11 tf_half_pixel_for_nn", 11, "Resize", [seq, empty, np.array([1, 1, 0.5, 0.5], np.float32)], [seq[:, :, 1:, 1::2]],
        constants=(1, 2),
         mode="nearest", coordinate_transformation_mode="tf_half_pixel_for_nn", nearest_mode="floor")
    data, index, update = f(3, 3), np.array([[1, 0, 2]]), f(1, 3)
    scattered = data.copy()
    scattered[[1, 0, 2], [0, 1, 2]] = update[0]
    case("Scatter-9", 9, "Scatter", [data, index, update], [scattered])
    g = f(1, 4, 2, 2)
    grouped = g.reshape(1, 2, -1)
    normal = ((grouped - grouped.mean(-1, keepdims=True)) / np.sqrt(grouped.var(-1, keepdims=True) + 1e-5)).reshape(g.shape)
    gs, gb = f(2), f(2)
    case("GroupNormalization-18", 18, "GroupNormalization", [g, gs, gb], [normal * gs.repeat(2)[None, :, None, None] + gb.repeat(2)[None, :, None,
        None]],
         num_groups=2)
    signal = f(1, 4, 1)
    wave = np.fft.fft(signal[..., 0], axis=1)
    case("DFT-17", 17, "DFT", [signal], [np.stack([wave.real, wave.imag], -1).astype(np.float32)])


# ---- running ----------------------------------------------------------------------------------------------------------------

def build(opset, op, inputs, outputs, constants, declare, attributes):
    names = ["" if a is None else f"i{k}" for k, a in enumerate(inputs)]
    info = lambda a, n: helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(np.asarray(a).dtype), np.asarray(a).shape)
    results = [f"o{k}" for k in range(len(outputs))]
    declared = [info(a, n) for a, n in zip(inputs, names) if n]
    fixed = [numpy_helper.from_array(a, n) for k, (a, n) in enumerate(zip(inputs, names)) if k in constants]
    nodes, known = [helper.make_node(op, names, results, **attributes)], [info(a, n) for a, n in zip(outputs, results)]
    if not declare:  # Where the reader knows neither rank nor type: behind an operator whose result it can't tell without shape inference.
        hidden = {n: n + "h" for n in names if n}
        nodes = [helper.make_node("Neg", [n], [h + "n"]) for n, h in hidden.items()]
        nodes += [helper.make_node("Neg", [h + "n"], [h]) for h in hidden.values()]
        nodes.append(helper.make_node(op, [hidden.get(n, "") for n in names], results, **attributes))
    graph = helper.make_graph(nodes, "g", declared, known, fixed)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=3)


def run(probe, folder, entry):
    name, opset, op, inputs, outputs, constants, declare, attributes = entry
    model = build(opset, op, inputs, outputs, constants, declare, attributes)
    path = os.path.join(folder, "model.onnx")
    onnx.save(model, path)
    done = subprocess.run([probe, "-p", "-u", "-v", path], capture_output=True, text=True)
    if ": ok" not in done.stdout:
        return done.stdout.replace("\n", " ")
    again = model_of(done.stdout, model)
    names = {i.name for i in again.graph.input}
    feeds = {f"i{k}": a for k, a in enumerate(inputs) if f"i{k}" in names}
    try:
        got = ReferenceEvaluator(again).run(None, feeds)
    except Exception as problem:  # the reference evaluator names no reason in its types
        return f"{type(problem).__name__}: {problem}; {done.stdout}".replace("\n", " ")
    for result, wanted in zip(got, outputs):
        wanted = np.asarray(wanted)
        if np.asarray(result).dtype != wanted.dtype or np.asarray(result).shape != wanted.shape:
            return f"{np.asarray(result).dtype}{np.asarray(result).shape} instead of {wanted.dtype}{wanted.shape}"
        if not np.allclose(np.asarray(result, np.float64), np.asarray(wanted, np.float64), rtol=1e-5, atol=1e-6):
            return "other values"
    return None


def main():
    add_cases()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for entry in CASES:
            problem = run(sys.argv[1], folder, entry)
            failed += problem is not None
            print(f"not ok {entry[0]} - {problem}" if problem else f"ok {entry[0]}", flush=True)
    return failed > 0


sys.exit(main())
