"""One model as an image without an operating system: made, run by qemu, measured."""
import dataclasses
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys

import onnx
from onnx import numpy_helper

import machines
import stack

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BOARD = ROOT / "samples" / "cortex-m"   # start-up code, linker script, memcpy and semihosting
BUILD = pathlib.Path(os.environ.get("ONNXCC_BUILD", ROOT / "build"))
ONNXCC = os.environ.get("ONNXCC", str(BUILD / "onnxcc"))
PLACE = BUILD / "tests" / "target"

sys.path.insert(0, str(ROOT / "tests" / "onnx"))
import tensors  # noqa: E402

LIMIT = 600  # seconds a process may take
FREESTANDING = ["-ffreestanding", "-ffunction-sections", "-fdata-sections", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables"]
OWN_LOOPS = ["-fno-builtin", "-fno-tree-loop-distribute-patterns"]  # for memory.c
STRICT = "-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wdouble-promotion -Wfloat-conversion -Werror".split()
# The sections that the macros of the generated C name; board.ld places them.
ATTRIBUTES = ['-DMODEL_WEIGHTS_ATTR=__attribute__((section(".weights")))', '-DMODEL_WEIGHTS_SECTION=".weights"',
              '-DMODEL_WORKSPACE_ATTR=__attribute__((section(".workspace")))', '-DMODEL_HOT_ATTR=__attribute__((section(".hot")))']
MEASURING = ".measuring"  # opens the names of sections that only measure: they count for nothing


class Failure(Exception):
    """A step that failed, with its reason."""


class EmulatorBug(Exception):
    """The emulator itself gave up."""


# qemu 7.2 asserts where a vector conversion that rounds to zero follows an instruction of another rounding mode.
EMULATOR_BUGS = ["decode_save_opc: Assertion"]


@dataclasses.dataclass
class Figures:
    instructions: int = None    # of one run; None: this qemu can't count
    stack_used: int = 0         # bytes that init and run touched
    stack_bound: int = 0        # MODEL_STACK_BYTES
    stack_graph: int = None     # the deepest path of the call graph, by the compiler's own account; None: it gives none
    code: int = 0               # bytes of kernels and of what they call
    constants: int = 0          # weights and tables
    data: int = 0               # initialised variables
    ram: int = 0                # workspace and state, without what lies in
    fast: int = 0               # the faster memory
    nodes: list = None          # (node, instructions) of each visit in turn


def run(command, folder=None, status=0):
    try:
        done = subprocess.run(command, capture_output=True, timeout=LIMIT, check=False, cwd=folder, text=True)
    except subprocess.TimeoutExpired:
        raise Failure(f"{command[0]} took longer than {LIMIT} s") from None
    if done.returncode != status:
        words = (done.stderr + done.stdout).strip().splitlines() or ["no message"]
        if any(bug in line for bug in EMULATOR_BUGS for line in words):
            raise EmulatorBug(f"another qemu: this one fails its own assertion ({words[0]})")
        errors = [line for line in words if re.search(r"error:|undefined|overflowed", line) and "ld returned" not in line]
        raise Failure(f"{pathlib.Path(command[0]).name} ended with status {done.returncode}: {(errors or words)[0]}")
    return done.stdout


def shapes(inputs):
    """What fixes the dimensions of a model to those of its data, by input name."""
    return [f"--shape={name}={','.join(map(str, array.shape))}" for name, array in inputs if array.ndim]


def element_bytes(array):
    """An array as emitted code has it in memory."""
    return tensors.to_frame([array])[4 + 8 + 8 * array.ndim + 8:]


class Image:
    """machine, way (gcc, clang: C; llvm: an object), optimisation level of the C compiler, options for onnxcc, a folder of its own."""

    def __init__(self, machine, way, level, options, folder):
        self.machine, self.way, self.level, self.folder = machine, way, level, folder
        self.options = [f"--target={machine.target}", *options]
        command, *flags = machine.compiler(way) or machine.compiler("gcc") or machine.compiler("clang")
        self.compiler = [command, level, *flags]  # in this order: to clang a later -O takes back what forbids vectors
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def emit(self, model, inputs):
        """model.c, or model.o, and model.h for the very shapes of the inputs, (name, array) each."""
        output = ["-c", "-o", str(self.folder / "model.o")] if self.way == "llvm" else ["-o", str(self.folder / "model.c")]
        run([ONNXCC, str(model), "--name=model", *self.options, *output, *shapes(inputs)])
        self.header = (self.folder / "model.h").read_text()

    def figure(self, name):
        """A number that the header states; 0 where it doesn't."""
        found = re.search(rf"#define MODEL_{name} (\d+)u", self.header)
        return int(found[1]) if found else 0

    def write_data(self, inputs, outputs):
        """Inputs and room for the outputs, by position in model_io."""
        lines, members = ["#include \"model.h\""], []
        for index, (_, array) in enumerate(inputs):
            (self.folder / f"input_{index}.bin").write_bytes(element_bytes(array) or b"\0")
            lines.append(f"extern const unsigned char input_{index}[];\n__asm__(\".pushsection .rodata.input_{index},\\\"a\\\"\\n.balign 64\\n"
                         f".globl input_{index}\\ninput_{index}: .incbin \\\"input_{index}.bin\\\"\\n.popsection\");")
            members.append(f"(const void *)input_{index}")
        sizes = [len(element_bytes(array)) for array in outputs]
        for index, size in enumerate(sizes):
            lines.append(f"static ONNXCC_ALIGNED(64) unsigned char output_{index}[{max(size, 1)}];")
            members.append(f"(void *)output_{index}")
        lines.append(f"#define IO {{{', '.join(members)}}}")
        lines.append("static const struct { const void *data; uintptr_t bytes; } outputs[] = {"
                     + ", ".join(f"{{output_{index}, {size}}}" for index, size in enumerate(sizes)) + "};")
        (self.folder / "data.h").write_text("\n".join(lines) + "\n")

    def compile(self, source, *flags):
        name = pathlib.Path(source).stem
        run([*self.compiler, *FREESTANDING, "-I", str(BOARD), "-I", ".", *flags, "-c", str(source), "-o", f"{name}.o"], self.folder)
        return f"{name}.o"

    def build(self, profile):
        """The image, with node hooks if asked. Returns its path."""
        start = HERE / "start_riscv.c" if not self.machine.is_arm else BOARD / "start.c"
        hooks = ["-DMODEL_PROFILE"] if profile else []
        graph = ["-fstack-usage", "-fcallgraph-info=su"] if self.way == "gcc" else []
        own_loops = OWN_LOOPS if "gcc" in self.compiler[0] else OWN_LOOPS[:1]
        objects = [self.compile(start), self.compile(BOARD / "memory.c", *own_loops), self.compile(HERE / "measure.c", *hooks)]
        if self.way == "llvm":
            objects.append("model.o")
        else:
            objects.append(self.compile("model.c", *STRICT, *hooks, "-DMODEL_NO_INFO", "-DMODEL_STATIC_WORKSPACE", *ATTRIBUTES, *graph))
        run([self.machine.tools + "objcopy", f"--prefix-alloc-sections={MEASURING}", "measure.o"], self.folder)
        places = [f"-Wl,--defsym={name}{suffix}={value}" for name in ("code", "constants", "ram")
                  for suffix, value in zip(("", "_size"), getattr(self.machine, name))]
        linker = [self.machine.tools + "gcc", *(self.machine.gcc_flags or machines.find("rv64gc").gcc_flags).split()]
        run([*linker, "-nostdlib", "-Wl,--gc-sections", "-Wl,--no-warn-rwx-segments", "-Wl,--no-warn-mismatch", "-T", str(BOARD / "board.ld"), *places,
             *objects, "-lgcc", "-o", "image.elf"], self.folder)

    def symbols(self):
        """Addresses by name, of all that is in the image."""
        listing = run([self.machine.tools + "nm", "image.elf"], self.folder)
        return {name: int(address, 16) for address, _, name in re.findall(r"^(\w+) (\w) (\S+)$", listing, re.M)}

    def sections(self, file="image.elf"):
        """Bytes by section."""
        listing = run([self.machine.tools + "size", "-A", file], self.folder)
        return {name: int(size) for name, size in re.findall(r"^(\.\S+)\s+(\d+)", listing, re.M)}

    def execute(self, counter):
        """Runs the image; with a counter, the plugin's path, writes the marks."""
        machine = self.machine
        command = [machine.emulator, "-M", machine.board, "-nographic", "-monitor", "none", "-serial", "none",
                   "-semihosting-config", "enable=on,target=native", "-kernel", "image.elf"]
        command += ["-bios", "none", "-m", "32M", "-cpu", machine.processor] if machine.processor else []
        command += ["-plugin", f"{counter},marks=marks,at={self.symbols()['mark']:x}"] if counter else []
        said = run(command, self.folder)
        if said:
            raise Failure(f"the image said {said.strip()}")
        self.marks = [int(line) for line in (self.folder / "marks").read_text().split()] if counter else None

    def report(self, outputs):
        """What the image left: status, stack, visited nodes and the bytes of each output."""
        raw = (self.folder / "report").read_bytes()
        status, used, count = struct.unpack_from("<iII", raw)
        visits = struct.unpack_from(f"<{count}I", raw, 12)
        at, values = 12 + 4 * count, []
        for array in outputs:
            size = len(element_bytes(array))
            values.append(raw[at:at + size])
            at += size
        if status != 0 or at != len(raw):
            raise Failure(f"init or run returned {status}" if status else "the report is cut short")
        return used, visits, values

    def graph_stack(self):
        """Of all entry points, by gcc's account; None where another compiler made the code."""
        if self.way != "gcc":
            return None
        return stack.deepest((self.folder / "model.ci").read_text(), ["model", "model_init", "model_run", "model_reset", "model_workspace_bytes"])[0]

    def figures(self, used):
        sections = self.sections()
        return Figures(
            instructions=self.marks[1] - self.marks[0] if self.marks else None, stack_used=used, stack_bound=self.figure("STACK_BYTES"),
            stack_graph=self.graph_stack(), code=sections.get(".text", 0) + sections.get(".hot", 0),
            constants=sections.get(".rodata", 0) + sections.get(".weights", 0), data=sections.get(".data", 0) + sections.get(".bss", 0),
            ram=self.figure("WORKSPACE_BYTES") + self.figure("STATE_BYTES"), fast=self.figure("FAST_BYTES"))


def counter():
    """The plugin that counts instructions, built once."""
    library = PLACE / "count.so"
    if not library.exists() or library.stat().st_mtime < (HERE / "count.c").stat().st_mtime:
        library.parent.mkdir(parents=True, exist_ok=True)
        run(["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", str(library), str(HERE / "count.c")])
    return library


def node_costs(marks, visits):
    """(node, instructions) of each visit. The first pair of marks is an empty visit: what a visit itself costs."""
    empty = marks[1] - marks[0]
    turns = marks[3:-2]  # between the marks around run; the last number is that of the whole image
    return [(node, end - begin - empty) for node, begin, end in zip(visits[1:], turns[::2], turns[1::2])]


def interpreted(model, options, inputs, count, folder):
    """The bytes of the `count` outputs by the interpreter, of the same loop program."""
    data = folder / "data"
    data.mkdir()
    for index, (_, array) in enumerate(inputs):
        (data / f"input_{index}.pb").write_bytes(numpy_helper.from_array(array).SerializeToString())
    run([ONNXCC, "run", str(model), *options, "--via=interpreter", "--data", "data", "--output-dir", "interpreted"], folder)
    return [element_bytes(numpy_helper.to_array(onnx.TensorProto.FromString((folder / "interpreted" / f"output_{index}.pb").read_bytes())))
            for index in range(count)]
