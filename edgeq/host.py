"""The generated C on this machine: compiled from DIR/host, called through cffi, on all cores."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Protocol, cast

import cffi
import jinja2
import numpy as np

from edgeq.ccompile import build, find_compiler
from edgeq.errors import DataError, ToolchainError, UsageError
from edgeq.ir import IntArray, dtype_of
from edgeq.resources import resource_dir

_FAST = ("-std=c99", "-O3", "-fPIC", "-ffp-contract=off")
_SANITIZE = ("-std=c99", "-O1", "-g", "-fno-omit-frame-pointer", "-ffp-contract=off",
             "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
_BLOCK = 16  # samples between two reports of progress
_ALIGN = 16
_FILL = 0x5A  # what a fresh arena holds: nothing may depend on it

_CDEF = """
typedef struct {
    const char *name; uint32_t size; uint8_t bits; uint8_t rank; uint32_t shape[8];
    int32_t zero; float scale;
} eq_tensor_info_t;
typedef struct {
    const char *name; uint32_t arena_size; uint32_t macs; uint16_t layers;
    uint8_t inputs, outputs; const eq_tensor_info_t *input; const eq_tensor_info_t *output;
} eq_model_info_t;
extern eq_model_info_t NAME_info;
int NAME_init(void *m, void *arena, size_t size);
int NAME_run(void *m);
"""


class _Pointer(Protocol):
    """A C pointer of cffi."""


@dataclass(frozen=True)
class Port:
    """One input or output of the compiled model."""

    name: str
    shape: tuple[int, ...]  # of one sample, without the batch of 1
    bits: int
    scale: float
    zero: int

    @property
    def dtype(self) -> np.dtype[np.signedinteger]:
        return np.dtype(dtype_of(self.bits))

    @property
    def nbytes(self) -> int:
        return prod(self.shape) * self.dtype.itemsize


class HostModel:
    """A generated model, compiled for this machine and ready to run batches."""

    def __init__(self, folder: Path, *, threads: int | None = None) -> None:
        """Compile `folder`/host (cached); raises UsageError or ToolchainError."""
        host, self.name = _host_folder(folder)
        native = ("-march=native",) if find_compiler().native else ()
        library = build(host, (*_FAST, *native), ("-shared",))
        self._threads = threads or os.cpu_count() or 1
        self._ffi = cffi.FFI()
        self._ffi.cdef(_CDEF.replace("NAME", self.name))
        self._lib = self._load(library)
        info = getattr(self._lib, f"{self.name}_info")
        self.arena_bytes = int(info.arena_size)
        self.layers = int(info.layers)
        self.macs = int(info.macs)
        self.stateful = is_stateful(host, self.name)
        self.inputs = tuple(self._port(info.input[i]) for i in range(info.inputs))
        self.outputs = tuple(self._port(info.output[i]) for i in range(info.outputs))
        self._ffi.cdef("\n".join(
            [f"void *{self.name}_input{_suffix(i)}(void *m);" for i in range(info.inputs)]
            + [f"const void *{self.name}_output{_suffix(i)}(const void *m);"
               for i in range(info.outputs)]
            + [f"int {self.name}_reset(void *m);"] * self.stateful))

    def _load(self, library: Path) -> object:
        try:
            return self._ffi.dlopen(str(library))
        except OSError as error:
            raise ToolchainError(str(library), f"cannot be loaded ({error})", "",
                                 "delete the cache folder named in EDGEQ_CACHE_DIR") from error

    def _port(self, info: object) -> Port:
        c = cast("_InfoC", info)
        name = self._ffi.string(c.name).decode()
        dims = tuple(int(c.shape[k]) for k in range(c.rank))
        return Port(name, dims[1:] if dims[:1] == (1,) else dims, int(c.bits), float(c.scale),
                    int(c.zero))

    def run(self, *inputs: IntArray, progress: Callable[[int], None] | None = None
            ) -> tuple[IntArray, ...]:
        """One array (n, ...) for each output, for one integer array (n, ...) for each input.

        A model with a state takes and gives sequences (n, steps, ...), each from the state at
        reset. `progress` is told the number of finished samples. Raises DataError on wrong inputs.
        """
        xs = _checked(self.inputs, inputs, self.stateful)  # (n, steps, elements)
        count, steps = xs[0].shape[:2]
        ys = tuple(np.empty((count, steps, prod(p.shape)), p.dtype) for p in self.outputs)
        blocks = [range(s, min(s + _BLOCK, count)) for s in range(0, count, _BLOCK)]
        workers = max(1, min(self._threads, len(blocks)))
        free = [_Instance(self) for _ in range(workers)]

        def work(block: range) -> int:
            instance = free.pop()
            try:
                instance.run(xs, ys, block)
            finally:
                free.append(instance)
            return len(block)

        finished = 0
        with ThreadPoolExecutor(workers) as pool:
            for future in as_completed([pool.submit(work, b) for b in blocks]):
                finished += future.result()
                if progress is not None:
                    progress(finished)
        lead = (count, steps) if self.stateful else (count,)
        return tuple(y.reshape(*lead, *p.shape) for y, p in zip(ys, self.outputs, strict=True))


class _Instance:
    """One context with its own arena: what one thread works with."""

    def __init__(self, model: HostModel) -> None:
        ffi, lib, name = model._ffi, model._lib, model.name
        self._context = ffi.new("void *[8]")
        raw = np.full(model.arena_bytes + _ALIGN, _FILL, np.uint8)
        skip = -raw.ctypes.data % _ALIGN
        self._arena = raw[skip:skip + model.arena_bytes]
        pointer = ffi.cast("void *", self._arena.ctypes.data)
        status = getattr(lib, f"{name}_init")(self._context, pointer, model.arena_bytes)
        assert status == 0, status
        self._run = cast(Callable[[_Pointer], int], getattr(lib, f"{name}_run"))
        self._reset = cast(Callable[[_Pointer], int] | None,
                           getattr(lib, f"{name}_reset") if model.stateful else None)
        self._ins = [self._view(model, f"input{_suffix(i)}", p)
                     for i, p in enumerate(model.inputs)]
        self._outs = [self._view(model, f"output{_suffix(i)}", p)
                      for i, p in enumerate(model.outputs)]

    def _view(self, model: HostModel, what: str, port: Port) -> IntArray:
        pointer = getattr(model._lib, f"{model.name}_{what}")(self._context)
        return np.frombuffer(model._ffi.buffer(pointer, port.nbytes), port.dtype)

    def run(self, xs: Sequence[IntArray], ys: Sequence[IntArray], block: range) -> None:
        for n in block:
            if self._reset is not None:
                self._reset(self._context)
            for step in range(xs[0].shape[1]):
                for view, x in zip(self._ins, xs, strict=True):
                    view[:] = x[n, step]
                status = self._run(self._context)
                assert status == 0, status
                for view, y in zip(self._outs, ys, strict=True):
                    y[n, step] = view


class _InfoC(Protocol):
    """eq_tensor_info_t as cffi shows it."""

    name: object
    bits: int
    rank: int
    shape: Sequence[int]
    zero: int
    scale: float


def run_sanitized(folder: Path, *inputs: IntArray) -> tuple[IntArray, ...]:
    """As HostModel.run, in a process built with the address and undefined-behaviour sanitizers.

    Raises ToolchainError with their report where they complain. One thread; for tests.
    """
    ports = HostModel(folder, threads=1)
    xs = _checked(ports.inputs, inputs, ports.stateful)
    count, steps = xs[0].shape[:2]
    host, name = _host_folder(folder)
    text = (resource_dir("templates") / "host_driver.c.j2").read_text(encoding="utf-8")
    driver = jinja2.Template(text, undefined=jinja2.StrictUndefined, trim_blocks=True).render(
        name=name, inputs=[_suffix(i) for i in range(len(ports.inputs))],
        outputs=[_suffix(i) for i in range(len(ports.outputs))],
        steps=steps if ports.stateful else 0)
    program = build(host, _SANITIZE, _SANITIZE[-2:], (("host_driver.c", driver),))
    program.chmod(0o755)
    samples = b"".join(x[n, t].tobytes() for n in range(count) for t in range(steps) for x in xs)
    done = subprocess.run([str(program)], input=samples, capture_output=True, check=False)
    if done.returncode != 0:
        raise ToolchainError("sanitizers", done.stderr.decode(errors="replace")[-4000:])
    sizes = [p.nbytes for p in ports.outputs]
    rows = np.frombuffer(done.stdout, np.uint8).reshape(count * steps, sum(sizes))
    parts = np.split(rows, np.cumsum(sizes)[:-1], axis=1)
    lead = (count, steps) if ports.stateful else (count,)
    return tuple(np.ascontiguousarray(part).view(p.dtype).reshape(*lead, *p.shape)
                 for part, p in zip(parts, ports.outputs, strict=True))


def _suffix(number: int) -> str:
    return f"_{number}" if number else ""


def _host_folder(folder: Path) -> tuple[Path, str]:
    """(folder/host, model name)."""
    found = sorted((folder / "host" / "src").glob("*_weights.h"))
    if len(found) != 1:
        raise UsageError(str(folder), "is not a folder made by `edgeq build`",
                         "a folder with host/src/<name>_weights.h", "run `edgeq build` first")
    return folder / "host", found[0].name.removesuffix("_weights.h")


def is_stateful(library: Path, name: str) -> bool:
    """True where the library in the folder `library` keeps a state from run to run."""
    header = library / "include" / f"{name}.h"
    return f"#define {name}_STATE_SIZE " in header.read_text(encoding="utf-8")


def _checked(ports: Sequence[Port], inputs: Sequence[IntArray],
             stateful: bool) -> tuple[IntArray, ...]:
    """The inputs as (n, steps, elements), all of the right type, with the same n and steps."""
    lead = 2 if stateful else 1
    if len(inputs) != len(ports):
        raise DataError("inputs", f"{len(inputs)} arrays", f"{len(ports)} arrays", "give all")
    flat = []
    for port, x in zip(ports, inputs, strict=True):
        if x.dtype != port.dtype:
            raise DataError(f"input {port.name!r}", f"numbers of type {x.dtype}", str(port.dtype),
                            "quantize the samples with the input's parameters")
        if (x.ndim < lead or x.shape[lead:] != port.shape
                or x.shape[:lead] != inputs[0].shape[:lead]):
            raise DataError(f"input {port.name!r}", f"shape {x.shape}",
                            f"({'n, steps' if stateful else 'n'}, *{port.shape})",
                            "give samples of the model's input shape")
        steps = x.shape[1] if stateful else 1
        flat.append(np.ascontiguousarray(x).reshape(len(x), steps, prod(port.shape)))
    return tuple(flat)
