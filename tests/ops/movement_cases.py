"""Random cases of the operators that move elements, and of element-wise ones, for random_nodes.py. A maker fills in a Case; `shaping` names the
operands that decide the result's shape: they are constants in some cases, and whenever sizes are symbolic.

Left out is where ONNX Runtime departs from the standard: Slice backwards with INT64_MAX as its end, Resize by scales that are no simple ratio."""
import numpy


def whole(*values):
    return numpy.array(values, numpy.int64)


def axis_of(case, rank):
    return case.draw.randint(-rank, rank - 1)


def take(case, shape, *limits):
    """Indices below the limit, some counted from the end."""
    return numpy.asarray(case.numbers.randint(-limits[0], limits[0], shape), case.draw.choice([numpy.int64, numpy.int32]))


def slices(case):
    shape = case.up_to(6, case.draw.randint(1, 4))
    axes = case.draw.sample(range(-len(shape), 0), case.draw.randint(1, len(shape)))
    bounds = [-9, -3, -2, -1, 0, 1, 2, 3, 9]
    steps = [case.draw.choice([1, 1, 2, 3, -1, -2]) for _ in axes]
    starts = [case.draw.choice(bounds + [2**31 - 1, -(2**63)]) for _ in axes]
    ends = [case.draw.choice(bounds + ([2**63 - 1] if step > 0 else [-(2**63)])) for step in steps]
    case.operands = [case.floats(*shape), whole(*starts), whole(*ends), whole(*axes), whole(*steps)]
    case.shaping = (1, 2, 3, 4)


def pads(case):
    shape = case.up_to(5, case.draw.randint(1, 4), 2)
    mode = case.draw.choice(["constant", "reflect", "edge", "wrap"])
    amounts = [case.draw.choice([0, 0, 1, 2, -1] if mode == "constant" else [0, 0, 1]) for _ in shape * 2]
    case.attributes["mode"] = mode
    case.operands = [case.floats(*shape), whole(*amounts)] + ([numpy.array(1.5, numpy.float32)] if mode == "constant" and case.chance(0.5) else [])
    case.shaping = (1,)


def concatenations(case):
    shape = case.up_to(5, case.draw.randint(1, 4))
    axis = case.attributes["axis"] = axis_of(case, len(shape))
    for _ in range(case.draw.randint(1, 4)):
        shape[axis] = case.draw.randint(0, 4)
        case.operands.append(case.floats(*shape))


def splits(case):
    shape = case.up_to(7, case.draw.randint(1, 3), 3)
    axis = case.attributes["axis"] = axis_of(case, len(shape))
    case.operands, case.results, case.shaping = [case.floats(*shape)], 2, (1,)
    if case.chance(0.5):
        case.attributes["num_outputs"] = 2
    else:
        first = case.draw.randint(0, shape[axis])
        case.operands.append(whole(first, shape[axis] - first))


def repeats(case):
    shape = case.up_to(3, case.draw.randint(1, 4))
    case.operands, case.shaping = [case.floats(*shape), whole(*[case.draw.choice([0, 1, 1, 2, 3]) for _ in shape])], (1,)


def expansions(case):
    shape = [case.draw.choice([1, 1, 3]) for _ in range(case.draw.randint(1, 4))]
    wanted = case.up_to(3, case.draw.randint(0, 1)) + [case.draw.choice([1, 2, 4]) if size == 1 else case.draw.choice([1, size]) for size in shape]
    case.operands, case.shaping = [case.floats(*shape), whole(*wanted[case.draw.randint(0, len(wanted) - 1):])], (1,)


def permutations(case):
    shape = case.up_to(4, case.draw.randint(1, 5))
    case.maybe("perm", case.draw.sample(range(len(shape)), len(shape)), 0.8)
    case.operands = [case.floats(*shape)]


def gathers(case):
    shape = case.up_to(5, case.draw.randint(1, 4))
    rank = len(shape)
    axis = case.draw.randrange(rank)
    if case.operator == "GatherND":
        batch = case.attributes["batch_dims"] = case.draw.randint(0, rank - 1)
        tuples = shape[:batch] + case.up_to(3, case.draw.randint(0, 2))
        columns = [take(case, tuples, size).astype(numpy.int64) for size in shape[batch:batch + case.draw.randint(1, rank - batch)]]
        indices = numpy.stack(columns, -1)
    elif case.operator == "GatherElements":
        case.attributes["axis"] = axis
        indices = take(case, [case.draw.randint(1, size) for size in shape], shape[axis])
    else:
        case.attributes["axis"] = axis
        indices = take(case, case.up_to(4, case.draw.randint(0, 2)), shape[axis])
    case.operands = [case.floats(*shape), indices]
    case.fixed = (1,) if case.operator == "GatherND" else ()


def scatters(case):
    shape = case.up_to(5, case.draw.randint(1, 3))
    case.attributes["reduction"] = case.draw.choice(["add", "mul", "max", "min"])
    if case.operator == "ScatterND":
        count = case.draw.randint(1, len(shape))
        tuples = case.up_to(3, case.draw.randint(1, 2))
        indices = numpy.stack([take(case, tuples, size).astype(numpy.int64) for size in shape[:count]], -1)
        updates = case.floats(*tuples, *shape[count:])
        case.fixed = (1,)
    else:
        axis = case.attributes["axis"] = case.draw.randrange(len(shape))
        indices = take(case, [case.draw.randint(1, size) for size in shape], shape[axis])
        updates = case.floats(*indices.shape)
    case.operands = [case.floats(*shape), indices, updates]


