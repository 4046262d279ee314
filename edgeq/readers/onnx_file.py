"""The protobuf of an .onnx file as checked inputs, constants and nodes; damage is a ModelError."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from edgeq.errors import ModelError, UnsupportedError, UsageError
from edgeq.ir import Array
from edgeq.ops.base import Shape
from edgeq.readers.types import ReadOptions

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

FIX = "download or export the model again"
OLDEST = 7
_DAMAGED = (IndexError, ValueError, TypeError, OverflowError, KeyError, AttributeError,
            AssertionError, ZeroDivisionError, RuntimeError, MemoryError, RecursionError)
MAX_ELEMENTS = 1 << 28  # of one tensor

Attr = int | float | str | Array | tuple[int, ...] | tuple[float, ...] | tuple[str, ...] | None


@dataclass(frozen=True, eq=False)
class RawNode:
    """A node of the file; `ins` and `outs` hold "" where an optional one is absent."""

    index: int
    name: str  # unique, of letters, digits, "_" and "."
    kind: str  # operator, e.g. "Conv"; with its domain in front where it is not ONNX's own
    ins: tuple[str, ...]
    outs: tuple[str, ...]
    attrs: Mapping[str, Attr]
    proto: NodeProto | None  # as in the file; None where the reader changed the node

    @property
    def place(self) -> str:
        """The node as messages name it."""
        return f"{self.kind} {self.name!r} (node {self.index})"


@dataclass(frozen=True, eq=False)
class RawInput:
    """A model input: its shape with a batch of 1 where the file leaves the batch open."""

    name: str
    shape: Shape
    dtype: np.dtype[np.generic]


@dataclass(frozen=True, eq=False)
class RawModel:
    """The main graph of a file, with local functions written out."""

    where: str
    opset: int
    ins: tuple[RawInput, ...]
    outs: tuple[str, ...]
    consts: Mapping[str, Array]
    nodes: tuple[RawNode, ...]
    proto: ModelProto


@contextmanager
def damage_is_model_error(where: str) -> Iterator[None]:
    """Turn what the onnx package and numpy raise on nonsense into ModelError."""
    try:
        yield
    except _DAMAGED as error:
        line = (str(error).splitlines() or [""])[0]
        raise ModelError(where, f"damaged file ({type(error).__name__}: {line})",
                         "a sound .onnx model", FIX) from error


def onnx_package(where: str) -> ModuleType:
    """The onnx package; UsageError where it is not installed."""
    try:
        import onnx
    except ImportError:
        raise UsageError(where, "the onnx package is not installed", "",
                         "pip install 'edgeq[onnx]'") from None
    return onnx


def load(path: Path, options: ReadOptions) -> RawModel:
    """The checked contents of the .onnx file at `path`; raises ModelError, UnsupportedError."""
    onnx_package(path.name)
    return parse(_bytes(path), path.name, path.parent, options)


def proto_of(path: Path) -> ModelProto:
    """The .onnx file at `path` as it is, without external data; raises ModelError."""
    return _decoded(_bytes(path), path.name)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(str(path), f"cannot be read ({error.strerror})", "a readable file",
                         "check the path") from error


def _decoded(blob: bytes, where: str) -> ModelProto:
    onnx = onnx_package(where)
    from google.protobuf.message import DecodeError

    try:
        proto: ModelProto = onnx.load_model_from_string(blob)
    except DecodeError as error:
        raise ModelError(where, f"damaged file ({error})", "an .onnx model", FIX) from error
    return proto


def parse(blob: bytes, where: str, folder: Path | None, options: ReadOptions) -> RawModel:
    """The same for the bytes of a file; `folder` holds its external data."""
    with damage_is_model_error(where):
        proto = _decoded(blob, where)
        if not proto.graph.node and not proto.graph.output:
            raise ModelError(where, f"{len(blob)} bytes that hold no graph", "an .onnx model", FIX)
        if folder is not None:
            _load_external(proto, where, folder)
        return _model(proto, where, options)


def _load_external(proto: ModelProto, where: str, folder: Path) -> None:
    """Read the weights that lie in files beside the model into `proto`."""
    from onnx.checker import ValidationError
    from onnx.external_data_helper import load_external_data_for_model

    try:
        load_external_data_for_model(proto, str(folder))
    except (OSError, ValidationError) as error:
        line = (str(error).splitlines() or [""])[0]
        raise ModelError(where, f"its external data cannot be read ({line})",
                         "the data files beside the .onnx file",
                         "copy them there, or save the model in one file") from error


def _model(proto: ModelProto, where: str, options: ReadOptions) -> RawModel:
    onnx = onnx_package(where)
    opset = next((o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")), 0)
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST <= opset <= newest:
        raise UnsupportedError(where, f"opset {opset}", f"{OLDEST} to {newest}",
                               "convert with onnx.version_converter" if opset < OLDEST
                               else "pip install -U onnx")
    if proto.functions:
        from onnx import inliner

        try:
            proto = inliner.inline_local_functions(proto)
        except Exception as error:  # the C++ inliner raises its own kinds
            raise ModelError(where, f"functions that cannot be written out ({error})", "", FIX
                             ) from error
    graph = proto.graph
    consts = {t.name: to_array(t) for t in graph.initializer}
    if graph.sparse_initializer:
        raise UnsupportedError(where, "sparse initializers", "dense ones", "densify the weights")
    read = _read_names(graph)
    given = [v for v in graph.input if v.name not in consts]
    options.check_names(where, [v.name for v in given])
    # what nobody reads is left out where it could not be quantized, such as a sample rate
    batches = open_batches(given)
    ins = tuple(_input(v, where, options, batches) for v in given
                if v.name in read or _is_float(v))
    consts |= {x.name: np.full(x.shape, options.values[x.name]).astype(x.dtype)
               for x in ins if x.name in options.values}
    ins = tuple(replace(x, dtype=np.dtype(np.int64)) if _only_cast(x.name, graph) else x
                for x in ins if x.name not in consts)
    outs = tuple(v.name for v in graph.output)
    if not ins or not outs:
        raise ModelError(where, f"{len(ins)} inputs and {len(outs)} outputs", "at least one each",
                         FIX)
    return RawModel(where, opset, ins, outs, consts, _nodes(graph), proto)


def to_array(tensor: TensorProto) -> Array:
    """The values of a stored tensor; other float widths become float32."""
    from onnx import numpy_helper

    if any(d < 0 for d in tensor.dims) or _size(tensor.dims) > MAX_ELEMENTS:
        raise ValueError(f"tensor {tensor.name!r} of shape {tuple(tensor.dims)}")
    array: Array = numpy_helper.to_array(tensor)
    return array.astype(np.float32) if array.dtype in (np.float16, np.float64) else array


def _size(dims: object) -> int:
    total = 1
    for d in dims:  # type: ignore[attr-defined]
        total *= int(d)
    return total


def _is_float(value: ValueInfoProto) -> bool:
    from onnx import TensorProto

    return value.type.tensor_type.elem_type in (TensorProto.FLOAT, TensorProto.FLOAT16,
                                                TensorProto.DOUBLE)


def open_batches(inputs: Iterable[ValueInfoProto]) -> frozenset[str]:
    """The names of open sizes that stand in front of an input: such as "batch"."""
    found = (d.dim_param for v in inputs for d in v.type.tensor_type.shape.dim[:1])
    return frozenset(filter(None, found))


def _input(value: ValueInfoProto, where: str, options: ReadOptions,
           batches: frozenset[str]) -> RawInput:
    from onnx.helper import tensor_dtype_to_np_dtype

    place = f"{where}, input {value.name!r}"
    if not value.type.HasField("tensor_type"):
        raise UnsupportedError(place, f"a {value.type.WhichOneof('value') or 'value'}",
                               "a tensor", "export with tensor inputs")
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        raise UnsupportedError(place, "a tensor of unknown rank", "a fixed shape",
                               "export with a sample input of the right shape")
    dims = tensor.shape.dim
    declared = tuple(int(d.dim_value) if d.dim_value > 0 else None for d in dims)
    shape = []
    for i, size in enumerate(options.shape_of(value.name, declared)):
        if size is None and i > 0:
            what = ",".join(d.dim_param or str(d.dim_value or "?") for d in dims)
            example = [n or (1 if k == 0 or dims[k].dim_param in batches else 100)
                       for k, n in enumerate(declared)]
            raise UnsupportedError(
                place, f"axis {i} of open size {dims[i].dim_param or '?'!r} in [{what}]",
                "fixed sizes behind the batch",
                f"give the sizes, for example --shape {value.name}="
                f"{','.join(map(str, example))}")
        shape.append(1 if size is None else size)  # an open batch is 1
    if _size(shape) > MAX_ELEMENTS:
        raise ModelError(place, f"shape {tuple(shape)}", f"at most {MAX_ELEMENTS} values", FIX)
    dtype: np.dtype[np.generic] = np.dtype(tensor_dtype_to_np_dtype(tensor.elem_type))
    return RawInput(value.name, tuple(shape), dtype)


def _only_cast(name: str, graph: GraphProto) -> bool:
    """True where the input `name` is only read by casts to whole numbers, which it then holds."""
    from onnx import TensorProto

    readers = [node for node in graph.node if name in node.input]
    inside = any(name in _read_names(a.g) for n in graph.node for a in n.attribute
                 if a.HasField("g"))
    cast = [node.op_type == "Cast" and any(
        a.name == "to" and a.i in (TensorProto.INT32, TensorProto.INT64) for a in node.attribute)
        for node in readers]
    return bool(cast) and all(cast) and not inside and all(v.name != name for v in graph.output)


def _read_names(graph: GraphProto) -> set[str]:
    """The tensors that the graph's outputs, its nodes and the branches in them read."""
    names = {n for node in graph.node for n in node.input} | {v.name for v in graph.output}
    for node in graph.node:
        for attr in node.attribute:
            if attr.HasField("g"):
                names |= _read_names(attr.g)
    return names


