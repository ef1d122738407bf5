#!/usr/bin/env python3
"""Are the bits what compiler/design.md, section 4a, promises? Over the official node tests and real models:

    default    one loop program gives the same bits in the interpreter and in emitted C, whatever the C compiler and its options; for several
               targets and options of onnxcc, each with a program and so with bits of its own
    strict     --fp=strict gives the bits of the interpreter's plain meaning on every target and at every option
    nofma      --fp=strict,nofma likewise

    build/venv/bin/python tests/bits/bits.py [--group strict,...] [--rows aarch64,...] [--every N] [--models] [--jobs N] [PATTERN...]

With --models the models of tests/model and samples/digits take the place of the node tests. NaNs count as equal, whatever sign and payload they
have. A line a case: ok if all rows of a group agree. Rows whose tools are missing are skipped, as are cases that a board has no memory for.
"""
import argparse
import collections
import concurrent.futures
import fnmatch
import os
import pathlib
import shlex
import shutil
import struct
import subprocess
import sys
from typing import NamedTuple

import numpy
import onnx

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / folder) for folder in ("onnx", "model", "target")]
import collect  # noqa: E402
import machines  # noqa: E402
import run_node_tests as node_tests  # noqa: E402
import tensors  # noqa: E402

PLACE = node_tests.BUILD / "tests" / "bits"
BOARD = ROOT / "samples" / "cortex-m"
BATCH = 20     # models a program
LIMIT = 1200   # seconds a process may take
MODELS = ["mnist_8", "kws_fp32", "kws_qdq", "kws_qoperator", "silero_vad", "face_rfb_320"]
WARNINGS = "-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wdouble-promotion -Werror"
EXTERNAL_RAM = {"mps2-an386": (0x21000000, 16 << 20), "mps2-an500": (0x60000000, 16 << 20)}  # the boards' largest memory, by their names


class Row(NamedTuple):
    """A way to compile and run. An empty `compiler` means that of a board in machines.py; an empty `run` this machine."""
    name: str
    options: str        # for onnxcc
    compiler: str
    run: str = ""
    board: str = ""
    feature: str = ""   # of /proc/cpuinfo, without which this machine can't run it
    llvm: bool = False  # onnxcc writes objects, and the compiler only links them


class Group(NamedTuple):
    name: str
    reference: str      # options for onnxcc run --via=interpreter, whose bits all rows must have
    rows: list


def rows_of_compilers(options, machine=""):
    """The C compilers of this machine, from the tamest to the boldest options; contraction is possible in the bold ones. clang takes no notice of
    pragmas under -ffp-contract=fast."""
    bold = machine or ("-march=x86-64-v3" if os.uname().machine == "x86_64" else "")
    feature = "avx2 fma" if bold else ""
    return [Row("gcc-O0", options, f"gcc -std=c99 -O0 {machine} -ffp-contract=off", feature=feature if machine else ""),
            Row("clang-O0", options, f"clang -std=c99 -O0 {machine} -ffp-contract=off", feature=feature if machine else ""),
            Row("gcc-O3", options, f"gcc -std=gnu11 -O3 {bold} -ffp-contract=fast", feature=feature),
            Row("clang-O3", options, f"clang -std=gnu11 -O3 {bold} -ffp-contract=on", feature=feature),
            Row("llvm", options, "gcc", feature=feature if machine else "", llvm=True)]


