"""ONNX files byte by byte, without any library: for files that no library would write."""
import struct

# Field numbers of the messages used here.
MODEL = dict(ir_version=1, graph=7, opset_import=8, metadata_props=14, functions=25)
GRAPH = dict(node=1, name=2, initializer=5, input=11, output=12, value_info=13, sparse_initializer=15)
NODE = dict(input=1, output=2, name=3, op_type=4, attribute=5, domain=7, overload=8)
TENSOR = dict(dims=1, data_type=2, segment=3, float_data=4, int32_data=5, string_data=6, int64_data=7, name=8, raw_data=9, double_data=10,
              uint64_data=11, external_data=13, data_location=14)
ATTRIBUTE = dict(name=1, f=2, i=3, s=4, t=5, g=6, floats=7, ints=8, type=20, ref_attr_name=21)
FUNCTION = dict(name=1, input=4, output=5, attribute=6, node=7, opset_import=9, domain=10)
SPARSE = dict(values=1, indices=2, dims=3)
FLOAT, INT, STRING, KIND_TENSOR, KIND_GRAPH, FLOATS, INTS = 1, 2, 3, 4, 5, 6, 7


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def chunk(field, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def single(field, value):
    """A float."""
    return varint(field << 3 | 5) + struct.pack("<f", value)


def message(fields, **values):
    """Fields by name: an int is a number, text and bytes are chunks, a float is a float, a list repeats."""
    out = []
    for name, value in values.items():
        for item in value if isinstance(value, list) else [value]:
            put = number if isinstance(item, int) else single if isinstance(item, float) else chunk
            out.append(put(fields[name], item))
    return b"".join(out)


def opset(version, domain=""):
    return chunk(1, domain) + number(2, version)


def model(graph, ir=8, opsets=((13, ""),), **more):
    return message(MODEL, ir_version=ir, opset_import=[opset(v, d) for v, d in opsets], graph=graph, **more)


def info(name, element=1, dims=(2,)):
    shape = b"".join(chunk(1, number(1, d) if isinstance(d, int) else chunk(2, d)) for d in dims)
    return chunk(1, name) + chunk(2, chunk(1, number(1, element) + chunk(2, shape)))


def node(op, inputs, outputs, attributes=(), **more):
    return message(NODE, input=list(inputs), output=list(outputs), op_type=op, attribute=list(attributes), **more)


def tensor(name="w", dims=(2,), element=1, **data):
    return message(TENSOR, dims=list(dims), data_type=element, name=name, **data)


def graph(nodes=(), inputs=("x",), outputs=("y",), initializers=(), **more):
    return message(GRAPH, node=list(nodes), name="g", initializer=list(initializers), input=[i if isinstance(i, bytes) else info(i) for i in inputs],
                   output=[o if isinstance(o, bytes) else info(o) for o in outputs], **more)


def relu(**more):
    """A valid model of one node."""
    return model(graph([node("Relu", ["x"], ["y"])]), **more)
