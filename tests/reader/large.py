"""Large models: weights stay where they are. Figures are those of the probe with weights left unread, as `onnxcc inspect` does.

usage: large.py PROBE"""
import os
import sys
import tempfile

from hostile import run
from wire import *

MEGABYTE = 1 << 20


def write(path, sizes, fill):
    """A model with weights of these many bytes each; fill None leaves holes in the file instead."""
    names = [f"w{k}" for k in range(len(sizes))]
    head = [chunk(1, node("Add", ["x", n], [f"s{k}"])) for k, n in enumerate(names)]
    head.append(chunk(1, node("Relu", ["x"], ["y"])) + chunk(11, info("x")) + chunk(12, info("y")))
    heads = [message(TENSOR, dims=[size // 4], data_type=1, name=n) for size, n in zip(sizes, names)]
    lengths = [len(h) + len(varint(9 << 3 | 2)) + len(varint(size)) + size for h, size in zip(heads, sizes)]
    total = sum(map(len, head)) + sum(len(varint(5 << 3 | 2)) + len(varint(l)) + l for l in lengths)
    with open(path, "wb") as file:
        file.write(number(1, 8) + chunk(8, opset(13)) + varint(7 << 3 | 2) + varint(total) + b"".join(head))
        for start, size, length in zip(heads, sizes, lengths):
            file.write(varint(5 << 3 | 2) + varint(length) + start + varint(9 << 3 | 2) + varint(size))
            if fill is None:
                file.seek(size, os.SEEK_CUR)
            else:
                file.write(fill * (size // len(fill)))
        file.truncate(file.tell())


def measure(probe, path, arguments=()):
    """Codes, and the best of three times and peaks: other work on the machine only adds."""
    runs = [run(probe, path, list(arguments)) for _ in range(3)]
    return runs[0][0], min(r[2] for r in runs), min(r[3] for r in runs)


def main():
    probe, failed = os.path.abspath(sys.argv[1]), 0

    def report(name, good, text):
        nonlocal failed
        failed += not good
        print(f"ok {name}" if good else f"not ok {name} - {text}", flush=True)
        print(f"# {name}: {text}")
    with tempfile.TemporaryDirectory() as folder:
        path = folder + "/model.onnx"
        write(path, [1024], b"abcd")
        _, small_time, small_peak = measure(probe, path, ["-k"])
        write(path, [100 * MEGABYTE], b"abcdefgh")
        codes, time, peak = measure(probe, path, ["-k"])
        text = f"{time - small_time:.2f} ms and {peak - small_peak} KiB more than a model of 1 KB ({small_time:.2f} ms, {small_peak} KiB)"
        report("100 MB of raw_data", codes == ["ok"] and time - small_time <= 20 and peak - small_peak <= 10 * 1024, text)
        write(path, [2300 * MEGABYTE], None)
        codes, time, peak = measure(probe, path, ["-k"])
        report("a tensor of 2.3 GB", codes == ["ok"] and peak - small_peak <= 10 * 1024, f"{codes}, {time} ms, {peak} KiB")
        write(path, [1000 * MEGABYTE] * 5, None)
        codes, time, peak = measure(probe, path, ["-k"])
        report("five tensors of 1 GB", codes == ["ok"] and peak - small_peak <= 10 * 1024, f"{codes}, {time} ms, {peak} KiB")
    return failed > 0


sys.exit(main())
