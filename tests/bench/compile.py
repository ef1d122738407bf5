#!/usr/bin/env python3
"""Time and memory of onnxcc itself: ResNet-50 to C and to an object, and what a model with 100 MB of weights costs `onnxcc inspect` above one of 1 KB.

    build/venv/bin/python tests/bench/compile.py [--json FILE]

Figures are medians of RUNS runs, wall time and the largest resident set of the process (measure.c); output goes to a file system
in memory where there is one.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import make_models

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("ONNXCC_BUILD", ROOT / "build"))
ONNXCC = os.environ.get("ONNXCC", str(BUILD / "onnxcc"))
RUNS = 5


def build_measure():
    """The program that runs a command and says how long it took and how large it grew."""
    program = BUILD / "tests" / "bench" / "measure"
    program.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cc", "-O1", str(ROOT / "tests" / "bench" / "measure.c"), "-o", str(program)], check=True)
    return str(program)


def once(command):
    """Seconds and MB of one run."""
    seconds, kilobytes = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(seconds), int(kilobytes) / 1000


def median(command):
    seconds, megabytes = zip(*(once(command) for _ in range(RUNS)))
    return statistics.median(seconds), statistics.median(megabytes)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    paths = make_models.make(BUILD / "tests" / "bench" / "models", ["resnet50", "weights_100mb", "weights_1kb"])
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    measure = build_measure()
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        seconds, megabytes = median([measure, ONNXCC, str(paths["resnet50"]), "-o", f"{folder}/resnet50.c"])
        to_object = median([measure, ONNXCC, str(paths["resnet50"]), "-c", "-o", f"{folder}/resnet50.o"])
    rows = [("ResNet-50 to C", seconds, "s", 2), ("ResNet-50 to C", megabytes, "MB", 300)]
    rows += [("ResNet-50 to an object", to_object[0], "s", 8), ("ResNet-50 to an object", to_object[1], "MB", 250 + 3 * 102)]
    small, large = (median([measure, ONNXCC, "inspect", str(paths[name])]) for name in ("weights_1kb", "weights_100mb"))
    rows += [("inspect, 100 MB above 1 KB", 1000 * (large[0] - small[0]), "ms", 20), ("inspect, 100 MB above 1 KB", large[1] - small[1], "MB", 10)]
    for what, value, unit, most in rows:
        print(f"{what:28} {value:8.2f} {unit:3} of at most {most}")
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps([dict(zip(("what", "value", "unit", "most"), row)) for row in rows], indent=2) + "\n")
    return any(value > most for _, value, _, most in rows)


if __name__ == "__main__":
    sys.exit(main())
