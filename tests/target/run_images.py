#!/usr/bin/env python3
"""Run models on machines without an operating system, played by qemu, and check for each:

    the C compiles with strict warnings as errors, -ffreestanding, or an object comes of LLVM (`--via llvm`); the image links with nothing but memcpy
    and friends, and libgcc
    the outputs have the bits that the interpreter gives for the same loop program, and are right by the model's reference data
    the stack that a run touched is at most MODEL_STACK_BYTES, which is at most twice that and 512 more; gcc's own account of the call
    graph lies within the bound too
    nothing computes in f64; where the machine has a float unit, nothing calls a software float
    with --fast-memory, part of the workspace lies there, and no more than it has
    kernels, weights and workspace lie in the sections that MODEL_HOT_ATTR, MODEL_WEIGHTS_ATTR and MODEL_WORKSPACE_ATTR name

    build/venv/bin/python tests/target/run_images.py [--targets cortex-m4,rv32imac] [--via gcc,clang,llvm] [--levels=-O2,-Os] [--fast-memory BYTES] [--nodes] [--table]
        [MODEL...]

--table prints the figures as a table; --nodes the instructions of each node. One line a check; what lacks a compiler or qemu is skipped.
"""
import argparse
import concurrent.futures
import pathlib
import re
import sys

import numpy
import onnx

import image
import machines

sys.path.insert(0, str(image.ROOT / "tests" / "model"))
import models  # noqa: E402

DIGITS = image.ROOT / "samples" / "digits"
# libgcc's arithmetic on floats: names of the Arm ABI, and those of every other.
SOFT_DOUBLE = re.compile(r"__(aeabi_(d|cd|f2d|[iul]+2d)\w*|\w*df[23i]\w*|\w+(si|di)df|extend\w*df2)$")
SOFT_FLOAT = re.compile(r"__(aeabi_(f|cf|d2f|[iul]+2f)\w*|\w*sf[23i]\w*|\w+(si|di)sf|trunc\w*sf2)$")
DOUBLE_INSTRUCTION = re.compile(r"\tv(add|sub|mul|div|neg|fma|fms|mla|mls|cmp|cvt)\w*(\.\w+)?\.f64|\tf(add|sub|mul|div|n?madd|n?msub|cvt)\.(d\b|\w+\.d\b|d\.)")


class Case:
    """A model with one data set."""

    def __init__(self, name, path, inputs, outputs, judge):
        self.name, self.path, self.inputs, self.outputs, self.judge = name, path, inputs, outputs, judge


def read_pgm(path):
    words = [word for line in path.read_text().splitlines() if not line.startswith("#") for word in line.split()]
    return numpy.array(words[4:], numpy.float32).reshape(1, 1, 8, 8) / numpy.float32(words[3])


def digits_case():
    """samples/digits with one of its images; right is the label."""
    graph = onnx.load(DIGITS / "digits.onnx").graph
    file, label = (DIGITS / "images" / "expected.txt").read_text().split()[:2]
    probabilities = numpy.zeros([d.dim_value for d in graph.output[0].type.tensor_type.shape.dim], numpy.float32)

    def judge(got):
        return "" if int(got[0].argmax()) == int(label) else f"digit {got[0].argmax()}, {label} wanted"

    return Case("digits", DIGITS / "digits.onnx", [(graph.input[0].name, read_pgm(DIGITS / "images" / file))], [probabilities], judge)


def model_case(model):
    """One of tests/model/models.py, with its first data set."""
    graph = onnx.load(model.source).graph
    _, inputs, outputs = next(models.data_sets(model, graph))
    names = [value.name for value in models.true_inputs(graph)]
    return Case(model.name, model.source, list(zip(names, inputs)), outputs, lambda got: models.difference(model, graph, got, outputs))


def find_case(name):
    """The case, or None where its model is not there."""
    if name == "digits":
        return digits_case()
    model = next(model for model in models.TABLE if model.name == name)
    return model_case(model) if model.source.exists() else None


def check_stack(figures):
    if figures.stack_used > figures.stack_bound:
        return f"a run takes {figures.stack_used} bytes of stack, more than the {figures.stack_bound} stated"
    if figures.stack_bound > 2 * figures.stack_used + 512:
        return f"{figures.stack_bound} bytes of stack are stated, a run takes {figures.stack_used}"
    if figures.stack_graph is not None and figures.stack_graph > figures.stack_bound:
        return f"the call graph takes {figures.stack_graph} bytes of stack, more than the {figures.stack_bound} stated"
    return ""


def check_floats(built):
    machine, names = built.machine, built.symbols()
    soft = [name for name in names if SOFT_DOUBLE.match(name) or (machine.single_float and SOFT_FLOAT.match(name))]
    if soft:
        return f"the image calls {' '.join(soft)}"
    if machine.double_float:
        listing = image.run([machine.tools + "objdump", "-d", "model.o"], built.folder)
        double = DOUBLE_INSTRUCTION.search(listing)
        if double:
            return f"computes in f64: {double[0].strip()}"
    return ""


