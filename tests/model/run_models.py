#!/usr/bin/env python3
"""Run the real models of models.py through onnxcc and check, for each:

    gcc, clang     emitted C, compiled with strict warnings as errors, gives the outputs of every data set; free dimensions stay free
    pinned         so does C for exactly the shapes of the data, where the model has free dimensions
    O0             so does C from which everything optional was left out      (models below 200 MMACs)
    interpreter    so does the loop program                                   (models below 200 MMACs)
    targets        so does that of every target, on the first data set: what a schedule or the vectoriser broke shows here without any emitter
    again          compiling twice gives the same bytes
    symbols        objects for x86-64-v1, x86-64-v3 and Cortex-M4 want no function but memcpy, memset, memmove and memcmp
    text           the graph and the loops behind all passes, as text, read back and print again as they were

    build/venv/bin/python tests/model/run_models.py [--quick] [--checks gcc,text] [NAME...]

Models above 200 MMACs run as code for this very machine, compiled with -O3, so that this takes minutes and not hours; the others as code for
any machine of this architecture, with -O2. A twin `light_*~random` is judged by ONNX Runtime, without its optimisations. One line a check.
"""
import argparse
import concurrent.futures
import fnmatch
import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy
import onnx

import models
import random_weights
import tensors

CHECKS = ["gcc", "clang", "pinned", "O0", "interpreter", "targets", "again", "symbols", "text"]
LIBRARY_FUNCTIONS = {"memcpy", "memset", "memmove", "memcmp"}  # all that emitted code may call
OBJECT_TARGETS = {
    "x86-64-v1": "gcc -O2 -march=x86-64",
    "x86-64-v3": "gcc -O2 -march=x86-64-v3",
    "cortex-m4": "arm-none-eabi-gcc -O2 -mcpu=cortex-m4 -mthumb -mfpu=fpv4-sp-d16 -mfloat-abi=hard",
}
SMALL = 200       # MMACs
LIMIT = 300       # seconds a process may take
os.environ.pop("SOURCE_DATE_EPOCH", None)


class Failure(Exception):
    """A check that failed, with its reason."""


def run(command, **options):
    """Standard output of a process; Failure if it ends badly."""
    tool = pathlib.Path(command[0]).name
    try:
        done = subprocess.run([str(word) for word in command], capture_output=True, timeout=LIMIT, check=False, **options)
    except subprocess.TimeoutExpired:
        raise Failure(f"{tool} took longer than {LIMIT} s") from None
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
        errors = [line for line in lines if re.search(r"\berror\b", line, re.IGNORECASE)]
        raise Failure(f"{tool} ended with status {done.returncode}: {(errors or lines[-1:] or ['no message'])[0][:300]}")
    return done.stdout


class Case:
    """A model with its data, in a folder of its own under the build folder."""

    def __init__(self, model):
        self.model = model
        self.folder = models.PLACE / "run" / model.name.replace("~", "-")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.path = model.source
        if model.random:
            self.randomize()
        else:
            self.graph = onnx.load(self.path).graph
            self.sets = list(models.data_sets(model, self.graph))

    def randomize(self):
        """Random weights, random input, and what ONNX Runtime makes of them."""
        import onnxruntime
        randomized = random_weights.randomize(onnx.load(self.model.source))
        self.path = self.folder / "model.onnx"
        onnx.save(randomized, self.path)
        self.graph = randomized.graph
        del self.graph.initializer[:]
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(self.path), options, providers=["CPUExecutionProvider"])
        random = numpy.random.default_rng(1)
        inputs = {value.name: random.standard_normal(value.shape, numpy.float32) for value in session.get_inputs()}
        self.sets = [("random", list(inputs.values()), session.run(None, inputs))]

    @property
    def small(self):
        return self.model.mmacs < SMALL

    def has_free_dims(self):
        return any(not dim.HasField("dim_value") or dim.dim_value < 1 for value in models.true_inputs(self.graph) for dim in value.type.tensor_type.shape.dim)

    def shape_options(self, inputs):
        """All dimensions as these inputs have them: alternately by --shape and by -D."""
        options = []
        for index, (value, array) in enumerate(zip(models.true_inputs(self.graph), inputs)):
            if index % 2 == 0 and array.ndim:
                options.append(f"--shape={value.name}={','.join(map(str, array.shape))}")
            else:
                options += [word for axis, size in enumerate(array.shape) for word in ("-D", f"{value.name}.{axis}={size}")]
        return options


def emit(case, folder, *options):
    folder.mkdir(parents=True, exist_ok=True)
    run([models.ONNXCC, case.path, "-o", folder / "model.c", "--name=model", *options])
    return folder / "model.c"


def host(compiler):
    """The program that drives a compiled model, tests/onnx/host.c."""
    program = models.PLACE / compiler / "host"
    program.parent.mkdir(parents=True, exist_ok=True)
    run([compiler, "-O1", *models.STRICT, "-I", models.RUNTIME, models.ROOT / "tests" / "onnx" / "host.c", "-o", program, "-ldl"])
    return program


def compare(case, compiler, library, inputs, outputs):
    frame = run([models.PLACE / compiler / "host", library, "model"], input=tensors.to_frame(inputs))
    problem = models.difference(case.model, case.graph, tensors.from_frame(frame), outputs)
    if problem:
        raise Failure(problem)


def check_compiled(case, name, compiler, sets, *options):
    """One version of the emitted C against some data sets."""
    folder = case.folder / name.replace("/", "-")
    optimize = ["-O2"]
    if not case.small:
        options, optimize = ["-march=native", *options], ["-O3", "-march=native"]
    try:
        source = emit(case, folder, *options)
        run([compiler, *optimize, *models.STRICT, "-fPIC", "-shared", "-I", folder, source, "-o", folder / "model.so"])
    except Failure as reason:
        yield name, reason
        return
    for data, inputs, outputs in sets:
        try:
            compare(case, compiler, folder / "model.so", inputs, outputs)
            yield f"{name}/{data}", None
        except Failure as reason:
            yield f"{name}/{data}", reason
    shutil.rmtree(folder)


