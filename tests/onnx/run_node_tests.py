#!/usr/bin/env python3
"""Run the official ONNX node tests through onnxcc, in one or more ways:

    interpreter   `onnxcc verify MODEL --data DIR --via=interpreter`
    gcc, clang    the emitted C, compiled with strict warnings as errors, linked into shared objects, driven by host.c
    sanitize      the same with gcc's ASan and UBSan
    llvm          LLVM's objects (onnxcc -c), linked and driven likewise
    aarch64-gcc, rv64gcv-llvm and the other names of elsewhere.py: code for other machines, emulated

missing.txt lists what does not pass yet, `NAME  reason` or `NAME@interpreter  reason`, `NAME@c  reason` if only there. A listed test must
fail, an unlisted one pass. A crash, an internal error or a run past the time limit is never allowed. Of several ways through code, all outputs
must have the bits of the first; a NaN is a NaN.

    build/venv/bin/python tests/onnx/run_node_tests.py [--via gcc,clang] [--target=NAME] [--every N] [--each-operator N] [--update] [PATTERN...]

--every takes each Nth test, --each-operator N tests of each operator.

--target is onnxcc's, such as a dispatch group, for the ways to this machine. --update rewrites missing.txt from what was seen (of interpreter and C;
tests that were not run stay as they are). Prints a line a test and way.
"""
import argparse
import concurrent.futures
import fnmatch
import os
import shutil
import subprocess
import sys

import numpy
import onnx

import collect
import elsewhere
import tensors
from process import BAD, BUILD, LIBRARY_FUNCTIONS, ONNXCC, PLACE, ROOT, RUNTIME, STRICT, data_sets, last_words, run  # noqa: F401  bits.py takes them from here

MISSING = ROOT / "tests" / "onnx" / "missing.txt"
COMPILERS = {
    "gcc": ["gcc", "-O1"],
    "clang": ["clang", "-O1"],
    "llvm": ["gcc", "-O1"],  # links, and compiles the host
    "sanitize": ["gcc", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
}
BATCH = 20     # models a shared object
TARGET = []    # --target=NAME, for onnxcc
os.environ["ASAN_OPTIONS"] = "detect_leaks=0"  # host.c leaves its memory to the end; emitted code has none of its own


def check_interpreter(case):
    """Empty if the case passes, else the reason."""
    for data in data_sets(case):
        limits = [f"--rtol={case.rtol}", f"--atol={case.atol}"]
        status, _, words = run([ONNXCC, "verify", str(case.folder / "model.onnx"), "--data", str(data), "--via=interpreter", *limits])
        if status != 0:
            return words
    return ""


def build_host(way):
    host = PLACE / way / "host"
    host.parent.mkdir(parents=True, exist_ok=True)
    status, _, words = run([*COMPILERS[way], *STRICT, "-I", str(RUNTIME), str(ROOT / "tests" / "onnx" / "host.c"), "-o", str(host), "-ldl"])
    if status != 0:
        sys.exit(f"tests/onnx/host.c does not compile with {way}: {words}")


def emit(cases, folder, form=("-S", "c")):
    """The C (or, as -c and o, the object) of each case and name. Yields case, name and, where onnxcc refused, the reason."""
    for case, name in cases:
        option, suffix = form
        status, _, words = run([ONNXCC, str(case.folder / "model.onnx"), *TARGET, option, "-o", str(folder / f"{name}.{suffix}"), f"--name={name}"])
        yield case, name, "" if status == 0 else words


def emit_objects(cases, objects):
    """Reasons by name of what becomes no object though it became C."""
    return {name: f"{BAD}no object: {words}" for _, name, words in emit(cases, objects, ("-c", "o")) if words}


def compile_objects(way, names, folder, objects):
    """Reasons by name of what does not compile. One run of the compiler for all; one each where that fails."""
    command = [*COMPILERS[way], *STRICT, "-fPIC", "-c", "-I", str(RUNTIME), "-I", str(folder)]
    if run([*command, *(str(folder / f"{name}.c") for name in names)], cwd=objects)[0] == 0:
        return {}
    reasons = {}
    for name in names:
        status, _, words = run([*command, str(folder / f"{name}.c")], cwd=objects)
        if status != 0:
            reasons[name] = f"{BAD}the C does not compile: {words}"
    return reasons


def undefined_symbols(way, name, objects):
    """Functions that the object wants and emitted code may not call."""
    if way == "sanitize":
        return set()
    listing = subprocess.run(["nm", "-u", str(objects / f"{name}.o")], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1] for line in listing.splitlines()} - LIBRARY_FUNCTIONS - {"_GLOBAL_OFFSET_TABLE_"}


