"""Runs single kernel calls on a board under QEMU: guards checked, instructions counted."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeq.board import Board
from edgeq.errors import ToolchainError
from edgeq.plan import Blob, Call
from edgeq.resources import resource_dir
from edgeq.target.program import run_jobs
from edgeq.target.toolchain import CompileJob, compiler_command, find_tool

GUARD, FILL = 48, 0x5A  # bytes around every buffer that no kernel may write

# None is the board's GCC. EDGEQ_COMPILERS="clang; gcc-14" names others (docs/boards.md).
COMPILERS = (None, *(name.strip() for name in
                     os.environ.get("EDGEQ_COMPILERS", "clang").split(";") if name.strip()))
COMPILER_IDS = [name or "gcc" for name in COMPILERS]


def skip_without_tools(board: Board, compiler: str | None) -> None:
    """Skip the test where its compiler or the board's emulator is missing."""
    try:
        compiler_command(board, compiler)
        find_tool(board.qemu.program if board.qemu else board.compiler)
    except ToolchainError as error:
        pytest.skip(str(error))


@dataclass(frozen=True, eq=False)
class Trial:
    """One call with the bytes of its inputs; the output has `size` bytes.

    `skew` moves inputs and output off their 16-byte alignment. `dying` lets the output run into
    input 0 as far as call.overlap[0] or call.in_place allows; `further` begins it so many bytes
    before that, which an overlap must allow too.
    """

    call: Call
    inputs: tuple[NDArray[np.int8], ...]
    size: int
    skew: int = 0
    dying: bool = False
    further: int = 0


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a trial wrote, and how many instructions it took (None when not counted)."""

    output: NDArray[np.int8]
    instructions: int | None


@dataclass(frozen=True)
class _Layout:
    """Offsets in the arena of one trial."""

    scratch: int
    ins: tuple[int, ...]
    out: int
    total: int


def run_trials(board: Board, trials: Sequence[Trial], *, count: bool = False,
               compiler: str | None = None, cflags: Sequence[str] = (),
               at_end: bool = False, beside: Sequence[CompileJob] = ()) -> list[Outcome]:
    """The outcomes in order; AssertionError where a byte outside the output was changed.

    `at_end` (bare-metal boards): the last input ends where the RAM ends, so that the mps3 machine
    faults when a kernel reads on; nothing is dying then. `beside` is linked too, and its headers
    are found.
    """
    layouts = [_layout_at_end(t) if at_end else _layout(t) for t in trials]
    images = [_image(t, at) for t, at in zip(trials, layouts, strict=True)]
    runtime = resource_dir("runtime_c")
    names = dict.fromkeys(s for t in trials for s in t.call.sources if s.endswith(".c"))
    dirs = (*(runtime / name for name in ("kernels", "ops", "include", "port")),
            *(path for job in beside for path in job.include_dirs))
    with TemporaryDirectory() as folder:
        main = Path(folder) / "trials.c"
        main.write_text(_program(trials, layouts, at_end))
        job = CompileJob((main, *(runtime / n for n in names)), dirs, cflags=tuple(cflags),
                         compiler=compiler)
        packed = b"".join(i.tobytes() for i in images)
        result = run_jobs(board, (job, *beside), {"in.bin": packed}, "out.bin", count, 300.0)
    outcomes, start = [], 0
    for i, (trial, at) in enumerate(zip(trials, layouts, strict=True)):
        after = np.frombuffer(result.output, np.int8, at.total, start)
        start += at.total
        _check_guards(trial, at, images[i], after)
        ran = result.sections[2 * i + 1].instructions if count else None
        outcomes.append(Outcome(after[at.out:at.out + trial.size], ran))
    return outcomes


def _layout(trial: Trial) -> _Layout:
    """Scratch, inputs, output, each between guards; `dying` puts the output below input 0."""
    def up(offset: int) -> int:
        return -(-offset // 16) * 16

    scratch = GUARD
    at = up(scratch + (trial.call.scratch or 0) + GUARD) + trial.skew
    ins, below = [], 0 if trial.call.in_place else trial.call.overlap[0]
    out: int | None = None
    for i, x in enumerate(trial.inputs):
        if i == 0 and trial.dying and below is not None:
            out = at
            at += below + (0 if trial.call.in_place else trial.further)
            end = max(at + x.size, out + trial.size)
        else:
            end = at + x.size
        ins.append(at)
        at = up(end + GUARD) + trial.skew
    if out is None:
        out = at
        at = up(out + trial.size + GUARD)
    return _Layout(scratch, tuple(ins), out, up(at))


def _layout_at_end(trial: Trial) -> _Layout:
    """Scratch and output between guards, then the inputs, the last one without a guard."""
    scratch = GUARD
    out = -(-(scratch + (trial.call.scratch or 0) + GUARD) // 16) * 16 + trial.skew
    at, ins = out + trial.size + GUARD, []
    for x in trial.inputs[:-1]:
        ins.append(at)
        at += x.size + GUARD
    total = -(-(at + trial.inputs[-1].size) // 16) * 16
    return _Layout(scratch, (*ins, total - trial.inputs[-1].size), out, total)


def _image(trial: Trial, at: _Layout) -> NDArray[np.int8]:
    image = np.full(at.total, FILL, np.int8)
    for x, offset in zip(trial.inputs, at.ins, strict=True):
        image[offset:offset + x.size] = x.reshape(-1)
    return image


def _check_guards(trial: Trial, at: _Layout, before: NDArray[np.int8],
                  after: NDArray[np.int8]) -> None:
    same = before == after
    same[at.scratch:at.scratch + (trial.call.scratch or 0)] = True
    same[at.out:at.out + trial.size] = True
    if trial.dying:
        same[at.ins[0]:at.ins[0] + trial.inputs[0].size] = True
    wrong = np.flatnonzero(~same)
    assert wrong.size == 0, (
        f"{trial.call.func} wrote outside its output at {wrong[:8] - at.out} of {trial.size} bytes")


def _program(trials: Sequence[Trial], layouts: Sequence[_Layout], at_end: bool) -> str:
    lines = ['#include "eq_ops.h"', '#include "eq_port.h"', ""]
    for i, (trial, at) in enumerate(zip(trials, layouts, strict=True)):
        lines += _trial_text(i, trial.call, at)
    total = max(at.total for at in layouts)
    calls = ", ".join(f"run{i}" for i in range(len(trials)))
    sizes = ", ".join(f"{at.total}u" for at in layouts)
    where = "eq_ld_ram_end - sizes[i]" if at_end else "memory"
    lines += [
        "extern int8_t eq_ld_ram_end[];" if at_end else
        f"static int8_t memory[{total}] EQ_ALIGNED(16);",
        f"static void (*const calls[])(int8_t *) = {{{calls}}};",
        f"static const uint32_t sizes[] = {{{sizes}}};",
        "int eq_main(void)",
        "{",
        '    const int in = eq_port_open("in.bin", 0), out = eq_port_open("out.bin", 1);',
        "    EQ_COUNT_START();",
        f"    for (int i = 0; i < {len(trials)}; i++) {{",
        f"        int8_t *const arena = {where};",
        "        if (eq_port_read(in, arena, sizes[i]) != sizes[i]) { return 1; }",
        "        EQ_COUNT_LAYER();",
        "        calls[i](arena);",
        "        EQ_COUNT_LAYER();",
        "        eq_port_write(out, arena, sizes[i]);",
        "    }",
        "    EQ_COUNT_STOP();",
        "    eq_port_close(out);",
        "    return 0;",
        "}", "",
    ]
    return "\n".join(lines)


def _trial_text(i: int, call: Call, at: _Layout) -> list[str]:
    lines, fields = [], []
    for name, value in call.fields:
        if isinstance(value, Blob):
            data = ", ".join(map(str, value.data.tolist()))
            data = data.replace("-2147483648", "(-2147483647 - 1)")
            lines.append(f"static const {value.ctype} t{i}_{name}[] EQ_ALIGNED({value.align}) = "
                         f"{{{data}}};")
            fields.append(f".{name} = t{i}_{name}")
        else:
            fields.append(f".{name} = {value}")
    offsets = [*at.ins, at.out, *([] if call.scratch is None else [at.scratch])]
    args = [f"&p{i}", *(f"(void *)(a + {o})" for o in offsets)]
    return [*lines, f"static const {call.struct} p{i} = {{{', '.join(fields)}}};",
            f"static void run{i}(int8_t *a) {{ {call.func}({', '.join(args)}); }}", ""]
