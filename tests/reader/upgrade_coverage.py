"""compiler/onnx/upgrade.def against the onnx package: every version of every operator has its entry, and a version called SAME has no attribute
that the newest one lacks or defaults otherwise, and no fewer operands.

usage: upgrade_coverage.py UPGRADE.DEF"""
import re
import sys

import onnx.defs

NEWEST = 27


def history():
    """Operator -> {version: schema}."""
    found = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain == "" and schema.since_version <= NEWEST:
            found.setdefault(schema.name, {})[schema.since_version] = schema
    return found


def default(attribute):
    value = attribute.default_value
    return value.SerializeToString() if value.type else b""


def difference(old, new):
    for key, attribute in old.attributes.items():
        if key not in new.attributes:
            return f"attribute {key} is gone"
        if not attribute.required and default(attribute) != default(new.attributes[key]) and default(attribute):
            return f"the default of {key} changed"
    if len(old.inputs) > len(new.inputs):
        return "it has more operands"
    for position, operand in enumerate(new.inputs):
        required = str(operand.option).endswith("Single")
        if required and position >= len(old.inputs):
            return f"operand {operand.name} is new and required"
    return None


def check(name, entries, versions):
    if sorted(entries) != sorted(versions):
        return f"the table has versions {sorted(entries)}, the standard {sorted(versions)}"
    for version, kind in entries.items():
        problem = difference(versions[version], versions[max(versions)]) if kind == "SAME" else None
        if problem:
            return f"version {version} is not the same: {problem}"
    return None


def main():
    text = re.sub(r"/\*.*?\*/", "", open(sys.argv[1]).read(), flags=re.S)
    table = {}
    for name, rest in re.findall(r"HISTORY\((\w+),((?:\s*(?:SAME|OLD)\([^)]*\))*)\)", text):
        table[name] = {int(version): kind for kind, version in re.findall(r"(SAME|OLD)\((\d+)", rest)}
    standard, failed = history(), 0
    if list(table) != sorted(table):
        print("not ok sorted - operators are not in order, and the compiler searches by halves")
        failed = 1
    for name in sorted(set(table) | set(standard)):
        if name not in standard or name not in table:
            problem = "not in the standard" if name not in standard else "not in the table"
        else:
            problem = check(name, table[name], standard[name])
        failed += problem is not None
        print(f"not ok {name} - {problem}" if problem else f"ok {name}")
    return failed > 0


sys.exit(main())
