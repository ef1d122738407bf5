"""The deepest path of a call graph, from what gcc writes with -fstack-usage -fcallgraph-info=su."""
import re

NODE = re.compile(r'node: \{ title: "([^"]+)" label: "([^"]*)"')
EDGE = re.compile(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"')
BYTES = re.compile(r"(\d+) bytes \((\w+)\)")


def deepest(text, roots):
    """Bytes of the deepest path from any of the roots, and the functions on paths from them whose frames are not known, being elsewhere.
    Frames without a bound and recursion are refused: generated code has neither."""
    frames, calls, unknown = {}, {}, set()
    for name, label in NODE.findall(text):
        size = BYTES.search(label)
        if size and size[2] != "static":
            raise ValueError(f"{name} has a {size[2]} frame")
        frames[name] = int(size[1]) if size else 0
        if not size:
            unknown.add(name)
    for caller, callee in EDGE.findall(text):
        calls.setdefault(caller, set()).add(callee)
    depths, elsewhere = {}, set()

    def depth(name, above):
        if name in above:
            raise ValueError(f"{name} calls itself")
        if name in unknown:
            elsewhere.add(name)
        if name not in depths:
            below = [depth(callee, above | {name}) for callee in calls.get(name, ())]
            depths[name] = frames.get(name, 0) + max(below, default=0)
        return depths[name]

    return max(depth(name, frozenset()) for name in roots), elsewhere
