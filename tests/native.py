"""The portable C kernels as a shared library, called through cffi with the structs of a Call."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cffi
import numpy as np
from numpy.typing import NDArray

from edgeq.board import HOST, Target
from edgeq.ir import Graph, IntArray, dtype_of
from edgeq.ops.base import Op
from edgeq.plan import Blob, Call

RUNTIME = Path(__file__).resolve().parents[1] / "runtime_c"
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-pedantic", "-Wconversion", "-Wshadow", "-Wundef",
            "-Wcast-qual", "-Wmissing-prototypes", "-Werror")


@dataclass(frozen=True, eq=False)
class Native:
    """A loaded library; `lib` has every function of the headers that eq_ops.h includes."""

    ffi: cffi.FFI
    lib: object

    def run(self, op: Op, g: Graph, *ins: IntArray) -> tuple[IntArray, ...]:
        """What the C code of `op` gives for its activation inputs `ins` (batch 1).

        The buffers are surrounded by guard bytes, which must survive.
        """
        names = [n for n in op.ins if not g.tensor(n).is_const]
        values = dict(zip(names, ins, strict=True))
        constants = (g.tensor(n) for n in op.ins)
        values |= {t.name: t.data.astype(dtype_of(t.params.bits)) for t in constants
                   if t.data is not None and t.q is not None}
        values |= {op.outs[o]: values[op.ins[i]] for i, o in op.carried() if op.ins[i] in values}
        for call in op.lower(g, Target(HOST)):
            values |= self.call(call, g, [values[n] for n in call.ins], values)
        return tuple(values[n] for n in op.outs)

    def call(self, call: Call, g: Graph, ins: Sequence[IntArray],
             written: Mapping[str, IntArray] | None = None) -> dict[str, IntArray]:
        """The outputs of one call, by name; `written`: what earlier calls wrote of them."""
        params = self.ffi.new(f"{call.struct} *")
        alive = []
        for field, value in call.fields:
            if isinstance(value, Blob):
                pointer = self.ffi.from_buffer(f"const {value.ctype}[]", np.ascontiguousarray(
                    value.data))
                alive.append(pointer)
                setattr(params, field, pointer)
            elif value:  # the struct starts as zeros; cffi takes no 0 for a pointer
                setattr(params, field, value)
        outs = [_Guarded.make(g.tensor(n).shape, dtype_of(g.tensor(n).params.bits))
                for n in call.outs]
        for name, out in zip(call.outs, outs, strict=True):
            if written is not None and name in written:
                out.array[...] = written[name]
        arrays = [np.ascontiguousarray(x) for x in ins] + [o.array for o in outs]
        if call.as_bytes:
            arrays = [a.view(np.int8) for a in arrays]
        args = [self.ffi.from_buffer(_ctype(a), a) for a in arrays]
        if call.scratch is not None:
            scratch = _Guarded.make((call.scratch,), np.int8)
            outs.append(scratch)
            args.append(self.ffi.from_buffer("int8_t[]", scratch.array))
        getattr(self.lib, call.func)(params, *args)
        for out in outs:
            out.check(call.func)
        return {n: o.array for n, o in zip(call.outs, outs, strict=False)}


@dataclass(frozen=True, eq=False)
class _Guarded:
    """An array between guard bytes, 16-byte aligned."""

    whole: NDArray[np.int8]
    array: IntArray

    @staticmethod
    def make(shape: tuple[int, ...], dtype: type[np.signedinteger]) -> _Guarded:
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        whole = np.full(size + 48, 0x5A, np.int8)
        start = 16 + -(whole.ctypes.data + 16) % 16
        return _Guarded(whole, whole[start:start + size].view(dtype).reshape(shape))

    def check(self, func: str) -> None:
        start = self.array.ctypes.data - self.whole.ctypes.data
        before, after = self.whole[:start], self.whole[start + self.array.nbytes:]
        assert np.all(before == 0x5A), f"{func} writes before its buffer"
        assert np.all(after == 0x5A), f"{func} writes behind its buffer"


def _ctype(array: IntArray) -> str:
    return f"{array.dtype.name}_t[]"


def declarations() -> str:
    """The headers of the operators as cffi takes them: no preprocessor lines, no `restrict`."""
    include = RUNTIME / "include"
    names = re.findall(r'#include "(.*)"', (include / "eq_ops.h").read_text())
    text = re.sub(r"/\*.*?\*/", "", "".join((include / n).read_text() for n in names), flags=re.S)
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return "\n".join(lines).replace("restrict ", "")


def build(folder: Path, flags: Sequence[str] = ("-O3", "-march=native")) -> Native:
    """Compile every portable kernel in one library below `folder` and load it."""
    library = folder / "runtime.so"
    sources = sorted((RUNTIME / "ops").glob("*.c"))
    done = subprocess.run(
        ["gcc", *WARNINGS, *flags, "-shared", "-fPIC", f"-I{RUNTIME / 'include'}",
         *map(str, sources), "-o", str(library)],
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ffi = cffi.FFI()
    ffi.cdef(declarations())
    return Native(ffi, ffi.dlopen(str(library)))
