"""What a loop program needs in memory, worked out from its text (`onnxcc --emit=loops`; compiler/ir.md has the grammar) and from nothing that the
memory planner says but the places of buffers.

The statements of the run entry become a graph of control flow; a workspace buffer is live at a statement if it may have been written before and
may be read there or later before it is wholly written again. While a statement runs, what is live before or after it and what it mentions,
scratch included, must lie apart. The only exception is an output marked `same X` with an X that is read nowhere else and not live
afterwards. The largest sum of such sets, each pair in place counted once, is the lower bound of any plan for this program.
"""
import dataclasses
import re

ELEMENT_BYTES = {"i1": 1, "i8": 1, "u8": 1, "i16": 2, "u16": 2, "f16": 2, "bf16": 2, "i32": 4, "u32": 4, "f32": 4, "i64": 8, "u64": 8, "f64": 8, "index": 8}
NAME = r'(?:"(?:[^"\\]|\\.)*"|[\w.]+)'
WORDS = re.compile(r'"(?:[^"\\]|\\.)*"|[\w.]+')


class Malformed(Exception):
    """The text is not what the grammar says, or the plan is wrong."""


# ---- dimension expressions ----------------------------------------------------------------------------------------------------------------

CALLS = {"floordiv": lambda a, b: a // b, "ceildiv": lambda a, b: -(-a // b), "mod": lambda a, b: a % b, "min": min, "max": max}
TOKENS = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[A-Za-z_][\w.]*|\d+|[-+*/(),])')


class Expression:
    """A sum of products in symbols, evaluated by descent: sum = [-] term {+- term}, term = factor {* / factor}."""

    def __init__(self, text, symbols):
        self.tokens, self.at, self.symbols = TOKENS.findall(text) + [""], 0, symbols

    def take(self):
        self.at += 1
        return self.tokens[self.at - 1]

    def accept(self, *wanted):
        return self.take() if self.tokens[self.at] in wanted else None

    def sum(self):
        negative = self.accept("-")
        result = -self.term() if negative else self.term()
        while operator := self.accept("+", "-"):
            result += self.term() if operator == "+" else -self.term()
        return result

    def term(self):
        result = self.factor()
        while operator := self.accept("*", "/"):
            other = self.factor()
            result = result * other if operator == "*" else result // other
        return result

    def factor(self):
        token = self.take()
        if token.isdigit():
            return int(token)
        if token == "(":
            result = self.sum()
        elif token in CALLS and self.tokens[self.at] == "(":
            self.take()
            operands = [self.sum()]
            while self.accept(","):
                operands.append(self.sum())
            result = CALLS[token](*operands)
        elif token.strip('"') in self.symbols:
            return self.symbols[token.strip('"')]
        else:
            raise Malformed(f"unknown symbol {token}")
        if self.take() != ")":
            raise Malformed("a parenthesis is open")
        return result


def evaluate(text, symbols):
    expression = Expression(text, symbols)
    result = expression.sum()
    if expression.tokens[expression.at]:
        raise Malformed(f"{text} has more behind it than an expression")
    return result