def rows_of_targets(fp):
    """A row a target, each with other options for onnxcc and another C compiler."""
    return [
        Row("x86-64-v1", f"{fp} --target=x86-64-v1 -O0", "gcc -std=c99 -O1 -march=x86-64", feature="sse2"),
        Row("x86-64-v3", f"{fp} --target=x86-64-v3 -O2", "clang -std=gnu11 -O2 -march=x86-64-v3 -ffp-contract=on", feature="avx2 fma"),
        Row("x86-64-v4", f"{fp} --target=x86-64-v4 -O3", "gcc -std=gnu11 -O3 -march=x86-64-v4 -ffp-contract=fast", feature="avx512vl avx512dq"),
        Row("aarch64", f"{fp} --target=aarch64 -O2", "aarch64-linux-gnu-gcc -std=gnu11 -O2 -static", "qemu-aarch64"),
        Row("rv64gc", f"{fp} --target=rv64gc -O2 -fno-schedule", "riscv64-linux-gnu-gcc -std=gnu11 -O2 -static", "qemu-riscv64"),
        Row("llvm-x86-64-v4", f"{fp} --target=x86-64-v4 -O2", "gcc", feature="avx512vl avx512dq", llvm=True),
        Row("llvm-aarch64", f"{fp} --target=aarch64 -O2", "aarch64-linux-gnu-gcc -static", "qemu-aarch64", llvm=True),
        Row("llvm-rv64gc", f"{fp} --target=rv64gc -O1", "riscv64-linux-gnu-gcc -static", "qemu-riscv64", llvm=True),
        Row("cortex-m4", f"{fp} --target=cortex-m4 -O1", "", "qemu-system-arm", "cortex-m4"),
        Row("cortex-m7", f"{fp} --target=cortex-m7 -O2", "", "qemu-system-arm", "cortex-m7"),
    ]


GROUPS = [
    *(Group(f"default{name}", f"--symbolic {options}", rows_of_compilers(options, machine)) for name, options, machine in [
        ("-O0", "--target=generic -O0", ""), ("", "--target=generic -O2", ""), ("-v3", "--target=x86-64-v3 -O3", "-march=x86-64-v3"),
        ("-plain", "--target=generic -O2 -fno-schedule", "")]),
    Group("strict", "--fp=strict --target=generic -O0", rows_of_targets("--fp=strict")),
    Group("nofma", "--fp=strict,nofma --target=generic -O0", rows_of_targets("--fp=strict,nofma")),
]


# ---- what rows need ----------------------------------------------------------------------------------------------------------


def cpu_features():
    """Words that /proc/cpuinfo knows this machine by; empty where there is none."""
    path = pathlib.Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((set(line.split(":")[1].split()) for line in lines if line.startswith("flags")), set())


def lacks(row):
    """What is missing to run a row; empty if nothing is."""
    tools = [row.run.split()[0]] if row.run else []
    tools.append(row.compiler.split()[0] if row.compiler else machines.find(row.board).tools + "gcc")
    missing = [tool for tool in tools if not shutil.which(tool)]
    if row.llvm and not (node_tests.BUILD / "onnxcc_llvm.so").exists():
        return "the LLVM back end"
    if missing:
        return missing[0]
    absent = set(row.feature.split()) - cpu_features()
    return f"a processor with {' '.join(sorted(absent))}" if absent else ""


# ---- cases -------------------------------------------------------------------------------------------------------------------


def model_cases():
    """The real models, as folders like those of the node tests; digits with its first images."""
    import models
    cases = [collect.Case(name, models.MODELS / name, 0, 0) for name in MODELS if (models.MODELS / name / "model.onnx").exists()]
    digits = ROOT / "samples" / "digits"
    folder = PLACE / "digits"
    shutil.rmtree(folder, ignore_errors=True)
    for number, image in enumerate(sorted((digits / "images").glob("*.pgm"))[:3]):
        words = [word for line in image.read_text().splitlines() if not line.startswith("#") for word in line.split()]  # P2 width height maximum ...
        pixels = numpy.array(words[4:], numpy.float32) / numpy.float32(words[3])
        data = folder / f"test_data_set_{number}"
        data.mkdir(parents=True)
        (data / "input_0.pb").write_bytes(onnx.numpy_helper.from_array(pixels.reshape(1, 1, 8, 8)).SerializeToString())
    shutil.copy(digits / "digits.onnx", folder / "model.onnx")
    return [collect.Case("digits", folder, 0, 0), *cases]