def canonical(frame):
    """The tensors of a frame with every NaN the same."""
    values = []
    for value in tensors.from_frame(frame):
        if value.dtype.kind in "fc":
            value = numpy.where(numpy.isnan(value), numpy.array(numpy.nan, value.dtype), value)
        values.append((value.dtype.name, value.shape, value.tobytes()))
    return values


def run_library(way, case, name, library, outputs):
    """Empty if the outputs of every data set are right, else the reason. `outputs`: of the first way, by case and data; filled in by it."""
    graph = onnx.load(case.folder / "model.onnx", load_external_data=False).graph
    initialized = {tensor.name for tensor in graph.initializer}
    inputs = [info for info in graph.input if info.name not in initialized]
    for data in data_sets(case):
        try:
            frame = tensors.to_frame(tensors.read_values(data, "input", inputs))
        except tensors.Unsupported as reason:
            return str(reason)
        status, frame, words = run([str(PLACE / way / "host"), str(library), name], input=frame)
        if status != 0:
            is_report = way == "sanitize" and not words.startswith((BAD, "run returned"))  # a status is the model's own refusal
            return BAD + words if is_report else words
        values = canonical(frame)
        if outputs.setdefault((case.name, data.name), values) != values:
            return f"{BAD}other bits than those of the first way"
        problem = tensors.difference(tensors.from_frame(frame), tensors.read_values(data, "output", graph.output), case.rtol, case.atol)
        if problem:
            return problem
    return ""


def check_batch(number, batch, ways):
    """Results (case name, way, reason) of a batch through the emitted C and objects; models are prefixed c0, c1, ..."""
    folder = PLACE / "c" / f"batch{number}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for way in ways:
        (folder / way).mkdir()
    cases = [(case, f"c{index}") for index, case in enumerate(batch)]
    emitted = list(emit(cases, folder / "llvm", ("-c", "o")) if ways == ["llvm"] else emit(cases, folder))
    results = [(case.name, way, reason) for case, _, reason in emitted if reason for way in ways]
    outputs = {}
    usable = [(case, name) for case, name, reason in emitted if not reason]
    for way in ways if usable else []:
        objects = folder / way
        if way == "llvm":
            reasons = {} if ways == ["llvm"] else emit_objects(usable, objects)
        else:
            reasons = compile_objects(way, [name for _, name in usable], folder, objects)
        for _, name in usable:
            extra = set() if name in reasons else undefined_symbols(way, name, objects)
            if extra:
                reasons[name] = f"{BAD}the object wants {' '.join(sorted(extra))}"
        library = objects / "models.so"
        good = [str(objects / f"{name}.o") for _, name in usable if name not in reasons]
        status, _, words = run([*COMPILERS[way], "-shared", "-o", str(library), *good]) if good else (0, b"", "")
        for case, name in usable:
            if name not in reasons:
                reasons[name] = f"{BAD}linking failed: {words}" if status else run_library(way, case, name, library, outputs)
            results.append((case.name, way, reasons[name]))
    if not any(reason for _, _, reason in results):
        shutil.rmtree(folder)
    return results


def read_missing():
    """Reasons by name or name@where."""
    entries = {}
    for line in MISSING.read_text().splitlines() if MISSING.exists() else []:
        if line.strip() and not line.startswith("#"):
            name, _, reason = line.partition(" ")
            entries[name] = reason.strip()
    return entries


def place_of(way):
    return "interpreter" if way == "interpreter" else "c"


