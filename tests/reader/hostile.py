"""Files made to break a reader: each is refused with the expected code, within a second and within 64 MiB plus eight times the file.

usage: hostile.py PROBE"""
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile

from wire import *

CASES = []  # name, bytes or None (then the file was made in the folder), expected codes ("ok", or any of them), arguments of the probe
MEGABYTE = 1 << 20


def case(name, data, *codes, arguments=()):
    CASES.append((name, data, codes, list(arguments)))


def repeat(data, size):
    return data * (size // len(data))


# ---- wire format ------------------------------------------------------------------------------------------------------------

def wire_cases():
    good = relu()
    case("valid", good, "ok")
    case("empty file", b"", "E0104")
    case("text file", b"This is not a model.\n" * 40, "E0111", "E0112", "E0113", "E0114")
    case("cut within a number", good[:-len(good) + 1], "E0110")
    case("cut within the graph", good[:-5], "E0113")
    case("field number 0", good + b"\x00\x01", "E0111")
    case("field number too large", good + varint(1 << 34) + b"\x01", "E0111")
    case("group", good + varint(99 << 3 | 3), "E0112")
    case("wire type 7", good + varint(99 << 3 | 7), "E0112")
    case("number for a message", good + number(7, 5), "E0112")
    case("text for a number", relu()[2:] + chunk(1, b"\x08"), "E0112")
    case("number of 11 bytes", good + varint(99 << 3) + b"\xff" * 10 + b"\x01", "E0114")
    case("length past the end", good + varint(14 << 3 | 2) + varint(1000) + b"abc", "E0113")
    case("length of 2^63", good + varint(14 << 3 | 2) + varint(1 << 63), "E0113")
    case("length of 2^64-1", good + varint(14 << 3 | 2) + varint((1 << 64) - 1), "E0113")
    case("message longer than its parent", model(chunk(1, b"")[:1] + varint(50)), "E0113")
    case("packed floats of 5 bytes", model(graph(initializers=[tensor(dims=(1,)) + chunk(4, b"12345")])), "E0113")
    case("packed numbers cut", model(graph(initializers=[tensor(dims=(1,), element=7) + chunk(7, b"\x80")])), "E0114", "E0110")
    case("NUL in a name", model(graph([node("Re\0lu", ["x"], ["y"])])), "E0116")
    case("bad UTF-8", model(graph([node(b"Rel\xc3", ["x"], ["y"])])), "E0116")
    case("overlong UTF-8", model(graph([node(b"Rel\xc0\xae", ["x"], ["y"])])), "E0116")
    case("surrogate in UTF-8", model(graph([node(b"Rel\xed\xa0\x80", ["x"], ["y"])])), "E0116")
    case("graph given twice", good + chunk(7, graph()), "E0115")
    case("raw_data given twice", model(graph(initializers=[tensor() + chunk(9, b"") + chunk(9, b"\0" * 8)])), "E0115")
    either = chunk(1, number(1, 3) + chunk(2, "N"))
    case("two kinds of one dimension", model(graph(inputs=[chunk(1, "x") + chunk(2, chunk(1, number(1, 1) + chunk(2, either)))])), "E0115")
    case("unknown fields", good + number(77, 1) + chunk(78, "abc"), "ok")
    case("forged reference to the file", model(graph(initializers=[tensor() + chunk(536870000, struct.pack("<IIQQ", 9, 0, 0, 8))])), "E0140")


def bombs():
    deep = graph([node("Relu", ["x"], ["y"])])
    while len(deep) < 29000:
        deep = graph([node("If", ["x"], ["y"], [message(ATTRIBUTE, name="a", g=deep, type=KIND_GRAPH)])], (), ())
    case("29 KB of nested subgraphs", model(deep), "E0612")
    kind = chunk(1, number(1, 1))
    while len(kind) < 29000:
        kind = chunk(4, chunk(1, kind))
    case("29 KB of nested types", model(graph(inputs=[chunk(1, "x") + chunk(2, kind)])), "E0612")
    deep = graph([node("Relu", ["x"], ["y"])])
    for _ in range(30):
        deep = graph([node("If", ["x"], [""], [message(ATTRIBUTE, name="a", g=deep, type=KIND_GRAPH)])], (), ())
    case("30 subgraphs deep", model(deep, ir=8), "E0202")
    case("640 KB of graph fields", repeat(chunk(7, b""), 640 << 10), "E0115")
    case("640 KB of graph fields, ir_version", number(1, 8) + repeat(chunk(7, b""), 640 << 10), "E0115")
    for name, data in (("nodes", chunk(1, b"")), ("tensors", chunk(5, b"")), ("inputs", chunk(11, b"")), ("sparse tensors", chunk(15, b""))):
        case(f"10 MB of empty {name}", model(repeat(data, 10 * MEGABYTE)), "E0611")
    case("10 MB of empty attributes", model(graph([node("Relu", ["x"], ["y"]) + repeat(chunk(5, b""), 10 * MEGABYTE)])), "E0611")
    case("10 MB of empty operands", model(graph([node("Relu", ["x"], ["y"]) + repeat(chunk(1, b""), 10 * MEGABYTE)])), "E0611")
    case("10 MB of unknown fields", relu() + repeat(number(99, 1), 10 * MEGABYTE), "ok")
    case("10 MB of single dims", model(graph(initializers=[tensor(dims=()) + repeat(number(1, 1), 10 * MEGABYTE)])), "E0614")
    ones = message(ATTRIBUTE, name="a", type=INTS) + repeat(number(8, 1), 10 * MEGABYTE)
    case("10 MB of single integers", model(graph([node("Relu", ["x"], ["y"], [ones])])), "E0302")
    packed = message(ATTRIBUTE, name="a", type=INTS) + chunk(8, b"\1" * 10 * MEGABYTE)
    case("10 MB of packed integers", model(graph([node("Relu", ["x"], ["y"], [packed])])), "E0302", "E0611")
    mixed = repeat(number(5, 1) + number(7, 1), 10 * MEGABYTE)
    case("10 MB of alternating data fields", model(graph(initializers=[tensor() + mixed])), "E0611")
    size = 10 * MEGABYTE
    case("10 MB of one-byte integers", model(graph(initializers=[tensor("x", (size,), 7) + chunk(7, b"\1" * size)], inputs=())), "E0202", "ok")
    case("sparse tensor of 2^36 elements", model(graph(sparse_initializer=message(
        SPARSE, values=tensor("w", (1,), 1, raw_data=b"\0\0\0\0"), indices=tensor("", (1,), 7, raw_data=b"\0" * 8), dims=[1 << 18, 1 << 18]))),
            "E0611")
    case("100000 duplicate values", model(graph([node("Relu", ["x"], ["y"])] * 100000)), "E0201")
    chain = [node("Relu", [f"v{k}"], [f"v{k + 1}"]) for k in reversed(range(100000))]
    case("100000 nodes backwards", model(graph(chain, ("v0",), ("v100000",))), "ok")


# ---- structure --------------------------------------------------------------------------------------------------------------

def function(name, nodes, **more):
    return message(FUNCTION, name=name, domain="f", input="a", output="b", opset_import=[opset(13), opset(1, "f")], node=nodes, **more)


def with_functions(functions, call="f0"):
    return model(graph([node(call, ["x"], ["y"], domain="f")]), opsets=((13, ""), (1, "f")), functions=functions)


def call(name, source="a", target="b"):
    return node(name, [source], [target], domain="f")


def structure_cases():
    case("operand not defined", model(graph([node("Relu", ["z"], ["y"])])), "E0202")
    case("output not defined", model(graph([node("Relu", ["x"], ["z"])])), "E0202")
    case("two inputs of one name", model(graph([node("Relu", ["x"], ["y"])], ("x", "x"))), "E0201")
    case("two outputs of one name", model(graph([node("Relu", ["x"], ["y"])], outputs=("y", "y"))), "E0201")
    case("two results of one name", model(graph([node("Relu", ["x"], ["y"]), node("Relu", ["x"], ["y"])])), "E0201")
    case("result named as an input", model(graph([node("Relu", ["x"], ["x"])], outputs=("x",))), "E0201")
    weight = tensor("w", (2,), 1, raw_data=b"\0" * 8)
    case("two initialisers of one name", model(graph([node("Add", ["x", "w"], ["y"])], initializers=[weight, weight])), "E0201")
    case("initialiser that is an input", model(graph([node("Add", ["x", "w"], ["y"])], ("x", "w"), initializers=[weight])), "ok")
    case("node needs itself", model(graph([node("Add", ["x", "y"], ["y"])])), "E0220")
    case("three nodes in a circle", model(graph([node("Add", ["x", "c"], ["a"]), node("Relu", ["a"], ["b"]), node("Relu", ["b"], ["c"]),
                                                 node("Relu", ["c"], ["y"])])), "E0220")
    case("nodes not sorted", model(graph([node("Relu", ["a"], ["y"]), node("Relu", ["x"], ["a"])])), "ok")
    inner = graph([node("Relu", ["x"], ["x"])], (), ("x",))
    branch = [message(ATTRIBUTE, name=n, g=inner, type=KIND_GRAPH) for n in ("then_branch", "else_branch")]
    case("subgraph hides an outer name", model(graph([node("If", ["x"], ["y"], branch)])), "E0201")
    case("no graph", message(MODEL, ir_version=8, opset_import=[opset(13)]), "E0104")
    case("no opset", message(MODEL, ir_version=8, graph=graph([node("Relu", ["x"], ["y"])])), "E0151")
    case("opset 28", relu(opsets=((28, ""),)), "E0151")
    case("opset 0", relu(opsets=((0, ""),)), "E0151")
    case("opset -1", relu(opsets=((-1, ""),)), "E0151")
    case("IR version 2", relu(ir=2), "E0150")
    case("IR version 15", relu(ir=15), "E0150")
    case("function calls itself", with_functions([function("f0", [call("f0")])]), "E0203")
    case("functions call each other", with_functions([function("f0", [call("f1")]), function("f1", [call("f0")])]), "E0203")
    body = graph([call("f0", "a", "r")], (), ("r",))
    inside = node("If", ["a"], ["b"], [message(ATTRIBUTE, name="then_branch", g=body, type=KIND_GRAPH)])
    case("function calls itself in a subgraph", with_functions([function("f0", [inside])]), "E0203")
    twice = [function(f"f{k}", [call(f"f{k + 1}", "a", "t"), call(f"f{k + 1}", "t", "b")]) for k in range(40)] + [function("f40",
        [node("Relu", "a", "b")])]
    case("2^40 calls", with_functions(twice), "E0611")
    nothing = [function(f"f{k}", [call(f"f{k + 1}"), call(f"f{k + 1}")]) for k in range(40)] + [function("f40", [])]
    case("2^40 calls of nothing", with_functions(nothing), "E0201", "E0202")
    chain = [function(f"f{k}", [call(f"f{k + 1}")]) for k in range(100)] + [function("f100", [node("Relu", "a", "b")])]
    case("100 functions deep", with_functions(chain), "E0613")
    case("function passes its operand on", with_functions([message(FUNCTION, name="f0", domain="f", input="a", output="a")]), "ok")
    case("function without its result", with_functions([function("f0", [])]), "E0202")
    case("two functions of one name", with_functions([function("f0", [node("Relu", "a", "b")])] * 2), "E0201")
    case("function with too many operands", model(graph([node("f0", ["x", "x"], ["y"], domain="f")]), functions=function("f0", [])), "E0301")
    case("unknown operator", model(graph([node("Rellu", ["x"], ["y"])])), "E0511")
    case("unknown domain, not imported", model(graph([node("Relu", ["x"], ["y"], domain="acme")])), "E0151")
    case("domain not imported", relu(opsets=((1, "acme"),)), "E0151")
    case("operator newer than the model", model(graph([node("Gelu", ["x"], ["y"])])), "E0151")
    case("too many operands", model(graph([node("Relu", ["x", "x"], ["y"])])), "E0301")
    case("too few operands", model(graph([node("Add", ["x"], ["y"])])), "E0301")
    case("operand omitted", model(graph([node("Add", ["", "x"], ["y"])])), "E0301")
    case("too many results", model(graph([node("Relu", ["x"], ["y", "z"])])), "E0301")
    case("unknown attribute", model(graph([node("Relu", ["x"], ["y"], [message(ATTRIBUTE, name="alpha", f=1.0, type=FLOAT)])])), "E0302")
    case("attribute given twice", model(graph([node("Relu", ["x"], ["y"], [message(ATTRIBUTE, name="a", i=1, type=INT)] * 2)])), "E0302")
    gemm = lambda a: model(graph([node("Gemm", ["x", "x"], ["y"], [a])]))
    case("attribute of the wrong kind", gemm(message(ATTRIBUTE, name="alpha", i=1, type=INT)), "E0303")


def tensor_cases():
    def one(name, *codes, **more):
        case(name, model(graph([node("Relu", ["w"], ["y"])], (), initializers=[tensor("w", **more)])), *codes)
    one("tensor", "ok", raw_data=b"\0" * 8)
    one("too few bytes", "E0140", raw_data=b"\0" * 7)
    one("too many bytes", "E0140", raw_data=b"\0" * 9)
    one("no data", "E0140")
    one("no elements", "ok", dims=(0, 1 << 62))
    one("negative dimension", "E0144", dims=(-2,), raw_data=b"\0" * 8)
    one("product over 2^64", "E0144", dims=(1 << 33, 1 << 33), raw_data=b"\0" * 8)
    one("2^40 elements", "E0140", dims=(1 << 40,), raw_data=b"\0" * 8)
    one("2^41 elements", "E0144", dims=(1 << 41,), raw_data=b"\0" * 8)
    one("17 dimensions", "E0614", dims=(1,) * 17, raw_data=b"\0" * 4)
    one("element type 27", "E0143", element=27, raw_data=b"\0" * 8)
    one("element type 0", "E0143", element=0, raw_data=b"\0" * 8)
    one("integers for floats", "E0141", int32_data=[1, 2])
    one("two data fields", "E0141", float_data=[1.0], raw_data=b"\0" * 4)
    one("300 as u8", "E0142", element=2, int32_data=[1, 300])
    one("-1 as u8", "ok", element=2, int32_data=[1, -1])
    one("-200 as i8", "E0142", element=3, int32_data=[1, -200])
    one("strings for floats", "E0141", string_data=["a", "b"])
    one("too few strings", "E0140", element=8, string_data=["a"])
    one("segment", "E0141", segment=b"", raw_data=b"\0" * 8)
    def sparse(name, values, indices, dims, *codes):
        raw = b"".join(struct.pack("<q", i) for i in indices)
        value = message(SPARSE, values=tensor("w", (values,), 1, raw_data=b"\0" * 4 * values), indices=tensor("", (len(indices),), 7, raw_data=raw),
                        dims=list(dims))
        case(name, model(graph([node("Relu", ["w"], ["y"])], (), sparse_initializer=value)), *codes)
    sparse("sparse", 2, (1, 5), (2, 3), "ok")
    sparse("sparse index outside", 2, (1, 6), (2, 3), "E0145")
    sparse("sparse index negative", 2, (-1, 5), (2, 3), "E0145")
    sparse("sparse index twice", 2, (1, 1), (2, 3), "E0145")
    sparse("sparse of different counts", 2, (1,), (2, 3), "E0145")


# ---- external data ----------------------------------------------------------------------------------------------------------

def external_cases(folder):
    os.makedirs(folder + "/sub")
    os.makedirs(folder + "/../trusted", exist_ok=True)
    for path in ("w.bin", "sub/w.bin", "../outside.bin"):
        with open(f"{folder}/{path}", "wb") as file:
            file.write(struct.pack("<4f", 1, 2, 3, 4))
    os.symlink("w.bin", folder + "/link.bin")
    os.symlink("sub", folder + "/linked")
    os.symlink("../outside.bin", folder + "/../trusted/link.bin")
    os.mkfifo(folder + "/pipe")
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(folder + "/socket")
    bound.close()

    def one(name, location, *codes, arguments=(), **more):
        entries = {"location": location, **more}
        data = b"".join(chunk(13, chunk(1, k) + chunk(2, str(v))) for k, v in entries.items())
        weight = tensor("w", (2,), 1, data_location=1) + data
        case("external " + name, model(graph([node("Relu", ["w"], ["y"])], (), initializers=[weight])), *codes, arguments=arguments)
    one("file", "w.bin", "ok")
    one("offset", "w.bin", "ok", offset=8, length=8)
    one("in a folder below", "sub/w.bin", "ok")
    one("dot", "./w.bin", "ok")
    one("down and up", "sub/../w.bin", "ok")
    one("missing", "none.bin", "E0130")
    one("above", "../outside.bin", "E0130")
    one("above, hidden", "sub/../../outside.bin", "E0130")
    one("absolute", "/etc/hostname", "E0130")
    one("link", "link.bin", "E0130")
    one("link to a folder", "linked/w.bin", "E0130")
    one("of the process", "/proc/self/mem", "E0130")
    one("folder", "sub", "E0103", "E0130")
    one("pipe", "pipe", "E0103")
    one("socket", "socket", "E0130")
    one("empty location", "", "E0131")
    one("offset past the end", "w.bin", "E0132", offset=12)
    one("offset 2^64", "w.bin", "E0131", offset=1 << 64)
    one("offset 2^63", "w.bin", "E0132", offset=1 << 63)
    one("negative offset", "w.bin", "E0131", offset=-8)
    one("offset with a blank", "w.bin", "E0131", offset=" 8")
    one("length", "w.bin", "E0140", length=16)
    one("unknown key", "w.bin", "ok", colour="red")
    trusted = ["-d", folder + "/../trusted"]
    one("link in a trusted folder", "link.bin", "E0130")
    CASES.pop()
    one("only in a trusted folder, a link", "link2.bin", "E0130", arguments=trusted)
    os.symlink("../outside.bin", folder + "/../trusted/link3.bin")
    one("link in a trusted folder", "link3.bin", "ok", arguments=trusted)
    one("above a trusted folder", "../outside.bin", "E0130", arguments=trusted)


# ---- running ----------------------------------------------------------------------------------------------------------------

def run(probe, path, arguments):
    done = subprocess.run([probe, *arguments, path], capture_output=True, text=True, timeout=60)
    last = done.stdout.strip().split("\n")[-1]
    found = re.search(r": (ok|outcome \d+)(.*), ([\d.]+) ms, (\d+) KiB$", last)
    if not found or done.returncode not in (0, 1):
        return None, f"crashed: status {done.returncode}, {last} {done.stderr[:300]}", 0, 0
    codes = ["ok"] if found[1] == "ok" else re.findall(r"E\d+", found[2])
    return codes, last, float(found[3]), int(found[4])


def judge(probe, folder, base, entry):
    name, data, codes, arguments = entry
    path = folder + "/model.onnx"
    with open(path, "wb") as file:
        file.write(data)
    got, line, elapsed, peak = run(probe, path, arguments)
    if got is None:
        return line
    if not set(got) & set(codes) or ("ok" in got) != ("ok" in codes and got == ["ok"]):
        return f"expected {' or '.join(codes)}: {line}"
    if elapsed > 1000:
        return f"took {elapsed} ms"
    if got != ["ok"] and (peak - base) * 1024 > (64 << 20) + 8 * len(data):
        return f"took {peak - base} KiB for {len(data)} bytes"
    return None


def broken(probe, folder):
    """Every prefix of a valid model, and every byte of it changed: refused or read, but never a crash, never a bug of ours."""
    weight = tensor("w", (2,), 1, raw_data=b"\0" * 8)
    good = model(graph([node("Gemm", ["x", "w"], ["a"], [message(ATTRIBUTE, name="alpha", f=1.5, type=FLOAT)]), node("Relu", ["a"], ["y"])],
                       initializers=[weight], value_info=[info("a", 1, ("N", 3))]))
    files = [good[:k] for k in range(len(good))]
    files += [good[:k] + bytes([good[k] ^ bit]) + good[k + 1:] for k in range(len(good)) for bit in (1, 2, 4, 8, 0x10, 0x40, 0x80, 0xFF)]
    paths = []
    for k, data in enumerate(files):
        paths.append(f"{folder}/broken{k}")
        with open(paths[-1], "wb") as file:
            file.write(data)
    done = subprocess.run([probe, *paths], capture_output=True, text=True)
    bugs = [line for line in done.stdout.split("\n") if "outcome 4" in line]
    lines = sum(": ok" in line or ": outcome" in line for line in done.stdout.split("\n"))
    if done.returncode not in (0, 1) or lines != len(files):
        return f"crashed at file {lines}: {done.stderr[:300]}"
    return f"a bug of ours: {bugs[0]}" if bugs else None


def main():
    probe, failed = os.path.abspath(sys.argv[1]), 0
    with tempfile.TemporaryDirectory() as parent:
        folder = parent + "/model"
        os.makedirs(folder)
        wire_cases()
        bombs()
        structure_cases()
        tensor_cases()
        external_cases(folder)
        with open(folder + "/model.onnx", "wb") as file:
            file.write(relu())
        base = run(probe, folder + "/model.onnx", [])[3]
        for entry in CASES:
            problem = judge(probe, folder, base, entry)
            failed += problem is not None
            print(f"not ok {entry[0]} - {problem}" if problem else f"ok {entry[0]}", flush=True)
        problem = broken(probe, parent)
        failed += problem is not None
        print(f"not ok broken files - {problem}" if problem else "ok broken files")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
