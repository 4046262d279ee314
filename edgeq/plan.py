"""What lowering makes: C calls with their constants, and where every tensor lies in the arena."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgeq.board import Target
from edgeq.ir import Array, Graph


@dataclass(frozen=True, eq=False)
class Blob:
    """A constant table in flash: `static const <ctype> <name>[]`."""

    name: str  # unique within its call: "weights", "bias", "mult", "shift", "table"
    ctype: str  # "int8_t", "uint8_t", "int16_t", "int32_t", "float"
    data: Array  # 1-D, of the matching dtype
    note: str = ""  # layout, for the comment in the generated source
    align: int = 4

    @property
    def nbytes(self) -> int:
        return int(self.data.nbytes)


Value = int | Blob


@dataclass(frozen=True, eq=False)
class Call:
    """One call of the runtime: func(&params, ins..., outs..., [scratch]).

    `fields` are exactly the fields of the C struct `struct`, in its order.
    `scratch` is None where the function has no scratch parameter, else its size in bytes.
    `overlap[i]` is the least D >= 0 such that the first output may start D or more bytes
    below the start of input i and still run into it while that input dies with this call
    (0: in place is fine); None where they must be disjoint.
    """

    name: str
    op: str  # operator class, for reports
    func: str
    struct: str
    fields: tuple[tuple[str, Value], ...]
    ins: tuple[str, ...]
    outs: tuple[str, ...]
    sources: tuple[str, ...]  # files below runtime_c/, or absolute paths, to compile or include
    overlap: tuple[int | None, ...]
    scratch: int | None = None
    macs: int = 0
    note: str = ""
    weight_bits: int = 8
    in_place: bool = False  # the output takes exactly the place of input 0 where that dies here
    as_bytes: bool = False  # an int8 function that moves values of more bytes: fields count bytes

    @property
    def blobs(self) -> tuple[Blob, ...]:
        return tuple(v for _, v in self.fields if isinstance(v, Blob))


@dataclass(frozen=True, eq=False)
class Strips:
    """Neighbouring calls of a plan that run together, pass after pass (strips.py).

    A row of `steps` is one pass, by columns for every call: rows of its output (0: it rests), the
    values of its `varying` fields, the first row that it reads of each input, the first row that it
    writes; and, but for the last call, how far its output's rows move down before, and how many.
    Rows count from where the tensor's memory begins.
    """

    first: int  # number of the first call
    steps: Array  # (passes, columns), each below 2^16
    varying: tuple[tuple[str, ...], ...]  # for every call, names of fields

    @property
    def last(self) -> int:
        """Number of the last call."""
        return self.first + len(self.varying) - 1


@dataclass(frozen=True)
class Storage:
    """A piece of the arena: one or more tensors (views share it) or the scratch of one call.

    It is in use during the calls `first` to `last`, both included; graph inputs have first = -1,
    graph outputs have last = number of calls.
    """

    tensors: tuple[str, ...]  # empty for scratch
    size: int  # bytes
    first: int
    last: int
    offset: int


@dataclass(frozen=True)
class Placement:
    """Where the arena holds what, in bytes."""

    offsets: Mapping[str, int]  # of every tensor that a call reads or writes, of inputs, outputs
    scratch: tuple[int | None, ...]  # one entry a call: offset of its scratch, None without
    arena: int  # exact total
    bound: int  # no placement can be smaller in this execution order
    storages: tuple[Storage, ...] = field(default=())  # for the memory map


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything the templates print; `calls` are in execution order."""

    name: str  # a C identifier, prefix of every generated symbol
    graph: Graph
    target: Target
    calls: tuple[Call, ...]
    placement: Placement
    sources: tuple[str, ...] = field(default=())  # below runtime_c/, unique, headers first
    strips: tuple[Strips, ...] = ()  # calls that run together