class Request(NamedTuple):
    """One data set of a case."""
    case: collect.Case
    data: pathlib.Path
    frame: bytes       # the inputs


def requests_of(case):
    graph = onnx.load(case.folder / "model.onnx", load_external_data=False).graph
    initialized = {tensor.name for tensor in graph.initializer}
    inputs = [info for info in graph.input if info.name not in initialized]
    return [Request(case, data, tensors.to_frame(tensors.read_values(data, "input", inputs))) for data in node_tests.data_sets(case)]


# ---- frames ------------------------------------------------------------------------------------------------------------------


def split_frame(frame, at=0):
    """The values of a frame that starts at `at`, as (element, dims, bytes), and where it ends."""
    (count,), at, values = struct.unpack_from("<I", frame, at), at + 4, []
    for _ in range(count):
        element, rank = struct.unpack_from("<ii", frame, at)
        *dims, size = struct.unpack_from(f"<{rank}qQ", frame, at + 8)
        at += 16 + 8 * rank
        values.append((element, dims, frame[at:at + size]))
        at += size
    return values, at


FLOATS = {onnx.TensorProto.FLOAT: "f4", onnx.TensorProto.DOUBLE: "f8", onnx.TensorProto.FLOAT16: "f2", onnx.TensorProto.COMPLEX64: "f4",
          onnx.TensorProto.COMPLEX128: "f8"}


def numbers(element, data):
    """Elements as bits, and which of them are NaN."""
    if element == onnx.TensorProto.BFLOAT16:
        bits = numpy.frombuffer(data, "u2")
        return bits, (bits & 0x7FFF) > 0x7F80
    if element not in FLOATS:
        bits = numpy.frombuffer(data, "u1")
        return bits, numpy.zeros(bits.shape, bool)
    kind = FLOATS[element]
    return numpy.frombuffer(data, kind.replace("f", "u")), numpy.isnan(numpy.frombuffer(data, kind))


def difference(got, wanted):
    """What is wrong with the bits of some values, in one line; empty if nothing is."""
    if len(got) != len(wanted):
        return f"{len(got)} outputs, {len(wanted)} wanted"
    for index, (have, want) in enumerate(zip(got, wanted)):
        if have[:2] != want[:2] or len(have[2]) != len(want[2]):
            return f"output {index} has type {have[0]}{have[1]}, {want[0]}{want[1]} wanted"
        (a, a_nan), (b, b_nan) = numbers(have[0], have[2]), numbers(want[0], want[2])
        wrong = numpy.flatnonzero((a != b) & ~(a_nan & b_nan))
        if wrong.size:
            return f"output {index}: {wrong.size} of {a.size} differ, the first at {wrong[0]}: {a[wrong[0]]:#x}, {b[wrong[0]]:#x} wanted"
    return ""


# ---- running -----------------------------------------------------------------------------------------------------------------


class Failure(Exception):
    """A step that failed, with its reason."""


def run(command, folder=None):
    try:
        done = subprocess.run([str(word) for word in command], capture_output=True, timeout=LIMIT, check=False, cwd=folder)
    except subprocess.TimeoutExpired:
        raise Failure(f"{command[0]} took longer than {LIMIT} s") from None
    words = node_tests.last_words((done.stderr + b"\n" + done.stdout).decode(errors="replace"))
    if done.returncode != 0:
        raise Failure(f"{pathlib.Path(command[0]).name} ended with status {done.returncode}: {words}")
    return words


def interpret(request, options, folder):
    """The outputs of the interpreter."""
    output = folder / f"{request.case.name}-{request.data.name}"
    run([node_tests.ONNXCC, "run", request.case.folder / "model.onnx", "--data", request.data, "--via=interpreter", "--output-dir", output,
         *options.split()])
    graph = onnx.load(request.case.folder / "model.onnx", load_external_data=False).graph
    frame = tensors.to_frame(tensors.read_values(output, "output", graph.output))
    return split_frame(frame)[0]