def one_hots(case):
    depth = case.draw.randint(1, 5)
    shape = case.up_to(4, case.draw.randint(1, 2))
    case.attributes["axis"] = axis_of(case, len(shape) + 1)
    case.operands, case.shaping = [take(case, shape, depth).astype(numpy.int64), whole(depth), numpy.array([2, 5], numpy.float32)], (1,)


def along(case):
    shape = case.up_to(9, case.draw.randint(1, 3))
    data = case.numbers.randint(-3, 4, shape).astype(numpy.float32)
    axis = axis_of(case, len(shape))
    if case.operator == "TopK":
        case.attributes = {"axis": axis, "largest": case.draw.randint(0, 1)}
        case.operands, case.results, case.shaping = [data, whole(case.draw.randint(1, shape[axis]))], 2, (1,)
    else:
        case.attributes = {"exclusive": case.draw.randint(0, 1), "reverse": case.draw.randint(0, 1)}
        case.operands = [data, numpy.array(axis, numpy.int64)]


def triangles(case):
    case.attributes["upper"] = case.draw.randint(0, 1)
    case.operands = [case.floats(*case.up_to(5, case.draw.randint(2, 3))), numpy.array(case.draw.randint(-6, 6), numpy.int64)]


def blocks(case):
    size, channels, height, width = case.up_to(3, 4)
    case.attributes["blocksize"] = size
    if case.operator == "DepthToSpace":
        case.attributes["mode"] = case.draw.choice(["DCR", "CRD"])
        case.operands = [case.floats(2, channels * size * size, height, width)]
    else:
        case.operands = [case.floats(2, channels, height * size, width * size)]


def reversals(case):
    batch, steps = case.up_to(5, 2)
    time = case.draw.randint(0, 1)
    case.attributes = {"time_axis": time, "batch_axis": 1 - time}
    case.operands = [case.floats(*([batch, steps] if time else [steps, batch]), 2), case.numbers.randint(1, steps + 1, batch).astype(numpy.int64)]


def resizes(case):
    shape = [1, *case.up_to(6, 3)]
    mode = case.attributes["mode"] = case.draw.choice(["nearest", "linear", "cubic"])
    case.attributes["coordinate_transformation_mode"] = case.draw.choice(["half_pixel", "asymmetric"] if mode == "nearest" else
                                                                          ["half_pixel", "asymmetric", "align_corners"])
    if mode == "nearest":
        case.attributes["nearest_mode"] = case.draw.choice(["round_prefer_floor", "floor"])
    if mode == "cubic":
        case.maybe("cubic_coeff_a", -0.5)
    case.operands, case.shaping = [case.floats(*shape), None], (2, 3)
    if case.chance(0.5):
        case.operands += [numpy.array([1, 1] + [case.draw.choice([1, 2, 3]) for _ in range(2)], numpy.float32)]
    else:
        case.operands += [None, whole(1, shape[1], *case.up_to(9, 2))]


def samples(case):
    case.attributes = {"mode": case.draw.choice(["linear", "nearest", "cubic"]), "align_corners": case.draw.randint(0, 1),
                       "padding_mode": case.draw.choice(["zeros", "border", "reflection"])}
    grid = case.numbers.uniform(-1.5, 1.5, (1, *case.up_to(4, 2), 2)).astype(numpy.float32)
    case.operands = [case.floats(1, 2, *case.up_to(5, 2, 2)), grid]
    case.fixed = (1,)


def broadcasts(case, shape):
    return [1 if case.chance(0.4) else size for size in shape][case.draw.randint(0, len(shape)) if case.chance(0.3) else 0:]


def pairs(case):
    """Two operands of one integer type, the second never zero."""
    kinds = [numpy.int32, numpy.int64] if case.operator != "BitShift" else [numpy.uint8, numpy.uint32, numpy.uint64]
    kind, shape = case.draw.choice(kinds), case.up_to(4, case.draw.randint(1, 3))
    low = 0 if case.operator == "BitShift" else -9
    second = case.numbers.randint(1, 9, broadcasts(case, shape)) * (case.numbers.choice([-1, 1], ()) if low else 1)
    case.operands = [numpy.asarray(case.numbers.randint(low, 10, broadcasts(case, shape))).astype(kind), numpy.asarray(second).astype(kind)]
    if case.operator == "BitShift":
        case.attributes["direction"] = case.draw.choice(["LEFT", "RIGHT"])


def several(case):
    """Any number of floats that broadcast, some with a NaN."""
    shape = case.up_to(4, case.draw.randint(0, 3))
    for _ in range(3 if case.operator == "Where" else case.draw.randint(1, 4)):
        operand = case.floats(*broadcasts(case, shape))
        if operand.size and case.operator in ("Max", "Min") and case.chance(0.3):
            operand.reshape(-1)[0] = numpy.nan
        case.operands.append(operand)
    if case.operator == "Where":
        case.operands[0] = numpy.asarray(case.operands[0] > 0)


FAMILIES = {
    slices: "Slice", pads: "Pad", concatenations: "Concat", splits: "Split", repeats: "Tile", expansions: "Expand", permutations: "Transpose",
    gathers: "Gather GatherElements GatherND", scatters: "ScatterElements ScatterND", one_hots: "OneHot", along: "TopK CumSum", triangles: "Trilu",
    blocks: "DepthToSpace SpaceToDepth", reversals: "ReverseSequence", resizes: "Resize", samples: "GridSample",
    pairs: "Mod Div Add Mul Sub Max Min Equal Less BitShift", several: "Sum Mean Where",
}
