#!/usr/bin/env python3
"""The inner loop of a matrix product keeps its sums in registers: no reference to the stack stands in it, and as many multiply-adds as the tile has
vectors.

    build/venv/bin/python tests/schedule/hot_loop.py [NAME...]

A product is compiled for each row of BUILDS, taken apart by objdump, and the smallest loop that holds the multiply-adds is looked at. Rows whose
tools are missing are skipped.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

import onnx
from onnx import TensorProto, helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("ONNXCC_BUILD", ROOT / "build"))
ONNXCC = os.environ.get("ONNXCC", str(BUILD / "onnxcc"))
PLACE = BUILD / "tests" / "schedule"

X86 = {"objdump": "objdump", "multiply": r"vfn?madd\w*ps", "stack": r"\(%rsp"}
ARM64 = {"objdump": "aarch64-linux-gnu-objdump", "multiply": r"fmla\s+v", "stack": r"\[sp\b|\[x29\b"}
RISCV = {"objdump": "riscv64-linux-gnu-objdump", "multiply": r"vfmacc\.v[vf]|vfmadd\.v[vf]", "stack": r"\(sp\)"}
M55 = {"objdump": "arm-none-eabi-objdump", "multiply": r"vfma\.f32\s+s", "stack": r"\[sp\b"}

LLVM = None  # no C: an object of onnxcc's own

# Name: target, how C is compiled, how it is taken apart, multiply-adds of the tile.
BUILDS = {
    "v3_gcc": ("x86-64-v3", ["gcc", "-O2", "-march=x86-64-v3"], X86, 6 * 2),
    "v3_gcc_O3": ("x86-64-v3", ["gcc", "-O3", "-march=x86-64-v3"], X86, 6 * 2),
    "v3_clang": ("x86-64-v3", ["clang", "-O2", "-march=x86-64-v3"], X86, 6 * 2),
    "v4_gcc": ("x86-64-v4", ["gcc", "-O2", "-march=x86-64-v4"], X86, 8 * 3),
    "v4_gcc_O3": ("x86-64-v4", ["gcc", "-O3", "-march=x86-64-v4"], X86, 8 * 3),
    "v4_clang": ("x86-64-v4", ["clang", "-O2", "-march=x86-64-v4"], X86, 8 * 3),
    "aarch64_gcc": ("aarch64", ["aarch64-linux-gnu-gcc", "-O2"], ARM64, 8 * 2),
    "aarch64_clang": ("aarch64", ["clang", "--target=aarch64-linux-gnu", "-O2"], ARM64, 8 * 2),
    "v3_llvm": ("x86-64-v3", LLVM, X86, 6 * 2),
    "v4_llvm": ("x86-64-v4", LLVM, X86, 8 * 3),
    "aarch64_llvm": ("aarch64", LLVM, ARM64, 8 * 2),
    "rv64gcv_llvm": ("rv64gcv", LLVM, RISCV, 8 * 2),
    "m55_llvm": ("cortex-m55", LLVM, M55, 4 * 2),
    "m55_gcc": ("cortex-m55", ["arm-none-eabi-gcc", "-O2", "-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard"], M55, 4 * 2),
}
LINE = re.compile(r"^\s*([0-9a-f]+):\s+(.*)$")
JUMP = re.compile(r"^(?:j\w+|b\w*(?:\.\w+)?|cbn?z|tbn?z|le)\s.*?\b([0-9a-f]+)\s+<")


def make_model():
    shapes = {"a": [96, 256], "b": [256, 96], "y": [96, 96]}
    values = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()}
    graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["y"])], "product", [values["a"], values["b"]], [values["y"]])
    path = PLACE / "product.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), path)
    return path


def make_object(name, target, compiler, model):
    source, result = PLACE / f"{name}.c", PLACE / f"{name}.o"
    if compiler is LLVM:
        subprocess.run([ONNXCC, str(model), "-c", "-o", str(result), "--name=product", f"--target={target}"], check=True)
        return result
    subprocess.run([ONNXCC, str(model), "-o", str(source), "--name=product", f"--target={target}"], check=True)
    subprocess.run([*compiler, "-std=c99", "-I", str(PLACE), "-c", str(source), "-o", str(result)], check=True)
    return result


def disassembly(objdump, path):
    """(address, instruction) pairs."""
    text = subprocess.run([objdump, "-d", "--no-show-raw-insn", str(path)], check=True, capture_output=True, text=True).stdout
    found = [LINE.match(line) for line in text.splitlines()]
    return [(int(line.group(1), 16), line.group(2)) for line in found if line]


def loops(code):
    """Instructions between a jump back and its target, of each."""
    place = {address: at for at, (address, _) in enumerate(code)}
    for at, (address, instruction) in enumerate(code):
        jump = JUMP.match(instruction)
        start = place.get(int(jump.group(1), 16)) if jump else None
        if start is not None and code[start][0] <= address:
            yield [text for _, text in code[start:at + 1]]


def check(target, compiler, tools, multiplies, name, model):
    """What is wrong; empty: nothing."""
    code = disassembly(tools["objdump"], make_object(name, target, compiler, model))
    hot = [loop for loop in loops(code) if sum(bool(re.search(tools["multiply"], line)) for line in loop) >= multiplies]
    if not hot:
        return f"no loop of {multiplies} multiply-adds"
    smallest = min(hot, key=len)
    count = sum(bool(re.search(tools["multiply"], line)) for line in smallest)
    spilled = [line for line in smallest if re.search(tools["stack"], line)]
    if count % multiplies:
        return f"{count} multiply-adds in the loop, no multiple of {multiplies}"
    return f"{len(spilled)} references to the stack, the first: {spilled[0]}" if spilled else ""


def main():
    model, failed = make_model(), False
    for name in sys.argv[1:] or BUILDS:
        target, compiler, tools, multiplies = BUILDS[name]
        missing = [tool for tool in (compiler[0] if compiler else ONNXCC, tools["objdump"]) if not shutil.which(tool)]
        if compiler is LLVM and not (BUILD / "onnxcc_llvm.so").exists():
            missing = ["LLVM"]
        if missing:
            print(f"skip {name} - {missing[0]} is missing")
            continue
        try:
            wrong = check(target, compiler, tools, multiplies, name, model)
        except subprocess.CalledProcessError as error:
            wrong = f"{pathlib.Path(error.cmd[0]).name} ended with status {error.returncode}"
        failed |= bool(wrong)
        print(f"not ok {name} - {wrong}" if wrong else f"ok {name}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
