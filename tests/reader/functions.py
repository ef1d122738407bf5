"""Model-local functions mean the same after their expansion: models with functions run through ONNX Runtime as they are, and as the reader
makes them through onnx's reference evaluator.

usage: functions.py PROBE"""
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnx.parser
import onnxruntime
from onnx.reference import ReferenceEvaluator

from text_form import model_of

HEAD = '<ir_version: 10, opset_import: ["" : 18, "f" : 1]>\n'
LOCAL = '<domain: "f", opset_import: ["" : 18, "f" : 1]>\n'

# Name -> the model's text, or the text and what it means where ONNX Runtime does not take it.
MODELS = {
    "one call": """g (float[2, 3] x) => (float[2, 3] y) {y = f.twice(x) }""" + LOCAL + "twice (a) => (b) { b = Add(a, a) }",
    "two calls": """g (float[2, 3] x) => (float[2, 3] y) {t = f.twice(x) y = f.twice(t) }"""
               + LOCAL + "twice (a) => (b) { c = Neg(a) b = Sub(a, c) }",
    "names of caller and body meet": """g (float[2, 3] a) => (float[2, 3] b) { c = Neg(a) t = f.one(c) b = Mul(t, c) }""" + LOCAL
                                     + "one (b) => (a) { c = Exp(b) a = Add(c, b) }",
    "attribute given": """g (float[2, 3] x) => (float[2, 3] y) {y = f.leaky <slope = 0.25> (x) }""" + LOCAL
                       + "leaky <slope> (a) => (b) { b = LeakyRelu <alpha: float = @slope> (a) }",
    "attribute left out": """g (float[2, 3] x) => (float[2, 3] y) {y = f.leaky (x) }""" + LOCAL
                          + "leaky <slope> (a) => (b) { b = LeakyRelu <alpha: float = @slope> (a) }",
    "attribute by default": """g (float[2, 3] x) => (float[2, 3] y) {s = f.leaky (x) t = f.leaky <slope = 0.5> (x) y = Add(s, t) }""" + LOCAL
                            + "leaky <slope: float = 0.125> (a) => (b) { b = LeakyRelu <alpha: float = @slope> (a) }",
    "attribute through two functions": """g (float[2, 3] x) => (float[2, 3] y) {y = f.outer <k = 0.3> (x) }""" + LOCAL
                                       + "inner <slope: float = 0.1> (a) => (b) { b = LeakyRelu <alpha: float = @slope> (a) }\n" + LOCAL
                                       + "outer <k> (a) => (b) { c = f.inner <slope: float = @k> (a) b = Add(a, c) }",
    "constant of an attribute": """g (float[2, 3] x) => (float[2, 3] y) {y = f.scale <by = 3.5> (x) }""" + LOCAL
                                + "scale <by> (a) => (b) { c = Constant <value_float: float = @by> () b = Mul(a, c) }",
    "two results, one unused": """g (float[2, 3] x) => (float[2, 3] y) {y, z = f.both(x) }"""
                             + LOCAL + "both (a) => (b, c) { b = Neg(a) c = Exp(a) }",
    "operand passed on": ("""g (float[2, 3] x) => (float[2, 3] y, float[2, 3] z) {y, z = f.both(x) }""" + LOCAL + "both (a) => (a, c) { c = Exp(a) }",
                          lambda x: [x, np.exp(x)]),
    "operand left out": """g (float[2, 3] x) => (float[2, 3] y) {y = f.clip(x) }""" + LOCAL + "clip (a, low) => (b) { b = Clip(a, low) }",
    "function in place of an operator": """g (float[2, 3] x) => (float[2, 3] y) {y = f.Relu(x) }""" + LOCAL + "Relu (a) => (b) { b = Neg(a) }",
    "results out of order": """g (float[2, 3] x) => (float[2, 3] y) {y = f.two(x) }"""
                          + LOCAL + "two (a) => (b) { c = Exp(a) b = f.one(c) }\n" + LOCAL
                            + "one (b) => (a) { a = Neg(b) }",
    "a body of an older opset": ("""g (float[2, 3] x) => (float[2, 1] y) { y = f.sum(x) }<domain: "f", opset_import: ["" : 11]>
                                   sum (a) => (b) { b = ReduceSum <axes = [1]> (a) }""", lambda x: [x.sum(1, keepdims=True)]),
}


def problem_of(probe, path, text):
    text, meaning = text if isinstance(text, tuple) else (text, None)
    model = onnx.parser.parse_model(HEAD + text)
    onnx.save(model, path)
    data = np.array([[-1.5, 0.25, 3], [4, -2, 0.5]], np.float32)
    feeds = {model.graph.input[0].name: data}
    wanted = meaning(data) if meaning else onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, feeds)
    done = subprocess.run([probe, "-p", "-u", "-v", path], capture_output=True, text=True)
    if ": ok" not in done.stdout:
        return done.stdout.replace("\n", " ")
    got = ReferenceEvaluator(model_of(done.stdout, model)).run(None, feeds)
    good = all(np.allclose(a, b, rtol=1e-6) for a, b in zip(got, wanted)) and len(got) == len(wanted)
    return None if good else f"{got} instead of {wanted}".replace("\n", " ")


def main():
    probe, failed = os.path.abspath(sys.argv[1]), 0
    with tempfile.TemporaryDirectory() as folder:
        for name, text in MODELS.items():
            problem = problem_of(probe, folder + "/model.onnx", text)
            failed += problem is not None
            print(f"not ok {name} - {problem}" if problem else f"ok {name}", flush=True)
    return failed > 0


sys.exit(main())