def _nodes(graph: GraphProto) -> tuple[RawNode, ...]:
    """The nodes with unique, printable names; attributes as Python values."""
    made, taken = [], set[str]()
    read = _read_names(graph)
    for index, node in enumerate(graph.node):
        domain = "" if node.domain in ("", "ai.onnx") else f"{node.domain}."
        name = _plain(node.name) or f"{node.op_type.lower()}_{index}"
        if name in taken:
            name = f"{name}_{index}"
        taken.add(name)
        attrs = {a.name: attr_value(a) for a in node.attribute}
        outs = tuple(node.output)
        if len(outs) > 1 and read.intersection(outs):  # what nobody reads is absent
            outs = tuple(n if n in read else "" for n in outs)
        made.append(RawNode(index, name, domain + node.op_type, tuple(node.input), outs, attrs,
                            node))
    return tuple(made)


def inlined(node: RawNode, condition: bool) -> tuple[dict[str, Array], tuple[RawNode, ...]]:
    """The constants and nodes of the branch that the If `node` takes, which write its outputs."""
    assert node.proto is not None
    wanted = "then_branch" if condition else "else_branch"
    graph = next((a.g for a in node.proto.attribute if a.name == wanted), None)
    if graph is None or len(graph.output) != len(node.proto.output):
        raise ModelError(node.place, f"has no {wanted} with its outputs", "", FIX)
    inner = [replace(n, index=node.index, name=f"{node.name}.{n.name}") for n in _nodes(graph)]
    ends = [RawNode(node.index, f"{node.name}.out{i}", "Identity", (value.name,), (out,), {}, None)
            for i, (value, out) in enumerate(zip(graph.output, node.outs, strict=True)) if out]
    return {t.name: to_array(t) for t in graph.initializer}, (*inner, *ends)