def check_gcc(case):
    yield from check_compiled(case, "gcc", "gcc", case.sets)


def check_clang(case):
    yield from check_compiled(case, "clang", "clang", case.sets)


def check_pinned(case):
    if not case.has_free_dims():
        return
    by_shapes = {}
    for data in case.sets:
        by_shapes.setdefault(tuple(array.shape for array in data[1]), []).append(data)
    for sets in by_shapes.values():
        yield from check_compiled(case, "pinned", "gcc", sets, *case.shape_options(sets[0][1]))


def check_O0(case):
    if case.small and not case.model.random:
        yield from check_compiled(case, "O0", "gcc", case.sets, "-O0")


def interpret(case, data, outputs, *options):
    """None, or how the outputs of the loop program differ on a data set."""
    folder = case.folder / "interpreter"
    try:
        run([models.ONNXCC, "run", case.path, "--via=interpreter", f"--data={case.path.parent / data}", f"--output-dir={folder}", *options])
        got = [models.tensor.__wrapped__(folder / f"output_{index}.pb") for index in range(len(outputs))]
        problem = models.difference(case.model, case.graph, got, outputs)
        return Failure(problem) if problem else None
    except Failure as reason:
        return reason


def check_interpreter(case):
    if not case.small or case.model.random:
        return
    for data, _, outputs in case.sets:
        yield f"interpreter/{data}", interpret(case, data, outputs)


def targets():
    """The names of all targets, from the table of --target=help, which ends with an empty line."""
    table = run([models.ONNXCC, "--target=help"]).decode().split("\n\n")[0]
    return [line.split()[0] for line in table.splitlines()[1:] if not line.startswith("native")]


def check_targets(case):
    if not case.small or case.model.random:
        return
    data, _, outputs = case.sets[0]
    for target in targets():
        yield f"targets/{target}", interpret(case, data, outputs, f"--target={target}")


def check_again(case):
    if case.model.random:
        return
    for folder in ("once", "twice"):
        emit(case, case.folder / folder)
    once, twice = ({path.name: path.read_bytes() for path in (case.folder / folder).iterdir()} for folder in ("once", "twice"))
    different = sorted(name for name in once.keys() | twice.keys() if once.get(name) != twice.get(name))
    yield "again", Failure(f"differs: {' '.join(different)}") if different else None


def check_symbols(case):
    for target, command in OBJECT_TARGETS.items() if not case.model.random else ():
        compiler, *flags = command.split()
        name = f"symbols/{target}"
        if not shutil.which(compiler):
            yield name, f"{compiler} is not there"
            continue
        folder = case.folder / target
        try:
            source = emit(case, folder, f"--target={target}")
            run([compiler, *flags, "-std=c99", "-c", "-I", folder, source, "-o", folder / "model.o"])
            undefined = {line.split()[-1] for line in run(["nm", "-u", folder / "model.o"]).decode().splitlines()}
            extra = sorted(undefined - LIBRARY_FUNCTIONS)
            yield name, Failure(f"the object wants {' '.join(extra)}") if extra else None
        except Failure as reason:
            yield name, reason


def check_text(case):
    for kind in ("graph", "loops") if not case.model.random else ():
        first, second = case.folder / f"{kind}.txt", case.folder / f"{kind}-again.txt"
        try:
            run([models.ONNXCC, case.path, f"--emit={kind}", "-o", first])
            run([models.ONNXCC, "-P", "", first, "-o", second])
            lines = zip(first.read_text().splitlines(), second.read_text().splitlines())
            at = next((f"line {number} becomes {two.strip()[:100]}" for number, (one, two) in enumerate(lines, 1) if one != two), "it ends elsewhere")
            yield f"text/{kind}", None if first.read_bytes() == second.read_bytes() else Failure(at)
        except Failure as reason:
            yield f"text/{kind}", reason


def check_model(model, checks):
    """Lines of output: (name of a check, Failure, reason to skip it as text, or None)."""
    if not model.source.exists():
        return [(model.name, f"{model.source} is not there")]
    case = Case(model)
    results = []
    for check in checks:
        try:
            for name, problem in globals()[f"check_{check}"](case):
                results.append((f"{model.name}/{name}", problem))
        except Failure as reason:
            results.append((f"{model.name}/{check}", reason))
    if not any(isinstance(problem, Failure) for _, problem in results):
        shutil.rmtree(case.folder)
    case.path = None
    return results


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--checks", default=",".join(CHECKS))
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    checks = arguments.checks.split(",")
    if set(checks) - set(CHECKS):
        parser.error(f"the checks are {' '.join(CHECKS)}")
    chosen = [model for model in models.TABLE if not arguments.names or any(fnmatch.fnmatch(model.name, name) for name in arguments.names)]
    if arguments.quick:
        chosen = [model for model in chosen if model.speed == models.QUICK]
    for compiler in {"gcc", "clang"} & set(checks) | {"gcc"}:
        host(compiler)
    failed = False
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(check_model, model, checks) for model in sorted(chosen, key=lambda model: -model.mmacs)]
        for job in concurrent.futures.as_completed(jobs):
            for name, problem in job.result():
                failed |= isinstance(problem, Failure)
                word = "ok" if problem is None else "not ok" if isinstance(problem, Failure) else "skip"
                print(f"{word} {name}" + (f" - {problem}" if problem else ""), flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
