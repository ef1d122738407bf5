#!/usr/bin/env python3
"""Check the memory plans of the real models without believing the planner.

For each model and shape of its data: no two buffers that are live together overlap; the workspace is at most 1.10 times the lower bound of the loop
program; and no larger than what the graph needs in the order of its file with only element-wise operators fused, and the largest panel that a schedule
copies a block of a matrix to. loop_memory.py and graph_memory.py say how these are worked out. Prints a table, then a line a check.

    build/venv/bin/python tests/model/memory_check.py [NAME...]
"""
import fnmatch
import subprocess
import sys

import onnx

import graph_memory
import loop_memory
import models

LARGEST_RATIO = 1.10


def emit_loops(model, *options):
    done = subprocess.run([models.ONNXCC, str(model.source), "--emit=loops", "-o", "-", *options], capture_output=True, text=True, check=False)
    if done.returncode:
        raise loop_memory.Malformed((done.stderr.strip().splitlines() or ["no message"])[0])
    return loop_memory.Program(done.stdout)


def bind(program, arrays):
    """Values of the symbols: from these inputs where a dimension is one, the upper bound where a size is found at run time."""
    symbols = {name: high for name, (low, high, run_time) in program.symbols.items() if run_time}
    for buffer in program.buffers.values():
        if buffer.storage == "input":
            for text, size in zip(buffer.shape, arrays[buffer.index].shape):
                if text.strip('"') in program.symbols:
                    symbols[text.strip('"')] = size
    return symbols


def cases(model, proto):
    """(what, options, arrays): free dimensions left free at the shapes of the data, twice as large in the first one, and fixed."""
    seen = set()
    for _, arrays, _ in models.data_sets(model, proto.graph):
        shapes = tuple(array.shape for array in arrays)
        if shapes in seen:
            continue
        seen.add(shapes)
        text = "x".join(map(str, shapes[0]))
        fixed = [f"--shape={value.name}={','.join(map(str, shape))}" for value, shape in zip(models.true_inputs(proto.graph), shapes) if shape]
        yield f"{model.name} {text}", [], arrays
        if any(dim.dim_value < 1 for value in models.true_inputs(proto.graph) for dim in value.type.tensor_type.shape.dim):
            yield f"{model.name} {text} pinned", fixed, arrays


def check(model):
    """Lines of the table and of results."""
    proto = onnx.load(model.source)
    table, results = [], []
    for what, options, arrays in cases(model, proto):
        try:
            program = emit_loops(model, *options)
            symbols = bind(program, arrays)
            flow = loop_memory.Flow(program, symbols)
            workspace = loop_memory.evaluate(program.workspace, symbols)
            bound, place = loop_memory.lower_bound(flow)
            overlap = loop_memory.find_overlap(flow)
            plain = graph_memory.file_order_bound(proto, arrays) + loop_memory.largest_panel(flow)
        except loop_memory.Malformed as reason:
            results.append(f"not ok {what} - {reason}")
            continue
        ratio = workspace / bound if bound else 1.0
        table.append(f"# {what:42} {workspace:12,} {bound:12,} {ratio:6.3f} {plain:12,} {workspace / plain if plain else 1:6.3f}  {place}")
        results.append(f"not ok {what}, overlap - {overlap}" if overlap else f"ok {what}, overlap")
        results.append(f"ok {what}, bound" if workspace <= LARGEST_RATIO * bound else f"not ok {what}, bound - {workspace} bytes, {bound} would do")
        results.append(f"ok {what}, file order" if workspace <= plain else f"not ok {what}, file order - {workspace} bytes, {plain} in the order of the file")
    return table, results


def main():
    chosen = [model for model in models.TABLE if not model.random and (not sys.argv[1:] or any(fnmatch.fnmatch(model.name, name) for name in sys.argv[1:]))]
    failed = False
    print(f"# {'model':42} {'workspace':>12} {'bound':>12} {'ratio':>6} {'file order':>12} {'ratio':>6}  where the bound is")
    for model in chosen:
        if not model.source.exists():
            print(f"skip {model.name} - {model.source} is not there")
            continue
        table, results = check(model)
        print("\n".join(table + results), flush=True)
        failed |= any(line.startswith("not ok") for line in results)
    return failed


if __name__ == "__main__":
    sys.exit(main())