def split_list(text):
    """The members of `a, f(b, c), d`."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


# ---- the program --------------------------------------------------------------------------------------------------------------------------

@dataclasses.dataclass
class Buffer:
    name: str
    element: str
    shape: list           # texts
    storage: str          # input, output, state, workspace, weight
    index: int = 0        # of inputs and outputs
    place: str = ""       # byte offset as text

    def elements(self, symbols):
        count = 1
        for dim in self.shape:
            count *= evaluate(dim, symbols)
        return count

    def bytes(self, symbols):
        return self.elements(symbols) * ELEMENT_BYTES[self.element]


@dataclasses.dataclass
class Operand:
    name: str
    element: str
    shape: list
    access: str           # in, out, inout, scratch, local
    same: str = ""        # the operand it may lie on


@dataclasses.dataclass
class Step:
    """One statement of the entry. Buffers are names."""
    text: str
    reads: set = dataclasses.field(default_factory=set)
    writes: set = dataclasses.field(default_factory=set)
    scratch: set = dataclasses.field(default_factory=set)
    panels: set = dataclasses.field(default_factory=set)   # of the scratch: copies of blocks of a matrix that make a schedule fast
    wholly: set = dataclasses.field(default_factory=set)   # written from the first element to the last
    in_place: list = dataclasses.field(default_factory=list)  # (output, input): the kernel allows it
    next: set = dataclasses.field(default_factory=set)     # indices of the statements that may come next
    before: set = dataclasses.field(default_factory=set)   # live at its begin
    after: set = dataclasses.field(default_factory=set)    # live at its end


class Program:
    def __init__(self, text):
        self.symbols, self.buffers, self.kernels, self.workspace = {}, {}, {}, "0"
        lines = text.splitlines()
        for at, line in enumerate(lines):
            word = line.split(" ", 1)[0]
            if word == "sym":
                self.read_symbol(line)
            elif word == "place":
                self.workspace = re.search(r"workspace (.*?) lower ", line).group(1)
            elif word == "buffer":
                self.read_buffer(line)
            elif word == "kernel":
                self.read_kernel(line)
            elif line == "entry run {":
                self.entry = [inner.strip() for inner in lines[at + 1:lines.index("}", at)]]

    def read_symbol(self, line):
        found = re.fullmatch(rf"sym ({NAME}) (-?\d+)\.\.(\d*)( run)?", line)
        self.symbols[found.group(1).strip('"')] = (int(found.group(2)), int(found.group(3)) if found.group(3) else None, bool(found.group(4)))

    def read_buffer(self, line):
        found = re.match(r"buffer (\w+): (\w+)\[(.*?)\] (\w+)(.*)", line)
        name, element, shape, storage, rest = found.groups()
        self.buffers[name] = buffer = Buffer(name, element, split_list(shape), storage)
        if storage in ("input", "output"):
            buffer.index = int(rest.split()[0])
        elif storage == "workspace":
            at = re.search(r" at (.*)", rest)
            buffer.place = at.group(1) if at else ""

    def read_kernel(self, line):
        name, operands = re.fullmatch(r"kernel (\w+)\((.*)\) \{", line).groups()
        self.kernels[name] = []
        for operand in split_list(operands):
            found = re.match(r"(\w+): (\w+)\[(.*?)\] (in|out|inout|scratch|local)\b(?: same (\w+))?", operand)
            name_, element, shape, access, same = found.groups()
            if access != "local":
                self.kernels[name].append(Operand(name_, element, split_list(shape), access, same or ""))


# ---- statements ---------------------------------------------------------------------------------------------------------------------------

class Flow:
    """The statements of the run entry with what they read and write, for certain values of the symbols."""

    def __init__(self, program, symbols):
        self.program, self.symbols, self.steps = program, symbols, []
        self.lines = iter(program.entry)
        ends = self.block(set())
        self.add(Step("end"), ends)
        self.find_lifetimes()

    def add(self, step, previous):
        index = len(self.steps)
        self.steps.append(step)
        for at in previous:
            self.steps[at].next.add(index)
        return index

    def block(self, previous):
        """Adds statements up to the `}` that closes the block; returns the statements that control may leave it from."""
        for line in self.lines:
            if line == "}" or line.startswith("} else"):
                self.closed_by = line
                return previous
            previous = self.statement(line, previous)
        self.closed_by = ""
        return previous

    def statement(self, line, previous):
        word = line.split(" ", 1)[0]
        if word == "if":
            condition = self.add(self.reader(line), previous)
            ends = self.block({condition})
            if self.closed_by.startswith("} else"):
                return ends | self.block({condition})
            return ends | {condition}
        if word in ("while", "for"):
            head = self.add(self.reader(line), previous)
            for at in self.block({head}):
                self.steps[at].next.add(head)
            return {head}
        if word == "call":
            return {self.add(self.call(line), previous)}
        if word == "copy":
            source, target = re.fullmatch(r"copy (\w+) -> (\w+)", line).groups()
            return {self.add(Step(line, reads={source}, writes={target}, wholly={target}), previous)}
        if word == "fail":
            self.add(self.reader(line), previous)
            return set()
        if re.match(r"(let|var|assign|\w+) ", line) and not re.match(r"\w+\[.*\] =", line):
            return {self.add(self.reader(line), previous)}
        target, value = re.fullmatch(r"(\w+)\[.*?\] = (.*)", line).groups()  # a store
        step = self.reader(value)
        step.text = line
        step.writes.add(target)
        return {self.add(step, previous)}

    def reader(self, line):
        return Step(line, reads={word for word in WORDS.findall(line) if word in self.program.buffers})

    def call(self, line):
        kernel, arguments = re.match(r"call (\w+)\((.*)\)", line).groups()
        step, operands, given = Step(line), self.program.kernels[kernel], split_list(arguments)
        if len(operands) != len(given):
            raise Malformed(f"{line}: {len(operands)} operands, {len(given)} arguments")
        places = {}
        for operand, argument in zip(operands, given):
            name, _, offset = argument.partition(" + ")
            elements = 1
            for dim in operand.shape:
                elements *= evaluate(dim, self.symbols)
            buffer = self.program.buffers[name]
            moved = self.offset(offset)
            if moved is not None and elements and moved + elements > buffer.elements(self.symbols):
                raise Malformed(f"{line}: {operand.name} reaches {moved + elements} elements, {name} has {buffer.elements(self.symbols)}")
            places[operand.name] = (name, bool(offset))
            if operand.access in ("in", "inout"):
                step.reads.add(name)
            if operand.access in ("out", "inout"):
                step.writes.add(name)
            if operand.access == "out" and moved == 0 and elements == buffer.elements(self.symbols):
                step.wholly.add(name)
            if operand.access == "scratch":
                step.scratch.add(name)
                step.panels.update({name} if operand.name.startswith("panel") else ())
        used = [name for name, _ in places.values()]
        for operand in operands:
            if operand.same and not places[operand.name][1] and not places[operand.same][1] and used.count(places[operand.same][0]) == 1:
                step.in_place.append((places[operand.name][0], places[operand.same][0]))
        return step

    def offset(self, text):
        """Elements; None if it is found while running."""
        try:
            return evaluate(text, self.symbols) if text else 0
        except Malformed:
            return None

    def find_lifetimes(self):
        """live at the begin of s = reads(s) + (live at its end - wholly written by s), of what may have been written before."""
        work = [name for name, buffer in self.program.buffers.items() if buffer.storage == "workspace"]
        steps = self.steps
        needed_before, needed_after = [set() for _ in steps], [set() for _ in steps]
        written_before, written_after = [set() for _ in steps], [set() for _ in steps]
        changed = True
        while changed:
            changed = False
            for at in reversed(range(len(steps))):
                after = set().union(*(needed_before[following] for following in steps[at].next))
                before = steps[at].reads | (after - steps[at].wholly)
                changed |= after != needed_after[at] or before != needed_before[at]
                needed_after[at], needed_before[at] = after, before
        changed = True
        while changed:
            changed = False
            for at, step in enumerate(steps):
                after = written_before[at] | step.writes
                changed |= after != written_after[at]
                written_after[at] = after
                for following in step.next:
                    written_before[following] |= after
        for at, step in enumerate(steps):
            step.before = needed_before[at] & written_before[at] & set(work)
            step.after = needed_after[at] & written_after[at] & set(work)


def occupied(flow, step):
    """Workspace buffers that must hold something while the step runs."""
    mentioned = step.reads | step.writes | step.scratch
    return step.before | step.after | {name for name in mentioned if flow.program.buffers[name].storage == "workspace"}


def largest_panel(flow):
    """Bytes of the largest one that a step uses."""
    return max((flow.program.buffers[name].bytes(flow.symbols) for step in flow.steps for name in step.panels), default=0)


def allowed_pairs(step):
    """Outputs that may take the place of an input that ends here; an input serves one output."""
    pairs, taken = {}, set()
    for output, source in step.in_place:
        if source not in step.after and output not in step.before and source not in taken:
            pairs[output] = source
            taken.add(source)
    return pairs


def lower_bound(flow):
    """Bytes that any plan for this program needs at least, and the statement that needs them."""
    best, place = 0, ""
    for step in flow.steps:
        sizes = {name: flow.program.buffers[name].bytes(flow.symbols) for name in occupied(flow, step)}
        pairs = {output: source for output, source in allowed_pairs(step).items() if output in sizes and source in sizes}
        total = sum(sizes.values()) - sum(min(sizes[output], sizes[source]) for output, source in pairs.items())
        if total > best:
            best, place = total, step.text
    return best, place


def find_overlap(flow):
    """What is wrong with the plan, in words; empty if all buffers that are live together lie apart and inside."""
    program, symbols = flow.program, flow.symbols
    end = evaluate(program.workspace, symbols)
    ranges = {}
    for name, buffer in program.buffers.items():
        if buffer.storage == "workspace" and buffer.place:
            begin = evaluate(buffer.place, symbols)
            ranges[name] = (begin, begin + buffer.bytes(symbols))
            if begin < 0 or ranges[name][1] > end or begin % ELEMENT_BYTES[buffer.element]:
                return f"{name} lies at {ranges[name]} of {end}"
    for step in flow.steps:
        live = sorted(occupied(flow, step), key=lambda name: ranges.get(name, (0, 0)))
        pairs = allowed_pairs(step)
        for at, one in enumerate(live):
            if one not in ranges:
                return f"{one} has no place, used by {step.text}"
            for other in live[at + 1:]:
                if ranges[one][1] <= ranges[other][0] or ranges[one][0] == ranges[one][1] or ranges[other][0] == ranges[other][1]:
                    continue
                if (pairs.get(one) == other or pairs.get(other) == one) and ranges[one] == ranges[other]:
                    continue
                return f"{one} at {ranges[one]} and {other} at {ranges[other]} are both live at {step.text}"
    return ""
