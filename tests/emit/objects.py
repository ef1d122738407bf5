#!/usr/bin/env python3
"""Objects and libraries that onnxcc makes through LLVM, for every machine and system, as llvm-readobj and the systems' own tools see them.

    build/venv/bin/python tests/emit/objects.py [TARGET...]

For each: the format and machine are right; the public symbols are those of the header, spelled as the system spells them; nothing is wanted but memcpy,
memmove, memset and memcmp (and, without a float unit, the compiler's arithmetic helpers; _fltused on Windows); code is position independent where a
system loads it anywhere: no absolute address in .text. Where an emulator is there, samples/digits is linked with the object and its answers compared
with those of emitted C. Static libraries list the same symbols, and a program links with them; shared libraries load.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("ONNXCC_BUILD", ROOT / "build"))
ONNXCC = os.environ.get("ONNXCC", BUILD / "onnxcc")
PLACE = BUILD / "tests" / "emit" / "objects"
SAMPLE = ROOT / "samples" / "digits"
IMAGES = sorted(SAMPLE.glob("*.pgm")) or sorted((SAMPLE / "images").glob("*.pgm"))
PUBLIC = {"digits_workspace_bytes", "digits_init", "digits_run", "digits_reset", "digits_info"}
LIBRARY = {"memcpy", "memmove", "memset", "memcmp"}
SOFT_FLOAT = re.compile(r"__(aeabi_\w+|(add|sub|mul|div|cmp|eq|ne|lt|le|gt|ge|unord|neg|fix|fixuns|float|floatun|floatunsi|ashl|ashr|lshr|udiv|umod|mod|clz)"
                        r"(si|sf|df|sisf|disf|sfsi|sfdi|di)[0-9]?)")
# Relocations of .text that put an absolute address into the code.
ABSOLUTE = re.compile(r"R_X86_64_(64|32S?)\b|R_AARCH64_(ABS|PREL)?ABS(64|32)\b|R_RISCV_(64|32|HI20)\b|R_ARM_ABS32\b|IMAGE_REL_AMD64_ADDR64")

# target: format and machine as llvm-readobj says them; loaded anywhere; without a float unit; the machine's compiler and emulator
TARGETS = {
    "x86-64-v1": ("elf64-x86-64", "x86_64", True, False, ["cc", "-O2"], []),
    "x86-64-v3": ("elf64-x86-64", "x86_64", True, False, ["cc", "-O2"], []),
    "x86-64-v4": ("elf64-x86-64", "x86_64", True, False, ["cc", "-O2"], ["native"]),
    "aarch64": ("elf64-littleaarch64", "aarch64", True, False, ["aarch64-linux-gnu-gcc", "-static"], ["qemu-aarch64"]),
    "armv7a-neon": ("elf32-littlearm", "arm", True, False, ["arm-linux-gnueabihf-gcc", "-static"], ["qemu-arm", "-cpu", "max"]),
    "cortex-m0plus": ("elf32-littlearm", "arm", False, True, None, None),
    "cortex-m4": ("elf32-littlearm", "arm", False, False, None, None),
    "cortex-m55": ("elf32-littlearm", "arm", False, False, None, None),
    "rv32imac": ("elf32-littleriscv", "riscv32", False, True, None, None),
    "rv64gc": ("elf64-littleriscv", "riscv64", True, False, ["riscv64-linux-gnu-gcc", "-static"], ["qemu-riscv64"]),
    "rv64gcv": ("elf64-littleriscv", "riscv64", True, False, ["riscv64-linux-gnu-gcc", "-static"],
                ["qemu-riscv64", "-cpu", "rv64,v=true,vlen=128,vext_spec=v1.0"]),
    "loongarch64": ("elf64-loongarch", "loongarch64", True, False, None, None),
    "wasm32": ("WASM", "wasm32", False, False, None, None),
    "arm64-apple-darwin": ("Mach-O arm64", "aarch64", True, False, None, None),
    "x86_64-apple-darwin": ("Mach-O 64-bit x86-64", "x86_64", True, False, None, None),
    "arm64-apple-ios": ("Mach-O arm64", "aarch64", True, False, None, None),
    "x86_64-pc-windows-msvc": ("COFF-x86-64", "x86_64", True, False, None, None),
    "aarch64-linux-android": ("elf64-littleaarch64", "aarch64", True, False, None, None),
}


DOES_NOT_APPLY = object()  # what a check returns that makes no sense for a target; a text: why it is skipped


class Failure(Exception):
    """A check that failed, with its reason."""


def run(*command, **options):
    """Standard output of a process; Failure if it ends badly."""
    done = subprocess.run([str(word) for word in command], capture_output=True, timeout=300, check=False, **options)
    if done.returncode:
        raise Failure(f"{command[0]} ended with status {done.returncode}: {(done.stderr or done.stdout).decode(errors='replace').strip()[-300:]}")
    return done.stdout.decode(errors="replace")


def expect(found, wanted, what):
    if found != wanted:
        raise Failure(f"{what}: {found}, not {wanted}")


def tool(name):
    return next((shutil.which(word) for word in (f"{name}-19", name) if shutil.which(word)), None)


def plain(symbol, object_format):
    return symbol[1:] if object_format.startswith("Mach-O") and symbol.startswith("_") else symbol


def symbols(path, option, object_format):
    lines = run(tool("llvm-nm"), option, "--extern-only", "--format=just-symbols", path).split()
    return {plain(line, object_format) for line in lines}


def make(target, *options, **environment):
    folder = PLACE / target
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / options[-1]
    run(ONNXCC, SAMPLE / "digits.onnx", f"--target={target}", "--name=digits", *options[:-1], "-o", output, **environment)
    return output


def check_machine(target):
    object_format, machine, *_ = TARGETS[target]
    headers = run(tool("llvm-readobj"), "--file-headers", make(target, "-c", "digits.o"))
    expect(re.search(r"Format: (.*)", headers)[1], object_format, "format")
    expect(re.search(r"Arch: (\S+)", headers)[1], machine, "machine")


def check_symbols(target):
    object_format, _, _, is_soft, *_ = TARGETS[target]
    path = PLACE / target / "digits.o"
    found = {name for name in symbols(path, "--defined-only", object_format) if not re.match(r"__(real|[xyz]mm)@", name)}  # COFF's merged constants
    expect(found, PUBLIC, "public symbols")
    extra = symbols(path, "--undefined-only", object_format) - LIBRARY
    extra -= {name for name in extra if is_soft and SOFT_FLOAT.fullmatch(name)}
    extra -= {"_fltused"} if object_format.startswith("COFF") else set()
    extra -= {"__linear_memory", "__stack_pointer", "__indirect_function_table"} if object_format == "WASM" else set()
    expect(sorted(extra), [], "symbols it wants")


def check_position(target):
    if not TARGETS[target][2]:
        return DOES_NOT_APPLY
    sections = re.split(r"\n  Section ", run(tool("llvm-readobj"), "--relocations", PLACE / target / "digits.o"))
    for section in sections:
        if re.match(r"\(\d+\) \S*(\.text|__text)", section):
            found = ABSOLUTE.search(section)
            if found:
                raise Failure(f"{found[0]} in {section.split()[1]}")
    return None


def answers(command):
    """Labels and probabilities, without the lines about time and memory."""
    return re.findall(r"label .*", run(*command))


def check_run(target):
    compiler, emulator = TARGETS[target][4:]
    if compiler is None:
        return DOES_NOT_APPLY  # tests/target runs images of the small ones
    if emulator == ["native"]:
        if "avx512vl" not in pathlib.Path("/proc/cpuinfo").read_text():
            return "this machine lacks AVX-512"
        emulator = []
    for need in [compiler[0], *emulator[:1]]:
        if not shutil.which(need):
            return f"{need} is not there"
    folder = PLACE / target
    run(*compiler, "-I", folder, SAMPLE / "main.c", folder / "digits.o", "-o", folder / "digits", "-lm")
    reference = PLACE / "reference"
    if not (reference / "digits").exists():
        reference.mkdir(parents=True, exist_ok=True)
        run(ONNXCC, SAMPLE / "digits.onnx", "--name=digits", "-o", reference / "digits.c")
        run("cc", "-O2", "-I", reference, SAMPLE / "main.c", reference / "digits.c", "-o", reference / "digits", "-lm")
    expect(answers([*emulator, folder / "digits", *IMAGES]), answers([reference / "digits", *IMAGES]), "answers")
    return None


def check_static(target):
    object_format = TARGETS[target][0]
    path = make(target, "--emit=archive", "libdigits.a")
    table = run(tool("llvm-nm"), "--print-armap", path).split("\n\n")[0]
    listed = {plain(line.split(" in ")[0], object_format) for line in table.splitlines() if " in " in line}
    expect(listed, PUBLIC, "symbols in the library's table")
    expect((PLACE / target / "digits.h").exists(), True, "a header named without lib")
    compiler = TARGETS[target][4]
    if compiler and shutil.which(compiler[0]):
        folder = PLACE / target
        run(*compiler, "-I", folder, SAMPLE / "main.c", "-L", folder, "-ldigits", "-o", folder / "with-library", "-lm")


def check_shared(target):
    object_format = TARGETS[target][0]
    if not TARGETS[target][2] or not object_format.startswith(("elf", "Mach-O")):
        return DOES_NOT_APPLY
    linker = tool("ld64.lld" if object_format.startswith("Mach-O") else "ld.lld")
    if not linker:
        return "lld is not there"
    path = make(target, "-shared", "libdigits.so", env={**os.environ, "LD": linker})
    option = "--extern-only" if object_format.startswith("Mach-O") else "--dynamic"
    found = {plain(line, object_format) for line in run(tool("llvm-nm"), "--defined-only", option, "--format=just-symbols", path).split()}
    expect(found, PUBLIC, "symbols of the library")
    return None


def main():
    needs = [name for name in ("llvm-readobj", "llvm-nm") if not tool(name)]
    if needs:
        print(f"skip objects - {needs[0]} is not there")
        return 0
    shutil.rmtree(PLACE, ignore_errors=True)
    failed = 0
    for target in sys.argv[1:] or TARGETS:
        for check in (check_machine, check_symbols, check_position, check_run, check_static, check_shared):
            name = f"{target}/{check.__name__[6:]}"
            try:
                reason = check(target)
                if reason is not DOES_NOT_APPLY:
                    print(f"skip {name} - {reason}" if reason else f"ok {name}", flush=True)
            except (Failure, subprocess.TimeoutExpired, TypeError) as problem:
                failed += 1
                print(f"not ok {name} - {problem}", flush=True)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
