"""Random nodes on quantised tensors, for random_nodes.py. Results must equal ONNX Runtime's to the last bit, so scales are chosen as small multiples
of one base, which puts many results half-way between two steps. Scales and zero points are constants, or now and then inputs.

Left out is where ONNX Runtime or older versions of it go wrong: QLinearSoftmax over one element, or with results that saturate, and QuantizeLinear
of f16 or to 16 bits, which once added the zero point before it rounded.
"""
import numpy

F32, MS = numpy.float32, "com.microsoft"


class Scales:
    """Draws scales and zero points, and notes at which operands they stand."""

    def __init__(self, case, kind):
        self.case, self.kind = case, kind
        self.base = F32(case.draw.uniform(0.001, 0.1))

    def scale(self, *shape):
        steps, parts = self.case.numbers.randint(1, 9, shape), self.case.numbers.randint(1, 6, shape)
        return numpy.asarray(self.base * numpy.asarray(steps, F32) / numpy.asarray(parts, F32), F32)

    def numbers(self, *shape, kind=None):
        limits = numpy.iinfo(kind or self.kind)
        return self.case.numbers.randint(limits.min, int(limits.max) + 1, shape).astype(kind or self.kind)

    def parameters(self):
        return [self.scale(), self.numbers()]


def finish(case, operands, parameters, always=()):
    """Takes the operands; those at `parameters` become constants in three of four cases, those at `always` in all."""
    case.operands, case.exact = operands, True
    case.fixed = [at for at in parameters if at < len(operands)]
    case.constants = sorted(set(always) | set(case.fixed if case.chance(0.75) else ()))


def byte_kind(case):
    return case.draw.choice([numpy.uint8, numpy.int8])


def byte_kinds(case):
    return case.draw.choice([(numpy.uint8, numpy.int8), (numpy.uint8, numpy.uint8), (numpy.int8, numpy.int8)])


