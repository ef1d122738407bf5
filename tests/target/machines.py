"""The machines without an operating system that qemu plays: a row a target of onnxcc."""
import dataclasses
import functools
import shutil
import subprocess

MIB = 1 << 20


@dataclasses.dataclass(frozen=True)
class Machine:
    target: str        # name for onnxcc --target
    board: str         # qemu's machine
    gcc_flags: str     # the core, for gcc
    clang_flags: str   # the same for clang, with the triple
    code: tuple        # address and bytes of memory for code,
    constants: tuple   # for weights and other constants,
    ram: tuple         # for data and stack
    processor: str = ""              # qemu's -cpu, where the board has no one core
    single_float: bool = True        # has instructions for f32
    double_float: bool = False       # and for f64

    @property
    def is_arm(self):
        return self.target.startswith("cortex-m")

    @property
    def tools(self):
        """Prefix of the GNU tools."""
        return "arm-none-eabi-" if self.is_arm else "riscv64-unknown-elf-"

    @property
    def emulator(self):
        return "qemu-system-arm" if self.is_arm else f"qemu-system-{self.processor[:2].replace('rv', 'riscv')}{self.processor[2:4]}"

    def compiler(self, way):
        """Command line of a C compiler for this core, way being gcc or clang; None where there is no such compiler. Objects (llvm) need none."""
        if way == "llvm":
            return None
        if way == "gcc":
            return [self.tools + "gcc", *self.gcc_flags.split()] if shutil.which(self.tools + "gcc") and self.gcc_flags else None
        return [clang(), *self.clang_flags.split()] if clang() else None


# clang 19's code for Helium is wrong in two ways: its pass for gathers and scatters turns loops into endless ones, and conversions between integers and
# floats scaled by a power of two, in vectors, take the number of a register for that power. Both come of vectors that it finds by itself.
HELIUM_CLANG = "-fno-vectorize -fno-slp-vectorize"


def arm(target, board, triple, flags="", clang_only="", code=(0, MIB), constants=(MIB, 3 * MIB), ram=(0x20000000, 4 * MIB), **more):
    flags = f"-mcpu={target} -mthumb {flags}"
    return Machine(target, board, flags, f"--target={triple} {flags} {clang_only}", code, constants, ram, **more)


def riscv(target, bits, abi, processor, gcc=True, **more):
    at = 0x80000000
    flags = f"-march={target} -mabi={abi} -mcmodel=medany"
    return Machine(target, "virt", flags if gcc else "", f"--target=riscv{bits}-none-elf {flags}", (at, 2 * MIB), (at + 2 * MIB, 6 * MIB),
                   (at + 8 * MIB, 8 * MIB), processor, **more)


TABLE = [
    # An M3 runs the code of an M0+, and its board has room for real models.
    arm("cortex-m0plus", "mps2-an385", "thumbv6m-none-eabi", single_float=False),
    arm("cortex-m3", "mps2-an385", "thumbv7m-none-eabi", single_float=False),
    arm("cortex-m4", "mps2-an386", "thumbv7em-none-eabihf", "-mfpu=fpv4-sp-d16 -mfloat-abi=hard"),
    arm("cortex-m7", "mps2-an500", "thumbv7em-none-eabihf", "-mfpu=fpv5-d16 -mfloat-abi=hard", double_float=True),
    arm("cortex-m33", "mps2-an505", "thumbv8m.main-none-eabihf", "-mfpu=fpv5-sp-d16 -mfloat-abi=hard",
        code=(0x10000000, MIB), constants=(0x10100000, 3 * MIB), ram=(0x38000000, 4 * MIB)),
    arm("cortex-m55", "mps3-an547", "thumbv8.1m.main-none-eabihf", "-mfloat-abi=hard", HELIUM_CLANG,
        code=(0, MIB // 2), constants=(0x01000000, 2 * MIB), ram=(0x21000000, 2 * MIB), double_float=True),
    riscv("rv32imac", 32, "ilp32", "rv32", single_float=False),
    riscv("rv64gc", 64, "lp64d", "rv64", double_float=True),
    riscv("rv64gcv", 64, "lp64d", "rv64,v=true,vlen=128,vext_spec=v1.0", gcc=False, double_float=True),
]


def find(target):
    return next((machine for machine in TABLE if machine.target == target), None)


@functools.lru_cache(None)
def clang():
    """The newest clang that knows all these cores."""
    return next((name for name in ("clang-21", "clang-20", "clang-19", "clang-18") if shutil.which(name)), None)


@functools.lru_cache(None)
def has_plugins(emulator):
    """Whether this qemu was built with support for plugins, without which nothing counts instructions."""
    return "-plugin" in subprocess.run([emulator, "-help"], capture_output=True, text=True, check=False).stdout


def lacks(machine, way, known_targets):
    """What is missing to build and run images for this machine in this way; empty if nothing is."""
    if machine.target not in known_targets:
        return f"--target={machine.target}"
    if way != "llvm" and machine.compiler(way) is None:
        return f"a {way} for {machine.target}" if way == "gcc" else "clang 18 or newer"
    for tool in (machine.tools + "gcc", machine.tools + "size", machine.emulator):  # gcc links, whoever compiles
        if not shutil.which(tool):
            return tool
    return ""
