#!/usr/bin/env python3
"""Does the memory checker find what is wrong? Small plans, right ones and broken ones. Needs nothing but Python."""
import sys

import loop_memory

HEAD = """program
sym N 1..
place workspace {workspace} lower ? state 0 weights 0
buffer x: f32[N, 16] input 0
buffer y: f32[N, 16] output 0
buffer a: f32[N, 16] workspace at {a}
buffer b: f32[N, 16] workspace at {b}
buffer c: f32[N, 16] workspace at {c}
kernel move(x: f32[16*N] in, y: f32[16*N] out) {{
}}
kernel twice(x: f32[16*N] in, y: f32[16*N] out same x) {{
}}
kernel add(sums: f32[4] local, x: f32[16*N] in, z: f32[16*N] in, y: f32[16*N] out) {{
}}
kernel sort(t: f32[16*N] scratch, x: f32[16*N] in, y: f32[16*N] out) {{
}}
entry run {{
"""

CHAIN = ["call move(x, a)", "call move(a, b)", "call move(b, c)", "call move(c, y)"]
BRANCH = ["call move(x, a)", "if x[0, 0] < 1 {", "call move(a, b)", "call move(b, y)", "} else {", "call move(a, c)", "call move(c, y)", "}"]
LOOP = ["call move(x, a)", "call move(x, b)", "while b[0, 0] < 1 {", "call move(b, c)", "call add(a, c, b)", "}", "call move(b, y)"]

# Name; statements; places of a, b, c in units of N * 64 bytes; the least the program needs, in the same units; what is found.
CASES = [
    ("a chain", CHAIN, (0, 1, 0), 2, ""),
    ("a chain that overwrites what it reads", CHAIN, (0, 0, 1), 2, "a at"),
    ("outside", CHAIN, (0, 3, 0), 2, "b lies at"),
    ("in place", ["call move(x, a)", "call twice(a, b)", "call move(b, y)"], (0, 0, 0), 1, ""),
    ("in place of what is read later", ["call move(x, a)", "call twice(a, b)", "call add(a, b, y)"], (0, 0, 1), 2, "a at"),
    ("in place, but moved", ["call move(x, a)", "call twice(a, b + 16)", "call move(b, y)"], (0, 0, 0), 2, "reaches"),
    ("scratch", ["call move(x, a)", "call sort(b, a, c)", "call move(c, y)"], (0, 1, 2), 3, ""),
    ("scratch over an operand", ["call move(x, a)", "call sort(b, a, c)", "call move(c, y)"], (0, 1, 1), 3, "b at"),
    ("branches exclude each other", BRANCH, (0, 1, 1), 2, ""),
    ("a branch over its operand", BRANCH, (0, 1, 0), 2, "a at"),
    ("a loop", LOOP, (0, 1, 2), 3, ""),
    ("what a loop reads again", LOOP, (0, 1, 0), 3, "a at"),
    ("a buffer without an end", ["call move(x, a)", "call add(a, x)"], (0, 1, 2), 0, "operands"),
]


def check(statements, places, least):
    """What the checker says of a plan, with N = 3."""
    a, b, c = (f"{64 * place}*N" for place in places)
    text = HEAD.format(workspace="192*N", a=a, b=b, c=c) + "\n".join("  " + line for line in statements) + "\n}\n"
    try:
        flow = loop_memory.Flow(loop_memory.Program(text), {"N": 3})
        bound, _ = loop_memory.lower_bound(flow)
        return loop_memory.find_overlap(flow) if bound == least * 192 else f"the bound is {bound / 192}, not {least}"
    except loop_memory.Malformed as reason:
        return str(reason)


def main():
    failed = False
    for name, statements, places, least, wanted in CASES:
        found = check(statements, places, least)
        good = wanted in found if wanted else not found
        failed |= not good
        print(f"ok {name}" if good else f"not ok {name} - found '{found}', '{wanted}' wanted")
    expressions = {"max(N, 7)*2-ceildiv(N, 2)": 12, "floordiv(N+1, 2)-3*N": -7, "mod(N, 2)+min(N, 2, 9)/2": 2, '-"N"+4': 1}
    for text, value in expressions.items():
        got = loop_memory.evaluate(text, {"N": 3})
        failed |= got != value
        print(f"ok {text}" if got == value else f"not ok {text} - {got}, {value} wanted")
    return failed


if __name__ == "__main__":
    sys.exit(main())
