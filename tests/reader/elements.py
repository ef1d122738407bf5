"""Tensors of all element types in every form the standard has for them are read as the same elements; and every model and tensor file of the onnx
package's own tests is read, but for operators that are not supported.

usage: elements.py PROBE"""
import glob
import os
import re
import struct
import subprocess
import sys
import tempfile

import onnx
from onnx import TensorProto as T, helper

from wire import ATTRIBUTE, chunk, graph, message, model, node, number, single, tensor, varint

# Element type -> (name in the text form, bits, data field, bytes a value of that field has; 0: a number)
TYPES = {
    T.FLOAT: ("f32", 32, 4, 4), T.UINT8: ("u8", 8, 5, 0), T.INT8: ("i8", 8, 5, 0), T.UINT16: ("u16", 16, 5, 0), T.INT16: ("i16", 16, 5, 0),
    T.INT32: ("i32", 32, 5, 0), T.INT64: ("i64", 64, 7, 0), T.BOOL: ("bool", 8, 5, 0), T.FLOAT16: ("f16", 16, 5, 0), T.DOUBLE: ("f64", 64, 10, 8),
    T.UINT32: ("u32", 32, 11, 0), T.UINT64: ("u64", 64, 11, 0), T.COMPLEX64: ("c64", 64, 4, 4), T.COMPLEX128: ("c128", 128, 10, 8),
    T.BFLOAT16: ("bf16", 16, 5, 0), T.FLOAT8E4M3FN: ("f8e4m3fn", 8, 5, 0), T.FLOAT8E4M3FNUZ: ("f8e4m3fnuz", 8, 5, 0),
    T.FLOAT8E5M2: ("f8e5m2", 8, 5, 0), T.FLOAT8E5M2FNUZ: ("f8e5m2fnuz", 8, 5, 0), T.UINT4: ("u4", 4, 5, 0), T.INT4: ("i4", 4, 5, 0),
    T.FLOAT4E2M1: ("f4e2m1", 4, 5, 0), T.FLOAT8E8M0: ("f8e8m0", 8, 5, 0), T.UINT2: ("u2", 2, 5, 0), T.INT2: ("i2", 2, 5, 0)}
SIGNED = {"i8", "i16", "i32", "i64", "i4", "i2"}


def elements(name, bits, count):
    """Bit patterns that show a wrong order or width."""
    if name == "bool":
        return [k % 3 == 0 for k in range(count)]
    patterns = [(k * 0x9E3779B97F4A7C15F39CC0605CEDC835 >> 7) & ((1 << bits) - 1) for k in range(1, count + 1)]
    if name in ("f32", "f64"):  # finite ones
        patterns = [p & ~(1 << (bits - 2)) for p in patterns]
    return patterns


