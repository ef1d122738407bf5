"""The real models that the tests of this folder and tests/bench know: where they are, their data sets, how close results must be.

They lie outside the project, in the folder ONNXCC_MODELS (default: ../shared/models beside the checkout), a folder each with model.onnx and
test_data_set_K/{input,output}_J.pb. A model that is not there is skipped. `light_*` are the ONNX project's nine classic networks with constant
weights; for each there is a twin `light_*~random` with random weights, whose outputs ONNX Runtime computes when the tests run.
"""
import dataclasses
import functools
import os
import pathlib
import sys

import numpy
import onnx
from onnx import numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("ONNXCC_BUILD", ROOT / "build"))
ONNXCC = os.environ.get("ONNXCC", str(BUILD / "onnxcc"))
RUNTIME = ROOT / "runtime-min"
MODELS = pathlib.Path(os.environ.get("ONNXCC_MODELS", ROOT.parent / "shared" / "models"))
PLACE = BUILD / "tests" / "model"
STRICT = "-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wdouble-promotion -Werror".split()

sys.path.insert(0, str(ROOT / "tests" / "onnx"))

QUICK, SLOW = "quick", "slow"


@dataclasses.dataclass(frozen=True)
class Model:
    name: str
    speed: str = SLOW          # QUICK: also part of the quick suite
    tolerance: str = "close"   # close: RTOL and ATOL below; step: one step of the output's quantization; exact: the same values
    mmacs: float = 0           # millions of multiplications and additions a run
    random: bool = False       # random weights in the place of constant ones, no data sets

    @property
    def base(self):
        return self.name.split("~")[0]

    @property
    def source(self):
        """The file as it is outside; with `random`, what the model is made from."""
        return MODELS / self.base / "model.onnx"


TABLE = [
    Model("mnist_8", QUICK, mmacs=0.8),
    Model("kws_fp32", QUICK, mmacs=5.7),
    Model("kws_qdq", QUICK, "step", mmacs=5.3),
    Model("kws_qoperator", QUICK, "exact", mmacs=5.3),
    Model("silero_vad", QUICK, mmacs=1.3),
    Model("super_resolution_10", mmacs=2984),
    Model("face_rfb_320", mmacs=100),
    *(Model(f"light_{name}{twin}", mmacs=mmacs, random=bool(twin)) for name, mmacs in [
        ("bvlc_alexnet", 655), ("densenet121", 2834), ("inception_v1", 1432), ("inception_v2", 2019), ("resnet50", 4089), ("shufflenet", 125),
        ("squeezenet", 349), ("vgg19", 19632), ("zfnet512", 1480)] for twin in ("", "~random")),
]

RTOL = 1e-3  # of each element
ATOL = 1e-5  # of the largest element of an output


def names():
    return [model.name for model in TABLE]


def true_inputs(graph):
    """The inputs that are no weights."""
    initialized = {tensor.name for tensor in graph.initializer}
    return [value for value in graph.input if value.name not in initialized]


@functools.lru_cache(None)
def tensor(path):
    return numpy_helper.to_array(onnx.TensorProto.FromString(path.read_bytes()))


def data_sets(model, graph):
    """(name, inputs, outputs) of each data set that lies beside the model."""
    for folder in sorted(model.source.parent.glob("test_data_set_*")):
        arrays = [[tensor(folder / f"{kind}_{at}.pb") for at in range(count)] for kind, count in (("input", len(true_inputs(graph))), ("output", len(graph.output)))]
        yield folder.name, *arrays


def output_step(graph, index):
    """The quantization step of an output: the scale of the DequantizeLinear that writes it."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    node = next(node for node in graph.node if graph.output[index].name in node.output)
    assert node.op_type == "DequantizeLinear", f"{node.op_type} writes output {index}"
    return float(numpy_helper.to_array(constants[node.input[1]]))


def difference(model, graph, got, wanted):
    """What is wrong with outputs, in one line; empty if they are close enough."""
    import tensors
    for index, (have, want) in enumerate(zip(got, wanted, strict=True)):
        rtol, atol = 0, 0
        if model.tolerance == "close" and want.size:
            finite = numpy.abs(want[numpy.isfinite(want)])
            rtol, atol = RTOL, ATOL * float(finite.max() if finite.size else 0)
        elif model.tolerance == "step":
            atol = 1.0001 * output_step(graph, index)
        problem = tensors.difference([have], [want], rtol, atol)
        if problem:
            return problem.replace("output 0", f"output {index}", 1)
    return ""
