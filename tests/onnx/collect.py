#!/usr/bin/env python3
"""The official ONNX node tests as folders: NAME/model.onnx, NAME/test_data_set_K/{input,output}_J.pb.

They are looked for in the installed onnx package (up to 1.22 it ships them), then made with the package's own loader (later versions build
the cases in memory), then in Debian's libonnx-testdata. Run as a program it prints name and folder of each.
"""
import json
import pathlib
import sys
from typing import NamedTuple

DEBIAN_FOLDER = pathlib.Path("/usr/share/libonnx-testdata/data/node")


class Case(NamedTuple):
    name: str             # test_abs
    folder: pathlib.Path  # holds model.onnx and test_data_set_K
    rtol: float           # tolerances: |got - wanted| <= atol + rtol * |wanted|
    atol: float


def in_folders(root):
    """The cases below a folder, with the tolerances of a case's data.json if it has one."""
    cases = []
    for folder in sorted(root.iterdir() if root.is_dir() else []):
        if (folder / "model.onnx").is_file():
            limits = json.loads((folder / "data.json").read_text()) if (folder / "data.json").is_file() else {}
            cases.append(Case(folder.name, folder, limits.get("rtol", 1e-3), limits.get("atol", 1e-7)))
    return cases


def write_value(path, value, value_info):
    """One input or output as the message its type has: tensor, sequence or optional."""
    import numpy
    import onnx
    kind = value_info.type.WhichOneof("value")
    if isinstance(value, onnx.TensorProto):
        message = value
    elif kind == "sequence_type":
        message = onnx.numpy_helper.from_list(value, value_info.name)
    elif kind == "optional_type":
        message = onnx.numpy_helper.from_optional(value, value_info.name)
    else:
        message = onnx.numpy_helper.from_array(numpy.asarray(value), value_info.name)
    path.write_bytes(message.SerializeToString())


def write_case(case, root):
    """A case of the loader as a folder below root."""
    folder = root / case.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    (folder / "data.json").write_text(json.dumps({"rtol": case.rtol, "atol": case.atol}))
    for number, (inputs, outputs) in enumerate(case.data_sets):
        place = folder / f"test_data_set_{number}"
        place.mkdir(exist_ok=True)
        for kind, values, infos in (("input", inputs, case.model.graph.input), ("output", outputs, case.model.graph.output)):
            for index, (value, info) in enumerate(zip(values, infos)):
                write_value(place / f"{kind}_{index}.pb", value, info)


def from_loader(root):
    """The cases that the package builds in memory, written below root; those of the disk as they are."""
    try:
        from onnx.backend.test.loader import load_model_tests
        cases = load_model_tests(kind="node")
    except Exception:  # no such kind: older and newer packages differ in what they raise
        cases = []
    if not cases:
        from onnx.backend.test.case.node import collect_testcases
        cases = collect_testcases("")
    found = []
    for case in cases:
        if case.model_dir is None:
            write_case(case, root)
        found.append(Case(case.name, pathlib.Path(case.model_dir or root / case.name), case.rtol, case.atol))
    return sorted(found)


def collect(root, source=""):
    """All cases, sorted by name. root: a folder for cases that must be written. source: package, loader or debian; empty: the first with cases."""
    if source in ("", "package"):
        try:
            import onnx.backend.test
            cases = in_folders(pathlib.Path(onnx.backend.test.__file__).parent / "data" / "node")
            if cases or source:
                return cases
        except ImportError:
            pass
    if source in ("", "loader"):
        try:
            cases = from_loader(root)
            if cases or source:
                return cases
        except ImportError:
            pass
    return in_folders(DEBIAN_FOLDER)


def each_operator(cases, count):
    """The first `count` cases of each operator: of what the first node of their models is."""
    import onnx
    kept, seen = [], {}
    for case in cases:
        nodes = onnx.load(case.folder / "model.onnx", load_external_data=False).graph.node
        name = nodes[0].op_type if nodes else ""
        seen[name] = seen.get(name, 0) + 1
        if seen[name] <= count:
            kept.append(case)
    return kept


if __name__ == "__main__":
    for found in collect(pathlib.Path("build/tests/onnx/cases"), *sys.argv[1:2]):
        print(found.name, found.folder)
