"""A generated folder as something to compile: its sources, and the facts of its header."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeq.cmsis_nn import cmsis_include, cmsis_sources
from edgeq.errors import UsageError
from edgeq.ir import dtype_of
from edgeq.target.toolchain import CompileJob, port_dir


@dataclass(frozen=True)
class Port:
    """One input or output of a model, batch 1."""

    suffix: str  # "" for the first, "_1" for the second, ...
    shape: tuple[int, ...]
    bits: int

    @property
    def dtype(self) -> np.dtype[np.signedinteger]:
        """How the C code stores an element."""
        return np.dtype(dtype_of(self.bits))

    @property
    def nbytes(self) -> int:
        return prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class Library:
    """A folder that `edgeq build` made."""

    folder: Path
    name: str
    board: str
    layers: tuple[str, ...]  # names, in the order of their EQ_LAYER_DONE marks
    macs: tuple[int, ...]  # per layer
    kernels: tuple[str, ...]
    cflags: tuple[str, ...]  # behind the board's own: the optimization level that was asked for
    cmsis_nn: Path | None  # the checkout whose functions it calls
    stateful: bool  # a run is a step of a sequence
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    @property
    def compiled(self) -> int:
        """How many files `library_jobs` compiles."""
        return len(self.sources) + (0 if self.cmsis_nn is None else
                                    len(cmsis_sources(self.cmsis_nn)))

    @property
    def sources(self) -> tuple[Path, ...]:
        return tuple(sorted((self.folder / "src").glob("*.c")))


def read_library(folder: Path) -> Library:
    """The library in `folder`; UsageError when there is none."""
    where = str(folder)
    try:
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        name = str(report["model"])
        header = (folder / "include" / f"{name}.h").read_text(encoding="utf-8")
        layers, target = report["layers"], report.get("target", {})
        return Library(
            folder.resolve(), name, str(report["board"]),
            tuple(str(layer["name"]) for layer in layers),
            tuple(int(layer["macs"]) for layer in layers),
            tuple(str(layer["kernel"]) for layer in layers),
            tuple(str(flag) for flag in target.get("opt_flags", ())),
            Path(target["cmsis_nn"]) if target.get("cmsis_nn") else None,
            f"#define {name}_STATE_SIZE " in header,
            _ports(name, "INPUT", header), _ports(name, "OUTPUT", header))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(where, f"this is not a folder made by `edgeq build` ({error!r})",
                         fix="give the output folder of `edgeq build`") from error


def _ports(name: str, kind: str, header: str) -> tuple[Port, ...]:
    """The inputs or outputs that the header describes; ValueError when it does not."""
    suffixes = ["", *(f"_{i}" for i in range(1, int(_macro(header, f"{name}_{kind}S"))))]
    ports = []
    for suffix in suffixes:
        shape = _macro(header, f"{name}_{kind}{suffix}_SHAPE")
        bits = int(_macro(header, f"{name}_{kind}{suffix}_BITS"))
        ports.append(Port(suffix, tuple(int(d) for d in re.findall(r"\d+", shape)), bits))
    return tuple(ports)


def _macro(header: str, macro: str) -> str:
    match = re.search(rf"^#define {re.escape(macro)} (.*)$", header, re.MULTILINE)
    if match is None:
        raise ValueError(f"no {macro}")
    return match[1]


def library_jobs(library: Library, *, marks: bool, compiler: str | None = None
                 ) -> tuple[CompileJob, ...]:
    """How to compile the library alone; `marks` ends every layer in a mark."""
    include: tuple[Path, ...] = (library.folder / "include", library.folder / "src")
    cmsis = () if library.cmsis_nn is None else (cmsis_job(library.cmsis_nn, library.cflags),)
    include += tuple(path for job in cmsis for path in job.include_dirs)
    model = library.folder / "src" / f"{library.name}.c"
    others = tuple(s for s in library.sources if s != model)
    marked = (f"-I{port_dir()}", "-include", "eq_layers.h") if marks else ()
    flags = library.cflags
    return (CompileJob((model,), include, cflags=(*flags, *marked), compiler=compiler),
            CompileJob(others, include, cflags=flags, compiler=compiler),
            *(replace(job, compiler=compiler) for job in cmsis))


def cmsis_job(checkout: Path, cflags: tuple[str, ...]) -> CompileJob:
    """CMSIS-NN's own files, whose warnings are not ours; UsageError where they are not there."""
    return CompileJob(cmsis_sources(checkout), (cmsis_include(checkout),),
                      cflags=("-std=gnu11", "-w", *cflags))