def compiler_of(row):
    """Command lines of a row: to compile, to link, to run."""
    if not row.board:
        compile_c = shlex.split(row.compiler)
        return compile_c, compile_c, [*row.run.split(), "./batch"]
    machine = machines.find(row.board)
    compile_c = [machine.tools + "gcc", *machine.gcc_flags.split(), "-std=gnu11", "-O2", "-D_DEFAULT_SOURCE"]
    places = [f"-Wl,--defsym={name}{suffix}={value}" for name in ("code", "constants", "ram")
              for suffix, value in zip(("", "_size"), EXTERNAL_RAM[machine.board] if name == "ram" else getattr(machine, name))]
    link = [*compile_c, "--specs=rdimon.specs", "-nostartfiles", "-Wl,--gc-sections", "-Wl,--no-warn-rwx-segments", "-Wl,--defsym=end=stack_low",
            "-T", str(BOARD / "board.ld"), *places, "-I", str(BOARD), str(BOARD / "start.c")]
    emulate = [row.run, "-M", machine.board, "-nographic", "-monitor", "none", "-serial", "none", "-semihosting-config",
               "enable=on,target=native", "-kernel", "batch"]
    return compile_c, link, emulate


def build(row, cases, folder):
    """One program of all cases; the reasons of those that have no C."""
    compile_c, link, _ = compiler_of(row)
    reasons, names = {}, []
    for index, case in enumerate(cases):
        try:
            output = [folder / f"c{index}.c"] if not row.llvm else [folder / f"c{index}.o", "-c"]
            run([node_tests.ONNXCC, case.folder / "model.onnx", f"--name=c{index}", *row.options.split(), "-o", *output])
            names.append(index)
        except Failure as reason:
            reasons[index] = str(reason)
    table = [f"extern const onnxcc_model_info *c{index}_info(void);" for index in names]
    table.append("static const onnxcc_model_info *(*const models[])(void) = {"
                 + ", ".join(f"[{index}] = c{index}_info" for index in names) + "};")
    (folder / "models.h").write_text("\n".join(table) + "\n")
    if names and not row.llvm:
        run([*compile_c, *WARNINGS.split(), "-I", node_tests.RUNTIME, "-c", *(f"c{index}.c" for index in names)], folder)
    if names:
        run([*link, "-I", node_tests.RUNTIME, "-I", ROOT, "-I", folder, ROOT / "tests" / "bits" / "batch.c", *(f"c{index}.o" for index in names),
             "-o", "batch"], folder)
    return reasons


def read_results(folder, count):
    """Of each request its values, or None if it failed."""
    data, at, results = (folder / "results").read_bytes(), 0, []
    while at < len(data):
        (mark,), at = struct.unpack_from("<I", data, at), at + 4
        values = None
        if mark:
            values, at = split_frame(data, at)
        results.append(values)
    return results + [None] * (count - len(results))


def run_row(row, requests, folder):
    """Of each request the values that a row computes, or the reason why it has none."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    cases = list(dict.fromkeys(request.case for request in requests))
    reasons = build(row, cases, folder)
    usable = [request for request in requests if cases.index(request.case) not in reasons]
    heads = [struct.pack("<II", cases.index(request.case), len(request.frame)) for request in usable]
    (folder / "requests").write_bytes(b"".join(head + request.frame for head, request in zip(heads, usable)))
    words = run(compiler_of(row)[2], folder) if usable else ""
    results = dict(zip(usable, read_results(folder, len(usable)))) if usable else {}
    return [results.get(request) or reasons.get(cases.index(request.case)) or words or "it wrote nothing" for request in requests]


def try_row(row, requests, folder):
    """As run_row; where the program of all can't be made or run, one each."""
    try:
        return run_row(row, requests, folder)
    except Failure as reason:
        if len({request.case for request in requests}) == 1:
            return [str(reason)] * len(requests)
    values = []
    for case in dict.fromkeys(request.case for request in requests):
        values += try_row(row, [request for request in requests if request.case == case], folder)
    return values