def check_sections(built):
    if built.way == "llvm":
        return ""  # the macros are C's
    sections = built.sections()
    weights = built.figure("WEIGHTS_BYTES")
    if sections.get(".weights", 0) != weights:
        return f".weights has {sections.get('.weights', 0)} bytes, the weights {weights}"
    if not sections.get(".hot"):
        return "no kernel lies in .hot"
    if built.sections("model.o").get(".workspace", 0) < built.figure("WORKSPACE_BYTES"):
        return "the static workspace does not lie in .workspace"
    return ""


def typed(raw, like):
    return numpy.frombuffer(raw, like.dtype).reshape(like.shape)


def check_regions(figures, fast_memory):
    if figures.fast > fast_memory:
        return f"{figures.fast} bytes of the faster memory are taken, {fast_memory} are there"
    if fast_memory and figures.fast == 0:
        return "nothing lies in the faster memory"
    return ""


def measure(case, machine, way, level, fast_memory, nodes):
    """Figures of one image; raises Failure with the reason where anything is wrong."""
    options = [f"--fast-memory={fast_memory}"] if fast_memory else []
    built = image.Image(machine, way, level, options, image.PLACE / machine.target / way / f"{case.name}{level}{fast_memory or ''}")
    built.emit(case.path, case.inputs)
    built.write_data(case.inputs, case.outputs)
    wanted = image.interpreted(case.path, built.options, case.inputs, len(case.outputs), built.folder)
    counter = image.counter() if machines.has_plugins(machine.emulator) else None
    built.build(profile=False)
    built.execute(counter)
    used, _, values = built.report(case.outputs)
    problems = [f"output {at} differs from the interpreter's" for at, (have, want) in enumerate(zip(values, wanted)) if have != want]
    problems.append(case.judge([typed(raw, like) for raw, like in zip(values, case.outputs)]))
    figures = built.figures(used)
    problems += [check_stack(figures), check_floats(built), check_sections(built), check_regions(figures, fast_memory)]
    if any(problems):
        raise image.Failure(next(filter(None, problems)))
    if nodes and counter and way != "llvm":
        built.build(profile=True)
        built.execute(counter)
        _, visits, _ = built.report(case.outputs)
        figures.nodes = image.node_costs(built.marks, visits)
    return figures


def print_table(rows):
    print("\n| model | target | compiler | instructions | stack: run, call graph, stated | code | constants | workspace |\n|---|---|---|---|---|---|---|---|")
    for (model, target, way), f in rows:
        count = "-" if f.instructions is None else f"{f.instructions:,}"
        graph = "-" if f.stack_graph is None else f.stack_graph
        print(f"| {model} | {target} | {way} | {count} | {f.stack_used}, {graph}, {f.stack_bound} | {f.code:,} | {f.constants:,} | {f.ram:,}{f' + {f.fast:,}' if f.fast else ''} |")


def print_nodes(title, figures):
    """Instructions by node, in the order of the first visits; the numbers are those of the model's node table."""
    kernels = {}
    for node, instructions in figures.nodes or []:
        kernels[node] = kernels.get(node, 0) + instructions
    for node, instructions in kernels.items():
        print(f"# {title} node {node}: {instructions:,}")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--targets", default=",".join(machine.target for machine in machines.TABLE))
    parser.add_argument("--via", default="gcc,clang,llvm")
    parser.add_argument("--levels", default="-O2")
    parser.add_argument("--fast-memory", type=int, default=0)
    parser.add_argument("--nodes", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("models", nargs="*", default=["digits", "mnist_8", "kws_fp32", "kws_qdq", "kws_qoperator"])
    arguments = parser.parse_args()
    unknown = set(arguments.targets.split(",")) - {machine.target for machine in machines.TABLE} | set(arguments.via.split(",")) - {"gcc", "clang", "llvm"}
    if unknown:
        parser.error(f"unknown: {' '.join(sorted(unknown))}")

    known_targets = image.run([image.ONNXCC, "--target=help"]).split()
    cases = []
    for name in arguments.models:
        case = find_case(name)
        if case:
            cases.append(case)
        else:
            print(f"skip {name} - needs the model in {models.MODELS}")
    jobs, rows, failed = {}, [], False
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for target in arguments.targets.split(","):
            machine = machines.find(target)
            for way in arguments.via.split(","):
                if way == "gcc" and not machine.gcc_flags:
                    continue  # no gcc for it in any distribution that the tests know
                lack = machines.lacks(machine, way, known_targets)
                if lack:
                    print(f"skip {target}/{way} - needs {lack}")
                    continue
                for level in arguments.levels.split(","):
                    for case in cases:
                        title = f"{target}/{way}{level}/{case.name}"
                        jobs[pool.submit(measure, case, machine, way, level, arguments.fast_memory, arguments.nodes)] = (case.name, target, f"{way} {level}"), title
        for job in concurrent.futures.as_completed(jobs):
            key, title = jobs[job]
            try:
                figures = job.result()
                rows.append((key, figures))
                print(f"ok {title}", flush=True)
                print_nodes(title, figures)
            except image.EmulatorBug as reason:
                print(f"skip {title} - needs {reason}", flush=True)
            except (image.Failure, ValueError) as reason:
                failed = True
                print(f"not ok {title} - {reason}", flush=True)
    if arguments.table:
        order = [key for key, _ in jobs.values()]
        print_table(sorted(rows, key=lambda row: order.index(row[0])))
    return failed


if __name__ == "__main__":
    sys.exit(main())