def raw(bits, patterns):
    joined = sum(int(p) << (k * bits) for k, p in enumerate(patterns))
    return joined.to_bytes((len(patterns) * bits + 7) // 8, "little")


def values(bits, width, data):
    """The raw bytes as values of the data field."""
    step = width or max(1, bits // 8)
    return [data[k:k + step] for k in range(0, len(data), step)]


def packed(name, width, items):
    if width:
        return b"".join(items)
    signed = name in SIGNED and name not in ("i4", "i2")
    return b"".join(varint(int.from_bytes(i, "little", signed=signed)) for i in items)


def tagged(name, field, width, items):
    if width:
        return b"".join(varint(field << 3 | (5 if width == 4 else 1)) + i for i in items)
    return b"".join(varint(field << 3) + packed(name, 0, [i]) for i in items)


def spelled(name, bits, pattern):
    """As the text form writes an element."""
    if name in SIGNED:
        return str(pattern - (1 << bits) if pattern >> (bits - 1) else pattern)
    if name in ("u8", "u16", "u32", "u64", "u4", "u2", "bool"):
        return str(int(pattern))
    if name == "f32":
        return struct.unpack("<f", pattern.to_bytes(4, "little"))[0]
    if name == "f64":
        return struct.unpack("<d", pattern.to_bytes(8, "little"))[0]
    return f"0x{pattern:x}"


def printed(probe, path):
    done = subprocess.run([probe, "-p", "-u", path], capture_output=True, text=True)
    found = re.search(r"%w: (\w+)\[\d+\] = constant \[(.*)\]", done.stdout)
    return (found[1], found[2].split(", ")) if found else (done.stdout, [])


def same(word, wanted):
    return float.fromhex(word) == wanted if isinstance(wanted, float) else word == wanted


def check_form(probe, path, name, wanted, data):
    with open(path, "wb") as file:
        file.write(model(graph([node("Identity", ["w"], ["y"])], (), initializers=[data])))
    got, words = printed(probe, path)
    if got != name or len(words) != len(wanted) or not all(same(w, t) for w, t in zip(words, wanted)):
        return f"{got} {words} instead of {wanted}"
    return None


def forms(name, bits, field, width, patterns, element):
    data = raw(bits, patterns)
    items = values(bits, width, data)
    head = tensor("w", (len(patterns),), int(element))
    half = len(items) // 2
    yield "raw_data", head + chunk(9, data)
    yield "packed", head + chunk(field, packed(name, width, items))
    yield "not packed", head + tagged(name, field, width, items)
    yield "in pieces", chunk(field, packed(name, width, items[:half])) + head + tagged(name, field, width, items[half:])


def check_elements(probe, path):
    for element, (name, bits, field, width) in TYPES.items():
        for count in (1, 7):
            patterns = elements(name, bits, count)
            wanted = [spelled(name, bits, p) for p in patterns]
            if bits == 128:
                wanted = [w for p in patterns for w in (f"0x{p & (1 << 64) - 1:x}", f"0x{p >> 64:x}")]
            for form, data in forms(name, bits, field, width, patterns, element):
                yield f"{count} {name} {form}", check_form(probe, path, name, wanted, data)
    # ends of the ranges, and numbers of 5 bytes for negative ones
    yield "i32 in 5 bytes", check_form(probe, path, "i32", ["-1"], tensor("w", (1,), 6) + chunk(5, b"\xff\xff\xff\xff\x0f"))
    strings = [b"", b"\xff\0x", b"abc"]
    data = tensor("w", (3,), 8) + b"".join(chunk(6, s) for s in strings)
    yield "strings", check_form(probe, path, "string", ['""', '"\\xff\\x00x"', '"abc"'], data)


def check_splat(probe, path):
    for name, element, bits, pattern in (("f32", 1, 32, 0x3F800000), ("i4", 22, 4, 0xD), ("u2", 25, 2, 3), ("f16", 10, 16, 0), ("bool", 9, 8, 1)):
        for count, change in ((63, None), (64, None), (65, None), (67, 66), (67, 0), (200, 100)):
            patterns = [pattern] * count
            if change is not None:
                patterns[change] ^= 1
            with open(path, "wb") as file:
                weight = tensor("w", (count,), element) + chunk(9, raw(bits, patterns))
                file.write(model(graph([node("Identity", ["w"], ["y"])], (), initializers=[weight])))
            text = subprocess.run([probe, "-p", "-u", path], capture_output=True, text=True).stdout
            wanted = count >= 64 and change is None
            good = ("= splat" in text) == wanted
            yield f"splat of {count} {name}" + (f" but {change}" if change is not None else ""), None if good else text.replace("\n", " ")


def check_constants(probe, path):
    """All forms of the value of a Constant."""
    cases = [("value_float", single(2, 1.5), 1, "f32", "0x1.8p+0"), ("value_int", number(3, -3), 2, "i64", "-3"),
             ("value_floats", single(7, 1.5) + single(7, 2.0), 6, "f32", "0x1.8p+0, 0x1p+1"),
                 ("value_ints", number(8, 4) + number(8, 5), 7, "i64", "4, 5"),
             ("value_string", chunk(4, "a"), 3, "string", '"a"'), ("value_strings", chunk(9, "a") + chunk(9, "b"), 8, "string", '"a", "b"'),
             ("value", chunk(5, tensor("", (2,), 7, int64_data=[6, 7])), 4, "i64", "6, 7"),
             ("sparse_value", chunk(22, chunk(1, tensor("", (1,), 7, int64_data=[6])) + chunk(2, tensor("", (1,), 7, int64_data=[1])) + number(3,
                 3)), 11,
              "i64", "0, 6, 0")]
    for name, value, kind, element, wanted in cases:
        constant = node("Constant", [], ["y"], [message(ATTRIBUTE, name=name, type=kind) + value])
        with open(path, "wb") as file:
            file.write(model(graph([constant], ())))
        text = subprocess.run([probe, "-p", "-u", path], capture_output=True, text=True).stdout
        found = re.search(r"%y: (\w+)\[\d*\] = constant \[(.*)\]", text)
        good = found and found[1] == element and found[2] == wanted
        yield "Constant " + name, None if good else text.replace("\n", " ")


def outcomes(probe, arguments, paths):
    done = subprocess.run([probe, *arguments, *paths], capture_output=True, text=True)
    lines = [line for line in done.stdout.split("\n") if re.search(r": (ok|outcome)", line)]
    if len(lines) != len(paths):
        return [f"crashed after {len(lines)} of {len(paths)}"]
    return lines


def check_package(probe):
    """The models the package ships, and the newest forms of their data files."""
    data = os.path.join(os.path.dirname(onnx.__file__), "backend", "test", "data")
    models, tensors = sorted(glob.glob(data + "/*/*/model.onnx")), sorted(glob.glob(data + "/node/*/test_data_set_*/*.pb"))
    if not models:
        print("skip models of the onnx package - this version ships none")
        return
    lines = outcomes(probe, [], models)
    refused = [line for line in lines if ": ok" not in line and not re.search(r"outcome 1( E051\d| E0151)+,", line)]
    yield f"{len(models)} models of the onnx package", refused[0] if refused else None
    lines = outcomes(probe, ["-t"], tensors)
    refused = [line for line in lines if ": ok" not in line and " E0105," not in line]
    yield f"{len(tensors)} tensor files of the onnx package", refused[0] if refused else None
    yield "few of them are no tensors", None if sum(" E0105," in line for line in lines) < 100 else "more than a hundred"


def check_folder(probe):
    """Models in a folder of the user's: $ONNXCC_MODELS/*/model.onnx."""
    models = sorted(glob.glob(os.environ.get("ONNXCC_MODELS", "/nowhere") + "/*/model.onnx"))
    if not models:
        print("skip models of $ONNXCC_MODELS - it names no folder with models")
    for path, line in zip(models, outcomes(probe, [], models)):
        yield os.path.basename(os.path.dirname(path)) + " is read", None if re.search(r": ok| E0510,", line) else line


def main():
    probe, failed = os.path.abspath(sys.argv[1]), 0
    with tempfile.TemporaryDirectory() as folder:
        path = folder + "/model.onnx"
        for checks in (check_elements(probe, path), check_splat(probe, path), check_constants(probe, path), check_package(probe),
                       check_folder(probe)):
            for name, problem in checks:
                failed += problem is not None
                print(f"not ok {name} - {problem}" if problem else f"ok {name}", flush=True)
    return failed > 0


sys.exit(main())