# ---- judging -----------------------------------------------------------------------------------------------------------------

TOO_SMALL = ("no memory for", "will not fit in region", "overflowed by", "The target has", "stack limit")


class Judge:
    """Counts and prints."""

    def __init__(self):
        self.failed, self.agreed = False, collections.Counter()

    def settle(self, group, case, problems, small):
        for row in small:
            print(f"skip {group.name}/{case.name}/{row} - it has not the memory")
        self.failed |= bool(problems)
        print(f"not ok {group.name}/{case.name} - {'; '.join(dict.fromkeys(problems))}" if problems else f"ok {group.name}/{case.name}", flush=True)


def check_batch(group, rows, number, requests, missing):
    """(case, problems, rows without enough memory, rows that agree) of each case of a batch."""
    folder = PLACE / group.name / f"batch{number}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    wanted, found = {}, {}
    for request in requests:
        try:
            wanted[request] = interpret(request, group.reference, folder)
        except (Failure, tensors.Unsupported) as reason:
            excuse = request.case.name in missing or f"{request.case.name}@interpreter" in missing or isinstance(reason, tensors.Unsupported)
            found[request.case] = None if excuse else ([f"interpreter: {reason}"], [], [])
    requests = [request for request in requests if request in wanted]
    for row in rows if requests else []:
        for request, values in zip(requests, try_row(row, requests, folder / row.name)):
            problems, small, agreed = found.setdefault(request.case, ([], [], []))
            if isinstance(values, str) and row.board and any(words in values for words in TOO_SMALL):
                small.append(row.name)
                continue
            problem = values if isinstance(values, str) else difference(values, wanted[request])
            if problem:
                problems.append(f"{row.name}: {problem}")
            else:
                agreed.append(row.name)
    if not any(result and result[0] for result in found.values()):
        shutil.rmtree(folder)
    return found


def check_group(group, rows, cases, jobs, judge):
    missing = node_tests.read_missing()
    requests, carried = [], 0
    for case in cases:
        try:
            requests.append(requests_of(case))
            carried += 1
        except tensors.Unsupported:
            pass
    batches = [sum(requests[start:start + BATCH], []) for start in range(0, len(requests), BATCH)]
    compared = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        work = [pool.submit(check_batch, group, rows, number, batch, missing) for number, batch in enumerate(batches)]
        for done in concurrent.futures.as_completed(work):
            for case, result in done.result().items():
                if result is None:
                    continue
                compared += 1
                judge.settle(group, case, result[0], sorted(set(result[1])))
                judge.agreed.update((group.name, row) for row in set(result[2]) if not result[0])
    print(f"# {group.name}: {compared} of {len(cases)} cases compared with the interpreter; the same bits: "
          + ", ".join(f"{row.name} {judge.agreed[group.name, row.name]}" for row in rows))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--group", default="")
    parser.add_argument("--rows", default="")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--models", action="store_true")
    parser.add_argument("patterns", nargs="*")
    arguments = parser.parse_args()
    wanted = arguments.group.split(",") if arguments.group else [group.name for group in GROUPS]
    if set(wanted) - {group.name for group in GROUPS}:
        parser.error(f"the groups are {', '.join(group.name for group in GROUPS)}")
    cases = model_cases() if arguments.models else collect.collect(node_tests.PLACE / "cases")
    cases = [case for case in cases if not arguments.patterns or any(fnmatch.fnmatch(case.name, p) for p in arguments.patterns)][::arguments.every]
    judge = Judge()
    for group in GROUPS:
        if group.name not in wanted:
            continue
        rows = [row for row in group.rows if not arguments.rows or row.name in arguments.rows.split(",")]
        absent = {row: lacks(row) for row in rows}
        for row in rows:
            if absent[row]:
                print(f"skip {group.name}/{row.name} - needs {absent[row]}")
        check_group(group, [row for row in rows if not absent[row]], cases, arguments.jobs, judge)
    return judge.failed


if __name__ == "__main__":
    sys.exit(main())