def granularity(case, shape):
    """The shape of a scale, with the attributes that say how it applies."""
    form, axis, block = case.draw.randint(0, 2), case.draw.randrange(len(shape)), case.draw.randint(1, 3)
    if form == 0:
        return ()
    case.attributes = {"axis": axis if case.chance(0.5) else axis - len(shape)}
    if form == 1:
        return (shape[axis],)
    case.attributes["block_size"] = block
    return tuple(-(-size // block) if at == axis else size for at, size in enumerate(shape))


def quantize(case):
    draw, shape = Scales(case, byte_kind(case)), case.up_to(8, case.draw.randint(1, 3))
    own = granularity(case, shape)
    scale = F32(2) ** case.numbers.randint(-5, 2, own) if case.chance(0.5) else case.numbers.uniform(0.01, 0.5, own)
    real = case.floats(*shape) * case.draw.choice([1, 10, 50])
    real = numpy.rint(real * 4) / 4 if case.chance(0.5) else real
    finish(case, [real.astype(F32), numpy.asarray(scale, F32), draw.numbers(*own)], [1, 2])


def dequantize(case):
    draw = Scales(case, case.draw.choice([numpy.uint8, numpy.int8, numpy.uint16, numpy.int16, numpy.int32]))
    shape, kind = case.up_to(8, case.draw.randint(1, 3)), case.draw.choice([numpy.float32, numpy.float32, numpy.float16])
    own = granularity(case, shape)
    numbers = draw.numbers(*shape) // (1 << 16 if draw.kind is numpy.int32 else 1)
    zero = [draw.numbers(*own)] if draw.kind is not numpy.int32 and case.chance(0.7) else []
    finish(case, [numbers.astype(draw.kind), case.numbers.uniform(0.01, 0.5, own).astype(kind)] + zero, [1, 2])


def dynamic(case):
    real = case.floats(*case.up_to(8, 2)) * case.draw.choice([1e-3, 1, 100]) + case.draw.choice([0, 1, -2, 5])
    case.results = 3
    finish(case, [real.astype(F32)], [])


def binary(case):
    draw, full = Scales(case, byte_kind(case)), [case.draw.choice([1, 2, 7, 40]) for _ in range(case.draw.randint(1, 4))]
    shapes = [[1 if case.chance(0.3) else size for size in full], full][:: case.draw.choice([1, -1])]
    if case.chance(0.4):
        shapes[1] = shapes[1][case.draw.randrange(len(full)):]
    a, b = draw.parameters(), draw.parameters()
    scale = draw.scale() * 5 if case.operator == "QLinearAdd" else a[0] * b[0] * F32(case.draw.randint(1, 600))
    case.domain = MS
    finish(case, [draw.numbers(*shapes[0]), *a, draw.numbers(*shapes[1]), *b, numpy.asarray(scale, F32), draw.numbers()], [1, 2, 4, 5, 6, 7])


def unary(case):
    draw = Scales(case, byte_kind(case))
    case.domain, result = MS, draw.parameters()
    constants = ()
    if case.operator == "QLinearSigmoid":
        result, constants = [numpy.asarray(1 / 256, F32), numpy.asarray(numpy.iinfo(draw.kind).min, draw.kind)], (1, 2, 3, 4)
    else:
        case.maybe("alpha", case.draw.choice([0.1, 0.25, 1 / 3]))
    finish(case, [draw.numbers(*case.up_to(30, 2)), *draw.parameters(), *result], [1, 2, 3, 4], constants)


def choice(case):
    draw, shape = Scales(case, byte_kind(case)), case.up_to(9, 3)
    condition = case.numbers.randint(0, 2, shape[case.draw.randint(0, 2):]).astype(bool)
    operands = [condition, draw.numbers(*shape), *draw.parameters(), draw.numbers(*shape), *draw.parameters(), *draw.parameters()]
    case.domain = MS
    finish(case, operands, [2, 3, 5, 6, 7, 8])


def join(case):
    draw, shape = Scales(case, byte_kind(case)), case.up_to(9, 3)
    axis, operands = case.draw.randrange(3), draw.parameters()
    for _ in range(case.draw.randint(1, 4)):
        shape[axis] = case.draw.randint(1, 9)
        operands += [draw.numbers(*shape), *draw.parameters()]
    case.domain, case.attributes = MS, {"axis": axis - 3 * case.draw.randint(0, 1)}
    finish(case, operands, [at for at in range(len(operands)) if at < 2 or at % 3 != 2])


def matrix_scales(case, draw, columns):
    own = (columns,) if case.chance(0.5) else ()
    return [draw.scale(*own), draw.numbers(*own, kind=case.weight_kind)]


def product(case):
    kind, case.weight_kind = byte_kinds(case)
    draw, (rows, inner, columns) = Scales(case, kind), case.up_to(30, 3)
    left, right = draw.parameters(), matrix_scales(case, draw, columns)
    result = [numpy.asarray(left[0] * right[0].max() * F32(case.draw.randint(50, 2000)), F32), draw.numbers()]
    batch = (2,) if case.chance(0.3) else ()
    operands = [draw.numbers(*batch, rows, inner), *left, draw.numbers(inner, columns, kind=case.weight_kind), *right, *result]
    finish(case, operands, [1, 2, 4, 5, 6, 7], (3, 4, 5))


def gemm(case):
    kind, case.weight_kind = byte_kinds(case)
    draw, (rows, inner, columns), turned = Scales(case, kind), case.up_to(20, 3), case.up_to(1, 2, 0)
    left, right, alpha = draw.parameters(), matrix_scales(case, draw, columns), case.draw.choice([1.0, 0.5, 0.3])
    a, b = draw.numbers(rows, inner), draw.numbers(inner, columns, kind=case.weight_kind)
    bias = case.numbers.randint(-9000, 9000, (columns,) if case.chance(0.5) else (rows, columns)).astype(numpy.int32)
    operands = [a.T.copy() if turned[0] else a, *left, b.T.copy() if turned[1] else b, *right, bias if case.chance(0.7) else None]
    if case.chance(0.6):
        operands += [numpy.asarray(left[0] * right[0].max() * F32(alpha * case.draw.randint(50, 500)), F32), draw.numbers()]
    case.domain, case.attributes = MS, {"transA": turned[0], "transB": turned[1], "alpha": alpha}
    finish(case, operands, [1, 2, 4, 5, 7, 8], (3, 4, 5))


def convolution(case):
    kind, case.weight_kind = byte_kinds(case)
    draw, rank, group = Scales(case, kind), case.draw.randint(1, 3), case.draw.choice([1, 1, 2, 4])
    inputs, outputs, kernel = case.draw.randint(1, 3), group * case.draw.randint(1, 3), case.up_to(3, rank)
    case.attributes = {"group": group, "pads": case.up_to(2, 2 * rank, 0), "strides": case.up_to(2, rank), "dilations": case.up_to(2, rank)}
    own = (outputs,) if case.chance(0.5) else ()
    image, weights = draw.parameters(), [draw.scale(*own), numpy.full(own, draw.numbers(kind=case.weight_kind))]  # ONNX Runtime wants equal zeros
    result = [numpy.asarray(image[0] * weights[0].max() * F32(case.draw.randint(50, 1000)), F32), draw.numbers()]
    operands = [draw.numbers(2, group * inputs, *case.up_to(8, rank, 6)), *image, draw.numbers(outputs, inputs, *kernel, kind=case.weight_kind),
                *weights, *result]
    if case.chance(0.6):
        operands.append(case.numbers.randint(-5000, 5000, (outputs,)).astype(numpy.int32))
    finish(case, operands, [1, 2, 4, 5, 6, 7], (3, 4, 5, 8) if len(operands) == 9 else (3, 4, 5))


def pool(case):
    draw, rank = Scales(case, byte_kind(case)), case.draw.randint(1, 3)
    kernel = case.up_to(4, rank)
    case.domain, case.attributes = MS, {"kernel_shape": kernel, "pads": [case.draw.randint(0, size - 1) for size in kernel * 2]}
    case.attributes.update(strides=case.up_to(3, rank), count_include_pad=case.draw.randint(0, 1), ceil_mode=case.draw.randint(0, 1))
    finish(case, [draw.numbers(2, 3, *case.up_to(9, rank, 5)), *draw.parameters(), *draw.parameters()], [1, 2, 3, 4])


def global_pool(case):
    draw = Scales(case, byte_kind(case))
    case.domain, case.attributes = MS, {"channels_last": case.draw.randint(0, 1)}
    finish(case, [draw.numbers(*case.up_to(20, 4)), *draw.parameters(), *draw.parameters()], [1, 2, 3, 4])


def softmax(case):
    draw, rank = Scales(case, byte_kind(case)), case.draw.randint(1, 3)
    least, span = numpy.iinfo(draw.kind).min, case.draw.choice([3, 20, 256])
    data = (case.numbers.randint(0, span, case.up_to(9, rank - 1) + [case.draw.choice([2, 5, 33, 1000])]) + least).astype(draw.kind)
    scale = F32(case.draw.choice([draw.base, 0.5, 0.6931472, 0.3465736]))
    case.domain, case.attributes = MS, {"opset": case.draw.choice([11, 13]), "axis": -1}
    if case.attributes["opset"] == 11:
        case.attributes["axis"] = case.draw.randint(-rank, -1)
    steps = case.draw.choice([255, 128] if least else [256, 255, 128])
    result = [numpy.asarray(1 / steps, F32), numpy.asarray(least, draw.kind)]
    finish(case, [data, numpy.asarray(scale), draw.numbers(), *result], [1, 2, 3, 4], (1,))  # a scale known at run time: f32, not exact


FAMILIES = {
    quantize: "QuantizeLinear", dequantize: "DequantizeLinear", dynamic: "DynamicQuantizeLinear", binary: "QLinearAdd QLinearMul",
    unary: "QLinearSigmoid QLinearLeakyRelu", choice: "QLinearWhere", join: "QLinearConcat", product: "QLinearMatMul", gemm: "QGemm",
    convolution: "QLinearConv", pool: "QLinearAveragePool", global_pool: "QLinearGlobalAveragePool", softmax: "QLinearSoftmax",
}