def write_missing(results, everything):
    """Rewrite missing.txt: the tests that were run from their results, the others as they were, those that do not exist any more not at all."""
    reasons = {}
    for name, way, reason in results:
        places = reasons.setdefault(name, {})
        places[place_of(way)] = places.get(place_of(way)) or reason
    entries = {key: why for key, why in read_missing().items() if key.split("@")[0] not in reasons and key.split("@")[0] in everything}
    for name, places in reasons.items():
        failed = {place: why for place, why in places.items() if why}
        if len(failed) == 2:
            entries[name] = failed["interpreter"]
        else:
            entries.update({f"{name}@{place}": why for place, why in failed.items()})
    head = "# Official node tests that do not pass yet: NAME  reason, NAME@interpreter or NAME@c if only there. Listed tests must fail.\n" \
           "# `build/venv/bin/python tests/onnx/run_node_tests.py --update` writes this file.\n"
    MISSING.write_text(head + "".join(f"{name}  {entries[name]}\n" for name in sorted(entries)))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--via", default="interpreter,gcc,clang")
    parser.add_argument("--target")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--each-operator", type=int, default=0)
    parser.add_argument("--source", default="")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("patterns", nargs="*")
    arguments = parser.parse_args()
    ways = arguments.via.split(",")
    TARGET.extend([f"--target={arguments.target}"] if arguments.target else [])
    unknown = set(ways) - {"interpreter", *COMPILERS, *elsewhere.WAYS}
    if unknown or (arguments.update and len({place_of(way) for way in ways}) < 2):
        parser.error(f"unknown way {unknown}" if unknown else "--update needs the interpreter and a C compiler")

    everything = collect.collect(PLACE / "cases", arguments.source)
    cases = [case for case in everything if not arguments.patterns or any(fnmatch.fnmatch(case.name, p) for p in arguments.patterns)]
    cases = cases[::arguments.every]
    if arguments.each_operator:
        cases = collect.each_operator(cases, arguments.each_operator)
    missing = read_missing()
    compilers = [way for way in ways if way in COMPILERS]
    for way in compilers:
        build_host(way)
    for way in [way for way in ways if way in elsewhere.WAYS and elsewhere.lacks(way)]:
        print(f"skip {way} - needs {elsewhere.lacks(way)}")
        ways.remove(way)
    passed = dict.fromkeys(ways, 0)
    results, failed = [], False
    print(f"# {len(cases)} cases of {len(everything)}, {len(missing)} entries in missing.txt")

    def settle(name, way, reason):
        nonlocal failed
        results.append((name, way, reason))
        passed[way] += not reason
        excuse = missing.get(name, missing.get(f"{name}@{place_of(way)}"))
        if reason and (excuse is None or reason.startswith(BAD)):
            line = f"not ok {way}/{name} - {reason}"
        elif not reason and excuse is not None:
            line = f"not ok {way}/{name} - it passes now: take it out of tests/onnx/missing.txt"
        else:
            line = f"skip {way}/{name} - {excuse}" if reason else f"ok {way}/{name}"
        failed |= line.startswith("not")
        print(line, flush=True)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = {}
        batches = [cases[start:start + BATCH] for start in range(0, len(cases), BATCH)]
        if compilers:
            jobs = {pool.submit(check_batch, number, batch, compilers): None for number, batch in enumerate(batches)}
        for way in [way for way in ways if way in elsewhere.WAYS]:
            jobs.update({pool.submit(elsewhere.check_batch, number, batch, way): None for number, batch in enumerate(batches)})
        if "interpreter" in ways:
            jobs.update({pool.submit(check_interpreter, case): case for case in cases})
        for job in concurrent.futures.as_completed(jobs):
            case = jobs[job]
            for result in [(case.name, "interpreter", job.result())] if case else job.result():
                settle(*result)
    for way in ways:
        print(f"# {way}: {passed[way]} of {len(cases)} official node tests passed")
    if arguments.update:
        write_missing(results, {case.name for case in everything})
        print("# tests/onnx/missing.txt written")
    return failed


if __name__ == "__main__":
    sys.exit(main())