def _plain(name: str) -> str:
    """`name` with everything but ASCII letters, digits, "." and "_" as one "_"."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "._") else " " for c in name)
    return "_".join(kept.split())


def attr_value(attr: object) -> Attr:
    """A Python value; None for graphs and other kinds that no operator here takes."""
    from onnx import AttributeProto, TensorProto, helper

    assert isinstance(attr, AttributeProto)
    if attr.ref_attr_name:
        return None
    value = helper.get_attribute_value(attr)
    if isinstance(value, TensorProto):
        return to_array(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, int | float):
        return value
    if attr.type == AttributeProto.INTS:
        return tuple(int(v) for v in value)
    if attr.type == AttributeProto.FLOATS:
        return tuple(float(v) for v in value)
    if attr.type == AttributeProto.STRINGS:
        return tuple(v.decode("utf-8", "replace") for v in value)
    return None


def inferred_shapes(model: RawModel) -> dict[str, Shape]:
    """The shapes that ONNX's own inference finds, of the tensors where all sizes are known.

    Without its propagation of data, which fills gigabytes where a damaged file asks for them.
    """
    from onnx import ModelProto, shape_inference

    proto = ModelProto()
    proto.CopyFrom(model.proto)
    fixed = {x.name: x.shape for x in model.ins}
    for value in proto.graph.input:
        for dim, size in zip(value.type.tensor_type.shape.dim, fixed.get(value.name, ()),
                             strict=False):
            dim.dim_value = size
    try:
        graph = shape_inference.infer_shapes(proto).graph
    except Exception:  # the C++ code raises its own kinds; without it there are no shapes
        return {}
    found = {}
    for value in (*graph.value_info, *graph.output):
        dims = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(d.dim_value > 0 for d in dims):
            shape = tuple(int(d.dim_value) for d in dims)
            if _size(shape) <= MAX_ELEMENTS:
                found[value.name] = shape
    return found
