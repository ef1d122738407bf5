"""The node tests on other machines: C by cross compilers or objects by LLVM, many models a program (tests/bits/batch.c), run by an emulator."""
import shutil
import struct
import subprocess
from typing import NamedTuple

import onnx

import tensors
from process import BAD, LIBRARY_FUNCTIONS, ONNXCC, PLACE, ROOT, RUNTIME, STRICT, data_sets, run


class Way(NamedTuple):
    target: str    # for onnxcc: a target, or for objects a triple
    code: str      # c or object
    tools: str     # prefix of the GNU tools
    compiler: str  # compiles C, and links
    emulator: str


def ways(name, target, triple, tools, flags, emulator, clang=False):
    """Emitted C and objects for one machine."""
    compiler = f"clang-19 --target={tools} {flags}" if clang else f"{tools}-gcc {flags}"
    return {f"{name}-{'clang' if clang else 'gcc'}": Way(target, "c", tools, compiler, emulator),
            f"{name}-llvm": Way(triple, "object", tools, compiler, emulator)}


WAYS = {
    **ways("aarch64", "aarch64", "aarch64-linux-gnu", "aarch64-linux-gnu", "-O1", "qemu-aarch64"),
    **ways("armv7", "armv7a-neon", "armv7a-linux-gnueabihf", "arm-linux-gnueabihf", "-O1 -march=armv7-a -mfpu=neon-vfpv4", "qemu-arm -cpu max"),
    **ways("rv64gc", "rv64gc", "riscv64-linux-gnu", "riscv64-linux-gnu", "-O1", "qemu-riscv64"),
    **ways("rv64gcv", "rv64gcv", "rv64gcv", "riscv64-linux-gnu", "-O1 -march=rv64gcv", "qemu-riscv64 -cpu rv64,v=true,vlen=128,vext_spec=v1.0", clang=True),
}


def lacks(way):
    """What is missing for a way; empty if nothing is."""
    row = WAYS[way]
    tools = [row.compiler.split()[0], f"{row.tools}-gcc", row.emulator.split()[0]]
    return next((tool for tool in tools if not shutil.which(tool)), "")


def emit(way, name, case, folder):
    """Code of a case; the reason where there is none."""
    row = WAYS[way]
    file = f"{name}.c" if row.code == "c" else f"{name}.o"
    options = ["-c"] if row.code == "object" else []
    return run([ONNXCC, str(case.folder / "model.onnx"), f"--target={row.target}", f"--name={name}", *options, "-o", str(folder / file)])


def undefined(way, name, folder):
    """Functions that an object wants and emitted code may not call: any but memcpy and friends; the run-time ABI's on 32-bit Arm."""
    listing = subprocess.run([f"{WAYS[way].tools}-nm", "-u", str(folder / f"{name}.o")], capture_output=True, text=True, check=True)
    wanted = {line.split()[-1] for line in listing.stdout.splitlines()}
    return {symbol for symbol in wanted - LIBRARY_FUNCTIONS if not symbol.startswith(("__aeabi_", "_GLOBAL_OFFSET_TABLE_"))}


def make_objects(way, names, folder):
    """Objects of all C files; a reason by name of those that do not compile."""
    row, reasons = WAYS[way], {}
    command = [*row.compiler.split(), *STRICT, "-I", str(RUNTIME), "-c"]
    if row.code == "c" and names and run([*command, *(f"{name}.c" for name in names)], cwd=folder)[0] != 0:
        for name in names:
            status, _, words = run([*command, f"{name}.c"], cwd=folder)
            if status != 0:
                reasons[name] = f"{BAD}the C does not compile: {words}"
    for name in names:
        extra = set() if name in reasons else undefined(way, name, folder)
        if extra:
            reasons[name] = f"{BAD}the object wants {' '.join(sorted(extra))}"
    return reasons


def link(way, names, folder):
    """The program of the models; the reason where it can't be made."""
    table = [f"extern const onnxcc_model_info *{name}_info(void);" for name in names]
    table.append(f"static const onnxcc_model_info *(*const models[])(void) = {{{', '.join(f'{name}_info' for name in names)}}};")
    (folder / "models.h").write_text("\n".join(table) + "\n")
    status, _, words = run([*WAYS[way].compiler.split(), "-static", "-I", str(RUNTIME), "-I", str(ROOT), "-I", ".", str(ROOT / "tests" / "bits" / "batch.c"),
                            *(f"{name}.o" for name in names), "-o", "batch"], cwd=folder)
    return words if status else ""


def read_results(path, count):
    """Of each request the values of its outputs, None if it failed or never came."""
    data, at, results = path.read_bytes() if path.exists() else b"", 0, []
    while at < len(data):
        (good,), at = struct.unpack_from("<I", data, at), at + 4
        values = None
        if good:
            size = tensors.frame_bytes(data, at)
            values, at = tensors.from_frame(data[at:at + size]), at + size
        results.append(values)
    return results + [None] * (count - len(results))


def compute(way, requests, folder):
    """requests: (index of the model, frame of its inputs) each. The values, and the last words of what went wrong."""
    (folder / "requests").write_bytes(b"".join(struct.pack("<II", index, len(frame)) + frame for index, frame in requests))
    (folder / "results").unlink(missing_ok=True)
    _, _, words = run([*WAYS[way].emulator.split(), "./batch"], cwd=folder)
    return read_results(folder / "results", len(requests)), words


def judge(way, cases, folder):
    """Reasons by case of models that are compiled; empty where all data sets come out right. cases: (case, name) each."""
    reasons, requests, wanted = {}, [], []
    words = link(way, [name for _, name in cases], folder)
    if words:
        return {case: f"{BAD}linking failed: {words}" for case, _ in cases}
    for index, (case, _) in enumerate(cases):
        graph = onnx.load(case.folder / "model.onnx", load_external_data=False).graph
        initialized = {tensor.name for tensor in graph.initializer}
        inputs = [info for info in graph.input if info.name not in initialized]
        reasons[case] = ""
        for data in data_sets(case):
            try:
                requests.append((index, tensors.to_frame(tensors.read_values(data, "input", inputs))))
                wanted.append((case, tensors.read_values(data, "output", graph.output)))
            except tensors.Unsupported as reason:
                reasons[case] = str(reason)
    values, words = compute(way, requests, folder)
    for (case, want), got in zip(wanted, values):
        problem = tensors.difference(got, want, case.rtol, case.atol) if got is not None else words or "it wrote nothing"
        reasons[case] = reasons[case] or problem
    return reasons


def check_batch(number, batch, way):
    """Results (case name, way, reason) of a batch. A program that crashes is made again, of one model each."""
    folder = PLACE / way / f"batch{number}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    reasons, emitted = {}, []
    for index, case in enumerate(batch):
        status, _, words = emit(way, f"c{index}", case, folder)
        if status != 0:
            reasons[case] = words
        else:
            emitted.append((case, f"c{index}"))
    broken = make_objects(way, [name for _, name in emitted], folder)
    reasons.update({case: broken[name] for case, name in emitted if name in broken})
    good = [(case, name) for case, name in emitted if name not in broken]
    if good:
        judged = judge(way, good, folder)
        if len(good) > 1 and any(reason.startswith(BAD) for reason in judged.values()):
            for pair in good:
                judged.update(judge(way, [pair], folder))
        reasons.update(judged)
    if not any(reason.startswith(BAD) for reason in reasons.values()):
        shutil.rmtree(folder)
    return [(case.name, way, reasons[case]) for case in batch]