_MAIN = """\
/* Runs {name} on every sample of in.bin and writes its outputs to out.bin. */
#include "{name}.h"
#include "eq_port.h"

static EQ_ALIGNED(EQ_ARENA_ALIGN) uint8_t arena[{name}_ARENA_SIZE];

int eq_main(void)
{{
    {name}_t model;
    uint32_t stack = 0, step = 0;
    const int in = eq_port_open("in.bin", 0);
    const int out = eq_port_open("out.bin", 1);
    if (in < 0 || out < 0 || {name}_init(&model, arena, sizeof arena) != EQ_OK) {{
        return 97;
    }}
    for (;;) {{
        eq_status_t status;
        uint32_t used;
{reads}
{reset}        eq_port_stack_paint();
        EQ_COUNT_START();
        status = {name}_run(&model);
        EQ_COUNT_STOP();
        used = (uint32_t)eq_port_stack_used();
        stack = used > stack ? used : stack;
        if (status != EQ_OK) {{
            return 96;
        }}
{writes}
    }}
    (void)step;
    eq_port_close(out);
    eq_port_save("stack.bin", &stack, sizeof stack);
    return 0;
}}
"""


def harness_source(library: Library, steps: int) -> str:
    """A main program that feeds in.bin, sample by sample, and collects out.bin.

    A library with a state is reset after every `steps` samples.
    """
    name = library.name
    reads = "\n".join(
        f"        if (eq_port_read(in, {name}_input{p.suffix}(&model), {p.nbytes}u) != {p.nbytes}u)"
        " {\n            break;\n        }" for p in library.inputs)
    writes = "\n".join(
        f"        eq_port_write(out, {name}_output{p.suffix}(&model), {p.nbytes}u);"
        for p in library.outputs)
    reset = (f"        if (step++ % {steps}u == 0 && {name}_reset(&model) != EQ_OK) {{\n"
             "            return 97;\n        }\n") if library.stateful else ""
    return _MAIN.format(name=name, reads=reads, writes=writes, reset=reset)


def pack_inputs(library: Library, inputs: tuple[NDArray[np.signedinteger], ...]) -> bytes:
    """in.bin: for each sample its inputs one after the other; each array is (n, elements...), or
    (n, steps, elements...) for a library with a state.
    """
    if len(inputs) != len(library.inputs) or len({len(x) for x in inputs}) != 1:
        raise UsageError(library.name, f"{len(inputs)} input arrays",
                         f"{len(library.inputs)} of the same number of samples")
    flat = []
    for port, x in zip(library.inputs, inputs, strict=True):
        rows = np.ascontiguousarray(x).reshape(len(x) * steps_of(library, x), -1)
        if rows.dtype != port.dtype or rows.shape[1] * port.dtype.itemsize != port.nbytes:
            raise UsageError(library.name, f"an input of shape {x.shape}, type {x.dtype}",
                             f"(n, {prod(port.shape)}) of {port.dtype}")
        flat.append(rows.view(np.uint8))
    return np.concatenate(flat, axis=1).tobytes()


def steps_of(library: Library, x: NDArray[np.signedinteger]) -> int:
    """Steps in each sequence of the inputs `x`; 1 for a library without a state."""
    return x.shape[1] if library.stateful else 1


def unpack_outputs(library: Library, data: bytes, count: int, steps: int
                   ) -> tuple[NDArray[np.signedinteger], ...]:
    """out.bin as one array (count, *shape) for each output, (count, steps, *shape) where the
    library has a state; ValueError when its size is wrong.
    """
    lead = (count, steps) if library.stateful else (count,)
    rows = np.frombuffer(data, np.uint8).reshape(count * steps,
                                                 sum(p.nbytes for p in library.outputs))
    outputs, at = [], 0
    for port in library.outputs:
        part = np.ascontiguousarray(rows[:, at:at + port.nbytes]).view(port.dtype)
        shape = port.shape[1:] if port.shape[:1] == (1,) else port.shape
        outputs.append(part.reshape(*lead, *shape))
        at += port.nbytes
    return tuple(outputs)
