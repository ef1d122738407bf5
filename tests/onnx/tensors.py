"""Values of the official tests: from their files to frames that host.c reads, and back; and the comparison the ONNX project makes.

A frame holds the values of one data set, little-endian: u32 count, then for each i32 element type, i32 rank, i64 dimension..., u64 bytes,
and the bytes as generated code has them (types below a byte take a byte each, integers sign-extended).
"""
import struct

import numpy
import onnx
from onnx import numpy_helper


class Unsupported(Exception):
    """A kind of value that host.c does not carry."""


def read_values(folder, kind, infos):
    """The values kind_0.pb, kind_1.pb, ... of a data set, by the types that the model declares; arrays, lists of arrays, or None."""
    readers = {
        "tensor_type": (onnx.TensorProto, numpy_helper.to_array), "sequence_type": (onnx.SequenceProto, numpy_helper.to_list),
        "optional_type": (onnx.OptionalProto, numpy_helper.to_optional), "map_type": (onnx.MapProto, numpy_helper.to_dict),
    }
    values = []
    for index, info in enumerate(infos):
        message, convert = readers[info.type.WhichOneof("value")]
        values.append(convert(message.FromString((folder / f"{kind}_{index}.pb").read_bytes())))
    return values


# Element types that are packed in files but take a byte an element in memory.
BELOW_A_BYTE = {getattr(onnx.TensorProto, name) for name in ("UINT4", "INT4", "FLOAT4E2M1", "UINT2", "INT2") if hasattr(onnx.TensorProto, name)}


def widen(array):
    """A byte an element: integers by value, floats by their bits."""
    kind = numpy.uint8 if array.dtype.name.startswith(("u", "float")) else numpy.int8
    return (array.view(numpy.uint8) if array.dtype.name.startswith("float") else array.astype(kind)).tobytes()


def narrow(element, shape, data):
    kind = onnx.helper.tensor_dtype_to_np_dtype(element)
    raw = numpy.frombuffer(data, numpy.int8 if kind.name.startswith("int") else numpy.uint8).reshape(shape)
    return raw.view(kind) if kind.name.startswith("float") else raw.astype(kind)


def to_frame(values):
    parts = [struct.pack("<I", len(values))]
    for index, value in enumerate(values):
        if not isinstance(value, (numpy.ndarray, numpy.generic)):
            raise Unsupported(f"input {index} is no tensor")
        if value.dtype.kind in "OSU":
            raise Unsupported(f"input {index} holds strings")
        tensor = numpy_helper.from_array(numpy.asarray(value))
        data = widen(numpy.asarray(value)) if tensor.data_type in BELOW_A_BYTE else tensor.raw_data
        parts.append(struct.pack(f"<ii{value.ndim}qQ", tensor.data_type, value.ndim, *value.shape, len(data)))
        parts.append(data)
    return b"".join(parts)


def from_frame(frame):
    values = []
    (count,), at = struct.unpack_from("<I", frame), 4
    for _ in range(count):
        element, rank = struct.unpack_from("<ii", frame, at)
        *shape, size = struct.unpack_from(f"<{rank}qQ", frame, at + 8)
        at += 16 + 8 * rank
        data = frame[at:at + size]
        if element in BELOW_A_BYTE:
            values.append(narrow(element, shape, data))
        else:
            values.append(numpy_helper.to_array(onnx.TensorProto(data_type=element, dims=shape, raw_data=data)))
        at += size
    return values


def frame_bytes(data, start):
    """Bytes of the frame that begins at `start`."""
    (count,), at = struct.unpack_from("<I", data, start), start + 4
    for _ in range(count):
        _, rank = struct.unpack_from("<ii", data, at)
        at += 16 + 8 * rank + struct.unpack_from("<Q", data, at + 8 + 8 * rank)[0]
    return at - start


def difference(got, wanted, rtol, atol):
    """What is wrong with got, in one line; empty if it is within the tolerances of the ONNX project's own comparison."""
    if len(got) != len(wanted):
        return f"{len(got)} outputs, {len(wanted)} wanted"
    for index, (have, want) in enumerate(zip(got, wanted)):
        name = f"output {index}"
        if isinstance(want, list):
            problem = difference(have, want, rtol, atol) if isinstance(have, list) else "is no sequence"
            if problem:
                return f"{name}: {problem}"
            continue
        if want is None or have is None:
            if want is not have:
                return f"{name}: one is empty, the other is not"
            continue
        if have.shape != want.shape or have.dtype != want.dtype:
            return f"{name}: {have.dtype}{list(have.shape)}, {want.dtype}{list(want.shape)} wanted"
        if want.dtype == object or want.dtype.kind in "SU":
            wrong = have != want
        else:
            if want.dtype.kind == "V" or want.dtype.name.startswith(("bfloat", "float", "int4", "uint4", "int2", "uint2")):
                kind = numpy.float32 if want.dtype.itemsize < 4 else want.dtype
                have, want = have.astype(kind), want.astype(kind)
            with numpy.errstate(all="ignore"):
                wrong = ~numpy.isclose(have, want, rtol=rtol, atol=atol, equal_nan=True)
        if numpy.any(wrong):
            at = tuple(int(axis[0]) for axis in numpy.nonzero(wrong)) if numpy.ndim(wrong) else ()
            return f"{name}: {int(numpy.sum(wrong))} of {want.size} wrong, the first at {list(at)}: {have[at]}, {want[at]} wanted"
    return ""
